"""What the journal costs, beside the table one would make at first: a row a sample, index on tag and time.

Both write the same samples to the same disk in the same run, a commit per batch, write-ahead log,
synchronous=FULL. `rows/s` is by the wall clock, `us/row` by the CPU time of this process.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from controller.core.clock import Now
from controller.core.effects import Event, Values
from controller.core.inputs import Batch
from controller.plant.plant import Plant
from controller.plant.tags import Derived, Kind, Tag
from controller.record.archive import Archive
from controller.record.compaction import compact
from controller.record.history import FILE as HISTORY
from controller.record.history import HOUR_NS, History
from controller.record.intents import IntentRing
from controller.record.journal import Journal
from controller.record.recorder import Recorder
from controller.record.tables import FILE
from controller.record.waiting import Limits
from tests.bench import Table
from tests.system.test_journal_kill import kill_again_and_again

T0 = 1_767_574_800_000_000_000
TAGS = 1_000
PEER = """
PRAGMA journal_mode=WAL;
PRAGMA synchronous=FULL;
CREATE TABLE samples (tag INTEGER, ts INTEGER, value REAL, status INTEGER);
CREATE INDEX samples_by_tag ON samples (tag, ts);
CREATE TABLE events (id INTEGER PRIMARY KEY, ts INTEGER, kind TEXT, source TEXT, severity INTEGER,
                     text TEXT, data TEXT);
CREATE INDEX events_by_time ON events (ts);
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one run over `rows`."""

    rows: int
    wall_s: float
    cpu_s: float
    commit_ms: Sequence[float]

    @property
    def rows_a_second(self) -> float:
        return self.rows / self.wall_s

    @property
    def us_a_row(self) -> float:
        return self.cpu_s / self.rows * 1e6

    def percentile_ms(self, percent: float) -> float:
        return float(np.percentile(self.commit_ms, percent))


def tags() -> list[Tag]:
    return [Tag(n, f"T-{n}", "", Kind.ANALOG, "bar", "", 0, 1, Derived("0", (), ())) for n in range(TAGS)]


def batches(
    rows: int, size: int, *, scanned: int = TAGS, scan_s: float = 0.5, seed: int = 1
) -> Iterator[Batch]:
    """Scans of a plant, tag after tag: two thirds Float instruments, one third words in tenths."""
    draw = np.random.default_rng(seed)
    level = draw.normal(50, 10, scanned)
    tenths = np.arange(scanned) % 3 == 0
    for number in range(rows // size):
        row = np.arange(size) + number * size
        chosen = row % scanned
        np.add.at(level, chosen, draw.normal(0, 0.05, size))
        floats = level[chosen].astype(np.float32).astype(np.float64)
        values = np.where(tenths[chosen], np.rint(level[chosen] * 10) * 0.1, floats)
        time_ns = T0 + row // scanned * int(scan_s * 1e9) + chosen * 100
        yield Batch(0, chosen.astype(np.int32), values, np.zeros(size, np.uint32), time_ns)


def now_of(batch: Batch) -> Now:
    return Now(0.0, 0.0, int(batch.source_ns[-1]))


class Side:
    """One of the two: writes batches, and counts what it costs."""

    def __init__(self, write: Callable[[Batch], object]) -> None:
        self._write = write
        self._wall_s = self._cpu_s = 0.0
        self._commits: list[float] = []
        self._rows = 0

    def take(self, work: Sequence[Batch]) -> None:
        started_s, cpu_s = time.perf_counter(), time.process_time()
        for batch in work:
            before_s = time.perf_counter()
            self._write(batch)
            self._commits.append((time.perf_counter() - before_s) * 1e3)
        self._wall_s += time.perf_counter() - started_s
        self._cpu_s += time.process_time() - cpu_s
        self._rows += sum(len(batch.tags) for batch in work)

    def cost(self) -> Cost:
        return Cost(self._rows, self._wall_s, self._cpu_s, self._commits)


def in_turns(work: Sequence[Batch], *sides: Side) -> list[Cost]:
    """A few commits of one, the same of the other, and so on: what else the machine does hits both."""
    for first in range(0, len(work), 20):
        for side in sides:
            side.take(work[first : first + 20])
    return [side.cost() for side in sides]


def opened(directory: Path, synchronous: str = "FULL") -> tuple[Journal, Side]:
    journal = Journal.open(
        directory, "bench", tags(), archived=False, limits=Limits(batch_s=0.0), synchronous=synchronous
    )
    return journal, Side(lambda batch: journal.append([], [Values(batch)], now_of(batch)).result())


def peers(path: Path) -> tuple[sqlite3.Connection, Side]:
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript(PEER)

    def write(batch: Batch) -> None:
        columns = (batch.tags, batch.source_ns, batch.values, batch.status)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        db.execute("BEGIN")
        db.executemany("INSERT INTO samples VALUES (?, ?, ?, ?)", rows)
        db.execute("COMMIT")

    return db, Side(write)


def both(scratch: Path, name: str, work: Sequence[Batch]) -> tuple[Cost, Cost]:
    """Writes the same to `NAME/` (ours) and `NAME.db` (the peer)."""
    journal, mine = opened(scratch / name)
    db, theirs = peers(scratch / f"{name}.db")
    costs = in_turns(work, mine, theirs)
    journal.close()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    return costs[0], costs[1]


def events(count: int) -> list[Event]:
    data = {"cause": "PT-303<0.2", "value": 0.18, "limit": 0.2, "effects": [["C-301.CMD", "stop"]]}
    text = "Suction below 0.2 mbarg under load"
    return [
        Event("interlock.tripped", f"S-{n % 12:02}", text, T0 + n, n / 2, 700, data) for n in range(count)
    ]


def compare_samples(table: Table, scratch: Path, rows: int) -> None:
    for size in (100, 1_000):
        work = list(batches(rows, size))
        mine, theirs = both(scratch, f"samples-{size}", work)
        per = f"{size} rows a commit"
        table.add(f"samples, {per}", mine.rows_a_second, theirs.rows_a_second, "rows/s")
        table.add(f"CPU, {per}", mine.us_a_row, theirs.us_a_row, "us/row", better="less")
        table.add(f"commit p50, {per}", mine.percentile_ms(50), theirs.percentile_ms(50), "ms", better="less")
        table.add(f"commit p99, {per}", mine.percentile_ms(99), theirs.percentile_ms(99), "ms", better="less")
        mine_bytes = (scratch / f"samples-{size}" / FILE).stat().st_size / mine.rows
        theirs_bytes = (scratch / f"samples-{size}.db").stat().st_size / theirs.rows
        table.add(f"on disk, {per}", mine_bytes, theirs_bytes, "B/row", better="less", target=">= 4x")


def compare_history(table: Table, scratch: Path, hours: int) -> None:
    """After folding in: the size, and one tag's rows out of all of them. 100 tags, one value a second."""
    work = list(batches(hours * 3600 * 100, 1_000, scanned=100, scan_s=1.0))
    directory, peer = scratch / "history", scratch / "history.db"
    rows = both(scratch, "history", work)[0].rows
    cpu_s = time.process_time()
    compact(directory)
    cpu_s = time.process_time() - cpu_s
    mine_bytes, peer_bytes = (directory / HISTORY).stat().st_size / rows, peer.stat().st_size / rows
    table.add("history, folded in", mine_bytes, peer_bytes, "B/row", better="less", target=">= 10x")
    db = sqlite3.connect(peer)
    span = (T0, T0 + hours * HOUR_NS)

    def of_peer() -> int:
        query = "SELECT ts, value, status FROM samples WHERE tag=? AND ts >= ? AND ts < ? ORDER BY ts"
        found = db.execute(query, (50, *span)).fetchall()
        return len(np.array(found, dtype=[("ts", "i8"), ("value", "f8"), ("status", "i8")]))

    with History(directory) as history:

        def of_ours() -> int:
            return len(history.query("T-50", *span).rows)

        assert of_ours() == of_peer() == hours * 3600
        what = f"one tag's {hours} h of {rows:,} rows"
        table.add(what, fastest_ms(of_ours), fastest_ms(of_peer), "ms", better="less")
    table.notes.append(f"folding in costs {cpu_s / rows * 1e6:.2f} us of CPU a row")
    db.close()


def compare_events(table: Table, scratch: Path, count: int) -> None:
    journal = Journal.open(scratch / "events", "bench")
    db = sqlite3.connect(scratch / "events.db", isolation_level=None)
    db.executescript(PEER)
    made = events(count)
    insert = "INSERT INTO events (ts, kind, source, severity, text, data) VALUES (?, ?, ?, ?, ?, ?)"

    def row(event: Event) -> tuple[object, ...]:
        return (event.utc_ns, event.kind, event.source, event.severity, event.text, repr(event.data))

    def ours(event: Event) -> None:
        journal.append([event]).result()

    def peers(event: Event) -> None:
        db.execute(insert, row(event))

    mine_s = theirs_s = 0.0
    for event in made:  # in turns, as above
        mine_s += wall_s(partial(ours, event))
        theirs_s += wall_s(partial(peers, event))
    table.add("events, each waited for", count / mine_s, count / theirs_s, "events/s")
    mine_s = wall_s(lambda: [future.result() for future in [journal.append([event]) for event in made]])
    table.add("events, as they come", count / mine_s, count / theirs_s, "events/s")

    def in_caller() -> None:
        for event in made:
            journal.append([event])

    cpu_s = wall_s(in_caller, clock=time.thread_time)
    table.add(
        "in the caller's thread", cpu_s / count * 1e6, theirs_s / count * 1e6, "us/event", better="less"
    )
    journal.close()
    db.close()


def measure_the_rest(table: Table, scratch: Path, seconds: int) -> None:
    """The flight recorder and the archive rule at 200 tags x 2 Hz, the intent ring; no peer."""
    work = list(batches(seconds * 400, 40))
    plant = Plant("bench", "", "UTC", "turbine", 30.0, (), (), (), (), (), (), "00", {})
    state = {"interlocks": [{"name": f"S-{n}", "latched": False, "causes": [0] * 5} for n in range(40)]}
    cpu_s = time.process_time()
    with Recorder.open(scratch / "recorder", plant, {}, lambda: state) as recorder:
        for number, batch in enumerate(work):
            recorder.record(Now(number / 10, number / 10, T0 + number * 100_000_000), [batch], 500)
    share = (time.process_time() - cpu_s) / seconds * 100
    kept = sum(file.stat().st_size for file in (scratch / "recorder" / "recording").iterdir())
    table.add("flight recorder, 200 tags x 2 Hz", share, None, "% of core", target="< 3")
    table.notes.append(
        f"the recorder writes {kept / seconds / 1000:.1f} kB/s, {kept / seconds * 86.4e-6:.2f} GB a day"
    )
    archive = Archive(tags())
    cpu_s = time.process_time()
    for batch in work:
        archive.keep(Values(batch), int(batch.source_ns[-1]))
    share = (time.process_time() - cpu_s) / seconds * 100
    table.add("archive rule, 200 tags x 2 Hz", share, None, "% of core")
    with IntentRing.open(scratch / "ring" / "intents") as ring:
        context = {"command": "C-301.CMD", "word": "stop", "sequence": 7, "interlock": "S-01"}
        cost_s = wall_s(lambda: [ring.put(n, context) for n in range(2_000)])
    table.add("intent into the ring", cost_s / 2_000 * 1e6, None, "us")


def compare_commits(table: Table, scratch: Path, rows: int) -> None:
    """What `synchronous` costs: the measurement behind decision 0001."""
    work = list(batches(rows, 40))
    modes = ("FULL", "NORMAL", "OFF")
    journals = [opened(scratch / f"sync-{mode}", mode) for mode in modes]
    costs = in_turns(work, *(side for _, side in journals))
    for journal, _ in journals:
        journal.close()
    for mode, cost in zip(modes, costs, strict=True):
        milliseconds = f"p50 {cost.percentile_ms(50):.2f}, p99 {cost.percentile_ms(99):.2f}"
        cpu_us = cost.cpu_s / len(work) * 1e6
        table.notes.append(f"40 rows a commit, synchronous={mode}: {milliseconds} ms, {cpu_us:.0f} us of CPU")


def fastest_ms(act: Callable[[], object]) -> float:
    return min(wall_s(act) for _ in range(7)) * 1e3


def wall_s(act: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    started_s = clock()
    act()
    return clock() - started_s


def run(quick: bool) -> Table:
    rows = 100_000 if quick else 1_000_000
    table = Table(
        "Journal",
        "SQLite, a row per sample, index on (tag, time)",
        f"{rows:,} samples of {TAGS:,} tags, synchronous=FULL on both",
    )
    with tempfile.TemporaryDirectory(
        prefix="heloop-bench-", dir=os.environ.get("HELOOP_BENCH_DIR")
    ) as folder:
        scratch = Path(folder)
        compare_samples(table, scratch, rows)
        compare_history(table, scratch, 1 if quick else 4)
        compare_events(table, scratch, 500 if quick else 5_000)
        measure_the_rest(table, scratch, 30 if quick else 300)
        compare_commits(table, scratch, rows // 10)
        kills = 20 if quick else 200
        acknowledged = kill_again_and_again(scratch / "kill", kills, seed=7)
        table.add(
            f"lost of {acknowledged:,} acknowledged events, {kills} kills", 0, None, "events", target="0"
        )
    return table
