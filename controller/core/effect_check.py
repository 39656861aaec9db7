"""Effect check: a trip by the PLC is only as good as what follows it.

For each `by: plc` effect of a trip the condition must hold within its time (plant seconds of the
trip). What happened in time may arrive later by what the path from the PLC may take (wall seconds, the
budget of its publishing), so nothing is called missing before that is over too: at 60 times real time
2 s of plant are 33 ms of wall. Confirmed, missing and not to be seen are three different events; a late
confirmation is told too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from alarms.signal import Tri
from controller.core.clock import Now
from controller.core.conditions import LeafState, Node, Sight, compiled
from controller.core.durable import PENDING, InterlockRecord
from controller.core.logic import plcs_of
from controller.core.step import Decisions
from controller.core.wording import span
from controller.plant.plant import CheckedEffect, Interlock, Plant


@dataclass(slots=True)
class Check:
    """deadline_s: plant seconds, None while it does not run (a mirrored interlock that cannot see).

    arrived_mono_s: wall seconds, by when news of the deadline has come; None before the deadline.
    """

    running: bool = False
    deadline_s: float | None = None
    arrived_mono_s: float | None = None
    started_mono_s: float = 0.0


class EffectChecks:
    """The checks of all interlocks, by (interlock, effect).

    due_mono_s: when the checks looked at last want to be looked at again, in wall seconds.
    """

    def __init__(self, plant: Plant, sight: Sight, decisions: Decisions) -> None:
        self.sight = sight
        self.decisions = decisions
        self.due_mono_s = inf
        self._path_s: dict[tuple[int, int], float] = {}
        self.nodes: dict[tuple[int, int], Node] = {}
        self.checks: dict[tuple[int, int], Check] = {}
        for rule in plant.interlocks:
            for index, effect in enumerate(rule.effects):
                if isinstance(effect, CheckedEffect):
                    node = compiled(effect.condition, strict=True)
                    self.nodes[rule.index, index] = node
                    self.checks[rule.index, index] = Check()
                    self._path_s[rule.index, index] = _path_s(plant, node)

    def start(self, rule: Interlock, effects: list[int], now: Now) -> None:
        for index in effects:
            effect = rule.effects[index]
            if isinstance(effect, CheckedEffect):
                self.nodes[rule.index, index].reset()
                self.checks[rule.index, index] = Check(
                    True, now.plant_s + effect.within_s, started_mono_s=now.mono_s
                )

    def stop(self, rule: Interlock) -> None:
        for index in range(len(rule.effects)):
            if (rule.index, index) in self.checks:
                self.checks[rule.index, index] = Check()

    def look(self, rule: Interlock, record: InterlockRecord, *, known: bool) -> None:
        """Judges the checks of a standing trip. `known`: the interlock sees its causes."""
        assert record.trip is not None
        self.due_mono_s = inf
        for index, effect in record.trip.effects.items():
            check = self.checks.get((rule.index, index))
            if check is not None and effect.kind == "check" and effect.result != "done":
                if not known:
                    check.deadline_s = check.arrived_mono_s = None
                    continue
                self._judge(rule, record, index, check)

    def _judge(self, rule: Interlock, record: InterlockRecord, index: int, check: Check) -> None:
        now, expected = self.decisions.now, rule.effects[index]
        assert record.trip is not None
        assert isinstance(expected, CheckedEffect)
        answer = self.nodes[rule.index, index].evaluate(self.sight)
        if not check.running:  # a trip from before a restart
            check.running, check.started_mono_s = True, now.mono_s
        if check.deadline_s is None:
            if answer is Tri.UNKNOWN:
                return  # its time begins when it can be seen
            check.deadline_s = now.plant_s + expected.within_s
        first = record.trip.effects[index].result == PENDING
        number = record.trip.number
        if answer is Tri.TRUE:
            ms = round((now.mono_s - check.started_mono_s) * 1e3, 3)
            how = "seen" if first else "late"
            text = f"{rule.name}: {expected.text or 'effect'} proved after {ms:.0f} ms"
            self._say("effect.confirmed", rule, text, number, index, "done", how, ms)
        elif self._may_still_come(check, now, self._path_s[rule.index, index]):
            return
        elif first and answer is Tri.FALSE:
            text = f"{rule.name}: {expected.text or 'effect'} did not follow within {span(expected.within_s)}"
            severity = 100 if record.muted is not None else None
            self._say("effect.missing", rule, text, number, index, "failed", "did not follow", None, severity)
        elif first:
            text = f"{rule.name}: {expected.text or 'effect'} cannot be seen"
            self._say("effect.unverified", rule, text, number, index, "unknown", "cannot be seen", None)

    def _may_still_come(self, check: Check, now: Now, path_s: float) -> bool:
        """The deadline has not come, or what was seen at the PLC by then may still be on its way."""
        assert check.deadline_s is not None
        if now.plant_s < check.deadline_s:
            self.sight.due_s = min(self.sight.due_s, check.deadline_s)
            return True
        if check.arrived_mono_s is None:
            check.arrived_mono_s = now.mono_s + path_s
        if now.mono_s < check.arrived_mono_s:
            self.due_mono_s = min(self.due_mono_s, check.arrived_mono_s)
            return True
        return False

    def _say(
        self,
        kind: str,
        rule: Interlock,
        text: str,
        number: int,
        index: int,
        result: str,
        how: str,
        ms: float | None,
        severity: int | None = None,
    ) -> None:
        data = {"number": number, "index": index, "result": result, "how": how, "ms": ms}
        if severity is not None:
            data["muted"] = True
        self.decisions.say(kind, rule.name, text, data, severity)

    def states(self) -> Iterator[LeafState]:
        for node in self.nodes.values():
            yield from node.states()


def _path_s(plant: Plant, node: Node) -> float:
    """What change -> arrival may take for everything that a proof reads, in wall seconds."""
    plcs = {plc for tag in node.tags() for plc in plcs_of(plant, tag)}
    return max((plant.plcs[plc].budget_ms / 1000.0 for plc in plcs), default=0.0)
