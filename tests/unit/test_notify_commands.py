"""`heloop notify` as a person types it: the rota, who would be told, what stands in the way of starting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from controller import runtime
from controller.cli import app
from controller.cli.configure import plant_texts
from controller.cli.notify_text import logged_line
from controller.cli.serve import follower_child
from controller.followers.notify.place import Logged
from controller.plant.config import find_plant, load
from tests.unit.route_texts import FILES, NOW, ROUTES, changed_files, write_routes


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELOOP_RUNTIME", str(tmp_path / "run"))
    for name in ("HELOOP_CHAT", "CHAT_SATO", "HEARTBEAT_URL", "HELOOP_DATA"):
        monkeypatch.delenv(name, raising=False)


def heloop(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


# --- rota --------------------------------------------------------------------------------------


def test_the_rota_has_a_line_for_each_day_and_wants_no_secret() -> None:
    said = heloop("notify", "rota", "university", "--days", "14")
    assert said.startswith("duty: technician on duty (Asia/Tokyo)")
    assert sum(line.count("│ ") > 0 and "-" in line for line in said.splitlines()) == 14
    assert "NOBODY" not in said
    assert "smith: Smith (technician)" in said


def test_a_hole_in_the_rota_is_said_and_ends_with_1(tmp_path: Path) -> None:
    begin, end = ROUTES.index("      - people: [sato, smith]\n    covers:"), ROUTES.index("  - name: calls")
    files = {**FILES, "routes.yaml": ROUTES[:begin] + ROUTES[end:]}  # nobody in office hours, and no covers
    said = heloop("notify", "rota", str(write_routes(tmp_path, files)), "--days", "7", code=1)
    assert "NOBODY" in said
    assert re.search(r"heloop: nobody is on duty \d times within 7 days", said)


def test_a_hole_that_may_be_is_none(tmp_path: Path) -> None:
    calls = "    calendar: duty.ics\n"
    nights = "    shifts:\n      - times: night\n        people: [sato]\n"
    said = heloop("notify", "rota", str(write_routes(tmp_path, changed_files("routes.yaml", calls, nights))))
    assert "(nobody)" in said


def test_a_plant_without_a_rota_or_without_routes_says_so(tmp_path: Path) -> None:
    assert "routes.yaml has no rota" in heloop("notify", "rota", "tutorial", code=1)
    folder = write_routes(tmp_path, {})
    assert "has no routes.yaml, so nobody is told" in heloop("notify", "rota", str(folder), code=1)


# --- explain -------------------------------------------------------------------------------------


def test_explain_says_who_is_told_when_by_which_address_and_for_how_long() -> None:
    said = heloop("notify", "explain", "LT-201.HH", "university", "--at", "2026-12-25 23:00")
    assert said.splitlines() == [
        "LT-201.HH (priority 1, bag): bag level (lidar): very high",
        "raised Fri 2026-12-25 23:00 (Asia/Tokyo), and nobody answers:",
        "  route act_now (routes.yaml:105)",
        "  Fri 23:00:10, after 10 s: step 1, again every 5 min, 2 times",
        "      sato (rota duty): mail sato@helium.example",
        "      plant_room: chat env:HELOOP_CHAT",
        "  Fri 23:10:10, after 10 min 10 s: step 2, again every 5 min until it ends",
        "      sato (rota duty): mail sato@helium.example, mail sato@phone.example",
        "  Fri 23:20:10, after 20 min 10 s: step 3, again every 15 min until it ends",
        "      tanaka: mail tanaka@helium.example",
        "  it ends when the alarm is acknowledged, shelved or returned",
        "  who was told is told when it is answered or returned",
    ]


@pytest.mark.parametrize(
    ("alarm", "at", "told"),
    [
        ("LT-201.L", "2026-12-25 23:00", "it is quiet (night): kept for the digest of 2026-12-26 08:45"),
        ("LT-201.BAD", "2026-12-25 23:00", "route instruments has no steps: nobody is told"),
        ("S-05.EFFECT", "2026-12-25 23:00", "only in office, passed over"),
        ("LT-201.HH", "2026-12-25T14:00+00:00", "raised Fri 2026-12-25 23:00"),
    ],
)
def test_explain_says_why_not(alarm: str, at: str, told: str) -> None:
    assert told in heloop("notify", "explain", alarm, "university", "--at", at)


def test_explain_does_not_show_an_address_that_stands_in_the_file(tmp_path: Path) -> None:
    files = changed_files(
        "routes.yaml", "      - mqtt: helium/messages", "      - chat: ntfys://ntfy.example/topic"
    )
    said = heloop("notify", "explain", "LT-201.HH", str(write_routes(tmp_path, files)))
    assert "control_room: chat ntfys://\n" in said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("LT-201", "university"), "there is no alarm LT-201; LT-201 has LT-201.LL, LT-201.L"),
        (("LT-201.HHH", "university"), "there is no alarm LT-201.HHH; did you mean LT-201.HH?"),
    ],
)
def test_a_name_that_no_alarm_has_is_answered_with_the_nearest(words: tuple[str, ...], told: str) -> None:
    assert told in heloop("notify", "explain", *words, code=1)


def test_a_time_that_is_none_is_told(tmp_path: Path) -> None:
    said = heloop("notify", "explain", "LT-201.HH", "university", "--at", "tonight", code=2)
    assert "--at 'tonight': write 2026-12-25 23:00" in said


def test_without_a_plant_it_is_the_one_that_runs_here(tmp_path: Path) -> None:
    assert "or name the plant" in heloop("notify", "explain", "LT-201.HH", code=2)
    place = runtime.create(tmp_path / "data")
    place.announce("small", tmp_path / "data", str(write_routes(tmp_path / "small")))
    try:
        assert "route act_now (routes.yaml:51)" in heloop("notify", "explain", "LT-201.HH")
    finally:
        place.withdraw()


# --- test, log, follow ---------------------------------------------------------------------------


def test_a_test_to_nobody_names_who_there_is(tmp_path: Path) -> None:
    folder = str(write_routes(tmp_path))
    assert "did you mean smith?" in heloop("notify", "test", folder, "--to", "smiht", code=1)
    said = heloop("notify", "test", folder, "--to", "xyz", code=1)
    assert "there are sato, smith, tanaka, control_room, duty, calls" in said


def test_a_log_of_nothing_says_so(tmp_path: Path) -> None:
    assert "nobody was told of anything yet" in heloop("notify", "log", "--data", str(tmp_path))
    assert heloop("notify", "log", "--data", str(tmp_path), "--json") == "[]\n"


def test_a_line_of_the_log_says_when_to_whom_what_of_which_alarm_and_what_became_of_it() -> None:
    row = Logged(
        1_795_475_186 * 10**9, "sato", "sato.mail", "first", "1", "given_up", 3, "550 no", "LT-201.HH"
    )
    assert logged_line(row, None) == (
        "2026-11-23 23:06:26  sato.mail            first     LT-201.HH         given_up after 3 tries: 550 no"
    )


def test_a_secret_that_is_not_there_ends_the_follower_and_the_service_before_anything_starts(
    tmp_path: Path,
) -> None:
    for words in (("follow", "notify"), ("run",)):
        options = ("--with", "notify") if words == ("run",) else ()
        said = heloop(*words, "university", "--data", str(tmp_path), *options, code=2)
        assert said == (
            "heloop: routes.yaml:35: plant_room.chat: the secret env:HELOOP_CHAT is not there: "
            "the environment has no 'HELOOP_CHAT'\n"
        )


def test_templates_that_are_not_there_end_it_too(tmp_path: Path) -> None:
    begin = ROUTES.index("mail:\n  host")
    routes = ROUTES[:begin].replace("env:CHAT_SATO", "syslog://") + "templates: letters\n" + ROUTES[begin:]
    routes = routes.replace("  user: heloop\n  password: file:/etc/heloop/mail.password\n", "")
    routes = routes.replace("env:HEARTBEAT_URL", "http://127.0.0.1:9/alive")
    folder = write_routes(tmp_path, {**FILES, "routes.yaml": routes})
    said = heloop("follow", "notify", str(folder), "--data", str(tmp_path), code=2)
    assert "there is no such folder of templates" in said


def test_a_follower_that_there_is_not_is_named_with_those_there_are(tmp_path: Path) -> None:
    said = heloop("run", "university", "--data", str(tmp_path), "--with", "influx,notfy", code=2)
    assert "there is no follower notfy; there are: influx, notify" in said


def test_whatever_becomes_of_a_follower_the_core_goes_on(tmp_path: Path) -> None:
    child = follower_child("notify", "university", tmp_path, 4840, ["--log-format", "json"])
    assert not child.required
    assert list(child.arguments)[:3] == ["follow", "notify", "university"]
    assert "4840" in child.arguments


def test_a_recording_explains_itself_with_the_calendars_of_its_plant(tmp_path: Path) -> None:
    texts = plant_texts("cryocooler")
    assert {"plant.yaml", "routes.yaml", "duty.ics"} <= set(texts)
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    again, first = load(tmp_path, NOW).plant, load(find_plant("cryocooler"), NOW).plant
    assert again is not None
    assert first is not None
    assert again.text_hash == first.text_hash
    assert again.notification == first.notification
