"""StatusCodes by the names that the core gives its refusals (Part 9, 5.13, and Part 4, 7.39)."""

from __future__ import annotations

from typing import Final

from asyncua import ua

OTHERWISE: Final = int(ua.StatusCodes.BadInvalidState)


def code_named(name: str) -> int:
    """The StatusCode of this name; BadInvalidState for a refusal that has none: it is not the time for it."""
    code = getattr(ua.StatusCodes, name, None) if name.startswith("Bad") else None
    return int(code) if isinstance(code, int) else OTHERWISE
