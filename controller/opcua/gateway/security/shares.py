"""Fair shares: who makes room when what there is for all is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

Held = TypeVar("Held")


def to_go(candidates: Iterable[Held], origin: Callable[[Held], str]) -> Held | None:
    """Who makes room: of the origin that has the most candidates the first; None without any.

    So a flood from one address pushes out its own, however fast it comes.
    """
    held = list(candidates)
    if not held:
        return None
    counts = Counter(origin(one) for one in held)
    greediest = max(counts, key=counts.__getitem__)
    return next(one for one in held if origin(one) == greediest)
