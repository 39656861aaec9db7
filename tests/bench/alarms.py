"""What a change costs the alarm engine as the number of rules grows, beside a loop over every rule.

Seconds are of this process's CPU time: a neighbour on the machine does not make a rule slower.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import process_time

import numpy as np
from numpy.typing import NDArray

from alarms.engine import AlarmEngine
from alarms.model import Alarm, Level, Side
from tests.bench import Table

RULES_PER_TAG = 5
BATCH = 2_000
LIMITS = (("LL", Side.LOW, 5.0), ("L", Side.LOW, 15.0), ("H", Side.HIGH, 85.0), ("HH", Side.HIGH, 95.0))


def rules(count: int, delay_s: float) -> list[Alarm]:
    """Five limits a tag, with deadband and on-delay, as a plant has them."""
    found = []
    for tag in range(count // RULES_PER_TAG):
        for level, side, limit in LIMITS:
            condition = Level(tag, side, limit, 1.0)
            found.append(Alarm(f"T{tag}.{level}", condition, 3, f"T{tag}", level, on_delay_s=delay_s))
        early = Level(tag, Side.HIGH, 75.0, 1.0)
        found.append(Alarm(f"T{tag}.EARLY", early, 3, f"T{tag}", on_delay_s=delay_s, off_delay_s=delay_s))
    return found


class Plant:
    """Values wander inside their limits; every other batch, `crossing` of them jump above H, then back."""

    def __init__(self, tags: int, crossing: float, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self.values = np.full(tags, 50.0)
        self.status = np.zeros(tags, np.uint32)
        self._crossing = crossing
        self._above = np.zeros(0, np.int64)

    def batch(self, size: int) -> NDArray[np.int64]:
        """As many reports in any plant: a tag may report twice in a small one, the image has the newest."""
        tags = self._random.choice(len(self.values), size, replace=len(self.values) < size)
        crossing = round(size * self._crossing)
        if len(self._above):
            tags[:crossing] = self._above
            crossing = 0
        self.values[tags] = self._random.uniform(40.0, 60.0, size)
        self._above = tags[:crossing].copy()
        self.values[self._above] = 90.0
        return tags


@contextmanager
def settled_memory() -> Iterator[None]:
    """As the service runs: what lives long is out of the collector's sight."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def engine_cost(
    count: int, crossing: float, seconds: float, delay_s: float = 5.0
) -> tuple[float, float, float]:
    """(microseconds per change, looks per second, records per second) of the engine's own time."""
    plant = Plant(count // RULES_PER_TAG, crossing)
    engine = AlarmEngine(rules(count, delay_s), size=len(plant.values))
    read = plant.values, plant.status
    engine.step((0.0, 0.0, 0), [], read)
    spent, changes, looks, records, now_s = 0.0, 0, 0, 0, 0.0
    with settled_memory():
        while spent < seconds:
            tags = plant.batch(BATCH)
            now_s += 1.0
            begun = process_time()
            step = engine.step((now_s, now_s, round(now_s * 1e9)), tags, read)
            spent += process_time() - begun
            changes += len(tags)
            looks += step.evaluated
            records += len(step.records)
    return spent / changes * 1e6, looks / spent, records / spent


def naive_cost(count: int, crossing: float, seconds: float) -> float:
    """Microseconds per change when every rule is looked at on every change."""
    plant = Plant(count // RULES_PER_TAG, crossing)
    state = [
        [tag, side, limit, False, 0.0]
        for tag in range(len(plant.values))
        for _, side, limit in (*LIMITS, LIMITS[2])
    ]
    spent, changes, now_s = 0.0, 0, 0.0
    while spent < seconds:
        changed = plant.batch(BATCH)
        values = plant.values.tolist()
        now_s += 1.0
        begun = process_time()
        done = _naive(changed[: max(1, 200_000 // count)].tolist(), state, values, now_s)
        spent += process_time() - begun
        changes += done
    return spent / changes * 1e6


def _naive(tags: Sequence[int], state: list[list[object]], values: list[float], now_s: float) -> int:
    for _ in tags:
        for rule in state:
            tag, side, limit, active, since_s = rule
            value = values[tag]  # type: ignore[call-overload]
            beyond = value >= limit if side is Side.HIGH else value <= limit
            if beyond == active:
                rule[4] = now_s
            elif now_s - since_s >= 5.0:  # type: ignore[operator]
                rule[3] = beyond
    return len(tags)


def run(quick: bool) -> Table:
    seconds = 0.15 if quick else 1.0
    table = Table(
        "alarm rules: cost of one change",
        "a loop over every rule on every change, plain lists",
        f"5 rules a tag with deadband and 5 s delay, batches of {BATCH:,} changes",
    )
    cost = {}
    for crossing in (0.0, 0.01, 0.1):
        for count in (100, 1_000, 10_000, 100_000):
            ours, looks, _ = engine_cost(count, crossing, seconds)
            cost[crossing, count] = ours
            what = f"{count:,} rules, " + (f"{crossing:.0%} crossing" if crossing else "quiet")
            table.add(what, ours, naive_cost(count, crossing, seconds), "us/change", better="less")
        grown = cost[crossing, 100_000] / cost[crossing, 1_000]
        rate = f", {looks:,.0f} looks/s" if crossing else ""
        table.notes.append(
            f"{crossing:.0%} crossing: from 1,000 to 100,000 rules x{grown:.2f} a change{rate}"
        )
    _, _, records = engine_cost(25_000, 1.0, seconds, delay_s=0.0)
    table.notes.append(
        f"storm, every change of 5,000 tags crosses at once, no delay: {records:,.0f} records/s"
    )
    return table
