"""Which alarms belong together: one incident is one thread, so that a cascade is not fifty mails.

An alarm joins, in this order: the first-out group the engine has put it into; the incident it is in
already, or an incident with an alarm of the same tag; in a flood the flood's incident; else it opens
one. Priority 1 opens one in a flood, too, but the eleventh within ten minutes joins one incident for
all, and so does what comes when too many are open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from alarms.incidents import MOVED, Entry, Incident, incident_data, incident_of
from alarms.model import Alarm
from alarms.rota import SECOND_NS

INCIDENTS_MAX: Final = 200
URGENT_ROOM: Final = 200  # beyond it, for incidents of priority 1
ALARMS_MAX: Final = 50_000  # in all incidents; an alarm is in one of them at most
URGENT_MAX: Final = 10  # incidents of priority 1 within the window; what comes beyond is one for all
URGENT_WINDOW_NS: Final = 600 * SECOND_NS
THREAD_NS: Final = 1800 * SECOND_NS  # so long after the last message a thread is gone on with


def name_of(event: str, utc_ns: int) -> str:
    """An incident's id: event ids begin anew with a new journal, mail programs remember for years."""
    return f"{event}-{utc_ns // SECOND_NS:x}"


class Threads:
    """incidents: by id, in the order they were opened. evicted: forgotten for want of room.

    holds: whether something of an incident is still to leave or to arrive.
    """

    def __init__(
        self, alarms: Mapping[str, Alarm], incidents: dict[str, Incident], holds: Callable[[str], bool]
    ) -> None:
        self.holds = holds
        self._alarms = alarms
        self.incidents = incidents
        self.flood = ""
        self.evicted = 0
        self.alarms = 0
        self._storm = ""
        self._urgent_ns: list[int] = []
        self._where: dict[str, str] = {}
        self._groups: dict[str, str] = {}
        self._sources: dict[str, str] = {}

    def source_of(self, alarm: str) -> str:
        known = self._alarms.get(alarm)
        return (known.source if known else "") or alarm.partition(".")[0]

    # --- finding ------------------------------------------------------------------------------------

    def holding(self, alarm: str) -> Incident | None:
        """The incident that an alarm is in now."""
        return self.incidents.get(self._where.get(alarm, ""))

    def entry_of(self, alarm: str) -> tuple[Incident, Entry] | None:
        incident = self.holding(alarm)
        return None if incident is None else (incident, incident.entries[alarm])

    def grouped_in(self, group: str) -> Incident | None:
        """The incident of a first-out group, by the event id of its first-out."""
        return self.incidents.get(self._groups.get(group, ""))

    def storm(self) -> Incident | None:
        """The incident of the flood that is on."""
        return self.incidents.get(self.flood)

    def place(self, alarm: str, event: str, priority: int, group: str, utc_ns: int, now_ns: int) -> Incident:
        """Where an announced alarm belongs; opens an incident when it belongs to none.

        event, utc_ns: of the announcement; an incident that it opens is named by them.
        """
        opened = name_of(event, utc_ns)
        found = self.grouped_in(group) if group else self.holding(alarm)
        if found is None:
            found = self.holding(alarm) or self.incidents.get(self._sources.get(self.source_of(alarm), ""))
        alone = priority == 1 and self._may_open(now_ns)
        if found is None and not alone and (self.flood or priority == 1):
            found = self._one_for_all(opened, now_ns)
        if found is None and not self._room(URGENT_ROOM if alone else 0):
            found = self._one_for_all(opened, now_ns)
        if found is None:
            return self.open(opened, now_ns, group=group, urgent=priority == 1)
        if group:
            self._groups[group] = found.id
        return found

    def _one_for_all(self, name: str, now_ns: int) -> Incident:
        """The incident of the flood, or one of our own that goes on until it is answered."""
        storm = self.incidents.get(self._storm)
        running = storm if storm is not None and storm.running else None
        return self.storm() or running or self.open(name, now_ns, storm=True)

    def _may_open(self, now_ns: int) -> bool:
        recent = [one for one in self._urgent_ns if one > now_ns - URGENT_WINDOW_NS]
        return len(recent) < URGENT_MAX

    def open(
        self, name: str, now_ns: int, *, group: str = "", storm: bool = False, urgent: bool = False
    ) -> Incident:
        incident = Incident(name, now_ns, now_ns, group, storm)
        self.incidents[incident.id] = incident
        if group:
            self._groups[group] = incident.id
        if storm:
            self._storm = incident.id
        if urgent:
            self._urgent_ns = [*self._urgent_ns, now_ns][-URGENT_MAX:]
        return incident

    def enter(self, incident: Incident, entry: Entry) -> bool:
        """Puts an alarm into an incident, out of the one it was in. False: there is no room."""
        before = self.holding(entry.alarm)
        if before is not None and before is not incident:
            old = before.entries[entry.alarm]
            old.cover(MOVED)
        elif before is None:
            if self.alarms >= ALARMS_MAX:
                return False
            self.alarms += 1
        incident.entries[entry.alarm] = entry
        self._where[entry.alarm] = incident.id
        if not incident.storm:
            self._sources[self.source_of(entry.alarm)] = incident.id
        return True

    # --- forgetting -----------------------------------------------------------------------------------

    def forget(self, incident: Incident) -> None:
        del self.incidents[incident.id]
        for alarm in incident.entries:
            if self._where.get(alarm) == incident.id:
                del self._where[alarm]
                self.alarms -= 1
        if self._storm == incident.id:
            self._storm = ""
        for index in (self._groups, self._sources):
            for name in [name for name, where in index.items() if where == incident.id]:
                del index[name]

    def idle(self, incident: Incident) -> bool:
        """Nobody has to answer anything in it."""
        return not incident.running and incident.id != self.flood

    def _room(self, more: int) -> bool:
        """Whether one more may be open; if need be the one that has rested longest is forgotten."""
        if len(self.incidents) < INCIDENTS_MAX + more:
            return True
        storm = self.incidents.get(self._storm)
        if storm is not None and storm.running and not more:
            return False  # not one by one while it lasts
        resting = (one for one in self.incidents.values() if self._resting(one))
        oldest = min(resting, key=lambda one: one.last_ns, default=None)
        if oldest is None:
            return False
        self.evicted += 1
        self.forget(oldest)
        return True

    def _resting(self, incident: Incident) -> bool:
        """Nothing is due in it, and nothing of it is on its way."""
        due = any(run.next_ns() is not None for run in incident.runs.values())
        return not due and incident.id not in {self.flood, self._storm} and not self.holds(incident.id)

    # --- to data and back -------------------------------------------------------------------------------

    def shift(self, by_ns: int) -> None:
        """The clock has been set back."""
        self._urgent_ns = [one + by_ns for one in self._urgent_ns]
        for incident in self.incidents.values():
            incident.shift(by_ns)

    def dump(self) -> dict[str, Any]:
        return {
            "incidents": [incident_data(incident) for incident in self.incidents.values()],
            "flood": self.flood,
            "storm": self._storm,
            "evicted": self.evicted,
            "urgent_ns": list(self._urgent_ns),
            "sources": dict(self._sources),
            "groups": dict(self._groups),
        }

    def load(self, data: dict[str, Any]) -> None:
        for one in data["incidents"]:
            incident = incident_of(one)
            self.incidents[incident.id] = incident
            for alarm, entry in incident.entries.items():
                if MOVED not in entry.covers:
                    self._where[alarm] = incident.id
        self.alarms = len(self._where)
        self.flood, self._storm, self.evicted = data["flood"], data["storm"], data["evicted"]
        self._urgent_ns = list(data["urgent_ns"])
        self._sources, self._groups = dict(data["sources"]), dict(data["groups"])
