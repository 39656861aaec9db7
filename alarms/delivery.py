"""Messages of alarms: what is sent to whom and when, until somebody answers. Pure: no clock, no sockets.

Events of the journal and time come in; messages to send, messages to withdraw and notes for the journal
go out; `due_ns` says when to ask again. All state is in `dump`, so that who keeps it in one transaction
with what came out may be killed at any point: the same events give the same messages with the same ids.
How it behaves is told in docs/explanation/notification.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from alarms.escalation import Escalation
from alarms.incidents import Incident
from alarms.intake import FIRST_START_NS, Intake, Spoken
from alarms.messages import (
    CALLS,
    ITEMS_MAX,
    Effect,
    Item,
    Message,
    Note,
    Send,
    Why,
    Withdraw,
    message_data,
    message_of,
    retry_s,
)
from alarms.model import Alarm
from alarms.outgoing import Broken, Unreachable
from alarms.post import Draft, Post
from alarms.rota import SECOND_NS
from alarms.routes import Routes
from alarms.suppression import Suppression
from alarms.threads import THREAD_NS, Threads

__all__ = [
    "CALLS",
    "ITEMS_MAX",
    "Delivery",
    "Effect",
    "Item",
    "Message",
    "Note",
    "Send",
    "Spoken",
    "Why",
    "Withdraw",
    "message_data",
    "message_of",
    "retry_s",
]

FORMAT: Final = 1
STEP_BACK_NS: Final = SECOND_NS
SWEEP_NS: Final = 60 * SECOND_NS


class Delivery:
    """suppressions: those of the plant, for what they cover. The first thing it is given is either the state
    of before (`load`) or, at the first start ever, the journal from its beginning."""

    def __init__(
        self, routes: Routes, alarms: Mapping[str, Alarm], suppressions: Sequence[Suppression] = ()
    ) -> None:
        self._routes = routes
        incidents: dict[str, Incident] = {}
        self._post = Post(routes, incidents)
        self._threads = Threads(alarms, incidents, self._post.holds)
        self._steps = Escalation(routes, self._post)
        self._intake = Intake(routes, alarms, suppressions, self._threads, self._steps)
        self._now_ns = 0
        self._swept_ns = 0
        self._waiting: list[Effect] = []

    # --- what comes in -------------------------------------------------------------------------------

    def take(self, event: Spoken, now_ns: int) -> list[Effect]:
        """One event of the journal, in its order; what is not ours is passed over.

        A raise only sets a deadline: call `advance` after a page of events, so that what was answered or
        returned within the page wakes nobody.
        """
        self._tick(now_ns)
        self._sweep()
        return self._intake.take(event)

    def advance(self, now_ns: int) -> list[Effect]:
        """What is due now. Called every few seconds whatever `due_ns` says, it notices a clock set back."""
        self._tick(now_ns)
        effects, self._waiting = self._waiting, []
        now_ns = self._now_ns
        for incident in list(self._threads.incidents.values()):
            for run in list(incident.runs.values()):
                effects += self._steps.advance(incident, run, now_ns)
        effects += self._steps.send_digests(now_ns)
        effects += self._post.flush(now_ns)
        not_told = self._steps.not_told
        if not_told.due_ns is not None and not_told.due_ns <= now_ns:
            effects += not_told.notes()
        self._sweep()
        return effects

    @property
    def due_ns(self) -> int | None:
        """When `advance` has something to do, None: not before the next event. May lie in the past."""
        if self._waiting:
            return self._now_ns
        times = [self._post.due_ns(), self._steps.not_told.due_ns]
        times += [run.next_ns() for one in self._threads.incidents.values() for run in one.runs.values()]
        times += [digest.due_ns for digest in self._steps.digests.values()]
        return min((one for one in times if one is not None), default=None)

    def delivered(self, message: str, now_ns: int) -> list[Effect]:
        """The server has taken it."""
        self._tick(now_ns)
        return self._post.outgoing.delivered(message, self._now_ns)

    def failed(self, message: str, now_ns: int, reason: str, final: bool) -> list[Effect]:
        """An attempt has failed; final: this address is refused for good, so it is not tried again."""
        self._tick(now_ns)
        effects, broken, unreachable = self._post.outgoing.failed(message, self._now_ns, reason, final=final)
        if broken is not None:
            effects += self._tell_trouble(broken)
        if unreachable is not None:
            effects += self._unreachable(unreachable, reason)
        return effects

    def test(self, recipients: Iterable[str], now_ns: int) -> list[Effect]:
        """A message of kind TEST to every address of these; KeyError for somebody who is not there."""
        self._tick(now_ns)
        people = {one.name: one for one in self._routes.recipients}
        effects: list[Effect] = []
        for name in recipients:
            for address in people[name].addresses:
                effects += self._post.outgoing.send(
                    {
                        "recipient": name,
                        "address": address.id,
                        "why": Why.TEST,
                        "incident": "",
                        "opens": False,
                        "priority": 3,
                        "at_ns": self._now_ns,
                        "because": "test of the notification",
                    }
                )
        return effects

    @property
    def counters(self) -> dict[str, int]:
        """What is kept, and what found no room."""
        return {
            "incidents": len(self._threads.incidents),
            "alarms": self._threads.alarms,
            "incidents_evicted": self._threads.evicted,
            "alarms_refused": self._intake.full,
            "alarms_unknown": self._intake.unknown,
        }

    # --- time ----------------------------------------------------------------------------------------

    def _tick(self, now_ns: int) -> None:
        """A clock set back must not put off what is due: every deadline moves with it."""
        if now_ns < self._now_ns - STEP_BACK_NS:
            by_ns = now_ns - self._now_ns
            self._threads.shift(by_ns)
            self._post.shift(by_ns)
            self._steps.shift(by_ns)
            self._swept_ns += by_ns
            if self._intake.since_ns is not None:
                self._intake.since_ns += by_ns
            self._now_ns = now_ns
        self._now_ns = max(self._now_ns, now_ns)
        if self._intake.since_ns is None:
            self._intake.since_ns = now_ns - FIRST_START_NS
        self._intake.now_ns = self._now_ns

    def _sweep(self) -> None:
        """Forgets incidents about which nothing is to be said any more."""
        if self._now_ns < self._swept_ns + SWEEP_NS:
            return
        self._swept_ns = self._now_ns
        for incident in list(self._threads.incidents.values()):
            old = incident.last_ns + THREAD_NS <= self._now_ns
            over = old and self._threads.idle(incident) and not incident.standing
            if over and not self._threads.holds(incident.id):
                self._threads.forget(incident)

    # --- ways that fail ------------------------------------------------------------------------------

    def _tell_trouble(self, broken: Broken) -> list[Effect]:
        """Those in `trouble` hear of it by a way that works."""
        effects: list[Effect] = [Note("notify.trouble", broken.key, broken.text)]
        people = {one.name: one for one in self._routes.recipients}
        for name in self._routes.trouble:
            works = self._post.outgoing.works
            address = next((one for one in people[name].addresses if works(one)), None)
            if address is None:
                text = f"{name} has no other way to be told: {broken.text}"
                effects.append(Note("notify.trouble_untold", name, text))
                continue
            draft = Draft(Why.TROUBLE, broken.text, (address.id,), priority=2)
            effects += self._post.offer(name, draft, self._now_ns)
        return effects

    def _unreachable(self, unreachable: Unreachable, reason: str) -> list[Effect]:
        """Nobody at any address."""
        message, route = unreachable.out.message, unreachable.out.route
        text = f"{message.recipient} cannot be reached at any address: {reason}"
        effects: list[Effect] = [
            Note("notify.unreachable", message.recipient, text, {"message": message.id, "reason": reason})
        ]
        incident = self._threads.incidents.get(message.incident)
        if message.why in CALLS and incident is not None:
            effects += self._steps.unreachable(incident, route, message.recipient, self._now_ns)
        return effects

    # --- state ---------------------------------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """All of it, JSON-able, a copy."""
        return {
            "format": FORMAT,
            "now_ns": self._now_ns,
            "since_ns": self._intake.since_ns,
            "swept_ns": self._swept_ns,
            "unknown": self._intake.unknown,
            "full": self._intake.full,
            "threads": self._threads.dump(),
            "post": self._post.dump(),
            "steps": self._steps.dump(),
            "waiting": [_effect_data(effect) for effect in self._waiting],
        }

    def load(self, state: dict[str, Any]) -> None:
        """The state of before, perhaps made under other routes; what fits no more is noted by `advance`."""
        if state.get("format") != FORMAT:
            raise ValueError(f"state of notification: format {state.get('format')} is not {FORMAT}")
        self._now_ns, self._intake.since_ns = state["now_ns"], state["since_ns"]
        self._swept_ns = state["swept_ns"]
        self._intake.unknown, self._intake.full = state["unknown"], state["full"]
        self._threads.load(state["threads"])
        self._steps.load(state["steps"])
        self._waiting = [_effect_of(one) for one in state["waiting"]] + self._post.load(state["post"])
        for incident in self._threads.incidents.values():
            self._steps.adopt(incident, self._intake.decide, self._now_ns)


def _effect_data(effect: Effect) -> dict[str, Any]:
    """What a load leaves to be done: messages withdrawn, and notes."""
    assert not isinstance(effect, Send)
    return asdict(effect)


def _effect_of(data: dict[str, Any]) -> Effect:
    return Withdraw(**data) if "message" in data else Note(**data)
