"""Which messages go now: bounded for each way, one at a time for each address, none looked at for ever."""

from __future__ import annotations

import asyncio

import pytest

from alarms.delivery import Message, Why
from alarms.routes import Address, Way
from controller.followers.notify import attempts as module
from controller.followers.notify.attempts import SLOTS, Attempts
from controller.followers.notify.place import Row
from controller.followers.notify.ways import DELIVERED, Form, Outcome


class Gate:
    """A way that answers when it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.seen: list[tuple[str, Form]] = []

    async def send(self, message: Message, address: Address, form: Form = Form.FULL) -> Outcome:
        self.seen.append((message.id, form))
        await self.open.wait()
        return DELIVERED

    async def probe(self) -> Outcome | None:
        return None

    async def close(self) -> None: ...


ADDRESSES = {f"p{n}.mail": Address(f"p{n}.mail", Way.MAIL, f"p{n}@x") for n in range(9)} | {
    "room.chat": Address("room.chat", Way.CHAT, "json://x")
}


def row(one: str, address: str, priority: int = 3) -> Row:
    return Row(one, "p", address, "mail", priority, "first", "i", "waiting", 0, "", "", 0)


def message(of: Row) -> Message:
    return Message(of.id, of.recipient, of.address, Why.FIRST, "i", True, of.priority, 0)


async def test_a_way_that_hangs_takes_its_own_slots_and_the_last_is_for_priority_1() -> None:
    mail, chat = Gate(), Gate()
    attempts = Attempts({Way.MAIL: mail, Way.CHAT: chat}, ADDRESSES)
    rows = [row(f"m{n}", f"p{n}.mail") for n in range(8)]
    begun = attempts.ready(rows)
    assert len(begun) == SLOTS[Way.MAIL] - 1
    for one in begun:
        attempts.start(one, message(one))
    urgent, room = row("urgent", "p8.mail", 1), row("room", "room.chat")
    assert [one.id for one in attempts.ready([urgent, *rows, room])] == ["urgent", "room"]
    await attempts.close()


async def test_an_address_gets_one_message_at_a_time() -> None:
    mail = Gate()
    attempts = Attempts({Way.MAIL: mail}, ADDRESSES)
    rows = [row("first", "p0.mail"), row("second", "p0.mail")]
    [begun] = attempts.ready(rows)
    attempts.start(begun, message(begun))
    assert attempts.ready(rows) == []
    mail.open.set()
    await attempts.wake.wait()
    assert attempts.outcomes() == [("first", DELIVERED)]
    assert attempts.ready(rows)[0].id == "second"
    await attempts.close()


async def test_from_the_second_interruption_on_a_message_leaves_in_its_plainest_form() -> None:
    mail = Gate()
    mail.open.set()
    attempts = Attempts({Way.MAIL: mail}, ADDRESSES)
    for times in range(4):
        one = row(f"m{times}", "p0.mail")._replace(interrupted=times)
        attempts.start(one, message(one))
    await attempts.wake.wait()
    assert mail.seen == [("m0", Form.FULL), ("m1", Form.FULL), ("m2", Form.BARE), ("m3", Form.BARE)]
    await attempts.close()


async def test_an_outcome_is_given_until_it_is_settled() -> None:
    mail = Gate()
    mail.open.set()
    attempts = Attempts({Way.MAIL: mail}, ADDRESSES)
    one = row("first", "p0.mail")
    attempts.start(one, message(one))
    assert attempts.is_on_its_way("first")
    await attempts.wake.wait()
    assert attempts.outcomes() == attempts.outcomes() == [("first", DELIVERED)]
    assert attempts.ready([one]) == []
    attempts.settled("first")
    assert not attempts.is_on_its_way("first")
    await attempts.close()


async def test_a_pause_is_kept_and_forgotten_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "retry_s", lambda made: 100.0 * made)
    attempts = Attempts({Way.MAIL: Gate()}, ADDRESSES)
    one = row("first", "p0.mail")
    attempts.settled("first", attempts=2)
    assert attempts.ready([one]) == []
    left_s = attempts.next_s()
    assert left_s is not None
    assert 190.0 < left_s <= 200.0
    assert attempts.ready([]) == []  # withdrawn meanwhile
    assert attempts.next_s() is None
    await attempts.close()


async def test_a_pause_that_is_over_wakes_nobody_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "retry_s", lambda made: 0.0)
    attempts = Attempts({Way.MAIL: Gate()}, ADDRESSES)
    attempts.settled("first", attempts=1)
    left_s = attempts.next_s()
    assert left_s is not None
    assert left_s <= 0
    assert [found.id for found in attempts.ready([row("first", "p0.mail")])] == ["first"]
    assert attempts.next_s() is None
    await attempts.close()


async def test_a_bug_in_a_way_is_not_swallowed() -> None:
    class Broken(Gate):
        async def send(self, message: Message, address: Address, form: Form = Form.FULL) -> Outcome:
            raise ZeroDivisionError

    attempts = Attempts({Way.MAIL: Broken()}, ADDRESSES)
    one = row("first", "p0.mail")
    attempts.start(one, message(one))
    await attempts.wake.wait()
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        attempts.outcomes()
    await attempts.close()
