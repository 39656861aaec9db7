"""Which route an alarm takes, who a step means now, and the plan in words for `heloop notify explain`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alarms.model import Alarm
from alarms.rota import SECOND_NS, in_times, local, next_instant_ns, on_duty
from alarms.routes import Address, Match, Recipient, Rota, Route, Routes, Step, Way


def fits(match: Match, alarm: Alarm) -> bool:
    """Every condition that is set is met."""
    return (
        (not match.areas or alarm.area in match.areas)
        and (not match.priorities or alarm.priority in match.priorities)
        and (not match.classes or alarm.alarm_class in match.classes)
        and (not match.tags or any(fnmatchcase(alarm.id, pattern) for pattern in match.tags))
    )


def path_of(routes: Routes, alarm: Alarm) -> tuple[Route, ...]:
    """The branches that lead to the alarm's route, the deciding one last; () when none fits."""
    found: list[Route] = []
    branches = routes.routes
    while True:
        branch = next((one for one in branches if fits(one.match, alarm)), None)
        if branch is None:
            return tuple(found)
        found.append(branch)
        branches = branch.children


def route_of(routes: Routes, alarm: Alarm) -> Route | None:
    """The route that decides: the first child that fits, and of its children again; None when none fits."""
    path = path_of(routes, alarm)
    return path[-1] if path else None


def all_routes(routes: Routes) -> Iterator[Route]:
    """Every branch of the tree; names are unique."""
    waiting = list(reversed(routes.routes))
    while waiting:
        route = waiting.pop()
        yield route
        waiting += reversed(route.children)


# --- people ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody a step means, and by which addresses. by: the rota's name, '' when named directly."""

    recipient: Recipient
    addresses: tuple[Address, ...]
    by: str = ""


def recipient_named(routes: Routes, name: str) -> Recipient | None:
    return next((one for one in routes.recipients if one.name == name), None)


def rota_named(routes: Routes, name: str) -> Rota | None:
    return next((one for one in routes.rotas if one.name == name), None)


def people_of(routes: Routes, names: tuple[str, ...], at_ns: int) -> list[tuple[str, str]]:
    """(recipient, rota or '') behind names of rotas, people and rooms at an instant, each once."""
    found: dict[str, str] = {}
    for name in names:
        rota = rota_named(routes, name)
        people = (name,) if rota is None else on_duty(routes, rota, at_ns)
        for one in people:
            found.setdefault(one, "" if rota is None else rota.name)
    return list(found.items())


def addresses_of(recipient: Recipient, ways: tuple[Way, ...]) -> tuple[Address, ...]:
    """The addresses of these ways; without any of them, or of no way in particular, the first address."""
    wanted = tuple(address for address in recipient.addresses if address.way in ways)
    return wanted or recipient.addresses[:1]


def targets(routes: Routes, step: Step, at_ns: int) -> list[Target]:
    """Whom a step means at an instant; [] when nobody is on duty."""
    found = []
    for name, by in people_of(routes, step.to, at_ns):
        recipient = recipient_named(routes, name)
        if recipient is not None and recipient.addresses:
            found.append(Target(recipient, addresses_of(recipient, step.ways), by))
    return found


def is_quiet(routes: Routes, route: Route, priority: int, at_ns: int) -> bool:
    """Whether alarms of this priority are kept for the route's digest now; priority 1 never is."""
    if priority == 1 or not route.quiet or priority not in route.quiet_priorities:
        return False
    return in_times(routes, route.quiet, at_ns)


# --- the plan ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """number: from 1. told: whom it means. why_not: why it tells nobody, '' when it does."""

    number: int
    at_ns: int
    step: Step
    told: tuple[Target, ...]
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What would happen if the alarm were raised at at_ns and nobody answered.

    path: the branches that led to the route. why_not: why nobody is told at once, '' when somebody is.
    digest_ns: when the digest tells of it instead, None when it is told at once.
    """

    alarm: str
    at_ns: int
    route: Route | None
    path: tuple[str, ...] = ()
    steps: tuple[PlannedStep, ...] = ()
    why_not: str = ""
    digest_ns: int | None = None


def spoken_s(seconds: float) -> str:
    """A length of time in a sentence: '45 s', '10 min', '3 h'."""
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.4g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"


def first_due_ns(route: Route, raised_ns: int) -> int:
    """When the first step is due: after the route's delay and the step's own, whichever is longer."""
    after_s = route.steps[0].after_s if route.steps else 0.0
    return raised_ns + round(max(route.delay_s, after_s) * SECOND_NS)


def plan(routes: Routes, alarm: Alarm, at_ns: int) -> Plan:
    """Who would get what, when and by which address, and why not."""
    path = path_of(routes, alarm)
    names = tuple(route.name for route in path)
    if not path:
        return Plan(alarm.id, at_ns, None, why_not="no route fits it, so nobody is told")
    route = path[-1]
    if not alarm.enabled:
        return Plan(alarm.id, at_ns, route, names, why_not="the alarm is disabled in the configuration")
    if not route.steps:
        return Plan(alarm.id, at_ns, route, names, why_not=f"route {route.name} has no steps: nobody is told")
    due_ns = first_due_ns(route, at_ns)
    if is_quiet(routes, route, alarm.priority, due_ns):
        digest_ns = next_instant_ns(routes, route.digest_min, due_ns)
        when = local(routes, digest_ns).strftime("%Y-%m-%d %H:%M")
        why = f"it is quiet ({route.quiet}): kept for the digest of {when}"
        step = PlannedStep(1, digest_ns, route.steps[0], tuple(targets(routes, route.steps[0], digest_ns)))
        return Plan(alarm.id, at_ns, route, names, (step,), why, digest_ns)
    steps = tuple(_steps(routes, route, at_ns))
    why_not = "" if any(step.told for step in steps) else _nobody(routes, alarm)
    return Plan(alarm.id, at_ns, route, names, steps, why_not)


def _nobody(routes: Routes, alarm: Alarm) -> str:
    """What happens when no step finds anybody."""
    if alarm.priority == 1 and routes.trouble:
        return f"nobody is on duty in any step: priority 1, so {', '.join(routes.trouble)} is told (trouble)"
    return "nobody is on duty in any step"


def _steps(routes: Routes, route: Route, at_ns: int) -> Iterator[PlannedStep]:
    due_ns = first_due_ns(route, at_ns)
    for number, step in enumerate(route.steps, 1):
        told = tuple(targets(routes, step, due_ns))
        if not in_times(routes, step.times, due_ns):
            yield PlannedStep(number, due_ns, step, (), f"only in {step.times}, passed over")
        elif not told:
            yield PlannedStep(number, due_ns, step, (), "nobody is on duty, so the next step comes at once")
        else:
            yield PlannedStep(number, due_ns, step, told)
        if number < len(route.steps):
            passed = not told and in_times(routes, step.times, due_ns)
            due_ns += 0 if passed else round(route.steps[number].after_s * SECOND_NS)
