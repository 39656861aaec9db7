"""28,000 raw alarms in ten minutes (uptime-kuma#4779): a message a minute each, and none lost.

Once through the alarm engine, which finds the flood and the cascade itself, and once as bare events,
as if no alarm system stood between the plant and the people.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pytest

from alarms.annunciator import Settings
from alarms.delivery import Delivery, Effect, Message, Note, Send
from alarms.engine import AlarmEngine
from alarms.messages import ITEMS_MAX, Why
from alarms.model import Alarm, Level, Side
from alarms.records import Kind, Record, event_id
from alarms.routes import Match, Route, Routes, Step
from alarms.signal import GOOD
from tests.unit.notify_plant import MINUTE, SECOND, at, with_routes

ALARMS = 28_000
LASTS_S = 600
PAGE = 1_000
START_NS = at("2026-11-24 03:00")
EVERYBODY = with_routes(
    Route("urgent", Match(priorities=frozenset({1})), (Step(("sato", "ito")),)),
    Route("rest", Match(), (Step(("sato",)), Step(("bauer", "room"), after_s=120.0))),
)


class Office:
    """Takes the journal in pages, as the process that sends does; state is kept every thousand events."""

    def __init__(self, routes: Routes, alarms: Iterable[Alarm]) -> None:
        self.machine = Delivery(routes, {one.id: one for one in alarms})
        self.sent: list[Message] = []
        self.notes: list[Note] = []
        self.state_bytes = self.events = 0
        self.machine.advance(START_NS)

    def reads(self, records: Sequence[Record], now_ns: int) -> None:
        for first in range(0, len(records), PAGE):
            for record in records[first : first + PAGE]:
                self.do(self.machine.take(record, now_ns), now_ns)
            self.rest(now_ns)
            self.events += len(records[first : first + PAGE])
            if self.events >= PAGE:
                self.events = 0
                self.state_bytes = max(self.state_bytes, len(json.dumps(self.machine.dump())))

    def rest(self, now_ns: int) -> None:
        while (due_ns := self.machine.due_ns) is not None and due_ns <= now_ns:
            self.do(self.machine.advance(now_ns), now_ns)

    def do(self, effects: Iterable[Effect], now_ns: int) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self.sent.append(effect.message)
                self.do(self.machine.delivered(effect.message.id, now_ns), now_ns)
            elif isinstance(effect, Note):
                self.notes.append(effect)

    def noted(self, kind: str) -> int:
        return sum(note.data["count"] for note in self.notes if note.kind == kind)


def one_a_minute(sent: Iterable[Message]) -> None:
    """To every address; the first message of an incident of priority 1 apart."""
    last: dict[str, int] = {}
    urgent: set[tuple[str, str]] = set()
    for message in sent:
        first = message.priority == 1 and (message.address, message.incident) not in urgent
        if message.priority == 1:
            urgent.add((message.address, message.incident))
        if first:
            continue
        assert message.at_ns - last.get(message.address, 0) >= MINUTE, message
        last[message.address] = message.at_ns


def told_of(sent: Iterable[Message], name: str) -> int:
    """How many alarms somebody has been told of, none counted twice."""
    return sum(
        message.count for message in sent if message.recipient == name and message.why is not Why.AGAIN
    )


def raw(count: int, priority: int, begin_ns: int = START_NS) -> list[Record]:
    """So many different tags, evenly over ten minutes."""
    records = []
    for number in range(1, count + 1):
        name = f"TT-{number:05d}.HH"
        data = {"priority": priority, "announce": "first", "n": number, "event": event_id(number, name)}
        utc_ns = begin_ns + number * LASTS_S * SECOND // count
        records.append(Record(Kind.RAISED, name, f"{name}: 99 is beyond 90", utc_ns, 0.0, 600, data))
    return records


def rule(number: int, priority: int) -> Alarm:
    name = f"TT-{number:05d}"
    return Alarm(f"{name}.HH", Level(number - 1, Side.HIGH, 90.0), priority, name, "HH", name, "cold box")


@pytest.mark.parametrize("priority", [1, 2])
def test_28_000_bare_alarms_are_a_message_a_minute_and_none_is_lost(priority: int) -> None:
    office = Office(EVERYBODY, [rule(number, priority) for number in range(1, ALARMS + 1)])
    records = raw(ALARMS, priority)
    pages = defaultdict(list)
    for record in records:
        pages[(record.utc_ns - START_NS) // SECOND].append(record)
    for second in range(LASTS_S + 1):
        office.reads(pages.get(second, []), START_NS + (second + 1) * SECOND)
        office.rest(START_NS + (second + 1) * SECOND)
    office.rest(START_NS + (LASTS_S + 62) * SECOND)
    one_a_minute(office.sent)
    assert told_of(office.sent, "sato") == ALARMS
    assert all(len(message.items) <= ITEMS_MAX for message in office.sent)
    people = Counter(message.address for message in office.sent)
    assert max(people.values()) <= (25 if priority == 1 else 14), people
    assert office.noted("notify.not_told") == 0


def test_what_comes_and_goes_in_the_storm_is_told_or_counted() -> None:
    drawn = random.Random(4779)
    office = Office(EVERYBODY, [rule(number, 2) for number in range(1, ALARMS + 1)])
    raised = raw(ALARMS, 2)
    back = [
        Record(
            Kind.RETURNED,
            one.source,
            "back",
            one.utc_ns + drawn.randrange(1, 90) * SECOND,
            0.0,
            300,
            {"how": "returned", "n": 0, "event": ""},
        )
        for one in raised
    ]
    records = sorted([*raised, *back], key=lambda one: one.utc_ns)
    pages = defaultdict(list)
    for record in records:
        pages[(record.utc_ns - START_NS) // (10 * SECOND)].append(record)
    for page in range(80):
        office.reads(pages.get(page, []), START_NS + (page + 1) * 10 * SECOND)
        office.rest(START_NS + (page + 1) * 10 * SECOND)
    one_a_minute(office.sent)
    known = told_of(office.sent, "sato") + office.noted("notify.not_told")
    assert known >= ALARMS
    assert office.machine.counters["alarms_refused"] == 0


def test_28_000_alarms_of_the_engine_are_a_few_messages() -> None:
    """The engine finds the flood: advisory alarms are counted, the rest is one incident."""
    priorities = [1 if n % 4000 == 0 else 2 if n % 10 == 0 else 3 for n in range(1, ALARMS + 1)]
    rules = [rule(number, priority) for number, priority in enumerate(priorities, 1)]
    engine = AlarmEngine(rules, size=ALARMS, settings=Settings())
    values, status = np.full(ALARMS, 20.0), np.full(ALARMS, GOOD, np.uint32)
    office = Office(EVERYBODY, rules)
    step = engine.step((0.0, 0.0, START_NS), [], (values, status))
    office.reads(step.records, START_NS)
    order = list(range(ALARMS))
    random.Random(1).shuffle(order)
    announced = 0
    for second in [*range(1, LASTS_S + 1), *range(LASTS_S + 10, LASTS_S + 700, 10)]:
        batch = order[(second - 1) * ALARMS // LASTS_S : second * ALARMS // LASTS_S]  # empty in the end
        values[batch] = 99.0
        now_ns = START_NS + second * SECOND
        step = engine.step((float(second), float(second), now_ns), batch, (values, status))
        announced += len(step.announcements)
        office.reads(step.records, now_ns)
        office.rest(now_ns)
    assert not engine.book.flood_since_utc_ns
    one_a_minute(office.sent)
    told = told_of(office.sent, "sato")
    assert len([one for one in office.sent if one.recipient == "sato"]) < 40
    assert told + office.noted("notify.not_told") >= ALARMS
    urgent = {item.alarm for one in office.sent for item in one.items if item.priority == 1}
    assert urgent == {one.id for one in rules if one.priority == 1}


def test_a_backlog_of_28_000_events_is_read_in_a_few_seconds() -> None:
    """As after an outage: all at once, state kept after each page, and a kill now and then."""
    routes, rules = EVERYBODY, [rule(number, 2) for number in range(1, ALARMS + 1)]
    office = Office(routes, rules)
    now_ns = START_NS + LASTS_S * SECOND
    records = raw(ALARMS, 2)
    for first in range(0, ALARMS, PAGE):
        office.reads(records[first : first + PAGE], now_ns)
        if first % (7 * PAGE):
            continue
        state = json.loads(json.dumps(office.machine.dump()))
        office.machine = Delivery(routes, {one.id: one for one in rules})
        office.machine.load(state)
    office.rest(now_ns + 61 * SECOND)
    assert told_of(office.sent, "sato") == ALARMS
    assert office.state_bytes < 20_000_000
