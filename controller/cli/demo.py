"""The demo: simulated PLCs and the service as children, a view of both, a report at the end.

Order: PLCs serve with their plant time held at 0; the core connects; when every tag has its first
confirmed value the core starts its plant clock and the plant is told to start. The data directory
is a fresh one that goes away with the demo, unless --data names one to keep.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from controller import runtime
from controller.cli import live
from controller.cli.options import fail
from controller.cli.ready import url_in
from controller.cli.serve import follower_child
from controller.core.run import Run, report
from controller.opcua.plc.control import ask as steer
from controller.plant.plant import Plant
from controller.record.errors import RecordError
from controller.record.reader import Reader, StoredBlock
from controller.record.tables import FILE
from controller.runtime import Runtime
from controller.simulator import CRYOCOOLER_FAULTS, FAULTS, FaultText
from controller.supervise import Child, Supervisor

START_S_MAX: Final = 60.0
HINT_EVERY_S: Final = 20.0
RATES_EVERY_S: Final = 10.0
QUIET_KINDS: Final = (
    *("interlock.window", "alarm.memory", "alarm.quality", "alarms.configured", "suppression."),
)
SHOWN: Final = {
    "university": "LT-201 PT-204 FT-209 AT-206 PT-303 XS-301 PT-317 PT-316 PT-401A PT-401B XV-411A.ZSO "
    "XV-412A.ZSC XV-412B.ZSC PT-414 XS-501 TT-508 AT-512 XV-519.ZSC PT-604 XS-701 ST-721 TT-741 LQR-748 "
    "LT-801 PT-803 AT-941A PT-101 XS-109",
}


@dataclass(frozen=True, slots=True)
class Demo:
    """What the command line asked for. name: the plant as the user wrote it."""

    plant: Plant
    name: str
    for_s: float | None
    live: bool
    report: Path | None
    data: Path | None
    speed: float
    faults: tuple[str, ...]
    seed: int
    port_base: int
    log: tuple[str, ...]
    followers: tuple[str, ...] = ()


async def run_demo(demo: Demo) -> None:
    """Runs until --for has passed, Ctrl-C or SIGTERM. Raises Refused when a child is."""
    with contextlib.ExitStack() as stack:
        if demo.data is None:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="heloop-demo-"))
            data = Path(directory)
        else:
            data = demo.data
            data.mkdir(parents=True, exist_ok=True)
        place = runtime.create(data)
        if not (data / FILE).exists():
            place.intents.unlink(missing_ok=True)  # of a plant that is gone: this one is new
        await _run(demo, data, place)
        if demo.report is not None:
            write_report(demo, data)


async def _run(demo: Demo, data: Path, place: Runtime) -> None:
    events = _Events()
    supervisor = Supervisor(events.hear)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, events.stop.set)
    control = place.directory / "simulator.sock"
    async with asyncio.TaskGroup() as tasks:
        kept = [tasks.create_task(supervisor.keep(_plcs(demo, control)))]
        if await events.reached(events.serving, "the simulated PLCs did not start"):
            kept.append(tasks.create_task(supervisor.keep(_gateway(demo, data))))
            kept.append(tasks.create_task(supervisor.keep(_core(demo, data))))
            if await _both(events):
                await steer(control, {"do": "start"})
                kept += [tasks.create_task(supervisor.keep(child)) for child in _followers(demo, data)]
                _say_ready(demo, data, events.url)
                await _watch(demo, data, place, events.stop)
        for task in reversed(kept):  # the core first: it leaves the plant as it is and says so
            task.cancel()
            await asyncio.wait([task])


class _Events:
    """What the children say on standard output."""

    def __init__(self) -> None:
        self.serving = asyncio.Event()
        self.ready = asyncio.Event()
        self.open = asyncio.Event()
        self.url = "-"
        self.stop = asyncio.Event()

    def hear(self, child: str, line: str) -> None:
        if line == "serving":
            self.serving.set()
        elif line.startswith("ready ") and child == "gateway":
            self.url = url_in(line)
            self.open.set()
        elif line.startswith("ready "):
            self.ready.set()
        elif "starting again" in line:
            typer.echo(f"{child}: {line}", err=True)

    async def reached(self, event: asyncio.Event, otherwise: str) -> bool:
        """False when the user stopped before. Ends the program when it takes too long."""
        waits = [asyncio.create_task(event.wait()), asyncio.create_task(self.stop.wait())]
        try:
            done, _ = await asyncio.wait(waits, timeout=START_S_MAX, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not done:
            fail(f"{otherwise} within {START_S_MAX:g} s; messages are above")
        return event.is_set() and not self.stop.is_set()


def _plcs(demo: Demo, control: Path) -> Child:
    arguments = ["sim", demo.name, "--hold", "--control", str(control), "--speed", str(demo.speed)]
    arguments += ["--seed", str(demo.seed), "--port-base", str(demo.port_base)]
    return Child("plcs", [*arguments, *(word for fault in demo.faults for word in ("--fault", fault))])


def _core(demo: Demo, data: Path) -> Child:
    arguments = ["core", demo.name, "--data", str(data), "--speed", str(demo.speed), "--held", "--demo-users"]
    for plc in demo.plant.plcs:
        address = f"opc.tcp://127.0.0.1:{demo.port_base + 2 + plc.index}"
        arguments += ["--endpoint", f"{plc.name}={address}"]
    return Child("core", [*arguments, *demo.log])


def _followers(demo: Demo, data: Path) -> list[Child]:
    log = ["--demo-users", *demo.log]
    return [follower_child(name, demo.name, data, demo.port_base, log) for name in demo.followers]


def _gateway(demo: Demo, data: Path) -> Child:
    arguments = [
        "gateway",
        demo.name,
        "--data",
        str(data),
        "--port-base",
        str(demo.port_base),
        "--demo-users",
    ]
    return Child("gateway", [*arguments, "--demo-users", *demo.log], required=False)


async def _both(events: _Events) -> bool:
    """Plant time runs from the first confirmed values on, when the clients' door is open as well."""
    return await events.reached(
        events.ready, "the service did not get its first values"
    ) and await events.reached(events.open, "the OPC UA server did not start")


def _say_ready(demo: Demo, data: Path, url: str) -> None:
    typer.echo(f"ready opcua={url} console=-")
    for plc in demo.plant.plcs:
        typer.echo(f"  PLC {plc.name}: opc.tcp://127.0.0.1:{demo.port_base + 2 + plc.index} ({plc.text})")
    typer.echo(f"  data: {data}")
    typer.echo("  users viewer operator engineer supervisor admin (--user NAME; OPC UA: password demo-NAME,")
    typer.echo("  any client certificate): this demo only, on loopback")
    typer.echo("  heloop supervises; it is never the safety function")


async def _watch(demo: Demo, data: Path, place: Runtime, stop: asyncio.Event) -> None:
    picture = live.Picture(demo.plant)
    started_s = time.monotonic()
    read = EventReader(data)
    async with asyncio.TaskGroup() as tasks:
        watching = [
            tasks.create_task(live.follow_feed(place, picture)),
            tasks.create_task(live.follow_status(place, picture)),
        ]
        if demo.live:
            names = SHOWN.get(demo.plant.name, " ".join(tag.name for tag in demo.plant.tags[:28])).split()
            watching.append(tasks.create_task(live.follow_events(read, picture)))
            head = lambda: _head(demo, picture, started_s)  # noqa: E731
            hint = lambda: hint_at(demo.plant, time.monotonic() - started_s)  # noqa: E731
            watching.append(tasks.create_task(live.show(picture, head, hint, names)))
        else:
            watching.append(tasks.create_task(_print_events(read)))
            watching.append(tasks.create_task(_print_rates(demo.plant, picture, started_s)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(demo.for_s):
                await stop.wait()
        for task in watching:
            task.cancel()


def _head(demo: Demo, picture: live.Picture, started_s: float) -> str:
    plant_s = float(picture.status.get("service", {}).get("plant_s", 0.0))
    return (
        f"heloop demo · {demo.plant.name} · plant time {live.clock(plant_s)} (x{demo.speed:g}) · "
        f"running {live.clock(time.monotonic() - started_s)} · {picture.changes_per_s:.0f} changes/s · "
        "supervisory only, never the safety function · Ctrl-C ends"
    )


def hint_at(plant: Plant, since_s: float) -> str:
    """Each fault in turn: what to type in another terminal, and what to watch."""
    fault = next_fault(plant, since_s)
    return f"try in another terminal: heloop fault {fault.name}   ({fault.text})\nwatch: {fault.watch}"


def next_fault(plant: Plant, since_s: float) -> FaultText:
    faults = list((CRYOCOOLER_FAULTS if plant.simulator == "cryocooler" else FAULTS).values())
    return faults[int(since_s / HINT_EVERY_S) % len(faults)]


class EventReader:
    """The journal's events as the view wants them; opened when the journal is there."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def __call__(self, after: int) -> list[tuple[int, float, str, str, str]]:
        with contextlib.suppress(RecordError), Reader(self._data) as reader:
            return [
                (entry.seq, entry.plant_s, entry.kind, entry.source, entry.text)
                for entry in reader.events(after, 500)
                if not entry.kind.startswith(QUIET_KINDS) and "withheld" not in entry.data
            ]
        return []


async def _print_events(read: EventReader) -> None:
    number = 0
    while True:
        for row in await asyncio.to_thread(read, number):
            number, plant_s, kind, source, text = row
            typer.echo(f"{live.clock(plant_s)}  {kind:24} {source:12} {text}")
        await asyncio.sleep(0.25)


async def _print_rates(plant: Plant, picture: live.Picture, started_s: float) -> None:
    while True:
        await asyncio.sleep(RATES_EVERY_S)
        since_s = time.monotonic() - started_s
        links = ", ".join(f"{row['plc']} {'up' if row['up'] else 'LOST'}" for row in picture.links)
        standing = [row["name"] for row in picture.status.get("interlocks", []) if row["state"] != "clear"]
        typer.echo(
            f"-- {since_s:.0f} s: {picture.changes_per_s:.0f} changes/s; links {links}; "
            f"not clear: {', '.join(standing) or 'none'}; "
            f"next: heloop fault {next_fault(plant, since_s).name}"
        )


def write_report(demo: Demo, data: Path) -> None:
    """Builds the report from the journal alone: what is not in it did not happen."""
    with Reader(data) as reader:
        events = list(reader.events())
        rows = sum(len(block.samples) for block in _blocks(reader))
    farewells = [entry.data for entry in events if entry.kind == "service.stopped"]
    lost = int(farewells[-1]["lost"]) if farewells else 0
    links: list[dict[str, Any]] = farewells[-1]["links"] if farewells else []
    run = Run(demo.seed, demo.speed, demo.for_s or 0.0, samples=rows, lost=lost, links=links)
    assert demo.report is not None, "asked for by --report"
    document = report(run, demo.plant, events)
    demo.report.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"report: {demo.report}")


def _blocks(reader: Reader) -> Iterator[StoredBlock]:
    after = 0
    while blocks := reader.blocks(after):
        yield from blocks
        after = blocks[-1].id
