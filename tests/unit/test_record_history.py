"""History: rows of a tag and a span of time, wherever they lie by now."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from controller.core.clock import Now
from controller.plant.tags import Tag
from controller.record import chunks, compaction, tables
from controller.record.aside import set_aside
from controller.record.chunks import Rows, pack, unpack
from controller.record.compaction import compact, journal_cursor
from controller.record.errors import Damaged, InUse, Missing
from controller.record.history import FILE, HOUR_NS, History
from controller.record.journal import Journal
from controller.record.lock import DirectoryLock
from controller.record.retention import Keep
from controller.record.verify import verify
from controller.record.waiting import Limits
from tests.unit.record_rows import T0, TAGS, S, tag, values

QUICK = Limits(batch_s=0.001)
MINUTES = 150


def same(left: Rows, right: Rows) -> bool:
    return all(
        mine.dtype == other.dtype and mine.tobytes() == other.tobytes()
        for mine, other in zip(map(np.asarray, left), map(np.asarray, right), strict=True)
    )


@st.composite
def hours(draw: st.DrawFn) -> Rows:
    n = draw(st.integers(0, 60))
    step = draw(st.sampled_from([1, 100, 1_000_000, 500_000_000]))
    gaps = draw(hnp.arrays(np.int64, n, elements=st.integers(0, draw(st.sampled_from([0, 2, 10**9])))))
    shape = draw(st.sampled_from(["bits", "float32", "float", "tenths", "divided", "states", "large"]))
    whole = draw(hnp.arrays(np.int64, n, elements=st.integers(-(2**33), 2**33)))
    values = {
        "bits": whole.view(np.float64),
        "float32": draw(hnp.arrays(np.float64, n, elements=st.floats(width=32))),
        "float": draw(hnp.arrays(np.float64, n, elements=st.floats())),
        "tenths": whole % 1000 * 0.1,
        "divided": whole % 100_000 / 1000.0,
        "states": (whole % 9).astype(np.float64),
        "large": whole * 1024.0,
    }[shape]
    flags = draw(hnp.arrays(np.uint8, n, elements=st.sampled_from([0, 0, 0, 1, 3])))
    time_ns = T0 + np.cumsum(gaps) * step
    status = draw(hnp.arrays(np.uint32, n, elements=st.sampled_from([0, 0, 0, 0x80000000, 0x40900000])))
    return Rows(time_ns, values, status, flags, np.where(flags > 0, time_ns - 5, 0))


@given(hours())
def test_a_chunk_gives_back_every_bit(rows: Rows) -> None:
    assert same(unpack(pack(rows)), rows)


def an_hour(rows_values: np.ndarray) -> Rows:
    n = len(rows_values)
    zeros = np.zeros(n, np.int64)
    time_ns = T0 + np.arange(n, dtype=np.int64) * 500_000_000
    return Rows(time_ns, rows_values, zeros.astype(np.uint32), zeros.astype(np.uint8), zeros)


def test_a_live_analogue_costs_less_than_two_and_a_half_bytes_a_row() -> None:
    walk = np.cumsum(np.random.default_rng(1).normal(0, 0.05, 7200)) + 50
    assert len(pack(an_hour(walk.astype(np.float32).astype(np.float64)))) < 2.5 * 7200
    assert len(pack(an_hour(np.rint(walk * 10) * 0.1))) < 0.5 * 7200  # a scaled PLC word


def test_a_changed_chunk_is_noticed() -> None:
    blob = pack(an_hour(np.linspace(0, 1, 50)))
    broken = bytearray(blob)
    broken[-1] ^= 1
    for bad in (bytes(broken), blob[:-1], blob[:10]):
        with pytest.raises(Damaged):
            unpack(bad)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """Two and a half hours from 01:00, a block a minute: a level every 20 s, a text on every tenth minute."""
    journal = Journal.open(
        tmp_path, "university", TAGS, archived=False, limits=QUICK, synchronous="OFF"
    )  # fsync is not what is tested here
    for minute in range(MINUTES):
        append(journal, minute)
    return journal


def append(journal: Journal, minute: int, journal_tag: int = 0) -> None:
    rows = [(journal_tag, minute + third / 10, 0, minute * 60_000 + third * 20_000) for third in range(3)]
    rows += [(1, -minute, 0x80000000 if minute == 7 else 0, minute * 60_000)]
    texts = ((3, f"batch {minute}", 0, T0 + minute * 60 * S),) if minute % 10 == 0 else ()
    journal.append([], [values(*rows, texts=texts)], Now(0, 0, T0 + minute * 60 * S)).result(60)


def everything(directory: Path) -> dict[str, list[tuple[int, float, int]]]:
    with History(directory) as history:
        found = history.query_many(["LT-201", "PT-303"], T0, T0 + 10 * HOUR_NS)
    return {
        name: list(
            zip(
                ((series.rows.time_ns - T0) // S).tolist(),
                series.rows.values.tolist(),
                series.rows.status.tolist(),
                strict=True,
            )
        )
        for name, series in found.items()
    }


EXPECTED = {
    "LT-201": [(m * 60 + t * 20, m + t / 10, 0) for m in range(MINUTES) for t in range(3)],
    "PT-303": [(m * 60, float(-m), 0x80000000 if m == 7 else 0) for m in range(MINUTES)],
}


def test_rows_are_the_same_before_while_and_after_they_are_folded_in(
    journal: Journal, tmp_path: Path
) -> None:
    assert everything(tmp_path) == EXPECTED
    done = compact(tmp_path, step_rows=100)
    assert (done.blocks, done.rows, done.upto) == (MINUTES, MINUTES * 4 + 15, MINUTES)
    assert everything(tmp_path) == EXPECTED
    append(journal, MINUTES)
    assert everything(tmp_path)["PT-303"] == [*EXPECTED["PT-303"], (MINUTES * 60, -MINUTES, 0)]
    again = compact(tmp_path)
    assert again.blocks == 1
    assert compact(tmp_path).blocks == 0
    assert everything(tmp_path)["PT-303"][-1] == (MINUTES * 60, -MINUTES, 0)
    journal.close()


def test_there_is_one_chunk_per_tag_and_hour(journal: Journal, tmp_path: Path) -> None:
    compact(tmp_path, step_rows=37)
    with sqlite3.connect(tmp_path / FILE) as db:
        counts = db.execute("SELECT tag, hour, count(*), sum(rows) FROM chunks GROUP BY tag, hour").fetchall()
    db.close()
    assert [count for _, _, count, _ in counts] == [1] * 6
    assert [rows for *_, rows in counts] == [180, 180, 90, 60, 60, 30]
    journal.close()


def test_a_row_that_came_late_takes_its_place_in_the_hour(journal: Journal, tmp_path: Path) -> None:
    compact(tmp_path)
    journal.append([], [values((1, 7.5, 0, 90_000))], Now(0, 0, T0 + 200 * 60 * S)).result(60)
    compact(tmp_path)
    rows = [*EXPECTED["PT-303"][:2], (90, 7.5, 0), *EXPECTED["PT-303"][2:]]
    assert everything(tmp_path)["PT-303"] == rows
    journal.close()


def test_a_large_chunk_is_left_alone_and_the_hour_gets_another(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "CHUNK_ROWS", 50)
    compact(tmp_path, step_rows=37)
    assert everything(tmp_path) == EXPECTED
    journal.close()


def test_what_was_folded_in_outlives_the_journal(journal: Journal, tmp_path: Path) -> None:
    compact(tmp_path)
    journal.retain(Keep(samples_days=0), Now(0, 0, T0 + 30 * 86_400 * S)).result(60)
    assert everything(tmp_path) == EXPECTED
    journal.close()
    set_aside(tmp_path)
    assert everything(tmp_path) == EXPECTED
    other = [tag(0, "PT-303", "mbarg"), tag(1, "X-1"), tag(2, "LT-201")]  # numbers differ in the new journal
    new = Journal.open(tmp_path, "university", other, archived=False, limits=QUICK)
    new.append([], [values((2, 99.0, 0, MINUTES * 60_000))], Now(0, 0, T0)).result(60)
    assert everything(tmp_path)["LT-201"] == [*EXPECTED["LT-201"], (MINUTES * 60, 99.0, 0)]
    assert compact(tmp_path).blocks == 1
    assert everything(tmp_path)["LT-201"] == [*EXPECTED["LT-201"], (MINUTES * 60, 99.0, 0)]
    new.close()


def test_a_span_has_its_start_and_not_its_end(journal: Journal, tmp_path: Path) -> None:
    for _ in range(2):
        with History(tmp_path) as history:
            series = history.query("LT-201", T0 + 3600 * S, T0 + 3660 * S)
            assert series.rows.values.tolist() == [60.0, 60.1, 60.2]
            assert series.unit == "%"
            texts = history.query("DS-1", T0 + 600 * S, T0 + 1200 * S).texts
            assert [text.text for text in texts] == ["batch 10"]
            assert len(history.query("LT-201", T0 - 5, T0).rows) == 0
        compact(tmp_path)
    journal.close()


def test_a_tag_whose_unit_was_changed_is_two_series(tmp_path: Path) -> None:
    for unit, value in (("mbarg", 250.0), ("barg", 0.25)):
        tags: list[Tag] = [tag(0, "PT-303", unit)]
        journal = Journal.open(tmp_path, "university", tags, archived=False, limits=QUICK)
        journal.append([], [values((0, value, 0, value))], Now(0, 0, T0)).result(60)
        journal.close()
    for _ in range(2):
        with History(tmp_path) as history:
            now_series = history.query("PT-303", T0, T0 + S)
            assert (now_series.unit, now_series.rows.values.tolist()) == ("barg", [0.25])
            before = history.query("PT-303", T0, T0 + S, unit="mbarg")
            assert before.rows.values.tolist() == [250.0]
        compact(tmp_path)


def test_a_row_that_was_written_twice_is_there_once(tmp_path: Path) -> None:
    """A tag that stood still for long is reported with the same source time again after a restart.

    The archive rules know the newest blocks only; without them every row is written as it comes.
    """
    for value in (1.0, 1.0, 2.0):
        journal = Journal.open(tmp_path, "university", TAGS, archived=False, limits=QUICK)
        journal.append([], [values((0, value, 0, 0))], Now(0, 0, T0)).result(60)
        journal.close()
    for _ in range(2):
        with History(tmp_path) as history:
            assert history.query("LT-201", T0, T0 + S).rows.values.tolist() == [2.0]
        compact(tmp_path)


def test_an_unknown_tag_and_an_empty_directory_are_said_to_be_so(journal: Journal, tmp_path: Path) -> None:
    with History(tmp_path) as history, pytest.raises(Missing, match="no tag XY-1"):
        history.query("XY-1", 0, 1)
    journal.close()
    (tmp_path / "empty").mkdir()
    with pytest.raises(Missing, match="neither a journal nor a history"):
        History(tmp_path / "empty")
    with pytest.raises(Missing, match=r"journal\.db"):
        compact(tmp_path / "empty")


def test_old_chunks_are_dropped_when_asked(journal: Journal, tmp_path: Path) -> None:
    compact(tmp_path, keep_days=1 / 24)
    journal.retain(Keep(samples_days=0), Now(0, 0, T0 + 30 * 86_400 * S)).result(60)
    assert everything(tmp_path)["PT-303"][0][0] == 3600
    journal.close()


def test_one_compaction_at_a_time(journal: Journal, tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path, compaction.LOCK, "another")
    with pytest.raises(InUse, match="another"):
        compact(tmp_path)
    lock.release()
    compact(tmp_path)
    journal.close()


def test_compaction_that_dies_at_any_statement_is_done_again_without_harm(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.close()

    class Died(Exception):
        pass

    calls = [0, 0]

    class Connection(sqlite3.Connection):
        def execute(self, *args: object) -> sqlite3.Cursor:
            calls[0] += 1
            if calls[0] == calls[1]:
                raise Died
            return super().execute(*args)

    def connect(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, factory=Connection, isolation_level=None)

    monkeypatch.setattr(tables, "connect", connect)
    compact(tmp_path, step_rows=100)
    total = calls[0]
    for dies_at in range(1, total, 5):
        for file in tmp_path.glob(f"{FILE}*"):
            file.unlink()
        calls[:] = [0, dies_at]
        try:
            compact(tmp_path, step_rows=100)
        except Died:
            assert everything(tmp_path) == EXPECTED
        calls[1] = 0
        compact(tmp_path, step_rows=100)
        assert everything(tmp_path) == EXPECTED
        assert journal_cursor(tmp_path) == MINUTES
        with sqlite3.connect(tmp_path / FILE) as db:
            assert db.execute("SELECT sum(rows) FROM chunks").fetchone() == (MINUTES * 4,)
        db.close()


def test_verify_reads_the_history_too(journal: Journal, tmp_path: Path) -> None:
    compact(tmp_path)
    journal.close()
    assert verify(tmp_path).good
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE chunks SET data=substr(data, 1, 50) WHERE id=3")
        db.execute("UPDATE chunks SET rows=1 WHERE id=4")
    db.close()
    first, second = verify(tmp_path).problems
    assert str(first) == (
        "history chunk 3: a history chunk has changed since it was written (its checksum does not fit)"
    )
    assert "holds" in str(second)
    assert chunks.VERSION == 1


def test_a_file_that_is_no_history_is_left_alone(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"rubbish" * 1000)
    with pytest.raises(Damaged, match="Move it away"):
        compact(tmp_path)
    assert (tmp_path / FILE).read_bytes() == b"rubbish" * 1000
    journal.close()
