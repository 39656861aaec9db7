"""People at the command socket of a running service: who they are, what they may, and what is kept of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import runtime
from tests.system.programs import Order, Program
from tests.system.service import Service

NOBODY = 65534
DONE, REFUSED = 0, 1


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The small plant, whose PLCs are away: what people may does not hang on them."""
    away = {"R": "opc.tcp://127.0.0.1:1", "C": "opc.tcp://127.0.0.1:1"}
    with Service(tmp_path / "data", "cryocooler", away) as service:
        service.start()
        service.story.until("service.started")
        yield service


def shell(service: Service, *words: str, account: int | None = None) -> tuple[int, str]:
    """A command line in a session of its own, as in a new terminal: exit code, standard error."""
    number = len(list(service.data.parent.glob("shell-*")))
    errors = service.data.parent / f"shell-{number}"
    errors.touch()
    errors.chmod(0o666)
    order = Order([*words, "--data", str(service.data)], errors=errors, account=account)
    with Program(order) as program:
        return program.ended(), program.errors


def test_who_in_which_role_and_why_is_in_the_journal_under_the_number_of_the_reply(service: Service) -> None:
    reply = service.request("bypass", "S-01", user="alice", reason="valve XV-215 is changed", for_s=600)
    assert reply["accepted"], reply
    asked = service.story.events()[reply["journal_seq"] - 1]
    assert (asked.seq, asked.kind, asked.source) == (reply["journal_seq"], "request.accepted", "S-01")
    account = runtime_account()
    assert asked.data == {
        "user": f"alice via {account}",
        "role": "supervisor",
        "action": "bypass",
        "target": "S-01",
        "args": {"for_s": 600},
        "reason": "valve XV-215 is changed",
        "answer": reply["reason"],
        "request": reply["id"],
    }
    (granted,) = service.story.events("bypass.active")
    assert (granted.data["user"], granted.data["reason"]) == (asked.data["user"], "valve XV-215 is changed")


def runtime_account() -> str:
    """The account that the tests and so the service run under, as the kernel names it."""
    from controller.doors.users import Peer

    return Peer(os.getpid(), os.getuid(), os.getgid(), "").account


def test_a_refusal_is_kept_with_its_reason_as_well(service: Service) -> None:
    refused = {
        "operator": "S-01 needs the role supervisor; you have operator",
        "viewer": "the role 'viewer' may look, not act",
        "supervisor": "a bypass needs a reason",
    }
    for user, why in refused.items():
        reply = service.request("bypass", "S-01", user=user, for_s=600)
        assert (reply["accepted"], reply["reason"]) == (False, why)
        kept = service.story.events()[reply["journal_seq"] - 1]
        assert (kept.kind, kept.data["user"], kept.data["answer"]) == ("request.refused", user, why)
    assert service.story.events("bypass.") == []


def test_nobody_acts_above_what_the_account_may(service: Service) -> None:
    asked = service.ask(action="reset", target="S-01", user="alice", role="admin", reason="")
    assert not asked["accepted"]
    assert "may act as supervisor at most, not as admin" in asked["reason"]
    assert service.story.events("request.") == []


def test_a_bypass_for_two_takes_two_people_in_two_sessions(service: Service) -> None:
    assert shell(
        service, "bypass", "request", "S-03", "--for", "1h", "--reason", "analyser out", "--user", "alice"
    ) == (
        DONE,
        "",
    )
    assert "waits for a second person" in service.story.until("request.accepted").data["answer"]
    code, said = shell(service, "bypass", "confirm", "S-03", "--user", "alice")
    assert code == REFUSED
    assert "another person has to confirm" in said
    assert service.story.events("bypass.active") == []
    assert shell(service, "bypass", "confirm", "S-03", "--user", "bob") == (DONE, "")
    (granted,) = service.story.events("bypass.active")
    account = runtime_account()
    assert granted.data["user"] == f"alice via {account}"
    assert granted.data["confirmed_by"] == f"bob via {account}"
    assert granted.data["reason"] == "analyser out"
    assert service.interlock("S-03")["state"] == "bypassed"


def test_two_names_in_one_session_are_one_person(service: Service) -> None:
    assert service.request("bypass", "S-03", user="alice", reason="analyser out", for_s=600)["accepted"]
    reply = service.request("confirm_bypass", "S-03", user="bob")
    assert (reply["accepted"], reply["reason"]) == (False, "confirm from a session of your own")
    assert service.story.events("bypass.active") == []


def test_an_account_that_is_not_the_service_s_may_nothing(service: Service) -> None:
    if os.getuid() != 0:  # only root can be somebody else; the service's own account is let in
        assert shell(service, "bypass", "list") == (DONE, "")
        return
    for directory in (*service.data.parents[:3], runtime.root()):
        directory.chmod(0o755)
    code, said = shell(service, "reset", "S-01", "--user", "root", account=NOBODY)
    assert code == REFUSED
    assert "may not command this service" in said
    assert "add it to the group 'heloop'" in said
    assert service.story.events("request.") == []
