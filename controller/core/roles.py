"""The ladder of roles: each may what those below may."""

from __future__ import annotations

from typing import Final

LADDER: Final = ("viewer", "operator", "engineer", "supervisor", "admin")


def at_least(role: str, lowest: str) -> bool:
    """Whether `role` stands on the rung `lowest` or above; an unknown role stands nowhere."""
    return role in LADDER and LADDER.index(role) >= LADDER.index(lowest.lower())
