"""The monthly page about the alarm system itself: rates, floods, bad actors, and what would help them.

Pure: recorded events and samples in, one self-contained HTML page out, with plots as inline SVG.
Targets and their sources are those of alarms/metrics.py (IEC 62682, ISA-18.2, EEMUA 191).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isnan, nan
from typing import Final

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from alarms.metrics import DAY_NS, SECOND_NS, Activation, Report, Target, activations, measure
from alarms.model import Alarm
from alarms.model import Level as LevelRule
from alarms.records import Recorded
from alarms.suggest import Level, Period, Suggestion, best, deadbands, off_delays, on_delays, periods, refused
from controller.core.alarm_wording import difference
from controller.core.wording import span
from controller.plant.plant import Plant

BAD_ACTORS: Final = 10
WIDE, HIGH, LEFT = 690, 130, 30
DAYS_SHOWN: Final = 11
PER: Final = {"1/d": "a day", "1/10 min": "in 10 min", "1/min": "in a minute"}
Samples = Callable[[str], NDArray[np.float64]]  # tag -> rows of (UTC second, value), oldest first


@dataclass(frozen=True, slots=True)
class Actor:
    """One of the most frequent alarms, the smallest settings that would have quietened it, and those that
    would have quietened it more at the price of a warning."""

    alarm: str
    text: str
    count: int
    chattering: int
    fleeting: int
    suggestions: tuple[Suggestion, ...]
    refused: tuple[tuple[Suggestion, str], ...]  # and the trips whose warning it would have missed


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure beside its target. met: None where the target is no bound."""

    what: str
    value: str
    target: str
    source: str
    met: bool | None


def alarm_report_html(
    plant: Plant, records: Sequence[Recorded], from_ns: int, to_ns: int, samples: Samples, speed: float = 1.0
) -> str:
    """records: all events of the journal in the period (and before, for what stood already).

    speed: plant seconds per second of the record, for delays are plant seconds.
    """
    report = measure(records, from_ns, to_ns)
    found = [one for one in activations(records) if from_ns <= one.raised_ns < to_ns]
    trips = [(event.utc_ns, event.source) for event in records if event.kind == "interlock.tripped"]
    per_day, flood = (report.targets[name].value for name in ("per_day", "flood_begins"))
    days = [_day(from_ns + day * DAY_NS)[5:] for day in range(len(report.per_day))]
    environment = Environment(
        loader=PackageLoader("controller", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("alarm_report.html").render(
        plant=plant,
        from_day=_day(from_ns),
        to_day=_day(to_ns - 1),
        report=report,
        figures=figures(report),
        per_day=bars(report.per_day, per_day, "announced alarms per day", "at most", days),
        per_10_min=bars(report.per_10_min, flood, "announced alarms per 10 min", "a flood above", days),
        lasting=lasting,
        units={alarm.id: _unit(plant, alarm) for alarm in plant.alarms},
        floods=[(_time(flood.start_ns), flood) for flood in report.floods],
        actors=actors(report, found, _Advice(plant, trips, samples, speed)),
        stale=sorted(report.stale.items(), key=lambda one: -one[1]),
        shelved=sorted(report.shelved_s.items(), key=lambda one: -one[1]),
        suppressed=sorted(report.suppressed.items(), key=lambda one: -one[1]),
    )


def figures(report: Report) -> list[Figure]:
    targets, days = report.targets, max(1, len(report.per_day))
    slots = max(1, len(report.per_10_min))
    rows = [
        _figure(targets["per_day"], sum(report.per_day) / days),
        _figure(targets["per_10_min"], sum(report.per_10_min) / slots),
        _figure(targets["flood_share"], report.flood_share, share=True),
        _figure(targets["top_ten_share"], report.top_ten_share, share=True),
        _figure(targets["stale"], float(len(report.stale))),
        *(_figure(targets[f"priority_{one}"], report.mix.get(one, 0.0), share=True) for one in (1, 2, 3)),
    ]
    rows.extend(
        _figure(targets[f"acknowledge_{priority}_s"], report.acknowledge_s[priority][0])
        for priority in (1, 2)
        if not isnan(report.acknowledge_s.get(priority, (nan, nan))[0])
    )
    return rows


def _figure(target: Target, value: float, *, share: bool = False) -> Figure:
    shown = f"{value:.1%}" if share else _amount(value, target.unit)
    wanted = f"{target.value:.0%}" if share else _amount(target.value, target.unit)
    met = value <= target.value if target.most else None
    return Figure(target.what, shown, f"{'at most' if target.most else 'about'} {wanted}", target.source, met)


def _amount(value: float, unit: str) -> str:
    """With its unit, as one says it: `47 a day`, `9.7 d`."""
    if unit == "s":
        return lasting(value)
    return f"{value:.3g} {PER.get(unit, unit)}".strip()


def lasting(seconds: float) -> str:
    return f"{seconds / 86400:.3g} d" if seconds >= 2 * 86400 else span(seconds)


def actors(report: Report, found: Sequence[Activation], advice: _Advice) -> list[Actor]:
    rows = []
    for name, count in report.top[:BAD_ACTORS]:
        rule = advice.rules.get(name)
        suggestions, refusals = advice.on(rule, found) if rule is not None else ((), ())
        chattering, fleeting = report.chattering.get(name, 0), report.fleeting.get(name, 0)
        text = "" if rule is None else rule.text
        rows.append(Actor(name, text, count, chattering, fleeting, suggestions, refusals))
    return rows


@dataclass(frozen=True, slots=True)
class _Advice:
    """What would have helped, from the record. Times are turned into plant seconds, as delays are."""

    plant: Plant
    trips: Sequence[tuple[int, str]]
    samples: Samples
    speed: float

    @property
    def rules(self) -> dict[str, Alarm]:
        return {alarm.id: alarm for alarm in self.plant.alarms}

    def on(
        self, rule: Alarm, found: Sequence[Activation]
    ) -> tuple[tuple[Suggestion, ...], tuple[tuple[Suggestion, str], ...]]:
        """(suggestions, refused ones with the trips they would have missed), what saves most first."""
        trips_s = {utc_ns / SECOND_NS * self.speed: (utc_ns, name) for utc_ns, name in self.trips}
        shown = self._plant_s(periods([one for one in found if not one.hidden], rule.id))
        hidden = self._plant_s(periods([one for one in found if one.hidden], rule.id))
        level = self._level(rule)
        spans = level or shown
        lists = [one(rule.id, spans, tuple(trips_s), hidden) for one in (on_delays, off_delays)]
        if level is not None:
            lists.append(deadbands(rule.id, level, tuple(trips_s), hidden))
        offered = [one for candidates in lists if (one := best(candidates)) is not None]
        kept_back = [one for candidates in lists if (one := refused(candidates)) is not None]
        named = [
            (one, ", ".join(f"{trips_s[at_s][1]} at {_time(trips_s[at_s][0])}" for at_s in one.missed))
            for one in kept_back
        ]
        return tuple(sorted(offered, key=lambda one: -one.saved)), tuple(named)

    def _plant_s(self, found: Sequence[Period]) -> list[Period]:
        return [Period(one.raised_s * self.speed, one.returned_s * self.speed) for one in found]

    def _level(self, rule: Alarm) -> Level | None:
        """The alarm with its samples, where it is one value against one limit and samples are there."""
        condition = rule.condition
        if not isinstance(condition, LevelRule) or not isinstance(condition.limit, float | int):
            return None
        rows = self.samples(self.plant.tags[condition.tag].name)
        if not len(rows):
            return None
        scaled = rows * np.array([self.speed, 1.0])
        limit, width = float(condition.limit), condition.deadband
        return Level(scaled, condition.side, limit, width, rule.on_delay_s, rule.off_delay_s)


def bars(counts: Sequence[int], line: float, title: str, line_is: str, days: Sequence[str]) -> Markup:
    """A bar chart as SVG: one bar a slot, the target as a line. Grey; over the target darker.

    line_is: what the line is; days: labels of the days from first to last, of which some are written.
    """
    top = max([*counts, line, 1]) * 1.15
    width = WIDE / max(1, len(counts))
    parts = [
        f'<svg viewBox="0 0 {LEFT + WIDE} {HIGH + 34}" role="img" aria-label="{title}" class="plot">',
        f'<text x="{LEFT}" y="12">{title}, highest {max(counts, default=0)}</text>',
        f'<g transform="translate({LEFT} 18)">',
        f'<line x1="0" y1="{HIGH}" x2="{WIDE}" y2="{HIGH}" class="axis"/>',
    ]
    for slot, count in enumerate(counts):
        if count:
            high = HIGH * count / top
            kind = "over" if count > line else "bar"
            parts.append(
                f'<rect x="{slot * width:.2f}" y="{HIGH - high:.2f}" width="{max(width - 0.4, 0.6):.2f}" '
                f'height="{high:.2f}" class="{kind}"><title>{count}</title></rect>'
            )
    at = HIGH - HIGH * line / top
    parts.append(f'<line x1="0" y1="{at:.2f}" x2="{WIDE}" y2="{at:.2f}" class="target"/>')
    parts.append(f'<text x="{WIDE - 2}" y="{at - 3:.2f}" text-anchor="end">{line_is} {line:g}</text>')
    parts.append(f'<text x="-4" y="{at + 4:.2f}" text-anchor="end">{line:g}</text>')
    parts.append(f'<text x="-4" y="{HIGH + 4}" text-anchor="end">0</text>')
    every = max(1, -(-len(days) // DAYS_SHOWN))
    places = [(WIDE * day / len(days), days[day]) for day in range(0, len(days), every)]
    parts += [f'<text x="{x:.1f}" y="{HIGH + 13}">{day}</text>' for x, day in places if x < WIDE - LEFT]
    return Markup("".join([*parts, "</g></svg>"]))  # noqa: S704 - numbers and our own words only


def _unit(plant: Plant, alarm: Alarm) -> str:
    """Of its deadband: a difference of gauge pressures is in bar."""
    tag = getattr(alarm.condition, "tag", None)
    return "" if tag is None else difference(plant.tags[tag], 0.0).removeprefix("0").strip()


def _day(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / SECOND_NS, UTC).strftime("%Y-%m-%d")


def _time(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M")
