"""`make bench`: each figure beside a peer's in the same run, as a ratio. Never a test or threshold.

A module of this folder has `run(quick: bool) -> Table`. `make bench ARGS=--quick` takes a minute,
`ARGS="ingest journal"` runs only those.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Row:
    """ours and peer in `unit`; ratio as it should be read (larger is better for us)."""

    what: str
    ours: float
    peer: float | None
    unit: str
    ratio: float | None
    target: str = ""


@dataclass(slots=True)
class Table:
    """load: what was asked of both, in words."""

    title: str
    peer: str
    load: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, what: str, ours: float, peer: float | None, unit: str, *, better: str = "more", target: str = ""
    ) -> None:
        """better: 'more' or 'less' is better; the ratio is turned so that over 1 we are ahead."""
        ratio = None if not peer or not ours else ours / peer if better == "more" else peer / ours
        self.rows.append(Row(what, ours, peer, unit, ratio, target))
