"""A night at the plant for stories: alarms come and go, people answer, messages leave, time passes.

Between any two events the machine is killed and comes back from its state as JSON, in every story.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from alarms.delivery import Delivery, Effect, Message, Note, Send, Why, Withdraw
from alarms.model import Alarm
from alarms.records import Record, event_id
from alarms.routes import Routes
from alarms.suppression import Suppression
from tests.unit.notify_plant import ROUTES, SECOND, alarm, at

ALARMS = [
    alarm("LT-201.HH", 1),
    alarm("LT-201.H", 3),
    alarm("PT-204.HH", 1),
    alarm("TT-301.H", 2),
    alarm("TT-302.H", 2),
    alarm("TT-303.H", 3),
    alarm("TT-304.H", 3),
]


@dataclass
class Told:
    """What somebody has read: `text` as 'sato.mail first LT-201.HH'."""

    at_ns: int
    message: Message

    @property
    def text(self) -> str:
        alarms = " ".join(item.alarm for item in self.message.items)
        return f"{self.message.address} {self.message.why} {alarms}".rstrip()


@dataclass
class Night:
    """broken: addresses (or ways) whose server does not answer; refusing: that refuse for good."""

    start: str = "2026-11-24 03:00"
    routes: Routes = ROUTES
    alarms: Iterable[Alarm] = ()
    suppressions: Iterable[Suppression] = ()
    killed: bool = True
    now_ns: int = 0
    number: int = 0
    told: list[Told] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)
    under_way: dict[str, Message] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    _heard: int = 0

    def __post_init__(self) -> None:
        self.now_ns = self.now_ns or at(self.start)
        self.known: Mapping[str, Alarm] = {one.id: one for one in self.alarms or ALARMS}
        self.machine = self._machine()
        self.machine.advance(self.now_ns)

    def _machine(self) -> Delivery:
        return Delivery(self.routes, self.known, tuple(self.suppressions))

    def restart(self, routes: Routes | None = None) -> None:
        """kill -9, and a new process from the state, perhaps with other routes."""
        state = json.loads(json.dumps(self.machine.dump(), allow_nan=False))
        self.routes = routes or self.routes
        self.machine = self._machine()
        self.machine.load(state)
        if routes is None:
            assert json.loads(json.dumps(self.machine.dump())) == state

    # --- what happens --------------------------------------------------------------------------------

    def event(self, kind: str, source: str, text: str = "", **data: Any) -> str:
        """An event of the journal, a page of its own; its event id."""
        id_ = self.records(kind, source, text, **data)
        self.go()
        return id_

    def records(self, kind: str, source: str, text: str = "", at_ns: int = 0, **data: Any) -> str:
        """The same, but time does not go on yet: more of the page follows."""
        self.number += 1
        id_ = event_id(self.number, source)
        data = {**data, "n": self.number, "event": id_}
        self.do(
            self.machine.take(Record(kind, source, text, at_ns or self.now_ns, 0.0, 300, data), self.now_ns)
        )
        return id_

    def raises(self, *names: str, **data: Any) -> str:
        ids = [self.records("alarm.raised", name, **self._raise(name, data)) for name in names]
        self.go()
        return ids[-1]

    def _raise(self, name: str, data: dict[str, Any]) -> dict[str, Any]:
        priority = self.known[name].priority if name in self.known else 2
        return {"text": f"{name} is beyond", "priority": priority, "announce": "first", **data}

    def returns(self, *names: str, how: str = "returned", **data: Any) -> None:
        for name in names:
            self.records("alarm.returned", name, how=how, **data)
        self.go()

    def acknowledges(self, *names: str, by: str = "ito") -> None:
        for name in names:
            self.records("alarm.acknowledged", name, user=by, trunk=True, branches=[])
        self.go()

    def go(self) -> None:
        """What is due by now leaves."""
        for _ in range(100):
            if self.killed:
                self.restart()
            due_ns = self.machine.due_ns
            if due_ns is None or due_ns > self.now_ns:
                return
            self.do(self.machine.advance(self.now_ns))
        raise AssertionError("it never comes to rest")

    def wait(self, seconds: float) -> None:
        """Time passes; at every deadline what is due is done."""
        end_ns = self.now_ns + round(seconds * SECOND)
        self.go()
        while (due_ns := self.machine.due_ns) is not None and due_ns <= end_ns:
            assert due_ns > self.now_ns
            self.now_ns = due_ns
            self.go()
        self.now_ns = end_ns
        self.do(self.machine.advance(self.now_ns))
        self.go()

    def until(self, text: str, fold: int = 0) -> None:
        """The plant's clock shows this."""
        self.wait((at(text, self.routes.timezone, fold) - self.now_ns) / SECOND)

    # --- what leaves ------------------------------------------------------------------------------------

    def do(self, effects: Iterable[Effect]) -> None:
        waiting = list(effects)
        while waiting:
            effect = waiting.pop(0)
            match effect:
                case Send(message):
                    waiting += self._attempt(message)
                case Withdraw(message):
                    self.withdrawn.append(message)
                    self.under_way.pop(message, None)
                case Note():
                    self.notes.append(effect)

    def _attempt(self, message: Message) -> list[Effect]:
        assert message.id not in {one.message.id for one in self.told}
        way = message.address.partition(".")[2]
        if {message.address, way} & self.refusing:
            return self.machine.failed(message.id, self.now_ns, "550 no such mailbox", True)
        if {message.address, way} & self.broken:
            self.under_way[message.id] = message
            return self.machine.failed(message.id, self.now_ns, "connection refused", False)
        self.under_way.pop(message.id, None)
        self.told.append(Told(self.now_ns, message))
        return self.machine.delivered(message.id, self.now_ns)

    def tries_again(self) -> None:
        """Every message that has not arrived is tried once more."""
        for message in list(self.under_way.values()):
            if message.id in self.under_way:
                self.do(self._attempt(message))
        self.go()

    # --- what was heard ------------------------------------------------------------------------------------

    def heard(self) -> list[str]:
        """What has arrived since the last call: 'sato.mail first LT-201.HH'."""
        fresh = [one.text for one in self.told[self._heard :]]
        self._heard = len(self.told)
        return fresh

    @property
    def last(self) -> Message:
        return self.told[-1].message

    def of(self, why: Why) -> list[Message]:
        return [one.message for one in self.told if one.message.why is why]

    def noted(self, kind: str) -> list[str]:
        return [note.text for note in self.notes if note.kind == f"notify.{kind}"]

    def with_routes(self, **changes: Any) -> None:
        self.restart(replace(self.routes, **changes))
