"""The full YAML 1.2 parser, for files that are unusual or broken: data, positions and every complaint.

The text is composed (not constructed) with ruamel.yaml, which keeps duplicate keys and all positions.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from controller.plant.document import Document, Path, Place
from controller.plant.problems import Problem, Problems

_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_PLAIN = frozenset((_NULL, _BOOL, _INT, _FLOAT, *(f"tag:yaml.org,2002:{k}" for k in ("str", "timestamp"))))
_CONTAINERS = frozenset(("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"))


def parse_into(document: Document, text: str, problems: Problems) -> None:
    """Fills the document; what cannot be parsed is reported, and root stays None."""
    try:
        node = _composed(text)
        if node is None:
            problems.error(document.top, "the file is empty")
        else:
            document.root = _plain(node, (), document, problems, set())
    except RecursionError:
        document.root = None
        problems.error(document.top, "nested too deeply")
    except _Unreadable as error:
        problems.errors.append(Problem(document.file, error.line, error.column, f"not valid YAML: {error}"))


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


def _plain(node: Node, path: Path, document: Document, problems: Problems, seen: set[int]) -> Any:
    """The node as dict, list, str, int, float, bool or None; positions are noted on the way."""
    here = (node.start_mark.line + 1, node.start_mark.column + 1)
    document.places.setdefault(path, here)
    if getattr(node, "anchor", None) or id(node) in seen:
        problems.error(Place(document, path), "anchors and aliases are not used in plant files; write it out")
        return None
    seen.add(id(node))
    if isinstance(node, ScalarNode):
        return _scalar(node, Place(document, path), problems)
    if str(node.tag) not in _CONTAINERS:
        problems.error(Place(document, path), f"YAML tags such as {node.tag} are not used in plant files")
        return None
    if isinstance(node, SequenceNode):
        return [_plain(item, (*path, i), document, problems, seen) for i, item in enumerate(node.value)]
    assert isinstance(node, MappingNode)
    return _mapping(node, path, document, problems, seen)


def _mapping(node: MappingNode, path: Path, document: Document, problems: Problems, seen: set[int]) -> Any:
    data: dict[str | int, Any] = {}
    if node.flow_style:
        problems.error(Place(document, path), "write this in block style, one key on each line")
    for key_node, value_node in node.value:
        at = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
        key = _scalar(key_node, None, problems) if isinstance(key_node, ScalarNode) else None
        if not isinstance(key, str | int) or isinstance(key, bool) or str(key) == "<<":
            message = "a key is a plain word or a whole number (quote it if YAML reads it as something else)"
            problems.errors.append(Problem(document.file, *at, message))
            continue
        below = (*path, key)
        if key in data:
            first = document.keys[below][0]
            place = Place(document, path)
            subject = f"{s}: " if (s := place.subject()) else ""
            message = f"{subject}`{key}` is given twice (first on line {first}); keep one"
            problems.errors.append(Problem(document.file, *at, message))
            continue
        data[key] = None  # so that the subject of a problem below is already known
        document.keys[below] = at
        if not isinstance(value_node, ScalarNode):
            document.places[below] = at
        data[key] = _plain(value_node, below, document, problems, seen)
        if isinstance(value_node, ScalarNode) and str(value_node.tag) == _NULL:
            problems.error(
                Place(document, below), f"`{key}` has no value; give one or leave the key out", key=True
            )
            del data[key]
    return data


_DECIMAL = re.compile(r"[-+]?[0-9]+\Z")


def _scalar(node: ScalarNode, place: Place | None, problems: Problems) -> str | int | float | bool | None:
    tag, text = str(node.tag), str(node.value)
    if tag not in _PLAIN:
        if place is not None:
            problems.error(place, f"YAML tags such as {tag} are not used in plant files")
        return text
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
