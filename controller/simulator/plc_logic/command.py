"""Command nodes and the heartbeat, as the PLC sees them (docs/reference/plc-contract.md).

The service writes word, epoch and sequence in one request; the PLC acts when the sequence changes and
answers with result and, last, echo. All times here are wall seconds.
"""

from __future__ import annotations

from typing import Final

NONE, ACCEPTED, REFUSED_INTERLOCK, REFUSED_MODE, BUSY, REFUSED_EPOCH, UNKNOWN_WORD = range(7)
STALE_AFTER_S: Final = 30.0
GOOD_FOR_S: Final = 10.0
BEAT_GAP_S: Final = 5.0


class Watchdog:
    """Remote mode hangs on the service's counter; a lower epoch than the owner's is not heard."""

    __slots__ = ("_counter", "_good_s", "_still_s", "counter", "epoch", "remote", "stale", "written_epoch")

    def __init__(self) -> None:
        self.remote = True
        self.stale = False
        self.counter = 0
        self.epoch = 0
        self.written_epoch = 0
        self._counter = 0
        self._still_s = 0.0
        self._good_s = 0.0

    def step(self, wall_s: float) -> None:
        """See whether the counter has moved since the last scan."""
        self.epoch = max(self.epoch, self.written_epoch)
        moved = self.counter != self._counter and self.written_epoch >= self.epoch
        self._counter = self.counter
        self._still_s = 0.0 if moved else self._still_s + wall_s
        if self._still_s >= STALE_AFTER_S - 1e-9:
            self.stale, self.remote, self._good_s = True, False, 0.0
        elif self.stale:
            self._good_s = self._good_s + wall_s if self._still_s <= BEAT_GAP_S else 0.0
            if self._good_s >= GOOD_FOR_S:
                self.stale, self.remote = False, True


class CommandPort:
    """The five nodes of one command. toggle: every new sequence flips the machine, whatever the word."""

    __slots__ = ("_seen", "echo", "epoch", "name", "result", "sequence", "toggle", "word", "words")

    def __init__(self, name: str, words: dict[int, str], *, toggle: bool = False) -> None:
        self.name = name
        self.words = words
        self.toggle = toggle
        self.word = 0
        self.sequence = 0
        self.epoch = 0
        self.echo = 0
        self.result = NONE
        self._seen = 0

    def poll(self, watchdog: Watchdog) -> str | None:
        """A new word that the machine has to judge, or None (nothing new, or refused here already)."""
        if self.sequence in (self._seen, 0):
            return None
        self._seen = self.sequence
        word = self.words.get(self.word)
        if self.epoch < watchdog.epoch:
            self.answer(REFUSED_EPOCH)
        elif not watchdog.remote:
            self.answer(REFUSED_MODE)
        elif word is None:
            self.answer(UNKNOWN_WORD)
        else:
            return "toggle" if self.toggle else word
        return None

    def answer(self, result: int) -> None:
        self.result = result
        self.echo = self._seen
