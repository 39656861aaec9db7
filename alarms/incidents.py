"""An incident as people are told of it: its alarms, and for each route who was told what so far.

Mutable, and all of it goes to data and back unchanged, because the process that sends may be killed
between any two events. What can be worked out from the rest (`Run.calls`) is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from operator import attrgetter
from typing import Any, Final

from alarms.messages import ITEMS_MAX, Item
from alarms.routes import Route, Stop

DETAILS_MAX: Final = 200  # alarms of one incident whose text and data are kept; of the rest the id
TEXT_MAX: Final = 300
SHELVED, SUPPRESSED, OUT_OF_SERVICE = "shelved", "suppressed", "out of service"
REMOVED, MOVED = "removed", "moved"


@dataclass(slots=True)
class Entry:
    """One alarm of an incident. n: running number of the incident, new whenever it is announced anew.

    due_ns: when it may be told of at the earliest. latched: gone, but it stands until it is reset.
    silent: why it is listed but does not call ('consequence', 'grouped'), '' when it calls.
    owed: priority 1, it returned before anybody could be told, and is told of all the same.
    kept: it went to a digest. again: people were told of it before.
    covers: what takes it away from people's eyes now.
    """

    alarm: str
    event: str
    priority: int
    raised_ns: int
    n: int
    due_ns: int
    route: str
    active: bool = True
    latched: bool = False
    acknowledged: bool = False
    silent: str = ""
    owed: bool = False
    kept: bool = False
    again: bool = False
    first_out: bool = False
    covers: tuple[str, ...] = ()
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def standing(self) -> bool:
        return self.active or self.latched

    def state(self) -> str:
        """As it stands in a message."""
        hidden = next((name for name in (REMOVED, OUT_OF_SERVICE, SUPPRESSED, SHELVED) if self.has(name)), "")
        if hidden:
            return hidden
        if not self.standing:
            return "returned"
        if self.acknowledged:
            return "acknowledged"
        return self.silent or ("active" if self.active else "latched")

    def has(self, cover: str) -> bool:
        """Whether it is so covered; suppression by design is kept as 'suppressed:NAME'."""
        return any(one.partition(":")[0] == cover for one in self.covers)

    def cover(self, name: str) -> None:
        if name not in self.covers:
            self.covers = (*self.covers, name)

    def uncover(self, name: str) -> None:
        self.covers = tuple(one for one in self.covers if one != name)

    def calls(self, route: Route) -> bool:
        """Whether the route still wants somebody to answer it."""
        if self.silent or self.kept or any(one != SHELVED for one in self.covers):
            return False
        if self.acknowledged and (Stop.ACKNOWLEDGED in route.stop or not self.standing):
            return False
        if SHELVED in self.covers and Stop.SHELVED in route.stop:
            return False
        return self.standing or self.owed or Stop.RETURNED not in route.stop

    def item(self) -> Item:
        return Item(
            self.alarm,
            self.event,
            self.priority,
            self.raised_ns,
            self.state(),
            self.first_out,
            self.text,
            dict(self.data),
        )


def items_of(entries: Iterable[Entry]) -> tuple[Item, ...]:
    """The worst ITEMS_MAX; of equals the first-out, then the earliest."""
    worst = nsmallest(ITEMS_MAX, entries, key=lambda one: (one.priority, not one.first_out, one.n))
    return tuple(one.item() for one in worst)


@dataclass(slots=True)
class Run:
    """What a route does about an incident.

    step: the next one, due at due_ns (None: none is). repeats: [step, due_ns, times left or -1].
    fresh_ns: when those who were reached are told of further alarms. since_ns: when it began (last).
    told: recipient -> [number of the newest entry told, when]. owes_return: those who were told have not
    heard yet that it is over. untold: alarms that nobody has been told of. calls: ids of the alarms that
    still want an answer; urgent: those of them with priority 1; up: those that stand; owed: those that
    have returned and are to be told of all the same.
    """

    route: str
    running: bool = False
    step: int = 0
    due_ns: int | None = None
    repeats: list[list[int]] = field(default_factory=list)
    fresh_ns: int | None = None
    reached: bool = False
    owes_return: bool = False
    since_ns: int = 0
    told: dict[str, list[int]] = field(default_factory=dict)
    untold: dict[str, None] = field(default_factory=dict)
    calls: set[str] = field(default_factory=set)
    urgent: set[str] = field(default_factory=set)
    up: set[str] = field(default_factory=set)
    owed: set[str] = field(default_factory=set)

    def next_ns(self) -> int | None:
        """Its next deadline."""
        if not self.running:
            return None
        times = [repeat[1] for repeat in self.repeats]
        if self.due_ns is not None:
            times.append(self.due_ns)
        if self.fresh_ns is not None:
            times.append(self.fresh_ns)
        return min(times, default=None)

    def forget(self, alarm: str) -> None:
        """It belongs to another run now."""
        for known in (self.calls, self.urgent, self.up, self.owed):
            known.discard(alarm)
        self.untold.pop(alarm, None)

    def review(self, entry: Entry, route: Route) -> None:
        """Enters whether an alarm stands, and whether it still calls."""
        if entry.standing and REMOVED not in entry.covers:
            self.up.add(entry.alarm)
        else:
            self.up.discard(entry.alarm)
        if entry.owed:
            self.owed.add(entry.alarm)
        else:
            self.owed.discard(entry.alarm)
        if entry.calls(route):
            self.calls.add(entry.alarm)
            if entry.priority == 1:
                self.urgent.add(entry.alarm)
                return
        else:
            self.calls.discard(entry.alarm)
        self.urgent.discard(entry.alarm)

    def rest(self) -> None:
        """Nothing is due any more."""
        self.running, self.step, self.due_ns, self.fresh_ns, self.reached = False, 0, None, None, False
        self.repeats, self.untold = [], {}

    def shift(self, by_ns: int) -> None:
        self.due_ns = None if self.due_ns is None else self.due_ns + by_ns
        self.fresh_ns = None if self.fresh_ns is None else self.fresh_ns + by_ns
        for repeat in self.repeats:
            repeat[1] += by_ns
        for told in self.told.values():
            told[1] += by_ns

    def seen(self, recipient: str) -> int:
        """The newest entry that somebody was told of; 0 none."""
        return self.told[recipient][0] if recipient in self.told else 0


@dataclass(slots=True)
class Incident:
    """One thread. id: the event that opened it, and when. group: the event id of its first-out, '' none.

    storm: alarms of all kinds, in a flood.
    told: recipient -> worst priority told. opened: addresses that have a thread of it.
    """

    id: str
    opened_ns: int
    last_ns: int
    group: str = ""
    storm: bool = False
    n: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)
    runs: dict[str, Run] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    opened: dict[str, None] = field(default_factory=dict)

    def run_of(self, route: str) -> Run:
        return self.runs.setdefault(route, Run(route))

    def enlist(self, entry: Entry) -> None:
        """Counts an alarm as one that nobody has been told of yet."""
        self.run_of(entry.route).untold[entry.alarm] = None
        self.n = entry.n

    def of_route(self, route: str) -> list[Entry]:
        return [one for one in self.entries.values() if one.route == route and MOVED not in one.covers]

    def shift(self, by_ns: int) -> None:
        """The clock has been set back: what is due stays as far away as it was."""
        self.opened_ns, self.last_ns = self.opened_ns + by_ns, self.last_ns + by_ns
        for entry in self.entries.values():
            entry.due_ns += by_ns
        for run in self.runs.values():
            run.shift(by_ns)

    @property
    def first(self) -> str:
        """The alarm it began with."""
        return next(iter(self.entries), self.id)

    @property
    def running(self) -> bool:
        return any(run.running for run in self.runs.values())

    @property
    def standing(self) -> bool:
        """Something in it may still return, or be told of."""
        return any(one.standing and not one.kept and MOVED not in one.covers for one in self.entries.values())


# --- to data and back -----------------------------------------------------------------------------

_ENTRY = attrgetter(*Entry.__dataclass_fields__)
_COVERS: Final = list(Entry.__dataclass_fields__).index("covers")
_RUN_FIELDS: Final = [
    name for name in Run.__dataclass_fields__ if name not in {"calls", "urgent", "up", "owed"}
]
_INCIDENT_FIELDS: Final = ("id", "opened_ns", "last_ns", "group", "storm", "n")


def entry_data(entry: Entry) -> list[Any]:
    fields = list(_ENTRY(entry))
    fields[_COVERS] = list(entry.covers)
    return fields


def entry_of(data: list[Any]) -> Entry:
    fields = list(data)
    fields[_COVERS], fields[-1] = tuple(fields[_COVERS]), dict(fields[-1])
    return Entry(*fields)


def incident_data(incident: Incident) -> dict[str, Any]:
    """JSON-able; a copy."""
    return {
        **{name: getattr(incident, name) for name in _INCIDENT_FIELDS},
        "entries": [entry_data(entry) for entry in incident.entries.values()],
        "runs": [_run_data(run) for run in incident.runs.values()],
        "told": dict(incident.told),
        "opened": list(incident.opened),
    }


def _run_data(run: Run) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in _RUN_FIELDS},
        "told": {name: list(told) for name, told in run.told.items()},
        "repeats": [list(repeat) for repeat in run.repeats],
        "untold": list(run.untold),
    }


def incident_of(data: dict[str, Any]) -> Incident:
    incident = Incident(**{name: data[name] for name in _INCIDENT_FIELDS})
    for one in data["entries"]:
        entry = entry_of(one)
        incident.entries[entry.alarm] = entry
    for one in data["runs"]:
        kept = {
            "told": {name: list(value) for name, value in one["told"].items()},
            "repeats": [list(repeat) for repeat in one["repeats"]],
            "untold": dict.fromkeys(one["untold"]),
        }
        incident.runs[one["route"]] = Run(**{**one, **kept})
    incident.told = dict(data["told"])
    incident.opened = dict.fromkeys(data["opened"])
    return incident
