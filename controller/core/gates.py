"""Gates: whether a new value changes anybody's verdict. Most values only move within their band.

An index from tags to the leaves of conditions that read them. Asked at every change, so that an
interlock is looked at only when one of its comparisons turns, or its deadline comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from controller.core.conditions import Leaf, Node
from controller.core.image import Image
from controller.core.logic import Logic


class Gate(NamedTuple):
    """What of one interlock reads one tag. `standing` matters only while it stands tripped."""

    logic: Logic
    causes: tuple[Leaf, ...]
    while_: tuple[Leaf, ...]
    standing: tuple[Leaf, ...]


class Gates:
    """Built once. checks: the proofs of effects by the PLC, by (interlock, effect)."""

    def __init__(self, logics: Sequence[Logic], checks: Mapping[tuple[int, int], Node]) -> None:
        self._gates: dict[int, list[Gate]] = {}
        for logic in logics:
            checked = [node for (interlock, _), node in checks.items() if interlock == logic.rule.index]
            causes, while_ = _by_tag(logic.causes), _by_tag([logic.while_])
            standing = _by_tag([logic.reset, *checked])
            for tag in causes.keys() | while_.keys() | standing.keys():
                parts = (causes.get(tag, ()), while_.get(tag, ()), standing.get(tag, ()))
                self._gates.setdefault(tag, []).append(Gate(logic, *parts))

    def __contains__(self, tag: int) -> bool:
        return tag in self._gates

    def stirred(self, tag: int, image: Image) -> Iterator[int]:
        """The interlocks that have to be looked at since this tag has its present value."""
        for logic, causes, while_, standing in self._gates.get(tag, ()):
            live = logic.live
            if (
                (causes and not live.masked and _any_stirs(causes, image))
                or (while_ and _any_stirs(while_, image))
                or (standing and live.stands and _any_stirs(standing, image))
            ):
                yield logic.rule.index


def _any_stirs(leaves: tuple[Leaf, ...], image: Image) -> bool:
    for leaf in leaves:  # noqa: SIM110  a generator would cost more than what it asks
        if leaf.stirs(image):
            return True
    return False


def _by_tag(nodes: Iterable[Node | None]) -> dict[int, tuple[Leaf, ...]]:
    found: dict[int, tuple[Leaf, ...]] = {}
    for node in nodes:
        for leaf in () if node is None else node.leaves():
            found[leaf.tag] = (*found.get(leaf.tag, ()), leaf)
    return found
