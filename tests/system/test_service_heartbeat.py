"""Heartbeats from the service to the PLCs, seen from a PLC: the service stopped, killed and hung, then back.

The three go on side by side, so that the thirty seconds are waited for once.
"""

from __future__ import annotations

import signal
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.doors import commands
from controller.plant.config import find_plant, load
from tests.system.observer import Observer, Seen
from tests.system.service import Service, plcs

STALE_S = 30.0  # docs/reference/plc-contract.md
GOOD_S = 10.0
BEAT_S = 1.0
ROOM_S = 4.0  # a busy machine: PLC, observer and service all step late
CONNECT_S = 20.0  # until a service that is back beats again; its own tests judge how long that takes


@dataclass
class Stage:
    """A plant with its service, and what one of its PLCs shows to others."""

    service: Service
    plc: Observer
    name: str

    def dropped(self, gone_ns: int) -> Seen:
        """Remote mode goes thirty seconds after the last beat, which was less than a second ago."""
        off = self.plc.until(f"HS-390.{self.name}", lambda remote: not remote)
        assert STALE_S - BEAT_S - ROOM_S < (off.utc_ns - gone_ns) / 1e9 < STALE_S + ROOM_S
        return off

    def taken_back(self, mark: int, back_ns: int) -> None:
        on = self.plc.until(f"HS-390.{self.name}", bool, after=mark)
        assert GOOD_S - ROOM_S < (on.utc_ns - back_ns) / 1e9 < GOOD_S + CONNECT_S


def stage(stack: ExitStack, place: Path, name: str, *tags: str) -> Stage:
    plant = load(find_plant(name)).plant
    assert plant is not None
    place.mkdir()
    sim = stack.enter_context(plcs(place / "sim", name))
    service = stack.enter_context(Service(place / "data", name, sim.endpoints))
    service.start_ready()
    observer = Observer(plant, "R", sim.endpoints["R"], ["HS-390.R", "WD-994.R", *tags])
    return Stage(service, stack.enter_context(observer), "R")


def test_a_plc_drops_remote_mode_when_the_service_is_stopped_killed_or_hung_and_takes_it_back(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        stopped = stage(stack, tmp_path / "stopped", "tutorial")
        killed = stage(stack, tmp_path / "killed", "tutorial")
        hung = stage(stack, tmp_path / "hung", "university", "XA-994.R")
        for one in (stopped, killed, hung):
            one.plc.until("WD-994.R", lambda beats: beats >= 2)
            assert one.plc.now("HS-390.R")
        assert not hung.plc.now("XA-994.R")

        hung.service.program.send(signal.SIGSTOP)
        hung_ns = hung.plc.seen[-1].utc_ns
        killed.service.program.kill()
        killed_ns = killed.plc.seen[-1].utc_ns
        stopped.service.program.terminate()
        stopped_ns = stopped.plc.seen[-1].utc_ns
        with pytest.raises(commands.NoService, match="no service answers"):
            commands.ask(hung.service.socket, {"query": "status"}, timeout_s=0.5)

        hung.dropped(hung_ns)
        hung.plc.until("XA-994.R", bool)
        killed.dropped(killed_ns)
        stopped.dropped(stopped_ns)
        marks = [one.plc.mark() for one in (hung, killed, stopped)]

        hung.service.program.send(signal.SIGCONT)
        killed.service.start_ready()
        assert not killed.service.plc("R")["remote"]
        refused = killed.service.request("command", "C-301.CMD", word="stop")
        assert (refused["accepted"], refused["reason"]) == (False, "C-301.CMD: local")
        stopped.service.start_ready()
        for one, mark in zip((hung, killed, stopped), marks, strict=True):
            one.taken_back(mark, one.plc.until("WD-994.R", lambda _: True, after=mark).utc_ns)
        hung.plc.until("XA-994.R", lambda stale: not stale, after=marks[0])
        _went_on(hung.service)


def _went_on(service: Service) -> None:
    """The one that was hung knows that it saw nothing; nothing was sent for it, and no interlock of its own
    tripped. The PLCs' own row for this (I-28, mirrored) is seen as what it was.
    """
    service.story.until("link.restored", "R", after=service.story.until("link.lost", "R").seq)
    tripped = service.story.events("interlock.tripped")
    assert {(event.source, event.data["by"]) for event in tripped} <= {("I-28", "plc")}
    assert service.story.events("command.intent") == []
    assert len(service.story.events("service.started")) == 1
