"""When Python's cycle collector runs in the core: in quiet moments, not in the middle of a storm.

Left alone it walks the young objects after every 700 that were made: in a storm of 5,000 alarms that is
20 ms of one processor, in whatever step comes just then, a trip's as well. Hardly anything in the core
needs it: nearly all dies by its reference count.
"""

from __future__ import annotations

import gc
from types import TracebackType
from typing import Final, Self

QUIET_S: Final = 0.005  # nothing is due for so long
YOUNG: Final = range(2_000, 20_000)  # objects; fewer are not worth a look, more would take over 5 ms
YOUNG_EVERY_S: Final = 30.0
YOUNG_MAX: Final = 500_000  # about 50 MB: not even a storm may pile up more
OLD_EVERY_S: Final = 600.0


class Sweep:
    """What exists when it begins is never walked again: the plant does not die."""

    def __init__(self) -> None:
        self._young_s = self._old_s = 0.0

    def __enter__(self) -> Self:
        gc.collect()
        gc.freeze()
        gc.disable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        gc.enable()
        gc.unfreeze()

    def look(self, wait_s: float, mono_s: float) -> None:
        """After a step. wait_s: seconds until something is due, 0 when work waits."""
        young = gc.get_count()[0]
        if young > YOUNG_MAX:
            gc.collect(0)
        elif wait_s >= QUIET_S and young in YOUNG and mono_s >= self._young_s:
            old = mono_s >= self._old_s
            gc.collect(2 if old else 0)
            self._young_s = mono_s + YOUNG_EVERY_S
            self._old_s = mono_s + OLD_EVERY_S if old else self._old_s
