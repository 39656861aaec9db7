"""Whether a PLC lives: its counter says so, not its session."""

from __future__ import annotations

from itertools import pairwise

from alarms.signal import BAD_NO_COMMUNICATION, BAD_WAITING_FOR_INITIAL_DATA
from controller.core.inputs import LinkUp
from tests.unit.plants import EPOCH, Draft, Stage


def two_plcs() -> Stage:
    draft = Draft()
    draft.plc("L")
    draft.plc("R")
    draft.tag("PT-604", 0, unit="bara")
    draft.tag("LT-201", 1, unit="%")
    return Stage(draft.build())


def status(stage: Stage, name: str) -> int:
    return int(stage.core.image.status[stage.plant.index[name]])


def test_values_count_only_when_the_counter_has_moved() -> None:
    stage = two_plcs()
    tags = stage.plant.index
    stage.step(stage.raw_batch(0, [(tags["PT-604"], 8.0), (tags["L.ALIVE"], 1.0)]), LinkUp(0))
    assert status(stage, "PT-604") == BAD_WAITING_FOR_INITIAL_DATA
    assert not stage.core.ready
    stage.step(stage.raw_batch(0, [(tags["L.ALIVE"], 2.0)]))
    assert status(stage, "PT-604") == 0
    assert stage.core.image.value[tags["PT-604"]] == 8.0
    assert [event.source for event in stage.of("link.restored")] == ["L"]


def test_a_counter_that_moved_before_the_link_was_up_counts_when_it_is() -> None:
    stage = two_plcs()
    tags = stage.plant.index
    stage.step(stage.raw_batch(0, [(tags["L.ALIVE"], 1.0)]))
    stage.step(stage.raw_batch(0, [(tags["L.ALIVE"], 2.0), (tags["PT-604"], 8.0)]))
    assert not stage.of("link.restored")
    stage.step(LinkUp(0))
    assert status(stage, "PT-604") == 0


def test_a_plc_whose_counter_stands_still_is_lost_within_5_s_with_one_event_and_a_new_client() -> None:
    stage = two_plcs()
    stage.connect()
    stage.advance(10.0)
    assert stage.core.ready
    stage.alive.discard(1)
    for _ in range(4):
        stage.advance(1.0)
        stage.show({"LT-201": 50.0})
    assert not stage.of("link.lost")
    stage.advance(1.0)
    assert [(event.source, event.text) for event in stage.of("link.lost")] == [
        ("R", "R is lost: its counter has stood still for 5 s")
    ]
    assert status(stage, "LT-201") == BAD_NO_COMMUNICATION
    assert status(stage, "PT-604") == 0
    assert [(one.plc, one.reason) for one in stage.reconnects()] == [
        (1, "its counter has stood still for 5 s")
    ]


def test_what_a_lost_plc_still_sends_is_not_believed() -> None:
    stage = two_plcs()
    stage.connect()
    stage.lose(1)
    stage.show({"LT-201": 77.0})
    assert status(stage, "LT-201") == BAD_NO_COMMUNICATION
    assert stage.core.image.value[stage.plant.index["LT-201"]] == 0.0


def test_values_from_before_the_loss_are_not_confirmed_by_the_new_session() -> None:
    stage = two_plcs()
    stage.connect()
    stage.lose(1)
    tags = stage.plant.index
    stage.step(LinkUp(1), stage.raw_batch(1, [(tags["R.ALIVE"], 50.0)]))
    stage.step(stage.raw_batch(1, [(tags["R.ALIVE"], 51.0)]))
    assert status(stage, "R.ALIVE") == 0
    assert status(stage, "LT-201") == BAD_NO_COMMUNICATION, "this session has not brought it yet"


def test_the_plc_that_comes_back_says_how_long_it_was_away() -> None:
    stage = two_plcs()
    stage.connect()
    stage.advance(2.0)
    stage.lose(1)
    stage.advance(90.0)
    stage.connect(1, values={"LT-201": 60.0})
    assert stage.last("link.restored", "R").data == {"down_s": 90.0, "gap": False}
    assert stage.core.image.value[stage.plant.index["LT-201"]] == 60.0


def test_a_session_whose_counter_never_moves_is_given_up_again_and_again_without_further_events() -> None:
    stage = two_plcs()
    stage.connect()
    stage.alive.discard(1)
    stage.advance(6.0)
    stage.step(LinkUp(1))
    stage.advance(15.0)
    assert len(stage.reconnects()) == 2
    stage.step(LinkUp(1))
    stage.advance(15.0)
    assert len(stage.reconnects()) == 3
    assert len(stage.of("link.lost")) == 1


def test_a_plc_that_does_not_come_at_all_is_told_once_after_the_grace() -> None:
    stage = two_plcs()
    stage.connect(0)
    stage.advance(29.0)
    assert not stage.of("link.lost")
    stage.advance(60.0)
    assert [(event.source, event.text) for event in stage.of("link.lost")] == [
        ("R", "R has not come: not connected yet")
    ]
    stage.connect(1)
    assert [event.source for event in stage.of("link.restored")] == ["L", "R"]
    assert stage.folded().lost == {}


def test_each_plc_with_a_session_gets_a_beat_each_second() -> None:
    stage = two_plcs()
    stage.connect(0)
    stage.advance(3.0)
    tags = stage.plant.index
    beats = [write for write in stage.beats() if write.plc == 0]
    first = beats[0].fields[0][1]
    assert [write.fields[0][1] - first for write in beats] == [0.0, 1.0, 2.0, 3.0]
    assert beats[0].fields[1] == (tags["L.EPOCH"], float(EPOCH))
    assert not [write for write in stage.beats() if write.plc == 1]


def test_a_service_that_is_killed_again_and_again_after_its_first_beat_still_moves_the_counter() -> None:
    stage = two_plcs()
    stage.connect(0)
    firsts = [stage.beats()[0].fields[0][1]]
    for run in range(1, 50):
        stage = stage.restarted(epoch=EPOCH + run)
        stage.connect(0)
        firsts.append(stage.beats()[0].fields[0][1])
    assert all(before != after for before, after in pairwise(firsts))
    assert all(0 < beat <= 65535 for beat in firsts)


def test_a_core_that_was_held_up_does_not_make_up_for_missed_beats() -> None:
    stage = two_plcs()
    stage.connect()
    before = len(stage.beats())
    stage.mono_s += 4.0
    stage.step()
    assert len(stage.beats()) - before == 2, "one to each PLC"
    stage.step()
    assert len(stage.beats()) - before == 2
