"""The last hour of one tag as a small picture: limits, the time of the alarm, gaps without a good value.

Drawn with matplotlib's own objects, not its global state, so that threads may draw at once. Signs are
latin only: no other font need be there.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from alarms.signal import SEVERITY_MASK
from controller.followers.notify.context import Picture
from controller.followers.notify.words import local
from controller.plant.plant import Plant
from controller.plant.tags import Kind, Tag
from controller.record.chunks import Rows
from controller.record.errors import RecordError
from controller.record.history import History
from controller.record.reader import Reader, Where

HOUR_NS: Final = 3_600_000_000_000
SIZE_IN: Final = (4.9, 2.0)
DPI: Final = 170
BINS: Final = 600
HUGE: Final = 1e15  # beyond it nothing is an instrument's value, and axes overflow
TICKS_S: Final = (300, 600, 900, 1_800, 3_600, 10_800, 86_400)
COLOURS: Final = {1: "#b3001b", 2: "#c77700", 3: "#8a7a00"}
LINE, RAISED, GREY = "#1f4f82", "#b3001b", "#6b7480"

Floats = NDArray[np.float64]


def trend(
    data: Path, plant: Plant, name: str, at_ns: int, raised_ns: int = 0, hours: float = 1.0
) -> Picture | None:
    """The hour up to at_ns, as the journal and the history have it; None when there is nothing to draw.

    Takes about 0.1 s, and a second the first time; to be called in a thread.
    """
    index = plant.index.get(name)
    if index is None or plant.tags[index].kind in {Kind.TEXT, Kind.WORD}:
        return None
    tag = plant.tags[index]
    from_ns = at_ns - int(hours * HOUR_NS)
    before_ns = from_ns - int(tag.archive.max_interval_s * 2e9)  # what stood when the hour began
    try:
        with History(data) as history:
            rows = history.query(name, before_ns, at_ns + 1, tag.unit).rows
            until_ns = min(at_ns, history.until_ns())
        stops = _stops(data, before_ns, at_ns)
    except RecordError:
        return None
    return drawn(rows, plant, tag, (from_ns, at_ns), until_ns=until_ns, raised_ns=raised_ns, stops=stops)


def _stops(data: Path, from_ns: int, to_ns: int) -> list[tuple[int | None, int]]:
    """(stopped, started) of the service; None: it was killed, and said nothing."""
    found: list[tuple[int | None, int]] = []
    stopped_ns: int | None = None
    where = Where(kinds=("service.started", "service.stopped"), from_ns=from_ns, to_ns=to_ns)
    with Reader(data) as reader:
        for event in reader.events(where=where):
            if event.kind == "service.started":
                found.append((stopped_ns, event.utc_ns))
            stopped_ns = event.utc_ns if event.kind == "service.stopped" else None
    return found


def drawn(
    rows: Rows,
    plant: Plant,
    tag: Tag,
    span_ns: tuple[int, int],
    *,
    until_ns: int,
    raised_ns: int = 0,
    stops: Sequence[tuple[int | None, int]] = (),
) -> Picture | None:
    """The picture of these rows; None when none of them has a value that can be drawn.

    until_ns: so long the last value is known to stand. stops: when nothing was recorded.
    """
    from_ns, at_ns = span_ns
    with np.errstate(all="ignore"):
        usable = (rows.status & SEVERITY_MASK == 0) & (np.abs(rows.values) < HUGE)
    inside = usable & (rows.time_ns >= from_ns) & (rows.time_ns <= at_ns)
    shown = inside if inside.any() else usable
    if not shown.any():
        return None
    values = rows.values[shown]
    last = float(rows.values[usable][-1])
    breaks = _breaks(rows, stops)
    times, points = _line(rows, usable, breaks, from_ns, until_ns)
    times, points = _thinned(times, points, (at_ns - from_ns) / 1e9)
    png = _png(plant, tag, times, points, from_ns, at_ns, raised_ns)
    return Picture(png, float(values.min()), float(values.max()), last)


def _breaks(rows: Rows, stops: Sequence[tuple[int | None, int]]) -> list[int]:
    """From when on nothing is known; of a service that was killed, from the last row before."""
    found = []
    for stopped_ns, started_ns in stops:
        before = rows.time_ns[rows.time_ns < started_ns]
        if len(before):
            found.append(int(before[-1]) + 1 if stopped_ns is None else max(stopped_ns, int(before[-1]) + 1))
    return found


def _line(
    rows: Rows, usable: NDArray[np.bool_], breaks: Sequence[int], from_ns: int, until_ns: int
) -> tuple[Floats, Floats]:
    """Seconds since from_ns and values, NaN where the line breaks; unchanged values are not written."""
    times = (rows.time_ns - from_ns) / 1e9
    values = np.where(usable, rows.values, np.nan)
    for break_ns in breaks:
        place = int(np.searchsorted(times, (break_ns - from_ns) / 1e9))
        times = np.insert(times, place, (break_ns - from_ns) / 1e9)
        values = np.insert(values, place, np.nan)
    until_s = (until_ns - from_ns) / 1e9
    if until_s > times[-1]:
        times, values = np.append(times, until_s), np.append(values, values[-1])
    bad = np.flatnonzero(np.isnan(values[1:]) & ~np.isnan(values[:-1])) + 1
    return np.insert(times, bad, times[bad]), np.insert(values, bad, values[bad - 1])


def _thinned(times: Floats, values: Floats, end_s: float) -> tuple[Floats, Floats]:
    """Of each sixth of a millimetre the first, lowest, highest and last: what the eye would see."""
    if len(times) <= 4 * BINS:
        return times, values
    bins = np.clip((times / max(end_s, 1e-9) * BINS).astype(np.int64), -1, BINS)
    kept: set[int] = set()
    edges = np.flatnonzero(np.diff(bins)) + 1
    for part in np.split(np.arange(len(times)), edges):
        piece = values[part]
        kept |= {int(part[0]), int(part[-1])}
        if np.isnan(piece).any():
            kept.add(int(part[int(np.isnan(piece).argmax())]))
        if not np.isnan(piece).all():
            kept |= {int(part[int(np.nanargmin(piece))]), int(part[int(np.nanargmax(piece))])}
    chosen = np.array(sorted(kept))
    return times[chosen], values[chosen]


def _png(
    plant: Plant, tag: Tag, times: Floats, values: Floats, from_ns: int, at_ns: int, raised_ns: int
) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - a second, and not for every process
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=SIZE_IN, dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.095, 0.15, 0.785, 0.7))
    style = "steps-post" if tag.kind in {Kind.STATE, Kind.DISCRETE} else "default"
    axes.plot(times, values, color=LINE, linewidth=1.6, drawstyle=style, marker=_marker(values), markersize=3)
    end_s = (at_ns - from_ns) / 1e9
    axes.set_xlim(0, end_s)
    low, high = _extent(tag, values)
    axes.set_ylim(low, high)
    _mark_limits(axes, tag, end_s, low, high)
    _mark_gaps(axes, times, values)
    raised_s = (raised_ns - from_ns) / 1e9
    if 0 <= raised_s <= end_s:
        axes.axvline(raised_s, color=RAISED, linewidth=1.2, linestyle=(0, (1, 1.5)))
        axes.plot(
            [raised_s], [1.0], marker="v", color=RAISED, transform=axes.get_xaxis_transform(), clip_on=False
        )
    _label(axes, plant, tag, from_ns, end_s)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that a font lacks
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _marker(values: Floats) -> str:
    """A point between gaps has no line to be seen by."""
    return "." if np.count_nonzero(~np.isnan(values)) < 3 else ""


def _extent(tag: Tag, values: Floats) -> tuple[float, float]:
    """The line, and limits that are near it: one far away would press the line flat."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    span = high - low
    reach = max(span, abs(high) * 0.05, abs(low) * 0.05, 1e-9)
    for alarm in tag.alarms:
        if low - reach <= alarm.limit <= high + reach:
            low, high = min(low, alarm.limit), max(high, alarm.limit)
    room = max((high - low) * 0.12, abs(high) * 1e-6, 1e-9)
    if high - low < room:
        room = max(abs(high) * 0.02, 1e-9)
    return low - room, high + room


def _mark_limits(axes: Any, tag: Tag, end_s: float, low: float, high: float) -> None:
    taken: list[float] = []
    for alarm in sorted(tag.alarms, key=lambda one: one.priority):
        if not low <= alarm.limit <= high or alarm.level == "ON":
            continue
        colour = COLOURS.get(alarm.priority, GREY)
        axes.axhline(alarm.limit, color=colour, linewidth=1.1, linestyle=(0, (5, 3)))
        place = (alarm.limit - low) / (high - low)
        if all(abs(place - other) > 0.09 for other in taken):
            taken.append(place)
            text = f" {alarm.level} {alarm.limit:g}"
            axes.text(end_s, alarm.limit, text, color=colour, fontsize=7.5, va="center", clip_on=False)


def _mark_gaps(axes: Any, times: Floats, values: Floats) -> None:
    """Grey from where the value ceases to be good to where it is again."""
    lost = np.isnan(values)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], lost, [False])).astype(np.int8)))
    for first, after in zip(edges[::2], edges[1::2], strict=True):
        end_s = float(times[min(after, len(times) - 1)])
        if end_s > 0:
            axes.axvspan(max(0.0, float(times[first])), end_s, color="#dfe2e7", linewidth=0)


def _label(axes: Any, plant: Plant, tag: Tag, from_ns: int, end_s: float) -> None:
    start = local(from_ns, plant.timezone)
    step_s = next((step for step in TICKS_S if end_s / step <= 7), TICKS_S[-1])
    first_s = (-(start.hour * 3600 + start.minute * 60 + start.second)) % step_s
    ticks = np.arange(first_s, end_s + 1, step_s)
    axes.set_xticks(ticks)
    axes.set_xticklabels(
        [local(from_ns + int(tick) * 1_000_000_000, plant.timezone).strftime("%H:%M") for tick in ticks]
    )
    unit = _latin(tag.unit)
    axes.set_title(
        f"{_latin(tag.name)}{f' ({unit})' if unit else ''}", fontsize=9, loc="left", color="#1b1f24"
    )
    axes.set_title(_latin(start.strftime("%Y-%m-%d %Z")), fontsize=8, loc="right", color=GREY)
    axes.tick_params(labelsize=8, colors="#3a434d", length=3)
    axes.grid(visible=True, color="#e6e9ed", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _latin(text: str) -> str:
    """For the one font that is always there; '$' would begin a formula."""
    return "".join(sign if sign.isascii() or sign in "µ°²³·Ωµ" else "?" for sign in text).replace("$", "")
