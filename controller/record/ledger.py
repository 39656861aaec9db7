"""The gap ledger: for each tag and day, how much of the time it was recorded, and why not the rest. Pure.

A tag is covered while the service runs, its PLC is alive (judged by a moving counter), no notification
was missed, no queue ran over and the disk took everything. What interrupts that is a gap with a reason;
nothing else is one: a value that stood still was recorded by not having changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controller.core.durable import Recorded
from controller.plant.plant import Plant
from controller.plant.tags import Derived, NodeSource

ALL: Final = -1  # as a PLC: all of them
KINDS: Final = (
    *("service.started", "service.stopped", "link.lost", "link.restored", "link.gap", "link.overflow"),
    *("record.overflow", "retention.unconfirmed_dropped"),
)
STILL: Final = "counter has stood still"
SECOND_NS: Final = 1_000_000_000
NOTICED_S: Final = 5.0  # with alive_after: a lost link is noticed within that, however quiet its tags were


@dataclass(frozen=True, slots=True)
class Gap:
    """Not recorded in [from, to). plc: index, ALL for the service's. tag: index, None for all of the PLC."""

    plc: int
    from_ns: int
    to_ns: int
    reason: str
    text: str
    tag: int | None = None
    open: bool = False  # it lasts; to_ns is now


@dataclass(frozen=True, slots=True)
class Coverage:
    """One tag in a span. completeness: percent of the span."""

    covered_s: float
    gap_s: float
    gaps: int
    longest_s: float

    @property
    def completeness(self) -> float:
        whole_s = self.covered_s + self.gap_s
        return 100.0 * self.covered_s / whole_s if whole_s else 100.0


LastSeen = Callable[[int, int], int]
"""(PLC or ALL, before) -> when something of it was last received before then, in ns; `before` if unknown."""


class _Fold:
    """Walks through the events; a PLC that is not alive has an open gap."""

    def __init__(self, plant: Plant, last_seen: LastSeen) -> None:
        self._plant, self._last_seen = plant, last_seen
        self._plcs = {plc.name: plc.index for plc in plant.plcs}
        self._open: dict[int, Gap] = {}
        self._runs = False
        self.began_ns: int | None = None  # before its first start nothing was to be recorded
        self.found: list[Gap] = []

    def take(self, event: Recorded) -> None:
        match event.kind:
            case "service.started":
                self._started(event)
            case "service.stopped":
                self._stop(event.utc_ns, "stopped")
            case "link.lost":
                self._lost(event)
            case "link.restored":
                self._close(self._plcs.get(event.source), event.utc_ns)
            case "link.gap" | "link.overflow":
                self._missed(event)
            case "record.overflow" | "retention.unconfirmed_dropped":
                self._dropped(event)

    def end(self, now_ns: int) -> list[Gap]:
        """All gaps; those that last reach to now."""
        lasting = [_ended(gap, max(gap.from_ns, now_ns), lasts=True) for gap in self._open.values()]
        return sorted([*self.found, *lasting], key=lambda gap: (gap.from_ns, gap.plc))

    def _started(self, event: Recorded) -> None:
        if self.began_ns is None:
            self.began_ns = event.utc_ns
        elif self._runs:
            self._stop(
                min(event.utc_ns, self._last_seen(ALL, event.utc_ns)), "was killed, or the machine stopped"
            )
        for plc in self._plcs.values():
            text = "the service had just started; the PLC's first values were not there yet"
            self._open.setdefault(plc, Gap(plc, event.utc_ns, event.utc_ns, "service stopped", text))
        self._runs = True

    def _stop(self, at_ns: int, how: str) -> None:
        for plc in self._plcs.values():
            self._close(plc, at_ns)
            self._open[plc] = Gap(plc, at_ns, at_ns, "service stopped", f"the service {how}")
        self._runs = False

    def _lost(self, event: Recorded) -> None:
        plc = self._plcs.get(event.source)
        if plc is None:
            return
        why = str(event.data.get("reason", ""))
        self._close(plc, event.utc_ns)
        patience_ns = int((self._plant.plcs[plc].alive_after_s + NOTICED_S) * 1e9)
        since_ns = min(event.utc_ns, max(self._last_seen(plc, event.utc_ns), event.utc_ns - patience_ns))
        before = [gap.to_ns for gap in self.found if gap.plc == plc]
        since_ns = max([since_ns, *before[-1:]])  # what ended in another gap was not seen either
        reason = "PLC stopped" if STILL in why else "link down"
        self._open[plc] = Gap(plc, since_ns, since_ns, reason, why or "the link was lost")

    def _missed(self, event: Recorded) -> None:
        plc = self._plcs.get(event.source)
        if plc is None:
            return
        back_ns = int(self._plant.plcs[plc].normal_ms * 1e6) + SECOND_NS
        named = event.data.get("tag")
        tag = self._plant.index.get(named) if named else None
        reason = "queue overflow" if event.kind == "link.overflow" else "sequence gap"
        text = str(getattr(event, "text", "")) or reason
        self.found.append(Gap(plc, event.utc_ns - back_ns, event.utc_ns, reason, text, tag))

    def _dropped(self, event: Recorded) -> None:
        rows = event.data.get("rows", 0)
        if rows:
            text = f"{rows} rows were dropped: {getattr(event, 'text', '')}"
            span = int(event.data["from_ns"]), int(event.data["to_ns"]) + SECOND_NS
            self.found += [Gap(plc, *span, "disk limit", text) for plc in self._plcs.values()]

    def _close(self, plc: int | None, at_ns: int) -> None:
        gap = self._open.pop(plc, None) if plc is not None else None
        if gap is not None and at_ns > gap.from_ns:
            self.found.append(_ended(gap, at_ns))


def _ended(gap: Gap, to_ns: int, *, lasts: bool = False) -> Gap:
    return Gap(gap.plc, gap.from_ns, to_ns, gap.reason, gap.text, gap.tag, lasts)


def gaps(
    plant: Plant, events: Iterable[Recorded], now_ns: int, last_seen: LastSeen
) -> tuple[int | None, list[Gap]]:
    """(when the record began, all gaps since), of all events of KINDS since the journal's beginning."""
    fold = _Fold(plant, last_seen)
    for event in events:
        fold.take(event)
    return fold.began_ns, fold.end(now_ns)


def within(found: Iterable[Gap], from_ns: int, to_ns: int) -> list[Gap]:
    """The gaps that touch [from, to), cut to it."""
    return [
        Gap(
            gap.plc, max(gap.from_ns, from_ns), min(gap.to_ns, to_ns), gap.reason, gap.text, gap.tag, gap.open
        )
        for gap in found
        if gap.from_ns < to_ns and gap.to_ns > from_ns
    ]


def coverage(plant: Plant, found: Sequence[Gap], from_ns: int, to_ns: int) -> list[Coverage]:
    """By tag index, over [from, to). Gaps of one tag that overlap or touch count as one."""
    cut = within(found, from_ns, to_ns)
    by_plc: dict[int, list[Gap]] = {}
    by_tag: dict[int, list[Gap]] = {}
    for gap in cut:
        into = by_plc.setdefault(gap.plc, []) if gap.tag is None else by_tag.setdefault(gap.tag, [])
        into.append(gap)
    sources = plcs_by_tag(plant)
    known: dict[frozenset[int], Coverage] = {}
    result: list[Coverage] = []
    for tag in plant.tags:
        own = by_tag.get(tag.index, [])
        plcs = sources[tag.index]
        if not own and plcs in known:
            result.append(known[plcs])
            continue
        mine = [*own, *(gap for plc in (*plcs, ALL) for gap in by_plc.get(plc, []))]
        one = _coverage(mine, from_ns, to_ns)
        if not own:
            known[plcs] = one
        result.append(one)
    return result


def _coverage(mine: Sequence[Gap], from_ns: int, to_ns: int) -> Coverage:
    lengths = [last - first for first, last in _merged((gap.from_ns, gap.to_ns) for gap in mine)]
    lost_ns = sum(lengths)
    whole_ns = max(0, to_ns - from_ns)
    return Coverage((whole_ns - lost_ns) / 1e9, lost_ns / 1e9, len(lengths), max(lengths, default=0) / 1e9)


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start: int | None = None
    end = 0
    for first, last in sorted(spans):
        if start is None or first > end:
            if start is not None:
                yield start, end
            start, end = first, last
        end = max(end, last)
    if start is not None:
        yield start, end


def plcs_by_tag(plant: Plant) -> Mapping[int, frozenset[int]]:
    """Tag -> the PLCs it depends on; a computed tag is covered while all of its inputs are."""
    found: dict[int, frozenset[int]] = {}

    def of(index: int) -> frozenset[int]:
        if index not in found:
            source = plant.tags[index].source
            if isinstance(source, NodeSource):
                found[index] = frozenset((source.plc,))
            else:
                assert isinstance(source, Derived), "what has no node is computed"
                found[index] = frozenset(plc for tag in source.inputs for plc in of(tag))
        return found[index]

    for tag in plant.tags:
        of(tag.index)
    return found
