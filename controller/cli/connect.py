"""For whoever connects a PLC: draft a map from a live server, compare a map with one."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from controller.cli.options import DONE, FAILED, DataOption, PlantArgument, fail
from controller.cli.serve import EndpointOption, default_data, parse_endpoint

if TYPE_CHECKING:
    from controller.opcua.link.security import Identity
    from controller.plant.plant import Plant, Security

TYPED: Final = "HELOOP_PASSWORD_TYPED"  # a password that was asked for, as the reference that links know
REFERENCES: Final = ("env:", "file:", "credential:")
CertificateOption = Annotated[
    Path | None, typer.Option("--certificate", help="Ours, in place of the data directory's (DER or PEM).")
]
KeyOption = Annotated[Path | None, typer.Option("--key", help="The certificate's key (PEM or DER).")]


def browse(
    endpoint: Annotated[str, typer.Argument(metavar="ENDPOINT", help="opc.tcp://HOST:PORT")],
    plc: Annotated[str, typer.Option("--plc", help="Name for the PLC in the draft.")] = "X",
    out: Annotated[Path | None, typer.Option("--out", help="File; default: standard output.")] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="None, Basic256Sha256, ..., or best: what the server offers.")
    ] = "None",
    mode: Annotated[str, typer.Option("--mode", help="Sign or SignAndEncrypt.")] = "SignAndEncrypt",
    user: Annotated[str | None, typer.Option("--user", help="User at the server.")] = None,
    password: Annotated[
        str | None, typer.Option("--password", help="env:NAME, file:PATH or credential:NAME; else asked for.")
    ] = None,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """Draft a PLC file from what a server has: names, types, units, which value moves."""
    from controller.opcua.browse import draft, walk
    from controller.opcua.link.errors import LinkLost
    from controller.plant.plant import Security

    typer.echo(f"browsing {endpoint} ...", err=True)
    place = data or default_data("tools")
    try:
        if policy == "best":
            policy, mode = _best(endpoint)
            typer.echo(f"{endpoint} offers {policy}, {mode}", err=True)
        security = Security(policy, "None" if policy == "None" else mode, user, _reference(user, password))
        identity = _identity([security], place, "tools", certificate, key)
        found = asyncio.run(walk(endpoint, security, identity))
    except LinkLost as error:
        fail(f"{endpoint}: {_with_place(error.reason, place)}")
    text = draft(found, plc, _written(security, plc))
    if out is None:
        typer.echo(text, nl=False)
    else:
        out.write_text(text, encoding="utf-8")
    typer.echo(f"{len(found.variables)} variables{f' in {out}' if out else ''}", err=True)


def diff(
    plant: PlantArgument,
    endpoint: EndpointOption = None,
    certificate: CertificateOption = None,
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """Compare a plant's map with its live servers: what is missing, of another type, not writable."""
    from controller.cli.configure import load_plant
    from controller.opcua.link.errors import LinkLost

    checked = load_plant(plant)
    others = dict(parse_endpoint(text) for text in endpoint or ())
    place = data or default_data(checked.name)
    identity = _identity([plc.security for plc in checked.plcs], place, checked.name, certificate, key)
    wrong = 0
    for plc in checked.plcs:
        address = others.get(plc.name, plc.endpoint)
        try:
            wrong += _compare(checked, plc.index, address, identity)
        except LinkLost as error:
            fail(f"PLC {plc.name} at {address}: {_with_place(error.reason, place)}")
    raise typer.Exit(FAILED if wrong else DONE)


def _compare(plant: Plant, index: int, address: str, identity: Identity | None) -> int:
    """Prints the differences of one PLC; how many of them are errors."""
    from controller.opcua.browse import differences

    plc = plant.plcs[index]
    found = asyncio.run(differences(plant, plc, address, identity))
    for one in found:
        typer.echo(f"{plc.name} {'error' if one.is_error else 'note'}: {one.text}")
    typer.echo(f"{plc.name}: {len(found)} differences with {address}")
    return sum(one.is_error for one in found)


def _best(endpoint: str) -> tuple[str, str]:
    from controller.opcua.certificates.doctor import best, look

    return best(asyncio.run(look(endpoint)))


def _identity(
    securities: list[Security], place: Path, name: str, certificate: Path | None, key: Path | None
) -> Identity | None:
    """The certificate files named, else those of the data directory, made if a policy needs them."""
    from controller.opcua.certificates import Certificate, Store, StoreError, Unreadable
    from controller.opcua.link.security import Identity

    if (certificate is None) != (key is None):
        fail("--certificate and --key belong together", 2)
    if all(security.policy == "None" for security in securities):
        return None
    store = Store.of(place)
    try:
        if certificate is None or key is None:
            return Identity.of(store, name)
        own = Certificate.read(certificate.read_bytes())
        return Identity(certificate, key, store, own.application_uri)
    except (StoreError, Unreadable, OSError) as error:
        fail(str(error))


def _reference(user: str | None, password: str | None) -> str | None:
    """Where the password is; a person is asked for it when a user is named without one."""
    if password is not None:
        if not password.startswith(REFERENCES):
            fail(
                "a password does not belong on a command line; write env:NAME, file:PATH or credential:NAME",
                2,
            )
        return password
    if user is None:
        return None
    os.environ[TYPED] = typer.prompt(f"password of {user}", hide_input=True, err=True)
    return f"env:{TYPED}"


def _written(security: Security, plc: str) -> Security:
    """As the draft has it: a password that was typed is to come from the environment later."""
    from dataclasses import replace

    typed = security.password == f"env:{TYPED}"
    return replace(security, password=f"env:HELOOP_{plc.upper()}_PASSWORD") if typed else security


def _with_place(reason: str, place: Path) -> str:
    """The command that helps is about this data directory."""
    return reason.replace("`heloop certs trust ", f"`heloop certs trust --data {place} ")


def register(app: typer.Typer) -> None:
    app.command()(browse)
    app.command()(diff)
