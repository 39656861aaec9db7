"""Good but dead: values that have not been reported, or have not moved, for too long become Bad.

`stale_after_s` counts since the last report (keep-alives are none), `frozen_after_s` since the last
different value of a noisy instrument; both in wall seconds, and only while the PLC is alive: a lost
link has already spoken for all its tags.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

import numpy as np
from numpy.typing import NDArray

from alarms.signal import BAD, BAD_NO_DATA, BAD_SENSOR_FAILURE
from controller.core.clock import Now
from controller.core.effects import Values
from controller.core.image import Image, Tags
from controller.core.liveness import Liveness
from controller.core.step import Decisions
from controller.core.wording import span
from controller.plant.plant import Plant


class Quality:
    """The clocks of all tags that have one. They are read only when the soonest could have run out."""

    def __init__(self, plant: Plant, image: Image, liveness: Liveness, decisions: Decisions) -> None:
        self.plant = plant
        self.image = image
        self.liveness = liveness
        self.decisions = decisions
        stale = [tag.index for tag in plant.tags if tag.stale_after_s is not None]
        frozen = [tag.index for tag in plant.tags if tag.frozen_after_s is not None]
        self.stale: Tags = np.array(stale, np.int32)
        self.frozen: Tags = np.array(frozen, np.int32)
        self._stale_s = np.array([plant.tags[tag].stale_after_s for tag in stale], np.float64)
        self._frozen_s = np.array([plant.tags[tag].frozen_after_s for tag in frozen], np.float64)
        self._shortest_s = float(np.min(np.r_[self._stale_s, self._frozen_s], initial=inf))
        self.told: set[int] = set()
        self.due_s = -inf

    def look(self, now: Now) -> Iterator[Values]:
        """Marks what has run out. Reports only push deadlines back, and a value that turned Good since
        the last look has at least the shortest time, so the deadline kept here is never too late."""
        if now.mono_s < self.due_s:
            return
        soonest_s = inf
        for tags, limits_s, since_s, code in (
            (self.stale, self._stale_s, self.image.receive_s, BAD_NO_DATA),
            (self.frozen, self._frozen_s, self.image.changed_s, BAD_SENSOR_FAILURE),
        ):
            if len(tags):
                over, next_s = self._over(tags, limits_s, since_s, now)
                soonest_s = min(soonest_s, next_s)
                if len(over):
                    yield from self._mark(over, code, now)
        self.due_s = min(soonest_s, now.mono_s + self._shortest_s)

    def _over(
        self, tags: Tags, limits_s: NDArray[np.float64], since_s: NDArray[np.float64], now: Now
    ) -> tuple[Tags, float]:
        alive = np.array([self.liveness.is_alive(plc) for plc in range(len(self.plant.plcs))], np.bool_)
        watched = alive[self.image.plc[tags]] & (self.image.status[tags] & BAD == 0)
        due_s = np.where(watched, since_s[tags] + limits_s, inf)
        over = due_s <= now.mono_s
        return tags[over], float(np.min(due_s[~over], initial=inf))

    def _mark(self, tags: Tags, code: int, now: Now) -> Iterator[Values]:
        for tag in (self.plant.tags[index] for index in tags.tolist()):
            self.told.add(tag.index)
            if code == BAD_NO_DATA:
                assert tag.stale_after_s is not None
                text = f"{tag.name}: no report for {span(tag.stale_after_s)}"
                self.decisions.say("quality.stale", tag.name, text, {"after_s": tag.stale_after_s})
            else:
                assert tag.frozen_after_s is not None
                text = f"{tag.name}: has not moved for {span(tag.frozen_after_s)} though it should"
                self.decisions.say("quality.frozen", tag.name, text, {"after_s": tag.frozen_after_s})
        if code == BAD_SENSOR_FAILURE:
            self.image.still[tags] = True
        for plc in sorted(set(self.image.plc[tags].tolist())):
            yield self.image.mark(tags[self.image.plc[tags] == plc], code, now, plc)

    def came_back(self, changed: list[int]) -> None:
        """Tells of tags that were marked and are not Bad any more."""
        for index in changed:
            if index in self.told and not self.image.status.item(index) & BAD:
                self.told.discard(index)
                name = self.plant.tags[index].name
                self.decisions.say("quality.restored", name, f"{name}: reports again", {})
