"""The whole way of a value, from the PLCs into InfluxDB, killed anywhere; and what must be true at the end.

Simulated PLCs, `heloop core`, `heloop follow influx` and influxd, each a process of its own. At moments
that a seed gives one of the last three is killed with -9 and started again at once. Then the journal is
counted here, row by row, and held against what the database, `heloop influx verify` and the gap ledger say.
"""

from __future__ import annotations

import asyncio
import os
import random
import select
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from controller.followers.follow import run_of
from controller.followers.influx.follower import NAME, behind
from controller.followers.influx.heads import stored_heads
from controller.followers.influx.lines import shift_ns
from controller.followers.influx.queries import Queries
from controller.followers.influx.recording import stored_of
from controller.followers.influx.story import BULKY
from controller.followers.influx.verify import Agreement, compare
from controller.followers.place import read_place
from controller.plant.config import find_plant, load
from controller.plant.plant import Plant
from controller.record.completeness import Day, days
from controller.record.heads import lost
from controller.record.ledger import Gap
from controller.record.reader import Reader
from controller.record.verify import verify
from tests.influxd import Influxd
from tests.system.kills import crowded, drop_sessions
from tests.system.programs import Order, Program
from tests.system.service import PATIENCE_S, Plcs, Service, plcs

PLANT: Final = "university"
SPEED: Final = 60.0
PARTS: Final = ("core", "follower", "influxd")
LOOK_S: Final = 0.05


@dataclass
class Tally:
    """What a campaign has seen. catch_up_s: from the end of the core until the follower had sent all."""

    kills: Counter[str] = field(default_factory=Counter)
    before_ready: int = 0
    plant_s: float = 0.0
    series: int = 0
    rows: int = 0
    events: int = 0
    heads: int = 0
    gaps: int = 0
    longest_gap_s: float = 0.0
    completeness: float = 0.0
    catch_up_s: float = 0.0


class Whole:
    """The processes, and the moments (UTC ns) at which there was no core: last alive, started again."""

    def __init__(self, stack: ExitStack, place: Path, seed: int) -> None:
        plant = load(find_plant(PLANT)).plant
        assert plant is not None
        self.plant: Plant = plant
        self.sim: Plcs = stack.enter_context(plcs(place / "sim", PLANT, speed=SPEED, seed=seed, hold=True))
        self.influxd = stack.enter_context(Influxd(place / "influx"))
        self.core = stack.enter_context(Service(place / "data", PLANT, self.sim.endpoints, speed=SPEED))
        self.data = self.core.data
        self._errors = place / "follower.err"
        self._stack = stack
        self.follower: Program
        self.dead_ns: list[tuple[int, int]] = []
        self.tally = Tally()

    def start(self) -> None:
        self.influxd.query("CREATE DATABASE test")
        self.core.start_ready()
        self._follow()
        self.sim.begin()

    def _follow(self) -> None:
        """`heloop follow influx`."""
        settings = {"HELOOP_INFLUX_URL": self.influxd.url, "HELOOP_INFLUX_DATABASE": "test"}
        arguments = ["follow", "influx", PLANT, "--data", str(self.data)]
        order = Order(arguments, {**os.environ, **settings}, self._errors)
        self.follower = self._stack.enter_context(Program(order))

    def kill(self, part: str) -> None:
        """And start it again at once."""
        self.tally.kills[part] += 1
        if part == "follower":
            self.follower.kill()
            self._follow()
        elif part == "influxd":
            self.influxd.kill()
            self.influxd.start()
        else:
            self._kill_core()

    def _kill_core(self) -> None:
        program = self.core.program
        self.tally.before_ready += not self.ready
        alive_ns = time.time_ns()
        program.kill()
        if crowded(self.sim):
            drop_sessions(self.sim)
        self.core.start()
        self.dead_ns.append((alive_ns, time.time_ns()))

    @property
    def ready(self) -> bool:
        """Whether the core has said that it is."""
        try:
            return bool(self.core.program.line("ready ", within_s=0.0))
        except AssertionError:
            return False

    def until_plant_s(self, plant_s: float) -> None:
        """Looks at the PLCs' clock."""
        while (left_s := (plant_s - self.plant_s) / SPEED) > 0:
            select.select([], [], [], min(left_s, LOOK_S))

    @property
    def plant_s(self) -> float:
        return float(self.sim.ask(do="status")["plant_s"])

    def end(self) -> None:
        """The core ends as an operator ends it; the follower sends what there is left, and ends too."""
        self.core.program.line("ready ")
        self.tally.plant_s = self.plant_s
        self.core.program.terminate()
        ended_ns = time.time_ns()
        self.dead_ns.append((ended_ns, ended_ns))
        started_s = time.monotonic()
        _until(lambda: not any(behind(self.data).values()), f"the follower is behind: {self.follower.errors}")
        self.tally.catch_up_s = time.monotonic() - started_s
        self.follower.terminate()


def _until(holds: Callable[[], bool], what: str) -> None:
    """Of what another process does there is no event to wait for."""
    until_s = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until_s, what
        select.select([], [], [], LOOK_S)


# --- at the end ----------------------------------------------------------------------------------


class Books:
    """The journal, counted without the code that is to be judged, and everything held against it."""

    def __init__(self, whole: Whole) -> None:
        self._whole, self._plant, self._data = whole, whole.plant, whole.data
        self._now_ns = time.time_ns()
        self.times: dict[str, list[int]] = defaultdict(list)  # tag -> times of its rows, in order
        self.blocks_ns: list[tuple[int, int]] = []
        with Reader(self._data) as reader:
            self.events = list(reader.events())
            names, runs, after = reader.tags(), reader.runs(), 0
            while blocks := reader.blocks(after):
                after = blocks[-1].id
                for block in blocks:
                    shift = shift_ns(run_of(runs, block.id))
                    self.blocks_ns.append((block.first_ns, block.last_ns))
                    rows = block.samples
                    for tag, at in zip(rows.tags.tolist(), rows.time_ns.tolist(), strict=True):
                        self.times[names[tag].name].append(at + shift)
                    for text in rows.texts:
                        self.times[names[text.tag].name].append(text.time_ns + shift)

    def balance(self) -> Tally:
        found = verify(self._data)
        assert found.good, found.problems
        self._times_rise()
        agreed = asyncio.run(self._agreement())
        self._counts(agreed)
        self._events()
        day_s = self._recorded()
        self._gaps(day_s)
        return self._whole.tally

    def _times_rise(self) -> None:
        """A row that had the time of another would overwrite it in the database."""
        for tag, times in self.times.items():
            falls = [(a, b) for a, b in pairwise(times) if b <= a]
            assert not falls, f"{tag}: {falls[:3]}"

    async def _agreement(self) -> dict[str, Agreement]:
        """`heloop influx verify`: of the whole journal, and its heads."""
        known = read_place(self._data, NAME)
        assert known is not None
        assert not known[1], "nothing was refused"
        async with Queries(self._whole.influxd.settings()) as queries:
            with Reader(self._data) as reader:
                span = reader.span()
                heads = await stored_heads(self._plant.name, str(reader.meta("id")), queries)
                assert list(lost(reader, heads.heads)) == []
            assert span is not None
            found = await compare(self._plant, self._data, queries, span, *known)
        assert [tag for tag, one in found.items() if not one.agrees] == []
        starts = [event.seq for event in self.events if event.kind == "service.started"]
        assert set(starts) <= {head.seq for head in heads.heads}
        assert len(heads.heads) == len({head.seq for head in heads.heads})
        self._whole.tally.heads = len(heads.heads)
        return found

    def _counts(self, agreed: dict[str, Agreement]) -> None:
        """0 lost, 0 doubled: the database counts for each series what was counted here."""
        counted = {tag: len(times) for tag, times in self.times.items()}
        assert {tag: (one.rows, one.stored) for tag, one in agreed.items()} == {
            tag: (rows, rows) for tag, rows in counted.items()
        }
        query = 'SELECT count("quality"), count("held") FROM "sample" GROUP BY "tag"'
        stored = {
            one["tags"]["tag"]: one["values"][0][1] - (one["values"][0][2] or 0)
            for one in self._whole.influxd.query(query)
        }
        assert stored == counted
        self._whole.tally.series, self._whole.tally.rows = len(counted), sum(counted.values())

    def _events(self) -> None:
        """Each event is one point."""
        stored = [int(row[1]) for row in self._whole.influxd.values('SELECT "seq" FROM "event"')]
        assert sorted(stored) == [event.seq for event in self.events if event.kind not in BULKY]
        self._whole.tally.events = len(stored)

    # --- the gap ledger ------------------------------------------------------------------------------

    def _recorded(self) -> list[Day]:
        """`heloop report recording`: archived is what was counted here, and all of it is stored."""
        upto, parked = stored_of(self._data, NAME)
        began_ns = self.events[0].utc_ns
        found = days(
            self._data, self._plant, began_ns, self._now_ns, self._now_ns, stored_upto=upto, parked=parked
        )
        archived: Counter[str] = Counter()
        for day in found:
            for one in day.tags:
                assert one.archived == one.stored, self._plant.tags[one.tag].name
                archived[self._plant.tags[one.tag].name] += one.archived
        assert +archived == Counter({tag: len(times) for tag, times in self.times.items()})
        self._whole.tally.completeness = found[-1].completeness
        return found

    def _gaps(self, found: list[Day]) -> None:
        """Where there was no core there is a gap of every PLC, and nowhere else."""
        listed = [gap for day in found for gap in day.gaps]
        assert {gap.reason for gap in listed} == {"service stopped"}, listed
        for plc in self._plant.plcs:
            mine = joined([gap for gap in listed if gap.plc == plc.index])
            self._named(plc.name, mine)
            self._none_invented(plc.name, mine)
            self._whole.tally.gaps += len(mine)
            lasted_s = [(to_ns - from_ns) / 1e9 for from_ns, to_ns in mine[1:-1]]
            self._whole.tally.longest_gap_s = max(self._whole.tally.longest_gap_s, *lasted_s)

    def _named(self, plc: str, mine: list[tuple[int, int]]) -> None:
        for alive_ns, again_ns in self._whole.dead_ns:
            over = [gap for gap in mine if gap[0] < again_ns and gap[1] > again_ns - 1]
            assert over, f"{plc}: there was no core from {alive_ns} to {again_ns}, and the gaps are {mine}"
            assert over[0][0] <= max(alive_ns, self._last_block_ns(again_ns)), f"{plc}: {over}, {alive_ns}"

    def _none_invented(self, plc: str, mine: list[tuple[int, int]]) -> None:
        """Each is the first start, or holds a moment without a core and began after the last rows before."""
        first, *others = mine
        assert first[0] == self.events[0].utc_ns, f"{plc}: {first}"
        for from_ns, to_ns in others:
            inside = [again_ns for _, again_ns in self._whole.dead_ns if from_ns < again_ns <= to_ns]
            assert inside, f"{plc}: {from_ns} to {to_ns}; without a core: {self._whole.dead_ns}"
            assert from_ns >= self._last_block_ns(inside[0]), f"{plc}: rows came after {from_ns}"

    def _last_block_ns(self, before_ns: int) -> int:
        """When the last block before then was received."""
        return max((last for _, last in self.blocks_ns if last < before_ns), default=0)


def joined(gaps: list[Gap]) -> list[tuple[int, int]]:
    """(from, to) of those that touch or overlap as one, in order."""
    found: list[tuple[int, int]] = []
    for gap in sorted(gaps, key=lambda one: one.from_ns):
        if found and gap.from_ns <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], gap.to_ns)
        else:
            found.append((gap.from_ns, gap.to_ns))
    return found


def campaign(place: Path, *, kills: int, plant_s: float, seed: int) -> Tally:
    """So many kills of each of the three, at moments of so long a time of the plant."""
    draw = random.Random(seed)
    moments = sorted(draw.uniform(0.02, 0.97) * plant_s for _ in range(kills * len(PARTS)))
    parts = list(PARTS) * kills
    draw.shuffle(parts)
    with ExitStack() as stack:
        whole = Whole(stack, place, seed)
        whole.start()
        for part, moment in zip(parts, moments, strict=True):
            whole.until_plant_s(moment)
            whole.kill(part)
        whole.until_plant_s(plant_s)
        whole.end()
        return Books(whole).balance()
