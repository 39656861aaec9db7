"""What the alarm system is told of interlocks: that one stands tripped, and which effect is missing.

A function of the durable trip alone, so that it is the same after a restart and in a replay.
"""

from __future__ import annotations

from typing import Any, Final

from alarms.model import Telling
from controller.core.demand import ATTEMPTS_MAX, PAUSE_S
from controller.core.durable import EffectRecord, InterlockRecord, Recorded, Trip
from controller.plant.plant import Interlock

OF_INTERLOCKS: Final = ("interlock.", "effect.", "bypass.", "check.")
MISSING: Final = frozenset(("refused", "failed", "unknown"))


def concerned(event: Recorded) -> set[str]:
    """The interlocks whose trip or effects this event may have changed."""
    if event.kind.startswith(OF_INTERLOCKS):
        return {event.source}
    return {str(name) for name, _, _ in event.data.get("settles", ())}


def trip_telling(rule: Interlock, record: InterlockRecord) -> Telling | None:
    """Why it stands tripped; None when it does not."""
    trip = record.trip
    if trip is None:
        return None
    texts = {cause.id: cause.text for cause in rule.causes}
    why = f"first out {trip.first_out}"
    if trip.reason == "unknown":
        why = "it could not see its causes"
    elif text := texts.get(trip.first_out):
        why = f"{why}, {text}"
    if trip.parent:
        why += f", following {trip.parent}"
    return Telling(why, _about(rule, trip))


def effect_telling(rule: Interlock, record: InterlockRecord) -> Telling | None:
    """Which effects of the standing trip are missing; None when none is."""
    trip = record.trip
    if trip is None or record.bypass is not None:
        return None
    missing = [
        effect
        for _, effect in sorted(trip.effects.items())
        if _is_missing(effect) and not (effect.kind == "check" and record.muted is not None)
    ]
    if not missing:
        return None
    said = "; ".join(f"{one.tag} {one.value}: {one.result}, {one.how}" for one in missing)
    rows = [{"tag": one.tag, "value": one.value, "result": one.result, "how": one.how} for one in missing]
    return Telling(said, {**_about(rule, trip), "effects": rows})


def _about(rule: Interlock, trip: Trip) -> dict[str, Any]:
    return {
        "interlock": rule.name,
        "trip": trip.number,
        "first_out_cause": trip.first_out,
        "parent": trip.parent,
    }


def _is_missing(effect: EffectRecord) -> bool:
    """Asked for, and it will not come by itself. Of a PLC that cannot be reached its link speaks; a value
    that cannot be seen has its own alarm; what a safer word has overtaken is served by that word."""
    if effect.kind == "check":
        return effect.result == "failed"
    if effect.kind != "command" or effect.result not in MISSING:
        return False
    if effect.how == "unreachable" or effect.how.startswith("overtaken"):
        return False
    repeated = effect.how in PAUSE_S and effect.how != "local" and effect.attempts < ATTEMPTS_MAX
    return not repeated
