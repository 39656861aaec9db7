"""What an answer of the database means, and what to do next. Pure.

| answer | means | then |
|---|---|---|
| 2xx | stored | on |
| none (refused, reset, timeout), 429, 5xx | not now | the same again, for ever, after a pause |
| 400, 413, 422 | something in it is wrong | halves; a single bad line is parked |
| 400 'beyond retention policy' | too old to be kept there | on, counted |
| anything else (401, 403, 404, 3xx) | not for us | hold: the same again each 15 s, and tell |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Final

PAUSE_FIRST_S: Final = 0.25
PAUSE_LONGEST_S: Final = 30.0
RETRY_AFTER_LONGEST_S: Final = 300.0
HOLD_S: Final = 15.0
EXPIRED: Final = ("beyond retention policy", "outside retention policy")


class Verdict(Enum):
    STORED = "stored"
    EXPIRED = "expired"
    AGAIN = "again"
    SPLIT = "split"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Answer:
    """status 0: there was none. retry_after_s: what the server asked for."""

    status: int
    text: str = ""
    retry_after_s: float | None = None

    def __str__(self) -> str:
        shown = " ".join(self.text.split())[:300]
        return f"HTTP {self.status}: {shown}" if self.status else shown


def verdict(answer: Answer) -> Verdict:
    status = answer.status
    if 200 <= status < 300:
        return Verdict.STORED
    if status in {0, 429} or status >= 500:
        return Verdict.AGAIN
    if status in {400, 413, 422}:
        old = any(words in answer.text for words in EXPIRED)
        return Verdict.EXPIRED if old and status != 413 else Verdict.SPLIT
    return Verdict.HOLD


def pause_s(attempt: int, retry_after_s: float | None, share: float) -> float:
    """Before the next try. attempt: 1 after the first; share: 0 to 1 at random: not all come at once."""
    if retry_after_s is not None:
        return min(max(retry_after_s, PAUSE_FIRST_S), RETRY_AFTER_LONGEST_S)
    doubled = PAUSE_FIRST_S * 2.0 ** min(attempt - 1, 20)
    return min(doubled, PAUSE_LONGEST_S) * (0.5 + share / 2)


def retry_after_s(header: str | None, now_s: float) -> float | None:
    """Of a Retry-After header (seconds, or a date): wall seconds from now; None when it says nothing."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - now_s)
    except ValueError:
        return None


def halves(lines: Sequence[str]) -> list[Sequence[str]]:
    """A refused batch in two, the older first; only for more than one line."""
    middle = len(lines) // 2
    return [lines[:middle], lines[middle:]]
