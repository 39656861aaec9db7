"""What the core process answers to queries: its state in plain data, without a step of the core."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from controller import __version__
from controller.core.core import Core
from controller.core.inputs import Note
from controller.core.wording import meant
from controller.doors.commands import UnknownQuery
from controller.loop import Clock, Loop
from controller.opcua.link import Link
from controller.plant.plant import Plant
from controller.record.journal import Journal

QUERIES: Final = ("status", "explain", "alarms", "alarm", "ready")


def link_row(link: Link) -> dict[str, Any]:
    """One link as status and feed show it. fresh_s: wall seconds since the last notification."""
    counters = link.counters
    fresh_s = counters.seconds_without_data()
    return {
        "plc": link.plc.name,
        "endpoint": link.endpoint,
        "up": link.is_up,
        "fresh_s": None if fresh_s is None else round(fresh_s, 3),
        "changes": counters.changes,
        "notifications": counters.notifications,
        "overflows": counters.overflows,
        "gaps": counters.gaps,
        "republished": counters.republished,
        "reconnects": max(0, counters.connects - 1),
        "bad_nodes": counters.bad_nodes,
        "writes": counters.writes,
        "writes_failed": counters.writes_failed,
        "heartbeats": counters.heartbeats,
    }


class Answers:
    """status, explain and ready; each is cheap enough to be asked every second."""

    def __init__(
        self,
        *,
        plant: Plant,
        core: Core,
        loop: Loop,
        clock: Clock,
        links: Mapping[int, Link],
        journal: Journal,
        data: Path,
    ) -> None:
        self._plant = plant
        self._core = core
        self._loop = loop
        self._clock = clock
        self._links = links
        self._journal = journal
        self._data = data
        self._started_s = time.monotonic()

    def answer(self, query: str, args: dict[str, Any]) -> Any:
        """Raises UnknownQuery with the list of what there is."""
        match query:
            case "status":
                return self.status()
            case "explain":
                return self._explain(str(args.get("name", "")))
            case "alarms":
                return self._alarms(args)
            case "alarm":
                return self._alarm(str(args.get("name", "")))
            case "ready":
                return self._loop.ready.is_set()
            case _:
                raise UnknownQuery(f"there is no query '{query}'; there are: {', '.join(QUERIES)}")

    def status(self) -> dict[str, Any]:
        now = self._clock.now()
        health = self._journal.health()
        journal = {"seq": health.head.seq, **asdict(health)}
        del journal["head"]
        return {
            "service": {
                "version": __version__,
                "plant": self._plant.name,
                "data": str(self._data),
                "ready": self._loop.ready.is_set(),
                "up_s": round(time.monotonic() - self._started_s, 1),
                "plant_s": round(now.plant_s, 3),
                "speed": self._clock.speed,
            },
            "loop": self._loop.meters.shown(),
            "journal": journal,
            "links": [link_row(link) for link in self._links.values()],
            **self._core.status(now),
        }

    def farewell(self) -> Note:
        """The last event of a run: what was received, kept and lost, for reports and for the next start."""
        health = self._journal.health()
        links = [link_row(link) for link in self._links.values()]
        archive = self._journal.archive
        data = {
            "links": links,
            "archived": 0 if archive is None else archive.kept,
            "sifted": 0 if archive is None else archive.dropped,
            "loop": self._loop.meters.shown(),
            "rows_dropped": health.rows_dropped,
            "lost": health.rows_dropped + self._loop.meters.inbox_dropped + sum(row["gaps"] for row in links),
        }
        return Note("service.stopped", "heloop", "heloop stopped", data)

    def _alarm(self, name: str) -> dict[str, Any]:
        try:
            row = self._core.alarming.row(name)
            return {**row, "why": self._core.alarming.explain(name, self._clock.now())}
        except KeyError:
            hint = self._core.alarming.hint(name)
            raise UnknownQuery(f"'{name}' is no alarm of {self._plant.name}{hint}") from None

    def _alarms(self, args: dict[str, Any]) -> list[dict[str, Any]]:
        wanted = args.get("filter") or {}
        areas = [name for name, _ in self._plant.areas]
        if (area := wanted.get("area")) and area not in areas:
            raise UnknownQuery(f"'{area}' is no area of {self._plant.name}; there are {', '.join(areas)}")
        try:
            return self._core.alarming.rows(everything=bool(args.get("everything")), wanted=wanted)
        except (TypeError, ValueError) as error:
            raise UnknownQuery(str(error)) from None

    def _explain(self, name: str) -> str:
        try:
            return str(self._core.explain(name, self._clock.now()))
        except KeyError:
            plant = self._plant
            known = [
                *plant.index,
                *(rule.name for rule in plant.interlocks),
                *(one.id for one in plant.alarms),
            ]
            text = f"'{name}' is no tag, alarm, interlock or command of {plant.name}{meant(name, known)}"
            raise UnknownQuery(text) from None
