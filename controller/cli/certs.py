"""For whoever connects PLCs and clients in secret: the application's certificate, and whom it trusts."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ask import data_of, record
from controller.cli.options import DONE, FAILED, DataOption, fail

if TYPE_CHECKING:
    from controller.opcua.certificates import Certificate, Store
    from controller.opcua.certificates.doctor import Remote

certs = typer.Typer(
    no_args_is_help=True, help="The application's certificate, and which certificates of others are trusted."
)
HostOption = Annotated[
    list[str] | None,
    typer.Option("--host", help="A name or address under which clients reach this machine (repeat it)."),
]
Which = Annotated[
    str, typer.Argument(metavar="WHICH", help="Thumbprint (its first 8 signs will do) or common name.")
]


@certs.command()
def create(
    data: DataOption = None,
    host: HostOption = None,
    plant: Annotated[str, typer.Option("--plant", help="Default: the data directory's name.")] = "",
    uri: Annotated[str, typer.Option("--uri", help="Application URI; default: urn:HOST:heloop:PLANT.")] = "",
) -> None:
    """Make the application's certificate and key before the first start (which would make them too)."""
    from controller.opcua.certificates import StoreError, make

    place = data_of(data)
    try:
        made = make(_store(place), plant or place.name, host or (), uri)
    except StoreError as error:
        fail(str(error))
    _say_own(_store(place), made.certificate)


@certs.command()
def renew(data: DataOption = None, host: HostOption = None) -> None:
    """Make a new key and certificate; the old pair is kept. PLCs and clients must trust the new one."""
    from controller.opcua.certificates import StoreError, Unreadable, renew

    place = data_of(data)
    try:
        made = renew(_store(place), place.name, host or ())
    except (StoreError, Unreadable) as error:
        fail(str(error))
    _say_own(_store(place), made.certificate)
    record(place, "certificates.changed", made.certificate.name, "the application's certificate was renewed")
    typer.echo("links take it at their next connect, the server for the next client that connects")


@certs.command()
def request(
    out: Annotated[Path, typer.Argument(help="File for the request (PEM).")],
    data: DataOption = None,
    host: HostOption = None,
) -> None:
    """Write a signing request for a CA of your own; `install` takes what the CA makes of it."""
    from controller.opcua.certificates import StoreError, Unreadable, request

    place = data_of(data)
    try:
        out.write_bytes(request(_store(place), place.name, host or ()))
    except (StoreError, Unreadable, OSError) as error:
        fail(str(error))
    typer.echo(str(out))


@certs.command()
def install(
    file: Annotated[Path, typer.Argument(help="The CA's certificate for us, with those between (PEM, DER).")],
    data: DataOption = None,
) -> None:
    """Take the certificate that a CA has made of our request; the old one is kept."""
    from controller.opcua.certificates import StoreError, Unreadable, install

    place = data_of(data)
    try:
        made = install(_store(place), _read(str(file)))
    except (StoreError, Unreadable) as error:
        fail(str(error))
    _say_own(_store(place), made.certificate)
    record(place, "certificates.changed", made.certificate.name, "a CA's certificate was installed as ours")
    typer.echo("links take it at their next connect, the server for the next client that connects")


@certs.command("list")
def list_(data: DataOption = None) -> None:
    """The own certificate, those trusted, CAs, and those turned away, with their ends."""
    from controller.opcua.certificates import Unreadable

    store = _store(data_of(data))
    try:
        own = store.own()
    except Unreadable as error:
        fail(f"{store.certificate}: {error}; see `heloop certs doctor`")
    lists = store.lists()
    groups = [
        ("own", (own,) if own is not None else ()),
        ("trusted", lists.trusted),
        ("issuer", lists.issuers),
        ("rejected", store.rejects()),
    ]
    for kind, certificates in groups:
        for one in certificates:
            let_pass = " (let pass when expired)" if (one.fingerprint, "expired") in lists.allowed else ""
            typer.echo(
                f"{kind:9} {one.thumbprint}  until {one.not_after:%Y-%m-%d}  {one.name}"
                f"  {one.application_uri}{let_pass}"
            )
    if not any(certificates for _, certificates in groups):
        typer.echo("there are none yet: the service makes its own when it starts")


@certs.command()
def trust(
    which: Annotated[
        str,
        typer.Argument(
            metavar="WHICH",
            help="Thumbprint or name of one turned away, a file (DER or PEM), or opc.tcp://HOST:PORT.",
        ),
    ],
    data: DataOption = None,
    issuer: Annotated[
        bool, typer.Option("--issuer", help="A CA that only completes chains: it is not trusted itself.")
    ] = False,
    crl: Annotated[bool, typer.Option("--crl", help="The file is a CA's revocation list.")] = False,
    expired: Annotated[
        bool, typer.Option("--expired", help="Take it though it has run out; each connect says so.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether the thumbprint is right.")] = False,
) -> None:
    """Trust a PLC's, a client's or a CA's certificate. Compare its thumbprint with the one shown there."""
    from controller.opcua.certificates import StoreError, Unreadable

    place = data_of(data)
    store = _store(place)
    try:
        if crl:
            added = store.add_revocations(_read(which))
            record(
                place, "certificates.changed", added.stem, f"the revocation list {added} counts from now on"
            )
            return
        certificate = _named(store, which)
        _describe(certificate)
        if "://" in which and not yes:
            typer.confirm("is this the thumbprint that the server itself shows?", abort=True)
        if issuer:
            path = store.add_issuer(certificate)
        else:
            path = store.trust(certificate, allow=("expired",) if expired else ())
    except (StoreError, Unreadable) as error:
        fail(f"{which}: {error}" if crl else str(error))
    how = "completes chains" if issuer else "is trusted, even when expired," if expired else "is trusted"
    text = f"the certificate {certificate.thumbprint} {how} from now on: {path}"
    record(place, "certificates.changed", certificate.name, text)


@certs.command()
def reject(which: Which, data: DataOption = None) -> None:
    """Trust a certificate no longer. A client with it loses its sessions; a PLC at the next connect."""
    from controller.opcua.certificates import StoreError

    place = data_of(data)
    store = _store(place)
    try:
        certificate = store.find(which)
        removed = store.reject(certificate)
    except StoreError as error:
        fail(str(error))
    _describe(certificate)
    if removed:
        text = f"the certificate {certificate.thumbprint} is trusted no longer"
        record(place, "certificates.changed", certificate.name, text)
    else:
        typer.echo("it was not trusted; nothing has changed")


@certs.command()
def export(
    out: Annotated[Path, typer.Argument(help="File; .pem for PEM, else DER.")], data: DataOption = None
) -> None:
    """Write the own certificate (not the key) to a file, for PLCs and clients to trust."""
    from cryptography.hazmat.primitives.serialization import Encoding

    from controller.opcua.certificates import Unreadable

    try:
        own = _store(data_of(data)).own()
        if own is None:
            fail("there is none yet: `heloop certs create`")
        out.write_bytes(own.x509.public_bytes(Encoding.PEM) if out.suffix == ".pem" else own.der)
    except (Unreadable, OSError) as error:
        fail(str(error))
    _describe(own)


@certs.command()
def doctor(
    endpoint: Annotated[
        list[str] | None, typer.Argument(metavar="[ENDPOINT]...", help="Servers to be looked at as well.")
    ] = None,
    data: DataOption = None,
) -> None:
    """What is wrong with certificates, here and at servers, and the command that puts it right."""
    from controller.opcua.certificates.doctor import advice, diagnose, diagnose_remote

    store = _store(data_of(data))
    findings = [("here", finding) for finding in diagnose(store)]
    for address in endpoint or ():
        remote = _look(address)
        typer.echo(f"{address} offers at best, for the PLC's file:\n{advice(remote)}")
        findings += [(address, finding) for finding in diagnose_remote(remote, store)]
    for where, finding in findings:
        typer.echo(f"{where} {'error' if finding.is_error else 'note'}: {finding.text}")
        if finding.fix:
            typer.echo(f"    {finding.fix}")
    if not findings:
        typer.echo("nothing is wrong")
    raise typer.Exit(FAILED if any(finding.is_error for _, finding in findings) else DONE)


def _store(data: Path) -> Store:
    from controller.opcua.certificates import Store

    return Store.of(data)


def _named(store: Store, which: str) -> Certificate:
    """A server's, a file's, or one that the store knows. Raises StoreError."""
    from controller.opcua.certificates import Certificate, Unreadable

    if "://" in which:
        certificate = _look(which).certificate
        if certificate is None:
            fail(f"{which} shows no certificate: switch security on there")
        return certificate
    if not Path(which).is_file():
        return store.find(which)
    try:
        return Certificate.read(_read(which))
    except Unreadable as error:
        fail(f"{which}: {error}. A file with a certificate (DER or PEM) is wanted")


def _look(endpoint: str) -> Remote:
    from controller.opcua.certificates.doctor import look
    from controller.opcua.link.errors import LinkLost

    try:
        return asyncio.run(look(endpoint))
    except LinkLost as error:
        fail(f"{endpoint}: {error.reason}")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        fail(f"{path} cannot be read: {error.strerror}")


def _describe(one: Certificate) -> None:
    typer.echo(f"{one.name}  {one.application_uri or 'no application URI'}")
    typer.echo(f"  thumbprint (SHA-1)  {one.thumbprint}")
    typer.echo(f"  SHA-256             {one.fingerprint}")
    typer.echo(f"  valid               {one.not_before:%Y-%m-%d} to {one.not_after:%Y-%m-%d}")
    typer.echo(f"  hosts               {', '.join(one.hosts) or 'none'}")


def _say_own(store: Store, certificate: Certificate) -> None:
    _describe(certificate)
    typer.echo(f"  file                {store.certificate}")


def register(app: typer.Typer) -> None:
    app.add_typer(certs, name="certs")
