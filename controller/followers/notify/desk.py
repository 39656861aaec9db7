"""One turn: what the journal says, what became of attempts, what time it is; and messages of it, on disk.

The machine in `alarms/delivery.py` decides; here its decisions become rows, receipts and attempts. A turn
that the disk does not take has not happened: the machine goes back to what was kept last, outcomes wait.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import msgspec
import structlog

from alarms.delivery import Delivery, Effect, Note, Send, Withdraw
from controller.followers.notify.attempts import Attempts
from controller.followers.notify.place import DAY_NS, NotifyPlace, Receipt, Row
from controller.followers.notify.test_alarm import TEST, TestRun
from controller.followers.notify.troubles import Troubles
from controller.followers.notify.ways import HEARTBEAT, PAGE, Outcome
from controller.followers.place import Cursor
from controller.record.chain import Entry

GIVE_UP_NS: Final = 5 * DAY_NS  # RFC 5321, 4.5.4.1: tried for four to five days
IDLE_S: Final = 5.0  # a clock that is set back is noticed in a turn
FORGET_NS: Final = 3_600_000_000_000
SHOWN: Final = {
    "delivered": "told {recipient} by {way}: {why}",
    "failed": "could not tell {recipient} by {way}, tried again: {reason}",
    "given_up": "cannot tell {recipient} by {way}: {reason}",
    "withdrawn": "{recipient} need not be told by {way} any more: {reason}",
    "bare": "what tells {recipient} by {way} was cut short {times} times, so it leaves in its plainest form",
}


class Desk:
    """fresh: makes a machine that knows nothing yet. people: names of routes.yaml's recipients.

    state: what `load` of the place gave, for the cursor.
    """

    def __init__(
        self,
        place: NotifyPlace,
        attempts: Attempts,
        fresh: Callable[[], Delivery],
        people: Collection[str],
        cursor: Cursor,
        state: bytes,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._place, self._attempts, self._fresh, self._now_ns = place, attempts, fresh, now_ns
        self._people = people
        self.cursor, self._state = cursor, state
        self._machine = self._remembered()
        self.troubles, self.test = self._kept()
        self._turned_s = 0.0
        self._forgot_ns = 0
        self._full = ""
        self._waits = True  # what an earlier process left is looked at in the first turn

    def is_due(self) -> bool:
        """Whether there is anything to do beside new events."""
        if (
            self._waits
            or time.monotonic() - self._turned_s > IDLE_S
            or self._attempts.outcomes()
            or self.troubles.to_tell() is not None
        ):
            return True
        pause_s, due_ns, test_ns = self._attempts.next_s(), self._machine.due_ns, self.test.until_ns
        now_ns = self._now_ns()
        return (
            (pause_s is not None and pause_s <= 0)
            or (due_ns is not None and due_ns <= now_ns)
            or (test_ns is not None and test_ns <= now_ns)
        )

    def turn(self, events: Sequence[Entry]) -> bool:
        """False: the disk did not take it, and nothing of it has happened."""
        now_ns = self._now_ns()
        outcomes = self._attempts.outcomes()
        try:
            with self._place.turn():
                again = self._take(events, outcomes, now_ns)
                begun = self._attempts.ready(self._place.open_rows())
                messages = [self._place.message(row.id) for row in begun]
                self._place.begin([row.id for row in begun])
                cursor = self.cursor._replace(events=events[-1].seq) if events else self.cursor
                state = msgspec.msgpack.encode(self._machine.dump())
                self._place.save(cursor, state)
        except sqlite3.Error as error:
            self._refused(error)
            return False
        self.cursor, self._state, self._full, self._waits = cursor, state, "", False
        for one, _ in outcomes:
            self._attempts.settled(one, again.get(one))
        for row, message in zip(begun, messages, strict=True):
            self._attempts.start(row, message)
        self._turned_s = time.monotonic()
        return True

    def begin_test(self, to: Sequence[str], receipt_s: float) -> bool:
        """The test alarm starts on its way. False: the disk did not take it."""
        try:
            with self._place.turn():
                self.test.begin(to, receipt_s, self._now_ns())
        except sqlite3.Error as error:
            self._refused(error)
            return False
        return True

    def note(self, kind: str, source: str, text: str, data: dict[str, Any]) -> None:
        """A record for the journal that belongs to no message."""
        try:
            with self._place.turn():
                self._place.record(kind, source, text, data)
        except sqlite3.Error as error:
            self._refused(error)

    # --- inside a turn -----------------------------------------------------------------------------

    def _take(
        self, events: Sequence[Entry], outcomes: Sequence[tuple[str, Outcome]], now_ns: int
    ) -> dict[str, int]:
        """What is to be tried again, with the attempts it has had."""
        effects: list[Effect] = []
        again: dict[str, int] = {}
        for one, outcome in outcomes:
            row = self._place.row(one)
            if row is not None:
                effects += self._settle(row, outcome, now_ns, again)
        for event in events:
            effects += self._machine.take(event, now_ns)
            if self.test.is_meant(event, now_ns):
                effects += self._tested(event, now_ns)
        effects += self._machine.advance(now_ns)
        effects += self._left_over(now_ns)
        self._carry_out(effects, now_ns)
        self._look_at_test(now_ns)
        self._tell_of_troubles()
        if now_ns - self._forgot_ns > FORGET_NS:
            self._forgot_ns = now_ns
            self._place.forget(now_ns)
        return again

    def _settle(self, row: Row, outcome: Outcome, now_ns: int, again: dict[str, int]) -> list[Effect]:
        if outcome.delivered:
            self._end(row, "delivered", "", now_ns)
            self.troubles.fine(row.address)
            return list(self._machine.delivered(row.id, now_ns))
        final = outcome.final or now_ns - row.put_ns > GIVE_UP_NS
        self.troubles.failing(row.address, outcome.reason, refused=outcome.final)
        if final:
            self._end(row, "given_up", outcome.reason, now_ns)
        elif row.unwanted:
            self._end(row, "withdrawn", row.unwanted, now_ns)
        else:
            self._place.again(row.id, outcome.reason)
            self._place.receipt(_receipt(row, "failed", outcome.reason, now_ns))
            if outcome.reason != row.reason:  # not one record for each attempt
                self._record(row, "failed", outcome.reason)
            again[row.id] = row.attempts
        return list(self._machine.failed(row.id, now_ns, outcome.reason, final))

    def _left_over(self, now_ns: int) -> list[Effect]:
        """What an earlier process left, or an earlier routes.yaml."""
        effects: list[Effect] = []
        for row in self._place.open_rows() if self._waits else ():
            if row.unwanted:
                self._end(row, "withdrawn", row.unwanted, now_ns)
            elif row.address not in self._attempts.addresses:
                reason = f"routes.yaml has no address {row.address} any more"
                self._end(row, "given_up", reason, now_ns)
                effects += self._machine.failed(row.id, now_ns, reason, True)
            elif row.state == "sending":
                self._interrupted(row)
        return effects

    def _interrupted(self, row: Row) -> None:
        """By a kill, or by a bug of ours in writing it: then it would end this process too, for ever."""
        self._place.interrupted(row.id)
        row = row._replace(interrupted=row.interrupted + 1)
        if row.is_bare:
            self._record(row, "bare", "")

    def _carry_out(self, effects: Sequence[Effect], now_ns: int) -> None:
        for effect in effects:
            match effect:
                case Send(message):
                    self._place.put(message, self._way(message.address), now_ns)
                case Withdraw(one, reason):
                    row = self._place.row(one)
                    if row is not None and self._attempts.is_on_its_way(one):
                        self._place.unwanted(one, reason)
                    elif row is not None:
                        self._end(row, "withdrawn", reason, now_ns)
                case Note(kind, source, text, data):
                    self._place.record(kind, source, text, data)

    def _tested(self, event: Entry, now_ns: int) -> list[Effect]:
        to = [str(one) for one in event.data["to"] if one in self._people]
        effects = self._machine.test(to, now_ns)
        self.test.came_back([one.message.id for one in effects if isinstance(one, Send)])
        return effects

    def _look_at_test(self, now_ns: int) -> None:
        verdict = self.test.look(now_ns)
        if verdict is None:
            return
        if verdict:
            self.troubles.failing(TEST, verdict, refused=True)
        else:
            self.troubles.fine(TEST)

    def _tell_of_troubles(self) -> None:
        said = self.troubles.to_tell()
        if said is not None:
            kind, text, data = said
            self._place.record(kind, "notify", text, data)
            self.troubles.told()
        kept = self.troubles.dump()
        if kept != self._place.note("troubles"):
            self._place.keep_note("troubles", kept)

    def _end(self, row: Row, result: str, reason: str, now_ns: int) -> None:
        self._place.done(row.id, "sent" if result == "delivered" else result, reason, now_ns)
        self._place.receipt(_receipt(row, result, reason, now_ns))
        self._record(row, result, reason)

    def _record(self, row: Row, result: str, reason: str) -> None:
        text = SHOWN[result].format(
            recipient=row.recipient, way=row.way, why=row.why, reason=reason, times=row.interrupted
        )
        if result == "delivered" and row.is_bare:
            text = f"{text}, in its plainest form"
        data: dict[str, Any] = {
            "message": row.id,
            "address": row.address,
            "way": row.way,
            "why": row.why,
            "incident": row.incident,
            "priority": row.priority,
            "attempt": row.attempts,
            "reason": reason,
        }
        if row.is_bare:
            data |= {"bare": True, "times": row.interrupted}
        self._place.record(f"notify.{result}", row.recipient, text, data)

    # --- besides -----------------------------------------------------------------------------------

    def _way(self, address: str) -> str:
        known = self._attempts.addresses.get(address)
        return str(known.way) if known else ""

    def _remembered(self) -> Delivery:
        machine = self._fresh()
        if self._state:
            machine.load(msgspec.msgpack.decode(self._state))
        return machine

    def _kept(self) -> tuple[Troubles, TestRun]:
        known = {*self._attempts.addresses, TEST, HEARTBEAT, PAGE}
        return Troubles(self._place.note("troubles"), known), TestRun(self._place)

    def _refused(self, error: sqlite3.Error) -> None:
        """A full disk: nothing new leaves until what leaves can be remembered."""
        self._machine = self._remembered()
        self.troubles, self.test = self._kept()
        if str(error) != self._full:
            self._full = str(error)
            structlog.get_logger("notify").error(f"{self._place.path} cannot be written: {error}")


def _receipt(row: Row, result: str, reason: str, now_ns: int) -> Receipt:
    return Receipt(now_ns, row.id, row.recipient, row.address, row.attempts, result, reason)
