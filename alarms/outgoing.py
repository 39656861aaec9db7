"""Messages that have been given away and have not arrived: the next address, and telling of a broken way.

A way that fails for good (the server refuses the address) or for longer than `undeliverable_after_s` is
passed over for the person's next address; those in `trouble` are told of it once, by another way, and
again only after it has worked meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from alarms.messages import CALLS, Effect, Message, Note, Send, Why, Withdraw, message_data, message_of
from alarms.rota import SECOND_NS
from alarms.routes import Address, Recipient, Routes, Way

TROUBLE_EVERY_NS: Final = 3600 * SECOND_NS  # a way that comes and goes is told of at most so often


@dataclass(slots=True)
class Out:
    """A message under way. first: it must arrive, whatever is answered meanwhile (priority 1).

    tried: addresses that have failed. failing_ns: since when it fails, None not yet. fell: the next
    address has been taken. stands_for: the message that it repeats by another way, '' none.
    """

    message: Message
    route: str
    first: bool = False
    tried: tuple[str, ...] = ()
    failing_ns: int | None = None
    fell: bool = False
    stands_for: str = ""


@dataclass(slots=True)
class Trouble:
    """standing: it does not deliver now. told_ns: when people were told last, None never."""

    standing: bool
    since_ns: int
    told_ns: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Broken:
    """A way has begun to fail: those in `trouble` are to be told. key: the way, or one address."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nobody answers at any address of a person."""

    out: Out


class Outgoing:
    def __init__(self, routes: Routes) -> None:
        self._routes = routes
        self._people = {one.name: one for one in routes.recipients}
        self._addresses = {one.id: one for person in routes.recipients for one in person.addresses}
        self._out: dict[str, Out] = {}
        self._waiting: dict[str, int] = {}
        self._number = 0
        self.troubles: dict[str, Trouble] = {}

    # --- leaving ---------------------------------------------------------------------------------------

    def send(
        self,
        fields: dict[str, Any],
        route: str = "",
        *,
        first: bool = False,
        tried: tuple[str, ...] = (),
        stands_for: str = "",
    ) -> list[Effect]:
        """fields: those of a message without its id."""
        self._number += 1
        thread = fields["incident"] or f"{fields['why']}-{fields['at_ns'] // 1_000_000:x}"
        message = Message(**{**fields, "id": f"{thread}.{fields['address']}.{self._number}"})
        self._put(Out(message, route, first, tried, stands_for=stands_for))
        return [Send(message)]

    def _put(self, out: Out) -> None:
        self._out[out.message.id] = out
        name = out.message.recipient
        self._waiting[name] = self._waiting.get(name, 0) + 1

    def _take(self, message: str) -> Out | None:
        out = self._out.pop(message, None)
        if out is not None:
            name = out.message.recipient
            self._waiting[name] -= 1
            if not self._waiting[name]:
                del self._waiting[name]
        return out

    def waiting(self, name: str) -> int:
        """How many messages of a person have not arrived."""
        return self._waiting.get(name, 0)

    def has(self, incident: str) -> bool:
        return any(out.message.incident == incident for out in self._out.values())

    def calling(self, incident: str, address: str) -> bool:
        """Whether a message that asks for an answer is still under way to an address."""
        return any(
            out.message.incident == incident and out.message.address == address and out.message.why in CALLS
            for out in self._out.values()
        )

    def withdraw(self, incident: str, route: str) -> list[Message]:
        """What asks for an answer that has been given; the first of a priority 1 goes all the same."""
        late = [
            out.message
            for out in self._out.values()
            if (out.message.incident, out.route) == (incident, route)
            and out.message.why in CALLS
            and not out.first
        ]
        for message in late:
            self._take(message.id)
        return late

    # --- what became of them ----------------------------------------------------------------------------

    def delivered(self, message: str, now_ns: int) -> list[Effect]:
        out = self._take(message)
        if out is None:
            return []
        effects: list[Effect] = []
        address = self._addresses.get(out.message.address)
        for key in (out.message.address, "" if address is None else address.way.value):
            trouble = self.troubles.get(key)
            if trouble is not None and trouble.standing:
                trouble.standing = False
                down_s = round((now_ns - trouble.since_ns) / SECOND_NS)
                text = f"{key} delivers again after {down_s} s"
                effects.append(Note("notify.recovered", key, text, {"down_s": down_s}))
        before = self._out.get(out.stands_for)
        if before is not None and not before.first:
            self._take(out.stands_for)
            effects.append(Withdraw(out.stands_for, f"delivered to {out.message.address} instead"))
        return effects

    def failed(
        self, message: str, now_ns: int, reason: str, *, final: bool
    ) -> tuple[list[Effect], Broken | None, Unreachable | None]:
        """What is sent instead; who is to be told of the way; who cannot be reached at all."""
        out = self._out.get(message)
        if out is None:
            return [], None, None
        if out.failing_ns is None:
            out.failing_ns = now_ns
        key = self._key(out.message.address, final=final)
        lasted_s = (now_ns - out.failing_ns) / SECOND_NS
        known = any(self._broken(one) for one in (key, out.message.address))
        if not final and not known and lasted_s < self._routes.undeliverable_after_s:
            return [], None, None
        broken = self._break(key, now_ns, out, reason, final=final)
        if final:
            self._take(message)
        if out.fell or out.message.why is Why.TEST:
            return [], broken, None
        out.fell = True
        address = self._next(self._people.get(out.message.recipient), (*out.tried, out.message.address))
        if address is None:
            return [], broken, Unreachable(out)
        return self._again(out, address, now_ns, reason), broken, None

    def _again(self, out: Out, address: Address, now_ns: int, reason: str) -> list[Effect]:
        """The same by the next address."""
        before = out.message
        fields = {name: getattr(before, name) for name in Message.__dataclass_fields__}
        fields |= {
            "address": address.id,
            "at_ns": now_ns,
            "because": f"{before.because}; {before.address} does not deliver: {reason}",
        }
        tried = (*out.tried, before.address)
        effects = self.send(fields, out.route, first=out.first, tried=tried, stands_for=before.id)
        data = {"from": before.address, "to": address.id, "message": before.id, "reason": reason}
        text = f"{before.address} does not deliver, {address.id} is taken: {reason}"
        return [*effects, Note("notify.fallback", before.recipient, text, data)]

    def _next(self, person: Recipient | None, tried: tuple[str, ...]) -> Address | None:
        """The next address that has not failed, rather one whose way works."""
        left = [one for one in (person.addresses if person else ()) if one.id not in tried]
        return next((one for one in left if self.works(one)), left[0] if left else None)

    # --- troubles -----------------------------------------------------------------------------------------

    def _key(self, address: str, *, final: bool) -> str:
        """One mail server and one broker serve everybody; each chat has a server of its own."""
        known = self._addresses.get(address)
        return address if final or known is None or known.way is Way.CHAT else known.way.value

    def _broken(self, key: str) -> bool:
        return key in self.troubles and self.troubles[key].standing

    def works(self, address: Address) -> bool:
        """Whether nothing is known against an address."""
        return not self._broken(address.id) and not self._broken(address.way.value)

    def _break(self, key: str, now_ns: int, out: Out, reason: str, *, final: bool) -> Broken | None:
        trouble = self.troubles.setdefault(key, Trouble(False, now_ns))
        if trouble.standing:
            return None
        trouble.standing, trouble.reason = True, reason[:300]
        trouble.since_ns = now_ns if out.failing_ns is None else out.failing_ns
        if trouble.told_ns is not None and now_ns - trouble.told_ns < TROUBLE_EVERY_NS:
            return None
        trouble.told_ns = now_ns
        what = "refuses us" if final else "does not deliver"
        return Broken(key, f"{key} {what}: {trouble.reason}")

    # --- to data and back -----------------------------------------------------------------------------------

    def shift(self, by_ns: int) -> None:
        """The clock has been set back."""
        for out in self._out.values():
            out.failing_ns = None if out.failing_ns is None else out.failing_ns + by_ns
        for trouble in self.troubles.values():
            trouble.since_ns += by_ns
            trouble.told_ns = None if trouble.told_ns is None else trouble.told_ns + by_ns

    def dump(self) -> dict[str, Any]:
        return {
            "number": self._number,
            "out": [
                [
                    message_data(out.message),
                    out.route,
                    out.first,
                    list(out.tried),
                    out.failing_ns,
                    out.fell,
                    out.stands_for,
                ]
                for out in self._out.values()
            ],
            "troubles": {
                key: [one.standing, one.since_ns, one.told_ns, one.reason]
                for key, one in self.troubles.items()
            },
        }

    def load(self, data: dict[str, Any]) -> list[Effect]:
        """A message to an address that is gone is withdrawn, with a note."""
        self._number = data["number"]
        self.troubles = {key: Trouble(*one) for key, one in data["troubles"].items()}
        effects: list[Effect] = []
        for message, route, first, tried, failing_ns, fell, stands_for in data["out"]:
            out = Out(message_of(message), route, first, tuple(tried), failing_ns, fell, stands_for)
            if out.message.address in self._addresses:
                self._put(out)
                continue
            text = f"{out.message.address} is not in routes.yaml any more: a message to it is withdrawn"
            effects.append(Withdraw(out.message.id, text))
            effects.append(Note("notify.dropped", out.message.recipient, text, {"message": out.message.id}))
        return effects
