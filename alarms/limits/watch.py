"""What all conditions at work share: what they may look at, their gates, and their delay.

A watch is a condition with its small memory. It is looked at only when one of its gates says that
its verdict may have changed, or when a deadline it asked for has come.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, nextafter
from typing import Any, Protocol

from alarms.comparison import Debounced, debounce
from alarms.model import Telling
from alarms.signal import SEVERITY_MASK, UNCERTAIN, Tri


@dataclass(slots=True)
class Sight:
    """What watches may look at in one step. values, status: by tag index.

    reported_s, moved_s: monotonic second of the last report and of the last movement, by tag index
    (only of tags that a stale or frozen condition watches). active: ids of the alarms that stand.
    told: facts that others decide, by name.
    """

    values: Sequence[float]
    status: Sequence[int]
    plant_s: float
    mono_s: float
    utc_ns: int
    reported_s: Sequence[float]
    moved_s: Sequence[float]
    active: Mapping[str, object]
    told: Mapping[str, Telling]


class Gate:
    """The open interval (lo, hi) of a tag's value in which one watch cannot change its verdict.

    A change of status passes every gate; so does NaN.
    """

    __slots__ = ("hi", "lo", "tag")

    def __init__(self, tag: int) -> None:
        self.tag = tag
        self.lo = inf
        self.hi = -inf

    def open(self) -> None:
        """Every report passes."""
        self.lo, self.hi = inf, -inf

    def shut(self) -> None:
        """Only a change of status passes: the value decides nothing now."""
        self.lo, self.hi = -inf, inf

    def idle(self, value: float) -> None:
        """The value is not usable: its status has to change first, or it has to become a number."""
        if isnan(value):
            self.open()
        else:
            self.shut()

    def only(self, value: float) -> None:
        """Any other value passes."""
        self.lo, self.hi = nextafter(value, -inf), nextafter(value, inf)


class Names(Protocol):
    """How tags are called in sentences for people."""

    def name(self, tag: int) -> str: ...
    def unit(self, tag: int) -> str: ...


class Watch(ABC):
    """A condition at work. due_plant_s, due_mono_s: when it wants to be looked at though nothing changes."""

    __slots__ = ("due_mono_s", "due_plant_s", "gates", "news", "tags")

    def __init__(self, *gates: Gate) -> None:
        self.gates: tuple[Gate, ...] = gates
        self.tags = tuple(dict.fromkeys(gate.tag for gate in gates))
        self.due_plant_s = inf
        self.due_mono_s = inf
        self.news = False  # `memory` has changed since it was last recorded

    @abstractmethod
    def look(self, sight: Sight) -> Tri:
        """The verdict on the present values; sets gates and deadlines for the next look."""

    def prime(self, active: bool) -> None:  # noqa: B027 - most conditions have no hysteresis
        """Start with the hysteresis of an alarm that was (not) active before a restart."""

    def memory(self) -> dict[str, Any]:
        """What must outlive the process."""
        return {}

    def recall(self, memory: Mapping[str, Any], sight: Sight) -> None:  # noqa: B027
        """Takes back what `memory` gave, in a new process with new clocks."""

    def about(self, sight: Sight) -> dict[str, Any]:  # noqa: ARG002 - most have nothing to add
        """What is recorded with the alarm besides value and quality."""
        return {}

    @abstractmethod
    def say(self, sight: Sight, names: Names) -> str:
        """The condition with its present values, as a clause of a sentence."""


def usable(status: int, value: float, hold_uncertain: bool) -> bool:
    """Good counts, Uncertain unless the rule holds on it, Bad and not-a-number never."""
    severity = status & SEVERITY_MASK
    if severity and (severity != UNCERTAIN or hold_uncertain):
        return False
    return not isnan(value)


def spoken(value: float, unit: str = "") -> str:
    """A number as a person reads it on a panel: five digits at most, with its unit."""
    digits = f"{value:.5g}"
    return f"{digits} {unit}".rstrip()


class Delay:
    """On- and off-delay of a three-valued verdict. Unknown changes nothing and stops the clock:

    an alarm is raised only for as much time as its condition was seen to hold.
    """

    __slots__ = ("_ran_s", "_state", "due_s", "off_s", "on_s")

    def __init__(self, on_s: float, off_s: float, out: bool = False) -> None:
        self.on_s = on_s
        self.off_s = off_s
        self.due_s = inf
        self._state = Debounced(out)
        self._ran_s: float | None = None

    @property
    def out(self) -> bool:
        return self._state.verdict

    def prime(self, out: bool) -> None:
        self._state, self._ran_s, self.due_s = Debounced(out), None, inf

    def feed(self, verdict: Tri, now_s: float) -> bool:
        state = self._state
        if verdict is Tri.UNKNOWN:
            if state.since_s is not None and self._ran_s is None:
                self._ran_s = now_s - state.since_s
            self.due_s = inf
            return state.verdict
        wanted = verdict is Tri.TRUE
        if wanted == state.verdict and state.since_s is None:
            return wanted
        if self._ran_s is not None:
            if wanted != state.verdict:
                state = Debounced(state.verdict, now_s - self._ran_s)
            self._ran_s = None
        self._state, self.due_s = debounce(wanted, state, now_s, self.on_s, self.off_s)
        return self._state.verdict

    def left_s(self, now_s: float) -> float | None:
        """Seconds until the verdict turns by itself; None when nothing is pending."""
        if self._ran_s is not None:
            total = self.off_s if self._state.verdict else self.on_s
            return max(0.0, total - self._ran_s)
        return None if self.due_s == inf else max(0.0, self.due_s - now_s)
