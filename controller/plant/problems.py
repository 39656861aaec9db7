"""What is wrong with a configuration, and where; everything is collected before anything is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from controller.plant.document import Place


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding. line and column count from 1; the message names tag or interlock, and the fix."""

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


@dataclass(slots=True)
class Problems:
    """All findings of one load: errors make the plant unusable, warnings do not."""

    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def error(self, place: Place, message: str, *, key: bool = False) -> None:
        """key: point at the key rather than at its value."""
        self.errors.append(place.problem(message, key=key))

    def warn(self, place: Place, message: str, *, key: bool = False) -> None:
        self.warnings.append(place.problem(message, key=key))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """'; did you mean X?' when something is close, else nothing."""
    close = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
