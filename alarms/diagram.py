"""The state diagrams and tables of docs/reference/alarm-states.md, drawn from the transition tables.

`page()` is the whole text of that file; a test compares them, so the two cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alarms.lifecycle import BESIDE, TRANSITIONS, Event, Machine, State

NAMES: Final[Mapping[State, str]] = {
    State.NORMAL: "Normal",
    State.UNACKNOWLEDGED: "Unacknowledged",
    State.ACKNOWLEDGED: "Acknowledged",
    State.RETURNED_UNACKNOWLEDGED: "Returned to normal, unacknowledged",
    State.LATCHED_UNACKNOWLEDGED: "Latched, unacknowledged",
    State.LATCHED_ACKNOWLEDGED: "Latched, acknowledged",
    State.SHELVED: "Shelved",
    State.SUPPRESSED_BY_DESIGN: "Suppressed by design",
    State.OUT_OF_SERVICE: "Out of service",
}
MEANING: Final[Mapping[Event, str]] = {
    Event.RAISED: "the condition holds, its on-delay is over",
    Event.TAKEN_OVER: "a worse alarm of an exclusive tag, acknowledged, has come back to this one",
    Event.RETURNED: "the condition is gone, its off-delay is over",
    Event.RETURNED_LATCHING: "the same, for an alarm of the latching kind",
    Event.RETURNED_UNSEEN: "the same, while suppressed by design and never shown to anybody",
    Event.ABSORBED: "a worse alarm of an exclusive tag speaks for this one now",
    Event.ACKNOWLEDGED: "a person has seen it",
    Event.RESET: "a person releases the latch",
    Event.REARMED: "it is put before people again: re-alarm time, or what covered it has gone",
}
_SIDE_TITLES: Final[Mapping[Machine, str]] = {
    Machine.CONFIRMATION: "Confirmation (alarms that need a second step)",
    Machine.SHELVING: "Shelf",
    Machine.SUPPRESSION: "Suppression by a person",
    Machine.SERVICE: "Service",
    Machine.SILENCE: "Sound",
}


def mermaid() -> str:
    """The alarm's own machine; several events between the same two states share an arrow."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.NORMAL.value}"]
    lines += [f'    state "{state.value} {NAMES[state]}" as {state.value}' for state in TRANSITIONS]
    for state, row in TRANSITIONS.items():
        arrows: dict[State, list[str]] = {}
        for event, after in row.items():
            arrows.setdefault(after, []).append(event.value.replace(",", ""))
        lines += [
            f"    {state.value} --> {after.value}: {' / '.join(events)}" for after, events in arrows.items()
        ]
    return "\n".join(lines)


def mermaid_beside(machine: Machine) -> str:
    """One of the machines that run beside it."""
    rows = BESIDE[machine]
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(rows))}"]
    for state, row in rows.items():
        lines += [f"    {state} --> {after}: {event}" for event, after in row.items()]
    return "\n".join(lines)


def _table() -> str:
    """States against events; an empty cell is refused and changes nothing."""
    head = "| state | " + " | ".join(event.value for event in Event) + " |"
    rule = "|---|" + "---|" * len(Event)
    rows = [
        f"| {state.value} {NAMES[state]} | "
        + " | ".join(row[event].value if event in row else "" for event in Event)
        + " |"
        for state, row in TRANSITIONS.items()
    ]
    return "\n".join([head, rule, *rows])


def page() -> str:
    """docs/reference/alarm-states.md."""
    events = "\n".join(f"- **{event.value}**: {MEANING[event]}." for event in Event)
    beside = "\n\n".join(
        f"### {_SIDE_TITLES[machine]}\n\n```mermaid\n{mermaid_beside(machine)}\n```" for machine in Machine
    )
    return _PAGE.format(diagram=mermaid(), events=events, table=_table(), beside=beside)


_PAGE: Final = """\
# Alarm states

This page is made from the tables in `alarms/lifecycle.py` (`alarms.diagram.page()`). The letters and
names are those of ANSI/ISA-18.2-2016 and IEC 62682; the machines beside the alarm's own have the names
of OPC UA Part 9.

## The alarm

```mermaid
{diagram}
```

{events}

What leads where; an empty cell is refused and changes nothing:

{table}

An alarm that comes again while its earlier activation still waits for a person (from D or E) starts a
new activation; the earlier one is kept as a branch until it is acknowledged, and confirmed where that
is required. At most eight branches are kept, the newest.

## Beside it

These facts are independent of the alarm's own state and of each other. Acknowledging a shelved alarm
does not unshelve it; shelving it does not acknowledge it.

{beside}

## What is displayed

One state is shown, the first that applies:

1. **I Out of service**: taken out of service by a person, or disabled in the configuration.
2. **H Suppressed by design**: an operating state, a parent alarm or a lost link covers it, it is the
   consequence of a first-out, or a person has suppressed it.
3. **G Shelved**.
4. Its own state, A to F.

Beneath G, H and I the alarm's own state goes on. When a cover that a person laid is lifted while the
condition stands, the alarm is put before people as unacknowledged. When suppression by design ends, it
is announced only if nobody had been shown this activation before.
"""
