"""Tags that the service computes: recomputed when an input changed, as good as their worst input.

A Bad input makes a Bad output, an Uncertain one an Uncertain output; a result that is not a number is
Bad. An exception cannot come out: the expression engine answers None. Two expressions are more than
arithmetic and stand alone: `clock_skew(PLC)` reads times (source time of the PLC's counter minus our
receive time, in seconds), `slope_h(TAG, SECONDS)` remembers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from math import exp
from typing import Final

import numpy as np

from alarms import expression
from alarms.expression import Expression, Function
from alarms.signal import BAD, BAD_NO_DATA, BAD_OUT_OF_RANGE, GOOD, SEVERITY_MASK, UNCERTAIN
from controller.core.clock import Now
from controller.core.effects import Values
from controller.core.image import SERVICE, Image
from controller.core.inputs import Batch
from controller.plant.plant import Plant
from controller.plant.tags import Derived, Tag

CLOCK_SKEW: Final = re.compile(r"\s*clock_skew\(\s*([\w.-]+)\s*\)\s*")
SLOPE: Final = re.compile(r"\s*slope_h\(\s*([\w.-]+)\s*,\s*(\d+(?:\.\d+)?)\s*\)\s*")
QUICK: Final = 12  # the quick mean is so many times quicker than the slow one
SETTLED: Final = 0.1  # of its time; before that a slope is Uncertain


class Formula:
    """One derived tag, compiled."""

    def __init__(self, tag: Tag, source: Derived, functions: Mapping[str, Function]) -> None:
        self.tag = tag.index
        self.inputs = source.inputs
        self.expression: Expression = expression.compile(source.expression, functions)

    def compute(self, image: Image, _now: Now) -> tuple[float, int]:
        statuses = [image.status.item(tag) for tag in self.inputs]
        worst = statuses[0] if statuses else GOOD
        for status in statuses:
            if status & SEVERITY_MASK > worst & SEVERITY_MASK:
                worst = status
        if worst & BAD:
            return float("nan"), worst
        result = self.expression.evaluate([image.value.item(tag) for tag in self.inputs])
        return (float("nan"), BAD_OUT_OF_RANGE) if result is None else (result, worst)


class ClockSkew:
    """How far a PLC's clock is from ours, in s; positive when it is ahead."""

    def __init__(self, tag: Tag, alive: int) -> None:
        self.tag = tag.index
        self.inputs = (alive,)
        self._alive = alive

    def compute(self, image: Image, _now: Now) -> tuple[float, int]:
        status, given = image.status.item(self._alive), image.given_ns.item(self._alive)
        if status & SEVERITY_MASK or not given:
            return float("nan"), status if status & BAD else BAD_NO_DATA
        return (given - image.receive_utc_ns.item(self._alive)) / 1e9, GOOD


class Slope:
    """How fast a tag rises, in its unit per hour, over about `over_s` plant seconds.

    The distance between a quick and a slow first-order mean, made up for the slow one's being young.
    It begins anew after a Bad input. memory: quick, slow, plant_s of the last and of the first look.
    """

    def __init__(self, tag: Tag, source: int, over_s: float) -> None:
        self.tag = tag.index
        self.inputs = (source,)
        self.memory: list[float] = []
        self._source, self._over_s = source, over_s

    def compute(self, image: Image, now: Now) -> tuple[float, int]:
        status, value = image.status.item(self._source), image.value.item(self._source)
        if status & BAD:
            self.memory = []
            return float("nan"), status
        if not self.memory:
            self.memory = [value, value, now.plant_s, now.plant_s]
        quick, slow, last_s, first_s = self.memory
        passed, age = (now.plant_s - last_s) / self._over_s, (now.plant_s - first_s) / self._over_s
        quick += (value - quick) * (1.0 - exp(-QUICK * passed))
        slow += (quick - slow) * (1.0 - exp(-passed))
        self.memory = [quick, slow, now.plant_s, first_s]
        if age < SETTLED:
            return 0.0, UNCERTAIN
        return (quick - slow) / (1.0 - exp(-age)) * 3600.0 / self._over_s, status


class Formulas:
    """All derived tags of a plant, in an order in which inputs come before what is made of them."""

    def __init__(self, plant: Plant, functions: Mapping[str, Function]) -> None:
        self.by_tag: dict[int, Formula | ClockSkew | Slope] = {}
        alive = {plc.name: plc.alive for plc in plant.plcs}
        for tag in plant.tags:
            if isinstance(tag.source, Derived):
                skew = CLOCK_SKEW.fullmatch(tag.source.expression)
                slope = SLOPE.fullmatch(tag.source.expression)
                self.by_tag[tag.index] = (
                    ClockSkew(tag, alive.get(skew[1], plant.index.get(skew[1], -1)))
                    if skew is not None
                    else Slope(tag, tag.source.inputs[0], float(slope[2]))
                    if slope is not None
                    else Formula(tag, tag.source, functions)
                )
        self.users: dict[int, list[int]] = {}
        for tag_index, formula in self.by_tag.items():
            for source in formula.inputs:
                self.users.setdefault(source, []).append(tag_index)
        self._depth: dict[int, int] = {}
        for tag_index in self.by_tag:
            self._measure(tag_index)

    def memory(self) -> list[list[float]]:
        """What slopes remember, for a snapshot."""
        return [list(one.memory) for one in self.by_tag.values() if isinstance(one, Slope)]

    def remember(self, memory: Sequence[Sequence[float]]) -> None:
        slopes = [one for one in self.by_tag.values() if isinstance(one, Slope)]
        for one, kept in zip(slopes, memory, strict=True):
            one.memory = [float(number) for number in kept]

    def _measure(self, tag: int) -> int:
        if tag not in self.by_tag:
            return 0
        if tag not in self._depth:
            self._depth[tag] = 1 + max((self._measure(one) for one in self.by_tag[tag].inputs), default=0)
        return self._depth[tag]

    def affected(self, changed: Iterable[int]) -> list[int]:
        """The derived tags behind these tags, inputs before outputs."""
        found: set[int] = set()
        frontier = list(changed)
        while frontier:
            fresh = [user for tag in frontier for user in self.users.get(tag, ()) if user not in found]
            found.update(fresh)
            frontier = fresh
        return sorted(found, key=lambda tag: (self._depth[tag], tag))

    def recompute(self, affected: list[int], image: Image, now: Now) -> Values:
        """Computes them in this order and puts them into the image, stamped with their newest input."""
        image.arrivals += 1
        count = len(affected)
        stored = np.zeros(count, np.int64)
        source_of, given_of = image.source_ns.item, image.given_ns.item
        for place, tag in enumerate(affected):
            formula = self.by_tag[tag]
            value, status = formula.compute(image, now)
            newest = given_ns = 0
            for one in formula.inputs:
                newest, given_ns = max(newest, source_of(one)), max(given_ns, given_of(one))
            stored[place] = max(newest if formula.inputs else now.utc_ns, source_of(tag) + 1)
            if value != image.value.item(tag):
                image.changed_s[tag] = now.mono_s
            image.value[tag], image.status[tag] = value, status
            image.source_ns[tag], image.given_ns[tag] = stored[place], given_ns
        tags = np.array(affected, np.int32)
        image.receive_s[tags], image.arrival[tags] = now.mono_s, image.arrivals
        batch = Batch(SERVICE, tags, image.value[tags], image.status[tags], stored)
        return Values(batch, np.zeros(count, np.uint8), stored)
