"""All alarms of the plant: those beside tags, those of alarms.yaml, and those that go without saying.

Without saying: a lost link of each PLC, tags that may go stale or stand still, and instruments that
say themselves that they are broken. A rule of the same id in alarms.yaml takes the place of such a one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from alarms.model import (
    Alarm,
    All,
    Condition,
    Discrete,
    Frozen,
    Help,
    Level,
    Not,
    Quality,
    Side,
    Skew,
    Stale,
)
from alarms.signal import BAD_NO_COMMUNICATION, BAD_NO_DATA, BAD_WAITING_FOR_INITIAL_DATA
from controller.plant.build.alarm_conditions import AlarmConditions
from controller.plant.build.alarm_tags import area_of, interlock_of, tags_read
from controller.plant.build.classes import class_options
from controller.plant.build.derived import CLOCK_SKEW
from controller.plant.build.tags import check_area
from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.plant import Plc
from controller.plant.schema.alarmfile import AlarmEntry
from controller.plant.schema.fields import Help as HelpEntry
from controller.plant.tags import AlarmLimit, Derived, NodeSource, Tag

LEVEL_WORDS: Final = {"LL": "very low", "L": "low", "H": "high", "HH": "very high"}
BAD_DELAY_S: Final = 10.0
LINK_HELP: Final = Help(
    "network, PLC stopped or without power",
    "this part of the plant is unseen and takes no commands; its own trips still act",
    "look at the local panel, check switch and PLC, phone the duty person",
    "15 min",
)
STALE_HELP: Final = Help(
    "gateway or device behind the PLC hangs",
    "the value is taken as Bad",
    "look at the local display",
    "1 h",
)
FROZEN_HELP: Final = Help(
    "gateway hands on old values, transmitter hangs, impulse line blocked or frozen",
    "the value is taken as Bad: alarms and interlocks on it do not know any more",
    "compare with the local gauge, restart the gateway or the transmitter",
    "30 min",
)
BAD_HELP: Final = Help(
    "broken wire, sensor or module, node gone after a change of the PLC program",
    "alarms and interlocks on it do not know any more",
    "compare with neighbouring instruments, look at the PLC's diagnostics",
    "1 h",
)


@dataclass(slots=True)
class AlarmRules:
    """The alarms by id, and where each was written (automatic ones: where their tag was)."""

    alarms: dict[str, Alarm] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)

    def add(self, alarm: Alarm, place: Place) -> None:
        self.alarms[alarm.id] = alarm
        self.places[alarm.id] = place


def build_rules(draft: Draft, plcs: Iterable[Plc], watched: set[int]) -> AlarmRules:
    """watched: indices of the tags that interlocks read, whose loss somebody has to be told."""
    tags = list(draft.tags.values())
    rules = AlarmRules()
    places = {item.entry.name: item.place for item in draft.tag_items}
    places |= {item.entry.name: item.place for item in draft.derived_items}
    top = next(iter(places.values()), None)
    for tag in tags:
        for limit in tag.alarms:
            place = places.get(tag.name, top)
            assert place is not None
            rules.add(_beside(tag, limit), place / "alarms" / limit.level)
    conditions = AlarmConditions(draft)
    for item in draft.alarm_items:
        taken = rules.places.get(item.entry.name)
        if taken is not None and taken.document is item.place.document:
            continue  # reported as it was read
        if taken is not None:
            where = f"{taken.document.name} line {taken.position(key=True)[0]}"
            draft.problems.error(
                item.place / "name", f"duplicate alarm: the id is taken in {where}; rename or remove one"
            )
            continue
        alarm = _written(item, conditions, draft)
        if alarm is not None:
            rules.add(alarm, item.place)
    spoken = {item.entry.name for item in draft.alarm_items}
    for alarm, name in _automatic(draft, tags, list(plcs), watched):
        if alarm.id not in rules.alarms and alarm.id not in spoken and name in places:
            rules.add(alarm, places[name])
    draft.counts["alarms"] = len(rules.alarms)
    return rules


def _beside(tag: Tag, limit: AlarmLimit) -> Alarm:
    """A level or value written beside its tag. A clock may be off to either side."""
    condition: Condition
    if limit.level == "ON":
        condition = Discrete(tag.index, (int(limit.limit),), hold_uncertain=limit.hold_uncertain)
        words = dict(tag.states).get(int(limit.limit), f"is {limit.limit:g}")
    elif isinstance(tag.source, Derived) and CLOCK_SKEW.fullmatch(tag.source.expression):
        condition = Skew(tag.index, limit.limit, limit.deadband)
        words = "off" if limit.level in ("L", "H") else "far off"
    else:
        side = Side.LOW if limit.level in ("LL", "L") else Side.HIGH
        condition = Level(tag.index, side, limit.limit, limit.deadband, limit.hold_uncertain)
        words = LEVEL_WORDS[limit.level]
    help_ = limit.help
    return Alarm(
        id=f"{tag.name}.{limit.level}",
        condition=condition,
        priority=limit.priority,
        source=tag.name,
        level=limit.level,
        text=limit.text or f"{tag.text}: {words}",
        area=tag.area,
        alarm_class=limit.alarm_class,
        on_delay_s=limit.on_delay_s,
        off_delay_s=limit.off_delay_s,
        realarm_s=limit.realarm_s,
        latching=limit.latching,
        confirm=limit.confirm,
        exclusive=limit.exclusive,
        enabled=limit.enabled,
        help=Help(help_.cause, help_.consequence, help_.action, help_.time_allowed),
    )


def _written(item: Item[AlarmEntry], conditions: AlarmConditions, draft: Draft) -> Alarm | None:
    """A rule of alarms.yaml."""
    entry, place, problems = item.entry, item.place, draft.problems
    if entry.priority not in (1, 2, 3):
        problems.error(place / "priority", f"priority {entry.priority}; it is 1 (act now), 2 or 3 (advisory)")
    condition = conditions.build(entry.when, place / "when")
    source = None
    if entry.source is not None:
        names = {plc.entry.plc for plc in draft.plcs}
        source = entry.source if entry.source in names else None
        if source is None and (found := conditions.tag(entry.source, place / "source")) is not None:
            source = found.name
    if condition is None:
        return None
    read = tags_read(condition, draft)
    first = draft.tags.get(source or "") or (read[0] if read else None)
    if entry.area is not None:
        check_area(place, entry.area, draft)
    rule = interlock_of(condition, draft)
    if entry.area is not None:
        area = entry.area
    else:
        area = first.area if first else area_of(rule, draft) if rule else ""
    options = class_options(place, [(place, entry)], draft)
    help_ = _help(item, area, first.name if first else "", draft)
    return Alarm(
        id=entry.name,
        condition=condition,
        priority=entry.priority,
        source=source or (first.name if first else rule.name if rule else entry.name),
        text=entry.text,
        area=area,
        alarm_class=options.alarm_class,
        on_delay_s=duration_s(place / "delay", entry.delay, problems),
        off_delay_s=duration_s(place / "off_delay", entry.off_delay, problems),
        realarm_s=options.realarm_s,
        latching=options.latching,
        confirm=options.confirm,
        enabled=entry.enabled,
        help=help_,
    )


def _help(item: Item[AlarmEntry], area: str, source: str, draft: Draft) -> Help:
    """The rule's own words, else those of its source; for advisories else the area's."""
    layers: list[HelpEntry | None] = [item.entry.help]
    layers += [tag.entry.help for tag in draft.tag_items if tag.entry.name == source]
    layers += [tag.entry.help for tag in draft.derived_items if tag.entry.name == source]
    if item.entry.priority not in (1, 2):
        layers += [one.entry.help for one in draft.areas if one.entry.name == area]
    said = [
        next((text for layer in layers if layer and (text := getattr(layer, key).strip())), "")
        for key in ("cause", "consequence", "action", "time")
    ]
    lacking = [key for key, text in zip(("cause", "action"), (said[0], said[2]), strict=True) if not text]
    if item.entry.priority in (1, 2) and lacking:
        words = " and ".join(lacking)
        message = (
            f"missing help: priority {item.entry.priority} needs {words}; add `help:` here or to its tag"
        )
        draft.problems.error(item.place, message)
    return Help(*said)


def _automatic(
    draft: Draft, tags: list[Tag], plcs: list[Plc], watched: set[int]
) -> Iterator[tuple[Alarm, str]]:
    """Each with the name of the tag it is about. What the service writes itself needs none."""
    alive = {plc.alive for plc in plcs}
    for plc in plcs:
        if not 0 <= plc.alive < len(tags):
            continue
        tag = tags[plc.alive]
        # A link that comes back within `alive_after` is no alarm.
        lost = Alarm(
            id=f"{plc.name}.LINK",
            condition=Quality(plc.alive),
            priority=2,
            source=plc.name,
            text=f"link to {plc.text or plc.name} lost",
            area=tag.area,
            alarm_class="link",
            on_delay_s=plc.alive_after_s,
            help=LINK_HELP,
        )
        yield lost, tag.name
    handshake = {
        index for c in draft.commands.values() for index in (c.word, c.sequence, c.epoch, c.echo, c.result)
    }
    for tag in tags:
        if not isinstance(tag.source, NodeSource) or tag.access == "command" or tag.index in alive:
            continue
        for alarm in _of_signal(tag):
            yield alarm, tag.name
        if (tag.alarms or tag.index in watched) and tag.index not in handshake:
            # Of a PLC that is away its link alarm speaks; these do not even stand.
            away = Quality(tag.index, codes=(BAD_NO_COMMUNICATION, BAD_WAITING_FOR_INITIAL_DATA))
            broken = All((Quality(tag.index), Not(away)))
            text = f"{tag.text}: the value is Bad"
            yield _instrument(tag, "BAD", text, broken, BAD_HELP, BAD_DELAY_S), tag.name


def _of_signal(tag: Tag) -> Iterator[Alarm]:
    if tag.stale_after_s is not None:
        stale = Stale(tag.index, tag.stale_after_s, codes=(BAD_NO_DATA,))
        yield _instrument(tag, "STALE", f"{tag.text}: no report", stale, STALE_HELP)
    if tag.frozen_after_s is not None:
        frozen = Frozen(tag.index, tag.frozen_after_s)
        yield _instrument(tag, "FROZEN", f"{tag.text}: stands still", frozen, FROZEN_HELP)


def _instrument(
    tag: Tag, what: str, text: str, condition: Condition, help_: Help, on_delay_s: float = 0.0
) -> Alarm:
    return Alarm(
        id=f"{tag.name}.{what}",
        condition=condition,
        priority=3,
        source=tag.name,
        text=text,
        area=tag.area,
        alarm_class="instrument",
        on_delay_s=on_delay_s,
        help=help_,
    )
