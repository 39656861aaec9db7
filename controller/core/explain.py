"""Why is this (not) active: one or two sentences about a tag, an interlock, a command or a permissive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alarms.signal import Tri, is_good
from controller.core.clock import Now
from controller.core.durable import Trip
from controller.core.logic import Logic
from controller.core.status import BYPASSED, CLEAR, TRIPPED, state_of
from controller.core.wording import reading, rule, span
from controller.plant.plant import By, Command, Permissive, tags_of
from controller.plant.tags import Derived, Tag

if TYPE_CHECKING:
    from controller.core.core import Core


def explain(core: Core, name: str, now: Now) -> str:
    """A line each: the thing itself, the interlocks that read it, its alarms (those of the instrument only
    while they stand). Raises KeyError when the plant has nothing of this name."""
    for logic in core.interlocks.logics:
        if logic.rule.name == name:
            return about_interlock(core, logic, now)
    for command in core.plant.commands:
        if command.name == name:
            return about_command(core, command)
    for permissive in core.plant.permissives:
        if permissive.name == name:
            return about_permissive(core, permissive)
    if name in core.alarming.engine.points:
        return core.alarming.explain(name, now)
    points, facts = core.alarming.engine.points, core.alarming.engine.facts
    alarms = [
        core.alarming.explain(alarm, now)
        for alarm in core.alarming.by_tag.get(name, ())
        if points[alarm].alarm.alarm_class != "instrument" or facts(alarm).active
    ]
    return "\n".join([about_tag(core, core.plant.tag(name), now), *alarms])


def about_interlock(core: Core, logic: Logic, now: Now) -> str:
    record, name = core.interlocks.record(logic.rule.index), logic.rule.name
    state = state_of(logic, record)
    if state == BYPASSED:
        assert record.bypass is not None
        left = span(core.bypasses.remaining_s("bypass", name))
        judged = "its causes would trip it now" if logic.live.demand is Tri.TRUE else "no cause stands"
        who, why = record.bypass.user, record.bypass.reason
        return f"{name} is bypassed by {who} for another {left} ({why}); {judged}."
    if state == TRIPPED:
        assert record.trip is not None
        return _tripped(core, logic, record.trip, now)
    if state == CLEAR:
        return f"{name} is not tripped: {_shown(core, logic, Tri.FALSE)}."
    blind = f"{name} cannot see: {_shown(core, logic, Tri.UNKNOWN)}"
    if logic.rule.by is By.PLC:
        return f"{blind}; the PLC enforces it and goes on doing so."
    if logic.live.unknown_s is None:
        return f"{blind}."
    return f"{blind}; after {span(logic.rule.unknown_delay_s)} of that it will {logic.rule.on_unknown.value}."


def _tripped(core: Core, logic: Logic, trip: Trip, now: Now) -> str:
    ago = span(max(0.0, (now.utc_ns - trip.utc_ns) / 1e9))
    texts = {cause.id: cause.text for cause in logic.rule.causes}
    why = f"first out {trip.first_out}"
    if text := texts.get(trip.first_out):
        why += f" ({text})"
    if trip.reason == "unknown":
        why = "it could not see its causes"
    if trip.parent:
        why += f", following {trip.parent}"
    effects = "; ".join(
        f"{effect.tag} {effect.value} {effect.result}" + (f" ({effect.how})" if effect.how else "")
        for _, effect in sorted(trip.effects.items())
    )
    end = "it can be reset" if logic.live.resettable else core.requests.not_resettable(logic)
    return f"{logic.rule.name} tripped {ago} ago, {why}. Effects: {effects or 'none'}. Reset: {end}."


def _shown(core: Core, logic: Logic, answer: Tri) -> str:
    numbers = [number for number, given in enumerate(logic.live.answers) if given is answer]
    return logic.shown(numbers, core.image)


def about_command(core: Core, command: Command) -> str:
    record = core.commands.flights.record(command)
    if record.flight is not None:
        text = f"{command.name}: '{record.flight.word}' is on its way"
    elif record.result:
        text = f"{command.name}: last word '{record.word or '-'}', {record.result} ({record.how})"
    else:
        text = f"{command.name}: nothing has been asked for yet"
    refusals = [
        f"'{word.name}' is not permitted: {refusal}"
        for word in command.words
        if record.flight is None and (refusal := core.requests.permission.refusal(command, word))
    ]
    if core.commands.flights.is_local(command):
        refusals.append(f"{core.plant.plcs[command.plc].name} takes no commands (local)")
    return ". ".join([text, *refusals]) + "."


def about_permissive(core: Core, permissive: Permissive) -> str:
    names = core.permissives.withheld_by(permissive.index)
    text = permissive.text or permissive.name
    return f"'{text}' is withheld by {', '.join(names)}." if names else f"'{text}' is granted."


def about_tag(core: Core, tag: Tag, now: Now) -> str:
    index = tag.index
    shown = core.image.texts.get(index) if index in core.image.texts else reading(tag, core.image)
    parts = [f"{tag.name} ({tag.text}) is {shown}"]
    if core.image.receive_s.item(index):
        parts.append(f"reported {span(max(0.0, now.mono_s - core.image.receive_s.item(index)))} ago")
    if isinstance(tag.source, Derived):
        inputs = [core.plant.tags[one] for one in tag.source.inputs]
        parts.append("from " + ", ".join(f"{one.name} {reading(one, core.image)}" for one in inputs))
    elif not is_good(core.image.status.item(index)) and not core.liveness.is_alive(tag.source.plc):
        parts.append(f"its PLC {core.plant.plcs[tag.source.plc].name}: {_why_down(core, tag.source.plc)}")
    sentences = [", ".join(parts)]
    for logic in core.interlocks.logics:
        for cause, answer in zip(logic.rule.causes, logic.live.answers, strict=True):
            if index in set(tags_of(cause.condition)):
                state = state_of(logic, core.interlocks.record(logic.rule.index))
                sentences.append(
                    f"{logic.rule.name} ({state}) watches {rule(core.plant, cause.condition)}: "
                    f"{ {Tri.TRUE: 'true', Tri.FALSE: 'not so', Tri.UNKNOWN: 'cannot tell'}[answer] }"
                )
    return ".\n".join(sentences) + "."


def _why_down(core: Core, plc: int) -> str:
    return core.liveness.pulses[plc].reason
