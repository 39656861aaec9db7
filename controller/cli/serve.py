"""For the plant: run the service, its core alone, the simulated PLCs, or the demo of all of it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from controller.cli.gateway import HostOption, OpenOption
from controller.cli.options import (
    DataOption,
    FaultOption,
    LogFormatOption,
    PlantArgument,
    PortBaseOption,
    ReportOption,
    SeedOption,
    SpeedOption,
    VerboseOption,
    duration_s,
    fail,
)
from controller.cli.ready import Readiness

WithOption = Annotated[str, typer.Option("--with", help="Followers beside the core, e.g. influx,notify.")]
EndpointOption = Annotated[
    list[str] | None,
    typer.Option("--endpoint", help="PLC=opc.tcp://HOST:PORT, in place of the plant file's."),
]


def core(
    plant: PlantArgument,
    data: DataOption = None,
    endpoint: EndpointOption = None,
    speed: SpeedOption = 1.0,
    held: Annotated[bool, typer.Option("--held", hidden=True)] = False,
    demo_users: Annotated[bool, typer.Option("--demo-users", hidden=True)] = False,
    log_format: LogFormatOption = "text",
    verbose: VerboseOption = False,
) -> None:
    """The core alone: links, interlocks, journal, feed and command socket (one systemd unit)."""
    from controller.app import Options, run_core
    from controller.cli.configure import load_plant, plant_texts
    from controller.cli.logs import set_up
    from controller.opcua.certificates import StoreError, Unreadable
    from controller.plant import config
    from controller.record.errors import RecordError
    from controller.runtime import Unusable

    set_up(log_format, verbose)
    checked = load_plant(plant)
    if speed != 1.0 and not held:
        fail("--speed belongs to the demo: a real plant runs at its own", 2)
    options = Options(
        data=data or default_data(checked.name),
        speed=speed,
        held=held,
        demo=demo_users,
        endpoints=dict(parse_endpoint(text) for text in endpoint or ()),
        texts=plant_texts(plant),
        folder=str(config.find_plant(plant).resolve()),
    )
    try:
        asyncio.run(run_core(checked, options, lambda: typer.echo("ready opcua=- console=-")))
    except (RecordError, Unusable, StoreError, Unreadable) as error:
        fail(str(error), 2)


def parse_endpoint(text: str) -> tuple[str, str]:
    name, equals, address = text.partition("=")
    if not equals or not address.startswith("opc.tcp://"):
        fail(f"--endpoint '{text}': write PLC=opc.tcp://HOST:PORT", 2)
    return name, address


def default_data(plant: str) -> Path:
    """/var/lib/heloop/PLANT for root's service (systemd says where), else under the home directory."""
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state) / plant
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    return home / "heloop" / plant


def run(
    plant: PlantArgument,
    data: DataOption = None,
    endpoint: EndpointOption = None,
    port_base: PortBaseOption = 4840,
    host: HostOption = "0.0.0.0",  # noqa: S104 - clients come from the plant's network, with certificates
    open_reading: OpenOption = False,
    with_: WithOption = "",
    log_format: LogFormatOption = "text",
    verbose: VerboseOption = False,
) -> None:
    """The service: core and OPC UA server as supervised children, and the followers that are named."""
    from controller.cli.configure import load_plant
    from controller.doors.accounts import AccountError, real_accounts
    from controller.supervise import Child, Refused, Supervisor

    checked = load_plant(plant)
    followers = followers_of(with_, checked)
    place = data or default_data(checked.name)
    try:
        real_accounts(place)
    except AccountError as error:
        fail(str(error), 2)
    arguments = ["core", plant, "--data", str(place), "--log-format", log_format]
    arguments += [argument for text in endpoint or () for argument in ("--endpoint", text)]
    arguments += ["-v"] if verbose else []
    served = ["gateway", plant, "--data", str(place), "--log-format", log_format, "--host", host]
    served += ["--port-base", str(port_base), *(["--open-reading"] if open_reading else [])]
    served += ["-v"] if verbose else []
    supervisor = Supervisor(Readiness().hear)
    try:
        children = [Child("core", arguments), Child("gateway", served, required=False)]
        log = ["--log-format", log_format, *(["-v"] if verbose else [])]
        children += [follower_child(name, plant, place, port_base, log) for name in followers]
        asyncio.run(until_stopped(*(supervisor.keep(child) for child in children)))
    except* Refused as refused:
        fail(str(refused.exceptions[0]), 2)


def followers_of(names: str, plant: Any) -> list[str]:
    """Of `--with influx,notify`; ends the program when there is none such, or its settings are wrong."""
    from controller.cli.follow import check_followers, settings_or_fail

    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    check_followers(wanted)
    for name in wanted:
        settings_or_fail(name, plant)
    return wanted


def follower_child(name: str, plant: str, data: Path, port_base: int, log: Sequence[str]) -> Any:
    """Not required: whatever becomes of it, the core goes on."""
    from controller.supervise import Child

    arguments = ["follow", name, plant, "--data", str(data), "--port-base", str(port_base), *log]
    return Child(name, arguments, required=False)


async def until_stopped(*work: Any) -> None:
    """Runs the coroutines until SIGTERM or SIGINT, then cancels them and waits for their end."""
    import signal

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(one) for one in work]
        waiting = tasks.create_task(stop.wait())
        await asyncio.wait([*running, waiting], return_when=asyncio.FIRST_COMPLETED)
        for task in (*running, waiting):
            task.cancel()


def sim(
    plant: PlantArgument,
    speed: SpeedOption = 1.0,
    fault: FaultOption = None,
    seed: SeedOption = 1,
    port_base: PortBaseOption = 4840,
    control: Annotated[
        Path | None, typer.Option("--control", help="Control socket, for `heloop fault`.")
    ] = None,
    hold: Annotated[
        bool, typer.Option("--hold", help="Plant time stands still until it is started.")
    ] = False,
) -> None:
    """The simulated PLCs alone, as OPC UA servers on this machine's loopback address."""
    from controller.cli.configure import load_plant
    from controller.cli.faults import split_faults
    from controller.simulator import SimulatedPlant

    checked = load_plant(plant)
    of_plant, of_links = split_faults(checked, fault)
    try:
        machine = SimulatedPlant(checked, seed, of_plant)
        asyncio.run(until_stopped(_simulate(checked, machine, of_links, speed, port_base, control, hold)))
    except* ValueError as error:
        fail("; ".join(str(one) for one in error.exceptions), 2)
    except* OSError as error:
        fail(f"a simulated PLC could not start: {error.exceptions[0]}; try another --port-base", 1)


async def _simulate(
    plant: Any, machine: Any, faults: Any, speed: float, port_base: int, control: Path | None, hold: bool
) -> None:
    from controller.opcua.plc.simulation import Simulation, run_simulation

    ready: asyncio.Future[Simulation] = asyncio.get_running_loop().create_future()
    ready.add_done_callback(_say_endpoints)
    await run_simulation(
        plant,
        machine,
        speed=speed,
        port_base=port_base,
        faults=faults,
        held=hold,
        control=control,
        ready=ready,
    )


def _say_endpoints(ready: asyncio.Future[Any]) -> None:
    if not ready.cancelled():
        for server in ready.result().servers:
            typer.echo(f"plc {server.plc.name} {server.endpoint} ({server.style.name})")
        typer.echo("serving")
        sys.stdout.flush()


def fault(
    name: Annotated[str, typer.Argument(help="F1..F13, or a link fault such as hang:R:10s.")],
    data: DataOption = None,
) -> None:
    """Let a fault happen now, in the demo that is running."""
    from controller.cli.ask import locate
    from controller.opcua.plc.control import ask as steer

    path = locate(data).directory / "simulator.sock"
    try:
        answer = asyncio.run(steer(path, {"do": "fault", "name": name}))
    except (OSError, TimeoutError):
        fail("no simulated plant runs with this service: faults belong to `heloop demo`")
    if not answer["ok"]:
        fail(str(answer["error"]), 2)
    typer.echo(f"{name} at plant second {answer['plant_s']:g}")


def demo(
    plant: Annotated[str, typer.Option("--plant", help="university, cryocooler or tutorial.")] = "university",
    for_: Annotated[str | None, typer.Option("--for", help="End after this time (60s, 10m).")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Lines instead of the live view.")] = False,
    report: ReportOption = None,
    data: DataOption = None,
    speed: SpeedOption = 1.0,
    fault: FaultOption = None,
    seed: SeedOption = 1,
    port_base: PortBaseOption = 4840,
    with_: WithOption = "",
    log_format: LogFormatOption = "text",
    verbose: VerboseOption = False,
) -> None:
    """Simulated PLCs and the service on this machine; needs nothing but Python."""
    from controller.cli.configure import load_plant
    from controller.cli.demo import Demo, run_demo
    from controller.cli.faults import split_faults
    from controller.runtime import Unusable
    from controller.supervise import Refused

    checked = load_plant(plant)
    split_faults(checked, fault)
    for port in (port_base, *range(port_base + 2, port_base + 2 + len(checked.plcs))):
        if not _is_free(port):
            fail(
                f"port {port} is in use: is another demo running? Give this one --port-base {port_base + 100}"
            )
    wanted = Demo(
        plant=checked,
        name=plant,
        for_s=None if for_ is None else duration_s(for_),
        live=not headless and sys.stdout.isatty(),
        report=report,
        data=data,
        speed=speed,
        faults=tuple(fault or ()),
        seed=seed,
        port_base=port_base,
        followers=tuple(followers_of(with_, checked)),
        log=("--log-format", log_format, *(["-v"] if verbose else [])),
    )
    try:
        asyncio.run(run_demo(wanted))
    except* (Refused, Unusable) as refused:
        fail(str(refused.exceptions[0]), 2)


def _is_free(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def register(app: typer.Typer) -> None:
    for function in (run, core, sim, demo, fault):
        app.command()(function)
