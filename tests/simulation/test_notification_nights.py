"""Whole nights on simulated time: escalation at night, on holidays, over a change of duty and of the clocks.

Everything runs from the alarm engine's own records: a level rises, a technician acknowledges in the
engine, the journal is read. Between any two deadlines the process is killed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from alarms.delivery import Delivery, Effect, Message, Send
from alarms.model import Alarm
from alarms.operations import Action
from alarms.records import Record
from alarms.routes import Cover, Match, Rota, Route, Routes, Shift, Step, Times
from tests.unit.control_room import Room, bag
from tests.unit.notify_plant import BERLIN, HOUR, SECOND, at, person

HOUSE = Routes(
    BERLIN,
    (person("sato"), person("ito"), person("bauer"), person("room", user="", room=True)),
    (
        Route(
            "urgent",
            Match(priorities=frozenset({1})),
            (
                Step(("technician",), repeat_s=300.0, times="night"),
                Step(("room",), times="office"),
                Step(("bauer",), after_s=900.0),
            ),
            delay_s=30.0,
        ),
        Route("advice", Match(), (Step(("room",)),), quiet="night", digest_min=8 * 60),
    ),
    (
        Rota(
            "technician",
            (
                Shift("holiday", ("bauer",)),
                Shift("", turns=(("sato",), ("ito",)), turns_from=date(2026, 1, 5), change_min=150),
            ),
        ),
    ),
    (
        Times("office", frozenset(range(5)), 8 * 60, 17 * 60, holidays=False),
        Times("night", otherwise="office"),
        Times("holiday", holidays=True),
    ),
    frozenset({date(2026, 12, 25)}),
    trouble=("bauer",),
)


class Watch:
    """The plant with its alarm engine, and the process that tells people; `told` as '03:05 ito first'."""

    def __init__(self, start: str, routes: Routes = HOUSE, fold: int = 0) -> None:
        self.room: Room = bag()
        self.shift_ns = at(start, fold=fold) - self.room.utc_ns
        self.routes = routes
        self.alarms: dict[str, Alarm] = {name: point.alarm for name, point in self.room.engine.points.items()}
        self.machine = Delivery(routes, self.alarms)
        self.told: list[str] = []
        self.messages: list[Message] = []
        self._read = 0
        self.follow()

    @property
    def now_ns(self) -> int:
        return self.room.utc_ns + self.shift_ns

    def follow(self) -> None:
        """Reads what the engine has written since, and does what is due."""
        for record in self.room.records[self._read :]:
            there = replace(record, utc_ns=record.utc_ns + self.shift_ns)
            self.do(self.machine.take(self._journal(there), self.now_ns))
        self._read = len(self.room.records)
        while (due_ns := self.machine.due_ns) is not None and due_ns <= self.now_ns:
            self.do(self.machine.advance(self.now_ns))
            self.kill()

    @staticmethod
    def _journal(record: Record) -> Record:
        return replace(record, data=json.loads(json.dumps(record.data)))

    def kill(self) -> None:
        state = json.loads(json.dumps(self.machine.dump()))
        self.machine = Delivery(self.routes, self.alarms)
        self.machine.load(state)

    def do(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                message = effect.message
                clock = datetime.fromtimestamp(message.at_ns // SECOND, ZoneInfo(BERLIN))
                self.messages.append(message)
                self.told.append(f"{clock:%H:%M} {message.recipient} {message.why}")
                self.do(self.machine.delivered(message.id, self.now_ns))

    def wait(self, seconds: float) -> None:
        end_ns = self.now_ns + round(seconds * SECOND)
        while self.now_ns < end_ns:
            due_ns = self.machine.due_ns
            look_ns = self.now_ns + 5 * SECOND
            next_ns = min(look_ns if due_ns is None else max(due_ns, self.now_ns + SECOND), look_ns, end_ns)
            self.room.wait((next_ns - self.now_ns) / SECOND)
            self.follow()

    def until(self, text: str, fold: int = 0) -> None:
        self.wait((at(text, fold=fold) - self.now_ns) / SECOND)

    def level(self, percent: float) -> None:
        self.room.reads("LT-201", percent)
        self.follow()

    def acknowledges(self, alarm: str, user: str) -> None:
        assert self.room.does(Action.ACKNOWLEDGE, alarm, user=user) == ""
        self.follow()


def test_at_night_the_one_on_duty_is_woken_until_a_second_person_answers() -> None:
    watch = Watch("2026-11-24 03:00")
    watch.level(97)
    watch.wait(17 * 60)
    assert watch.told == [
        "03:00 sato first",
        "03:05 sato again",
        "03:10 sato again",
        "03:15 bauer escalated",
        "03:15 sato again",
    ]
    watch.acknowledges("LT-201.HH", "bauer")
    assert watch.told[5:] == ["03:17 sato answered"]
    watch.until("2026-11-24 07:59")
    assert len(watch.told) == 6


def test_by_day_the_room_is_told_and_nobody_is_woken() -> None:
    watch = Watch("2026-11-24 10:00")
    watch.level(97)
    watch.wait(60)
    assert watch.told == ["10:00 room escalated"]


def test_on_christmas_the_one_who_has_the_holiday_is_told_at_ten_in_the_morning() -> None:
    watch = Watch("2026-12-25 10:00")
    watch.level(97)
    watch.wait(60)
    assert watch.told == ["10:00 bauer first"]


def test_what_returns_within_the_delay_wakes_nobody() -> None:
    watch = Watch("2026-11-24 03:00")
    watch.level(97)
    watch.wait(20)
    watch.level(50)
    watch.wait(3600)
    assert watch.told == []


def test_the_duty_changes_during_an_incident() -> None:
    watch = Watch("2026-11-23 02:23")
    watch.level(97)
    watch.wait(12 * 60)
    assert watch.told == ["02:23 ito first", "02:28 ito again", "02:33 sato first"]


def test_somebody_stands_in_from_the_middle_of_an_incident() -> None:
    cover = Cover(at("2026-11-24 03:04"), at("2026-11-24 06:00"), ("bauer",))
    routes = replace(HOUSE, rotas=(replace(HOUSE.rotas[0], covers=(cover,)),))
    watch = Watch("2026-11-24 03:00", routes)
    watch.level(97)
    watch.wait(6 * 60)
    assert watch.told == ["03:00 sato first", "03:05 bauer first"]


def test_a_level_that_rises_on_from_high_to_too_high_wakes_somebody() -> None:
    watch = Watch("2026-11-24 03:00")
    watch.level(92)
    watch.wait(1800)
    assert watch.told == []  # advice waits for the digest
    watch.level(97)
    watch.wait(60)
    assert watch.told == ["03:30 sato first"]
    watch.acknowledges("LT-201.HH", "sato")
    watch.level(50)
    watch.until("2026-11-24 08:01")
    assert watch.told[1:] == ["08:00 room digest"]
    assert watch.messages[-1].items[0].state == "returned"


# --- the clocks change -----------------------------------------------------------------------------

DAILY = replace(
    HOUSE,
    rotas=(
        Rota(
            "technician",
            (Shift("", (), (("sato",), ("ito",)), date(2026, 10, 24), turn_days=1, change_min=150),),
        ),
    ),
)


def test_in_autumn_the_duty_of_half_past_two_begins_once() -> None:
    """02:30 comes twice; from the first on ito has the duty, also when the clock shows 02:05 again."""
    watch = Watch("2026-10-25 02:23", DAILY)
    watch.level(97)
    watch.wait(71 * 60)
    first = [line for line in watch.told if "bauer" not in line]
    assert first[:4] == ["02:23 sato first", "02:28 sato again", "02:33 ito first", "02:38 ito again"]
    assert {line.split()[1] for line in first[2:]} == {"ito"}
    assert "02:03 ito again" in first
    assert first.count("02:33 ito again") == 1
    assert len(first) == 15  # every five minutes, whatever the clock shows


def test_in_spring_the_duty_of_half_past_two_begins_though_there_is_none() -> None:
    watch = Watch("2027-03-28 01:52", DAILY)
    watch.level(97)
    watch.wait(16 * 60)
    assert [line for line in watch.told if "bauer" not in line] == [
        "01:52 sato first",
        "01:57 sato again",
        "03:02 ito first",
        "03:07 ito again",
    ]
    assert "03:07 bauer escalated" in watch.told  # fifteen minutes, not an hour and fifteen


@pytest.mark.parametrize(
    ("evening", "morning", "night_h"),
    [("2026-10-24 20:00", "2026-10-25", 13), ("2027-03-27 20:00", "2027-03-28", 11)],
)
def test_the_digest_at_half_past_two_comes_once_in_the_night_of_the_change(
    evening: str, morning: str, night_h: int
) -> None:
    urgent, advice = HOUSE.routes
    watch = Watch(evening, replace(HOUSE, routes=(urgent, replace(advice, digest_min=150))))
    watch.level(92)
    watch.until(f"{morning} 08:00")
    assert watch.told == [f"{'02:30' if night_h == 13 else '03:00'} room digest"]
    assert watch.now_ns - at(evening) == night_h * HOUR
