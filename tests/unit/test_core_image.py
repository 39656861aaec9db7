"""Values, quality and time on their way into the image."""

from __future__ import annotations

import numpy as np
import pytest

from alarms.signal import (
    BAD_NO_COMMUNICATION,
    BAD_NO_DATA,
    BAD_SENSOR_FAILURE,
    BAD_WAITING_FOR_INITIAL_DATA,
    UNCERTAIN,
)
from controller.core.image import Image, Waiting, rounds
from controller.core.inputs import Batch
from tests.unit.plants import UTC0_NS, Draft, Stage

SECOND_NS = 1_000_000_000


def small() -> Draft:
    draft = Draft()
    draft.plc("R")
    draft.tag("LT-201", unit="%")
    draft.tag("PT-303", unit="mbarg")
    return draft


def batch(tags: list[int], values: list[float], source_ns: int = UTC0_NS) -> Batch:
    count = len(tags)
    return Batch(
        0,
        np.array(tags, np.int32),
        np.array(values),
        np.zeros(count, np.uint32),
        np.full(count, source_ns, np.int64),
    )


def test_before_the_first_value_every_tag_waits_for_it() -> None:
    stage = Stage(small().build())
    assert set(stage.core.image.status.tolist()) == {BAD_WAITING_FOR_INITIAL_DATA}


def test_a_tag_that_occurs_three_times_in_a_notification_is_taken_three_times_in_order() -> None:
    parts = list(rounds(batch([4, 5, 4, 4], [1.0, 9.0, 2.0, 3.0]), np.zeros(6, np.int64)))
    assert [(part.tags.tolist(), part.values.tolist()) for part in parts] == [
        ([4, 5], [1.0, 9.0]),
        ([4], [2.0]),
        ([4], [3.0]),
    ]


def test_a_notification_without_repeats_is_taken_as_it_is() -> None:
    whole = batch([5, 4], [1.0, 2.0])
    assert next(rounds(whole, np.zeros(6, np.int64))) is whole
    empty = batch([], [])
    assert list(rounds(empty, np.zeros(6, np.int64))) == [empty]


@pytest.mark.parametrize(
    ("off_s", "replaced"), [(0.0, False), (-9.9, False), (9.9, False), (-10.1, True), (3600.0, True)]
)
def test_a_source_time_more_than_10_s_off_is_replaced_by_the_receive_time(
    off_s: float, *, replaced: bool
) -> None:
    stage = Stage(small().build())
    stage.connect()
    stage.advance(30.0)
    given = stage.now.utc_ns + round(off_s * SECOND_NS)
    step = stage.step(*stage.batch({"LT-201": 50.0}, source_ns=given))
    values = next(effect for effect in step.effects if type(effect).__name__ == "Values")
    expected = stage.now.utc_ns if replaced else given
    assert abs(values.batch.source_ns.tolist()[0] - expected) <= 1
    assert values.flags.tolist() == [int(replaced)]
    assert values.original_ns.tolist() == [given]
    assert values.batch.status.tolist() == [0], "the value keeps its status; the clock alarm speaks"


def test_a_source_time_that_steps_back_is_replaced_and_times_still_rise() -> None:
    stage = Stage(small().build())
    stage.connect()
    stage.advance(20.0)
    now_ns = stage.now.utc_ns
    stage.step(*stage.batch({"LT-201": 50.0}, source_ns=now_ns))
    step = stage.step(*stage.batch({"LT-201": 51.0}, source_ns=now_ns - 3 * SECOND_NS))
    values = next(effect for effect in step.effects if type(effect).__name__ == "Values")
    assert values.flags.tolist() == [1]
    assert values.batch.source_ns.tolist() == [now_ns + 1]
    assert values.original_ns.tolist() == [now_ns - 3 * SECOND_NS]


def test_a_value_without_a_source_time_gets_the_receive_time() -> None:
    stage = Stage(small().build())
    stage.connect()
    stage.advance(2.0)
    step = stage.step(*stage.batch({"LT-201": 50.0}, source_ns=0))
    values = next(effect for effect in step.effects if type(effect).__name__ == "Values")
    assert values.batch.source_ns.tolist() == [stage.now.utc_ns]
    assert values.flags.tolist() == [1]


def test_good_that_is_no_number_is_bad() -> None:
    stage = Stage(small().build())
    stage.connect()
    stage.show({"LT-201": float("nan")})
    assert stage.core.image.status[stage.plant.index["LT-201"]] == BAD_SENSOR_FAILURE
    stage.show({"LT-201": float("nan")}, status=UNCERTAIN)
    assert stage.core.image.status[stage.plant.index["LT-201"]] == UNCERTAIN


def test_texts_take_the_second_lane() -> None:
    stage = Stage(small().build())
    stage.connect()
    tag = stage.plant.index["LT-201"]
    empty = batch([], [])
    stage.step(
        Batch(
            0, empty.tags, empty.values, empty.status, empty.source_ns, ((tag, "D-17", 0, stage.now.utc_ns),)
        )
    )
    assert stage.core.image.texts[tag] == "D-17"
    assert stage.core.image.status[tag] == 0
    values = stage.values()[-1].batch
    assert values.texts[0][:3] == (tag, "D-17", 0)


def test_what_waits_is_the_newest_of_each_tag_and_is_handed_over_once() -> None:
    plant = small().build()
    waiting = Waiting(plant)
    waiting.put(batch([4, 5], [1.0, 2.0]))
    waiting.put(batch([4], [3.0]))
    tags = Image(plant).of_plc[0]
    taken = waiting.take(0, tags)
    assert dict(zip(taken.tags.tolist(), taken.values.tolist(), strict=True)) == {4: 3.0, 5: 2.0}
    assert len(waiting.take(0, tags).tags) == 0


def test_a_value_that_is_not_reported_for_too_long_turns_bad_and_says_so_once() -> None:
    draft = Draft()
    draft.plc("R")
    draft.tag("LT-201", unit="%", stale_after_s=60.0)
    stage = Stage(draft.build())
    stage.connect()
    stage.advance(30.0)
    stage.show({"LT-201": 50.0})
    stage.advance(59.0)
    assert not stage.of("quality.stale")
    stage.advance(1.0)
    assert [event.text for event in stage.of("quality.stale")] == ["LT-201: no report for 60 s"]
    assert stage.core.image.status[stage.plant.index["LT-201"]] == BAD_NO_DATA
    stage.advance(300.0)
    assert len(stage.of("quality.stale")) == 1
    stage.show({"LT-201": 50.0})
    assert len(stage.of("quality.restored")) == 1
    assert stage.core.image.is_good(stage.plant.index["LT-201"])


def test_a_noisy_instrument_that_stands_still_turns_bad_until_it_moves() -> None:
    draft = Draft()
    draft.plc("R")
    draft.tag("LT-201", unit="%", frozen_after_s=60.0)
    stage = Stage(draft.build())
    stage.connect()
    tag = stage.plant.index["LT-201"]
    for _ in range(12):
        stage.show({"LT-201": 50.0})
        stage.advance(5.0)
    assert stage.core.image.status[tag] == BAD_SENSOR_FAILURE
    stage.show({"LT-201": 50.0})
    assert stage.core.image.status[tag] == BAD_SENSOR_FAILURE, "the same value again proves nothing"
    assert not stage.of("quality.restored")
    stage.show({"LT-201": 50.1})
    assert stage.core.image.is_good(tag)
    assert len(stage.of("quality.restored")) == 1


def test_stale_clocks_do_not_run_while_the_link_is_lost_and_start_again_after_it() -> None:
    draft = Draft()
    draft.plc("R")
    draft.tag("LT-201", unit="%", stale_after_s=60.0)
    stage = Stage(draft.build())
    stage.connect()
    stage.lose(0)
    stage.advance(120.0)
    assert not stage.of("quality.stale")
    assert stage.core.image.status[stage.plant.index["LT-201"]] == BAD_NO_COMMUNICATION
    stage.connect()
    stage.advance(59.0)
    assert not stage.of("quality.stale")
    stage.advance(2.0)
    assert len(stage.of("quality.stale")) == 1
