"""The tree of routes: what each is for, its steps, and whether every alarm that must is told to somebody."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Final

from alarms.model import Alarm
from alarms.routes import Match, Recipient, Rota, Route, Routes, Step, Stop, Way
from alarms.routing import fits, route_of
from controller.plant.build.people import check_names
from controller.plant.build.times import check_times, minute_of_day
from controller.plant.build.values import duration_or_none, duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft
from controller.plant.problems import did_you_mean
from controller.plant.schema.routefile import MatchEntry, RouteEntry, StepEntry

REPEAT_S_MIN: Final = 60.0
DAY_S: Final = 86_400.0
TOP: Final = 2  # steps of the path to a route below no other; of these duplicates were told as they were read


class RouteTree:
    """Builds the tree; afterwards `check` says what only the tree and the alarms together show.

    alarms: None when the alarms could not all be built, and nothing is said of what fits them.
    """

    def __init__(
        self,
        draft: Draft,
        recipients: Iterable[Recipient],
        rotas: Iterable[Rota],
        alarms: Mapping[str, Alarm] | None,
    ) -> None:
        self._draft, self._alarms = draft, alarms
        self._recipients = {one.name: one for one in recipients}
        self._rotas = {one.name: one for one in rotas}
        self._places: dict[str, Place] = {}
        self._lacking: list[tuple[Place, str]] = []  # addresses that a step means

    def build(self) -> tuple[Route, ...]:
        return tuple(self._route(item.entry, item.place) for item in self._draft.route_items)

    def _route(self, entry: RouteEntry, place: Place) -> Route:
        problems = self._draft.problems
        first = self._places.setdefault(entry.name, place)
        if (
            first is not place and max(len(first.path), len(place.path)) > TOP
        ):  # others: told as they were read
            line = first.position()[0]
            problems.error(
                place / "name", f"duplicate route: {entry.name} is taken in line {line}; rename or remove one"
            )
        match = self._match(entry, place / "match")
        quiet = self._quiet(entry, place)
        self._check_steps(entry, place)
        return Route(
            entry.name,
            match,
            tuple(self._step(one, place / "steps" / n) for n, one in enumerate(entry.steps)),
            delay_s=self._seconds(place / "delay", entry.delay),
            stop=frozenset(Stop(one) for one in entry.stop),
            tell_return=entry.tell_return,
            tell_answered=entry.tell_answered,
            quiet=entry.quiet or "",
            quiet_priorities=quiet,
            digest_min=minute_of_day(place / "digest", entry.digest, problems),
            children=tuple(self._route(one, place / "routes" / n) for n, one in enumerate(entry.routes)),
            from_place=":".join(map(str, place.line)),
        )

    def _seconds(self, place: Place, quantity: float | str) -> float:
        """Up to a day."""
        seconds = duration_s(place, quantity, self._draft.problems)
        if not 0 <= seconds <= DAY_S:
            self._draft.problems.error(place, f"'{quantity}' is longer than a day")
        return seconds

    def _check_steps(self, entry: RouteEntry, place: Place) -> None:
        problems = self._draft.problems
        if entry.nobody and entry.steps:
            problems.error(place / "nobody", "`nobody` beside `steps`; leave one out", key=True)
        elif not entry.nobody and not entry.steps and not entry.routes:
            problems.error(
                place, "it has no `steps`, so nobody is told; add them, or `nobody: true` if that is meant"
            )

    # --- match -----------------------------------------------------------------------------------

    def _match(self, entry: RouteEntry, place: Place) -> Match:
        match, draft = entry.match, self._draft
        for number, area in enumerate(match.areas):
            if area not in draft.names("area"):
                hint = did_you_mean(area, draft.names("area")) or "; areas are listed in plant.yaml"
                draft.problems.error(place / "areas" / number, f"unknown area '{area}'{hint}")
        for number, priority in enumerate(match.priorities):
            if priority not in (1, 2, 3):
                message = f"priority {priority}; it is 1 (act now), 2 or 3 (advisory)"
                draft.problems.error(place / "priorities" / number, message)
        if self._alarms is not None:
            self._check_known(match, place, self._alarms)
        return Match(
            frozenset(match.areas), frozenset(match.priorities), frozenset(match.classes), tuple(match.tags)
        )

    def _check_known(self, match: MatchEntry, place: Place, alarms: Mapping[str, Alarm]) -> None:
        problems = self._draft.problems
        classes = {alarm.alarm_class for alarm in alarms.values()} | self._draft.names("class").keys()
        for number, name in enumerate(match.classes):
            if name not in classes:
                hint = did_you_mean(name, classes) or f"; there are {', '.join(sorted(classes))}"
                problems.error(place / "classes" / number, f"no alarm has the class '{name}'{hint}")
        for number, pattern in enumerate(match.tags):
            if any(fnmatchcase(alarm, pattern) for alarm in alarms):
                continue
            if any(alarm.startswith(f"{pattern}.") for alarm in alarms):
                hint = f"; its alarms are {pattern}.*"
            else:
                hint = did_you_mean(pattern, alarms) or "; an alarm is named such as LT-201.HH"
            problems.error(place / "tags" / number, f"no alarm fits '{pattern}'{hint}")

    # --- quiet -------------------------------------------------------------------------------------

    def _quiet(self, entry: RouteEntry, place: Place) -> frozenset[int]:
        problems = self._draft.problems
        given = entry.model_fields_set & {"digest", "quiet_priorities"}
        if entry.quiet is None:
            for key in sorted(given):
                problems.error(place / key, f"`{key}` has no meaning without `quiet`", key=True)
            return frozenset({3})
        check_times(entry.quiet, place / "quiet", self._draft)
        if 1 in entry.quiet_priorities:
            at = place / "quiet_priorities" / entry.quiet_priorities.index(1)
            problems.error(at, "priority 1 is never kept quiet; leave it out")
        elif 1 in entry.match.priorities:
            message = "priority 1 is never kept quiet; give it a route of its own, or leave `quiet` out"
            problems.error(place / "quiet", message, key=True)
        elif entry.match.priorities and not set(entry.match.priorities) & set(entry.quiet_priorities):
            message = (
                f"only priority {_listed(entry.quiet_priorities)} is kept quiet; add `quiet_priorities:`"
            )
            problems.error(place / "quiet", message, key=True)
        return frozenset(entry.quiet_priorities)

    # --- steps -------------------------------------------------------------------------------------

    def _step(self, entry: StepEntry, place: Place) -> Step:
        problems = self._draft.problems
        check_names(entry.to, place / "to", self._draft, rotas=True)
        if entry.times is not None:
            check_times(entry.times, place / "times", self._draft)
        repeat_s = duration_or_none(place / "repeat", entry.repeat, problems)
        if repeat_s is not None and not REPEAT_S_MIN <= repeat_s <= DAY_S:
            problems.error(place / "repeat", "`repeat` is between 1 min and 1 d")
        if entry.repeats is not None and entry.repeat is None:
            problems.error(place / "repeats", "`repeats` has no meaning without `repeat`", key=True)
        ways = tuple(Way(one) for one in entry.ways)
        self._check_ways(entry, ways, place)
        after_s = self._seconds(place / "after", entry.after)
        return Step(tuple(entry.to), after_s, ways, entry.times or "", repeat_s, entry.repeats or 0)

    def _check_ways(self, entry: StepEntry, ways: tuple[Way, ...], place: Place) -> None:
        """Somebody who has none of the ways is told by the first address: rarely what was meant."""
        for number, name in enumerate(entry.to):
            people = members(self._rotas[name]) if name in self._rotas else (name,)
            for person in people:
                one = self._recipients.get(person)
                if not ways or one is None or any(address.way in ways for address in one.addresses):
                    continue
                first = one.addresses[0].way if one.addresses else "nothing"
                message = f"{person} has no address for {_listed(ways)}, so {first} is used"
                self._lacking.append((place / "to" / number, message))

    # --- the whole -----------------------------------------------------------------------------------

    def check(self, routes: Routes) -> None:
        """Priority 1 that nobody is told of; routes that no alarm takes. Only when nothing else is wrong."""
        for place, message in self._lacking:
            self._draft.problems.warn(place, message)
        if self._alarms is None:
            return
        assert self._draft.routes is not None, "the tree is from it"
        taken: dict[str, int] = {}
        alone: list[str] = []
        for alarm in self._alarms.values():
            route = route_of(routes, alarm)
            if route is not None:
                taken[route.name] = taken.get(route.name, 0) + 1
            if alarm.enabled and alarm.priority == 1 and (route is None or not route.steps):
                alone.append(alarm.id)
        if alone:
            others = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
            message = f"nobody is told of {alone[0]}{others}, which have priority 1; add a route for them"
            if len(alone) == 1:
                message = f"nobody is told of {alone[0]}, which has priority 1; add a route for it"
            self._draft.problems.error(self._draft.routes.place / "routes", message, key=True)
        for route, above in _branches(routes.routes, ()):
            if route.name not in taken and route.steps:
                self._draft.problems.warn(self._places[route.name], self._unused(route, above, routes))

    def _unused(self, route: Route, above: tuple[Match, ...], routes: Routes) -> str:
        """Why no alarm comes to a route."""
        assert self._alarms is not None, "asked for with alarms only"
        matches = (*above, route.match)
        fitting = [one for one in self._alarms.values() if all(fits(match, one) for match in matches)]
        if not fitting:
            return "no alarm of this plant fits it"
        others = {found.name for one in fitting if (found := route_of(routes, one)) is not None}
        return f"no alarm comes to it: {_listed(sorted(others))} takes what would; put it first, or remove it"


def members(rota: Rota) -> tuple[str, ...]:
    """Everybody who may have the duty."""
    named = [name for shift in rota.shifts for name in (*shift.people, *(n for t in shift.turns for n in t))]
    return tuple(dict.fromkeys([*named, *(name for cover in rota.covers for name in cover.people)]))


def _branches(routes: Iterable[Route], above: tuple[Match, ...]) -> Iterator[tuple[Route, tuple[Match, ...]]]:
    """Every route, with what must fit before it is asked."""
    for route in routes:
        yield route, above
        yield from _branches(route.children, (*above, route.match))


def _listed(words: Iterable[object]) -> str:
    return " and ".join(str(word) for word in words)
