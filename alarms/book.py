"""The durable state of all alarms: a fold of their records, keyed by id, blind to the configuration.

`apply` is the only thing that changes it, live and at a restore, so that both end in the same state.
It reads kind, source, data and utc_ns of a record and never looks at rules: old journals fold under
a new configuration, and nothing is cleared because a text was edited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from alarms.lifecycle import IDLE, Branch, Comment, Event, Facts, Hold, advance, facts_after
from alarms.records import Kind, Recorded

BRANCHES_MAX: Final = 8  # an alarm that comes and goes unacknowledged keeps its newest branches
EVENTS_MAX: Final = 20  # event ids of one activation that may still be acknowledged


class Incident(NamedTuple):
    """A first-out and what followed from it. stage, priority: the most upstream, the most urgent so far."""

    id: str
    first: str
    stage: int
    priority: int
    last_plant_s: float
    opened_utc_ns: int
    members: tuple[str, ...]


class Book:
    """facts: by alarm id. active, retained: ids in the order they became so. incidents: by group."""

    def __init__(self) -> None:
        self.number = 0
        self.facts: dict[str, Facts] = {}
        self.active: dict[str, None] = {}
        self.retained: dict[str, None] = {}
        self.known: dict[str, None] = {}
        self.suppressions: dict[str, int] = {}
        self.incidents: dict[str, Incident] = {}
        self.memories: dict[str, dict[str, Any]] = {}
        self.flood_since_utc_ns = 0
        self.grouped = 0

    def of(self, alarm: str) -> Facts:
        return self.facts.get(alarm, IDLE)

    def apply(self, record: Recorded) -> None:
        fold = FOLDS.get(record.kind)
        if fold is None:
            return
        self.number = max(self.number, int(record.data["n"]))
        fold(self, record)

    def restore(self, records: Iterable[Recorded]) -> None:
        for record in records:
            self.apply(record)

    def put(self, alarm: str, facts: Facts) -> None:
        self.facts[alarm] = facts
        if facts.active:
            self.active.setdefault(alarm)
        else:
            self.active.pop(alarm, None)
        if facts.retained:
            self.retained.setdefault(alarm)
        else:
            self.retained.pop(alarm, None)

    def forget(self, alarm: str) -> None:
        for kept in (self.facts, self.active, self.retained, self.known, self.memories):
            kept.pop(alarm, None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Book) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


# --- the folds -------------------------------------------------------------------------------


def _raised(book: Book, record: Recorded) -> None:
    facts, data = book.of(record.source), record.data
    branches = facts.branches
    if not (facts.acknowledged and facts.confirmed):
        branches = (*branches, _branch(facts))[-BRANCHES_MAX:]
    event = Event.TAKEN_OVER if data.get("taken_over") else Event.RAISED
    active, acknowledged, latched = facts_after(facts, event)
    book.put(
        record.source,
        facts._replace(
            active=active,
            acknowledged=acknowledged,
            latched=latched,
            confirmed=True,
            silenced=False,
            presented=not data.get("hidden", False),
            activation=data["event"],
            incident=data.get("incident", ""),
            consequence=data.get("consequence", False),
            value=data.get("value"),
            quality=data.get("quality", 0),
            raised_utc_ns=record.utc_ns,
            returned_utc_ns=0,
            announced_utc_ns=record.utc_ns if "announce" in data else 0,
            acknowledged_utc_ns=0,
            acknowledged_by="",
            events=(data["event"],),
            branches=branches,
        ),
    )
    if "group" in data:
        _join(book, record)
    if data.get("withheld") == "flood":
        book.grouped += 1


def _branch(facts: Facts) -> Branch:
    return Branch(
        facts.activation,
        facts.raised_utc_ns,
        facts.returned_utc_ns,
        facts.acknowledged,
        facts.confirmed,
        facts.events,
        facts.comment,
    )


def _join(book: Book, record: Recorded) -> None:
    data, group = record.data, record.data["group"]
    stage, priority, now_s = int(data["stage"]), int(data["priority"]), record.plant_s
    before = book.incidents.get(group)
    if before is None or before.id != data["incident"]:
        book.incidents[group] = Incident(
            data["incident"], record.source, stage, priority, now_s, record.utc_ns, (record.source,)
        )
        return
    members = before.members if record.source in before.members else (*before.members, record.source)
    told = priority if not data.get("consequence") else before.priority
    book.incidents[group] = before._replace(
        stage=min(stage, before.stage),
        priority=min(told, before.priority),
        last_plant_s=now_s,
        members=members,
    )


def _returned(book: Book, record: Recorded) -> None:
    facts = book.of(record.source)
    active, acknowledged, latched = facts_after(facts, Event(record.data["how"]))
    book.put(
        record.source,
        facts._replace(
            active=active,
            acknowledged=acknowledged,
            latched=latched,
            silenced=False,
            consequence=False,
            incident=facts.incident if latched or not acknowledged else "",
            returned_utc_ns=record.utc_ns,
            events=_noted(facts, record),
        ),
    )


def _noted(facts: Facts, record: Recorded) -> tuple[str, ...]:
    return (*facts.events, record.data["event"])[-EVENTS_MAX:]


def _acknowledged(book: Book, record: Recorded) -> None:
    facts, data = book.of(record.source), record.data
    confirmed = not data.get("confirm", False)
    if data["trunk"]:
        facts = advance(facts, Event.ACKNOWLEDGED)._replace(
            confirmed=confirmed,
            acknowledged_utc_ns=record.utc_ns,
            acknowledged_by=data["user"],
            events=_noted(facts, record),
        )
        facts = facts if facts.standing else facts._replace(incident="")
    named = set(data["branches"])
    branches = tuple(
        _remarked(one, record)._replace(acknowledged=True, confirmed=confirmed) if one.id in named else one
        for one in facts.branches
    )
    book.put(record.source, _commented(facts._replace(branches=_open(branches)), record))


def _confirmed(book: Book, record: Recorded) -> None:
    facts, data = book.of(record.source), record.data
    if data["trunk"]:
        facts = facts._replace(confirmed=True, events=_noted(facts, record))
    named = set(data["branches"])
    branches = tuple(
        _remarked(one, record)._replace(confirmed=True) if one.id in named else one for one in facts.branches
    )
    book.put(record.source, _commented(facts._replace(branches=_open(branches)), record))


def _open(branches: tuple[Branch, ...]) -> tuple[Branch, ...]:
    return tuple(one for one in branches if not (one.acknowledged and one.confirmed))


def _commented(facts: Facts, record: Recorded) -> Facts:
    """What was said of the present activation; of an earlier one alone it is said there."""
    text = record.data.get("reason", "") if record.data.get("trunk", True) else ""
    return facts._replace(comment=Comment(record.data["user"], text, record.utc_ns)) if text else facts


def _remarked(branch: Branch, record: Recorded) -> Branch:
    """An earlier activation with what somebody said of it."""
    text = record.data.get("reason", "")
    comment = Comment(record.data["user"], text, record.utc_ns)
    return branch._replace(comment=comment) if text else branch


def _comment(book: Book, record: Recorded) -> None:
    facts, named = book.of(record.source), record.data.get("branches", ())
    branches = tuple(_remarked(one, record) if one.id in named else one for one in facts.branches)
    facts = facts._replace(branches=branches)
    if record.data.get("trunk", True):
        facts = _commented(facts, record)._replace(events=_noted(facts, record))
    book.put(record.source, facts)


def _reset(book: Book, record: Recorded) -> None:
    facts = advance(book.of(record.source), Event.RESET)
    book.put(record.source, _commented(facts._replace(incident=""), record))


def _silenced(book: Book, record: Recorded) -> None:
    book.put(record.source, book.of(record.source)._replace(silenced=True))


def _announced(book: Book, record: Recorded) -> None:
    facts = book.of(record.source)
    if record.data.get("rearm"):
        facts = advance(facts, Event.REARMED)._replace(confirmed=True)
    book.put(
        record.source,
        facts._replace(
            silenced=False,
            presented=True,
            announced_utc_ns=record.utc_ns if "announce" in record.data else facts.announced_utc_ns,
            events=_noted(facts, record),
        ),
    )
    if record.data.get("withheld") == "flood":
        book.grouped += 1


def _hold(record: Recorded) -> Hold:
    data = record.data
    since = int(data.get("since_utc_ns", record.utc_ns))
    return Hold(data["user"], data["reason"], since, int(data["until_utc_ns"]), data.get("kind", "timed"))


def _shelved(book: Book, record: Recorded) -> None:
    book.put(record.source, book.of(record.source)._replace(shelf=_hold(record)))


def _uncovered(facts: Facts) -> Facts:
    """Nobody has been shown what stands beneath a cover that a person laid: it counts as new."""
    return facts._replace(presented=False) if facts.standing else facts


def _unshelved(book: Book, record: Recorded) -> None:
    book.put(record.source, _uncovered(book.of(record.source)._replace(shelf=None)))


def _suppressed(book: Book, record: Recorded) -> None:
    book.put(record.source, book.of(record.source)._replace(suppressed=_hold(record)))


def _unsuppressed(book: Book, record: Recorded) -> None:
    book.put(record.source, _uncovered(book.of(record.source)._replace(suppressed=None)))


def _out_of_service(book: Book, record: Recorded) -> None:
    book.put(record.source, book.of(record.source)._replace(out_of_service=_hold(record)))


def _in_service(book: Book, record: Recorded) -> None:
    book.put(record.source, _uncovered(book.of(record.source)._replace(out_of_service=None)))


def _quality(book: Book, record: Recorded) -> None:
    facts = book.of(record.source)
    book.put(record.source, facts._replace(quality=int(record.data["quality"]), events=_noted(facts, record)))


def _memory(book: Book, record: Recorded) -> None:
    book.memories[record.source] = record.data["memory"]


def _suppression_began(book: Book, record: Recorded) -> None:
    book.suppressions[record.source] = record.utc_ns


def _suppression_ended(book: Book, record: Recorded) -> None:
    book.suppressions.pop(record.source, None)


def _incident_closed(book: Book, record: Recorded) -> None:
    closed = book.incidents.pop(record.source, None)
    for alarm in closed.members if closed else ():
        facts = book.of(alarm)
        if facts.incident == record.data["incident"]:
            book.put(alarm, facts._replace(consequence=False, incident=""))


def _flood_began(book: Book, record: Recorded) -> None:
    book.flood_since_utc_ns, book.grouped = record.utc_ns, 0


def _flood_ended(book: Book, _: Recorded) -> None:
    book.flood_since_utc_ns, book.grouped = 0, 0


def _configured(book: Book, record: Recorded) -> None:
    for alarm in record.data["removed"]:
        book.forget(alarm)
    for alarm in record.data["added"]:
        book.known.setdefault(alarm)


FOLDS: Final[dict[str, Callable[[Book, Recorded], None]]] = {
    Kind.RAISED: _raised,
    Kind.RETURNED: _returned,
    Kind.ANNOUNCED: _announced,
    Kind.ACKNOWLEDGED: _acknowledged,
    Kind.CONFIRMED: _confirmed,
    Kind.COMMENTED: _comment,
    Kind.RESET: _reset,
    Kind.SILENCED: _silenced,
    Kind.SHELVED: _shelved,
    Kind.UNSHELVED: _unshelved,
    Kind.SUPPRESSED: _suppressed,
    Kind.UNSUPPRESSED: _unsuppressed,
    Kind.OUT_OF_SERVICE: _out_of_service,
    Kind.IN_SERVICE: _in_service,
    Kind.QUALITY: _quality,
    Kind.MEMORY: _memory,
    Kind.SUPPRESSION_BEGAN: _suppression_began,
    Kind.SUPPRESSION_ENDED: _suppression_ended,
    Kind.INCIDENT_CLOSED: _incident_closed,
    Kind.FLOOD_BEGAN: _flood_began,
    Kind.FLOOD_ENDED: _flood_ended,
    Kind.CONFIGURED: _configured,
}
