"""For whoever connects a PLC: draft a map from a live server, compare a map with one."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.options import DONE, FAILED, PlantArgument, fail
from controller.cli.serve import EndpointOption, parse_endpoint


def browse(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="opc.tcp://HOST:PORT")],
    plc: Annotated[str, typer.Option("--plc", help="Name for the PLC in the draft.")] = "X",
    out: Annotated[Path | None, typer.Option("--out", help="File; default: standard output.")] = None,
) -> None:
    """Draft a PLC file from what a server has: names, types, units, which value moves."""
    from controller.opcua.browse import draft, walk
    from controller.opcua.link.errors import LinkLost

    typer.echo(f"browsing {endpoint} ...", err=True)
    try:
        found = asyncio.run(walk(endpoint))
    except LinkLost as error:
        fail(f"{endpoint}: {error.reason}")
    text = draft(found, plc)
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
    typer.echo(f"{len(found.variables)} variables{f' in {out}' if out else ''}", err=True)


def diff(plant: PlantArgument, endpoint: EndpointOption = None) -> None:
    """Compare a plant's map with its live servers: what is missing, of another type, not writable."""
    from controller.cli.configure import load_plant
    from controller.opcua.browse import differences
    from controller.opcua.link.errors import LinkLost

    checked = load_plant(plant)
    others = dict(parse_endpoint(text) for text in endpoint or ())
    wrong = 0
    for plc in checked.plcs:
        address = others.get(plc.name, plc.endpoint)
        try:
            found = asyncio.run(differences(checked, plc, address))
        except LinkLost as error:
            fail(f"PLC {plc.name} at {address}: {error.reason}")
        wrong += sum(one.is_error for one in found)
        for one in found:
            mark = "error" if one.is_error else "note"
            typer.echo(f"{plc.name} {mark}: {one.text}")
        typer.echo(f"{plc.name}: {len(found)} differences with {address}")
    raise typer.Exit(FAILED if wrong else DONE)


def register(app: typer.Typer) -> None:
    app.command()(browse)
    app.command()(diff)
