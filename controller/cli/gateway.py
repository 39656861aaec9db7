"""For the clients in the plant: the OPC UA server, and its address space as a file."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import (
    DataOption,
    LogFormatOption,
    PlantArgument,
    PortBaseOption,
    VerboseOption,
    fail,
)

HostOption = Annotated[
    str, typer.Option("--host", envvar="HELOOP_HOST", help="Address to listen on; 0.0.0.0 is every network.")
]
OpenOption = Annotated[
    bool,
    typer.Option(
        "--open-reading",
        envvar="HELOOP_OPEN_READING",
        help="Let clients read without encryption and without a name. They cannot write or call.",
    ),
]


def gateway(
    plant: PlantArgument,
    data: DataOption = None,
    port_base: PortBaseOption = 4840,
    host: HostOption = "0.0.0.0",  # noqa: S104 - clients come from the plant's network, with certificates
    open_reading: OpenOption = False,
    demo_users: Annotated[bool, typer.Option("--demo-users", hidden=True)] = False,
    log_format: LogFormatOption = "text",
    verbose: VerboseOption = False,
) -> None:
    """The OPC UA server alone, for a core that runs or will run (one systemd unit)."""
    gc.disable()  # a fifth of the start, for garbage that is not there
    from controller.cli.configure import load_plant
    from controller.cli.logs import set_up
    from controller.cli.serve import default_data, until_stopped
    from controller.doors.accounts import AccountError
    from controller.opcua.certificates import StoreError, Unreadable
    from controller.opcua.gateway.reload import finder
    from controller.opcua.gateway.running import run_gateway
    from controller.opcua.gateway.settings import settings_for
    from controller.plant.config import find_plant

    set_up(log_format, verbose)
    checked = load_plant(plant)
    settings = settings_for(
        checked.name, "127.0.0.1" if demo_users else host, port_base, reading=open_reading or demo_users
    )

    def ready(url: str) -> None:
        gc.freeze()  # what is there now stays: no collection walks it again
        gc.enable()
        typer.echo(f"ready opcua={url} console=-")

    place = data or default_data(checked.name)
    find = finder(find_plant(plant), place)
    work = run_gateway(checked, place, settings, ready, find=find, demo=demo_users)
    try:
        asyncio.run(until_stopped(work))
    except* (StoreError, Unreadable, AccountError) as wrong:
        fail(str(wrong.exceptions[0]), 2)
    except* OSError as taken:
        fail(f"port {port_base} cannot be opened: {taken.exceptions[0]}; choose another --port-base")


def nodeset(
    plant: PlantArgument,
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
) -> None:
    """Write the plant's OPC UA nodes as a NodeSet2 file, for clients that are configured without a server."""
    from controller.cli.configure import load_plant
    from controller.opcua.gateway.nodeset import nodeset_of

    out.write_text(nodeset_of(load_plant(plant)), encoding="utf-8")
    typer.echo(str(out))


def register(app: typer.Typer) -> None:
    app.command()(gateway)
    app.command()(nodeset)
