"""Nodes the server refuses: named once, tried again at growing intervals, and named when they are back."""

from __future__ import annotations

from dataclasses import dataclass

from controller.opcua.link.timing import Timing

_FORGIVEN_AFTER_S = 60.0  # a node that was well for this long starts again with the shortest interval


@dataclass(slots=True)
class _Trial:
    delay_s: float
    due_mono_s: float
    well_since_mono_s: float | None = None  # accepted again; None while refused


class BadNodes:
    """Which handles are bad and when each is due. Time is an argument."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._trials: dict[int, _Trial] = {}
        self.recovering: set[int] = set()  # accepted again, but no value has come yet

    def __contains__(self, handle: int) -> bool:
        trial = self._trials.get(handle)
        return trial is not None and trial.well_since_mono_s is None

    def count(self) -> int:
        return sum(trial.well_since_mono_s is None for trial in self._trials.values())

    def refused(self, handle: int, now_s: float) -> bool:
        """True when this is news: the node was not known to be bad."""
        trial = self._trials.get(handle)
        self_recovering = handle in self.recovering
        self.recovering.discard(handle)
        if trial is None:
            self._trials[handle] = _Trial(self._timing.retry_first_s, now_s + self._timing.retry_first_s)
            return True
        well_since = trial.well_since_mono_s
        if well_since is not None and now_s - well_since > _FORGIVEN_AFTER_S:
            trial.delay_s = self._timing.retry_first_s
        else:
            trial.delay_s = min(2 * trial.delay_s, self._timing.retry_cap_s)
        trial.due_mono_s = now_s + trial.delay_s
        trial.well_since_mono_s = None
        return well_since is not None and not self_recovering

    def accepted(self, handle: int, now_s: float) -> None:
        """Good again, as far as creating an item goes."""
        self._trials[handle].well_since_mono_s = now_s
        self.recovering.add(handle)

    def hurry(self, now_s: float) -> None:
        """Some node is back: whatever else is bad is worth an early try."""
        for trial in self._trials.values():
            if trial.well_since_mono_s is None:
                trial.due_mono_s = min(trial.due_mono_s, now_s + self._timing.retry_first_s)

    def due(self, now_s: float) -> list[int]:
        return [
            handle
            for handle, trial in self._trials.items()
            if trial.well_since_mono_s is None and trial.due_mono_s <= now_s
        ]
