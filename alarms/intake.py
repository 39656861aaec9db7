"""What the journal's events mean for notification: which alarm speaks, what answers it, what covers it.

An alarm is told of when the alarm system announces it; one that it withholds (the consequence of a
first-out, an advisory alarm in a flood) is listed with what it belongs to and wakes nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from alarms.escalation import Cause, Ended, Escalation
from alarms.incidents import (
    DETAILS_MAX,
    OUT_OF_SERVICE,
    REMOVED,
    SHELVED,
    SUPPRESSED,
    TEXT_MAX,
    Entry,
    Incident,
)
from alarms.lifecycle import Event
from alarms.messages import Effect
from alarms.model import Alarm, Told
from alarms.records import Kind, Recorded
from alarms.rota import SECOND_NS
from alarms.routes import Route, Routes
from alarms.routing import first_due_ns, route_of
from alarms.suppression import Suppression
from alarms.threads import Threads, name_of

FIRST_START_NS: Final = 900 * SECOND_NS  # older news is not told when the journal is read for the first time


class Spoken(Recorded, Protocol):
    """An event of the journal, with its sentence."""

    @property
    def text(self) -> str: ...


class Intake:
    """suppressions: those of the plant; only they say which alarms a suppression by design covers.

    now_ns: the time, set before `take`. unknown, full: alarms that the configuration does not have, and
    alarms for which there was no room. since_ns: what was announced before is not told.
    """

    def __init__(
        self,
        routes: Routes,
        alarms: Mapping[str, Alarm],
        suppressions: Sequence[Suppression],
        threads: Threads,
        steps: Escalation,
    ) -> None:
        self._routes = routes
        self._alarms = alarms
        self._members = {one.name: one.members for one in suppressions}
        self._threads = threads
        self._steps = steps
        self._decided: dict[str, Route | None] = {}
        self.now_ns = 0
        self.since_ns: int | None = None
        self.unknown = self.full = 0
        self._folds: dict[str, Callable[[Spoken], list[Effect]]] = {
            Kind.RAISED: self._raised,
            Kind.ANNOUNCED: self._announced,
            Kind.RETURNED: self._returned,
            Kind.ACKNOWLEDGED: self._acknowledged,
            Kind.RESET: self._reset,
            Kind.SHELVED: lambda event: self._covered(event, SHELVED),
            Kind.UNSHELVED: lambda event: self._uncovered(event, SHELVED),
            Kind.SUPPRESSED: lambda event: self._covered(event, SUPPRESSED),
            Kind.UNSUPPRESSED: lambda event: self._uncovered(event, SUPPRESSED),
            Kind.OUT_OF_SERVICE: lambda event: self._covered(event, OUT_OF_SERVICE),
            Kind.IN_SERVICE: lambda event: self._uncovered(event, OUT_OF_SERVICE),
            Kind.SUPPRESSION_BEGAN: self._suppression_began,
            Kind.SUPPRESSION_ENDED: self._suppression_ended,
            Kind.FLOOD_BEGAN: self._flood_began,
            Kind.FLOOD_ENDED: self._flood_ended,
            Kind.CONFIGURED: self._configured,
        }

    def take(self, event: Spoken) -> list[Effect]:
        fold = self._folds.get(event.kind)
        return [] if fold is None else fold(event)

    def decide(self, entry: Entry) -> Route | None:
        """The route of an alarm under the present routes."""
        alarm = self._alarms.get(entry.alarm)
        if alarm is None:
            alarm = Alarm(entry.alarm, Told(entry.alarm), entry.priority, entry.alarm.partition(".")[0])
        route = route_of(self._routes, alarm)
        return route if route is not None and route.steps else None

    # --- alarms that speak ---------------------------------------------------------------------------

    def _raised(self, event: Spoken) -> list[Effect]:
        data = event.data
        if "announce" in data:
            self._announce(event)
        elif data.get("withheld") == "flood":
            self._count(event, self._threads.storm(), "grouped")
        elif data.get("consequence"):
            self._count(event, self._threads.grouped_in(str(data.get("incident", ""))), "consequence")
        elif not data.get("hidden"):
            self._again(event)  # the worse of an exclusive tag came back to it
        return []

    def _announced(self, event: Spoken) -> list[Effect]:
        if "announce" in event.data:
            self._announce(event)
        elif event.data.get("withheld") == "flood":
            self._count(event, self._threads.storm(), "grouped")
        return []

    def _announce(self, event: Spoken) -> None:
        """Enters an alarm that people are to be told of."""
        assert self.since_ns is not None
        if event.utc_ns < self.since_ns:
            return
        alarm = self._alarm(event)
        route = self._route(alarm)
        if route is None or not route.steps:
            why = "no route fits" if route is None else f"route {route.name} has no steps"
            self._steps.not_told.add(why, [alarm.id], self.now_ns)
            return
        group = str(event.data.get("incident", ""))
        id_ = str(event.data.get("event", ""))
        place = self._threads.place
        incident = place(alarm.id, id_, alarm.priority, group, event.utc_ns, self.now_ns)
        entry = self._enter(incident, event, alarm.priority, route, "")
        if entry is not None:
            self._steps.wake(incident.runs[route.name], entry, self.now_ns)

    def _count(self, event: Spoken, incident: Incident | None, silent: str) -> None:
        """Lists an alarm that does not speak for itself: in the messages of what it belongs to."""
        if incident is None:
            return
        held = self._held(event.source)
        if held is not None and event.source in held[0].runs[held[1].route].calls:
            self._again(event)  # people are being told of it already
            return
        route = self._route(self._alarm(event))
        if silent == "consequence" and incident.entries:
            route = self._steps.branches.get(next(iter(incident.entries.values())).route)
        if route is None or not route.steps:
            return
        self._enter(incident, event, int(event.data.get("priority", 3)), route, silent)

    def _again(self, event: Spoken) -> None:
        """It stands again, and is not announced: nothing new begins, nothing that goes on ends."""
        for incident, entry in self._entries(event.source):
            entry.active, entry.event = True, str(event.data.get("event", ""))
            entry.acknowledged = bool(event.data.get("taken_over"))
            if incident is not None:
                incident.runs[entry.route].review(entry, self._steps.branches[entry.route])

    def _enter(
        self, incident: Incident, event: Spoken, priority: int, route: Route, silent: str
    ) -> Entry | None:
        data, before = event.data, self._threads.holding(event.source)
        old = None if before is None else before.entries[event.source]
        again = old is not None and event.kind == Kind.ANNOUNCED
        known = len(incident.entries) < DETAILS_MAX or event.source in incident.entries
        entry = Entry(
            event.source,
            str(data.get("event", "")),
            priority,
            old.raised_ns if again and old is not None else event.utc_ns,
            incident.n + 1,
            first_due_ns(route, min(event.utc_ns, self.now_ns)),
            route.name,
            silent=silent,
            first_out=bool(data.get("first_out")) or (incident.storm and not incident.entries),
            text=event.text[:TEXT_MAX] if known else "",
            data={name: value for name, value in data.items() if name not in {"n", "event"}} if known else {},
        )
        if not self._threads.enter(incident, entry):
            self.full += 1
            self._steps.not_told.add("no room for more alarms", [entry.alarm], self.now_ns)
            return None
        if before is not None and old is not None:
            self._leave(before, old, entry, incident)
        incident.enlist(entry)
        incident.runs[route.name].review(entry, route)
        incident.last_ns = max(incident.last_ns, self.now_ns)
        return entry

    def _leave(self, before: Incident, old: Entry, entry: Entry, incident: Incident) -> None:
        """The alarm was in another incident, or in another run of this one."""
        run = before.runs.get(old.route)
        if run is not None and (before is not incident or old.route != entry.route):
            run.forget(old.alarm)
        if before is incident:
            entry.first_out = entry.first_out or old.first_out
            entry.again = not old.silent and (old.again or (run is not None and old.alarm not in run.untold))

    def _alarm(self, event: Spoken) -> Alarm:
        """The alarm of the configuration; one that it does not have is routed by what the event says."""
        alarm = self._alarms.get(event.source)
        if alarm is not None:
            return alarm
        self.unknown += 1
        priority = int(event.data.get("priority", 1))
        return Alarm(event.source, Told(event.source), priority, event.source.partition(".")[0])

    def _route(self, alarm: Alarm) -> Route | None:
        if alarm.id not in self._alarms:
            return route_of(self._routes, alarm)
        if alarm.id not in self._decided:
            self._decided[alarm.id] = route_of(self._routes, alarm)
        return self._decided[alarm.id]

    # --- what ends it --------------------------------------------------------------------------------

    def _held(self, alarm: str) -> tuple[Incident, Entry] | None:
        """Its incident and its place there; None also when routes.yaml has no route for it any more."""
        held = self._threads.entry_of(alarm)
        return held if held is not None and held[1].route in held[0].runs else None

    def _entries(self, alarm: str) -> list[tuple[Incident | None, Entry]]:
        """Where an alarm is listed: its incident, and digests that have not left."""
        found: list[tuple[Incident | None, Entry]] = []
        held = self._held(alarm)
        if held is not None:
            found.append(held)
        digests = [one.entries for one in self._steps.digests.values() if alarm in one.entries]
        return [*found, *((None, entries[alarm]) for entries in digests)]

    def _change(self, alarm: str, change: Callable[[Entry], None], cause: Cause) -> list[Effect]:
        effects: list[Effect] = []
        for incident, entry in self._entries(alarm):
            change(entry)
            if incident is not None:
                effects += self._steps.changed(incident, entry, cause, self.now_ns)
        return effects

    def _returned(self, event: Spoken) -> list[Effect]:
        how = event.data.get("how")
        held = self._held(event.source)
        owed = held is not None and how == Event.RETURNED and self._owed(*held, event.utc_ns)

        def change(entry: Entry) -> None:
            entry.active = False
            entry.latched = how == Event.RETURNED_LATCHING
            entry.owed = owed

        if how == Event.ABSORBED:
            cause = Cause(Ended.GONE, "a worse alarm of the tag speaks for it")
        else:
            cause = Cause(Ended.RETURNED, "returned")
        return self._change(event.source, change, cause)

    def _owed(self, incident: Incident, entry: Entry, returned_ns: int) -> bool:
        """A priority 1 that would have been told of before it returned, had this process been there."""
        calls = entry.alarm in incident.runs[entry.route].calls
        return entry.priority == 1 and calls and self._untold(incident, entry) and entry.due_ns <= returned_ns

    @staticmethod
    def _untold(incident: Incident, entry: Entry) -> bool:
        return entry.alarm in incident.runs[entry.route].untold

    def _acknowledged(self, event: Spoken) -> list[Effect]:
        """By an event id of an earlier activation, the present one is not acknowledged."""
        if not event.data.get("trunk", True):
            return []

        user = str(event.data.get("user", ""))

        def change(entry: Entry) -> None:
            entry.acknowledged, entry.owed = True, False
            entry.data = {**entry.data, "acknowledged_by": user}

        return self._change(
            event.source, change, Cause(Ended.ANSWERED, f"acknowledged by {user or 'somebody'}", user)
        )

    def _reset(self, event: Spoken) -> list[Effect]:
        def change(entry: Entry) -> None:
            entry.latched, entry.acknowledged = False, True

        user = str(event.data.get("user", ""))
        return self._change(event.source, change, Cause(Ended.ANSWERED, f"reset by {user}", user))

    def _covered(self, event: Spoken, cover: str) -> list[Effect]:
        user = str(event.data.get("user", ""))
        cause = Cause(Ended.ANSWERED, f"{cover} by {user or 'somebody'}", user)
        return self._change(event.source, lambda entry: entry.cover(cover), cause)

    def _uncovered(self, event: Spoken, cover: str) -> list[Effect]:
        """The engine announces it anew when it stands; until then it goes on as it was."""
        for incident, entry in self._entries(event.source):
            entry.uncover(cover)
            if incident is not None:
                incident.runs[entry.route].review(entry, self._steps.branches[entry.route])
        return []

    def _suppression_began(self, event: Spoken) -> list[Effect]:
        cause = Cause(Ended.GONE, f"suppressed by design: {event.source}")
        cover = f"{SUPPRESSED}:{event.source}"
        effects: list[Effect] = []
        for alarm in self._members.get(event.source, ()):
            effects += self._change(alarm, lambda entry: entry.cover(cover), cause)
        return effects

    def _suppression_ended(self, event: Spoken) -> list[Effect]:
        """Who was told before is not told by the engine again: what is still open goes on."""
        for alarm in self._members.get(event.source, ()):
            for incident, entry in self._entries(alarm):
                entry.uncover(f"{SUPPRESSED}:{event.source}")
                if incident is None:
                    continue
                run, route = incident.runs[entry.route], self._steps.branches[entry.route]
                run.review(entry, route)
                if entry.alarm in run.calls and not run.running:
                    self._steps.wake(run, entry, self.now_ns)
        return []

    def _configured(self, event: Spoken) -> list[Effect]:
        cause = Cause(Ended.GONE, "removed from the configuration")
        effects: list[Effect] = []
        for alarm in event.data.get("removed", ()):
            effects += self._change(str(alarm), lambda entry: entry.cover(REMOVED), cause)
        return effects

    # --- floods --------------------------------------------------------------------------------------

    def _flood_began(self, event: Spoken) -> list[Effect]:
        name = name_of(str(event.data.get("event", "")), event.utc_ns)
        incident = self._threads.open(name, self.now_ns, storm=True)
        self._threads.flood = incident.id
        return []

    def _flood_ended(self, _: Spoken) -> list[Effect]:
        incident, self._threads.flood = self._threads.storm(), ""
        return [] if incident is None else self._steps.flood_over(incident, self.now_ns)
