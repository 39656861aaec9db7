"""Twins: two machines of one kind, of which an interlock knows one only. A warning; `not_for` answers it.

Twins differ in a letter at the end (XV-411A, XV-411B), or by 10, 20 ... in the number while their first
and last digits agree (C-301, C-351; ST-721, ST-731). Tags must also agree in kind and unit, and in their
text but for numbers and letters ('turbine 1 inlet', 'turbine 2 inlet'); commands in their words.
"""

from __future__ import annotations

import re
from collections import defaultdict

from controller.plant.draft import Draft, Item
from controller.plant.plant import CommandEffect, Interlock, tags_of
from controller.plant.schema.interlockfile import InterlockEntry
from controller.plant.tags import Tag

_NAME = re.compile(r"([A-Za-z]+)-(\d)(\d*)(\d)([A-Z]?)(\..+)?")
_VARYING = re.compile(r"\b([A-Z]{1,3}-?\d+[A-Z]?|[A-Z]|\d+|duty|standby|first|second)\b")


def check_twins(interlocks: list[Interlock], draft: Draft) -> None:
    """One warning for each interlock and each twin that it leaves out."""
    twins = _tag_twins(list(draft.tags.values()))
    tags = list(draft.tags.values())
    for item, interlock in zip(draft.interlock_items, interlocks, strict=True):
        _check_not_for(item, draft)
        spared = set(item.entry.not_for) | {n.removesuffix(".CMD") for n in item.entry.not_for}
        driven = {e.command for e in interlock.effects if isinstance(e, CommandEffect)}
        names = {c.name for c in draft.commands.values() if c.index in driven}
        for name in sorted(names):
            for other in sorted(_command_twins(name, draft) - names - spared):
                draft.problems.warn(item.place / "effects", _message(name, other, "acts on"), key=True)
        read = {tags[t].name for cause in interlock.causes for t in tags_of(cause.condition)}
        for name in sorted(read):
            for other in sorted(twins.get(name, set()) - read - spared):
                draft.problems.warn(item.place / "causes", _message(name, other, "watches"), key=True)


def _message(name: str, other: str, verb: str) -> str:
    return f"it {verb} {name} but not its twin {other}; add it, or name it in `not_for`"


def _check_not_for(item: Item[InterlockEntry], draft: Draft) -> None:
    for number, name in enumerate(item.entry.not_for):
        if name not in draft.names("tag") and name not in draft.names("command"):
            draft.unknown(item.place / "not_for" / number, f"unknown tag or command {name}")


def _likeness(name: str) -> list[tuple[str, ...]]:
    """Keys that twins of this name share: with its letter free, and with the middle of its number free."""
    match = _NAME.fullmatch(name)
    if match is None:
        return []
    letters, first, middle, last, suffix, rest = (part or "" for part in match.groups())
    keys: list[tuple[str, ...]] = (
        [("middle", letters, first, str(len(middle)), last, suffix, rest)] if middle else []
    )
    if suffix:
        keys.append(("suffix", letters, first, middle, last, rest))
    return keys


def _tag_twins(tags: list[Tag]) -> dict[str, set[str]]:
    groups: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for tag in tags:
        text = _VARYING.sub("#", tag.text)
        for key in _likeness(tag.name):
            groups[(*key, tag.kind, tag.unit, text)].add(tag.name)
    found: dict[str, set[str]] = defaultdict(set)
    for group in groups.values():
        for name in group:
            found[name] |= group - {name}
    return found


def _command_twins(name: str, draft: Draft) -> set[str]:
    words = {c.name: {w.name for w in c.words} for c in draft.commands.values()}
    keys = set(_likeness(name))
    return {
        other
        for other in words
        if other != name and words[other] == words[name] and keys & set(_likeness(other))
    }
