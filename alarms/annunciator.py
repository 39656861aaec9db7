"""Which changes people are told of, and why (not). Every decision has a reason, which is recorded.

A raise is announced unless it is covered (out of service, suppressed, shelved), a worse alarm of the
same tag speaks for it, it stood already when the rule was new, or a flood is on and it is advisory.
A worse alarm announces again, a better one does not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import inf
from typing import Any

from alarms.book import Book
from alarms.lifecycle import Event, Facts, Hold, State, state_of
from alarms.limits import Names, Sight
from alarms.model import SEVERITY
from alarms.point import Point
from alarms.records import Kind, Record, event_id
from alarms.suppression import FirstOutGroup, Place, Suppression, place


class Announce(StrEnum):
    FIRST = "first"
    AGAIN = "again"  # it had returned and nobody had acknowledged it yet
    WORSE = "worse"  # a milder alarm of the tag stands
    UNCOVERED = "uncovered"  # what covered it has gone, and it stands
    REALARM = "re-alarm"


class Withheld(StrEnum):
    """Listed, but not announced."""

    WORSE_STANDS = "a worse alarm of the tag stands"
    BETTER = "a worse alarm of the tag has come back to this one"
    INITIAL = "it stood already when the rule was new"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True)
class Settings:
    """Flood figures are those of IEC 62682 and ISA-18.2, clause 16.

    flood_begins: more announcements than this within flood_window_s wall seconds; flood_ends: fewer.
    grouped: priorities whose announcements are counted into the flood instead of made one by one.
    initial: priorities that are announced although they stood when their rule was new.
    """

    flood_begins: int = 10
    flood_ends: int = 5
    flood_window_s: float = 600.0
    grouped: tuple[int, ...] = (3,)
    initial: tuple[int, ...] = (1,)


def clock_time(utc_ns: int) -> str:
    """A time as it stands in a sentence."""
    return datetime.fromtimestamp(utc_ns / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def held(what: str, hold: Hold) -> str:
    reason = f" ({hold.reason})" if hold.reason else ""
    until = "it returns, at most " if hold.kind == "one-shot" else ""
    return f"{what} by {hold.user} until {until}{clock_time(hold.until_utc_ns)}{reason}"


def covered_by_people(facts: Facts) -> str:
    """Who has taken the alarm away, in words; '' when nobody has."""
    if facts.out_of_service is not None:
        return held("taken out of service", facts.out_of_service)
    if facts.suppressed is not None:
        return held("suppressed", facts.suppressed)
    return "" if facts.shelf is None else held("shelved", facts.shelf)


class Flood:
    """Announcements (and what would have been one) of the last window, by monotonic second."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._times: deque[float] = deque()
        self.peak = 0
        self.total = 0

    def count(self, mono_s: float) -> int:
        self._times.append(mono_s)
        self.total += 1
        now = self.within(mono_s)
        self.peak = max(self.peak, now)
        return now

    def within(self, mono_s: float) -> int:
        while self._times and self._times[0] + self._settings.flood_window_s <= mono_s:
            self._times.popleft()
        return len(self._times)

    def ends_s(self) -> float:
        """When, if nothing more comes, fewer than flood_ends are left in the window."""
        excess = len(self._times) - self._settings.flood_ends
        return -inf if excess < 0 else self._times[excess] + self._settings.flood_window_s


class Annunciator:
    """Emits records and applies each to the book at once; nothing else changes the book."""

    def __init__(
        self,
        book: Book,
        names: Names,
        suppressions: Mapping[str, Suppression],
        groups: Mapping[str, FirstOutGroup],
        settings: Settings,
    ) -> None:
        self.book = book
        self.records: list[Record] = []
        self.settings = settings
        self.flood = Flood(settings)
        self._names = names
        self._suppressions = suppressions
        self._groups = groups
        self._plant_s, self._mono_s, self._utc_ns = 0.0, 0.0, 0
        self._earlier: set[str] = set()  # groups whose incident was opened by an earlier process

    def restart(self) -> None:
        """Plant seconds start anew with each process: an incident from before explains nothing that
        comes now, which then speaks for itself."""
        self._earlier = set(self.book.incidents)

    def adopt(self, old: Annunciator) -> None:
        """A change of the configuration does not end a flood."""
        self.book, self.flood, self._earlier = old.book, old.flood, old._earlier

    def begin(self, plant_s: float, mono_s: float, utc_ns: int) -> None:
        self.records = []
        self._plant_s, self._mono_s, self._utc_ns = plant_s, mono_s, utc_ns
        if self.book.flood_since_utc_ns and self.flood.within(mono_s) < self.settings.flood_ends:
            data = {"grouped": self.book.grouped, "announced": self.flood.total, "peak": self.flood.peak}
            text = f"alarm flood over: {self.flood.total} alarms, {self.book.grouped} of them grouped"
            self.emit(Kind.FLOOD_ENDED, "alarms", text, SEVERITY[3], data)

    def emit(self, kind: Kind, source: str, text: str, severity: int, data: dict[str, Any]) -> Record:
        number = self.book.number + 1
        data["n"] = number
        data["event"] = event_id(number, source)
        record = Record(str(kind), source, text, self._utc_ns, self._plant_s, severity, data)
        self.book.apply(record)
        self.records.append(record)
        return record

    # --- covers --------------------------------------------------------------------------------

    def suppressed_by(self, point: Point) -> str:
        """The operating states (parents, links) that suppress the alarm now, in words."""
        standing = [name for name in point.suppressors if name in self.book.suppressions]
        return ", ".join(self._suppressions[name].text or name for name in standing)

    def cover(self, point: Point, facts: Facts) -> str:
        """What keeps the alarm from speaking, in words; '' when nothing does."""
        by = covered_by_people(facts)
        if not by and facts.consequence:
            incident = self.book.incidents.get(point.group)
            by = f"consequence of {incident.first}" if incident else "consequence"
        if not by and point.suppressors and self.book.suppressions:
            state = self.suppressed_by(point)
            by = f"suppressed by design: {state}" if state else ""
        return by

    # --- turns ---------------------------------------------------------------------------------

    def raised(self, point: Point, sight: Sight, *, better: bool = False) -> None:
        """The alarm becomes active. better: a worse one of an exclusive tag has come back to it."""
        alarm, facts = point.alarm, self.book.of(point.alarm.id)
        cover = self.cover(point, facts)
        data: dict[str, Any] = {
            "priority": alarm.priority,
            "value": point.value(sight),
            "quality": point.quality(sight),
            **point.watch.about(sight),
        }
        if point.group:
            cover = self._join(point, data, cover)
        if cover:
            data["withheld"], data["hidden"] = cover, True
        else:
            self._speak(point, facts, data, better)
        self._say(Kind.RAISED, point, sight, data)
        point.fresh = False
        point.covered = cover
        if not cover:
            point.announced_s = sight.mono_s

    def _join(self, point: Point, data: dict[str, Any], cover: str) -> str:
        """Enters the raise into its group's incident; the consequence of one is covered by it."""
        group, book = self._groups[point.group], self.book
        open_incident = book.incidents.get(point.group)
        if open_incident is None and cover:
            return cover  # what does not speak explains nothing
        now_s = inf if point.group in self._earlier else self._plant_s
        self._earlier.discard(point.group)
        found: Place = place(group, open_incident, point.stage, point.alarm.priority, now_s)
        data["group"], data["stage"] = group.name, point.stage
        data["incident"] = found.incident or event_id(book.number + 1, point.alarm.id)
        if not found.incident:
            data["first_out"] = True
        elif found.consequence and not cover:
            assert open_incident is not None
            data["consequence"] = True
            return f"consequence of {open_incident.first}"
        return cover

    def _speak(self, point: Point, facts: Facts, data: dict[str, Any], better: bool) -> None:
        """Not covered: announced with a reason, or withheld with a reason."""
        if better:
            worst = max((self.book.of(p.alarm.id) for p in point.worse), key=lambda f: f.returned_utc_ns)
            calm = state_of(facts) is State.NORMAL and facts.confirmed and worst.acknowledged
            data["withheld"], data["taken_over"] = Withheld.BETTER.value, calm
        elif any(self._speaks(worse) for worse in point.worse):
            data["withheld"] = Withheld.WORSE_STANDS.value
        elif point.fresh and point.alarm.priority not in self.settings.initial:
            data["withheld"] = Withheld.INITIAL.value
        elif not self._grouped(point, data):
            waiting = not facts.acknowledged or not facts.confirmed or facts.latched
            milder = any(self.book.of(p.alarm.id).active for p in point.milder)
            reason = Announce.AGAIN if waiting else Announce.WORSE if milder else Announce.FIRST
            data["announce"] = reason.value

    def _grouped(self, point: Point, data: dict[str, Any]) -> bool:
        """In a flood an advisory alarm is counted, not announced."""
        if not self.book.flood_since_utc_ns or point.alarm.priority not in self.settings.grouped:
            return False
        self.flood.count(self._mono_s)
        data["withheld"] = Withheld.FLOOD.value
        return True

    def _speaks(self, point: Point) -> bool:
        facts = self.book.of(point.alarm.id)
        return facts.active and not self.cover(point, facts)

    def _announced(self) -> None:
        """Counts an announcement that has been made, and notices a flood."""
        if self.flood.count(self._mono_s) > self.settings.flood_begins and not self.book.flood_since_utc_ns:
            self.flood.total = self.flood.peak = self.flood.within(self._mono_s)
            text = f"alarm flood: {self.flood.total} alarms in {self.settings.flood_window_s / 60:g} min"
            self.emit(Kind.FLOOD_BEGAN, "alarms", text, SEVERITY[3], {"announced": self.flood.total})

    def returned(self, point: Point, sight: Sight, *, absorbed: bool = False) -> None:
        """The alarm becomes inactive. absorbed: a worse one of an exclusive tag speaks for it.

        What came and went while suppressed or out of service does not latch; on a shelf it does.
        """
        facts = self.book.of(point.alarm.id)
        meaningless = facts.shelf is None and bool(self.cover(point, facts))
        if absorbed:
            how = Event.ABSORBED
        elif point.alarm.latching and (facts.presented or not meaningless):
            how = Event.RETURNED_LATCHING
        else:
            how = Event.RETURNED if facts.presented else Event.RETURNED_UNSEEN
        data = {
            "how": how.value,
            "priority": point.alarm.priority,
            "value": point.value(sight),
            "for_s": round((self._utc_ns - facts.raised_utc_ns) / 1e9, 3),
        }
        self._say(Kind.RETURNED, point, sight, data)
        if facts.shelf is not None and facts.shelf.kind == "one-shot":
            ended = {"by": "return", "user": "", "reason": "one-shot shelf"}
            self.emit(Kind.UNSHELVED, point.alarm.id, "one-shot shelf over", SEVERITY[3], ended)

    def attend(self, point: Point, sight: Sight) -> None:
        """What a retained alarm may need besides turning: its quality, and being put before people."""
        alarm, book = point.alarm, self.book
        facts = book.of(alarm.id)
        quality = point.quality(sight)
        if quality != facts.quality:
            self.emit(
                Kind.QUALITY, alarm.id, "quality of the signal changed", SEVERITY[3], {"quality": quality}
            )
        if not facts.standing:
            return
        cover = self.cover(point, facts)
        if cover:
            point.covered = cover
            return
        if not facts.presented:
            self._again(point, sight, Announce.UNCOVERED)
        elif sight.mono_s >= point.realarm_due_s(facts):
            self._again(point, sight, Announce.REALARM)
        point.due_mono_s = min(point.due_mono_s, point.realarm_due_s(book.of(alarm.id)))

    def _again(self, point: Point, sight: Sight, reason: Announce) -> None:
        data: dict[str, Any] = {"rearm": True, "priority": point.alarm.priority}
        if reason is Announce.UNCOVERED and point.covered:
            data["after"] = point.covered
        if any(self._speaks(worse) for worse in point.worse):
            data["withheld"] = Withheld.WORSE_STANDS.value
        elif not self._grouped(point, data):
            data["announce"] = reason.value
        point.announced_s = sight.mono_s
        self._say(Kind.ANNOUNCED, point, sight, data)

    def _say(self, kind: Kind, point: Point, sight: Sight, data: dict[str, Any]) -> None:
        alarm = point.alarm
        said = point.watch.say(sight, self._names)
        text = f"{alarm.text}: {said}" if alarm.text else said
        self.emit(kind, alarm.id, text, SEVERITY[alarm.priority], data)
        if "announce" in data:
            self._announced()
