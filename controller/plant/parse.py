"""The full YAML 1.2 parser, for files that are unusual or broken: data, positions and every complaint.

The text is composed (not constructed) with ruamel.yaml, which keeps duplicate keys and all positions.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from controller.plant.blocks import DEPTH_MAX
from controller.plant.document import Document, Path, Place
from controller.plant.problems import Problem, Problems

_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_PLAIN = frozenset((_NULL, _BOOL, _INT, _FLOAT, *(f"tag:yaml.org,2002:{k}" for k in ("str", "timestamp"))))
_CONTAINERS = frozenset(("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))


_LEFT_OUT: Final = object()


def parse_into(document: Document, text: str, problems: Problems) -> None:
    """Fills the document; what cannot be parsed is reported, and root stays None."""
    reading = _Reading(document)
    try:
        node = _composed(text)
        if node is None:
            problems.error(document.top, "the file is empty")
        else:
            document.root = reading.plain(node, ())
    except RecursionError:
        document.root = None
        problems.error(document.top, "nested too deeply")
    except _Unreadable as error:
        problems.errors.append(Problem(document.file, error.line, error.column, f"not valid YAML: {error}"))
    for place, message, (line, column) in reading.complaints:  # now that names are known
        subject = f"{s}: " if (s := place.subject()) else ""
        problems.errors.append(Problem(document.file, line, column, subject + message))


class _Unreadable(Exception):
    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.line, self.column = line, column


def _composed(text: str) -> Node | None:
    """The node tree, or _Unreadable with the position."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of anchors used twice; here every anchor is an error
            node: Node | None = YAML(typ="safe", pure=True).compose(text)
            return node
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = " ".join(str(w) for w in (error.context, error.problem) if w)
        raise _Unreadable(words, *((mark.line + 1, mark.column + 1) if mark else (1, 1))) from None
    except YAMLError as error:
        at = getattr(error, "position", 0)
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        character = getattr(error, "character", None)
        named = f"character {character!r} is not allowed" if character is not None else str(error)
        raise _Unreadable(named, line, column) from None
    except (ValueError, TypeError, AttributeError, IndexError, KeyError, AssertionError) as error:
        # The parser's own slips on text that is no YAML at all.
        raise _Unreadable(f"the parser gave up ({type(error).__name__})", 1, 1) from None


@dataclass(slots=True)
class _Reading:
    """Nodes as dict, list, str, int, float and bool; positions are noted on the way."""

    document: Document
    complaints: list[tuple[Place, str, tuple[int, int]]] = field(default_factory=list)
    seen: set[int] = field(default_factory=set)

    def plain(self, node: Node, path: Path) -> Any:
        if len(path) > DEPTH_MAX:
            raise RecursionError
        here = _position(node)
        place = Place(self.document, path)
        self.document.places.setdefault(path, here)
        if getattr(node, "anchor", None) or id(node) in self.seen:
            self.complaints.append((place, "anchors and aliases are not used here; write it out", here))
        if id(node) in self.seen:
            return _LEFT_OUT
        self.seen.add(id(node))
        tag = str(node.tag)
        if tag not in (_PLAIN if isinstance(node, ScalarNode) else _CONTAINERS):
            self.complaints.append((place, f"YAML tags such as {tag} are not used here; leave it out", here))
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if isinstance(node, SequenceNode):
            items = [self.plain(item, (*path, number)) for number, item in enumerate(node.value)]
            for number, item in enumerate(items):
                if item is None or item is _LEFT_OUT:
                    at = self.document.places[(*path, number)]
                    self.complaints.append((place, "an item is empty; fill it in or take it out", at))
            return [None if item is _LEFT_OUT else item for item in items]
        assert isinstance(node, MappingNode)
        return self.mapping(node, path)

    def mapping(self, node: MappingNode, path: Path) -> dict[str | int, Any]:
        data: dict[str | int, Any] = {}
        place = Place(self.document, path)
        if node.flow_style:
            self.complaints.append(
                (place, "write this in block style, one key on each line", _position(node))
            )
        for key_node, value_node in node.value:
            at = _position(key_node)
            key = _scalar(key_node) if isinstance(key_node, ScalarNode) else None
            if not isinstance(key, str | int) or isinstance(key, bool) or key == "<<":
                message = (
                    "a key is a plain word or a whole number; quote it if YAML reads it as something else"
                )
                self.complaints.append((place, message, at))
                continue
            below = (*path, key)
            if key in data:
                message = f"`{key}` is given twice, first on line {self.document.keys[below][0]}; keep one"
                self.complaints.append((place, message, at))
                continue
            self.document.keys[below] = at
            if not isinstance(value_node, ScalarNode):
                self.document.places[below] = at
            data[key] = value = self.plain(value_node, below)
            if value is None:
                self.complaints.append((place, f"`{key}` has no value; give one or leave the key out", at))
            if value is None or value is _LEFT_OUT:
                del data[key]
        return data


def _position(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    text = str(node.value)
    try:
        return _READ.get(str(node.tag), str)(text)
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
