"""Holes in a rota, in words that are the same wherever they are told: check, the alarm, the table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from alarms.rota import SECOND_NS, Span, holes, local
from alarms.routes import HOLE_DAYS, Rota, Routes

DAY_NS: Final = 86_400 * SECOND_NS
END_DAYS: Final = 60  # how far ahead the end of a hole is looked for


@dataclass(frozen=True, slots=True)
class Hole:
    """text: 'nobody is on duty from Sat 2026-11-28 09:00 to Mon 2026-11-30 09:00', the plant's clock."""

    from_ns: int
    to_ns: int
    text: str


def first_holes(routes: Routes, now_ns: int) -> dict[str, Hole]:
    """Of every rota that a step names: the first hole within HOLE_DAYS days, if there is one."""
    found = {}
    for rota in rotas_in_use(routes):
        ahead = holes(routes, rota, now_ns, now_ns + HOLE_DAYS * DAY_NS)
        if ahead:
            whole = holes(routes, rota, ahead[0].from_ns, ahead[0].from_ns + END_DAYS * DAY_NS)[0]
            found[rota.name] = Hole(whole.from_ns, whole.to_ns, _text(routes, whole, now_ns))
    return found


def _text(routes: Routes, hole: Span, now_ns: int) -> str:
    if hole.to_ns - hole.from_ns >= END_DAYS * DAY_NS:
        when = "from now on" if hole.from_ns <= now_ns else f"from {clock(routes, hole.from_ns)} on"
    elif hole.from_ns <= now_ns:
        when = f"until {clock(routes, hole.to_ns)}"
    else:
        when = f"from {clock(routes, hole.from_ns)} to {clock(routes, hole.to_ns)}"
    return f"nobody is on duty {when}"


def clock(routes: Routes, at_ns: int) -> str:
    """'Sat 2026-11-28 09:00' of the plant's clock."""
    return local(routes, at_ns).strftime("%a %Y-%m-%d %H:%M")


def rotas_in_use(routes: Routes) -> list[Rota]:
    """Rotas that a step names: the others leave nobody alone."""
    named: set[str] = set()
    waiting = list(routes.routes)
    while waiting:
        route = waiting.pop()
        named |= {name for step in route.steps for name in step.to}
        waiting += route.children
    return [rota for rota in routes.rotas if rota.name in named]
