"""Rotas, plans and receipts as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from alarms.rota import instant_ns, local, spans
from alarms.routes import Address, Stop, Way
from alarms.routing import spoken_s
from controller.cli.alarm_text import at, cut
from controller.plant.duty import clock

if TYPE_CHECKING:
    from alarms.model import Alarm
    from alarms.rota import Span
    from alarms.routes import Rota, Routes, Step
    from alarms.routing import Plan, PlannedStep

PEOPLE: Final = {Stop.ACKNOWLEDGED: "acknowledged", Stop.SHELVED: "shelved", Stop.RETURNED: "returned"}


# --- rota ----------------------------------------------------------------------------------------


def rota_table(routes: Routes, rota: Rota, from_ns: int, days: int) -> tuple[Table, int]:
    """A line for each day from now on, and the number of holes in them."""
    title = f"{rota.name}: {rota.text}" if rota.text else rota.name
    table = Table(title=f"{title} ({routes.timezone})", title_justify="left", title_style="bold")
    table.add_column("day", no_wrap=True)
    table.add_column("on duty, from when on")
    first = local(routes, from_ns).date()
    found = spans(routes, rota, from_ns, instant_ns(routes.timezone, first + timedelta(days=days), 0))
    seen: dict[str, None] = {}
    for day in (first + timedelta(days=number) for number in range(days)):
        begin_ns, end_ns = (instant_ns(routes.timezone, day + timedelta(days=n), 0) for n in (0, 1))
        there = [span for span in found if span.from_ns < end_ns and span.to_ns > begin_ns]
        seen |= dict.fromkeys(name for span in there for name in span.people)
        holiday = "  holiday" if day in routes.holidays else ""
        table.add_row(f"{day:%a %Y-%m-%d}{holiday}", _stretches(routes, there, max(begin_ns, from_ns)))
    texts = {one.name: one.text for one in routes.recipients}
    table.caption = ", ".join(f"{name}: {texts[name]}" for name in seen if texts.get(name))
    table.caption_justify = "left"
    return table, sum(span.hole for span in found)


def _stretches(routes: Routes, found: list[Span], begin_ns: int) -> Text:
    """'00:00 smith   08:30 sato, smith   17:30 smith', holes in red."""
    said = Text()
    for span in found:
        said.append("   " if said else "")
        said.append(f"{local(routes, max(span.from_ns, begin_ns)):%H:%M} ", style="dim")
        if span.people:
            said.append(", ".join(span.people))
        else:
            said.append("NOBODY" if span.hole else "(nobody)", style="bold red" if span.hole else "dim")
    return said


# --- plan ----------------------------------------------------------------------------------------


def plan_text(routes: Routes, alarm: Alarm, plan: Plan) -> str:
    """Who would get what, when, by which address, and why not."""
    where = f", {alarm.area}" if alarm.area else ""
    lines = [f"{alarm.id} (priority {alarm.priority}{where}): {alarm.text}"]
    lines.append(f"raised {clock(routes, plan.at_ns)} ({routes.timezone}), and nobody answers:")
    if plan.route is None:
        return "\n".join([*lines, f"  {plan.why_not}"])
    lines.append(f"  route {' > '.join(plan.path)} ({plan.route.from_place})")
    if plan.why_not:
        lines.append(f"  {plan.why_not}")
    for step in plan.steps:
        lines += _step(routes, plan, step)
    if plan.route.steps:
        words = [PEOPLE[one] for one in Stop if one in plan.route.stop]
        lines.append(f"  it ends when the alarm is {_or(words)}")
        told = [
            word
            for word, on in (("answered", plan.route.tell_answered), ("returned", plan.route.tell_return))
            if on
        ]
        if told:
            lines.append(f"  who was told is told when it is {_or(told)}")
    return "\n".join(lines)


def _step(routes: Routes, plan: Plan, step: PlannedStep) -> Iterator[str]:
    when = local(routes, step.at_ns)
    after = _length(round((step.at_ns - plan.at_ns) / 1e9))
    yield f"  {when:%a %H:%M:%S}, after {after}: step {step.number}{_again(step.step)}"
    if step.why_not:
        yield f"      {step.why_not}"
    for target in step.told:
        by = f" (rota {target.by})" if target.by else ""
        addresses = ", ".join(_address(address) for address in target.addresses)
        yield f"      {target.recipient.name}{by}: {addresses}"


def _length(seconds: int) -> str:
    """'10 min 10 s'."""
    hours, minutes, left = seconds // 3600, seconds // 60 % 60, seconds % 60
    parts = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if n]
    return " ".join(parts) or "0 s"


def _again(step: Step) -> str:
    if step.repeat_s is None:
        return ""
    times = f", {step.repeats} times" if step.repeats else " until it ends"
    return f", again every {spoken_s(step.repeat_s)}{times}"


def _address(address: Address) -> str:
    """Of a chat that stands in the file only the service: the rest is nobody's business."""
    if address.way is Way.CHAT and "://" in address.target:
        return f"chat {address.target.partition('://')[0]}://"
    return f"{address.way} {address.target}"


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


# --- what was sent -------------------------------------------------------------------------------


def tried_line(tried: Any) -> str:
    """A line of `heloop notify test`."""
    told = "its server has taken it" if tried.ok else f"FAILED: {tried.answer}"
    return f"{tried.address.id:20} {_address(tried.address)}: {told}"


def logged_line(row: Any, columns: int | None) -> str:
    """A line of `heloop notify log`."""
    tries = f" after {row.attempts} tries" if row.attempts > 1 else ""
    answer = f": {row.answer}" if row.answer else ""
    what = f"{row.why:9} {row.alarm:16}".rstrip()
    return cut(f"{at(row.at_ns)}  {row.address:20} {what:27} {row.state}{tries}{answer}", columns)
