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

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alarms.metrics import SECOND_NS, Activation, Report, Target, activations, measure
from alarms.model import Alarm, Level
from alarms.records import Recorded
from alarms.suggest import Suggestion, periods, suggest_deadband, suggest_off_delay, suggest_on_delay
from controller.plant.plant import Plant

BAD_ACTORS: Final = 10
WIDE, HIGH = 720, 150
Samples = Callable[[str], Sequence[tuple[float, float]]]  # tag -> (second, value), oldest first


@dataclass(frozen=True, slots=True)
class Actor:
    """One of the most frequent alarms, and the smallest setting that would have quietened it."""

    alarm: str
    text: str
    count: int
    chattering: int
    fleeting: int
    suggestions: tuple[Suggestion, ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure beside its target. met: None where the target is no bound."""

    what: str
    value: str
    target: str
    source: str
    met: bool | None


def alarm_report_html(
    plant: Plant, records: Sequence[Recorded], from_ns: int, to_ns: int, samples: Samples
) -> str:
    """records: all events of the journal in the period (and before, for what stood already)."""
    report = measure(records, from_ns, to_ns)
    found = [one for one in activations(records) if from_ns <= one.raised_ns < to_ns]
    trips_s = [event.utc_ns / SECOND_NS for event in records if event.kind == "interlock.tripped"]
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
        per_day=bars(report.per_day, report.targets["per_day"].value, "alarms per day"),
        per_10_min=bars(report.per_10_min, report.targets["flood_begins"].value, "alarms per 10 min"),
        floods=[(_time(flood.start_ns), flood) for flood in report.floods],
        actors=actors(plant, report, found, trips_s, samples),
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
    shown = f"{value:.1%}" if share else f"{value:.3g} {target.unit}".strip()
    wanted = f"{target.value:.0%}" if share else f"{target.value:g} {target.unit}".strip()
    met = value <= target.value if target.most else None
    return Figure(target.what, shown, f"{'at most' if target.most else 'about'} {wanted}", target.source, met)


def actors(
    plant: Plant, report: Report, found: Sequence[Activation], trips_s: Sequence[float], samples: Samples
) -> list[Actor]:
    rules = {alarm.id: alarm for alarm in plant.alarms}
    rows = []
    for name, count in report.top[:BAD_ACTORS]:
        rule = rules.get(name)
        own = tuple(_suggestions(plant, rule, found, trips_s, samples)) if rule is not None else ()
        rows.append(
            Actor(
                name,
                "" if rule is None else rule.text,
                count,
                report.chattering.get(name, 0),
                report.fleeting.get(name, 0),
                own,
            )
        )
    return rows


def _suggestions(
    plant: Plant, rule: Alarm, found: Sequence[Activation], trips_s: Sequence[float], samples: Samples
) -> list[Suggestion]:
    spans = periods(found, rule.id)
    offered = [suggest_on_delay(rule.id, spans, trips_s), suggest_off_delay(rule.id, spans, trips_s)]
    condition = rule.condition
    if isinstance(condition, Level) and isinstance(condition.limit, float | int):
        offered.append(
            suggest_deadband(
                rule.id,
                samples(plant.tags[condition.tag].name),
                condition.side,
                float(condition.limit),
                condition.deadband,
                (rule.on_delay_s, rule.off_delay_s),
                trips_s,
            )
        )
    return sorted((one for one in offered if one is not None), key=lambda one: -one.saved)


def bars(counts: Sequence[int], line: float, title: str) -> Markup:
    """A bar chart as SVG: one bar a slot, the target as a line. Grey; over the target darker."""
    top = max([*counts, line, 1]) * 1.08
    width = WIDE / max(1, len(counts))
    parts = [
        f'<svg viewBox="0 0 {WIDE} {HIGH + 18}" role="img" aria-label="{title}" class="plot">',
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
    parts.append(f'<text x="{WIDE}" y="{at - 3:.2f}" text-anchor="end">target {line:g}</text>')
    parts.append(f'<text x="0" y="{HIGH + 14}">{title}, highest {max(counts, default=0)}</text></svg>')
    return Markup("".join(parts))  # noqa: S704 - numbers and our own words only


def _day(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / SECOND_NS, UTC).strftime("%Y-%m-%d")


def _time(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / SECOND_NS, UTC).strftime("%Y-%m-%d %H:%M")
