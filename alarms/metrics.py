"""How the alarm system itself is doing: rates, floods, bad actors, times to acknowledge, what was hidden.

In: records of the alarm system, from the journal, and a period. Out: numbers. Targets are named
settings, each with where it comes from; averages hide floods, so both are counted.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles
from typing import Final, NamedTuple

from alarms.records import Kind, Recorded

SECOND_NS: Final = 1_000_000_000
DAY_NS: Final = 86_400 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Target:
    """A figure to compare with. `most`: at most this (otherwise about this)."""

    what: str
    value: float
    unit: str
    source: str
    most: bool = True


_RATE = "IEC 62682 / ISA-18.2, clause 16 (monitoring)"
TARGETS: Final[Mapping[str, Target]] = {
    "per_day": Target(
        "announced alarms per day", 144, "1/d", "IEC 62682:2014, clause 16: very likely acceptable"
    ),
    "per_10_min": Target("announced alarms per 10 min, average", 1, "1/10 min", "EEMUA 191; " + _RATE),
    "flood_begins": Target("more alarms in 10 min than this are a flood", 10, "1/10 min", _RATE),
    "flood_ends": Target("alarms in 10 min below which it is over", 5, "1/10 min", _RATE),
    "flood_share": Target("share of the time in flood", 0.01, "", _RATE + ": about 1 %"),
    "chatter_times": Target("raises within a minute that are chattering", 3, "1/min", _RATE),
    "fleeting_s": Target("shorter than a person can act", 60, "s", "our setting; the standards give none"),
    "stale_h": Target("standing longer than this is stale", 24, "h", _RATE),
    "stale": Target("stale alarms at a time", 5, "", _RATE + ": less than 5"),
    "top_ten_share": Target("share of the ten most frequent", 0.05, "", _RATE + ": 1 to 5 %"),
    "priority_1": Target("share of priority 1", 0.05, "", _RATE + ": about 5 %", most=False),
    "priority_2": Target("share of priority 2", 0.15, "", _RATE + ": about 15 %", most=False),
    "priority_3": Target("share of priority 3", 0.80, "", _RATE + ": about 80 %", most=False),
    "acknowledge_1_s": Target("priority 1 acknowledged within, median", 300, "s", "our setting"),
    "acknowledge_2_s": Target("priority 2 acknowledged within, median", 1800, "s", "our setting"),
}


@dataclass(slots=True)
class Activation:
    """One time that an alarm was active. withheld: why it was not announced, '' when it was.

    hidden: it was covered (shelf, suppression, out of service), not merely unannounced.
    """

    alarm: str
    priority: int
    raised_ns: int
    withheld: str = ""
    hidden: bool = False
    returned_ns: int | None = None
    acknowledged_ns: int | None = None

    def lasted_s(self, to_ns: int) -> float:
        return ((to_ns if self.returned_ns is None else self.returned_ns) - self.raised_ns) / SECOND_NS


class Flood(NamedTuple):
    start_ns: int
    end_ns: int
    peak: int
    alarms: int

    @property
    def length_s(self) -> float:
        return (self.end_ns - self.start_ns) / SECOND_NS


@dataclass(slots=True)
class Report:
    """The figures of one period. per_day, per_10_min: announced alarms, one number per slot."""

    from_ns: int
    to_ns: int
    raised: int
    announced: int
    per_day: list[int]
    per_10_min: list[int]
    floods: list[Flood]
    chattering: dict[str, int]
    fleeting: dict[str, int]
    stale: dict[str, float]
    top: list[tuple[str, int]]
    mix: dict[int, float]
    acknowledge_s: dict[int, tuple[float, float]]
    never_acknowledged: int
    shelved_s: dict[str, float]
    suppressed: dict[str, int]
    targets: Mapping[str, Target] = field(default_factory=lambda: TARGETS)

    @property
    def flood_share(self) -> float:
        return sum(flood.length_s for flood in self.floods) * SECOND_NS / max(1, self.to_ns - self.from_ns)

    @property
    def top_ten_share(self) -> float:
        return sum(count for _, count in self.top[:10]) / self.announced if self.announced else 0.0


def activations(records: Iterable[Recorded]) -> list[Activation]:
    """Raises with their returns and acknowledgements, in the order of the raises."""
    found: list[Activation] = []
    standing: dict[str, Activation] = {}
    waiting: dict[str, list[Activation]] = {}
    for record in records:
        data = record.data
        if record.kind == Kind.RAISED:
            one = Activation(
                record.source,
                int(data["priority"]),
                record.utc_ns,
                str(data.get("withheld", "")),
                bool(data.get("hidden", False)),
            )
            found.append(one)
            standing[record.source] = one
            waiting.setdefault(record.source, []).append(one)
        elif record.kind == Kind.RETURNED and record.source in standing:
            standing.pop(record.source).returned_ns = record.utc_ns
        elif record.kind == Kind.ACKNOWLEDGED:
            for one in waiting.pop(record.source, []):
                one.acknowledged_ns = record.utc_ns
    return found


def floods(times_ns: Sequence[int], targets: Mapping[str, Target] = TARGETS) -> list[Flood]:
    """More than flood_begins within ten minutes, until fewer than flood_ends are."""
    begins, ends = targets["flood_begins"].value, targets["flood_ends"].value
    width_ns = 600 * SECOND_NS
    window: deque[int] = deque()
    found: list[Flood] = []
    start_ns: int | None = None
    peak = count = 0
    for time_ns in [*times_ns, 1 << 62]:
        while window and window[0] + width_ns <= time_ns:
            left_ns = window.popleft() + width_ns
            if start_ns is not None and len(window) < ends:
                found.append(Flood(start_ns, left_ns, peak, count))
                start_ns = None
        window.append(time_ns)
        if start_ns is not None:
            peak, count = max(peak, len(window)), count + 1
        elif len(window) > begins:
            start_ns, peak, count = window[0], len(window), len(window)
    return found


def measure(
    records: Sequence[Recorded], from_ns: int, to_ns: int, targets: Mapping[str, Target] = TARGETS
) -> Report:
    """All figures of the period. records may begin earlier, so that what stood then is known."""
    everything = activations(records)
    inside = [one for one in everything if from_ns <= one.raised_ns < to_ns]
    announced = [one for one in inside if not one.withheld]
    ended = [one for one in announced if one.returned_ns is not None]
    times = [one.raised_ns for one in announced]
    raised = Counter(one.alarm for one in announced)
    stale_ns = round(targets["stale_h"].value * 3600) * SECOND_NS
    fleeting_s = targets["fleeting_s"].value
    return Report(
        from_ns=from_ns,
        to_ns=to_ns,
        raised=len(inside),
        announced=len(announced),
        per_day=slots(times, from_ns, to_ns, DAY_NS),
        per_10_min=slots(times, from_ns, to_ns, 600 * SECOND_NS),
        floods=floods(times, targets),
        chattering=_chattering(inside, targets["chatter_times"].value),
        fleeting=dict(Counter(one.alarm for one in ended if one.lasted_s(to_ns) < fleeting_s)),
        stale={
            one.alarm: one.lasted_s(to_ns) / 3600
            for one in everything
            if one.raised_ns < to_ns - stale_ns
            and (one.returned_ns is None or one.returned_ns > max(from_ns, one.raised_ns + stale_ns))
        },
        top=raised.most_common(),
        mix={priority: _share(announced, priority) for priority in (1, 2, 3)},
        acknowledge_s={priority: _acknowledge_s(announced, priority) for priority in (1, 2, 3)},
        never_acknowledged=sum(one.acknowledged_ns is None for one in announced),
        shelved_s=shelved_s(records, from_ns, to_ns),
        suppressed=dict(Counter(one.alarm for one in inside if one.hidden)),
        targets=targets,
    )


def slots(times_ns: Sequence[int], from_ns: int, to_ns: int, width_ns: int) -> list[int]:
    """How many fall into each slot of the period; the last may be cut short."""
    counts = [0] * max(1, -(-(to_ns - from_ns) // width_ns))
    for time_ns in times_ns:
        if from_ns <= time_ns < to_ns:
            counts[(time_ns - from_ns) // width_ns] += 1
    return counts


def _share(announced: Sequence[Activation], priority: int) -> float:
    return sum(one.priority == priority for one in announced) / len(announced) if announced else 0.0


def _chattering(inside: Sequence[Activation], times: float) -> dict[str, int]:
    """How many raises of an alarm came as the third or later within a minute."""
    recent: dict[str, deque[int]] = {}
    found: Counter[str] = Counter()
    for one in inside:
        window = recent.setdefault(one.alarm, deque())
        window.append(one.raised_ns)
        while window[0] + 60 * SECOND_NS < one.raised_ns:
            window.popleft()
        if len(window) >= times:
            found[one.alarm] += 1
    return dict(found)


def _acknowledge_s(announced: Sequence[Activation], priority: int) -> tuple[float, float]:
    """Median and 90th percentile of the seconds until somebody acknowledged; NaN when nobody did."""
    waits = [
        (one.acknowledged_ns - one.raised_ns) / SECOND_NS
        for one in announced
        if one.priority == priority and one.acknowledged_ns is not None
    ]
    if len(waits) < 2:
        return (waits[0], waits[0]) if waits else (float("nan"), float("nan"))
    return median(waits), quantiles(waits, n=10)[-1]


def shelved_s(records: Iterable[Recorded], from_ns: int, to_ns: int) -> dict[str, float]:
    """Seconds of the period that each alarm spent on a shelf."""
    since: dict[str, int] = {}
    spent: dict[str, float] = {}
    for record in records:
        if record.kind == Kind.SHELVED:
            since.setdefault(record.source, record.utc_ns)
        elif record.kind == Kind.UNSHELVED and record.source in since:
            _spend(spent, record.source, since.pop(record.source), record.utc_ns, from_ns, to_ns)
    for alarm, start_ns in since.items():
        _spend(spent, alarm, start_ns, to_ns, from_ns, to_ns)
    return spent


def _spend(spent: dict[str, float], alarm: str, start_ns: int, end_ns: int, from_ns: int, to_ns: int) -> None:
    inside_ns = min(end_ns, to_ns) - max(start_ns, from_ns)
    if inside_ns > 0:
        spent[alarm] = spent.get(alarm, 0.0) + inside_ns / SECOND_NS
