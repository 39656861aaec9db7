"""One alarm at work: its rule, its watch, its delay, and its place among the others."""

from __future__ import annotations

from math import inf, isfinite
from typing import Final

from alarms.agenda import Unit
from alarms.lifecycle import Facts
from alarms.limits import Delay, Sight, watch
from alarms.limits.quality import CODE_MASK
from alarms.model import Alarm, counts_wall_time
from alarms.signal import SEVERITY_MASK, Tri

PARENTS_RANK: Final = 1  # alarms that explain others come before those, then priority 1, 2, 3


class Point(Unit):
    """ladder: alarms of the same tag and side, worst first; worse, milder: those beside this one.

    wall: its delays count wall seconds. fresh: it is new in the configuration, and its condition has
    not been seen false since. suppressors: names of the suppressions that cover it. followers: what
    has to be looked at when this alarm turns. announced_s: monotonic second it was last announced.
    """

    __slots__ = (
        "alarm",
        "announced_s",
        "covered",
        "delay",
        "followers",
        "fresh",
        "group",
        "ladder",
        "milder",
        "stage",
        "suppressors",
        "verdict",
        "wall",
        "watch",
        "worse",
    )

    def __init__(self, alarm: Alarm) -> None:
        self.watch = watch(alarm.condition)
        super().__init__(PARENTS_RANK + alarm.priority, self.watch.tags)
        self.alarm = alarm
        self.delay = Delay(alarm.on_delay_s, alarm.off_delay_s)
        self.wall = counts_wall_time(alarm.condition)
        self.verdict = Tri.UNKNOWN
        self.fresh = False
        self.ladder: tuple[Point, ...] = ()
        self.worse: tuple[Point, ...] = ()
        self.milder: tuple[Point, ...] = ()
        self.suppressors: tuple[str, ...] = ()
        self.group = ""
        self.stage = 0
        self.followers: list[Unit] = []
        self.announced_s = inf
        self.covered = ""  # what kept it from being presented, last time we looked

    def prime(self, active: bool) -> None:
        """As it was before a restart: hysteresis and delay go on from there, nothing speaks again."""
        self.delay.prime(active)
        self.watch.prime(active)

    def same_look(self, other: Point) -> bool:
        """Whether both look at the plant in the same way, whatever their texts and priorities."""
        mine, others = self.alarm, other.alarm
        return (
            mine.condition == others.condition
            and (mine.on_delay_s, mine.off_delay_s) == (others.on_delay_s, others.off_delay_s)
            and mine.enabled
            and others.enabled
        )

    def clock_s(self, sight: Sight) -> float:
        return sight.mono_s if self.wall else sight.plant_s

    def look(self, sight: Sight) -> bool:
        """The condition with its delays; sets the deadlines for the next look."""
        inner, delay = self.watch, self.delay
        self.verdict = inner.look(sight)
        if self.verdict is Tri.FALSE:
            self.fresh = False
        out = delay.feed(self.verdict, sight.mono_s if self.wall else sight.plant_s)
        self.due_plant_s, self.due_mono_s = inner.due_plant_s, inner.due_mono_s
        due_s = delay.due_s
        if due_s != inf:
            if self.wall:
                self.due_mono_s = min(self.due_mono_s, due_s)
            else:
                self.due_plant_s = min(self.due_plant_s, due_s)
        return out

    def value(self, sight: Sight) -> float | None:
        """What is recorded with a change: the value of the condition's first tag."""
        gates = self.watch.gates
        value = sight.values[gates[0].tag] if gates else inf
        return value if isfinite(value) else None

    def quality(self, sight: Sight) -> int:
        """The worst status among the tags of the condition, without info bits."""
        worst = 0
        for tag in self.tags:
            status = sight.status[tag]
            if status & SEVERITY_MASK > worst & SEVERITY_MASK:
                worst = status & CODE_MASK
        return worst

    def realarm_due_s(self, facts: Facts) -> float:
        """Monotonic second at which a standing alarm speaks again."""
        again_s = self.alarm.realarm_s
        return inf if again_s is None or not facts.active else self.announced_s + again_s
