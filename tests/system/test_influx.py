"""The journal in a real influxd, whatever happens on the way: no row lost, none doubled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller import runtime
from controller.core.inputs import Note
from controller.doors.commands import Answer, Commands, Followers
from controller.followers.influx import sending
from controller.followers.influx.follower import NAME, behind, follow_influx
from controller.followers.influx.parked import drop_parked, tell_unparked
from controller.followers.influx.queries import Queries
from controller.followers.influx.setup import set_up
from controller.followers.influx.verify import Agreement, compare
from controller.followers.place import dead_count, read_dead, read_place
from controller.plant.plant import Plant
from controller.plant.sinks import Influx
from controller.record.reader import Reader
from tests.certified import certified, server_context
from tests.fault_server import Fault, fault_server
from tests.influxd import Influxd
from tests.journalled import T0, S, Writing, plant_of
from tests.unit.test_record_trouble import change

pytestmark = pytest.mark.needs("influxd")
LATEST_S = 40.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Influxd]:
    with Influxd(tmp_path / "influx") as running:
        running.query("CREATE DATABASE test")
        yield running


@pytest.fixture
def plant() -> Plant:
    return plant_of("university")


@pytest.fixture
def writing(tmp_path: Path, plant: Plant) -> Iterator[Writing]:
    made = Writing(tmp_path / "data", plant)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_long_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "HOLD_S", 0.1)


@contextlib.asynccontextmanager
async def following(plant: Plant, settings: Influx, data: Path) -> AsyncIterator[None]:
    task = asyncio.create_task(follow_influx(plant, settings, data))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], bool], what: str) -> None:
    """Of what another process does there is no event to wait for."""
    until_s = time.monotonic() + LATEST_S
    while not holds():
        assert time.monotonic() < until_s, what
        await asyncio.sleep(0.05)


async def all_sent(data: Path) -> None:
    nothing = {"blocks_behind": 0, "events_behind": 0}
    await until(lambda: behind(data) == nothing, "the follower did not catch up")


async def agreement(plant: Plant, data: Path, settings: Influx) -> dict[str, Agreement]:
    """Of the whole journal, row by row."""
    known = read_place(data, NAME)
    assert known is not None
    with Reader(data) as reader:
        span = reader.span()
    assert span is not None
    async with Queries(settings) as queries:
        found = await compare(plant, data, queries, span, *known)
    assert {tag for tag, one in found.items() if not one.agrees} == set()
    assert all(one.checksum == one.stored_checksum for one in found.values())
    return found


def stored_rows(server: Influxd) -> int:
    counted = server.values('SELECT count("quality"), count("held") FROM "sample"')
    return sum(row[1] - (row[2] or 0) for row in counted)


async def test_an_hour_of_the_plant_is_stored_row_by_row(server: Influxd, writing: Writing) -> None:
    plant, settings = writing.plant, server.settings()
    writing.event("service.started", "heloop")
    writing.scan(3600, every_s=10)
    writing.rows([plant.index["LT-201"]], [float("nan")], 0x80050000)
    writing.event("request.refused", "no such thing", user="somebody")
    async with following(plant, settings, writing.data):
        await all_sent(writing.data)
    found = await agreement(plant, writing.data, settings)
    assert stored_rows(server) == sum(one.rows for one in found.values()) == 360 * len(found) + 1
    events = server.query('SELECT "kind", "source", "subject", "user" FROM "event"')[0]["values"]
    assert [row[1:] for row in events] == [
        ["service.started", "heloop", "heloop", None],
        ["request.refused", "other", "no such thing", "somebody"],
    ]


async def test_what_stands_still_can_be_filled_from_the_left_edge(server: Influxd, writing: Writing) -> None:
    plant = writing.plant
    still = plant.index["LSLL-202"]
    writing.rows([still], [1.0])
    for _ in range(300):
        writing.utc_ns += S
        writing.rows([plant.index["LT-201"]], [50.0])
    writing.event("service.started", "heloop")
    async with following(plant, server.settings(), writing.data):
        await all_sent(writing.data)
    last_ns = T0 + 290 * S
    query = (
        'SELECT last("state") FROM "sample" WHERE "tag" = \'LSLL-202\' '
        f"AND time >= {T0 + 110 * S} AND time < {last_ns} GROUP BY time(30s) fill(previous)"
    )
    states = [row[1] for row in server.values(query)]
    assert states[1:] == ["gas"] * (len(states) - 1)
    assert await agreement(plant, writing.data, server.settings())


async def test_a_clock_that_is_set_back_by_an_hour_overwrites_nothing(
    server: Influxd, writing: Writing
) -> None:
    writing.scan(60)
    writing.utc_ns -= 60 * S
    writing.scan(60)
    async with following(writing.plant, server.settings(), writing.data):
        await all_sent(writing.data)
    found = await agreement(writing.plant, writing.data, server.settings())
    assert {one.rows for one in found.values()} == {120}
    assert stored_rows(server) == 120 * len(found)


async def test_lines_of_the_wrong_type_are_parked_and_the_rest_is_stored(
    server: Influxd, writing: Writing
) -> None:
    server.query("CREATE DATABASE test")
    await _post(server, f"sample,tag=x state=1i {T0}")
    writing.scan(5)
    async with following(writing.plant, server.settings(), writing.data):
        await all_sent(writing.data)
    found = await agreement(writing.plant, writing.data, server.settings())
    known = read_place(writing.data, NAME)
    assert known is not None
    assert len(known[1]) == sum(one.parked for one in found.values()) > 0
    assert all("field type conflict" in one.reason and ",state=" in one.line for one in known[1])
    assert sum(one.rows + one.parked for one in found.values()) == 5 * (len(found) - ("x" in found))


async def test_parked_lines_are_shown_and_sent_again_when_what_they_met_is_gone(
    server: Influxd, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELOOP_INFLUX_URL", server.url)
    monkeypatch.setenv("HELOOP_INFLUX_DATABASE", "test")
    asked = ("influx", "parked", "university", "--data", writing.data)
    await _post(server, f"sample,tag=x state=1i {T0}")
    writing.scan(5)
    async with following(writing.plant, server.settings(), writing.data):
        await all_sent(writing.data)
        count = dead_count(writing.data, NAME)
        said = await asyncio.to_thread(heloop, *asked, "--send-again")
        assert "0 lines are stored" in said
        assert "field type conflict" in said
        assert f"{count} lines are parked" in said
        assert f"{count} lines are refused still" in said
        server.query('DROP MEASUREMENT "sample"')
        said = await asyncio.to_thread(heloop, *asked, "--send-again")
        assert f"{count} lines are stored" in said
        assert "the service does not run" in said
        assert dead_count(writing.data, NAME) == 0
    assert stored_rows(server) == count  # the rest went with the measurement
    said = await asyncio.to_thread(
        heloop, *("influx", "backfill", "university", "--from", "2026-01-05", "--data", writing.data)
    )
    assert "points sent again" in said
    assert {
        one.parked for one in (await agreement(writing.plant, writing.data, server.settings())).values()
    } == {0}


async def test_dropped_lines_are_told_to_the_core_and_named_as_missing(
    server: Influxd, writing: Writing, core: Path, notes: list[Note]
) -> None:
    await _post(server, f"sample,tag=x state=1i {T0}")
    writing.scan(2)
    async with following(writing.plant, server.settings(), writing.data):
        await all_sent(writing.data)
        await until(lambda: bool(notes), "the core was not told")
    assert notes[0].kind == "follower.parked"
    assert 0 < notes[0].data["lines"] <= dead_count(writing.data, NAME)
    del notes[:]
    async with following(writing.plant, server.settings(), writing.data):
        await until(lambda: bool(notes), "what lies there is told at each start")
    lines = notes[0].data["lines"]
    dead = read_dead(writing.data, NAME)
    assert (notes[0].kind, lines) == ("follower.parked", len(dead))
    assert drop_parked(writing.data, NAME, dead) == 0
    assert await tell_unparked(writing.data, NAME, lines, "dropped", "sato")
    assert (notes[-1].kind, notes[-1].source, notes[-1].data["lines"]) == (
        "follower.unparked",
        "influx",
        lines,
    )
    known = read_place(writing.data, NAME)
    assert known is not None
    async with Queries(server.settings()) as queries:
        found = await compare(writing.plant, writing.data, queries, (T0, T0 + 60 * S), *known)
    assert sum(one.missing for one in found.values()) == lines


@pytest.fixture
def notes() -> list[Note]:
    return []


@pytest.fixture
async def core(writing: Writing, notes: list[Note]) -> AsyncIterator[Path]:
    """The core's command socket, as far as followers speak to it."""

    async def submit(request: object) -> Answer:
        raise AssertionError("nobody asks")

    async def confirm(name: str, events: int | None, samples: int | None) -> Answer:
        return Answer(True, "", 0, {})

    def query(name: str, args: object) -> dict[str, object]:
        raise ValueError("it says nothing of itself")

    path = runtime.of(writing.data).commands
    path.parent.mkdir(parents=True, exist_ok=True)
    commands = Commands(submit, query, followers=Followers(notes.append, confirm))
    serving = asyncio.create_task(commands.serve(path))
    await until(path.exists, "the socket is not there")
    yield path
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def _post(server: Influxd, text: str) -> None:
    import aiohttp

    async with aiohttp.ClientSession() as session:
        await session.post(f"{server.url}/write", params={"db": "test"}, data=text)


async def test_a_missing_database_holds_and_loses_nothing(tmp_path: Path, writing: Writing) -> None:
    with Influxd(tmp_path / "influx") as server:
        writing.scan(5)
        async with following(writing.plant, server.settings(), writing.data):
            await asyncio.sleep(0.5)
            assert behind(writing.data)["blocks_behind"] > 0
            assert any("made the database" in one for one in await set_up(server.settings()))
            await all_sent(writing.data)
        await agreement(writing.plant, writing.data, server.settings())


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
async def test_faults_on_the_way_cost_time_and_no_row(mode: str, server: Influxd, writing: Writing) -> None:
    """v2 and v3 go through influxd's own 400s, by a shim of /api/v2/write; the answers are recorded ones."""
    writing.scan(30)
    faults = [
        Fault(503, '{"code":"unavailable"}'),
        Fault(429, "", {"Retry-After": "0"}),
        Fault(500, '{"error":"engine: error writing WAL entry: write: no space left on device"}'),
        Fault(0),
        Fault(502, "<html>bad gateway</html>", passed_on=True),
        Fault(403, '{"code":"forbidden","message":"insufficient permissions"}'),
        Fault(404, '{"code":"not found","message":"bucket \\"test\\" not found"}'),
        Fault(307, "", {"Location": "http://192.0.2.1/"}),
    ]
    async with fault_server(server.url) as front:
        front.faults.extend(faults)
        settings = Influx(mode=mode, url=front.url, database="test", org="o", timeout_s=1.0, gzip=True)
        async with following(writing.plant, settings, writing.data):
            await all_sent(writing.data)
        assert not front.faults
        paths = {path for path, _ in front.seen}
        assert paths == {"/write" if mode == "v1" else "/api/v2/write"}
        assert {headers.get("Content-Encoding") for _, headers in front.seen} == {"gzip"}
    await agreement(writing.plant, writing.data, server.settings())


async def test_a_new_token_is_taken_without_a_restart(
    tmp_path: Path, server: Influxd, writing: Writing
) -> None:
    token = tmp_path / "token"
    token.write_text("old\n")
    writing.scan(3)
    async with fault_server(server.url) as front:
        front.token = "new"
        settings = Influx(mode="v2", url=front.url, database="test", org="o", token=f"file:{token}")
        async with following(writing.plant, settings, writing.data):
            await until(lambda: len(front.seen) > 1, "it did not try again")
            token.write_text("new\n")
            await all_sent(writing.data)
    await agreement(writing.plant, writing.data, server.settings())


async def test_the_partial_write_of_3_core_parks_the_line_that_it_names(
    server: Influxd, writing: Writing
) -> None:
    """As 3 Core documents it: 400, the good lines kept, the bad ones named."""
    writing.rows([writing.plant.index["LT-201"]], [1.0]).result(10)
    text = (
        '{"error":"partial write of line protocol occurred","data":[{"error_message":"invalid column type '
        'for column \'value\', expected iox::column_type::field::integer","line_number":1}]}'
    )
    async with fault_server(server.url) as front:
        front.faults.extend([Fault(400, text)])
        settings = Influx(mode="v3", url=front.url, database="test")
        async with following(writing.plant, settings, writing.data):
            await all_sent(writing.data)
    known = read_place(writing.data, NAME)
    assert known is not None
    assert [("invalid column type" in one.reason) for one in known[1]] == [True]


async def test_over_tls_only_a_server_that_is_trusted_gets_the_rows(
    tmp_path: Path, server: Influxd, writing: Writing
) -> None:
    both, ca = certified(tmp_path)
    writing.scan(3)
    async with fault_server(server.url, server_context(both)) as front:
        settings = Influx(url=front.url, database="test", timeout_s=2.0)
        async with following(writing.plant, settings, writing.data):
            await asyncio.sleep(0.5)
            assert not front.seen
        async with following(writing.plant, replace(settings, ca=str(ca)), writing.data):
            await all_sent(writing.data)
    await agreement(writing.plant, writing.data, server.settings())


async def test_a_tail_that_was_cut_off_shows_against_the_heads_that_influx_was_sent(
    server: Influxd, writing: Writing, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, data, settings = writing.plant, writing.data, server.settings()
    for _ in range(3):
        writing.event("service.started", "heloop")
        writing.event("note.one", "heloop")
        writing.scan(3)
        writing.utc_ns += 86_400 * S
    writing.scan(3)  # a day without an event ends as well
    for _ in range(2):  # sent twice they are the same points
        async with following(plant, settings, data):
            await all_sent(data)
        (data / "followers" / "influx.db").rename(data / "before.db")
    rows = server.values('SELECT "seq", "why" FROM "journal"')
    assert [row[1:] for row in rows] == [
        *([1, "start"], [2, "day"], [3, "start"], [4, "day"], [5, "start"], [6, "day"]),
    ]
    (data / "before.db").rename(data / "followers" / "influx.db")
    writing.close()
    monkeypatch.setenv("HELOOP_INFLUX_URL", server.url)
    monkeypatch.setenv("HELOOP_INFLUX_DATABASE", "test")
    said = await asyncio.to_thread(heloop, "influx", "verify", "university", "--data", data)
    assert "6 heads agree" in said
    said = await asyncio.to_thread(heloop, "journal", "verify", "--data", data, "--against", "influx")
    assert "6 heads that were sent out agree" in said
    change(data, "DELETE FROM events WHERE seq > 4")
    change(data, "DELETE FROM followers")
    assert "good" in await asyncio.to_thread(heloop, "journal", "verify", "--data", data)
    said = await asyncio.to_thread(heloop, "journal", "verify", "--data", data, "--against", "influx")
    assert "event 6: was sent out as head" in said
    assert "2 problems" in said
    said = await asyncio.to_thread(heloop, "influx", "verify", "university", "--data", data)
    assert "2 of 6 heads do not agree" in said


def heloop(*arguments: object) -> str:
    """Everything that the program said."""
    command = [sys.executable, "-m", "controller", *map(str, arguments)]
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=60)
    return ended.stdout.decode()


# --- kills ---------------------------------------------------------------------------------------


class Follower:
    """`heloop follow influx` as a process, to be killed."""

    def __init__(self, data: Path, url: str) -> None:
        self._command = [
            sys.executable,
            "-m",
            "controller",
            "follow",
            "influx",
            "university",
            "--data",
            str(data),
        ]
        self._environment = {**os.environ, "HELOOP_INFLUX_URL": url, "HELOOP_INFLUX_DATABASE": "test"}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self._command, env=self._environment, stderr=subprocess.DEVNULL)

    def end(self, number: int = signal.SIGKILL) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None


async def test_kills_of_influxd_and_of_the_follower_at_random_moments_lose_and_double_nothing(
    server: Influxd, writing: Writing
) -> None:
    """Rows keep coming all the while."""
    draw = random.Random(7)
    follower = Follower(writing.data, server.url)
    follower.start()
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await asyncio.to_thread(writing.scan, 2)
            await asyncio.sleep(0.1)

    task = asyncio.create_task(write())
    try:
        await until(lambda: stored_rows(server) > 0, "nothing was stored")
        for number in range(8):
            await asyncio.sleep(draw.uniform(0.1, 1.5))
            if number % 2:
                server.kill()
                await asyncio.sleep(draw.uniform(0.0, 0.5))
                await asyncio.to_thread(server.start)
            else:
                follower.end()
                await asyncio.sleep(draw.uniform(0.0, 0.3))
                follower.start()
        stop.set()
        await task
        await all_sent(writing.data)
        follower.end(signal.SIGTERM)
    finally:
        stop.set()
        await task
        follower.end()
    found = await agreement(writing.plant, writing.data, server.settings())
    assert stored_rows(server) == sum(one.rows for one in found.values()) > 0


async def test_a_week_away_is_caught_up_while_live_rows_keep_their_order(
    server: Influxd, tmp_path: Path
) -> None:
    """Seven days of a small plant at a row a minute and tag, then live rows during the catching up."""
    plant = plant_of("tutorial")
    writing = Writing(tmp_path / "small", plant)
    try:
        for _ in range(7):
            writing.scan(86_400, every_s=60)
        server.query("CREATE DATABASE test")
        async with following(plant, server.settings(), writing.data):
            for _ in range(20):
                await asyncio.to_thread(writing.scan, 1)
            await all_sent(writing.data)
        found = await agreement(plant, writing.data, server.settings())
        assert {one.rows for one in found.values()} == {7 * 1440 + 20}
        assert stored_rows(server) == sum(one.rows for one in found.values())
    finally:
        writing.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_a_full_disk_of_the_database_is_waited_out(small_disk: Path, writing: Writing) -> None:
    """It is filled, and later has room again."""
    with Influxd(small_disk / "influx") as server:
        server.query("CREATE DATABASE test")
        writing.scan(20)
        async with following(writing.plant, server.settings(), writing.data):
            await all_sent(writing.data)
            filler = small_disk / "filler"
            with contextlib.suppress(OSError):
                filler.write_bytes(bytes(32_000_000))
            await asyncio.to_thread(writing.scan, 120)
            await until(lambda: behind(writing.data)["blocks_behind"] > 0, "the disk was not full")
            filler.unlink()
            await all_sent(writing.data)
        await agreement(writing.plant, writing.data, server.settings())
