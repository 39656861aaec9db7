"""What a change costs the alarm engine as the number of rules grows, beside a loop over every rule."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from alarms.engine import AlarmEngine
from alarms.model import Alarm, Level, Side
from tests.bench import Table

RULES_PER_TAG = 5
BATCH = 2_000
LIMITS = (("LL", Side.LOW, 5.0), ("L", Side.LOW, 15.0), ("H", Side.HIGH, 85.0), ("HH", Side.HIGH, 95.0))


def rules(count: int) -> list[Alarm]:
    """Five limits a tag, with deadband and on-delay, as a plant has them."""
    found = []
    for tag in range(count // RULES_PER_TAG):
        for level, side, limit in LIMITS:
            condition = Level(tag, side, limit, 1.0)
            found.append(Alarm(f"T{tag}.{level}", condition, 3, f"T{tag}", level, on_delay_s=5.0))
        early = Level(tag, Side.HIGH, 75.0, 1.0)
        found.append(Alarm(f"T{tag}.EARLY", early, 3, f"T{tag}", on_delay_s=5.0, off_delay_s=5.0))
    return found


class Plant:
    """Values wander well inside their limits; `crossing` of each batch jump above H and back."""

    def __init__(self, tags: int, crossing: float, seed: int = 1) -> None:
        self._random = np.random.default_rng(seed)
        self.values = np.full(tags, 50.0)
        self.status = np.zeros(tags, np.uint32)
        self._crossing = crossing

    def batch(self, size: int) -> NDArray[np.int64]:
        tags = self._random.choice(len(self.values), min(size, len(self.values)), replace=False)
        values = self._random.uniform(40.0, 60.0, len(tags))
        crossing = self._random.random(len(tags)) < self._crossing
        self.values[tags] = np.where(crossing, 90.0, values)
        return tags


def engine_cost(count: int, crossing: float, seconds: float) -> tuple[float, float]:
    """(microseconds per change, evaluations per second of the engine's own time)."""
    plant = Plant(count // RULES_PER_TAG, crossing)
    engine = AlarmEngine(rules(count), size=len(plant.values))
    read = plant.values, plant.status
    engine.step((0.0, 0.0, 0), [], read)
    spent, changes, looks, now_s = 0.0, 0, 0, 0.0
    while spent < seconds:
        tags = plant.batch(BATCH)
        now_s += 1.0
        begun = perf_counter()
        step = engine.step((now_s, now_s, round(now_s * 1e9)), tags, read)
        spent += perf_counter() - begun
        changes += len(tags)
        looks += step.evaluated
    return spent / changes * 1e6, looks / spent


def naive_cost(count: int, crossing: float, seconds: float) -> float:
    """Microseconds per change when every rule is looked at on every change."""
    plant = Plant(count // RULES_PER_TAG, crossing)
    state = [[tag, side, limit, False, 0.0] for tag in range(len(plant.values)) for _, side, limit in (*LIMITS, LIMITS[2])]
    spent, changes, now_s = 0.0, 0, 0.0
    while spent < seconds:
        tags = plant.batch(BATCH)
        values = plant.values.tolist()
        now_s += 1.0
        begun = perf_counter()
        done = _naive(tags[: max(1, 200_000 // count)].tolist(), state, values, now_s)
        spent += perf_counter() - begun
        changes += done
    return spent / changes * 1e6


def _naive(tags: Sequence[int], state: list[list[object]], values: list[float], now_s: float) -> int:
    for _ in tags:
        for rule in state:
            tag, side, limit, active, since_s = rule
            value = values[tag]  # type: ignore[call-overload]
            beyond = value >= limit if side is Side.HIGH else value <= limit  # type: ignore[operator]
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
    costs = {}
    for count in (100, 1_000, 10_000, 100_000):
        ours, _ = engine_cost(count, 0.0, seconds)
        costs[count] = ours
        table.add(f"{count:,} rules, quiet", ours, naive_cost(count, 0.0, seconds), "us/change", better="less")
    for crossing in (0.01, 0.1):
        for count in (1_000, 10_000, 100_000):
            ours, looks = engine_cost(count, crossing, seconds)
            peer = naive_cost(count, crossing, seconds)
            table.add(f"{count:,} rules, {crossing:.0%} crossing", ours, peer, "us/change", better="less")
        table.notes.append(f"{crossing:.0%} crossing: {looks:,.0f} looks/s at 100,000 rules")
    grown = costs[100_000] / costs[10_000]
    table.notes.append(f"quiet, from 10,000 to 100,000 rules a change costs {grown:.2f} times as much")
    return table
