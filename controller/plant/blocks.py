"""A fast reader for YAML written the documented way: blocks by indentation, one value on a line.

It reads ten thousand lines in a tenth of a second where the full parser takes two, and every process
of the service starts with it. It knows exactly this: comments, `key: value`, `key:` with a deeper
block, `- ` items, plain and simply quoted one-line scalars, and `[a, b]` of scalars. Anything else,
anything wrong included, makes it give up, and the full parser reads (and reports) the file instead.
What it does read is the same data at the same positions; a property test compares the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

Path = tuple[str | int, ...]
DEPTH_MAX: Final = 40

# Line breaks other than \n, tabs, controls and byte order marks are left to the full parser.
_UNUSUAL_TEXT: Final = re.compile(
    r"[^\n -~\u00a1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_NOT_IN_FLOW: Final = re.compile(r"[\[\]{}'\"#:&*!|>%@`?]")
_KEY: Final = re.compile(r'("?)([A-Za-z_][A-Za-z0-9_]*|-?[0-9]{1,9})\1:(?= |$)')
_WORDS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NOTHING: Final = frozenset(("~", "null", "Null", "NULL", "=", "<<"))
# A plain scalar that cannot begin one: indicators, and `-`, `?`, `:` before a blank.
_NO_START: Final = re.compile(r"[,\[\]{}#&*!|>%@`'\"]|[-?:](?: |$)")
_NUMBER_LIKE: Final = re.compile(
    r"[-+]?(?:0b[01_]+|0o?[0-7_]+|[0-9_]+|0x[0-9a-fA-F_]+)"
    r"|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9_]+(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,18}")
_REAL: Final = re.compile(r"[-+]?[0-9]+(?:\.[0-9]*(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)")


class _Unusual(Exception):
    """Not written the documented way."""


@dataclass(slots=True)
class Blocks:
    """What was read, with positions as in Document."""

    root: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)


def read_blocks(text: str) -> Blocks | None:
    """The text's data and positions, None where the full parser must look at it."""
    if _UNUSUAL_TEXT.search(text):
        return None
    lines: list[tuple[int, int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        content = line.lstrip(" ")
        if content and content[0] != "#":
            lines.append((number, len(line) - len(content), content.rstrip(" ")))
    reader = _Reader(lines)
    try:
        if not lines or lines[0][1] != 0:
            return None
        reader.found.root = reader.block((), 0)
        return reader.found if reader.at == len(lines) else None
    except _Unusual:
        return None


class _Reader:
    """Walks the lines once. Each line is (number, indent, content)."""

    def __init__(self, lines: list[tuple[int, int, str]]) -> None:
        self.lines = lines
        self.at = 0
        self.found = Blocks()

    def block(self, path: Path, indent: int) -> Any:
        """The mapping or list that begins at the current line, whose lines stand at `indent`."""
        number, _, content = self.lines[self.at]
        if len(path) > DEPTH_MAX:
            raise _Unusual
        self.found.places.setdefault(path, (number, indent + 1))
        if content.startswith("- "):
            return self.items(path, indent)
        return self.mapping(path, indent)

    def items(self, path: Path, indent: int) -> list[Any]:
        values: list[Any] = []
        while self.at < len(self.lines):
            number, column, content = self.lines[self.at]
            if column < indent:
                break
            if column != indent or not content.startswith("- "):
                raise _Unusual
            rest = content[2:].lstrip(" ")
            inner = column + len(content) - len(rest)
            below = (*path, len(values))
            if _KEY.match(rest):
                self.lines[self.at] = (number, inner, rest)
                values.append(self.block(below, inner))
            else:
                self.found.places[below] = (number, inner + 1)
                values.append(_scalar(_one_line(rest)))
                self.at += 1
        return values

    def mapping(self, path: Path, indent: int) -> dict[str | int, Any]:
        found: dict[str | int, Any] = {}
        while self.at < len(self.lines):
            number, column, content = self.lines[self.at]
            if column < indent:
                break
            match = _KEY.match(content)
            if column != indent or match is None:
                raise _Unusual
            key: str | int = match[2] if match[1] else _key(match[2])
            if key in found:
                raise _Unusual
            below = (*path, key)
            self.found.keys[below] = (number, column + 1)
            rest = content[match.end() :].lstrip(" ")
            if not rest or rest[0] == "#":
                found[key] = self.deeper(below, indent)
            elif rest[0] == "[":
                self.found.places[below] = (number, column + 1)
                found[key] = self.flow(below, number, column + len(content) - len(rest), rest)
                self.at += 1
            else:
                self.found.places[below] = (number, column + len(content) - len(rest) + 1)
                found[key] = _scalar(_one_line(rest))
                self.at += 1
        return found

    def deeper(self, path: Path, indent: int) -> Any:
        """The block below `key:`, which must stand further in."""
        self.found.places[path] = self.found.keys[path]
        self.at += 1
        if self.at == len(self.lines) or self.lines[self.at][1] <= indent:
            raise _Unusual
        return self.block(path, self.lines[self.at][1])

    def flow(self, path: Path, number: int, column: int, text: str) -> list[Any]:
        """`[a, b]` of plain scalars."""
        end = text.find("]")
        tail = text[end + 1 :]
        if end < 0 or (tail and not tail.startswith(" #")) or _NOT_IN_FLOW.search(text, 1, end):
            raise _Unusual
        values: list[Any] = []
        start = 1
        for part in text[1:end].split(","):
            word = part.strip(" ")
            if not word or _NO_START.match(word):
                raise _Unusual
            self.found.places[(*path, len(values))] = (number, column + start + part.index(word) + 1)
            values.append(_scalar((word, True)))
            start += len(part) + 1
        return values


def _key(text: str) -> str | int:
    value = _scalar((text, True))
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Unusual
    return value


def _one_line(rest: str) -> tuple[str, bool]:
    """The scalar of one line without a comment behind it, and whether it is plain."""
    if rest[0] in "'\"":
        end = rest.find(rest[0], 1)
        inside, tail = rest[1:end], rest[end + 1 :]
        if end < 0 or "\\" in inside or (tail and not tail.startswith(" #")) or tail.startswith(rest[0]):
            raise _Unusual
        return inside, False
    cut = rest.find(" #")
    plain = rest if cut < 0 else rest[:cut].rstrip(" ")
    if _NO_START.match(plain) or ": " in plain or plain.endswith(":"):
        raise _Unusual
    return plain, True


def _scalar(word: tuple[str, bool]) -> str | int | float | bool:
    text, plain = word
    if not plain:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text in _NOTHING or text.startswith(("---", "...")):
        raise _Unusual
    if text[0] not in "-+.0123456789" or not _NUMBER_LIKE.fullmatch(text):
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _REAL.fullmatch(text):
        return float(text)
    raise _Unusual
