"""A value against a limit: hysteresis first, then delay. Shared by alarm limits and interlock causes.

The order is the one of ISA-18.2 (deadband and delay are both on the detection side): a comparison
that is true stays true until the value is back by the hysteresis; the verdict of that comparison
has to stand for its delay before anything believes it. Both are pure functions: the caller keeps the
small state they return, and asks to be called again at the returned deadline.
"""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

from alarms.signal import Tri

OPERATORS: Final = (">", ">=", "<", "<=")


def beyond(op: str, limit: float, hysteresis: float, value: float, was: bool) -> bool:
    """Whether `value` is beyond `limit`; once beyond (`was`), until it is back by `hysteresis`.

    With hysteresis 0 the state plays no part. `value` must be a number: what a NaN means is for the
    quality rules to say, not for a comparison.
    """
    back = hysteresis if was else 0.0
    if op == ">":
        return value > limit - back
    if op == ">=":
        return value >= limit - back
    if op == "<":
        return value < limit + back
    assert op == "<=", f"the operator {op!r} is not one of {OPERATORS}; the configuration checks this"
    return value <= limit + back


class Debounced(NamedTuple):
    """A verdict that has stood for its delay, and since when another one is waiting to replace it."""

    verdict: bool = False
    since_s: float | None = None


def debounce(
    raw: bool, before: Debounced, now_s: float, on_delay_s: float, off_delay_s: float = 0.0
) -> tuple[Debounced, float]:
    """The delayed verdict, and the deadline at which it changes by itself (inf: never).

    A raw verdict that falls back before its delay is over starts from the beginning next time.
    """
    if raw == before.verdict:
        return (before if before.since_s is None else Debounced(before.verdict)), inf
    since_s = now_s if before.since_s is None else before.since_s
    due_s = since_s + (on_delay_s if raw else off_delay_s)
    if now_s >= due_s:
        return Debounced(raw), inf
    return Debounced(before.verdict, since_s), due_s


def delayed(
    raw: Tri, before: Debounced, now_s: float, delay_s: float, *, strict: bool
) -> tuple[Tri, Debounced, float]:
    """Three-valued on-delay: (answer, state, deadline).

    UNKNOWN is answered at once. What it does to a running delay depends on which side is safe: for
    a cause of a trip the delay runs on, since a value that flickers Bad must not put a trip off for
    ever; for a permission, a reset or a proof (`strict`) it starts again, since they must have held.
    """
    if raw is Tri.UNKNOWN:
        if strict:
            return Tri.UNKNOWN, Debounced(), inf
        due_s = inf if before.since_s is None else before.since_s + delay_s
        return Tri.UNKNOWN, before, due_s if due_s > now_s else inf
    after, due_s = debounce(raw is Tri.TRUE, before, now_s, delay_s)
    return Tri.of(after.verdict), after, due_s
