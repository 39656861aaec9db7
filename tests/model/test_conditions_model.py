"""A client that keeps a list by what it is told has the list that a refresh gives; so has a new gateway.

Whatever happens to the bag and whatever people do: no event id comes twice, and each on the list is one
that can be acknowledged, confirmed or commented.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from alarms.model import Discrete
from alarms.operations import Action
from alarms.suppression import Suppression
from tests.unit.control_room import HOUR, Room, Tags, alarm, high, low
from tests.unit.plant_conditions import Desk, plain

STEPS = 60


def bag(confirm: bool, latching: bool, exclusive: bool) -> tuple[Room, list[Suppression]]:
    tags = Tags(("LT-201", "%"), "XS-001")
    level = tags["LT-201"]
    common = {"exclusive": exclusive}
    rules = [
        alarm("LT-201.HH", high(level, 95, 1), 2, confirm=confirm, latching=latching, **common),
        alarm("LT-201.H", high(level, 90, 1), 3, **common),
        alarm("LT-201.L", low(level, 15, 1), 3, confirm=confirm, **common),
    ]
    off = Suppression("off", Discrete(tags["XS-001"], (0,)), ("LT-201.H", "LT-201.L"), "plant off")
    return Room(tags, rules, [off], LT_201=50.0, XS_001=1), [off]


def something(room: Room, desk: Desk, dice: random.Random, shown: dict[Any, dict[str, Any]]) -> None:
    """One thing that happens, or that somebody does about what is on the list."""
    name = dice.choice(("LT-201.HH", "LT-201.H", "LT-201.L"))
    match dice.randrange(10):
        case 0 | 1 | 2 | 3:
            room.reads("LT-201", dice.choice((5.0, 50.0, 91.0, 96.0)))
        case 4:
            room.reads("XS-001", dice.choice((0.0, 1.0)))
        case 5:
            room.reads("LT-201", status=dice.choice((0, 0x808C0000)))
        case 6:
            action = dice.choice((Action.SHELVE, Action.SHELVE_ONCE, Action.UNSHELVE, Action.SILENCE))
            room.does(action, name, for_s=dice.choice((60.0, 600.0)), reason="busy")
        case 7:
            action = dice.choice((Action.SUPPRESS, Action.UNSUPPRESS, Action.RESET))
            room.does(action, name, role="supervisor", for_s=HOUR, reason="test")
        case 8:
            room.wait(dice.choice((1.0, 61.0)))
        case _:
            if shown:
                act_upon(room, desk, dice, dice.choice(list(shown.values())))


def act_upon(room: Room, desk: Desk, dice: random.Random, event: dict[str, Any]) -> None:
    """By the id that the client has, as the gateway hands it on."""
    name = event["ConditionName"]
    whose = desk.conditions.whose(name, event["EventId"])
    branch = event["BranchId"].Identifier or ""
    assert whose == branch, "what is on the list is known, as what it is"
    action = dice.choice((Action.ACKNOWLEDGE, Action.CONFIRM, Action.COMMENT))
    known = desk.conditions.core_event(name, whose)
    if known:
        refused = room.does(action, name, event=known, reason="seen")
        assert refused in {"", "BadConditionBranchAlreadyAcked", "BadConditionBranchAlreadyConfirmed"}


def desk_list(desk: Desk) -> dict[Any, dict[str, Any]]:
    """What a client shows that has heard everything from the beginning (Part 9, 5.5.2)."""
    shown: dict[Any, dict[str, Any]] = {}
    for event in desk.told:
        fields = plain(event)
        key = (fields["ConditionName"], fields["BranchId"].Identifier or "")
        if fields["Retain"]:
            shown[key] = fields
        else:
            shown.pop(key, None)
    return shown


@pytest.mark.parametrize("seed", range(24))
def test_a_list_that_is_kept_is_the_list_that_is_asked_for(seed: int) -> None:
    dice = random.Random(seed)
    room, suppressions = bag(bool(seed & 1), bool(seed & 2), bool(seed & 4))
    desk = Desk(room, suppressions)
    for _ in range(STEPS):
        something(room, desk, dice, desk_list(desk))
        desk.hears()
        shown = desk_list(desk)
        asked = {(one["ConditionName"], one["BranchId"].Identifier or ""): one for one in desk.refreshed()}
        assert {key: one["EventId"] for key, one in asked.items()} == {
            key: one["EventId"] for key, one in shown.items()
        }
        for key, one in asked.items():
            differing = {path for path in one if one[path] != shown[key][path]}
            assert not differing, (key, differing)
    ids = [event.fields["EventId"].Value for event in desk.told]
    assert len(ids) == len(set(ids))
    again = desk.restart(dice.randrange(len(room.records)))
    assert {(e["ConditionName"], e["BranchId"].Identifier or "") for e in again.refreshed()} == set(
        desk_list(desk)
    )
    for event in again.refreshed():
        assert again.conditions.whose(event["ConditionName"], event["EventId"]) is not None
