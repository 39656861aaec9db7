"""The state of the core as plain data, for `heloop status`, the console and the terminal view.

Reads only; asked between steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alarms.signal import SEVERITY_MASK, Tri
from controller.core.clock import Now
from controller.core.durable import Grant, InterlockRecord, Trip
from controller.core.logic import Logic
from controller.plant.plant import By, Command

if TYPE_CHECKING:
    from controller.core.core import Core

CLEAR, TRIPPED, BYPASSED, UNKNOWN = "clear", "tripped", "bypassed", "unknown"
TRI = {Tri.TRUE: "true", Tri.FALSE: "false", Tri.UNKNOWN: "unknown"}


def status(core: Core, now: Now) -> dict[str, Any]:
    """Interlocks, bypasses, commands, permissives, PLCs and how many values are not Good."""
    severity = core.image.status & SEVERITY_MASK
    return {
        "interlocks": [interlock_row(core, logic, now) for logic in core.interlocks.logics],
        "bypasses": bypass_rows(core),
        "commands": [command_row(core, command) for command in core.plant.commands],
        "permissives": [
            {"name": one.name, "text": one.text, "withheld_by": core.permissives.withheld_by(one.index)}
            for one in core.plant.permissives
        ],
        "plcs": plc_rows(core, now),
        "alarms": core.alarming.rows(),
        "values": {
            "good": int((severity == 0).sum()),
            "uncertain": int((severity == 0x40000000).sum()),
            "bad": int((severity >= 0x80000000).sum()),
        },
    }


def state_of(logic: Logic, record: InterlockRecord) -> str:
    """What to show of an interlock in one word; a mirrored one that cannot see is unknown whatever stood."""
    if record.bypass is not None:
        return BYPASSED
    if logic.rule.by is By.PLC and logic.live.demand is Tri.UNKNOWN:
        return UNKNOWN
    if record.trip is not None:
        return TRIPPED
    return UNKNOWN if logic.live.demand is Tri.UNKNOWN else CLEAR


def interlock_row(core: Core, logic: Logic, now: Now) -> dict[str, Any]:
    rule, record = logic.rule, core.interlocks.record(logic.rule.index)
    trip = record.trip
    return {
        "name": rule.name,
        "text": rule.text,
        "kind": rule.kind,
        "by": rule.by.value,
        "state": state_of(logic, record),
        "demand": TRI[logic.live.demand],
        "first_out": "" if trip is None else trip.first_out,
        "since_utc_ns": None if trip is None else trip.utc_ns,
        "since_s": None if trip is None else round((now.utc_ns - trip.utc_ns) / 1e9, 1),
        "reason": "" if trip is None else trip.reason,
        "latched": trip is not None and trip.latched,
        "parent": "" if trip is None else trip.parent,
        "acknowledged": "" if trip is None else trip.acknowledged,
        "resettable": trip is not None and logic.live.resettable,
        "not_resettable": ""
        if trip is None or logic.live.resettable
        else core.requests.not_resettable(logic),
        "causes": [
            {**logic.evidence(number, core.image), "state": TRI[answer]}
            for number, answer in enumerate(logic.live.answers)
        ],
        "effects": [] if trip is None else effect_rows(trip),
        "muted": record.muted is not None,
        "trips": record.trips,
        "trips_24h": sum(now.utc_ns - tripped < 86_400 * 10**9 for tripped in record.tripped_utc_ns),
        "last_first_out": "" if record.last is None else record.last.first_out,
    }


def effect_rows(trip: Trip) -> list[dict[str, Any]]:
    return [
        {
            "tag": effect.tag,
            "value": effect.value,
            "by": effect.by,
            "result": effect.result,
            "how": effect.how,
            "ms": effect.ms,
        }
        for _, effect in sorted(trip.effects.items())
    ]


def bypass_rows(core: Core) -> list[dict[str, Any]]:
    """Everything that takes away from the protection now, and what is asked for."""
    rows: list[dict[str, Any]] = []
    for rule in core.plant.interlocks:
        record = core.interlocks.record(rule.index)
        for what, grant in (("bypass", record.bypass), ("muted", record.muted)):
            if grant is not None:
                rows.append(_grant_row(core, rule.name, what, grant))
        if record.asked is not None:
            rows.append(
                {
                    "interlock": rule.name,
                    "kind": "asked",
                    "user": record.asked.user,
                    "confirmed_by": "",
                    "reason": record.asked.reason,
                    "until_utc_ns": None,
                    "remaining_s": round(core.bypasses.remaining_s("asked", rule.name), 1),
                }
            )
    return rows


def _grant_row(core: Core, name: str, what: str, grant: Grant) -> dict[str, Any]:
    return {
        "interlock": name,
        "kind": "bypass" if what == "bypass" else "check inhibited",
        "user": grant.user,
        "confirmed_by": grant.confirmed_by,
        "reason": grant.reason,
        "until_utc_ns": grant.until_utc_ns,
        "remaining_s": round(core.bypasses.remaining_s(what, name), 1),
    }


def command_row(core: Core, command: Command) -> dict[str, Any]:
    record = core.commands.flights.record(command)
    return {
        "name": command.name,
        "text": command.text,
        "plc": core.plant.plcs[command.plc].name,
        "words": [word.name for word in command.words],
        "word": record.word,
        "result": record.result,
        "how": record.how,
        "utc_ns": record.utc_ns,
        "on_its_way": "" if record.flight is None else record.flight.word,
        "local": core.commands.flights.is_local(command),
    }


def plc_rows(core: Core, now: Now) -> list[dict[str, Any]]:
    rows = []
    for plc, pulse in zip(core.plant.plcs, core.liveness.pulses, strict=True):
        remote = None if plc.remote is None else core.image.good_value(plc.remote)
        alive = core.liveness.is_alive(plc.index)
        rows.append(
            {
                "plc": plc.name,
                "life": pulse.life.value,
                "reason": "" if alive else pulse.reason,
                "remote": None if remote is None else bool(remote),
                "down_s": None if pulse.lost_s is None else round(now.mono_s - pulse.lost_s, 1),
                "fenced": plc.index in core.commands.flights.fenced,
            }
        )
    return rows
