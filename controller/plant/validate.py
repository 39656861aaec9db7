"""One block of a file through its model, with every complaint in words and at its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import Tag, ValidationError

from controller.plant.document import Place
from controller.plant.problems import Problems, did_you_mean
from controller.plant.schema.fields import Model

M = TypeVar("M", bound=Model)
ROUNDS_MAX = 3
_WANTED = {
    "string_type": "a text; quote it if YAML reads it as something else",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list, one `-` for each item",
    "dict_type": "a block of keys",
    "model_type": "a block of keys",
    "finite_number": "a finite number",
}


def validated(model: type[M], place: Place, problems: Problems, *, without: Iterable[str] = ()) -> M | None:
    """The block at `place` as `model`. What is wrong is reported, then left out if it can be spared.

    So a misspelt key does not hide a wrong limit beside it. None when nothing usable remains.
    """
    data = place.value
    if not isinstance(data, dict):
        problems.error(place, "a block of keys is wanted here")
        return None
    data = {key: value for key, value in data.items() if key not in set(without)}
    for round_ in range(ROUNDS_MAX):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            details = error.errors(include_url=False, include_context=True)
            if not round_:
                _report(model, details, data, place, problems)
            for detail in details:
                data = _without(data, _path(data, detail["loc"]))
    return None


def _report(
    model: type[Model], details: Iterable[Any], data: dict[Any, Any], place: Place, problems: Problems
) -> None:
    """One message for each spot: a field that may be two things gives two complaints."""
    spots: dict[tuple[Any, ...], list[Any]] = {}
    for detail in details:
        path = _path(data, detail["loc"])
        missing = (str(detail["loc"][-1]),) if detail["type"] == "missing" else ()
        spots.setdefault((path, missing), []).append(detail)
    for (path, missing), found in spots.items():
        here = place
        for step in path:
            here = here / step
        if missing:
            if (*here.path, missing[0]) not in here.document.keys:  # an empty value was reported already
                problems.error(here, f"`{missing[0]}` is missing")
        else:
            extra = found[0]["type"] == "extra_forbidden"
            problems.error(here, _message(model, found, _key(data, path)), key=extra)


def _key(data: Any, path: tuple[int | str, ...]) -> str:
    """The key that a spot is known by: of an item in a list, the list's."""
    key, here = "", data
    for step in path:
        key = key if isinstance(here, list) else str(step)
        here = here[step]
    return key


def _path(data: Any, loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """pydantic's location without its own marks (union members, '[key]'): only steps that exist."""
    path: list[int | str] = []
    here = data
    for step in loc:
        if isinstance(here, list):
            exists = isinstance(step, int) and step < len(here)
        else:
            exists = isinstance(here, dict) and step in here
        if exists:
            here = here[step]
            path.append(step)
    return tuple(path)


def _without(data: Any, path: tuple[int | str, ...]) -> Any:
    """A copy without what stands at path (list items stay in place when something inside goes)."""
    if not path:
        return data
    step, rest = path[0], path[1:]
    if isinstance(data, dict) and step in data:
        below = {step: _without(data[step], rest)} if rest else {}
        return {key: below.get(key, value) for key, value in data.items() if rest or key != step}
    if isinstance(data, list) and isinstance(step, int) and step < len(data):
        middle = [_without(data[step], rest)] if rest else []
        return [*data[:step], *middle, *data[step + 1 :]]
    return data


def _message(model: type[Model], found: list[Any], key: str) -> str:
    """One complaint in words; `found` are pydantic's for this spot."""
    first = found[0]
    kind, context = first["type"], first.get("ctx", {})
    shown, spoken_pattern = _shown(first.get("input")), _spoken(str(context.get("pattern")))
    if kind == "extra_forbidden":
        allowed = sorted(set(_keys(model, first["loc"])))
        return f"unknown key `{key}`" + (
            did_you_mean(key, allowed) or f"; allowed here: {', '.join(allowed)}"
        )
    if len(found) > 1 and {d["type"] for d in found} <= {"float_type", "string_type", "finite_number"}:
        return f"`{key}` is a number, or a text such as '5 s' or '2 mbarg'"
    if kind == "literal_error":
        words = [w.strip("'") for w in str(context["expected"]).replace(" or ", ", ").split(", ")]
        what = f"`{key}`" if key == first.get("input") else f"{shown} for `{key}`"
        return f"{what} is not allowed; use {', '.join(words)}"
    if kind in _WANTED:
        return f"`{key}` must be {_WANTED[kind]}, not {shown}"
    spoken = {
        "condition": first["msg"],
        "effect": first["msg"],
        "string_pattern_mismatch": f"{shown} is no proper `{key}`; it is {spoken_pattern}",
        "too_short": f"`{key}` is empty",
        "string_too_short": f"`{key}` is empty",
        "string_too_long": f"`{key}` is too long; at most {context.get('max_length')} characters",
    }
    return str(spoken.get(kind, f"`{key}`: {first['msg']}"))


def _spoken(pattern: str) -> str:
    """A name's pattern in words."""
    if pattern.endswith(".CMD$"):
        return "a name ending in .CMD, such as C-301.CMD"
    if pattern.startswith("^[a-z]"):
        return "small letters, digits, '_' and '-', beginning with a letter"
    return "letters, digits, '-', '_' and '.', such as LT-201"


def _shown(given: object) -> str:
    """What was written, short enough for a line."""
    text = f"'{given}'" if isinstance(given, str) else f"{given}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _keys(model: type[Model], loc: tuple[int | str, ...]) -> Iterator[str]:
    """The keys allowed beside the last step of `loc`."""
    here: list[Any] = [model]
    for step in loc[:-1]:
        here = [inner for annotation in here for inner in _inside(annotation, step)]
    for found in here:
        for name, field in found.model_fields.items() if _is_model(found) else ():
            yield field.alias or name


def _inside(annotation: Any, step: int | str) -> Iterator[Any]:
    """What stands under `step` of a model, list, dict or union member, down to models and containers."""
    if _is_model(annotation):
        for name, field in annotation.model_fields.items():
            if step in (name, field.alias):
                yield from _open(field.annotation)
    elif get_origin(annotation) is list:
        yield from _open(get_args(annotation)[0])
    elif get_origin(annotation) is dict:
        yield from _open(get_args(annotation)[1])
    elif get_origin(annotation) is Annotated and any(
        isinstance(mark, Tag) and mark.tag == step for mark in get_args(annotation)[1:]
    ):
        yield get_args(annotation)[0]


def _open(annotation: Any) -> Iterator[Any]:
    """Unions taken apart; members with a Tag are kept with it."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        for member in get_args(annotation):
            yield from _open(member)
    elif origin is Annotated and not any(isinstance(m, Tag) for m in get_args(annotation)[1:]):
        yield from _open(get_args(annotation)[0])
    elif origin is not Literal:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Model)
