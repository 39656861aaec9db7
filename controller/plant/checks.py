"""What only the whole plant can show: conflicts of words, circles, and what interlocks read (fast tags)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from controller.plant.draft import Draft
from controller.plant.plant import (
    CheckedEffect,
    Command,
    Condition,
    Interlock,
    Not,
    Origin,
    Permissive,
    Tripped,
    Vote,
    WithholdEffect,
    tags_of,
)
from controller.plant.schema.interlockfile import CheckedEffectEntry, CommandEffectEntry
from controller.plant.tags import Derived, Tag


def interlocks_of(condition: Condition) -> Iterator[int]:
    """Indices of the interlocks that a condition names."""
    match condition:
        case Tripped(interlock=interlock):
            yield interlock
        case Vote(terms=terms):
            for term in terms:
                yield from interlocks_of(term)
        case Not(term=term):
            yield from interlocks_of(term)


def conditions_of(interlock: Interlock) -> Iterator[Condition]:
    """Every condition of an interlock: causes, checked effects, reset, while."""
    yield from (cause.condition for cause in interlock.causes)
    yield from (effect.condition for effect in interlock.effects if isinstance(effect, CheckedEffect))
    if interlock.reset.condition is not None:
        yield interlock.reset.condition
    if interlock.while_ is not None:
        yield interlock.while_


def fast_tags(interlocks: Iterable[Interlock], commands: Iterable[Command], tags: list[Tag]) -> set[int]:
    """Tags that interlocks and proofs read, and what derived ones among them are computed from."""
    waiting = [tag for interlock in interlocks for c in conditions_of(interlock) for tag in tags_of(c)]
    waiting += [tag for command in commands for w in command.words if w.proof for tag in tags_of(w.proof)]
    found: set[int] = set()
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            source = tags[index].source
            waiting += source.inputs if isinstance(source, Derived) else ()
    return found


def verdict_inputs(tags: Iterable[Tag]) -> set[int]:
    """What derived switches and states compare: a valve's output and its switches have to arrive together."""
    verdicts = [tag.source for tag in tags if isinstance(tag.source, Derived) and tag.states]
    return {one for source in verdicts for one in source.inputs}


def check_words(interlocks: list[Interlock], draft: Draft) -> None:
    """Interlocks that send one command different words: the list of words must be declared an order."""
    first: dict[int, tuple[str, str]] = {}
    for item, interlock in zip(draft.interlock_items, interlocks, strict=True):
        for number, entry in enumerate(item.entry.effects):
            command = draft.commands.get(entry.command) if isinstance(entry, CommandEffectEntry) else None
            if not isinstance(entry, CommandEffectEntry) or command is None:
                continue
            word = entry.word
            if word not in [w.name for w in command.words if w.origin is Origin.AUTOMATIC]:
                continue  # reported
            other, sent = first.setdefault(command.index, (interlock.name, word))
            written = next(i.entry for i in draft.command_items if i.entry.name == command.name)
            if sent != word and written.order is None:
                draft.problems.error(
                    item.place / "effects" / number / "word",
                    f"{other} sends '{sent}' to {command.name}, this one '{word}', without a declared order; "
                    "list the command's words from the safest on and add `order: safest_first` to it",
                )


def check_circles(interlocks: list[Interlock], draft: Draft) -> None:
    """Interlocks that wait for each other, or are each other's parents, cannot be explained."""
    reads = {i.index: {t for c in conditions_of(i) for t in interlocks_of(c)} for i in interlocks}
    parents = {i.index: {i.parent} if i.parent is not None else set() for i in interlocks}
    for edges, what in ((reads, "conditions (`tripped`)"), (parents, "`parent`")):
        for item, interlock in zip(draft.interlock_items, interlocks, strict=True):
            if _reaches(interlock.index, interlock.index, edges):
                draft.problems.error(item.place, f"a circle: by its {what} it depends on itself; break it")


def _reaches(start: int, goal: int, edges: dict[int, set[int]]) -> bool:
    seen: set[int] = set()
    waiting = list(edges.get(start, ()))
    while waiting:
        here = waiting.pop()
        if here == goal:
            return True
        if here not in seen:
            seen.add(here)
            waiting += edges.get(here, ())
    return False


def check_unused(interlocks: list[Interlock], permissives: list[Permissive], draft: Draft) -> None:
    """A permissive that nothing withholds, or that guards nothing, is probably a slip."""
    withheld = {e.permissive for i in interlocks for e in i.effects if isinstance(e, WithholdEffect)}
    for written, permissive in zip(draft.permissive_items, permissives, strict=True):
        if permissive.index not in withheld:
            draft.problems.warn(written.place, "no interlock withholds it")
        if not written.entry.guards:
            draft.problems.warn(written.place, "it guards no command, so withholding it refuses nothing")
    for item in draft.interlock_items:
        acting = any(not isinstance(e, CheckedEffectEntry) for e in item.entry.effects)
        if not acting and item.entry.on_unknown is not None:
            message = "`on_unknown` has no meaning here: a mirrored interlock becomes unknown; leave it out"
            draft.problems.warn(item.place / "on_unknown", message, key=True)
