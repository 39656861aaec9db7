"""The one line that says that all serve, with the addresses: a contract for scripts."""

from __future__ import annotations

import pytest

from controller.cli.ready import Readiness


def test_it_is_said_once_when_core_and_server_are_ready(capsys: pytest.CaptureFixture[str]) -> None:
    ready = Readiness()
    ready.hear("core", "ready opcua=- console=-")
    assert capsys.readouterr().out == ""
    ready.hear("gateway", "ready opcua=opc.tcp://plant:4840 console=-")
    assert capsys.readouterr().out == "ready opcua=opc.tcp://plant:4840 console=-\n"
    ready.hear("gateway", "ready opcua=opc.tcp://plant:4840 console=-")  # started again
    assert capsys.readouterr().out == ""


def test_what_else_children_say_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    Readiness().hear("gateway", "ended with exit code 1; starting again in 2 s")
    assert capsys.readouterr() == ("", "gateway: ended with exit code 1; starting again in 2 s\n")
