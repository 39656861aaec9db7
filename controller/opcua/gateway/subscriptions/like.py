"""The pattern of the Like operator (Part 4, table 117): % _ [] [^] and \\, matched in bounded time.

Clients choose the patterns, so no regular expression is made of them: this matcher goes back to the last
% only, which costs at most length of text times length of pattern.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple


class _Any(NamedTuple):
    """%: any number of characters."""


class One(NamedTuple):
    """One character: of `characters` or of the ranges, or not of them."""

    characters: frozenset[str] = frozenset()
    ranges: tuple[tuple[str, str], ...] = ()
    negated: bool = True  # of nothing, negated: any character

    def takes(self, character: str) -> bool:
        listed = character in self.characters or any(low <= character <= high for low, high in self.ranges)
        return listed != self.negated


MANY: Final = _Any()
Pattern = tuple[One | _Any, ...]


@lru_cache(maxsize=256)
def parse(pattern: str) -> Pattern:
    """An unclosed [ and a \\ at the end stand for themselves."""
    parts: list[One | _Any] = []
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "%":
            if not parts or parts[-1] is not MANY:
                parts.append(MANY)
        elif character == "_":
            parts.append(One())
        elif character == "[" and (end := pattern.find("]", at + 1)) >= 0:
            parts.append(_listed(pattern[at:end]))
            at = end + 1
        else:
            if character == "\\" and at < len(pattern):
                character = pattern[at]
                at += 1
            parts.append(One(frozenset(character), negated=False))
    return tuple(parts)


def _listed(inside: str) -> One:
    negated = inside.startswith("^") and len(inside) > 1
    rest = inside[1:] if negated else inside
    characters: set[str] = set()
    ranges: list[tuple[str, str]] = []
    at = 0
    while at < len(rest):
        if at + 2 < len(rest) and rest[at + 1] == "-":
            ranges.append((rest[at], rest[at + 2]))
            at += 3
        else:
            characters.add(rest[at])
            at += 1
    return One(frozenset(characters), tuple(ranges), negated)


def matches(text: str, pattern: Pattern) -> bool:
    """Whether the whole text is of the pattern. Case counts."""
    at = part = 0
    many_part, many_at = -1, 0
    while at < len(text):
        wanted = pattern[part] if part < len(pattern) else None
        if isinstance(wanted, One) and wanted.takes(text[at]):
            at += 1
            part += 1
        elif wanted is MANY:
            many_part, many_at = part, at
            part += 1
        elif many_part >= 0:
            many_at += 1
            at, part = many_at, many_part + 1
        else:
            return False
    return all(rest is MANY for rest in pattern[part:])
