"""A server's variables as the first draft of a PLC file: what a machine can know; the rest is for people."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from controller.opcua.browse.walk import Found, Variable
from controller.opcua.status import BAD, name
from controller.plant.plant import Security
from controller.plant.schema.fields import NAME_PATTERN
from controller.plant.units import UNITS

_ISA: Final = re.compile(r"([A-Z]{2,5})_?(\d{2,4}[A-Z]?)")
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./ °%µ³²()-]*[A-Za-z0-9_./°%µ³²()-]")
_ELEMENTS_MAX: Final = 64
_NAME_MAX: Final = 40


def draft(found: Found, plc: str = "X", security: Security | None = None) -> str:
    """The text of plc_<name>.yaml for the namespace with most variables; the others are named in comments.

    security: how the server was spoken to, so that the link does the same.
    """
    usable = [variable for variable in found.variables if variable.raw is not None and variable.readable]
    namespace = Counter(variable.namespace for variable in usable).most_common(1)
    own = namespace[0][0] if namespace else ""
    names = _names(usable)
    alive = next((names[v.namespace, v.identifier] for v in usable if v.moves), "")
    lines = [
        "# yaml-language-server: $schema=../schema.json",
        f"# Drafted from {found.endpoint}; {len(usable)} of {len(found.variables)} variables can be tags.",
        "# Complete it (heloop check says what is missing): names as on the drawing, texts, units, ranges.",
        *(["# The server has more nodes than were looked at."] if found.cut else []),
        f"plc: {plc}",
        f"endpoint: {_scalar(found.endpoint)}",
        f"namespace: {_scalar(own or 'urn:unknown')}",
        *_alive(alive),
        *_security(security),
        "tags:" if usable else "tags: []",
    ]
    for variable in usable:
        lines += _tag(variable, names[variable.namespace, variable.identifier], own)
    left_out = [variable for variable in found.variables if variable.raw is None or not variable.readable]
    for variable in left_out:
        why = "not readable" if not variable.readable else f"no type for a tag, {name(variable.status)}"
        lines.append(f"# left out: {variable.identifier} ({why})")
    return "\n".join(lines) + "\n"


def _security(security: Security | None) -> Iterator[str]:
    if security is None or (security.policy == "None" and security.user is None):
        return
    yield "security:"
    yield f"  policy: {security.policy}"
    yield f"  mode: {security.mode}"
    if security.user is not None:
        yield f"  user: {_scalar(security.user)}"
    if security.password is not None:
        yield f"  password: {_scalar(security.password)}"


def _alive(tag: str) -> list[str]:
    if tag:
        return [f"alive: {tag}  # it moved while the server was looked at; take the PLC's own counter"]
    return ["alive: MISSING  # nothing moved: name the counter that the PLC keeps moving"]


def _tag(variable: Variable, tag: str, own: str) -> Iterator[str]:
    """One entry, or one for each element of an array."""
    count = 1 if variable.length is None else min(variable.length, _ELEMENTS_MAX)
    for element in range(count):
        yield f"  - name: {tag if variable.length is None else f'{tag}.{element}'}"
        yield f"    text: {_scalar(' '.join(variable.path) or tag)}"
        if variable.unit in UNITS and variable.unit:
            yield f'    unit: "{variable.unit}"'
        elif variable.unit:
            yield f"    # the server says its unit is {variable.unit!r}"
        if variable.low is not None and variable.high is not None and variable.low < variable.high:
            yield f"    range: {variable.low:g}..{variable.high:g}"
        if variable.namespace == own:
            yield f"    node: {_scalar(variable.identifier)}"
        else:
            yield "    node:"
            yield f"      namespace: {_scalar(variable.namespace)}"
            yield f"      id: {_scalar(variable.identifier)}"
        assert variable.raw is not None
        yield f"    raw: {variable.raw.value}"
        if variable.length is not None:
            yield f"    element: {element}"
        if variable.status & BAD:
            yield f"    # its value was {name(variable.status)} when it was read"
        if variable.writable:
            yield "    # the server lets it be written; `access: command` only if the service is to write it"
    if variable.length is not None and variable.length > _ELEMENTS_MAX:
        yield f"  # {variable.length - _ELEMENTS_MAX} more elements of {tag}"


def _names(variables: list[Variable]) -> dict[tuple[str, str], str]:
    """A name for each variable: its last browse name; with those before it where two would be the same."""
    names: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for variable in variables:
        depth = 1
        name_ = _name(variable.path[-1:])
        while name_ in taken and depth < len(variable.path):
            depth += 1
            name_ = _name(variable.path[-depth:])
        number, only = 2, name_
        while name_ in taken:
            name_, number = f"{only[: _NAME_MAX - 4]}_{number}", number + 1
        taken.add(name_)
        names[variable.namespace, variable.identifier] = name_
    return names


def _name(parts: tuple[str, ...]) -> str:
    """'LT201' -> 'LT-201', as ISA-5.1 writes it; other names as they are, without what a name cannot have."""
    cleaned = [re.sub(r"[^A-Za-z0-9_]+", "_", part).strip("_") for part in parts]
    cleaned = [_ISA.sub(r"\1-\2", part) if _ISA.fullmatch(part) else part for part in cleaned if part]
    joined = ".".join(cleaned)[-_NAME_MAX:].strip("._-")
    return (
        joined
        if re.fullmatch(NAME_PATTERN, joined)
        else f"T_{re.sub('[^A-Za-z0-9_]', '_', joined)}"[:_NAME_MAX]
    )


def _scalar(text: str) -> str:
    """A one-line YAML scalar, quoted where it must be."""
    one_line = " ".join(text.split())
    if (
        _PLAIN.fullmatch(one_line)
        and one_line[0].isalpha()
        and one_line.lower() not in ("true", "false", "null")
    ):
        return one_line
    return '"' + one_line.replace("\\", "\\\\").replace('"', '\\"') + '"'
