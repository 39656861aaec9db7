"""For the administrator: who may come in by the front doors, in which role, and with what."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ask import data_of, record
from controller.cli.options import DataOption, fail

if TYPE_CHECKING:
    from controller.doors.accounts import Accounts

users = typer.Typer(
    no_args_is_help=True,
    help="People and client applications that log in to the OPC UA server and the console.",
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="User name, as it will stand in the journal.")]
RoleArgument = Annotated[
    str, typer.Argument(metavar="ROLE", help="viewer, operator, engineer, supervisor or admin.")
]
PasswordOption = Annotated[
    str | None, typer.Option("--password", help="env:NAME or file:PATH; else it is asked for.")
]
CertificateOption = Annotated[
    Path | None, typer.Option("--certificate", help="The user's own certificate (DER or PEM).")
]


@users.command()
def add(
    name: Name,
    role: Annotated[str, typer.Option("--role", help="viewer, operator, engineer, supervisor or admin.")],
    password: PasswordOption = None,
    certificate: CertificateOption = None,
    data: DataOption = None,
) -> None:
    """Add a user, with a password (asked for), or with a certificate and no password."""
    place = data_of(data)
    fingerprint = None if certificate is None else _fingerprint(certificate)
    word = None if certificate is not None and password is None else _password(name, password)
    _change(place, lambda accounts: accounts.add(name, role, word, fingerprint))
    _tell(place, name, f"user {name} was added as {role}")


@users.command()
def passwd(name: Name, password: PasswordOption = None, data: DataOption = None) -> None:
    """Give a user a new password; sessions that are open stay open."""
    place = data_of(data)
    word = _password(name, password)
    _change(place, lambda accounts: accounts.set_password(name, word))
    _tell(place, name, f"user {name} has a new password")


@users.command()
def certificate(
    name: Name,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Its certificate, DER or PEM.")] = None,
    drop: Annotated[
        str | None, typer.Option("--drop", help="Take one away: the beginning of its SHA-256.")
    ] = None,
    data: DataOption = None,
) -> None:
    """Let a user come in with a certificate, or with one of them no longer."""
    place = data_of(data)
    if (file is None) == (drop is None):
        fail("name the certificate's file, or --drop and its fingerprint", 2)
    if file is not None:
        fingerprint = _fingerprint(file)
        _change(place, lambda accounts: accounts.add_certificate(name, fingerprint))
        _tell(place, name, f"user {name} may come in with the certificate {fingerprint}")
    else:
        _change(place, lambda accounts: accounts.drop_certificate(name, str(drop)))
        _tell(place, name, f"user {name} comes in with the certificate {drop} no longer")


@users.command()
def role(name: Name, new: RoleArgument, data: DataOption = None) -> None:
    """Give a user another role. Open sessions of one put lower end; more counts from the next login."""
    place = data_of(data)
    _change(place, lambda accounts: accounts.set_role(name, new))
    _tell(place, name, f"user {name} is {new} now")


@users.command()
def lock(name: Name, data: DataOption = None) -> None:
    """Keep a user out until unlocked; sessions that are open end."""
    place = data_of(data)
    _change(place, lambda accounts: accounts.lock(name, locked=True))
    _tell(place, name, f"user {name} was locked")


@users.command()
def unlock(name: Name, data: DataOption = None) -> None:
    """Let a locked user in again."""
    place = data_of(data)
    _change(place, lambda accounts: accounts.lock(name, locked=False))
    _tell(place, name, f"user {name} was unlocked")


@users.command()
def remove(name: Name, data: DataOption = None) -> None:
    """Remove a user; sessions that are open end. What they did stays in the journal."""
    place = data_of(data)
    _change(place, lambda accounts: accounts.remove(name))
    _tell(place, name, f"user {name} was removed")


@users.command("list")
def list_(data: DataOption = None) -> None:
    """Users, their roles, and what they come in with."""
    from controller.doors.accounts import AccountError, Accounts

    try:
        known = Accounts.of(data_of(data)).all()
    except AccountError as error:
        fail(str(error))
    for one in sorted(known.values(), key=lambda account: account.name):
        ways = [*(["password"] if one.password else []), *(f"certificate {x[:16]}" for x in one.certificates)]
        locked = "  locked" if one.locked else ""
        typer.echo(f"{one.name:20} {one.role:11} {', '.join(ways) or 'nothing to come in with'}{locked}")
    if not known:
        typer.echo("there are none yet: `heloop users add NAME --role operator`")


def _change(place: Path, do: Callable[[Accounts], None]) -> None:
    from controller.doors.accounts import AccountError, Accounts

    try:
        do(Accounts.of(place))
    except AccountError as error:
        fail(str(error))


def _tell(place: Path, name: str, text: str) -> None:
    record(place, "users.changed", name, text)


def _fingerprint(file: Path) -> str:
    from controller.opcua.certificates import Certificate, Unreadable

    try:
        return Certificate.read(file.read_bytes()).fingerprint
    except (OSError, Unreadable) as error:
        fail(f"{file}: {error}")


def _password(name: str, reference: str | None) -> str:
    from controller.opcua.link.errors import LinkLost
    from controller.opcua.link.security import secret

    if reference is None:
        word: str = typer.prompt(
            f"password of {name} (10 characters or more)", hide_input=True, confirmation_prompt=True, err=True
        )
        return word
    try:
        return secret(reference)
    except LinkLost as error:
        fail(error.reason, 2)


def register(app: typer.Typer) -> None:
    app.add_typer(users, name="users")
