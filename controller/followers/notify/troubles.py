"""Which addresses do not deliver, and what the core is told of it: one state for all, for one alarm.

A passing failure counts when it has lasted 10 s, a refusal at once; what changes is told again at most
each minute. It is over when a message is delivered there, or, with nothing waiting, when its server
answers again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final

LASTS_S: Final = 10.0
AGAIN_S: Final = 60.0
NAMED_MAX: Final = 5


@dataclass(slots=True)
class Trouble:
    """Of one address, or of 'heartbeat' or 'test'. since_s: of the steady clock, when it began."""

    reason: str
    refused: bool
    since_s: float = 0.0


class Troubles:
    """kept: what `dump` gave before a restart; only addresses in `known` are taken from it."""

    def __init__(self, kept: str = "", known: Collection[str] = ()) -> None:
        self._of: dict[str, Trouble] = {}
        self._told = ""
        self._told_s = -AGAIN_S
        if kept:
            found = json.loads(kept)
            self._of = {name: Trouble(**one) for name, one in found["of"].items() if name in known}
            self._told = found["told"]
            for one in self._of.values():
                one.since_s = time.monotonic() - LASTS_S

    def dump(self) -> str:
        return json.dumps({"of": {name: asdict(one) for name, one in self._of.items()}, "told": self._told})

    def failing(self, name: str, reason: str, *, refused: bool) -> None:
        known = self._of.get(name)
        since_s = known.since_s if known else time.monotonic()
        self._of[name] = Trouble(reason, refused, since_s)

    def fine(self, name: str) -> None:
        self._of.pop(name, None)

    @property
    def passing(self) -> list[str]:
        """Addresses whose trouble is not a refusal."""
        return [name for name, one in self._of.items() if not one.refused]

    def standing(self, besides: str = "") -> bool:
        """Whether anything has been amiss for a while, leaving out one name."""
        return any(name != besides for name in self._counted())

    def to_tell(self) -> tuple[str, str, dict[str, Any]] | None:
        """(kind, text, data) of a record when the core does not know yet how it is; None when it does."""
        counted = self._counted()
        now_s = time.monotonic()
        if _who(counted) == self._told:  # what servers say differs from one attempt to the next
            return None
        if counted and self._told and now_s - self._told_s < AGAIN_S:
            return None
        if not counted:
            return "follower.restored", "notification delivers by every way again", {"down_s": None}
        said = _sentence(counted)
        kind = "follower.refused" if all(one.refused for one in counted.values()) else "follower.down"
        text = f"not everybody can be told: {said}. What is undelivered goes by another way, or waits"
        return kind, text, {"status": 0, "reason": said, "addresses": sorted(counted)}

    def told(self) -> None:
        """What `to_tell` gave is on its way to the core."""
        self._told, self._told_s = _who(self._counted()), time.monotonic()

    def _counted(self) -> dict[str, Trouble]:
        now_s = time.monotonic()
        return {name: one for name, one in self._of.items() if one.refused or now_s - one.since_s >= LASTS_S}


def _who(troubles: dict[str, Trouble]) -> str:
    return ", ".join(
        f"{name} {'refused' if one.refused else 'down'}" for name, one in sorted(troubles.items())
    )


def _sentence(troubles: dict[str, Trouble]) -> str:
    """'a.mail, b.mail: REASON; c.chat: REASON': addresses with one reason are named together."""
    groups: dict[str, list[str]] = {}
    for name, one in sorted(troubles.items()):
        groups.setdefault(one.reason, []).append(name)
    return "; ".join(f"{_names(names)}: {reason}" for reason, names in groups.items())


def _names(names: list[str]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
