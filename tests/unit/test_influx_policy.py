"""What an answer of the database means: stored, again, split, hold; and how long to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from controller.followers.influx.sending import Sending, batches
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
    parked = await sending.send([lines])
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
    assert await sending.send([["a", "b"]]) == []
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

    sending = Sending(Picky(), told, batch=10, dead=lambda: 100_000, sleep=sleep)
    with pytest.raises(Enough):
        await sending.send([["bad"]])
    assert told.kinds[-1] == "follower.refused"
    assert not told.parked_lines


def test_a_body_is_its_lines() -> None:
    assert body(["a", "b"]) == b"a\nb"


class Slow:
    """Answers when it is let; `asked` counts the requests, `open` those that wait for their answer."""

    def __init__(self) -> None:
        self.stored: list[str] = []
        self.asked = self.open = 0
        self.let = asyncio.Event()
        self.came = asyncio.Event()

    async def write(self, data: bytes) -> Answer:
        self.asked += 1
        self.open += 1
        assert self.open == 1, "two requests at once"
        self.came.set()
        try:
            await self.let.wait()
        finally:
            self.open -= 1
        self.stored += data.decode().split("\n")
        return Answer(204)

    async def close(self) -> None: ...


async def test_the_next_lines_are_made_while_a_request_is_under_way_and_go_after_it() -> None:
    target, made = Slow(), list[int]()

    def chunks() -> Iterator[list[str]]:
        for number in range(6):
            made.append(number)
            yield [f"{number}a", f"{number}b"]

    task = asyncio.create_task(Sending(target, Told(), batch=4).send(chunks()))
    await target.came.wait()
    while len(made) < 4:
        await asyncio.sleep(0)
    assert made == [0, 1, 2, 3]  # what is under way, and the next; no more than that is in memory
    assert target.asked == 1
    target.let.set()
    assert await task == []
    assert target.stored == [f"{number}{part}" for number in range(6) for part in "ab"]
    assert target.asked == 3


async def test_a_follower_that_is_ended_leaves_no_request_behind() -> None:
    target = Slow()
    task = asyncio.create_task(Sending(target, Told(), batch=1).send([["a"], ["b"]]))
    await target.came.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (target.open, target.asked) == (0, 1)


@given(st.lists(st.lists(st.text(max_size=1), max_size=9), max_size=9), st.integers(1, 7))
def test_batches_are_the_same_lines_and_full_but_for_the_last(chunks: list[list[str]], size: int) -> None:
    found = list(batches(chunks, size))
    assert [line for part in found for line in part] == [line for chunk in chunks for line in chunk]
    assert all(len(part) == size for part in found[:-1])
    assert all(found)
