"""Small plants from dataclasses, and a stage on which a core meets hand-fed PLCs. No files, no sockets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np

from controller.core.clock import Due, Now
from controller.core.core import Core
from controller.core.durable import Durable
from controller.core.effects import Effect, Event, Reconnect, Reply, Step, Values, Write
from controller.core.inputs import Batch, Input, LinkDown, LinkUp, Request, WriteDone
from controller.plant.plant import (
    By,
    Bypass,
    Cause,
    Command,
    Compare,
    Condition,
    Interlock,
    Origin,
    Permissive,
    Plant,
    Plc,
    Reset,
    ResetBy,
    State,
    Unknown,
    Vote,
    Word,
)
from controller.plant.plant import Effect as PlantEffect
from controller.plant.tags import Derived, Kind, NodeSource, Raw, Tag

EPOCH = 7
UTC0_NS = 1_767_574_800_000_000_000  # 2026-01-05T01:00Z
AUTOMATIC, OPERATOR = Origin.AUTOMATIC, Origin.OPERATOR


def any_of(*terms: Condition, for_s: float = 0.0) -> Vote:
    return Vote(1, terms, for_s)


def all_of(*terms: Condition, for_s: float = 0.0) -> Vote:
    return Vote(len(terms), terms, for_s)


@dataclass
class Draft:
    """A plant in the making. Every PLC gets .ALIVE .BEAT .EPOCH .REMOTE tags."""

    tags: list[Tag] = field(default_factory=list)
    plcs: list[Plc] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    permissives: list[Permissive] = field(default_factory=list)
    interlocks: list[Interlock] = field(default_factory=list)
    grace_s: float = 30.0

    def index(self, name: str) -> int:
        return next(tag.index for tag in self.tags if tag.name == name)

    def tag(self, name: str, plc: int = 0, *, unit: str = "", kind: Kind = Kind.ANALOG, **rest: Any) -> int:
        source = NodeSource(plc, "urn:test", f"s={name}", Raw.FLOAT)
        self.tags.append(
            Tag(len(self.tags), name, name, kind, unit, "area", -1e9, 1e9, source, fast=True, **rest)
        )
        return len(self.tags) - 1

    def derived(self, name: str, expression: str, inputs: Sequence[int], unit: str = "") -> int:
        names = tuple(self.tags[one].name for one in inputs)
        source = Derived(expression, tuple(inputs), names)
        self.tags.append(Tag(len(self.tags), name, name, Kind.ANALOG, unit, "area", -1e9, 1e9, source))
        return len(self.tags) - 1

    def plc(self, name: str, *, remote: bool = True, alive_after_s: float = 5.0) -> int:
        index = len(self.plcs)
        nodes = {part: self.tag(f"{name}.{part}", index) for part in ("ALIVE", "BEAT", "EPOCH", "REMOTE")}
        self.plcs.append(
            Plc(
                index=index,
                name=name,
                text=name,
                endpoint="opc.tcp://127.0.0.1:1",
                namespaces=("urn:test",),
                alive=nodes["ALIVE"],
                alive_after_s=alive_after_s,
                heartbeat=nodes["BEAT"],
                epoch=nodes["EPOCH"],
                remote=nodes["REMOTE"] if remote else None,
                fast_ms=50,
                normal_ms=500,
                budget_ms=1000,
            )
        )
        return index

    def command(self, name: str, words: Sequence[Word], plc: int = 0, style: str = "sequence") -> int:
        parts = [
            self.tag(f"{name}{part}", plc, kind=Kind.WORD)
            for part in ("", ".SEQ", ".EPOCH", ".ECHO", ".RESULT")
        ]
        command = Command(
            len(self.commands),
            name,
            name,
            plc,
            word=parts[0],
            sequence=parts[1],
            epoch=parts[2],
            echo=parts[3],
            result=parts[4],
            words=tuple(words),
            style=style,
        )
        self.commands.append(command)
        return command.index

    def permissive(self, name: str, *guards: tuple[int, str]) -> int:
        self.permissives.append(Permissive(len(self.permissives), name, name, guards))
        return len(self.permissives) - 1

    def interlock(
        self,
        name: str,
        causes: Sequence[Cause] | Condition,
        effects: Sequence[PlantEffect] = (),
        *,
        by: By = By.SERVICE,
        kind: str = "trip",
        latch: bool = True,
        reset: Reset | None = None,
        bypass: Bypass | None = None,
        on_unknown: Unknown = Unknown.TRIP,
        unknown_delay_s: float = 30.0,
        needed: int = 1,
        while_: Condition | None = None,
        parent: int | None = None,
    ) -> int:
        if not isinstance(causes, Sequence):
            causes = [Cause("cause", "the cause", causes)]
        rule = Interlock(
            index=len(self.interlocks),
            name=name,
            text=name,
            kind=kind,
            by=by,
            causes=tuple(causes),
            needed=needed,
            effects=tuple(effects),
            latch=latch,
            reset=reset or Reset(ResetBy.OPERATOR if latch else ResetBy.AUTOMATIC),
            on_unknown=on_unknown,
            unknown_delay_s=unknown_delay_s,
            bypass=bypass,
            while_=while_,
            parent=parent,
        )
        self.interlocks.append(rule)
        return rule.index

    def build(self) -> Plant:
        return Plant(
            name="test",
            text="test plant",
            timezone="UTC",
            simulator="turbine",
            link_grace_s=self.grace_s,
            areas=(("area", "area"),),
            plcs=tuple(self.plcs),
            tags=tuple(self.tags),
            commands=tuple(self.commands),
            permissives=tuple(self.permissives),
            interlocks=tuple(self.interlocks),
            text_hash="0",
            index={tag.name: tag.index for tag in self.tags},
        )


def valve(draft: Draft, name: str, plc: int, *, within_s: float = 10.0, style: str = "sequence") -> int:
    """A valve that the service may shut and a person may open; `NAME.ZSC` = 1 proves it shut."""
    shut = draft.tag(f"{name}.ZSC", plc, kind=Kind.DISCRETE, states=((0, "not shut"), (1, "shut")))
    words = (
        Word("shut", 1, AUTOMATIC, State(shut, (1,)), within_s),
        Word("open", 2, OPERATOR, State(shut, (0,)), within_s),
    )
    return draft.command(f"{name}.CMD", words, plc, style)


class Stage:
    """A core, a clock and PLCs fed by hand. Every event is kept; durable state is compared with its fold."""

    def __init__(self, plant: Plant, *, start: Core | None = None, speed: float = 1.0) -> None:
        self.plant = plant
        self.core = start or Core(plant, EPOCH)
        self.speed = speed
        self.mono_s = 1000.0
        self.events: list[Event] = []
        self.effects: list[Effect] = []
        self.due = Due()
        self.shown: dict[int, float] = {}
        self.counter = 0
        self.alive: set[int] = set()
        self.requests = 0

    @property
    def now(self) -> Now:
        elapsed_s = self.mono_s - 1000.0
        return Now(elapsed_s * self.speed, self.mono_s, UTC0_NS + round(elapsed_s * 1e9))

    def step(self, *inputs: Input) -> Step:
        step = self.core.protect(self.now, inputs)
        self.effects.extend(step.effects)
        self.events.extend(effect for effect in step.effects if isinstance(effect, Event))
        self.due = step.due
        return step

    def wake_s(self) -> float:
        """Wall second of the core's next deadline."""
        return min(self.due.mono_s, 1000.0 + self.due.plant_s / self.speed)

    def batch(self, values: dict[str, float], status: int = 0, source_ns: int | None = None) -> list[Batch]:
        """The values as notifications, one per PLC."""
        by_plc: dict[int, list[tuple[int, float]]] = {}
        for name, value in values.items():
            tag = self.plant.tag(name)
            assert tag.plc is not None
            by_plc.setdefault(tag.plc, []).append((tag.index, value))
        return [self.raw_batch(plc, pairs, status, source_ns) for plc, pairs in by_plc.items()]

    def raw_batch(
        self, plc: int, pairs: Sequence[tuple[int, float]], status: int = 0, source_ns: int | None = None
    ) -> Batch:
        count = len(pairs)
        stamp = self.now.utc_ns if source_ns is None else source_ns
        return Batch(
            plc,
            np.array([tag for tag, _ in pairs], np.int32),
            np.array([value for _, value in pairs], np.float64),
            np.full(count, status, np.uint32),
            np.full(count, stamp, np.int64),
        )

    def show(self, values: dict[str, float] | None = None, status: int = 0, **more: float) -> Step:
        """The PLCs report these values."""
        return self.step(*self.batch((values or {}) | more, status))

    def connect(self, *plcs: int, values: dict[str, float] | None = None) -> None:
        """Links come up, every tag gets a value (0 or as given), the counters move."""
        which = plcs or tuple(range(len(self.plant.plcs)))
        given = values or {}
        for plc in which:
            pairs = []
            for tag in self.plant.tags:
                if tag.plc == plc:
                    default = 1.0 if tag.name.endswith(".REMOTE") else 0.0
                    pairs.append((tag.index, given.get(tag.name, default)))
            self.step(self.raw_batch(plc, pairs), LinkUp(plc))
            self.alive.add(plc)
        self.beat()

    def beat(self) -> None:
        """The living PLCs' counters move."""
        self.counter += 1
        self.step(
            *(
                self.raw_batch(plc, [(self.plant.plcs[plc].alive, float(self.counter))])
                for plc in sorted(self.alive)
            )
        )

    def advance(self, wall_s: float) -> None:
        """Time passes; the core is called when it asked to be, counters move each second."""
        end_s = self.mono_s + wall_s
        while True:
            next_s = min(end_s, max(self.wake_s(), self.mono_s), np.floor(self.mono_s) + 1.0)
            if next_s == self.mono_s and next_s != end_s:
                self.step()
                if max(self.wake_s(), self.mono_s) == self.mono_s:
                    next_s = self.mono_s + 1e-6  # float dust: the deadline is now
                    self.mono_s = next_s
                continue
            self.mono_s = float(next_s)
            if self.mono_s >= end_s:
                self.step()
                if self.mono_s == np.floor(self.mono_s):
                    self.beat()
                return
            if self.mono_s == np.floor(self.mono_s):
                self.beat()
            else:
                self.step()

    # --- what came out -------------------------------------------------------------------------

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def of(self, kind: str, source: str | None = None) -> list[Event]:
        return [e for e in self.events if e.kind == kind and source in (None, e.source)]

    def last(self, kind: str, source: str | None = None) -> Event:
        found = self.of(kind, source)
        assert found, f"no {kind} of {source}; there are {self.kinds()}"
        return found[-1]

    def writes(self, command: str | None = None) -> list[Write]:
        """The command writes, heartbeats left out."""
        found = [e for e in self.effects if isinstance(e, Write) and e.intent]
        return [w for w in found if command is None or w.context["command"] == command]

    def beats(self) -> list[Write]:
        return [e for e in self.effects if isinstance(e, Write) and not e.intent]

    def words(self, command: str | None = None) -> list[str]:
        return [write.context["word"] for write in self.writes(command)]

    def reconnects(self) -> list[Reconnect]:
        return [e for e in self.effects if isinstance(e, Reconnect)]

    def values(self) -> list[Values]:
        return [e for e in self.effects if isinstance(e, Values)]

    # --- what PLCs and people do ---------------------------------------------------------------

    def obey(self, write: Write, feedback: dict[str, float] | None = None, code: float = 1) -> None:
        """The PLC takes a command: transport answer, result, echo, and what the machine shows."""
        self.step(WriteDone(write.intent, 0))
        name = write.context["command"]
        answers = {f"{name}.RESULT": code, f"{name}.ECHO": float(write.context["sequence"])}
        self.show(answers | (feedback or {}))

    def ask(
        self,
        action: str,
        target: str,
        role: str = "operator",
        *,
        user: str = "anna",
        session: str = "s1",
        reason: str = "because",
        **args: Any,
    ) -> Reply:
        self.requests += 1
        request = Request(f"r{self.requests}", user, role, action, target, args, reason, session)
        step = self.step(request)
        return next(e for e in step.effects if isinstance(e, Reply) and e.request == request.id)

    def lose(self, plc: int, reason: str = "cable pulled") -> None:
        self.alive.discard(plc)
        self.step(LinkDown(plc, reason))

    # --- restarts ------------------------------------------------------------------------------

    def journalled(self) -> list[Any]:
        """The events as the journal gives them back: JSON, without our own types."""
        return [
            SimpleNamespace(
                kind=e.kind, source=e.source, utc_ns=e.utc_ns, data=json.loads(json.dumps(e.data)), seq=n + 1
            )
            for n, e in enumerate(self.events)
        ]

    def folded(self) -> Durable:
        durable = Durable()
        for event in self.journalled():
            durable.apply(event)
        return durable.bare()

    def restarted(self, *, ring: bool = False, lost_events: int = 0, epoch: int = EPOCH + 1) -> Stage:
        """The service was killed and starts again with what is in its journal (and its intent ring)."""
        core = Core(self.plant, epoch)
        journalled = self.journalled()
        core.restore(journalled[: len(journalled) - lost_events])
        if ring:
            core.reconcile([json.loads(json.dumps(write.context)) for write in self.writes()])
        stage = Stage(self.plant, start=core, speed=self.speed)
        stage.mono_s = self.mono_s + 5.0
        stage.counter = self.counter
        stage.events = self.events[: len(self.events) - lost_events]
        return stage


__all__ = [
    "AUTOMATIC", "EPOCH", "OPERATOR", "UTC0_NS", "By", "Bypass", "Cause", "Compare", "Draft", "Reset",
    "ResetBy", "Stage", "State", "Unknown", "Vote", "Word", "all_of", "any_of", "inf", "valve",
]  # fmt: skip
