"""What a technician does with alarms at the shell, beside a demo in which the purifier breaks through.

The demo is a real one (three simulated PLCs, sockets, sixty times real time); the commands are those of
the README, with what they print and their exit codes.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.cli import app
from tests.system.test_demo import HELOOP, free_port_base

SAID = ("S-05.TRIP", "AT-512.HH")  # raised: from here on the alarms stand
Shell = Callable[..., Any]  # a result of the runner: exit_code, stdout, stderr


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """`heloop WORDS...` at the demo's data directory."""
    data = tmp_path_factory.mktemp("alarms") / "data"
    command = [*HELOOP, "demo", "--headless", "--speed", "60", "--fault", "F4@5s", "--for", "2m"]
    command += ["--data", str(data), "--port-base", str(free_port_base())]
    with tempfile.TemporaryDirectory(prefix="heloop-") as short:
        environment = {**os.environ, "HELOOP_RUNTIME": short}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
            _breaks_through(demo)
            yield lambda *words: CliRunner().invoke(
                app, [*words, "--data", str(data)], env={"HELOOP_RUNTIME": short}
            )
            demo.terminate()
            demo.communicate(timeout=20)


def _breaks_through(demo: subprocess.Popen[str]) -> None:
    """Reads what the demo says until both alarms have been raised."""
    awaited = set(SAID)
    assert demo.stdout is not None
    for line in demo.stdout:
        awaited -= {alarm for alarm in awaited if f"alarm.raised             {alarm} " in line}
        if not awaited:
            return
    raise AssertionError(f"the demo ended before {awaited} were raised")


def test_the_list_says_in_words_what_stands_and_below_what_is_kept_quiet(shell: Shell) -> None:
    said = shell("alarms", "list")
    assert said.exit_code == 0
    loud, _, quiet = said.stdout.partition("kept quiet: ")
    lines = loud.splitlines()
    assert lines[0].startswith("P2  AT-512.HH        unacknowledged")
    assert any(line.startswith("P3  S-05.TRIP") and "Purifier outlet dirty" in line for line in lines)
    assert "PT-367.LL" in quiet, "the standby compressor is off and has no oil pressure"
    assert "(C-351 off: no oil pressure, no power, no suction of its own)" in quiet


def test_nothing_is_told_that_a_fast_plant_alone_would_make(shell: Shell) -> None:
    """A valve's output and its switches arrive together: none of them disagrees for ten plant seconds."""
    told = [row["id"] for row in json.loads(shell("alarms", "list", "--json").stdout) if row["priority"] < 3]
    assert set(told) == {"AT-512.HH", "XS-501.ON"}


def test_the_list_can_be_narrowed(shell: Shell) -> None:
    assert "S-05.TRIP" not in shell("alarms", "list", "AT-512*").stdout
    urgent = shell("alarms", "list", "--area", "purifier", "--priority", "2").stdout.splitlines()
    assert urgent
    assert all(line.startswith("P2") for line in urgent)
    assert "no alarm that fits" in shell("alarms", "list", "ZZ*").stdout
    assert len(shell("alarms", "list", "--all").stdout.splitlines()) > 400
    wrong = shell("alarms", "list", "--area", "purifire")
    assert wrong.exit_code == 1
    assert "'purifire' is no area of university; there are skid, bag" in wrong.stderr


def test_one_alarm_is_shown_with_what_to_do(shell: Shell) -> None:
    said = shell("alarms", "show", "AT-512.HH").stdout
    for words in (
        "priority 2, purifier",
        "is at or above the limit 10 ppmv",
        "first action: prove XV-519 shut",
    ):
        assert words in said
    trip = shell("alarms", "show", "S-05.TRIP").stdout
    assert "first out AT-512>8, nitrogen above 8 ppm" in trip
    assert "Then reset S-05" in trip


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("show", "at-512.hh"), "did you mean AT-512.HH?"),
        (("show", "AT-512"), "AT-512 has AT-512.H, AT-512.HH"),
        (("ack", "AT-512.HHH"), "there is no alarm AT-512.HHH; did you mean AT-512.HH?"),
        (("ack", "ZZ*"), "no alarm fits 'ZZ*'; `heloop alarms list --all`"),
        (("ack", "AT-512.HH", "--user", "viewer"), "takes operator or higher, viewer is not enough"),
        (("shelve", "AT-941A.L", "--for", "1h"), "refused: AT-941A.L has priority 1 and is never shelved"),
        (("shelve", "AT-512.HH", "--for", "5h"), "can be shelved for at most 60 min"),
        (("unshelve", "AT-512.HH"), "AT-512.HH is not shelved"),
        (("reset", "AT-512.HH"), "cannot be reset: it stands"),
        (("comment", "AT-512.HH", ""), "a comment needs a text"),
        (
            ("out-of-service", "AT-514.H", "--for", "1h", "--reason", "x", "--user", "operator"),
            "takes supervisor",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_the_way_out(shell: Shell, words: tuple[str, ...], why: str) -> None:
    refused = shell("alarms", *words)
    assert refused.exit_code == 1
    assert why in refused.stderr
    assert refused.stdout == ""


def test_a_duration_that_is_none_is_wrong_use(shell: Shell) -> None:
    wrong = shell("alarms", "shelve", "AT-512.H", "--for", "5x")
    assert wrong.exit_code == 2
    assert "write 60s, 10m, 2h or 1h30m" in wrong.stderr


def test_acknowledge_comment_shelve_and_take_back(shell: Shell) -> None:
    done = shell("alarms", "ack", "AT-512.*", "--user", "operator", "--reason", "on my way")
    assert done.exit_code == 0
    assert "AT-512.STALE" not in done.stdout, "that those which rest need nothing goes without saying"
    again = shell("alarms", "ack", "AT-512.HH", "--user", "operator")
    assert (again.exit_code, "AT-512.HH has nothing to acknowledge" in again.stderr) == (1, True)
    assert shell("alarms", "comment", "AT-512.HH", "XV-519 is shut", "--user", "operator").exit_code == 0
    shelve = (
        "alarms",
        "shelve",
        "S-05.TRIP",
        "--for",
        "30m",
        "--reason",
        "regenerating",
        "--user",
        "operator",
    )
    assert shell(*shelve).exit_code == 0
    shelved = shell("alarms", "list", "S-05*").stdout
    assert "P3  S-05.TRIP        shelved" in shelved
    assert "(shelved by operator" in shelved
    assert "(regenerating)" in shelved
    why = shell("explain", "AT-512.HH").stdout
    assert "acknowledged by operator" in why
    assert "comment by operator" in why
    assert shell("alarms", "unshelve", "S-05.TRIP", "--user", "operator").exit_code == 0
    assert shell("alarms", "silence", "XS-501.ON", "--user", "operator").exit_code == 0
    service = ("alarms", "out-of-service", "AT-514.H", "--for", "8h", "--reason", "calibrated")
    assert shell(*service, "--user", "supervisor").exit_code == 0
    assert shell("alarms", "in-service", "AT-514.H", "--user", "supervisor").exit_code == 0
    history = [
        line.split("  ")[1].strip() for line in shell("alarms", "history", "S-05.TRIP").stdout.splitlines()
    ]
    assert history == ["announced", "unshelved", "shelved", "raised"]


def test_the_history_of_what_there_is_not(shell: Shell) -> None:
    nothing = shell("alarms", "history", "ZZ*")
    assert nothing.stdout == ""
    assert "nothing is recorded of ZZ*" in nothing.stderr


def test_explain_says_a_line_for_each_thing(shell: Shell) -> None:
    lines = shell("explain", "LT-201").stdout.splitlines()
    assert lines[0].startswith("LT-201 (bag level (lidar)) is ")
    assert any(line.startswith("S-01 (clear) watches LT-201 < 10 %") for line in lines)
    assert any(
        line.startswith("LT-201.HH is not active: ") and "below the limit 95 %" in line for line in lines
    )
    assert not any("LT-201.BAD" in line for line in lines), "its instrument is well"
    unknown = shell("explain", "lt-201")
    assert (unknown.exit_code, "did you mean LT-201?" in unknown.stderr) == (1, True)


def test_without_a_service_the_shell_says_so(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["alarms", "list", "--data", str(tmp_path)])
    assert said.exit_code == 1
    assert f"no service runs with the data directory {tmp_path}" in said.stderr
