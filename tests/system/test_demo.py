"""The demo as a user starts it: real processes, real OPC UA on loopback, the report as the contract says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

HELOOP = (sys.executable, "-m", "controller")


def free_port_base(count: int = 6) -> int:
    """A base with the ports above it free; they are asked of the system together, so nobody else has them."""
    for base in range(20_000 + os.getpid() % 20_000, 60_000, count):
        with_all = []
        try:
            for port in range(base, base + count):
                one = socket.socket()
                with_all.append(one)
                one.bind(("127.0.0.1", port))
            return base
        except OSError:
            continue
        finally:
            for one in with_all:
                one.close()
    raise AssertionError("no free ports")


def run(*arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*HELOOP, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False
    )


@pytest.fixture(scope="module")
def breakthrough(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str, Path, int]:
    """F4, purifier breakthrough, at sixty times real time: report, output, data directory, port base."""
    place = tmp_path_factory.mktemp("demo")
    os.environ["HELOOP_RUNTIME"] = str(place / "runtime")
    report, base = place / "r.json", free_port_base()
    arguments = ["demo", "--headless", "--for", "20s", "--speed", "60", "--fault", "F4@5s"]
    arguments += [
        "--report",
        str(report),
        "--data",
        str(place / "data"),
        "--port-base",
        str(base),
    ]
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(report.read_text()), done.stdout, place / "data", base


Breakthrough = tuple[dict[str, Any], str, Path, int]


def trip(report: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in report["trips"] if row["id"] == name)


def test_the_plc_shuts_the_purified_gas_and_the_service_has_seen_it(breakthrough: Breakthrough) -> None:
    effects = trip(breakthrough[0], "I-14")["effects"]
    shut = next(row for row in effects if row["tag"] == "XV-519.ZSC")
    assert (shut["by"], shut["result"]) == ("plc", "done")


def test_the_service_shuts_both_feed_valves_and_proves_it(breakthrough: Breakthrough) -> None:
    tripped = trip(breakthrough[0], "S-05")
    effects = {row["tag"]: row for row in tripped["effects"]}
    for valve in ("XV-412A", "XV-412B"):
        row = next(row for tag, row in effects.items() if tag.startswith(valve))
        assert (row["by"], row["result"]) == ("service", "done")
    assert tripped["first_out"].startswith("AT-512")


def test_nothing_is_lost_and_the_plant_file_is_named(breakthrough: Breakthrough) -> None:
    report = breakthrough[0]
    assert report["lost"] == 0
    assert report["samples"] > 500
    assert (report["plant"], report["speed"], report["for_s"], report["gaps"]) == (
        "university",
        60.0,
        20.0,
        [],
    )
    assert {row["plc"] for row in report["links"]} == {"S", "R", "L"}


def test_one_line_says_that_it_serves(breakthrough: Breakthrough) -> None:
    assert [line for line in breakthrough[1].splitlines() if line.startswith("ready ")] == [
        f"ready opcua=opc.tcp://127.0.0.1:{breakthrough[3]} console=-"
    ]


def test_the_journal_of_the_demo_proves_itself(breakthrough: Breakthrough) -> None:
    done = run("journal", "verify", "--data", str(breakthrough[2]))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("good: ")


def test_sigterm_stops_everything_within_five_seconds(runtime_directory: Path) -> None:
    base = free_port_base()
    command = [*HELOOP, "demo", "--plant", "tutorial", "--headless", "--port-base", str(base)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("ready "):
                break
        started_s = time.monotonic()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(10) == 0
        assert time.monotonic() - started_s < 5.0
    assert not list(runtime_directory.glob("*/*.sock"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("demo", "--plant", "nowhere"), "no plant 'nowhere'"),
        (("demo", "--fault", "F99@5s", "--headless"), "F99"),
        (("demo", "--fault", "F1@soon"), "no duration"),
        (("simulate", "university", "--fault", "F1,F2"), "start"),
    ],
)
def test_wrong_use_says_what_and_ends_with_two(arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_port_in_use_is_named_with_the_way_out() -> None:
    base = free_port_base()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + 2))
        taken.listen()
        done = run("demo", "--plant", "tutorial", "--headless", "--port-base", str(base))
    assert done.returncode == 1
    assert f"port {base + 2} is in use" in done.stderr
    assert "--port-base" in done.stderr
