"""What leaves for whom, and what waits: one message per person and `every_s`, the rest in one summary.

A draft names whom to tell and why; its alarms are looked up when it leaves, so that a message held back
for a minute tells how things are then, and nothing is told twice. The first message by which somebody
hears of a priority 1 in an incident is never held back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from heapq import nsmallest
from typing import Any, Final

from alarms.incidents import Entry, Incident, Run, items_of
from alarms.messages import CALLS, ITEMS_MAX, Effect, Item, Message, Note, Send, Why
from alarms.outgoing import Outgoing
from alarms.rota import SECOND_NS
from alarms.routes import Recipient, Routes

WAITING_MAX: Final = 20  # undelivered messages of one person; what comes beyond waits for the summary
_STRONGEST: Final = (*CALLS, Why.SUMMARY, Why.DIGEST, Why.TROUBLE, Why.RETURNED, Why.ANSWERED)


@dataclass(slots=True)
class Draft:
    """Something to tell somebody. whole: all alarms of the route, not only those not told yet.

    messages: how many it has swallowed. items, count, priority: given, when they do not come from an
    incident.
    """

    why: Why
    because: str
    addresses: tuple[str, ...]
    incident: str = ""
    route: str = ""
    whole: bool = False
    messages: int = 1
    items: tuple[Item, ...] = ()
    count: int = 0
    priority: int = 3

    @property
    def key(self) -> str:
        """Drafts of one key become one."""
        return f"{self.incident}/{self.route}" if self.incident else f"{self.why}/{self.because}"

    def swallow(self, other: Draft) -> None:
        """Becomes both; the stronger reason stands."""
        if _STRONGEST.index(other.why) < _STRONGEST.index(self.why):
            self.why, self.because = other.why, other.because
        self.addresses = tuple(dict.fromkeys((*self.addresses, *other.addresses)))
        self.whole = self.whole or other.whole
        self.messages += other.messages


@dataclass(slots=True)
class Box:
    """last_ns: when the last message left that counts, None never. drafts: by key."""

    last_ns: int | None = None
    drafts: dict[str, Draft] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """The alarms of one message: the worst, how many there are, the worst priority.

    news: one of them has not been told before.
    """

    items: tuple[Item, ...]
    count: int
    priority: int
    news: bool = True


class Post:
    def __init__(self, routes: Routes, incidents: Mapping[str, Incident]) -> None:
        self._routes = routes
        self._people = {one.name: one for one in routes.recipients}
        self._incidents = incidents
        self.boxes: dict[str, Box] = {}
        self.outgoing = Outgoing(routes)

    # --- in ------------------------------------------------------------------------------------------

    def offer(self, name: str, draft: Draft, now_ns: int) -> list[Effect]:
        """Sends it now, or holds it back."""
        box = self.boxes.setdefault(name, Box())
        held = box.drafts.get(draft.key)
        is_open = self._open(name, box, now_ns)
        if is_open or self._urgent(name, draft):
            if held is not None:
                del box.drafts[draft.key]
                draft.swallow(held)
            return self._leave(name, box, [draft], now_ns, counts=is_open)
        if held is None:
            box.drafts[draft.key] = draft
        else:
            held.swallow(draft)
        return []

    def flush(self, now_ns: int) -> list[Effect]:
        """What was held back and may leave now."""
        effects: list[Effect] = []
        for name, box in self.boxes.items():
            if box.drafts and self._open(name, box, now_ns):
                drafts, box.drafts = list(box.drafts.values()), {}
                effects += self._leave(name, box, drafts, now_ns, counts=True)
        return effects

    def knows(self, name: str) -> bool:
        return name in self._people

    def due_ns(self) -> int | None:
        """When the next box opens that holds something; None also while its messages do not get away."""
        times = [
            self._opens_ns(name, box)
            for name, box in self.boxes.items()
            if box.drafts and self.outgoing.waiting(name) < WAITING_MAX
        ]
        return min(times, default=None)

    def drop(self, incident: str, route: str) -> list[str]:
        """Forgets what was held back of an incident's route; who will not hear of it."""
        key = f"{incident}/{route}"
        return [name for name, box in self.boxes.items() if box.drafts.pop(key, None) is not None]

    def holds(self, incident: str) -> bool:
        """Whether something of the incident is still to leave, or has left and not arrived."""
        return self.outgoing.has(incident) or any(
            draft.incident == incident for box in self.boxes.values() for draft in box.drafts.values()
        )

    def _opens_ns(self, name: str, box: Box) -> int:
        every_ns = round(self._people[name].every_s * SECOND_NS)
        return 1 if box.last_ns is None else box.last_ns + every_ns

    def _open(self, name: str, box: Box, now_ns: int) -> bool:
        return self._opens_ns(name, box) <= now_ns and self.outgoing.waiting(name) < WAITING_MAX

    def _urgent(self, name: str, draft: Draft) -> bool:
        """The first that somebody hears of a priority 1 in an incident."""
        incident = self._incidents.get(draft.incident)
        if incident is None or draft.why not in CALLS or incident.told.get(name, 9) <= 1:
            return False
        run = incident.runs.get(draft.route)
        return run is not None and bool(run.urgent)

    # --- out -----------------------------------------------------------------------------------------

    def _leave(self, name: str, box: Box, drafts: list[Draft], now_ns: int, *, counts: bool) -> list[Effect]:
        filled = [(draft, self._fill(name, draft, now_ns)) for draft in drafts]
        parts = [(draft, content) for draft, content in filled if content is not None]
        if not parts:
            return []
        if counts:
            box.last_ns = now_ns
        person = self._people[name]
        message = (
            self._single(person, *parts[0], now_ns) if len(parts) == 1 else _summary(person, parts, now_ns)
        )
        first = any(self._urgent(name, draft) for draft, _ in parts)
        effects: list[Effect] = []
        for address in dict.fromkeys(address for draft, _ in parts for address in draft.addresses):
            effects += self.outgoing.send(self._to(message, address), parts[0][0].route, first=first)
        for draft, content in parts:
            self._told(name, draft, content, now_ns)
        return [*effects, _noted(message, effects)]

    def _to(self, message: Message, address: str) -> dict[str, Any]:
        """The fields of a message that differ from address to address."""
        incident = self._incidents.get(message.incident)
        opens = incident is not None and address not in incident.opened
        if incident is not None:
            incident.opened[address] = None
        fields = {field: getattr(message, field) for field in Message.__dataclass_fields__}
        return {**fields, "address": address, "opens": opens}

    def _single(self, person: Recipient, draft: Draft, content: Content, now_ns: int) -> Message:
        why, incident = draft.why, self._incidents.get(draft.incident)
        before = None if incident is None else incident.told.get(person.name)
        if why in CALLS and why is not Why.ESCALATED:
            if before is None:
                why = Why.FIRST
            elif content.priority < before:
                why = Why.WORSE
            elif why is not Why.AGAIN:
                why = Why.MORE if content.news else Why.AGAIN
        return Message(
            "",
            person.name,
            "",
            why,
            draft.incident,
            False,
            content.priority,
            now_ns,
            content.items,
            content.count,
            draft.messages - 1,
            draft.because,
        )

    def _fill(self, name: str, draft: Draft, now_ns: int) -> Content | None:
        """The alarms of a draft as they are now; None when there is nothing to tell any more."""
        if draft.items or not draft.incident:
            return Content(draft.items, draft.count, draft.priority)
        incident = self._incidents.get(draft.incident)
        run = None if incident is None else incident.runs.get(draft.route)
        if incident is None or run is None:
            return None
        entries = incident.of_route(draft.route)
        seen = run.seen(name)
        if draft.why not in CALLS:
            return _content([one for one in entries if one.n <= seen], seen)
        if not run.calls or not (draft.whole or _news(entries, run, seen, now_ns)):
            return None
        whole = draft.whole or not seen
        listed = [
            one for one in entries if one.n > seen or (whole and (one.standing or one.alarm in run.calls))
        ]
        return _content(listed, seen)

    def _told(self, name: str, draft: Draft, content: Content, now_ns: int) -> None:
        incident = self._incidents.get(draft.incident)
        if incident is None or draft.why not in CALLS:
            return
        run = incident.runs[draft.route]
        run.told[name], run.untold = [incident.n, now_ns], {}
        run.owes_return = True
        incident.told[name] = min(incident.told.get(name, 9), content.priority)
        incident.last_ns = max(incident.last_ns, now_ns)

    # --- to data and back ------------------------------------------------------------------------------

    def shift(self, by_ns: int) -> None:
        """The clock has been set back."""
        for box in self.boxes.values():
            box.last_ns = None if box.last_ns is None else box.last_ns + by_ns
        self.outgoing.shift(by_ns)

    def dump(self) -> dict[str, Any]:
        boxes = {
            name: {
                "last_ns": box.last_ns,
                "drafts": [_draft_data(draft) for draft in box.drafts.values()],
            }
            for name, box in self.boxes.items()
        }
        return {"boxes": boxes, "outgoing": self.outgoing.dump()}

    def load(self, data: dict[str, Any]) -> list[Effect]:
        """What belonged to people who are gone is dropped, with a note."""
        effects = self.outgoing.load(data["outgoing"])
        for name, box in data["boxes"].items():
            drafts = [_draft_of(one) for one in box["drafts"]]
            person = self._people.get(name)
            if person is None:
                if drafts:
                    text = (
                        f"{name} is not in routes.yaml any more: {len(drafts)} messages held back are dropped"
                    )
                    effects.append(Note("notify.dropped", name, text, {"messages": len(drafts)}))
                continue
            known = {address.id for address in person.addresses}
            for draft in drafts:
                draft.addresses = tuple(one for one in draft.addresses if one in known) or tuple(
                    address.id for address in person.addresses[:1]
                )
            self.boxes[name] = Box(box["last_ns"], {draft.key: draft for draft in drafts})
        return effects


def _news(entries: Iterable[Entry], run: Run, seen: int, now_ns: int) -> bool:
    """Whether something that calls has not been told and its delay is over."""
    return any(one.n > seen and one.due_ns <= now_ns and one.alarm in run.calls for one in entries)


def _content(entries: list[Entry], seen: int) -> Content | None:
    if not entries:
        return None
    news = any(one.n > seen and not one.again for one in entries)
    return Content(items_of(entries), len(entries), min(one.priority for one in entries), news)


def _summary(person: Recipient, parts: list[tuple[Draft, Content]], now_ns: int) -> Message:
    """Several in one; it stands in a thread when all belong to it."""
    threads = {draft.incident for draft, _ in parts}
    items = nsmallest(
        ITEMS_MAX,
        (item for _, content in parts for item in content.items),
        key=lambda one: (one.priority, not one.first_out, one.raised_ns),
    )
    spoken = [draft.because for draft, _ in parts if not draft.incident]
    messages = sum(draft.messages for draft, _ in parts)
    because = f"{messages} messages held back (one in {person.every_s:g} s)"
    return Message(
        "",
        person.name,
        "",
        Why.SUMMARY,
        threads.pop() if len(threads) == 1 else "",
        False,
        min(content.priority for _, content in parts),
        now_ns,
        tuple(items),
        sum(content.count for _, content in parts),
        messages,
        "; ".join([because, *spoken]),
    )


def _noted(message: Message, effects: Iterable[Effect]) -> Note:
    data = {
        "why": message.why.value,
        "messages": [effect.message.id for effect in effects if isinstance(effect, Send)],
        "incident": message.incident,
        "count": message.count,
        "held_back": message.held_back,
        "alarms": [item.alarm for item in message.items[:5]],
    }
    return Note("notify.told", message.recipient, f"{message.why}: {message.because}", data)


def _draft_data(draft: Draft) -> dict[str, Any]:
    data = {name: getattr(draft, name) for name in Draft.__dataclass_fields__}
    items = [asdict(item) for item in draft.items]
    return {**data, "why": draft.why.value, "addresses": list(draft.addresses), "items": items}


def _draft_of(data: dict[str, Any]) -> Draft:
    items = tuple(Item(**item) for item in data["items"])
    return Draft(**{**data, "why": Why(data["why"]), "addresses": tuple(data["addresses"]), "items": items})
