"""Line protocol from the journal's blocks; pure, and most of what catching up costs.

A line's beginning (measurement, tags, name of the field) is made once per tag; a row then costs one
f-string. Equal input gives equal lines, so that what is sent twice is the same point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from alarms.signal import BAD
from controller.plant.plant import Plant
from controller.plant.tags import Kind, NodeSource, Tag
from controller.record.reader import TagName
from controller.record.samples import Samples, TextSample

RUN_NS: Final = 60  # after the clock was set back: below OPC UA's tick of 100 ns
RUNS_APART: Final = 30
SERVICE: Final = "service"
Field = float | int | str

_TAG: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\\": "/", "\n": r"\ ", "\r": r"\ "})
_TEXT: Final = str.maketrans({"\\": "\\\\", '"': '\\"'})


def tag_text(text: str) -> str:
    """A tag's value. A backslash would escape what follows, clients make it a blank: it becomes a slash."""
    return text.translate(_TAG)


def quoted(text: str) -> str:
    """A string field."""
    return f'"{text.translate(_TEXT)}"'


def key(measurement: str, tags: Mapping[str, str]) -> str:
    """Measurement and tags; empty ones are left out, as the server would refuse them."""
    return ",".join([measurement, *(f"{name}={tag_text(tags[name])}" for name in sorted(tags) if tags[name])])


def line(series: str, fields: Mapping[str, Field], time_ns: int) -> str:
    """One point. Numbers keep their kind: 1.0 is a float, 1 an integer; there must be a field."""
    return f"{series} {','.join(f'{name}={_value(value)}' for name, value in fields.items())} {time_ns}"


def _value(value: Field) -> str:
    if isinstance(value, str):
        return quoted(value)
    return f"{value}i" if isinstance(value, int) else repr(value)


def shift_ns(run: int) -> int:
    """What the times of a run of the clock are moved by, so that one that was set back overwrites nothing."""
    return 0 if run == 0 else RUN_NS + (run - 1) % RUNS_APART


class Lines:
    """The lines of one plant. `know` is told of the journal's tags before their rows come."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._series: list[str] = []  # by the journal's number of the tag
        self._starts: list[str] = []
        self._states: dict[int, dict[float, str]] = {}
        self._is_state = np.empty(0, bool)
        self._known: dict[int, TagName] = {}

    def know(self, names: Mapping[int, TagName]) -> None:
        """The journal's tags; those that the plant has no more keep the name that they had."""
        if len(names) == len(self._known):
            return
        self._known = dict(names)
        size = max(names, default=0) + 1
        self._series, self._starts = [""] * size, [""] * size
        self._is_state = np.zeros(size, bool)
        for number, name in names.items():
            series = key("sample", series_tags(self._plant, name))
            self._series[number], self._starts[number] = series, f"{series} value="
            if name.kind in {Kind.DISCRETE.value, Kind.STATE.value}:
                self._is_state[number] = True
                self._states[number] = _state_texts(self._plant, name.name)

    def series(self, number: int) -> str:
        return self._series[number]

    def rows(self, rows: Samples, run: int = 0, held: bool = False) -> list[str]:
        """The lines of a block's rows. run: of the clock. held: nothing new, the last value again."""
        shift = shift_ns(run)
        end = ",held=1i " if held else " "
        shown = np.isfinite(rows.values) & (rows.status < BAD)
        states = self._is_state[rows.tags]
        plain = shown & ~states
        found = self._plain(rows if bool(plain.all()) else rows.where(plain), shift, end)
        if not shown.all():
            found += self._unshown(rows.where(~shown), shift, end)
        if states.any():
            found += self._named(rows.where(shown & states), shift, end)
        found += [self.text(text, shift, end) for text in rows.texts]
        return found

    def text(self, row: TextSample, shift: int, end: str = " ") -> str:
        shown = f"text={quoted(row.text)}," if row.status < BAD else ""
        return f"{self._series[row.tag]} {shown}quality={row.status}i{end}{row.time_ns + shift}"

    def _plain(self, rows: Samples, shift: int, end: str) -> list[str]:
        starts = self._starts
        times = rows.time_ns + shift if shift else rows.time_ns
        if rows.status.any():
            columns = _lists(rows.tags, rows.values, rows.status, times)
            return [f"{starts[t]}{v!r},quality={q}i{end}{n}" for t, v, q, n in columns]
        good = f",quality=0i{end}"
        return [f"{starts[t]}{v!r}{good}{n}" for t, v, n in _lists(rows.tags, rows.values, times)]

    def _unshown(self, rows: Samples, shift: int, end: str) -> list[str]:
        series = self._series
        columns = _lists(rows.tags, rows.status, rows.time_ns + shift)
        return [f"{series[t]} quality={q}i{end}{n}" for t, q, n in columns]

    def _named(self, rows: Samples, shift: int, end: str) -> list[str]:
        starts, states = self._starts, self._states
        columns = _lists(rows.tags, rows.values, rows.status, rows.time_ns + shift)
        return [
            f"{starts[t]}{v!r},state={states[t].get(v) or _number(v)},quality={q}i{end}{n}"
            for t, v, q, n in columns
        ]


def series_tags(plant: Plant, name: TagName) -> dict[str, str]:
    """The tags of a sample's series."""
    tag = known_tag(plant, name.name)
    return {
        "plant": plant.name,
        "area": "" if tag is None else tag.area,
        "plc": "" if tag is None else plc_of(plant, tag),
        "tag": name.name,
        "unit": name.unit,
    }


def known_tag(plant: Plant, name: str) -> Tag | None:
    index = plant.index.get(name)
    return None if index is None else plant.tags[index]


def plc_of(plant: Plant, tag: Tag) -> str:
    return plant.plcs[tag.source.plc].name if isinstance(tag.source, NodeSource) else SERVICE


def _state_texts(plant: Plant, name: str) -> dict[float, str]:
    tag = known_tag(plant, name)
    return {} if tag is None else {float(value): quoted(text) for value, text in tag.states}


def _number(value: float) -> str:
    return f'"{value:g}"'


def _lists(*columns: Any) -> Iterable[Any]:
    return zip(*(column.tolist() for column in columns), strict=True)


def body(lines: Sequence[str]) -> bytes:
    """A request's body. A lone surrogate (a PLC's broken text) has no UTF-8 and is shown as '?'."""
    return "\n".join(lines).encode("utf-8", "replace")
