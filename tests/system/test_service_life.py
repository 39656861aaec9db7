"""The service from start to stop: one per data directory, a clean end, and what it says when it cannot."""

from __future__ import annotations

import os
import resource
import socket
import time
from pathlib import Path

import pytest

from controller import runtime
from controller.plant.config import find_plant, load
from controller.record.verify import verify
from tests.system.observer import Observer
from tests.system.programs import Order, Program
from tests.system.service import Plcs, Service, no_file_grows, plcs

NOWHERE = {"R": "opc.tcp://127.0.0.1:1"}
STOP_S = 5.0  # the contract of the command line


@pytest.fixture
def alone(tmp_path: Path) -> Service:
    """A service whose PLC is not there."""
    return Service(tmp_path / "data", "tutorial", NOWHERE)


def test_a_second_service_on_the_same_data_is_refused_with_the_way_out_and_the_first_goes_on(
    alone: Service,
) -> None:
    with alone, Service(alone.data, "tutorial", NOWHERE) as second:
        alone.start()
        alone.story.until("service.started")
        code = second.start().ended()
        assert (code, alone.status()["service"]["plant"]) == (2, "tutorial")
        said = second.program.errors
        assert (
            f"{alone.data} is in use by the service of plant 'tutorial', process {alone.program.pid}" in said
        )
        assert "stop the other one first" in said
        assert "--data DIR" in said
        assert "Traceback" not in said
        assert runtime.locate(alone.data).about() == runtime.of(alone.data).about()
        assert alone.program.terminate() < STOP_S
    assert [event.kind for event in alone.story.events("service.")] == ["service.started", "service.stopped"]


def test_the_data_of_another_plant_are_not_touched(alone: Service) -> None:
    with alone:
        alone.start()
        alone.story.until("service.started")
        alone.program.terminate()
    before = alone.story.last()
    with Service(alone.data, "cryocooler", {}) as other:
        assert other.start().ended() == 2
        assert "tutorial" in other.program.errors
    assert alone.story.last() == before


@pytest.mark.parametrize("damage", ["not a database", "a hole in a page"])
def test_a_corrupt_journal_stops_the_start_and_names_what_helps(alone: Service, damage: str) -> None:
    with alone:
        if damage == "not a database":
            (alone.data / "journal.db").write_bytes(b"x" * 8192)
        else:
            alone.start()
            alone.story.until("service.started")
            alone.program.terminate()
            with (alone.data / "journal.db").open("r+b") as file:
                file.write(bytes(200))
        before = (alone.data / "journal.db").read_bytes()
        assert alone.start().ended() == 2
        assert "heloop journal verify" in alone.program.errors
        assert "heloop journal set-aside" in alone.program.errors
        assert "Traceback" not in alone.program.errors
        assert (alone.data / "journal.db").read_bytes() == before, "nothing is repaired unasked"


def test_a_runtime_directory_that_cannot_be_used_is_named_with_the_way_out(
    alone: Service, runtime_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (runtime_directory / "file").touch()
    places = {
        str(runtime_directory / "file"): "cannot be used",
        str(runtime_directory / ("x" * 100)): "too long for a socket's name",
    }
    if os.getuid() == 0:  # only root can give a directory away
        given = runtime_directory / "given"
        given.mkdir()
        os.chown(given, 65534, 65534)
        places[str(given)] = "belongs to another account"
    for place, why in places.items():
        monkeypatch.setenv("HELOOP_RUNTIME", place)
        with alone:
            assert alone.start().ended() == 2
            assert why in alone.program.errors
            assert "HELOOP_RUNTIME" in alone.program.errors
            assert "Traceback" not in alone.program.errors


def test_sigterm_stops_within_five_seconds_and_the_stop_is_the_last_event(tmp_path: Path) -> None:
    with (
        plcs(tmp_path / "sim", "tutorial") as sim,
        Service(tmp_path / "data", "tutorial", sim.endpoints) as service,
    ):
        service.start_ready()
        place = runtime.of(service.data)
        with socket.socket(socket.AF_UNIX) as feed, socket.socket(socket.AF_UNIX) as commands:
            feed.connect(str(place.feed))  # readers and requesters are there when it stops
            assert feed.recv(100)
            commands.connect(str(place.commands))
            assert service.program.terminate() < STOP_S
        last = service.story.events()[-1]
        assert last.kind == "service.stopped"
        assert last.data["lost"] == 0
        assert last.data["links"][0]["up"]
        assert [entry.name for entry in place.directory.iterdir() if "sock" in entry.name] == []
        assert runtime.running() == []
        assert service.program.errors == ""
        assert sim.program.terminate() < STOP_S
        assert sim.program.errors == ""
    assert verify(service.data).good


def test_a_service_without_its_plc_starts_serves_says_so_and_stops(alone: Service) -> None:
    with alone:
        alone.start()
        alone.story.until("service.started")
        status = alone.status()
        assert (status["service"]["ready"], status["plcs"][0]["life"]) == (False, "down")
        assert "not permitted" in alone.request("command", "C-301.CMD", word="start")["reason"]
        assert alone.program.terminate() < STOP_S


def test_on_a_full_disk_it_protects_on_says_so_and_writes_all_of_it_when_there_is_room(
    tmp_path: Path,
) -> None:
    with plcs(tmp_path / "sim", "tutorial", "F8@0s", speed=200.0, hold=True) as sim:
        _fill_up(tmp_path, sim)


def test_a_full_disk_does_not_keep_it_from_stopping_and_what_was_not_written_is_said(alone: Service) -> None:
    with alone:
        alone.start()
        alone.story.until("service.started")
        no_file_grows(alone, beyond=4096)
        assert alone.program.terminate() < STOP_S
        assert "events that the disk did not take" in alone.program.errors
    assert verify(alone.data).good


def _fill_up(place: Path, sim: Plcs) -> None:
    """No file of the service may grow from before the trip until after it."""
    plant = load(find_plant("tutorial")).plant
    assert plant is not None
    with (
        Service(place / "data", "tutorial", sim.endpoints, speed=200.0) as service,
        Observer(plant, "R", sim.endpoints["R"], ["C-301.SEQ", "C-301.ECHO", "XS-301"]) as plc,
    ):
        service.start_ready()
        full_from = service.story.last()
        no_file_grows(service, beyond=4096)
        sim.begin()
        plc.until("C-301.ECHO", lambda echo: echo == 1)
        plc.until("XS-301", lambda state: state in {0, 1, 2, 3, 4, 12, 13})
        assert service.interlock("S-01")["state"] == "tripped"
        journal = service.status()["journal"]
        assert journal["failing"]
        assert journal["events_waiting"] > 0
        assert [event.kind for event in service.story.events("interlock.tripped")] == []
        assert "the journal cannot be written" in service.program.errors
        no_file_grows(service, beyond=resource.RLIM_INFINITY)
        restored = service.story.until("journal.restored")
        assert "had waited in memory" in restored.text
        tripped = service.story.until("interlock.tripped", "S-01", after=full_from)
        assert tripped.utc_ns < restored.utc_ns
        assert [event.data["sequence"] for event in service.story.events("command.intent")] == [1]
        assert service.program.terminate() < STOP_S
    assert verify(service.data).good


def test_a_service_is_found_by_an_account_that_may_not_signal_it(alone: Service) -> None:
    """As an operator of the group does from the shell: whether they may is for the service to say."""
    with alone:
        alone.start()
        alone.story.until("service.started")
        stranger = 65534 if os.getuid() == 0 else None
        for directory in (*alone.data.parents[:3], runtime.root()):
            directory.chmod(0o755)
        arguments = ["status", "--data", str(alone.data)]
        errors = alone.data.parent / "status.err"
        errors.touch()
        errors.chmod(0o666)
        with Program(Order(arguments, errors=errors, account=stranger)) as asked:
            assert asked.ended() == 0, asked.errors
        started_s = time.monotonic()
        alone.program.terminate()
        assert time.monotonic() - started_s < STOP_S
