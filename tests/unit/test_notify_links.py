"""Links of messages: what they say, how long, that nobody else makes one; an alarm's story for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.core.effects import Event
from controller.followers.notify.incident import story_of, told
from controller.followers.notify.links import Link, Links, SecretError, Unreadable, link_secret
from controller.followers.notify.page_door import Pace

S = 1_000_000_000
LINK = Link("LT-201.HH", "00ab", "sato", "m", True, "bag", 1_795_000_000 * S, 1_795_043_200 * S, "m1")
NOW = LINK.raised_ns


def links(secret: bytes = b"a" * 32) -> Links:
    return Links(secret, "https://heloop.example/", 12)


def token(link: Link = LINK, secret: bytes = b"a" * 32) -> str:
    return links(secret).sign(link).removeprefix("https://heloop.example/a/")


def test_a_link_says_what_it_was_made_for_and_not_what_would_make_another() -> None:
    read = links().read(token(), NOW)
    assert isinstance(read, Link)
    assert replace(read, id="", message="m1") == LINK
    assert len(read.id) == 32
    assert read.id not in token()


def test_the_same_message_sent_twice_has_one_link_and_another_message_another() -> None:
    assert token() == token()
    assert token() != token(replace(LINK, message="m2"))


def test_it_is_short_enough_for_a_chat() -> None:
    whole = replace(LINK, event="0" * 16 + "cddf0ff5d6658820", incident="0" * 16 + "cddf0ff5d6658820")
    assert len(links().sign(whole)) < 220


def test_it_ends_at_its_time() -> None:
    assert isinstance(links().read(token(), LINK.until_ns - 1), Link)
    assert links().read(token(), LINK.until_ns) is Unreadable.EXPIRED
    assert links().until_ns(0) == 12 * 3_600 * S


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_link_with_one_letter_changed_is_forged(place: int, other: int) -> None:
    good = token()
    place %= len(good)
    wrong = good[:place] + chr((ord(good[place]) + other) % 128) + good[place + 1 :]
    if wrong != good:
        read = links().read(wrong, NOW)
        # Unused bits of a last letter change nothing: it is the same link, and is used up with it.
        assert read is Unreadable.FORGED or read == links().read(good, NOW)


def test_a_link_of_another_service_is_forged() -> None:
    assert links(b"b" * 32).read(token(), NOW) is Unreadable.FORGED
    assert links().read("x" * 5_000, NOW) is Unreadable.FORGED


def test_a_form_is_of_one_link_one_browser_and_one_hour() -> None:
    made = links()
    read = made.read(token(), NOW)
    assert isinstance(read, Link)
    form = made.form(read, "cookie", NOW + 3_600 * S)
    assert made.form_holds(form, read, "cookie", NOW)
    assert not made.form_holds(form, read, "another", NOW)
    assert not made.form_holds(form, replace(read, id="another"), "cookie", NOW)
    assert not made.form_holds(form, read, "cookie", NOW + 3_600 * S)
    assert not made.form_holds(made.form(read, "", NOW + S), read, "", NOW), "no cookie is none to know it by"
    assert not made.form_holds(token(), read, "cookie", NOW), "a link is no form"
    assert made.read(form, NOW) is Unreadable.FORGED, "nor a form a link"


def test_the_secret_is_made_once_for_the_service_alone(tmp_path: Path) -> None:
    secret = link_secret(tmp_path)
    assert len(secret) == 32
    assert (tmp_path / "links.key").stat().st_mode & 0o777 == 0o600
    assert link_secret(tmp_path) == secret
    (tmp_path / "links.key").chmod(0o644)
    with pytest.raises(SecretError, match="can be read by others: chmod 600"):
        link_secret(tmp_path)
    (tmp_path / "links.key").write_bytes(b"short")
    (tmp_path / "links.key").chmod(0o600)
    with pytest.raises(SecretError, match="too short to be our secret"):
        link_secret(tmp_path)


def event(kind: str, number: int, **data: object) -> Event:
    return Event(f"alarm.{kind}", "LT-201.HH", kind, number * S, 0.0, 500, {"event": f"e{number}", **data})


def test_the_story_of_a_link_is_that_of_its_own_activation() -> None:
    story = told(
        [
            event("raised", 1, priority=1, value=96.0),
            event("returned", 2),
            event("raised", 3, priority=1),
            event("acknowledged", 4, user="tanaka", trunk=True, branches=[]),
        ],
        "e1",
    )
    assert (story.state, story.newer_ns, story.acknowledged_by) == ("waiting", 3 * S, "")
    assert [step.what for step in story.steps] == ["raised", "returned", "raised", "acknowledged"]


def test_an_earlier_activation_is_acknowledged_by_its_branch() -> None:
    events = [
        event("raised", 1),
        event("returned", 2),
        event("raised", 3),
        event("acknowledged", 4, user="tanaka", trunk=False, branches=["e1"]),
    ]
    assert told(events, "e1").acknowledged_by == "tanaka"
    assert told(events, "e3").acknowledged_by == ""


def test_an_event_told_again_belongs_to_the_activation_it_repeats() -> None:
    story = told([event("raised", 1, priority=2), event("announced", 2), event("returned", 3)], "e2")
    assert (story.raised_ns, story.priority, story.state) == (S, 2, "waiting")


def test_without_a_journal_nothing_is_known(tmp_path: Path) -> None:
    story = story_of(tmp_path, LINK)
    assert (story.known, story.state) == (False, "unknown")
    assert told([event("raised", 1)], "e7").state == "unknown"


def test_an_address_has_its_pace_and_others_theirs() -> None:
    now_s = 0.0
    pace = Pace(per_s=1.0, burst=3, now_s=lambda: now_s)
    assert [pace.allows("192.0.2.1") for _ in range(4)] == [True, True, True, False]
    assert pace.allows("192.0.2.2")
    assert [pace.allows(f"2001:db8::{n}") for n in range(4)] == [True, True, True, False], (
        "one host's network"
    )
    now_s = 2.0
    assert [pace.allows("192.0.2.1") for _ in range(3)] == [True, True, False]
