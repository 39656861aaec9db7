"""What does not deliver is one state for the core: it begins once, ends once, and does not flutter."""

from __future__ import annotations

import time

import pytest

from controller.followers.notify import troubles
from controller.followers.notify.troubles import Troubles


class Steady:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Steady:
    made = Steady()
    monkeypatch.setattr(troubles, "time", made)
    return made


def said(of: Troubles) -> str | None:
    """The kind and reason of what is to be told now, taken as told."""
    found = of.to_tell()
    if found is None:
        return None
    of.told()
    return f"{found[0]}: {found[2].get('reason', '')}"


def test_a_failure_that_passes_within_ten_seconds_is_nobodys_business(clock: Steady) -> None:
    of = Troubles()
    of.failing("sato.mail", "no answer", refused=False)
    clock.now_s += 9.0
    assert said(of) is None
    of.fine("sato.mail")
    clock.now_s += 9.0
    assert said(of) is None
    assert not of.standing()


def test_what_lasts_is_told_once_and_its_end_once(clock: Steady) -> None:
    of = Troubles()
    of.failing("sato.mail", "no answer", refused=False)
    clock.now_s += 10.0
    of.failing("sato.mail", "connection refused", refused=False)
    assert said(of) == "follower.down: sato.mail: connection refused"
    for text in ("no answer", "connection refused", "no answer"):
        clock.now_s += 300.0
        of.failing("sato.mail", text, refused=False)
        assert said(of) is None
    of.fine("sato.mail")
    assert said(of) == "follower.restored: "
    assert said(of) is None


def test_a_refusal_is_told_at_once_and_more_of_them_each_minute_at_most(clock: Steady) -> None:
    of = Troubles()
    of.failing("a.mail", "550 unknown", refused=True)
    assert said(of) == "follower.refused: a.mail: 550 unknown"
    of.failing("b.mail", "550 unknown", refused=True)
    of.failing("c.chat", "HTTP 404", refused=True)
    assert said(of) is None
    clock.now_s += 60.0
    assert said(of) == "follower.refused: a.mail, b.mail: 550 unknown; c.chat: HTTP 404"


def test_many_addresses_with_one_reason_are_one_sentence(clock: Steady) -> None:
    of = Troubles()
    for number in range(40):
        of.failing(f"p{number:02}.mail", "no answer", refused=True)
    assert said(of) == (
        "follower.refused: p00.mail, p01.mail, p02.mail, p03.mail, p04.mail and 35 more: no answer"
    )


def test_after_a_restart_what_was_told_is_known_and_its_end_is_told(clock: Steady) -> None:
    of = Troubles()
    of.failing("sato.mail", "550 unknown", refused=True)
    of.failing("gone.mail", "550 unknown", refused=True)
    said(of)
    again = Troubles(of.dump(), {"sato.mail"})
    assert again.standing()
    again.fine("sato.mail")
    assert said(again) == "follower.restored: "


def test_one_name_can_be_left_out(clock: Steady) -> None:
    of = Troubles()
    of.failing("heartbeat", "HTTP 500", refused=True)
    assert of.standing()
    assert not of.standing(besides="heartbeat")
    assert of.passing == []
    assert time.monotonic() != clock.now_s
