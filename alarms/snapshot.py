"""The book as JSON-able data and back, so that a start does not have to fold the whole journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from alarms.book import Book, Incident
from alarms.lifecycle import IDLE, Branch, Comment, Facts, Hold

FORMAT: Final = 1
_COVERS: Final = ("shelf", "suppressed", "out_of_service")


def to_data(book: Book) -> dict[str, Any]:
    """Only what differs from an alarm at rest is kept, field by field."""
    return {
        "format": FORMAT,
        "number": book.number,
        "known": list(book.known),
        "facts": {alarm: _facts_data(facts) for alarm, facts in book.facts.items()},
        "active": list(book.active),
        "retained": list(book.retained),
        "suppressions": dict(book.suppressions),
        "incidents": {
            group: {**incident._asdict(), "members": list(incident.members)}
            for group, incident in book.incidents.items()
        },
        "memories": dict(book.memories),
        "flood_since_utc_ns": book.flood_since_utc_ns,
        "grouped": book.grouped,
    }


def _facts_data(facts: Facts) -> dict[str, Any]:
    changed: dict[str, Any] = {
        name: value for name, value, rest in zip(Facts._fields, facts, IDLE, strict=True) if value != rest
    }
    for name in (*_COVERS, "comment"):
        if name in changed:
            changed[name] = changed[name]._asdict()
    if "branches" in changed:
        changed["branches"] = [
            {**branch._asdict(), "events": list(branch.events), "comment": branch.comment._asdict()}
            for branch in facts.branches
        ]
    if "events" in changed:
        changed["events"] = list(facts.events)
    return changed


def of_data(data: Mapping[str, Any]) -> Book:
    """The book as it was. A snapshot of another format is refused: fold the journal instead."""
    if data.get("format") != FORMAT:
        raise ValueError(f"snapshot format {data.get('format')} is not {FORMAT}")
    book = Book()
    book.number = int(data["number"])
    book.known = dict.fromkeys(data["known"])
    book.facts = {alarm: _facts(one) for alarm, one in data["facts"].items()}
    book.active = dict.fromkeys(data["active"])
    book.retained = dict.fromkeys(data["retained"])
    book.suppressions = dict(data["suppressions"])
    book.incidents = {
        group: Incident(**{**one, "members": tuple(one["members"])})
        for group, one in data["incidents"].items()
    }
    book.memories = dict(data["memories"])
    book.flood_since_utc_ns, book.grouped = int(data["flood_since_utc_ns"]), int(data["grouped"])
    return book


def _facts(data: Mapping[str, Any]) -> Facts:
    fields = dict(data)
    for name in _COVERS:
        if name in fields:
            fields[name] = Hold(**fields[name])
    if "comment" in fields:
        fields["comment"] = Comment(**fields["comment"])
    if "branches" in fields:
        fields["branches"] = tuple(_branch(one) for one in fields["branches"])
    if "events" in fields:
        fields["events"] = tuple(fields["events"])
    return Facts(**fields)


def _branch(data: Mapping[str, Any]) -> Branch:
    comment = Comment(**data.get("comment", {}))
    return Branch(**{**data, "events": tuple(data["events"]), "comment": comment})
