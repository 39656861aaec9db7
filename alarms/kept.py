"""What nobody is told of at once: alarms kept for a digest, and those nobody has to be told of, by reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from alarms.incidents import Entry, entry_data, entry_of
from alarms.messages import Note
from alarms.rota import SECOND_NS

DIGEST_MAX: Final = 500
NAMED_MAX: Final = 20
REASONS_MAX: Final = 30
NOT_TOLD_EVERY_NS: Final = 60 * SECOND_NS


@dataclass(slots=True)
class Digest:
    """What a route kept in quiet times. due_ns: when it leaves. beyond: alarms for which there is no room."""

    due_ns: int
    entries: dict[str, Entry] = field(default_factory=dict)
    beyond: int = 0

    def add(self, entry: Entry) -> None:
        """A copy: its incident may be forgotten before the digest leaves."""
        if entry.alarm in self.entries or len(self.entries) < DIGEST_MAX:
            self.entries[entry.alarm] = replace(entry, data=dict(entry.data))
        else:
            self.beyond += 1

    @property
    def count(self) -> int:
        return len(self.entries) + self.beyond


class NotTold:
    """Alarms that nobody was told of, counted by reason; one note a minute, so that a storm is no flood."""

    def __init__(self) -> None:
        self.due_ns: int | None = None
        self._reasons: dict[str, tuple[int, tuple[str, ...]]] = {}

    def add(self, reason: str, alarms: list[str], now_ns: int) -> None:
        if not alarms:
            return
        if reason not in self._reasons and len(self._reasons) >= REASONS_MAX:
            reason = "for other reasons"
        count, named = self._reasons.get(reason, (0, ()))
        self._reasons[reason] = (count + len(alarms), (*named, *alarms)[:NAMED_MAX])
        self.due_ns = self.due_ns or now_ns + NOT_TOLD_EVERY_NS

    def notes(self) -> Iterator[Note]:
        for reason, (count, named) in self._reasons.items():
            text = f"{count} alarm{'s' if count > 1 else ''} not told: {reason}"
            yield Note("notify.not_told", "notify", text, {"count": count, "alarms": list(named)})
        self.due_ns, self._reasons = None, {}

    def shift(self, by_ns: int) -> None:
        self.due_ns = None if self.due_ns is None else self.due_ns + by_ns

    def dump(self) -> dict[str, Any]:
        reasons = {reason: [count, list(named)] for reason, (count, named) in self._reasons.items()}
        return {"due_ns": self.due_ns, "reasons": reasons}

    def load(self, data: dict[str, Any]) -> None:
        self.due_ns = data["due_ns"]
        self._reasons = {reason: (one[0], tuple(one[1])) for reason, one in data["reasons"].items()}


def digest_data(digest: Digest) -> dict[str, Any]:
    entries = [entry_data(entry) for entry in digest.entries.values()]
    return {"due_ns": digest.due_ns, "entries": entries, "beyond": digest.beyond}


def digest_of(data: dict[str, Any]) -> Digest:
    entries = [entry_of(one) for one in data["entries"]]
    return Digest(data["due_ns"], {entry.alarm: entry for entry in entries}, data["beyond"])
