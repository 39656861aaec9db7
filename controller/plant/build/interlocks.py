"""Interlocks: causes, effects, reset and bypass, by index."""

from __future__ import annotations

from controller.plant.build.commands import find_command, unknown_word
from controller.plant.build.conditions import Conditions
from controller.plant.build.values import duration_or_none, duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.plant import (
    By,
    Bypass,
    Cause,
    CheckedEffect,
    CommandEffect,
    Effect,
    Interlock,
    Origin,
    Permissive,
    Reset,
    ResetBy,
    Unknown,
    WithholdEffect,
)
from controller.plant.problems import did_you_mean
from controller.plant.schema.interlockfile import (
    CheckedEffectEntry,
    CommandEffectEntry,
    EffectEntry,
    InterlockEntry,
    WithholdEffectEntry,
)

BYPASS_MAX_S = 7 * 86400.0


def build_interlocks(draft: Draft, permissives: list[Permissive], conditions: Conditions) -> list[Interlock]:
    """All interlocks in the order of the file."""
    names = {p.name: p.index for p in permissives}
    built: list[Interlock] = []
    for item in draft.interlock_items:
        built.append(_interlock(item, len(built), draft, names, conditions))
    return built


def _interlock(
    item: Item[InterlockEntry], index: int, draft: Draft, permissives: dict[str, int], conditions: Conditions
) -> Interlock:
    entry, place, problems = item.entry, item.place, draft.problems
    acting = any(not isinstance(effect, CheckedEffectEntry) for effect in entry.effects)
    effects = [
        _effect(e, place / "effects" / i, draft, permissives, conditions) for i, e in enumerate(entry.effects)
    ]
    condition = None if entry.while_ is None else conditions.build(entry.while_, place / "while")
    if acting and entry.on_unknown is None:
        problems.error(place, "`on_unknown` is missing; an interlock that acts must say trip or hold")
    _check_needed(entry, place, draft)
    when = entry.reset.when
    return Interlock(
        index=index,
        name=entry.name,
        text=entry.text,
        kind=entry.kind,
        by=By.SERVICE if acting else By.PLC,
        causes=tuple(_causes(entry, place / "causes", draft, conditions)),
        needed=entry.needed,
        effects=tuple(effect for effect in effects if effect is not None),
        latch=entry.latch,
        reset=Reset(
            ResetBy(entry.reset.by),
            None if when is None else conditions.build(when, place / "reset" / "when"),
            duration_s(place / "reset" / "for", entry.reset.for_, problems),
            duration_s(place / "reset" / "at_least", entry.reset.at_least, problems),
        ),
        on_unknown=Unknown(entry.on_unknown or "hold"),
        unknown_delay_s=duration_s(place / "unknown_delay", entry.unknown_delay, problems, 30.0),
        bypass=_bypass(entry, place / "bypass", draft, acting=acting),
        hard_wired=entry.hard_wired,
        while_=condition,
        parent=_parent(entry, place / "parent", draft, conditions),
        help=entry.help,
        test_interval_days=_test_days(entry, place / "test" / "interval", draft),
        line=place.line,
    )


def _causes(entry: InterlockEntry, place: Place, draft: Draft, conditions: Conditions) -> list[Cause]:
    built = []
    for number, cause in enumerate(entry.causes):
        at = place / number
        if any(cause.id == other.id for other in entry.causes[:number]):
            draft.problems.error(
                at / "id", f"cause {cause.id} is given twice; the first-out needs one name for each"
            )
        for i, position in enumerate(cause.effects):
            if not 1 <= position <= len(entry.effects):
                draft.problems.error(
                    at / "effects" / i,
                    f"there is no effect {position}; effects count from 1 to {len(entry.effects)}",
                )
        condition = conditions.build(cause.when, at / "when")
        if condition is not None:
            positions = tuple(position - 1 for position in cause.effects)
            built.append(Cause(cause.id, cause.text, condition, positions, cause.latch))
    return built


def _check_needed(entry: InterlockEntry, place: Place, draft: Draft) -> None:
    count = len(entry.causes)
    if entry.needed > count:
        message = f"unreachable vote: {entry.needed}oo{count} can never be true; it needs at most {count}"
        draft.problems.error(place / "needed", message)
    elif entry.needed < 1:
        draft.problems.error(place / "needed", f"needed: {entry.needed} is always true; it is 1..{count}")


def _effect(
    entry: EffectEntry, place: Place, draft: Draft, permissives: dict[str, int], conditions: Conditions
) -> Effect | None:
    match entry:
        case CommandEffectEntry():
            return _command_effect(entry, place, draft)
        case WithholdEffectEntry(withhold=name):
            if name in permissives:
                return WithholdEffect(permissives[name])
            if name not in draft.names("permissive"):
                hint = (
                    did_you_mean(name, draft.names("permissive")) or "; permissives are listed in plant.yaml"
                )
                draft.unknown(place / "withhold", f"unknown permissive {name}{hint}")
            return None
        case CheckedEffectEntry():
            condition = conditions.build(entry.when, place / "when")
            within_s = duration_or_none(place / "within", entry.within, draft.problems)
            return None if condition is None else CheckedEffect(condition, within_s or 0.0, entry.text)
    raise AssertionError(f"{entry!r} is no effect")


def _command_effect(entry: CommandEffectEntry, place: Place, draft: Draft) -> Effect | None:
    command = find_command(entry.command, place / "command", draft)
    if command is None:
        return None
    word = next((w for w in command.words if w.name == entry.word), None)
    if word is None:
        draft.problems.error(place / "word", unknown_word(entry.word, command))
        return None
    if word.origin is not Origin.AUTOMATIC:
        safe = [w.name for w in command.words if w.origin is Origin.AUTOMATIC]
        instead = f"use {' or '.join(safe)}" if safe else "the command has no automatic word"
        draft.problems.error(
            place / "word",
            f"an interlock may not send '{word.name}' to {command.name} (origin: operator); {instead}",
        )
        return None
    written = next(i for i in draft.command_items if i.entry.name == entry.command)
    if next(w for w in written.entry.words if w.name == entry.word).proof is None:
        draft.problems.error(
            place / "word",
            f"no read-back: '{word.name}' of {command.name} has no `proof`; say what shows that it worked",
        )
    return CommandEffect(command.index, word.name)


def _bypass(entry: InterlockEntry, place: Place, draft: Draft, *, acting: bool) -> Bypass | None:
    if entry.bypass is None:
        return None
    if not acting or entry.hard_wired:
        why = (
            "its effects are the PLC's, not ours" if not acting else "it is hard-wired"
        )  # only ours can be bypassed
        draft.problems.error(place, f"no bypass is allowed here: {why}; leave `bypass` out")
    max_s = duration_or_none(place / "max", entry.bypass.max, draft.problems) or 0.0
    if max_s > BYPASS_MAX_S:
        draft.problems.error(place / "max", f"'{entry.bypass.max}' is too long; a bypass lasts at most 7 d")
    return Bypass(max_s, entry.bypass.role, entry.bypass.two_persons)


def _parent(entry: InterlockEntry, place: Place, draft: Draft, conditions: Conditions) -> int | None:
    if entry.parent is None:
        return None
    if entry.parent == entry.name:
        draft.problems.error(place, "an interlock is not its own parent; leave `parent` out")
    elif entry.parent in conditions.interlocks:
        return conditions.interlocks[entry.parent]
    elif entry.parent not in draft.names("interlock"):
        hint = did_you_mean(entry.parent, draft.names("interlock"))
        draft.unknown(place, f"unknown interlock {entry.parent}{hint}")
    return None


def _test_days(entry: InterlockEntry, place: Place, draft: Draft) -> int | None:
    if entry.test is None:
        return None
    interval_s = duration_or_none(place, entry.test.interval, draft.problems)
    if interval_s is not None and interval_s < 86400:
        draft.problems.error(
            place, f"'{entry.test.interval}' is less than a day; write it in days, such as 365 d"
        )
    return None if interval_s is None else max(1, round(interval_s / 86400))
