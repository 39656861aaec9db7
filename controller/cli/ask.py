"""Asking the running service from the shell: one request, its answer in words, the exit code."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import typer

from controller import runtime
from controller.cli.options import fail
from controller.doors import commands


def locate(data: Path | None) -> runtime.Runtime:
    try:
        return runtime.locate(data)
    except runtime.NotFound as error:
        fail(str(error))


def data_of(data: Path | None) -> Path:
    """The data directory meant: the one named, else that of the service that runs here."""
    if data is not None:
        return data
    try:
        about = runtime.locate(None).about()
    except runtime.NotFound as error:
        fail(f"{error}; or name the data directory by --data", 2)
    assert about is not None, "it was found by what it says of itself"
    return Path(about["data"])


def ask(data: Path | None, document: dict[str, Any]) -> dict[str, Any]:
    """The service's reply. Ends the program with 1 and a sentence when there is none."""
    try:
        return commands.ask(locate(data).commands, document)
    except commands.NoService as error:
        fail(str(error))


def query(data: Path | None, question: str, **args: Any) -> Any:
    reply = ask(data, {"query": question, "args": args})
    if not reply["accepted"]:
        fail(reply["reason"])
    return reply["data"]


def request(  # the fields of a request, as a person gives them
    data: Path | None,
    action: str,
    target: str,
    *,
    reason: str,
    user: str | None,
    role: str | None,
    args: dict[str, Any] | None = None,
) -> None:
    """Prints the answer and where it is recorded; exit code 1 when it was refused."""
    document = {
        "action": action,
        "target": target,
        "args": args or {},
        "reason": reason,
        "user": user,
        "role": role,
    }
    reply = ask(data, document)
    number = f" (journal {reply['journal_seq']})" if reply["journal_seq"] else ""
    if not reply["accepted"]:
        fail(f"refused: {reply['reason']}{number}")
    typer.echo(f"accepted: {reply['reason'] or action + ' ' + target}{number}")


def record(place: Path, kind: str, source: str, text: str) -> None:
    """Says on the terminal what was changed in a data directory, and in the journal when its service runs."""
    typer.echo(text)
    there = runtime.of(place)
    if there.about() is None:
        return
    account = pwd.getpwuid(os.getuid()).pw_name
    event = {"kind": kind, "source": source, "text": text, "data": {"by": account}}
    try:
        answer = commands.ask(there.commands, {"record": event})
    except commands.NoService as error:
        typer.echo(f"it is not in the journal: {error}", err=True)
        return
    if not answer["accepted"]:
        typer.echo(f"it is not in the journal: {answer['reason']}", err=True)
