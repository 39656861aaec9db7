"""The report of a run, from its events: what tripped, what came of it (docs/reference/report.md).

Pure: the demo makes it from its journal, `simulate` from its events; the same events give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from controller.core.durable import PENDING, Durable, Recorded, Trip

NOT_DECIDED: Final = "unknown"  # a run that ends before an effect is proved cannot say more


def trips(events: Iterable[Recorded]) -> list[dict[str, Any]]:
    """Every trip in the order it came: {id, first_out, at_s, causes, effects[{tag, value, by, result, ms}]}.

    Permissives that were withheld are events, not trips.
    """
    state = Durable()
    found: list[tuple[str, Trip]] = []
    for event in events:
        state.apply(event)
        if event.kind == "interlock.tripped" and event.data["kind"] == "trip":
            trip = state.interlock(event.source).trip
            assert trip is not None  # the fold of this very event
            found.append((event.source, trip))
    return [_row(name, trip) for name, trip in found]


def _row(name: str, trip: Trip) -> dict[str, Any]:
    return {
        "id": name,
        "first_out": trip.first_out,
        "at_s": round(trip.at_s, 3),
        "causes": list(trip.causes),
        "effects": [
            {
                "tag": effect.tag,
                "value": effect.value,
                "by": effect.by,
                "result": NOT_DECIDED if effect.result == PENDING else effect.result,
                "ms": effect.ms,
            }
            for _, effect in sorted(trip.effects.items())
        ],
    }
