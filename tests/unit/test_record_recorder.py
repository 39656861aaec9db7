"""The flight recorder: what went in comes out again, byte for byte."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.clock import Now
from controller.core.inputs import (
    Batch,
    Input,
    LinkDown,
    LinkReport,
    LinkUp,
    Note,
    Request,
    WriteDone,
)
from controller.plant.plant import Plant
from controller.record import recording
from controller.record.errors import Missing
from controller.record.recorder import Recorder, Ring
from controller.record.recording import CoreState, Fed, Header, Hole, read_recording

PLANT = Plant("university", "", "UTC", "turbine", 30.0, (), (), (), (), (), (), "ab" * 32, {})
T0 = 1_767_574_800_000_000_000


def now(second: float) -> Now:
    return Now(second * 60, second, T0 + int(second * 1e9))


def batch(*numbers: float, plc: int = 0) -> Batch:
    n = len(numbers)
    return Batch(
        plc,
        np.arange(n, dtype=np.int32),
        np.array(numbers, np.float64),
        np.arange(n, dtype=np.uint32) << 30,
        np.full(n, T0, np.int64),
        ((3, "µ\x00 \udc80", 0, T0),),
    )


def same(left: Input, right: Input) -> bool:
    if isinstance(left, Batch) and isinstance(right, Batch):
        arrays = ("tags", "values", "status", "source_ns")
        return (left.plc, left.texts) == (right.plc, right.texts) and all(
            getattr(left, name).dtype == getattr(right, name).dtype
            and getattr(left, name).tobytes() == getattr(right, name).tobytes()
            for name in arrays
        )
    return left == right


EVERYTHING: list[Input] = [
    batch(1.5, float("nan"), float("-inf"), 5e-324),
    batch(),
    LinkUp(1, (("fast", 50.0, 100.0),), gap=True),
    LinkDown(2, "cable"),
    LinkReport(0, "overflow", "queue", 3, 17),
    WriteDone(99, 0x800A0000),
    Request("r1", "mika", "operator", "bypass", "S-01", {"for_s": 600, "why": ["a", None]}, "test", "s9"),
    Note("retention.dropped", "journal", "text \ud800", {"rows": 5}),
]


def test_every_kind_of_input_comes_back_as_it_was(tmp_path: Path) -> None:
    with Recorder.open(
        tmp_path, PLANT, {"plant.yaml": "plant: university\n"}, lambda: {"latches": [1]}
    ) as recorder:
        recorder.record(now(0), EVERYTHING, 500)
        recorder.record(now(0.5), [], 1)
    header, state, first, second = read_recording(tmp_path)
    assert isinstance(header, Header)
    assert (header.plant, header.text_hash, header.follows) == ("university", PLANT.text_hash, False)
    assert header.texts == {"plant.yaml": "plant: university\n"}
    assert state == CoreState(now(0), {"latches": [1]})
    assert isinstance(first, Fed)
    assert (first.now, first.budget, len(first.inputs)) == (now(0), 500, len(EVERYTHING))
    assert all(same(left, right) for left, right in zip(EVERYTHING, first.inputs, strict=True))
    assert second == Fed(now(0.5), (), 1)


def test_the_input_list_here_names_every_kind() -> None:
    assert {type(given).__name__ for given in EVERYTHING} == set(recording._TYPES)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), max_size=50))
def test_arrays_keep_every_bit(numbers: list[float]) -> None:
    packed = recording.packed_step(now(1), [batch(*numbers)], 7)
    (fed,) = recording._records(packed, Path())
    assert isinstance(fed, Fed)
    assert same(fed.inputs[0], batch(*numbers))


def test_each_segment_begins_with_the_state_before_its_first_step(tmp_path: Path) -> None:
    steps = 0

    def snapshot() -> dict[str, int]:
        return {"steps": steps}

    with Recorder.open(tmp_path, PLANT, {}, snapshot, ring=Ring(snapshot_s=10)) as recorder:
        for second in range(35):
            steps += 1
            recorder.record(now(second), [batch(second)], 0)
    found = list(read_recording(tmp_path))
    headers = [record for record in found if isinstance(record, Header)]
    assert [header.follows for header in headers] == [False, True, True, True]
    assert [header.number for header in headers] == [1, 2, 3, 4]
    fed = 0
    for record in found:
        if isinstance(record, CoreState):
            assert record.state == {"steps": fed}
        fed += isinstance(record, Fed)
    assert fed == 35
    one = list(read_recording(recording.segments(tmp_path / "recording")[2]))
    assert [type(record).__name__ for record in one[:3]] == ["Header", "CoreState", "Fed"]


def test_the_ring_forgets_the_oldest_by_age_and_by_size(tmp_path: Path) -> None:
    for name, ring in {
        "age": Ring(snapshot_s=10, age_s=30),
        "size": Ring(snapshot_s=10, bytes=30_000, segment_bytes=10_000),
    }.items():
        with Recorder.open(tmp_path / name, PLANT, {}, dict, ring=ring) as recorder:
            noise = np.random.default_rng(7)
            for second in range(200):
                recorder.record(now(second), [batch(*noise.random(100))], 0)
        times = [record.now.mono_s for record in read_recording(tmp_path / name) if isinstance(record, Fed)]
        assert times[-1] == 199
        assert 120 < times[0] < 190
        assert all(later - sooner == 1 for sooner, later in pairwise(times))
        kept = sum(file.stat().st_size for file in recording.segments(tmp_path / name / "recording"))
        assert kept < 600_000 if name == "age" else kept <= 30_000


def test_after_a_kill_the_recording_reads_to_its_last_whole_frame(tmp_path: Path) -> None:
    with Recorder.open(tmp_path, PLANT, {}, dict) as recorder:
        for second in range(5):
            recorder.record(now(second), [batch(second)], 0)
    (file,) = recording.segments(tmp_path / "recording")
    whole = file.read_bytes()
    counts = set()
    for length in range(len(whole) + 1):
        file.write_bytes(whole[:length])
        counts.add(sum(isinstance(record, Fed) for record in read_recording(file)))
    assert counts == {0, 1, 2, 3, 4, 5}


def test_a_damaged_frame_is_a_hole_and_the_next_segment_is_read(tmp_path: Path) -> None:
    with Recorder.open(tmp_path, PLANT, {}, dict, ring=Ring(snapshot_s=10)) as recorder:
        for second in range(15):
            recorder.record(now(second), [batch(second)], 0)
    first, _ = recording.segments(tmp_path / "recording")
    content = bytearray(first.read_bytes())
    content[-3] ^= 1
    first.write_bytes(content)
    kinds = [type(record).__name__ for record in read_recording(tmp_path)]
    assert kinds.count("Hole") == 1
    assert kinds[kinds.index("Hole") + 1] == "Header"


def test_a_disk_that_refuses_costs_recording_and_the_next_segment_says_so(tmp_path: Path) -> None:
    with Recorder.open(tmp_path, PLANT, {}, dict, ring=Ring(retry_s=2)) as recorder:
        recorder.record(now(0), [batch(0)], 0)
        folder = tmp_path / "recording"
        away = tmp_path / "away"
        recorder.close()
    folder.rename(away)
    recorder = Recorder(folder, PLANT, dict, Ring(retry_s=2), 1)
    recorder._thread.start()
    for second in range(1, 4):
        recorder.record(now(second), [batch(second)], 0)
    wait_until_written(recorder)
    assert "No such file" in recorder.state().failing
    away.rename(folder)
    for second in range(4, 9):
        recorder.record(now(second), [batch(second)], 0)
    recorder.close()
    assert recorder.state().failing == ""
    assert recorder.state().steps_lost > 0
    headers = [record for record in read_recording(folder) if isinstance(record, Header)]
    assert [header.follows for header in headers] == [False, False]


def test_a_disk_too_slow_leaves_a_hole_that_is_told(tmp_path: Path) -> None:
    recorder = Recorder.open(tmp_path, PLANT, {}, dict, ring=Ring(waiting_bytes=3_000))
    with recorder._changed:  # the writer cannot take anything while this is held
        for second in range(100):
            recorder.record(now(second), [batch(second)], 0)
    wait_until_written(recorder)
    for second in range(100, 103):
        recorder.record(now(second), [batch(second)], 0)
    recorder.close()
    found = list(read_recording(tmp_path))
    holes = [record for record in found if isinstance(record, Hole)]
    fed = [record for record in found if isinstance(record, Fed)]
    assert holes
    assert sum(hole.steps for hole in holes) == recorder.state().steps_lost == 103 - len(fed)


def test_a_second_run_goes_on_with_the_numbers(tmp_path: Path) -> None:
    for run in range(2):
        with Recorder.open(
            tmp_path, replace(PLANT, text_hash=f"{run}" * 64), {"run": str(run)}, dict
        ) as recorder:
            recorder.record(now(run), [], 0)
    headers = [record for record in read_recording(tmp_path) if isinstance(record, Header)]
    assert [(header.number, header.texts) for header in headers] == [(1, {"run": "0"}), (2, {"run": "1"})]


def test_where_nothing_was_recorded_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(Missing, match="no recording"):
        list(read_recording(tmp_path))


def wait_until_written(recorder: Recorder) -> None:
    with recorder._changed:
        drained: Any = recorder._changed.wait_for(lambda: not recorder._waiting_bytes, 60)
    assert drained
