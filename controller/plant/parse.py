"""YAML 1.2 as plain data with the position of everything in it, and every complaint at once.

The text is read as libyaml's events (ruamel.yaml with its C parser: ten thousand lines in half a second),
not composed or constructed: events keep duplicate keys, anchors and positions, and cannot nest too deeply.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from ruamel.yaml.nodes import ScalarNode

from controller.plant.document import Document, Path, Place
from controller.plant.problems import Problem, Problems

SIZE_MAX: Final = 4_000_000
DEPTH_MAX: Final = 40
_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_PLAIN = frozenset((_NULL, _BOOL, _INT, _FLOAT, *(f"tag:yaml.org,2002:{k}" for k in ("str", "timestamp"))))
_CONTAINERS = frozenset(("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))
_LEFT_OUT: Final = object()


def read_document(file: str, name: str, raw: bytes, problems: Problems) -> Document:
    """Parses one file; what cannot be parsed is reported, and root is None."""
    document = Document(file, name)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        problems.errors.append(Problem(file, line, column, "not UTF-8 text; save the file as UTF-8"))
        return document
    if len(text) > SIZE_MAX:
        problems.error(
            document.top, f"longer than {SIZE_MAX} characters; split the plant into several PLC files"
        )
        return document
    parse_into(document, text, problems)
    return document


def parse_into(document: Document, text: str, problems: Problems) -> None:
    """Fills the document; what cannot be parsed is reported, and root stays None."""
    reading = _Reading(document, _events(text))
    try:
        for event in reading.events:
            if isinstance(event, DocumentStartEvent):
                if document.root is not None:
                    raise _Unreadable("expected a single document", *_position(event))
                document.root = reading.value(next(reading.events), ())
            elif isinstance(event, StreamEndEvent) and document.root is None:
                problems.error(document.top, "the file is empty")
    except RecursionError:
        document.root = None
        problems.error(document.top, "nested too deeply")
    except _Unreadable as error:
        document.root = None
        problems.errors.append(Problem(document.file, error.line, error.column, f"not valid YAML: {error}"))
    for place, message, (line, column) in reading.complaints:  # now that names are known
        subject = f"{s}: " if (s := place.subject()) else ""
        problems.errors.append(Problem(document.file, line, column, subject + message))


class _Unreadable(Exception):
    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def _events(text: str) -> Iterator[Event]:
    """The parser's events, or _Unreadable with the position."""
    try:
        yield from YAML(typ="safe").parse(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(str(w) for w in (error.context, error.problem) if w)
        raise _Unreadable(words, *((mark.line + 1, mark.column + 1) if mark else (1, 1))) from None
    except YAMLError as error:
        at = getattr(error, "position", 0)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        character = getattr(error, "character", None)
        named = str(error)
        if character is not None:
            shown = chr(character) if isinstance(character, int) else character
            named = f"character {shown!r} is not allowed"
        raise _Unreadable(named, line, column) from None


_RESOLVER: Final = YAML(typ="safe").resolver


@cache
def _tag(text: str) -> str:
    """The YAML 1.2 type of a plain scalar, by its spelling."""
    return str(_RESOLVER.resolve(ScalarNode, text, (True, False)))


@dataclass(slots=True)
class _Reading:
    """Events as dict, list, str, int, float and bool; positions are noted on the way."""

    document: Document
    events: Iterator[Event]
    complaints: list[tuple[Place, str, tuple[int, int]]] = field(default_factory=list)

    def value(self, event: Event, path: Path) -> Any:
        if len(path) > DEPTH_MAX:
            raise RecursionError
        here = _position(event)
        self.document.places.setdefault(path, here)
        if getattr(event, "anchor", None):
            self.complain(path, "anchors and aliases are not used here; write it out", here)
        if isinstance(event, AliasEvent):
            return _LEFT_OUT
        tag = _tag_of(event)
        if tag is not None and tag not in (_PLAIN if isinstance(event, ScalarEvent) else _CONTAINERS):
            self.complain(path, f"YAML tags such as {tag} are not used here; leave it out", here)
        if isinstance(event, ScalarEvent):
            return _scalar(str(tag), event.value)
        return self.items(path) if isinstance(event, SequenceStartEvent) else self.mapping(event, path)

    def complain(self, path: Path, message: str, at: tuple[int, int]) -> None:
        self.complaints.append((Place(self.document, path), message, at))

    def items(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            item = self.value(event, (*path, len(items)))
            if item is None or item is _LEFT_OUT:
                self.complain(path, "an item is empty; fill it in or take it out", _position(event))
                item = None
            items.append(item)
        return items

    def mapping(self, start: Event, path: Path) -> dict[str | int, Any]:
        assert isinstance(start, MappingStartEvent)
        data: dict[str | int, Any] = {}
        if start.flow_style:
            self.complain(path, "write this in block style, one key on each line", _position(start))
        while not isinstance(event := next(self.events), MappingEndEvent):
            at = _position(event)
            key = self.key(event, path)
            if key is None or key in data:
                if key is not None:
                    first = self.document.keys[(*path, key)][0]
                    message = f"`{key}` is given twice, first on line {first}; keep one"
                    self.complain(path, message, at)
                _Reading(Document("", ""), self.events).value(next(self.events), path)  # what it holds
                continue
            below = (*path, key)
            self.document.keys[below] = at
            held = next(self.events)
            if not isinstance(held, ScalarEvent | AliasEvent):
                self.document.places[below] = at
            value = self.value(held, below)
            if value is None:
                self.complain(path, f"`{key}` has no value; give one or leave the key out", at)
            elif value is not _LEFT_OUT:
                data[key] = value
        return data

    def key(self, event: Event, path: Path) -> str | int | None:
        """A proper key, or None after a complaint."""
        key = _scalar(str(_tag_of(event)), event.value) if isinstance(event, ScalarEvent) else None
        if not isinstance(event, ScalarEvent | AliasEvent):
            _Reading(Document("", ""), self.events).value(event, path)  # a key of several words: past it
        if isinstance(key, str | int) and not isinstance(key, bool) and key != "<<":
            return key
        message = "a key is a plain word or a whole number; quote it if YAML reads it as something else"
        self.complain(path, message, _position(event))
        return None


def _tag_of(event: Event) -> str | None:
    """The tag that is written, else that of a plain scalar's spelling; None where it goes without saying."""
    written = getattr(event, "tag", None)
    if written is not None or not isinstance(event, ScalarEvent):
        return None if written is None else str(written)
    return _tag(event.value) if event.implicit[0] else "tag:yaml.org,2002:str"


def _position(event: Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1


_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")


def _scalar(tag: str, text: str) -> str | int | float | bool | None:
    try:
        return _READ.get(tag, str)(text)
    except ValueError:
        return text  # thousands of digits and the like: no number anybody means


def _whole(text: str) -> int:
    number = text.replace("_", "")
    return int(number, 10) if _DECIMAL.match(number) else int(number, 0)


def _real(text: str) -> float:
    return float(text.replace("_", "").lower().replace(".inf", "inf").replace(".nan", "nan"))


_READ: dict[str, Callable[[str], str | int | float | bool | None]] = {
    _NULL: lambda _: None,
    _BOOL: lambda text: text.lower() == "true",
    _INT: _whole,
    _FLOAT: _real,
}
