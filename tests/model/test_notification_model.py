"""Notification against a reference that looks at everything every second, and twins of which one is killed.

The first model knows steps, delays, repeats and what ends them. The second has everything (groups,
floods, a rota, quiet times, rate limits, servers that fail) and checks what must hold of any story.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from alarms.delivery import Delivery
from alarms.messages import CALLS, Effect, Message, Note, Send, Withdraw
from alarms.records import Record, event_id
from alarms.routes import Match, Route, Routes, Step, Stop
from tests.model.naive_notification import NaiveRoute, NaiveStep, Reference
from tests.unit.night_shift import ALARMS, Night
from tests.unit.notify_plant import ROUTES, SECOND, alarm, at, person

NAMES = ["A-1.H", "B-1.H", "C-1.HH"]
PEOPLE = ["sato", "ito", "bauer"]

steps = st.builds(
    NaiveStep,
    st.sampled_from(PEOPLE),
    st.sampled_from([0, 0, 3, 7]),
    st.sampled_from([0, 0, 2, 5]),
    st.sampled_from([0, 1, 3]),
)
stops = st.sets(st.sampled_from(["acknowledged", "returned", "shelved"]))
routes = st.builds(NaiveRoute, st.lists(steps, min_size=1, max_size=3), st.sampled_from([0, 4]), stops)
deeds = st.lists(
    st.tuples(
        st.sampled_from(["raise", "return", "latch", "acknowledge", "shelve", "out", "wait", "wait"]),
        st.sampled_from(NAMES),
        st.integers(1, 12),
    ),
    max_size=30,
)


def routes_of(naive: dict[str, NaiveRoute]) -> Routes:
    """The same as routes.yaml would have it."""
    branches = tuple(
        Route(
            name,
            Match(tags=(name,)),
            tuple(
                Step((one.person,), float(one.after_s), (), "", one.repeat_s or None, one.repeats)
                for one in route.steps
            ),
            float(route.delay_s),
            frozenset(Stop(one) for one in route.stop),
            tell_answered=False,
        )
        for name, route in naive.items()
    )
    return replace(ROUTES, routes=branches, recipients=tuple(person(one, every_s=0.0) for one in PEOPLE))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.fixed_dictionaries(dict.fromkeys(NAMES, routes)), deeds)
def test_who_is_told_and_when_is_as_the_reference_says(
    naive: dict[str, NaiveRoute], deeds: list[tuple[str, str, int]]
) -> None:
    there = Reference(naive)
    alarms = [alarm(name, 2) for name in NAMES]
    night = Night(routes=routes_of(naive), alarms=alarms, killed=False)
    start_ns = night.now_ns
    for deed, name, seconds in [*deeds, ("wait", "", 40)]:
        one = there.alarms.get(name)
        if deed == "wait" or one is None:
            night.wait(seconds)
            for _ in range(seconds):
                there.second()
            continue
        match deed:
            case "raise":
                night.records("alarm.raised", name, priority=2, announce="first")
                there.raised(name)
            case "return" | "latch" if one.active:
                how = "returned" if deed == "return" else "returned, latching"
                night.records("alarm.returned", name, how=how)
                one.active, one.latched = False, deed == "latch"
            case "acknowledge":
                night.records("alarm.acknowledged", name, user="x", trunk=True)
                one.acknowledged = True
            case "shelve":
                night.records("alarm.shelved", name, user="x")
                one.shelved = True
            case "out":
                night.records("alarm.out_of_service", name, user="x")
                one.out = True
        there.settled()
        night.go()
        there.look()
    told = {
        (round((one.at_ns - start_ns) / SECOND), one.message.recipient, one.message.items[0].alarm)
        for one in night.told
    }
    assert told == there.told
    once = Counter((one.at_ns, one.message.recipient, one.message.items[0].event) for one in night.told)
    assert set(once.values()) <= {1}


# --- twins -----------------------------------------------------------------------------------------


class Post:
    """The process that sends, with servers of which some are away: what left, what arrived."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.machine = Delivery(routes, {one.id: one for one in ALARMS})
        self.under_way: dict[str, Message] = {}
        self.log: list[Effect] = []
        self.sent: list[Message] = []
        self.arrived: list[Message] = []

    def do(self, effects: list[Effect]) -> None:
        self.log += effects
        for effect in effects:
            if isinstance(effect, Send):
                self.under_way[effect.message.id] = effect.message
                self.sent.append(effect.message)
            elif isinstance(effect, Withdraw):
                self.under_way.pop(effect.message, None)

    def attempt(self, now_ns: int, away: set[str], refusing: set[str]) -> None:
        for id_, message in list(self.under_way.items()):
            if id_ not in self.under_way:
                continue
            way = message.address.partition(".")[2]
            if message.address in refusing:
                del self.under_way[id_]
                self.do(self.machine.failed(id_, now_ns, "550", True))
            elif way in away:
                self.do(self.machine.failed(id_, now_ns, "away", False))
            else:
                del self.under_way[id_]
                self.arrived.append(message)
                self.do(self.machine.delivered(id_, now_ns))

    def kill(self) -> None:
        state = json.loads(json.dumps(self.machine.dump(), allow_nan=False))
        self.machine = Delivery(self.routes, {one.id: one for one in ALARMS})
        self.machine.load(state)


KINDS = ["alarm.returned", "alarm.acknowledged", "alarm.shelved", "alarm.out_of_service", "alarm.reset"]
ALARM = st.sampled_from([one.id for one in ALARMS])


class Twins(RuleBasedStateMachine):
    """One runs through, the other is killed after every event."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ns = at("2026-11-23 08:30")
        self.number = 0
        self.twins = Post(ROUTES), Post(ROUTES)
        self.away: set[str] = set()
        self.refusing: set[str] = set()
        self.incident = ""
        self.answered_after: dict[str, int] = {}  # alarm: so many messages had left
        self.announced: set[str] = set()
        self.go()

    def event(self, kind: str, source: str, **data: Any) -> None:
        self.number += 1
        data = {**data, "n": self.number, "event": event_id(self.number, source)}
        record = Record(kind, source, f"{source} {kind}", self.now_ns, 0.0, 300, data)
        for twin in self.twins:
            twin.do(twin.machine.take(record, self.now_ns))

    def go(self) -> None:
        for _ in range(200):
            for twin in self.twins:
                twin.attempt(self.now_ns, self.away, self.refusing)
            self.twins[1].kill()
            due_ns = self.twins[0].machine.due_ns
            if due_ns is None or due_ns > self.now_ns:
                return
            for twin in self.twins:
                twin.do(twin.machine.advance(self.now_ns))
        raise AssertionError("it never comes to rest")

    @rule(name=ALARM, group=st.sampled_from(["", "", "e1", "e2"]), first=st.booleans())
    def raised(self, name: str, group: str, first: bool) -> None:
        data: dict[str, Any] = {"priority": self.priority(name), "announce": "first"}
        if group:
            data |= {"incident": group, "first_out": first}
        self.event("alarm.raised", name, **data)
        self.answered_after.pop(name, None)
        self.announced.add(name)

    def priority(self, name: str) -> int:
        return next(one.priority for one in ALARMS if one.id == name)

    @rule(name=ALARM, how=st.sampled_from(["consequence", "flood", "worse", "worse tag"]))
    def withheld(self, name: str, how: str) -> None:
        data: dict[str, Any] = {"priority": self.priority(name), "withheld": how}
        if how == "consequence":
            data |= {"incident": "e1", "consequence": True, "hidden": True}
        self.event("alarm.raised", name, **data)

    @rule(name=ALARM, kind=st.sampled_from(KINDS), user=st.sampled_from(["sato", "ito", "x"]))
    def answered(self, name: str, kind: str, user: str) -> None:
        data: dict[str, Any] = {"user": user, "trunk": True, "branches": []}
        if kind == "alarm.returned":
            data = {"how": "returned"}
        self.event(kind, name, **data)
        if kind != "alarm.reset":
            self.answered_after[name] = len(self.twins[0].sent)

    @rule(on=st.booleans())
    def flood(self, on: bool) -> None:
        self.event("flood.began" if on else "flood.ended", "alarms", announced=11)

    @rule(seconds=st.sampled_from([0, 1, 5, 59, 60, 121, 600, 3600, 8 * 3600]))
    def wait(self, seconds: int) -> None:
        end_ns = self.now_ns + seconds * SECOND
        self.go()
        while (due_ns := self.twins[0].machine.due_ns) is not None and due_ns <= end_ns:
            self.now_ns = max(self.now_ns, due_ns)
            self.go()
        self.now_ns = end_ns
        self.go()

    @rule()
    def clock_set_back(self) -> None:
        self.now_ns -= 1800 * SECOND
        for twin in self.twins:
            twin.do(twin.machine.advance(self.now_ns))

    @rule(way=st.sampled_from(["mail", "chat"]), away=st.booleans())
    def server(self, way: str, away: bool) -> None:
        self.away = self.away | {way} if away else self.away - {way}

    @rule(address=st.sampled_from(["ito.mail", "bauer.chat", "room.chat"]), refusing=st.booleans())
    def mailbox(self, address: str, refusing: bool) -> None:
        self.refusing = self.refusing | {address} if refusing else self.refusing - {address}

    # --- what must hold --------------------------------------------------------------------------------

    @invariant()
    def the_killed_one_did_the_same(self) -> None:
        ours, theirs = self.twins
        assert ours.log == theirs.log
        assert ours.machine.dump() == json.loads(json.dumps(ours.machine.dump()))
        assert ours.machine.dump() == theirs.machine.dump()

    @invariant()
    def ids_are_given_once(self) -> None:
        ids = Counter(message.id for message in self.twins[0].sent)
        assert not [id_ for id_, count in ids.items() if count > 1]

    @invariant()
    def nobody_is_called_about_what_is_answered(self) -> None:
        """No message asks for an answer to alarms that are all answered."""
        if not self.answered_after:
            return
        first = min(self.answered_after.values())
        for number, message in enumerate(self.twins[0].sent[first:], first):
            late = [item for item in message.items if self.answered_after.get(item.alarm, 1 << 60) <= number]
            if message.why in CALLS and "does not deliver" not in message.because:
                assert len(late) < len(message.items)

    @invariant()
    def one_message_a_minute(self) -> None:
        """To an address; the first of a priority 1, other ways' stead and tests apart."""
        last: dict[str, int] = {}
        for message in self.twins[0].sent:
            if message.priority == 1 or "does not deliver" in message.because:
                continue
            before = last.get(message.address, 0)
            assert not before <= message.at_ns < before + 60 * SECOND, message
            last[message.address] = message.at_ns

    def teardown(self) -> None:
        """In the end all servers are back: everything arrives, and everything announced is accounted for."""
        self.away, self.refusing = set(), set()
        self.wait(30 * 3600)
        ours = self.twins[0]
        assert not ours.under_way
        known = {item.alarm for message in ours.sent for item in message.items}
        known |= {
            name
            for effect in ours.log
            if isinstance(effect, Note) and effect.kind == "notify.not_told"
            for name in effect.data["alarms"]
        }
        assert self.announced <= known


def test_the_one_that_is_killed_all_the_time_does_the_same() -> None:
    run_state_machine_as_test(
        Twins,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
