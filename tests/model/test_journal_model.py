"""The journal against a list: whatever is appended, in whatever pieces, through restarts and failures."""

from __future__ import annotations

import shutil
import tempfile
from concurrent.futures import Future
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from controller.core.clock import Now
from controller.core.effects import Event
from controller.record.journal import Journal
from controller.record.reader import Reader, Where
from controller.record.retention import Keep
from controller.record.verify import verify
from controller.record.waiting import Limits
from tests.unit.record_rows import T0, TAGS, Disk, values

LIMITS = Limits(batch_s=0.001, retry_first_s=0.0005, retry_longest_s=0.002, commit_rows=40, commit_events=7)
TEXT = st.text(max_size=12)


class JournalModel(RuleBasedStateMachine):
    """events: what was appended and has a number; samples: per tag, in order, what is still kept."""

    @initialize()
    def start(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="journal-model-"))
        self.disk = Disk()
        self.events: list[tuple[str, str, str, int]] = []
        self.promised: list[tuple[Future[int], int]] = []
        self.samples: list[tuple[int, float, int]] = []
        self.time_ns = T0
        self.snapshots = 0
        self.opened()

    def opened(self) -> None:
        self.journal = Journal.open(
            self.directory,
            "university",
            TAGS,
            archived=False,
            limits=LIMITS,
            synchronous="OFF",
            connect=self.disk.connect,
        )

    def now(self) -> Now:
        self.time_ns += 1_000_000
        return Now(0.5, 0.5, self.time_ns)

    @rule(
        rows=st.lists(st.tuples(TEXT, TEXT, TEXT, st.integers(1, 1000)), max_size=9),
        samples=st.lists(st.tuples(st.integers(0, 2), st.floats(allow_nan=False)), max_size=30),
        wait=st.booleans(),
    )
    def append(
        self, rows: list[tuple[str, str, str, int]], samples: list[tuple[int, float]], wait: bool
    ) -> None:
        now = self.now()
        events = [
            Event("k." + kind, source, text, now.utc_ns, 0.5, severity)
            for kind, source, text, severity in rows
        ]
        batch = values(*[(tag, value, 0, 5.0) for tag, value in samples])
        future = self.journal.append(events, [batch], now)
        self.events += [("k." + kind, source, text, severity) for kind, source, text, severity in rows]
        self.samples += [(tag, value, 0) for tag, value in samples]
        self.promised.append((future, len(self.events)))
        if wait:
            future.result(60)

    @rule(data=st.binary(max_size=40))
    def snapshot(self, data: bytes) -> None:
        self.journal.snapshot(data, "v", self.now()).result(60)
        with Reader(self.directory) as reader:
            kept = reader.snapshot()
            assert kept is not None
            assert kept.data == data
            covered = [entry for entry in reader.events(limit=kept.seq) if entry.kind.startswith("k.")]
            assert len(covered) == len(self.events)

    @rule(times=st.integers(1, 6), skip=st.integers(0, 8), late=st.booleans())
    def let_the_disk_fail(self, times: int, skip: int, late: bool) -> None:
        self.disk.at, self.disk.times, self.disk.late = self.disk.calls + 1 + skip, times, late

    @rule()
    def restart(self) -> None:
        self.settle()
        self.journal.close()
        self.opened()

    @rule()
    def forget_all_samples(self) -> None:
        self.settle()
        self.journal.retain(Keep(samples_days=-1.0), self.now()).result(60)
        self.samples = []

    def settle(self) -> None:
        """The disk works again, and everything promised comes true, in order."""
        self.disk.at = 0
        self.journal.append([], [], self.now()).result(60)
        numbers = [future.result(60) for future, _ in self.promised]
        assert numbers == sorted(numbers)
        assert all(number >= events for number, (_, events) in zip(numbers, self.promised, strict=True))
        self.promised = []

    @invariant()
    def what_is_on_disk_is_a_beginning_of_what_was_appended(self) -> None:
        with Reader(self.directory) as reader:
            found = [
                (entry.kind, entry.source, entry.text, entry.severity)
                for entry in reader.events(where=Where(kinds=("k.",)))
            ]
        assert found == self.events[: len(found)]

    def teardown(self) -> None:
        if not hasattr(self, "journal"):
            return
        self.settle()
        self.journal.close()
        with Reader(self.directory) as reader:
            ours = [
                (entry.kind, entry.source, entry.text, entry.severity)
                for entry in reader.events()
                if entry.kind.startswith("k.")
            ]
            stored = [
                (int(tag) - 1, value, int(status))
                for part in reader.samples()
                for tag, value, status in zip(
                    part.tags, part.values.tolist(), part.status.tolist(), strict=True
                )
            ]
        assert ours == self.events
        assert stored == self.samples
        assert verify(self.directory).problems == []
        shutil.rmtree(self.directory)


JournalModel.TestCase.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
TestJournal = JournalModel.TestCase
