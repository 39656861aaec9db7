"""When everything serves: one line with the addresses, whatever the children say (a contract for scripts)."""

from __future__ import annotations

import sys

import typer


class Readiness:
    """Passes on what children print, and says once that all serve, with the addresses."""

    def __init__(self) -> None:
        self._urls: dict[str, str] = {}
        self._said = False

    def hear(self, child: str, line: str) -> None:
        if not line.startswith("ready "):
            typer.echo(f"{child}: {line}", err=True)
            return
        self._urls[child] = url_in(line)
        if not self._said and {"core", "gateway"} <= self._urls.keys():
            self._said = True
            typer.echo(f"ready opcua={self._urls['gateway']} console=-")
            sys.stdout.flush()


def url_in(line: str) -> str:
    """The OPC UA server's address in a child's line 'ready opcua=URL console=URL'."""
    return line.partition("opcua=")[2].partition(" ")[0]
