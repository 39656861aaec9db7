"""The core: what comes in goes through image, derived tags, interlocks and commands, in this order.

One step: every input in the order it came, then what is due by time, then one settling pass. An
edge is never swallowed: before a tag takes a second value within a step, everything that reads its
first value has been evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from alarms.signal import BAD_NO_COMMUNICATION, UNCERTAIN, Tri
from controller.core import explain, snapshot, status
from controller.core.alarming import Alarming
from controller.core.bypass import Bypasses
from controller.core.clock import Due, Now
from controller.core.commands import Commands
from controller.core.conditions import Sight
from controller.core.derived import Formulas
from controller.core.durable import Durable, Recorded
from controller.core.effects import Reconnect, Step, Values
from controller.core.heartbeat import Heartbeat
from controller.core.image import Image, Waiting, rounds
from controller.core.inputs import Batch, Input, LinkDown, LinkReport, LinkUp, Note, Request, WriteDone
from controller.core.interlocks import Interlocks
from controller.core.liveness import Life, Liveness
from controller.core.permissives import Permissives
from controller.core.quality import Quality
from controller.core.reconcile import reconciled
from controller.core.requests import Answer, Requests
from controller.core.step import Decisions
from controller.core.windows import Windows
from controller.plant.gas import FUNCTIONS
from controller.plant.plant import Plant


class Core:
    """One plant's core. epoch: number of this owner of the PLCs; a higher one fences a lower one."""

    def __init__(self, plant: Plant, epoch: int) -> None:
        self.plant = plant
        self.epoch = epoch
        self.durable = Durable()
        self.decisions = Decisions(self.durable)
        self.image = Image(plant)
        self.waiting = Waiting(plant)
        self.sight = Sight(plant, self.image)
        self.liveness = Liveness(plant.plcs, plant.link_grace_s)
        self.formulas = Formulas(plant, FUNCTIONS)
        self.windows = Windows(plant)
        self.interlocks = Interlocks(plant, self.sight, self.liveness, self.decisions, self.windows)
        self.commands = Commands(plant, self.interlocks, epoch)
        self.permissives = Permissives(plant, self.interlocks)
        self.bypasses = Bypasses(self.interlocks)
        self.requests = Requests(plant, self.interlocks, self.commands, self.permissives, self.bypasses)
        self.quality = Quality(plant, self.image, self.liveness, self.decisions)
        self.heartbeat = Heartbeat(plant, epoch)
        self.alarming = Alarming(plant, self.image)
        self._wire()
        self._intents: list[Mapping[str, Any]] = []
        self.last: Now | None = None

    def _wire(self) -> None:
        """Index: tag -> what has to be looked at when it changes."""
        count = len(self.plant.tags)
        self._commands_of: list[list[int]] = [[] for _ in range(count)]
        for command in self.plant.commands:
            for tag in self.commands.inputs(command.index):
                self._commands_of[tag].append(command.index)
        self.watched: NDArray[np.bool_] = np.array(
            [
                tag in self.interlocks.gates or bool(self._commands_of[tag]) or tag in self.formulas.users
                for tag in range(count)
            ],
            np.bool_,
        )
        self._seen: set[int] = set()

    @property
    def ready(self) -> bool:
        """Every PLC has been alive at least once: there is a confirmed value of every tag, or Bad."""
        return all(pulse.first_alive_s is not None for pulse in self.liveness.pulses)

    # --- from outside --------------------------------------------------------------------------

    def restore(self, events: Iterable[Recorded]) -> None:
        """Durable state from the journal, before the first step."""
        for event in events:
            self.durable.apply(event)
            self.alarming.apply(event)

    def reconcile(self, intents: Sequence[Mapping[str, Any]]) -> None:
        """What the intent ring holds: contexts of writes, judged at the first step. Nothing is re-sent."""
        self._intents = list(intents)

    def adopt(self, durable: Durable) -> None:
        """Puts durable state in place of the present one."""
        self.durable = self.decisions.durable = durable

    def snapshot(self) -> dict[str, Any]:
        """The whole state, for the flight recorder; plain data. Taken between two steps."""
        return snapshot.taken(self)

    def load_snapshot(self, state: Mapping[str, Any]) -> None:
        """Makes this fresh core the one that the snapshot was taken of (same software, same plant)."""
        snapshot.put(self, state)

    def status(self, now: Now) -> dict[str, Any]:
        """Plain data for people and pages: interlocks, bypasses, commands, permissives, PLCs."""
        return status.status(self, now)

    def explain(self, name: str, now: Now) -> str:
        """Why a tag, interlock, command or permissive is as it is. Raises KeyError for an unknown name."""
        return explain.explain(self, name, now)

    def protect(self, now: Now, inputs: Sequence[Input]) -> Step:
        """Tags, interlocks, commands: everything that may have to act at once."""
        self._begin(now)
        for item in inputs:
            self._take(item, now)
        self._by_time(now)
        self._settle()
        return Step(self.decisions.take(), self._due())

    def evaluate(self, now: Now, inputs: Sequence[Input], budget: int) -> Step:  # noqa: ARG002
        """Alarms, after everything that acts, on the image that `protect` left."""
        reported, self.decisions.changed = self.decisions.changed, []
        stirred, self.decisions.stirred = self.decisions.stirred, set()
        self.alarming.tell(stirred, self.durable)
        events, due = self.alarming.evaluate(now, reported, budget)
        return Step(tuple(events), due)

    # --- one step ------------------------------------------------------------------------------

    def _begin(self, now: Now) -> None:
        self.decisions.now = now
        self.sight.plant_s = now.plant_s
        if self.last is not None:
            plant_s, wall_s = now.plant_s - self.last.plant_s, now.mono_s - self.last.mono_s
            if plant_s > 0 and wall_s > 0:
                self.sight.wall_per_plant = wall_s / plant_s
        began, self.last = self.last is not None, now
        if not began:
            self.liveness.begin(now)
            reconciled(self.plant, self.decisions, self._intents)
            self.permissives.begin()
            self.bypasses.begin(now)
            self.commands.starts.begin(now)
            for rule in self.plant.interlocks:
                self.sight.tripped[rule.index] = Tri.of(self.interlocks.stands(rule.index))

    def _take(self, item: Input, now: Now) -> None:
        match item:
            case Batch():
                self._take_batch(item, now)
            case LinkUp():
                if self.liveness.up(item, now):
                    self._restored(item.plc, now)
            case LinkDown():
                self._lost(item.plc, item.reason, now, reconnect=False)
            case WriteDone():
                self.commands.written(item.intent, item.status)
            case Request():
                self._settle()  # the answer is about the plant as it is now
                self._answer(item, now)
            case LinkReport():
                plc = self.plant.plcs[item.plc]
                tag = None if item.tag is None else self.plant.tags[item.tag].name
                data = {"count": item.count, "tag": tag}
                self.decisions.say(f"link.{item.kind}", plc.name, item.text, data)
            case Note():
                self.decisions.say(item.kind, item.source, item.text, item.data)
            case _:
                assert_never(item)

    def _answer(self, request: Request, now: Now) -> None:
        if self.alarming.means(request):
            found = Answer(*self.alarming.operate(request, now))
            self.requests.tell(request, found)
            if request.action == "acknowledge":
                self.requests.seen(request, self.alarming.seen_trips(found.data.get("done", ())))
        elif self.requests.answer(request) and request.action == "acknowledge":
            self.alarming.see_trip(request, now)

    def _take_batch(self, batch: Batch, now: Now) -> None:
        if self._has_newer_owner(batch):
            self.commands.flights.fence(batch.plc)
        restored = self.liveness.see(batch, now)
        if self.liveness.is_alive(batch.plc) and not restored:
            self._absorb(batch, now)
            return
        self.waiting.put(batch)
        if restored:
            self._restored(batch.plc, now)

    def _has_newer_owner(self, batch: Batch) -> bool:
        """The PLC shows an epoch above ours. Every value counts: ours may have been written over it since."""
        shown = self.plant.plcs[batch.plc].epoch
        if shown is None:
            return False
        rows = (batch.tags == shown).nonzero()[0]
        if not len(rows):
            return False
        return bool(((batch.status[rows] < UNCERTAIN) & (batch.values[rows] > self.epoch)).any())

    def _absorb(self, batch: Batch, now: Now) -> None:
        """A notification of a living PLC goes into the image, in parts without repeated tags."""
        for part in rounds(batch, self.image.scratch):
            watched = part.tags[self.watched[part.tags]].tolist()
            if not self._seen.isdisjoint(watched):
                self._settle()
            self.decisions.tell(self.image.take(part, now))
            self._changed(watched, now)
            if self.quality.told:
                self.quality.came_back([*part.tags.tolist(), *(text[0] for text in part.texts)])

    def _changed(self, watched: list[int], now: Now) -> None:
        affected = self.formulas.affected(watched)
        if affected:
            self.decisions.tell(self.formulas.recompute(affected, self.image, now))
        changed = [*watched, *affected]
        self._seen.update(changed)
        stir, commands_of = self.interlocks.stir, self._commands_of
        for tag in changed:
            stir(tag)
            if commands_of[tag]:
                self.commands.touch(commands_of[tag])
        self.windows.keep(changed, now.utc_ns, self.image)

    def _restored(self, plc: int, now: Now) -> None:
        """The link is up and the counter moves: what the PLC has sent since then counts."""
        pulse, name = self.liveness.pulses[plc], self.plant.plcs[plc].name
        down_s = None if pulse.lost_s is None else round(now.mono_s - pulse.lost_s, 3)
        text = f"{name} is alive" if down_s is None else f"{name} is back after {down_s:g} s"
        self.decisions.say("link.restored", name, text, {"down_s": down_s, "gap": pulse.gap})
        pulse.gap, pulse.lost_s = False, None
        tags = self.image.of_plc[plc]
        self._absorb(self.waiting.take(plc, tags), now)
        self.image.receive_s[tags] = now.mono_s
        self.image.changed_s[tags] = now.mono_s
        self.commands.touch_plc(plc)
        self.interlocks.touch_all()

    def _lost(self, plc: int, reason: str, now: Now, *, reconnect: bool) -> None:
        """One event, whatever number of tags it has; every one of them turns Bad."""
        tags, name = self.image.of_plc[plc], self.plant.plcs[plc].name
        self.waiting.drop(tags)
        if reconnect:
            self.decisions.tell(Reconnect(plc, reason))
        if not self.liveness.lose(plc, reason, now, Life.DOWN):
            return
        self._settle()  # on what was known until now
        self.decisions.say("link.lost", name, f"{name} is lost: {reason}", {"reason": reason})
        self.decisions.tell(self.image.mark(tags, BAD_NO_COMMUNICATION, now, plc))
        self._changed(tags[self.watched[tags]].tolist(), now)
        self.commands.touch_plc(plc)

    def _by_time(self, now: Now) -> None:
        for plc, reason in list(self.liveness.late(now)):
            self._lost(plc, reason, now, reconnect=True)
        for plc in self.liveness.never_came(now):
            pulse, name = self.liveness.pulses[plc], self.plant.plcs[plc].name
            self.decisions.say(
                "link.lost", name, f"{name} has not come: {pulse.reason}", {"reason": pulse.reason}
            )
        for values in self.quality.look(now):
            self._marked(values, now)
        for write in self.heartbeat.beat(now, self.liveness, self.commands.flights.fenced):
            self.decisions.write(write)
        self.bypasses.expire(now)
        self.windows.close(now, self.decisions)
        self.interlocks.touch_late(now)
        self.commands.touch_late(now.mono_s)

    def _marked(self, values: Values, now: Now) -> None:
        self.decisions.tell(values)
        tags: list[int] = values.batch.tags.tolist()
        self._changed([tag for tag in tags if self.watched[tag]], now)

    def _settle(self) -> None:
        if self.interlocks.settle():
            self.commands.touch(self.interlocks.touched_commands)
            self.interlocks.touched_commands.clear()
            self.permissives.settle()
        self.commands.settle()
        self._seen.clear()

    def _due(self) -> Due:
        walls = (
            self.liveness.due_s(),
            self.quality.due_s,
            self.heartbeat.due_s or 0.0,
            self.bypasses.due_s(),
            self.windows.due_s(),
            self.commands.due_s(),
        )
        return self.interlocks.due().or_sooner(Due(mono_s=min(walls)))
