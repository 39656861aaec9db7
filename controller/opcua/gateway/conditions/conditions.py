"""The alarms as conditions: a fold of journal events by the alarm engine's own book, and what to tell of it.

`apply` folds one event and returns its notifications: one for the alarm if anything of it changed, one for
each earlier activation (branch) that was made, changed or is over. Nothing is decided here: what is active,
acknowledged or covered is what the core wrote down. After a restart the book comes from the journal's newest
snapshot with every later event folded in, and the last notification of each retained condition is looked up,
so that a refresh repeats it with the event id it had.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua

from alarms.book import Book
from alarms.lifecycle import Branch, Comment, Facts, NotAllowedError
from alarms.model import Alarm
from alarms.records import Kind
from alarms.snapshot import of_data
from controller.opcua.gateway.conditions.identity import (
    TRUNK,
    activation_number,
    belongs,
    core_event,
    event_of,
    number_of,
)
from controller.opcua.gateway.conditions.shapes import Shapes
from controller.opcua.gateway.conditions.snapshot import Form, Said, Standing, retained
from controller.opcua.gateway.event import PlantEvent
from controller.record.chain import Entry

KINDS: Final = frozenset(kind.value for kind in Kind)
SILENT: Final = frozenset({Kind.MEMORY.value})  # of no interest to anybody outside
OF_ALL: Final = frozenset(
    kind.value
    for kind in (
        Kind.SUPPRESSION_BEGAN,
        Kind.SUPPRESSION_ENDED,
        Kind.INCIDENT_CLOSED,
        Kind.FLOOD_BEGAN,
        Kind.FLOOD_ENDED,
        Kind.CONFIGURED,
    )
)
Last = dict[tuple[str, str], Said]  # (alarm, branch or TRUNK) -> its newest notification


class Conditions:
    """All conditions of a plant. forms: by alarm id, those that the gateway's configuration has.

    suppressions: name -> (text, members). notifiers: of an alarm's source, up to the Server.
    refreshing: subscriptions that are being refreshed.
    """

    def __init__(
        self,
        forms: Mapping[str, Form],
        suppressions: Mapping[str, tuple[str, tuple[str, ...]]],
        notifiers: Callable[[Alarm], frozenset[ua.NodeId]],
        condition_node: Callable[[str], ua.NodeId],
        now_ns: Callable[[], int],
        shapes: Shapes | None = None,
        groups: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self.forms = forms
        self._shapes = shapes
        self._groups = groups
        self.book = Book()
        self.seq = 0
        self.odd = 0
        self._suppressions = suppressions
        self._notifiers = notifiers
        self._node = condition_node
        self._now_ns = now_ns
        self.refreshing: set[int] = set()
        self._last: Last = {}
        self._shown: dict[str, tuple[Facts, Said, str, Mapping[str, ua.Variant]]] = {}
        self._suppressors: dict[str, list[str]] = {}
        for name, (_, members) in suppressions.items():
            for member in members:
                self._suppressors.setdefault(member, []).append(name)

    # --- restoring -----------------------------------------------------------------------------

    def fresh(self, snapshot: Mapping[str, Any] | None, seq: int) -> Conditions:
        """Others of the same plant, from a snapshot of the alarm system that has events up to `seq` in it."""
        other = copy(self)
        other.begin(Book() if snapshot is None else of_data(snapshot), seq)
        return other

    def begin(self, book: Book, seq: int) -> None:
        """From this state on; nothing is known of what was told before."""
        self.book, self.seq, self.odd, self._last, self._shown = book, seq, 0, {}, {}

    def become(self, other: Conditions) -> None:
        """What was folded elsewhere is the state from now on."""
        self.book, self.seq, self.odd, self._last = other.book, other.seq, other.odd, other._last

    def succeed(self, other: Conditions) -> None:
        """In its place, with the forms of another version of the plant."""
        self.become(other)
        self.refreshing = other.refreshing

    def fold(self, entry: Entry) -> None:
        """One event of the past: nobody is told."""
        self.seq = max(self.seq, entry.seq)
        if entry.kind not in KINDS:
            return
        self._book_it(entry)
        self.recall(entry)

    def unrecalled(self) -> set[str]:
        """Retained alarms whose last notification is not known: it is older than the snapshot."""
        return {alarm for alarm in self.of_interest() if (alarm, TRUNK) not in self._last}

    def recall(self, entry: Entry) -> None:
        """Takes the event for the alarm's last notification, unless a newer one is known."""
        data = entry.data
        if entry.kind in OF_ALL or entry.kind in SILENT:
            return
        said = _said(entry, bytes.fromhex(data["event"]))
        self._keep(entry.source, TRUNK, said)
        for branch in data.get("branches", ()):
            event = event_of(int(data["n"]), entry.source, branch)
            self._keep(entry.source, branch, said._replace(event=event))

    def _keep(self, alarm: str, whose: str, said: Said) -> None:
        known = self._last.get((alarm, whose))
        if known is None or number_of(known.event) < number_of(said.event):
            self._last[alarm, whose] = said

    def renew(self, certificate: bytes) -> None:
        """What shows the server's own certificate shows this one from now on."""
        for form in self.forms.values():
            form.renew(certificate)
        self._shown.clear()

    # --- one event -----------------------------------------------------------------------------

    def apply(self, entry: Entry) -> list[PlantEvent]:
        """Folds it. An event that was folded before, or is none of the alarm system's, tells nothing."""
        if entry.seq <= self.seq:
            return []
        self.seq = entry.seq
        if entry.kind not in KINDS:
            return []
        concerned = self._concerned(entry)
        before = [(alarm, self.book.of(alarm), self.suppressed_by(alarm)) for alarm in concerned]
        self._book_it(entry)
        told: list[PlantEvent] = []
        for alarm, facts, by in before:
            told += self._turned(entry, alarm, facts, by)
        return told

    def _book_it(self, entry: Entry) -> None:
        try:
            self.book.apply(entry)
        except NotAllowedError:
            self.odd += 1  # a journal whose beginning was lost

    def _concerned(self, entry: Entry) -> list[str]:
        """The alarms of which this event may say something."""
        match entry.kind:
            case Kind.SUPPRESSION_BEGAN | Kind.SUPPRESSION_ENDED:
                _, members = self._suppressions.get(entry.source, ("", ()))
                return [alarm for alarm in members if retained(self.book.of(alarm))]
            case Kind.INCIDENT_CLOSED:
                return [alarm for alarm in entry.data["members"] if alarm in self.forms]
            case Kind.CONFIGURED:
                return [alarm for alarm in entry.data["removed"] if alarm in self.forms]
            case Kind.FLOOD_BEGAN | Kind.FLOOD_ENDED | Kind.MEMORY:
                return []
            case _:
                return [entry.source] if entry.source in self.forms else []

    def _turned(self, entry: Entry, alarm: str, before: Facts, by: str) -> list[PlantEvent]:
        """The notifications of one alarm: earlier activations first, as their end explains the rest."""
        after, number = self.book.of(alarm), int(entry.data["n"])
        told = []
        old = {branch.id: branch for branch in before.branches}
        new = {branch.id: branch for branch in after.branches}
        for branch in (*(old[one] for one in old if one not in new), *after.branches):
            if old.get(branch.id) == new.get(branch.id):
                continue
            event = event_of(number, alarm, branch.id)
            said = _said(entry, event) if branch.id in old else self._made(alarm, event, entry.utc_ns)
            if branch.id in new:
                self._last[alarm, branch.id] = said
                told.append(self._notification(alarm, after, said, branch))
            else:
                self._last.pop((alarm, branch.id), None)
                told.append(self._notification(alarm, after, said, _ended(branch, entry), over=True))
        of_all = entry.kind in OF_ALL
        only_branches = entry.data.get("trunk") is False and retained(before) == retained(after)
        unchanged = of_all and before == after and by == self.suppressed_by(alarm)
        if not only_branches and not unchanged:
            said = _said(entry, event_of(number, alarm) if of_all else bytes.fromhex(entry.data["event"]))
            self._last[alarm, TRUNK] = said
            told.append(self._notification(alarm, after, said))
        return told

    def _notification(
        self, alarm: str, facts: Facts, said: Said, branch: Branch | None = None, *, over: bool = False
    ) -> PlantEvent:
        form = self.forms[alarm]
        standing = Standing(self.suppressed_by(alarm), said.utc_ns, over)
        return PlantEvent(
            form.kind.id,
            form.fields(facts, said, standing, branch),
            self._notifiers(form.alarm),
            self._node(alarm),
        )

    # --- questions -----------------------------------------------------------------------------

    def retained(self) -> list[PlantEvent]:
        """The last notification of every condition and branch that is of interest (Part 9, 5.5.7)."""
        return [event for alarm in self.of_interest() for event in self.told_of(alarm)]

    def told_of(self, alarm: str) -> list[PlantEvent]:
        """The last notification of each branch that waits and of the alarm; nothing when nothing does."""
        facts = self.book.of(alarm)
        if not retained(facts):
            return []
        branches = [
            self._notification(alarm, facts, self._last_of_branch(alarm, branch), branch)
            for branch in facts.branches
        ]
        return [*branches, self._notification(alarm, facts, self.last(alarm))]

    def of_interest(self) -> list[str]:
        """Alarms that a refresh has something of."""
        return [alarm for alarm, facts in self.book.facts.items() if alarm in self.forms and retained(facts)]

    def fields(self, alarm: str) -> Mapping[str, ua.Variant]:
        """What the condition's node shows now: as its last notification, with the time left on its shelf."""
        facts, said, by = self.book.of(alarm), self.last(alarm), self.suppressed_by(alarm)
        shown = self._shown.get(alarm)
        if shown is not None and shown[0] is facts and shown[1:3] == (said, by):
            return shown[3]
        form = self.forms[alarm]
        fields = form.fields(facts, said, Standing(by, self._now_ns()))
        if facts.shelf is None and not form.moves:
            self._shown[alarm] = facts, said, by, fields
        return fields

    def groups(self, alarm: str) -> Sequence[str]:
        """Names of the alarm groups it is in."""
        return self._groups.get(alarm, ())

    @property
    def shapes(self) -> Shapes:
        assert self._shapes is not None, "there is an address space"
        return self._shapes

    def suppressed_by(self, alarm: str) -> str:
        """The operating state that suppresses the alarm by design, in words; '' when none does."""
        standing = [name for name in self._suppressors.get(alarm, ()) if name in self.book.suppressions]
        return ", ".join(self._suppressions[name][0] or name for name in standing)

    def last(self, alarm: str) -> Said:
        """The alarm's last notification; of one that is older than the journal, what the facts tell of it."""
        known = self._last.get((alarm, TRUNK))
        if known is not None:
            return known
        facts = self.book.of(alarm)
        times = (facts.raised_utc_ns, facts.returned_utc_ns, facts.announced_utc_ns)
        newest_ns = max(*times, facts.acknowledged_utc_ns, facts.comment.utc_ns)
        words = self.forms[alarm].alarm.text or alarm
        return Said(bytes.fromhex(facts.events[-1]) if facts.events else b"", newest_ns, words)

    def _last_of_branch(self, alarm: str, branch: Branch) -> Said:
        """Unless it was touched since, a branch was told of when the alarm was raised the next time."""
        known = self._last.get((alarm, branch.id))
        if known is not None:
            return known
        facts = self.book.of(alarm)
        later = [(one.id, one.raised_utc_ns) for one in facts.branches]
        later.append((facts.activation, facts.raised_utc_ns))
        own = activation_number(branch.id)
        made, made_ns = next(one for one in later if activation_number(one[0]) > own)
        event = event_of(activation_number(made), alarm, branch.id)
        return self._made(alarm, event, made_ns)

    def _made(self, alarm: str, event: bytes, utc_ns: int) -> Said:
        words = self.forms[alarm].alarm.text or alarm
        return Said(event, utc_ns, f"{words}: came again, the earlier alarm still waits for somebody")

    def whose(self, alarm: str, event: bytes) -> str | None:
        """TRUNK or the branch that an event id is of; None: unknown, or of an activation that is over."""
        return belongs(event, alarm, self.book.of(alarm), self.book.number)

    def core_event(self, alarm: str, whose: str) -> str:
        """The id by which the core knows that activation."""
        return core_event(self.book.of(alarm), whose)


def _said(entry: Entry, event: bytes) -> Said:
    return Said(event, entry.utc_ns, entry.text, str(entry.data.get("user", "")))


def _ended(branch: Branch, entry: Entry) -> Branch:
    """A branch that is gone: people have dealt with it, or newer ones have pushed it out as it was."""
    if entry.kind not in {Kind.ACKNOWLEDGED, Kind.CONFIRMED}:
        return branch
    reason, user = str(entry.data.get("reason", "")), str(entry.data["user"])
    comment = Comment(user, reason, entry.utc_ns) if reason else branch.comment
    return branch._replace(acknowledged=True, confirmed=True, comment=comment)
