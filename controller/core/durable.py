"""What outlives the process: a fold of journalled events, keyed by names.

Latches with their first-out, results of effects, bypasses, muted checks, handshakes in flight,
sequence numbers, start and trip counters. Values are not here: they are read from the PLCs again.
`apply` reads only `kind`, `source`, `data` and `utc_ns` of an event, all of which the journal keeps,
and never looks at the configuration, so that old journals fold under a new one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

RECENT_MAX: Final = 50  # trips and starts remembered for counting
PENDING: Final = "pending"


class Recorded(Protocol):
    """An event, live or from the journal."""

    @property
    def kind(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...
    @property
    def utc_ns(self) -> int: ...
    @property
    def plant_s(self) -> float: ...


@dataclass(slots=True)
class EffectRecord:
    """What became of one effect of one trip.

    result: 'pending' | 'done' | 'refused' | 'failed' | 'unknown'; how: the reason in a word or two.
    attempts: handshakes spent on it. undone: how often it was taken back by somebody afterwards.
    """

    kind: str
    tag: str
    value: str
    by: str
    result: str = PENDING
    how: str = ""
    ms: float | None = None
    attempts: int = 0
    undone: int = 0


@dataclass(slots=True)
class Trip:
    """A trip that stands (or stood). reason: 'cause' | 'unknown'."""

    number: int
    utc_ns: int
    at_s: float
    reason: str
    first_out: str
    causes: list[str]
    effects: dict[int, EffectRecord]
    latched: bool
    parent: str = ""
    acknowledged: str = ""


@dataclass(slots=True)
class Grant:
    """A bypass or a muted effect check that is in force."""

    user: str
    confirmed_by: str
    reason: str
    from_utc_ns: int
    until_utc_ns: int


@dataclass(slots=True)
class Asked:
    """A bypass that waits for its second person."""

    user: str
    session: str
    reason: str
    for_s: float
    utc_ns: int


@dataclass(slots=True)
class InterlockRecord:
    trips: int = 0
    trip: Trip | None = None
    last: Trip | None = None
    tripped_utc_ns: list[int] = field(default_factory=list)
    bypass: Grant | None = None
    asked: Asked | None = None
    muted: Grant | None = None

    def trip_number(self, number: int) -> Trip | None:
        return next((t for t in (self.trip, self.last) if t is not None and t.number == number), None)


@dataclass(slots=True)
class Flight:
    """A command on its way. settles: the effects (interlock, trip number, effect index) it answers."""

    intent: int
    word: str
    sequence: int
    settles: list[tuple[str, int, int]]
    user: str
    utc_ns: int


@dataclass(slots=True)
class CommandRecord:
    """sequence: the last one used. unanswered: the sequence whose fate is not known, or None."""

    sequence: int = 0
    word: str = ""
    result: str = ""
    how: str = ""
    utc_ns: int = 0
    flight: Flight | None = None
    unanswered: int | None = None
    started_utc_ns: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Durable:
    intent: int = 0
    interlocks: dict[str, InterlockRecord] = field(default_factory=dict)
    commands: dict[str, CommandRecord] = field(default_factory=dict)
    lost: dict[str, str] = field(default_factory=dict)  # PLC name -> why its link is lost
    expiring: dict[str, str] = field(default_factory=dict)  # thumbprint -> which certificate ends, and when
    troubled: dict[str, str] = field(default_factory=dict)  # follower -> why what it sends is not taken
    parked: dict[str, str] = field(default_factory=dict)  # follower -> why lines of it were refused for good
    unfilled: dict[str, str] = field(default_factory=dict)  # rota -> when nobody is on duty

    def interlock(self, name: str) -> InterlockRecord:
        return self.interlocks.setdefault(name, InterlockRecord())

    def command(self, name: str) -> CommandRecord:
        return self.commands.setdefault(name, CommandRecord())

    def bare(self) -> Durable:
        """Without the blank records of interlocks and commands to which nothing has happened yet."""
        return Durable(
            self.intent,
            {name: record for name, record in self.interlocks.items() if record != InterlockRecord()},
            {name: record for name, record in self.commands.items() if record != CommandRecord()},
            self.lost,
            self.expiring,
            self.troubled,
            self.parked,
            self.unfilled,
        )

    def apply(self, event: Recorded) -> None:
        fold = FOLDS.get(event.kind)
        if fold is not None:
            fold(self, event)

    def effect(self, interlock: str, number: int, index: int) -> EffectRecord | None:
        trip = self.interlock(interlock).trip_number(number)
        return None if trip is None else trip.effects.get(index)


def _effects(listed: list[dict[str, Any]]) -> dict[int, EffectRecord]:
    return {
        int(one["index"]): EffectRecord(
            one["kind"],
            one["tag"],
            str(one["value"]),
            one["by"],
            one.get("result", PENDING),
            ms=one.get("ms"),
        )
        for one in listed
    }


def _tripped(state: Durable, event: Recorded) -> None:
    record, data = state.interlock(event.source), event.data
    record.trips = int(data["number"])
    record.tripped_utc_ns = [*record.tripped_utc_ns, event.utc_ns][-RECENT_MAX:]
    record.trip = Trip(
        number=record.trips,
        utc_ns=event.utc_ns,
        at_s=data["at_s"],
        reason=data["reason"],
        first_out=data["first_out"],
        causes=[cause["id"] for cause in data["causes"]],
        effects=_effects(data["effects"]),
        latched=data["latched"],
        parent=data.get("parent", ""),
    )


def _caused(state: Durable, event: Recorded) -> None:
    trip = state.interlock(event.source).trip
    if trip is None or trip.number != event.data["number"]:
        return
    trip.causes.append(event.data["cause"]["id"])
    trip.latched = event.data["latched"]
    for index, effect in _effects(event.data["effects"]).items():
        trip.effects.setdefault(index, effect)


def _first_out(state: Durable, event: Recorded) -> None:
    trip = state.interlock(event.source).trip_number(event.data["number"])
    if trip is not None:
        trip.first_out = event.data["first_out"]


def _acknowledged(state: Durable, event: Recorded) -> None:
    trip = state.interlock(event.source).trip
    if trip is not None:
        trip.acknowledged = event.data["user"]


def _reset(state: Durable, event: Recorded) -> None:
    record = state.interlock(event.source)
    record.last, record.trip = record.trip, None


def _checked(state: Durable, event: Recorded) -> None:
    data = event.data
    effect = state.effect(event.source, data["number"], data["index"])
    if effect is not None:
        effect.result, effect.how, effect.ms = data["result"], data["how"], data["ms"]


def _intent(state: Durable, event: Recorded) -> None:
    data = event.data
    record = state.command(event.source)
    state.intent = max(state.intent, int(data["intent"]))
    record.sequence, record.word = int(data["sequence"]), data["word"]
    settles = [(str(name), int(number), int(index)) for name, number, index in data["settles"]]
    record.flight = Flight(
        int(data["intent"]), data["word"], record.sequence, settles, data["user"], event.utc_ns
    )
    for settle in settles:
        effect = state.effect(*settle)
        if effect is not None:
            effect.attempts += 1


def _result(state: Durable, event: Recorded) -> None:
    data = event.data
    record = state.command(event.source)
    record.result, record.how, record.utc_ns = data["result"], data["how"], event.utc_ns
    record.unanswered = data["unanswered"]
    if record.flight is not None and record.flight.intent == data["intent"]:
        record.flight = None
    for name, number, index in data["settles"]:
        effect = state.effect(name, number, index)
        if effect is not None:
            effect.result, effect.how, effect.ms = data["result"], data["how"], data["ms"]


def _undone(state: Durable, event: Recorded) -> None:
    for name, number, index in event.data["settles"]:
        effect = state.effect(name, number, index)
        if effect is not None:
            effect.result, effect.how, effect.undone = PENDING, "undone", effect.undone + 1


def _started(state: Durable, event: Recorded) -> None:
    record = state.command(event.source)
    record.started_utc_ns = [*record.started_utc_ns, event.utc_ns][-RECENT_MAX:]  # of any word: one motor


def _asked(state: Durable, event: Recorded) -> None:
    data = event.data
    state.interlock(event.source).asked = Asked(
        data["user"], data["session"], data["reason"], data["for_s"], event.utc_ns
    )


def _grant(event: Recorded) -> Grant:
    data = event.data
    return Grant(data["user"], data["confirmed_by"], data["reason"], event.utc_ns, data["until_utc_ns"])


def _bypassed(state: Durable, event: Recorded) -> None:
    record = state.interlock(event.source)
    record.bypass, record.asked = _grant(event), None


def _bypass_over(state: Durable, event: Recorded) -> None:
    """The interlock acts again: what its trip asks for is open again."""
    record = state.interlock(event.source)
    record.bypass = None
    if record.trip is not None:
        for effect in record.trip.effects.values():
            if effect.kind == "command":
                effect.result, effect.how, effect.attempts, effect.undone = PENDING, "bypass over", 0, 0


def _lapsed(state: Durable, event: Recorded) -> None:
    state.interlock(event.source).asked = None


def _muted(state: Durable, event: Recorded) -> None:
    state.interlock(event.source).muted = _grant(event)


def _unmuted(state: Durable, event: Recorded) -> None:
    state.interlock(event.source).muted = None


def _lost(state: Durable, event: Recorded) -> None:
    state.lost[event.source] = event.data["reason"]


def _restored(state: Durable, event: Recorded) -> None:
    state.lost.pop(event.source, None)


def _expiring(state: Durable, event: Recorded) -> None:
    """By the day and not by how long it is until then, so that one certificate says one thing."""
    ends = str(event.data["not_after"])[:10]
    state.expiring[str(event.data["thumbprint"])] = f"{event.data['whose']} '{event.data['name']}' {ends}"


def _settled(state: Durable, event: Recorded) -> None:
    state.expiring.pop(str(event.data["thumbprint"]), None)


def _troubled(state: Durable, event: Recorded) -> None:
    state.troubled[event.source] = str(event.data["reason"])


def _untroubled(state: Durable, event: Recorded) -> None:
    state.troubled.pop(event.source, None)


def _parked(state: Durable, event: Recorded) -> None:
    """The first reason stays: one trouble says one thing, however many lines it concerns."""
    state.parked.setdefault(event.source, str(event.data.get("reason", "")))


def _unparked(state: Durable, event: Recorded) -> None:
    state.parked.pop(event.source, None)


def _unfilled(state: Durable, event: Recorded) -> None:
    """From its hours and not from how far ahead it is, so that one hole says one thing each morning."""
    state.unfilled[event.source] = str(event.data["hole"])


def _filled(state: Durable, event: Recorded) -> None:
    state.unfilled.pop(event.source, None)


FOLDS: Final[dict[str, Callable[[Durable, Recorded], None]]] = {
    "certificate.expiring": _expiring,
    "certificate.expired": _expiring,
    "certificate.settled": _settled,
    "follower.down": _troubled,
    "follower.refused": _troubled,
    "follower.restored": _untroubled,
    "follower.parked": _parked,
    "follower.unparked": _unparked,
    "rota.hole": _unfilled,
    "rota.filled": _filled,
    "interlock.tripped": _tripped,
    "interlock.cause": _caused,
    "interlock.first_out": _first_out,
    "interlock.acknowledged": _acknowledged,
    "interlock.reset": _reset,
    "effect.confirmed": _checked,
    "effect.missing": _checked,
    "effect.unverified": _checked,
    "command.intent": _intent,
    "intent.reconciled": _intent,
    "command.result": _result,
    "command.undone": _undone,
    "machine.started": _started,
    "bypass.requested": _asked,
    "bypass.active": _bypassed,
    "bypass.ended": _bypass_over,
    "bypass.expired": _bypass_over,
    "bypass.lapsed": _lapsed,
    "check.inhibited": _muted,
    "check.restored": _unmuted,
    "link.lost": _lost,
    "link.restored": _restored,
}
