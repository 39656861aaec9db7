"""Nothing happens in a plant in which nothing is wrong."""

from __future__ import annotations

from tests.simulation.worlds import ran, reported, told

HOUR_S = 3600.0


def test_an_hour_without_a_fault_is_silent() -> None:
    """C-301 stops and starts by itself at 30 and 75 % of the bag; the plume ends. Six hours: the bench."""
    made = ran(None, HOUR_S, step_s=4.0)
    document = reported(made)
    assert document["trips"] == []
    assert told(document) == []
    assert made.writes == []
    kinds = {event.kind for event in made.events}
    assert not kinds & {"effect.missing", "quality.stale", "quality.frozen", "link.lost", "interlock.unknown"}
