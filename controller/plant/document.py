"""One YAML file as plain data with the position of every value in it; `parse` reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from controller.plant.problems import Problem

Path = tuple[str | int, ...]


@dataclass(slots=True)
class Document:
    """file: as shown to people; name: within the plant's folder. Positions count from 1.

    places: of a value (of its key, when the value is a block of its own); keys: of the key.
    """

    file: str
    name: str
    root: Any = None
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    keys: dict[Path, tuple[int, int]] = field(default_factory=dict)

    @property
    def top(self) -> Place:
        return Place(self, ())


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a document: `place / "alarms" / "HH" / "limit"`. It need not exist."""

    document: Document
    path: Path

    def __truediv__(self, step: str | int) -> Place:
        return Place(self.document, (*self.path, step))

    @property
    def line(self) -> tuple[str, int]:
        """File within the plant's folder, and line."""
        return self.document.name, self.position()[0]

    @property
    def value(self) -> Any:
        """The plain data here, None where there is nothing."""
        here = self.document.root
        for step in self.path:
            if isinstance(here, dict):
                here = here.get(step)
            elif isinstance(here, list) and isinstance(step, int) and step < len(here):
                here = here[step]
            else:
                return None
        return here

    def position(self, *, key: bool = False) -> tuple[int, int]:
        """Line and column of the value (or key) here, else of the nearest thing around it."""
        if key and self.path in self.document.keys:
            return self.document.keys[self.path]
        path = self.path
        while path and path not in self.document.places:
            path = path[:-1]
        return self.document.places.get(path, (1, 1))

    def subject(self) -> str:
        """The name people know this by: 'LT-201.HH', 'S-01, cause LT-201<10', 'C-301.CMD start'."""
        parts: list[str] = []
        here: Any = self.document.root
        for depth, step in enumerate(self.path):
            here = Place(self.document, self.path[: depth + 1]).value
            if not isinstance(here, dict):
                continue
            if depth and self.path[depth - 1] == "alarms" and parts:
                parts[-1] += f".{step}"
            elif isinstance(here.get("name"), str) and isinstance(step, int):
                parts.append(here["name"])
            elif isinstance(here.get("id"), str) and isinstance(step, int):
                parts.append(f"cause {here['id']}")
        return ", ".join(parts)

    def problem(self, message: str, *, key: bool = False) -> Problem:
        subject = self.subject()
        line, column = self.position(key=key)
        return Problem(self.document.file, line, column, f"{subject}: {message}" if subject else message)
