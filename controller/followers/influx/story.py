"""Events of the journal as points: the event itself, and what became of alarms and interlocks. Pure.

The states are folds of the same events that the core folds after a restart (`alarms.book`,
`core.durable`), so that what Grafana shows is what people were shown.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from alarms import snapshot
from alarms.book import Book
from alarms.lifecycle import State, displayed
from alarms.model import Alarm
from alarms.records import Kind
from controller.core.durable import Durable
from controller.followers.influx.lines import Field, key, known_tag, line
from controller.plant.plant import Interlock, Plant
from controller.record.chain import Entry

DATA_MAX: Final = 4_000
TEXT_MAX: Final = 1_000
WINDOW_NS: Final = 600_000_000_000
BULKY: Final = frozenset(("interlock.window", "alarm.memory", "alarms.configured"))
SILENT: Final = frozenset((Kind.QUALITY, Kind.MEMORY, Kind.COMMENTED, Kind.CONFIGURED))
OWN: Final = ("heloop", "journal", "certificates", "alarms", "influx", "mqtt", "notify")
STATES: Final[Mapping[State, str]] = {
    State.NORMAL: "normal",
    State.UNACKNOWLEDGED: "unacknowledged",
    State.ACKNOWLEDGED: "acknowledged",
    State.RETURNED_UNACKNOWLEDGED: "returned",
    State.LATCHED_UNACKNOWLEDGED: "latched",
    State.LATCHED_ACKNOWLEDGED: "latched_acknowledged",
    State.SHELVED: "shelved",
    State.SUPPRESSED_BY_DESIGN: "suppressed",
    State.OUT_OF_SERVICE: "out_of_service",
}
CHANGES: Final = {
    "interlock.tripped": "tripped",
    "interlock.cause": "cause",
    "interlock.first_out": "first_out",
    "interlock.acknowledged": "acknowledged",
    "interlock.reset": "reset",
    "interlock.unknown": "unknown",
    "interlock.known": "known",
    "bypass.active": "bypassed",
    "bypass.ended": "bypass_ended",
    "bypass.expired": "bypass_ended",
}


def placed_ns(entry: Entry) -> int:
    """An event's time as a point: two events of one moment are two points."""
    return entry.utc_ns + entry.seq % 1000


class Story:
    """Events in their order go in, lines come out; `dump` and `load` keep it beside the cursor."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._book = Book()
        self._durable = Durable()
        self._alarms = {alarm.id: alarm for alarm in plant.alarms}
        self._interlocks = {rule.name: rule for rule in plant.interlocks}
        self._suppressors: dict[str, list[str]] = {}
        for rule in plant.suppressions:
            for alarm in rule.members:
                self._suppressors.setdefault(alarm, []).append(rule.name)
        self._raised: dict[str, int] = {}  # alarm -> time of its point
        self._tripped: dict[str, int] = {}
        self._announced: deque[tuple[int, str]] = deque()  # time, priority
        self._unknown: set[str] = set()
        self._areas = _areas(plant)

    def take(self, entry: Entry) -> Iterator[str]:
        """The lines of one event; each event exactly once, in the order of their numbers."""
        self._book.apply(entry)
        self._durable.apply(entry)
        if entry.kind not in BULKY:
            yield self._event(entry)
        alarm = self._alarms.get(entry.source)
        if alarm is not None and entry.kind.startswith("alarm.") and entry.kind not in SILENT:
            yield from self._alarm(alarm, entry)
        rule = self._interlocks.get(entry.source)
        if rule is not None and entry.kind in CHANGES:
            yield from self._interlock(rule, entry)

    def held(self, at_ns: int) -> Iterator[str]:
        """What stands at a full period: alarms, all interlocks, and the figures of the alarm system."""
        for name in self._alarms.keys() & self._book.facts.keys():
            fields = self._alarm_fields(self._alarms[name])
            if fields["state"] != "normal":
                yield line(self._alarm_key(self._alarms[name]), {**fields, "change": "held"}, at_ns)
        for rule in self._plant.interlocks:
            fields = self._interlock_fields(rule)
            yield line(self._interlock_key(rule), {**fields, "change": "held"}, at_ns)
        yield from self._metrics(at_ns)

    def dump(self) -> dict[str, Any]:
        return {
            "book": snapshot.to_data(self._book),
            "durable": msgspec.to_builtins(self._durable, str_keys=True),
            "raised": self._raised,
            "tripped": self._tripped,
            "announced": [list(one) for one in self._announced],
            "unknown": sorted(self._unknown),
        }

    def load(self, kept: dict[str, Any]) -> None:
        self._book = snapshot.of_data(kept["book"])
        self._durable = msgspec.convert(kept["durable"], Durable, str_keys=True)
        self._raised, self._tripped = kept["raised"], kept["tripped"]
        self._announced = deque((one[0], one[1]) for one in kept["announced"])
        self._unknown = set(kept["unknown"])

    # --- event -----------------------------------------------------------------------------------

    def _event(self, entry: Entry) -> str:
        known = entry.source in self._areas
        tags = {
            "plant": self._plant.name,
            "kind": entry.kind,
            "source": entry.source if known or not entry.source else "other",
            "area": self._areas.get(entry.source, ""),
        }
        fields: dict[str, Field] = {
            "seq": entry.seq,
            "severity": entry.severity,
            "text": entry.text[:TEXT_MAX],
            "subject": entry.source[:TEXT_MAX],
        }
        if user := entry.data.get("user"):
            fields["user"] = str(user)[:TEXT_MAX]
        data = msgspec.json.encode(entry.data).decode()
        if len(data) <= DATA_MAX:
            fields["data"] = data
        return line(key("event", tags), fields, placed_ns(entry))

    # --- alarms ----------------------------------------------------------------------------------

    def _alarm(self, alarm: Alarm, entry: Entry) -> Iterator[str]:
        change, at_ns = entry.kind.removeprefix("alarm."), placed_ns(entry)
        fields = self._alarm_fields(alarm)
        fields |= {"text": entry.text[:TEXT_MAX], "change": change}
        if "announce" in entry.data:
            fields["announced"] = 1
            self._announced.append((at_ns, str(alarm.priority)))
        series = self._alarm_key(alarm)
        yield line(series, fields, at_ns)
        if entry.kind == Kind.RAISED:
            self._raised[alarm.id] = at_ns
        elif entry.kind == Kind.RETURNED and (raised_ns := self._raised.pop(alarm.id, 0)):
            yield line(series, _ended(raised_ns, entry.utc_ns), raised_ns)

    def _alarm_key(self, alarm: Alarm) -> str:
        tags = {
            "plant": self._plant.name,
            "area": alarm.area,
            "alarm": alarm.id,
            "tag": alarm.source,
            "priority": str(alarm.priority),
        }
        return key("alarm", tags)

    def _alarm_fields(self, alarm: Alarm) -> dict[str, Field]:
        facts = self._book.of(alarm.id)
        return {
            "state": STATES[self._shown(alarm)],
            "active": int(facts.active),
            "acknowledged": int(facts.acknowledged),
        }

    def _shown(self, alarm: Alarm) -> State:
        by_design = any(name in self._book.suppressions for name in self._suppressors.get(alarm.id, ()))
        return displayed(self._book.of(alarm.id), suppressed_by_design=by_design, enabled=alarm.enabled)

    def _metrics(self, at_ns: int) -> Iterator[str]:
        while self._announced and self._announced[0][0] <= at_ns - WINDOW_NS:
            self._announced.popleft()
        counts: Counter[tuple[str, str]] = Counter()
        for name in self._book.facts.keys() & self._alarms.keys():
            alarm, facts = self._alarms[name], self._book.of(name)
            shown = self._shown(alarm)
            marks = {
                "standing": facts.active,
                "unacknowledged": not facts.acknowledged,
                "shelved": shown is State.SHELVED,
                "suppressed": shown is State.SUPPRESSED_BY_DESIGN,
                "out_of_service": shown is State.OUT_OF_SERVICE,
            }
            for priority in (str(alarm.priority), "all"):
                counts.update((priority, mark) for mark, holds in marks.items() if holds)
        for _, priority in self._announced:
            counts[priority, "announced_10min"] += 1
            counts["all", "announced_10min"] += 1
        marked = ("standing", "unacknowledged", "shelved", "suppressed", "out_of_service", "announced_10min")
        for priority in (*sorted({str(alarm.priority) for alarm in self._alarms.values()}), "all"):
            fields: dict[str, Field] = {mark: counts[priority, mark] for mark in marked}
            if priority == "all":
                fields["flood"] = int(self._book.flood_since_utc_ns > 0)
            yield line(key("alarm_metric", {"plant": self._plant.name, "priority": priority}), fields, at_ns)

    # --- interlocks ------------------------------------------------------------------------------

    def _interlock(self, rule: Interlock, entry: Entry) -> Iterator[str]:
        change, at_ns, data = CHANGES[entry.kind], placed_ns(entry), entry.data
        self._unknown.discard(rule.name)
        if change == "unknown":
            self._unknown.add(rule.name)
        fields = self._interlock_fields(rule)
        fields |= {"text": entry.text[:TEXT_MAX], "change": change}
        if "number" in data:
            fields["number"] = int(data["number"])
        if "first_out" in data:
            fields["first_out"] = str(data["first_out"])
        if user := data.get("user") or (data.get("by") if change == "reset" else ""):
            fields["user"] = str(user)
        if change == "tripped":
            fields["causes"] = "; ".join(str(one.get("shown") or one["text"]) for one in data["causes"])
            fields["effects"] = len(data["effects"])
        series = self._interlock_key(rule)
        yield line(series, fields, at_ns)
        if change == "tripped":
            self._tripped[rule.name] = at_ns
        elif change == "reset" and (tripped_ns := self._tripped.pop(rule.name, 0)):
            yield line(series, _ended(tripped_ns, entry.utc_ns), tripped_ns)

    def _interlock_key(self, rule: Interlock) -> str:
        tags = {
            "plant": self._plant.name,
            "area": self._areas[rule.name],
            "interlock": rule.name,
            "kind": rule.kind,
        }
        return key("interlock", tags)

    def _interlock_fields(self, rule: Interlock) -> dict[str, Field]:
        record = self._durable.interlock(rule.name)
        trip = record.trip
        rest, acted = ("granted", "withheld") if rule.kind == "permissive" else ("clear", "tripped")
        state = (
            "bypassed"
            if record.bypass is not None
            else "unknown"
            if trip is None and rule.name in self._unknown
            else rest
            if trip is None
            else "acknowledged"
            if trip.acknowledged and rule.kind != "permissive"
            else acted
        )
        return {
            "state": state,
            "tripped": int(trip is not None),
            "bypassed": int(record.bypass is not None),
        }


def _ended(from_ns: int, to_ns: int) -> dict[str, Field]:
    return {"end_ms": to_ns // 1_000_000, "stood_s": max(0.0, (to_ns - from_ns) / 1e9)}


def _areas(plant: Plant) -> dict[str, str]:
    """Every source that an event of this plant can have, with its area ('' where it has none)."""
    found = dict.fromkeys(OWN, "")
    found |= {plc.name: "" for plc in plant.plcs}
    found |= {command.name: "" for command in plant.commands}
    found |= {permissive.name: "" for permissive in plant.permissives}
    found |= {rule.name: "" for rule in plant.suppressions}
    found |= {group.name: "" for group in plant.first_out_groups}
    for rule in plant.interlocks:
        tags = rule.reads()
        found[rule.name] = plant.tags[tags[0]].area if tags else ""
    found |= {alarm.id: alarm.area for alarm in plant.alarms}
    found |= {tag.name: tag.area for tag in plant.tags}
    for command in plant.commands:
        tag = known_tag(plant, command.name.removesuffix(".CMD"))
        found[command.name] = "" if tag is None else tag.area
    return found
