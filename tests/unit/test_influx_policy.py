"""What an answer of the database means: stored, again, split, hold; and how long to wait."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from controller.followers.influx.lines import body
from controller.followers.influx.policy import (
    HOLD_S,
    PAUSE_LONGEST_S,
    Answer,
    Verdict,
    halves,
    pause_s,
    retry_after_s,
    verdict,
)
from controller.followers.influx.sending import Sending
from controller.followers.place import Parked


@pytest.mark.parametrize(
    ("status", "text", "means"),
    [
        (204, "", Verdict.STORED),
        (200, "", Verdict.STORED),
        (0, "connection refused", Verdict.AGAIN),
        (429, "", Verdict.AGAIN),
        (500, "timeout", Verdict.AGAIN),
        (503, "", Verdict.AGAIN),
        (400, "partial write: field type conflict", Verdict.SPLIT),
        (422, "rejected points", Verdict.SPLIT),
        (413, "Request Entity Too Large", Verdict.SPLIT),
        (400, "partial write: points beyond retention policy dropped=3", Verdict.EXPIRED),
        (401, "authorization failed", Verdict.HOLD),
        (403, "forbidden", Verdict.HOLD),
        (404, "database not found", Verdict.HOLD),
        (307, "", Verdict.HOLD),
    ],
)
def test_each_answer_means_one_thing(status: int, text: str, means: Verdict) -> None:
    assert verdict(Answer(status, text)) is means


def test_pauses_grow_to_a_limit_and_the_server_may_ask_for_its_own() -> None:
    pauses = [pause_s(attempt, None, 1.0) for attempt in range(1, 20)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 0.25
    assert pauses[-1] == PAUSE_LONGEST_S
    assert pause_s(1, None, 0.0) == 0.125
    assert pause_s(1, 7.0, 0.5) == 7.0
    assert pause_s(1, 1e9, 0.5) == 300.0
    assert pause_s(9999, None, 1.0) == PAUSE_LONGEST_S


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after_s("12", 0) == 12
    assert retry_after_s("Thu, 01 Jan 1970 00:00:30 GMT", 10.0) == 20
    assert retry_after_s("soon", 0) is None
    assert retry_after_s(None, 0) is None


def test_halves_are_the_whole_in_its_order() -> None:
    for size in range(2, 40):
        lines = [str(n) for n in range(size)]
        first, second = halves(lines)
        assert [*first, *second] == lines
        assert first
        assert second


class Picky:
    """Answers `first` one by one, then refuses every request that holds a bad line as a whole."""

    def __init__(self, first: Sequence[Answer] = (), bad: str = "bad") -> None:
        self.first, self.bad = list(first), bad
        self.stored: list[str] = []

    async def write(self, data: bytes) -> Answer:
        if self.first:
            return self.first.pop(0)
        lines = data.decode().split("\n")
        if any(self.bad in line for line in lines):
            return Answer(400, "cannot be parsed")
        self.stored += lines
        return Answer(204)

    async def close(self) -> None: ...


class Told:
    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.parked_lines: list[str] = []
        self.pauses: list[float] = []

    def trouble(self, kind: str, answer: Answer, since_s: float) -> None:
        self.kinds.append(kind)

    def fine(self) -> None:
        self.kinds.append("fine")

    def parked(self, one: Parked) -> None:
        self.parked_lines.append(one.line)

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_bad_lines_are_parked_with_their_reason_and_the_rest_is_stored_in_order() -> None:
    target, told = Picky(), Told()
    lines = [f"bad {n}" if n in {0, 37, 38, 999} else f"good {n}" for n in range(1000)]
    sending = Sending(target, told, batch=300)
    parked = await sending.send(lines)
    assert [one.line for one in parked] == ["bad 0", "bad 37", "bad 38", "bad 999"]
    assert all("cannot be parsed" in one.reason for one in parked)
    assert target.stored == [line for line in lines if "bad" not in line]
    assert told.parked_lines == [one.line for one in parked]
    assert sending.meters.points == 996


async def test_what_is_not_taken_now_is_sent_again_the_same_and_a_refusal_is_told() -> None:
    told = Told()
    target = Picky(
        [Answer(0, "reset"), Answer(503), Answer(429, "", 3.0), Answer(401, "no"), Answer(404, "no")]
    )
    sending = Sending(target, told, batch=10, sleep=told.sleep)
    assert await sending.send(["a", "b"]) == []
    assert target.stored == ["a", "b"]
    assert told.pauses[2:] == [3.0, HOLD_S, HOLD_S]
    assert told.kinds == ["follower.refused", "follower.refused", "fine"]
    assert sending.meters.retries == 3
    assert sending.meters.held == 0


async def test_with_too_many_dead_letters_nothing_more_is_thrown_away() -> None:
    told = Told()

    class Enough(Exception):
        pass

    async def sleep(seconds: float) -> None:
        raise Enough

    sending = Sending(Picky(), told, batch=10, dead=100_000, sleep=sleep)
    with pytest.raises(Enough):
        await sending.send(["bad"])
    assert told.kinds[-1] == "follower.refused"
    assert not told.parked_lines


def test_a_body_is_its_lines() -> None:
    assert body(["a", "b"]) == b"a\nb"
