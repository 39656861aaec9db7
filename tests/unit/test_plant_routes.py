"""routes.yaml: who is told of what, every mistake at its place, and no secret looked up or shown."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alarms.rota import on_duty
from alarms.routes import Address, Route, Routes, Stop, Way
from controller.cli.configure import load_plant
from controller.followers.notify.settings import BadSettings, settings_of
from controller.plant.build import addresses
from controller.plant.check_report import check_text
from controller.plant.config import find_plant, load
from controller.plant.notification import Notification
from controller.plant.plant import ROTAS, Plant
from tests.unit.plant_texts import TEXTS, write_plant
from tests.unit.route_texts import CALENDAR, FILES, NOW, ROUTES, changed_files, loaded, said, write_routes
from tests.unit.test_plant_check import Mistake, mistakes

MISTAKES = mistakes("route_mistakes.txt")


def plant_with(folder: Path, files: dict[str, str] | None = None) -> Plant:
    found = loaded(folder, files)
    assert found.plant is not None, said(folder, found)
    return found.plant


def notification_of(plant: Plant) -> Notification:
    assert plant.notification is not None
    return plant.notification


def route(routes: Routes, name: str) -> Route:
    return next(one for one in routes.routes if one.name == name)


def at_ns(day: int, hour: int, minute: int = 0, month: int = 11) -> int:
    """Of the plant's clock (Tokyo) in 2026."""
    return (int(datetime(2026, month, day, hour, minute, tzinfo=UTC).timestamp()) - 9 * 3600) * 10**9


# --- what it means ---------------------------------------------------------------------------


def test_a_right_file_has_nothing_to_say(tmp_path: Path) -> None:
    assert said(tmp_path, loaded(tmp_path)) == []


def test_people_and_rooms_have_their_addresses_in_order_and_each_a_name_of_its_own(tmp_path: Path) -> None:
    sato, smith, tanaka, room = notification_of(plant_with(tmp_path)).routes.recipients
    assert sato.addresses == (
        Address("sato.mail", Way.MAIL, "sato@helium.example"),
        Address("sato.chat", Way.CHAT, "env:CHAT_SATO"),
    )
    assert [one.id for one in smith.addresses] == ["smith.mail", "smith.mail2"]
    assert (sato.language, sato.user, sato.link_acknowledges, sato.room) == ("ja", "sato", True, False)
    assert (tanaka.every_s, smith.every_s) == (300.0, 60.0)
    assert (room.room, room.link_acknowledges, room.addresses[0].way) == (True, False, Way.MQTT)


def test_routes_steps_and_times_are_as_they_are_written(tmp_path: Path) -> None:
    routes = notification_of(plant_with(tmp_path)).routes
    act_now, bag = route(routes, "act_now"), route(routes, "bag")
    first, second = act_now.steps
    assert act_now.delay_s == 10
    assert act_now.stop == {Stop.ACKNOWLEDGED, Stop.RETURNED}
    assert act_now.from_place == "routes.yaml:51"
    assert (first.to, first.repeat_s, first.repeats, first.ways) == (("duty", "control_room"), 300.0, 3, ())
    assert (second.after_s, second.ways) == (600.0, (Way.MAIL,))
    assert (bag.quiet, bag.digest_min, bag.quiet_priorities) == ("night", 8 * 60 + 45, frozenset({3}))
    assert bag.children[0].steps == ()
    office, night = routes.times
    assert (office.days, office.from_min, office.to_min, office.holidays) == (
        frozenset(range(5)),
        510,
        1050,
        False,
    )
    assert night.otherwise == "office"
    assert routes.holidays == {date(2026, 12, 29), date(2027, 1, 1)}
    assert (routes.timezone, routes.trouble) == ("Asia/Tokyo", ("tanaka", "control_room"))


def test_the_ways_have_their_servers_and_their_secrets_stay_references(tmp_path: Path) -> None:
    found = notification_of(plant_with(tmp_path))
    assert found.mail is not None
    assert (found.mail.host, found.mail.port, found.mail.tls) == ("mail.helium.example", 587, "starttls")
    assert found.mail.password == "file:/etc/heloop/mail.password"
    assert found.broker is not None
    assert (found.broker.host, found.broker.port) == ("127.0.0.1", 1883)
    assert (found.page.url, found.page.link_hours) == ("https://plant.helium.example", 4.0)
    assert found.heartbeat is not None
    assert (found.heartbeat.every_s, found.heartbeat.url) == (900.0, "env:HEARTBEAT_URL")
    assert found.test is not None
    assert (found.test.to, found.test.days, found.test.at_min) == (("tanaka",), frozenset({0, 3}), 540)
    assert [(one.text, one.of, one.place, one.is_chat) for one in found.references] == [
        ("env:CHAT_SATO", "sato.chat", "routes.yaml:9", True),
        ("file:/etc/heloop/mail.password", "mail.password", "routes.yaml:87", False),
        ("env:HEARTBEAT_URL", "heartbeat.url", "routes.yaml:96", False),
    ]


def test_a_plant_without_routes_is_a_plant_and_has_no_alarm_of_rotas(tmp_path: Path) -> None:
    plant = load(write_plant(tmp_path, TEXTS)).plant
    assert plant is not None
    assert plant.notification is None
    assert ROTAS not in {alarm.id for alarm in plant.alarms}
    assert ROTAS in {alarm.id for alarm in plant_with(tmp_path / "routed").alarms}


def test_the_hash_of_the_plant_is_that_of_its_routes_and_calendars_too(tmp_path: Path) -> None:
    hashes = {
        plant_with(tmp_path / "a").text_hash,
        plant_with(tmp_path / "b", changed_files("routes.yaml", "delay: 10 s", "delay: 11 s")).text_hash,
        plant_with(tmp_path / "c", changed_files("duty.ics", "SUMMARY:duty week", "SUMMARY:week")).text_hash,
    }
    assert len(hashes) == 3
    assert plant_with(tmp_path / "d").text_hash in hashes


def test_check_says_how_many_alarms_reach_somebody(tmp_path: Path) -> None:
    found = loaded(tmp_path)
    assert found.plant is not None
    count = len(found.plant.alarms)  # LT-201.LL is for nobody
    assert check_text(found).splitlines()[-1] == (
        f"routes.yaml: somebody is told of {count - 1} of {count} alarms, and of all of priority 1"
    )


# --- calendars -------------------------------------------------------------------------------


def calls_at(plant: Plant, when_ns: int) -> tuple[str, ...]:
    routes = notification_of(plant).routes
    return on_duty(routes, next(one for one in routes.rotas if one.name == "calls"), when_ns)


def test_a_calendar_says_who_is_on_duty_by_its_summary_or_by_who_is_invited(tmp_path: Path) -> None:
    plant = plant_with(tmp_path)
    assert calls_at(plant, at_ns(24, 8)) == ("smith",)
    assert calls_at(plant, at_ns(30, 8, 59)) == ("smith",)
    assert calls_at(plant, at_ns(30, 9)) == ("sato",)
    assert calls_at(plant, at_ns(31, 23, month=12)) == ("sato",)


def test_one_event_that_is_moved_or_cancelled_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    moved = (
        "BEGIN:VEVENT\nUID:1\nDTSTAMP:20261101T000000Z\nRECURRENCE-ID;TZID=Asia/Tokyo:20261130T090000\n"
        "DTSTART;TZID=Asia/Tokyo:20261130T090000\nDTEND;TZID=Asia/Tokyo:20261207T090000\n"
        "SUMMARY:tanaka\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    plant = plant_with(tmp_path, changed_files("duty.ics", "END:VCALENDAR\n", moved))
    assert calls_at(plant, at_ns(1, 12, month=12)) == ("tanaka",)
    assert calls_at(plant, at_ns(15, 12, month=12)) == ("sato",)


def test_events_at_the_same_time_add_up(tmp_path: Path) -> None:
    second = (
        "BEGIN:VEVENT\nUID:3\nDTSTAMP:20261101T000000Z\nDTSTART;VALUE=DATE:20261201\n"
        "SUMMARY:Tanaka\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    plant = plant_with(tmp_path, changed_files("duty.ics", "END:VCALENDAR\n", second))
    assert calls_at(plant, at_ns(30, 23, 59)) == ("sato",)
    assert calls_at(plant, at_ns(1, 0, month=12)) == ("sato", "tanaka")
    assert calls_at(plant, at_ns(2, 0, month=12)) == ("sato",)


def test_holidays_come_from_a_calendar_as_well(tmp_path: Path) -> None:
    holidays = (
        "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:h\nDTSTART;VALUE=DATE:20270501\n"
        "DTEND;VALUE=DATE:20270504\nSUMMARY:closed\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    files = changed_files("routes.yaml", "  dates:\n", "  calendar: holidays.ics\n  dates:\n")
    found = notification_of(plant_with(tmp_path, {**files, "holidays.ics": holidays})).routes.holidays
    assert {day for day in found if day.year == 2027 and day.month == 5} == {
        date(2027, 5, 1),
        date(2027, 5, 2),
        date(2027, 5, 3),
    }
    wrong = holidays.replace(";VALUE=DATE:20270501", ":20270501T090000").replace(
        ";VALUE=DATE:20270504", ":20270501T100000"
    )
    problems = said(tmp_path, loaded(tmp_path, {**files, "holidays.ics": wrong}))
    assert problems == [
        "holidays.ics:3:1: event 'closed': a holiday is a whole day; leave the times of day out"
    ]


def test_holidays_that_are_all_over_are_told_of(tmp_path: Path) -> None:
    found = loaded(tmp_path, now=datetime(2027, 1, 11, tzinfo=UTC))
    assert "routes.yaml:30:1: warning: the last holiday is 2027-01-01; add those of the year to come" in said(
        tmp_path, found
    )


# --- mistakes --------------------------------------------------------------------------------


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m.story for m in MISTAKES])
def test_each_mistake_is_told_at_its_place_with_its_fix(tmp_path: Path, mistake: Mistake) -> None:
    found = loaded(tmp_path, changed_files(mistake.file, mistake.old, mistake.new))

    assert said(tmp_path, found) == mistake.said
    assert (found.plant is None) == any(": warning: " not in line for line in mistake.said)


def test_priority_1_that_no_route_takes_is_an_error_that_names_an_alarm(tmp_path: Path) -> None:
    begin, end = ROUTES.index("routes:\n"), ROUTES.index("trouble:")
    one = (
        "routes:\n  - name: half_an_hour\n    match:\n      priorities: [2]\n    steps:\n      - to: [sato]\n"
    )
    problems = said(tmp_path, loaded(tmp_path, {**FILES, "routes.yaml": ROUTES[:begin] + one + ROUTES[end:]}))
    assert (
        "routes.yaml:50:1: nobody is told of LT-201.HH, which has priority 1; add a route for it" in problems
    )


def test_trouble_that_is_told_by_one_way_alone_is_told_unless_somebody_watches(tmp_path: Path) -> None:
    alone = ROUTES.replace("trouble: [tanaka, control_room]", "trouble: [tanaka]")
    watched = said(tmp_path, loaded(tmp_path, {**FILES, "routes.yaml": alone}))
    unwatched = alone.replace("heartbeat:\n  every: 15 min\n  url: env:HEARTBEAT_URL\n", "")
    (problem,) = said(tmp_path, loaded(tmp_path, {**FILES, "routes.yaml": unwatched}))
    assert watched == []
    assert problem.endswith(
        "all are told by mail: when that fails nobody hears; add another, or `heartbeat:`"
    )


def test_a_mistake_in_another_file_is_not_told_twice(tmp_path: Path) -> None:
    files = {
        **TEXTS,
        **FILES,
        "plc_r.yaml": TEXTS["plc_r.yaml"].replace("- name: LT-201", "- name: LT 201", 1),
    }
    problems = [str(one) for one in load(write_plant(tmp_path, files), NOW).errors]
    assert problems
    assert not [one for one in problems if "routes.yaml" in one]


# --- secrets -----------------------------------------------------------------------------------


def test_check_looks_up_no_secret_and_what_starts_looks_up_all_and_names_each_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_SATO", raising=False)
    monkeypatch.setenv("HEARTBEAT_URL", "hc.example/x")
    plant = plant_with(tmp_path)
    with pytest.raises(BadSettings) as wrong:
        settings_of(plant)
    assert str(wrong.value).splitlines() == [
        "routes.yaml:9: sato.chat: the secret env:CHAT_SATO is not there: the environment has no 'CHAT_SATO'",
        "routes.yaml:87: mail.password: the secret file:/etc/heloop/mail.password is not there: "
        "No such file or directory",
        "routes.yaml:96: heartbeat.url: env:HEARTBEAT_URL holds no http address; it is https://HOST/PATH",
    ]


def test_what_a_reference_holds_is_checked_and_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "slak://T1JJ3T3L2/A1BRTD4JD/hunter2"
    monkeypatch.setenv("CHAT_SATO", secret)
    found = notification_of(plant_with(tmp_path))
    chats = tuple(one for one in found.references if one.is_chat)
    plant = replace(plant_with(tmp_path), notification=replace(found, references=chats))
    with caplog.at_level(logging.DEBUG), pytest.raises(BadSettings) as wrong:
        settings_of(plant)
    assert str(wrong.value) == (
        "routes.yaml:9: sato.chat: env:CHAT_SATO holds no address of a chat: "
        "Apprise knows no slak://; did you mean slack?"
    )
    assert "hunter2" not in caplog.text + str(wrong.value)
    monkeypatch.setenv("CHAT_SATO", "json://127.0.0.1:9/alarms")
    assert settings_of(plant) is plant.notification


def test_no_message_repeats_a_secret_that_stands_in_the_file(tmp_path: Path) -> None:
    for text in ("slack://T1JJ3T3L2/A1BRTD4JD/hunter2hunter2hunter2hu", "json://me:hunter2@h/x", "hunter2"):
        found = loaded(tmp_path, changed_files("routes.yaml", "env:CHAT_SATO", text))
        assert found.errors
        assert not [one for one in found.errors if "hunter2" in one.message]


def test_references_ask_nothing_of_the_chat_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes seconds to load, and `heloop check` runs at each save."""
    monkeypatch.setattr(addresses, "_apprise", lambda: pytest.fail("loaded for a reference"))
    assert said(tmp_path, loaded(tmp_path)) == []
    with pytest.raises(pytest.fail.Exception):
        loaded(tmp_path, changed_files("routes.yaml", "env:CHAT_SATO", "json://127.0.0.1/alarms"))


def test_the_core_and_others_who_send_nothing_do_not_load_the_chat_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "_apprise", lambda: pytest.fail("loaded by who sends nothing"))
    folder = write_routes(tmp_path, changed_files("routes.yaml", "env:CHAT_SATO", "json://127.0.0.1/alarms"))
    assert load(folder, NOW, thorough=False).errors == ()
    assert load_plant(str(folder)).notification is not None


def test_a_chat_in_the_file_is_checked_again_by_who_sends(tmp_path: Path) -> None:
    folder = write_routes(tmp_path, changed_files("routes.yaml", "env:CHAT_SATO", "slak://T1JJ3T3L2/A1BRTD"))
    with pytest.raises(BadSettings, match=r"routes.yaml: sato.chat: Apprise knows no slak://; did you mean"):
        settings_of(load_plant(str(folder)))


@pytest.mark.parametrize(
    "url",
    ["json://127.0.0.1:9000/alarms", "ntfys://ntfy.example/helium", "syslog://", "xml://h/x?method=PUT"],
)
def test_a_chat_without_a_secret_may_stand_in_the_file(tmp_path: Path, url: str) -> None:
    found = notification_of(plant_with(tmp_path, changed_files("routes.yaml", "env:CHAT_SATO", url)))
    assert found.routes.recipients[0].addresses[1].target == url


# --- whatever is in the files --------------------------------------------------------------------

LINES = [*ROUTES.splitlines(), *(line for line in CALENDAR.splitlines())]
SPLINTERS = [
    *(
        "- ",
        ": ",
        "#",
        "[",
        "]",
        "&a ",
        "*a",
        "\n",
        "~",
        "1e999",
        ".inf",
        "-1",
        "2026-02-30",
        "24:01",
        "99:99",
    ),
    *(
        "env:",
        "file:",
        "json://[",
        "\x00",
        "é",
        "P9999D",
        "FREQ=DAILY;INTERVAL=0",
        "00010101T000000Z",
        "a" * 300,
    ),
    *("RRULE:FREQ=DAILY;UNTIL=1", "EXDATE:x", "RDATE:20270101", "DTSTART:99991231T235959Z", "DURATION:-P1D"),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    file=st.sampled_from(sorted(FILES)),
    place=st.integers(0, 3000),
    length=st.integers(0, 40),
    put=st.lists(st.sampled_from([*LINES, *SPLINTERS]), max_size=4).map("\n".join),
)
@example(file="duty.ics", place=0, length=3000, put="BEGIN:VCALENDAR\nEND:VCALENDAR\n")
@example(file="routes.yaml", place=0, length=3000, put="routes: 3")
@example(
    file="routes.yaml", place=0, length=3000, put="routes:\n  - name: a\n    routes: x\nrotas: 1\nholidays: x"
)
def test_nothing_in_a_file_makes_it_raise(
    tmp_path: Path, file: str, place: int, length: int, put: str
) -> None:
    text = FILES[file]
    place = min(place, len(text))
    found = loaded(tmp_path, {**FILES, file: text[:place] + put + text[place + length :]})
    assert (found.plant is None) == bool(found.errors)


# --- the plants that come along --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["university", "cryocooler", "tutorial"])
def test_the_plants_that_come_along_tell_somebody_of_every_alarm_that_is_urgent(name: str) -> None:
    found = load(find_plant(name), NOW)
    assert (found.errors, found.warnings) == ((), ())
    assert found.plant is not None
    assert notification_of(found.plant).mail is not None
