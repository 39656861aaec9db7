"""The alarm master table of a plant (rationalisation document) as one HTML page and as CSV. Pure.

IEC 62682 (and ISA-18.2, clause 6 and 9) asks for a master alarm database with cause, consequence,
action, priority and time for every alarm, and for a mix of priorities: 5, 15 and 80 %.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from alarms.model import Alarm, Condition, counts_wall_time, parts
from alarms.suppression import Of, Suppression
from controller.core.alarm_wording import difference, words
from controller.core.wording import span
from controller.plant.plant import Plant

TARGET_PERCENT: Final = {1: 5, 2: 15, 3: 80}
PRIORITIES: Final = {1: "act now", 2: "act within half an hour", 3: "advisory"}
BROKEN: Final = ".BAD"
COLUMNS: Final = (
    *("id", "text", "area", "condition", "deadband", "on delay", "off delay", "priority", "class"),
    *("options", "cause", "consequence", "first action", "time", "suppressed when", "first-out group"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One alarm, in words."""

    id: str
    text: str
    area: str
    condition: str
    deadband: str
    on_delay: str
    off_delay: str
    priority: int
    alarm_class: str
    options: str
    cause: str
    consequence: str
    action: str
    time: str
    suppressed: tuple[str, ...]
    silent: tuple[str, ...]  # the same without lost links, which silence everything
    group: str


@dataclass(frozen=True, slots=True)
class Share:
    """One priority of the mix."""

    priority: int
    meaning: str
    count: int
    percent: float
    target: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One suppression, in words. members: ids, or how many where they are a whole PLC's."""

    name: str
    text: str
    when: str
    holds: str
    members: tuple[str, ...]
    whole_plc: bool


@dataclass(frozen=True, slots=True)
class Section:
    """The alarms of one area. broken: those of Bad values, which differ in nothing but their tag."""

    id: str
    title: str
    rows: tuple[Row, ...]
    broken: tuple[Row, ...]


def alarm_table_html(plant: Plant) -> str:
    """The page: works from a file, without network or script."""
    rows = _rows(plant)
    areas = dict(plant.areas)
    named = {name: text or name for name, text in areas.items()}
    order = [*areas, *sorted({row.area for row in rows} - set(areas))]
    sections = [
        Section(
            f"area-{area or 'none'}",
            named.get(area, area or "no area"),
            tuple(row for row in found if not row.id.endswith(BROKEN)),
            tuple(row for row in found if row.id.endswith(BROKEN)),
        )
        for area in order
        if (found := [row for row in rows if row.area == area])
    ]
    environment = Environment(
        loader=PackageLoader("controller"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("alarm_table.html").render(
        plant=plant,
        sections=sections,
        mixes=(
            ("Process", mix([a for a in plant.alarms if a.alarm_class not in ("instrument", "link")])),
            ("With instruments and links", mix(plant.alarms)),
        ),
        suppressions=_rules(plant),
        groups=plant.first_out_groups,
    )


def alarm_table_csv(plant: Plant) -> str:
    """One line for each alarm."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in _rows(plant):
        writer.writerow(
            [
                *(row.id, row.text, row.area, row.condition, row.deadband, row.on_delay, row.off_delay),
                *(row.priority, row.alarm_class, row.options, row.cause, row.consequence, row.action),
                *(row.time, "; ".join(row.suppressed), row.group),
            ]
        )
    return out.getvalue()


def mix(alarms: list[Alarm] | tuple[Alarm, ...]) -> list[Share]:
    """The mix of priorities against its target (ISA-18.2 / EEMUA 191)."""
    counts = Counter(alarm.priority for alarm in alarms)
    total = max(1, sum(counts.values()))
    return [
        Share(priority, PRIORITIES[priority], counts[priority], 100 * counts[priority] / total, target)
        for priority, target in TARGET_PERCENT.items()
    ]


def _rows(plant: Plant) -> list[Row]:
    covers: dict[str, list[Suppression]] = {}
    for rule in plant.suppressions:
        for alarm in rule.members:
            covers.setdefault(alarm, []).append(rule)
    groups = {
        alarm: group.name for group in plant.first_out_groups for stage in group.stages for alarm in stage
    }
    ordered = sorted(plant.alarms, key=lambda alarm: plant.index.get(alarm.source, len(plant.tags)))
    return [
        Row(
            id=alarm.id,
            text=alarm.text,
            area=alarm.area,
            condition=words(plant, alarm.condition),
            deadband=_deadband(plant, alarm.condition),
            on_delay=_delay(alarm, alarm.on_delay_s),
            off_delay=_delay(alarm, alarm.off_delay_s),
            priority=alarm.priority,
            alarm_class=alarm.alarm_class,
            options=_options(alarm),
            cause=alarm.help.cause,
            consequence=alarm.help.consequence,
            action=alarm.help.action,
            time=alarm.help.time_allowed,
            suppressed=tuple(rule.text for rule in covers.get(alarm.id, ())),
            silent=tuple(rule.text for rule in covers.get(alarm.id, ()) if rule.of is not Of.LINK),
            group=groups.get(alarm.id, ""),
        )
        for alarm in ordered
    ]


def _delay(alarm: Alarm, seconds: float) -> str:
    if not seconds:
        return "at once"
    return span(seconds) + (" (wall)" if counts_wall_time(alarm.condition) else "")


def _deadband(plant: Plant, condition: Condition) -> str:
    found = []
    for part in parts(condition):
        deadband, tag = getattr(part, "deadband", 0.0), getattr(part, "tag", None)
        if deadband and tag is not None:
            found.append(difference(plant.tags[tag], deadband))
    return ", ".join(found)


def _options(alarm: Alarm) -> str:
    found = [name for name in ("latching", "confirm", "exclusive") if getattr(alarm, name)]
    if alarm.realarm_s is not None:
        found.append(f"speaks again after {span(alarm.realarm_s)}")
    if not alarm.enabled:
        found.append("disabled")
    return ", ".join(found)


def _rules(plant: Plant) -> list[Rule]:
    return [
        Rule(
            rule.name,
            rule.text,
            words(plant, rule.condition),
            _holds(rule),
            rule.members,
            rule.of is Of.LINK,
        )
        for rule in plant.suppressions
    ]


def _holds(rule: Suppression) -> str:
    found = []
    if rule.entry_s:
        found.append(f"from {span(rule.entry_s)} after entry")
    if rule.exit_s:
        found.append(f"until {span(rule.exit_s)} after exit")
    if rule.at_most_s is not None:
        found.append(f"at most {span(rule.at_most_s)}")
    return ", ".join(found) or "as long as it lasts"
