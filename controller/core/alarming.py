"""The alarm engine inside the core: what changed goes in, events and answers come out.

It runs in `evaluate`, after everything that acts. Interlocks do not need it; it reads the same image.
Its durable state is a fold of its own records, which are journal events like all others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import numpy as np
import numpy.ma  # np.unique loads it at its first call otherwise: 50 ms, in the first step

from alarms.annunciator import covered_by_people
from alarms.engine import AlarmEngine
from alarms.lifecycle import State
from alarms.model import Telling
from alarms.operations import Action, Code, Filter, Operation, Refusal
from alarms.records import Kind, Record, Recorded
from controller.core.clock import Due, Now
from controller.core.durable import Durable
from controller.core.effects import Event
from controller.core.image import Image, Tags
from controller.core.inputs import Request
from controller.core.trip_facts import effect_telling, trip_telling
from controller.core.wording import meant
from controller.plant.plant import CERTIFICATES, FOLLOWERS, PARKED, ROTAS, Plant

KINDS: Final = frozenset(kind.value for kind in Kind)
ACTIONS: Final = frozenset(action.value for action in Action)
NOTHING_TO_DO: Final = frozenset((Code.ALREADY_ACKNOWLEDGED, Code.ALREADY_CONFIRMED, Code.NOT_SHELVED))


class Alarming:
    """Feeds the engine with what changed, and carries out what people ask of alarms."""

    def __init__(self, plant: Plant, image: Image) -> None:
        self._image = image
        self._plant = plant
        self.engine = AlarmEngine(
            plant.alarms,
            plant.suppressions,
            plant.first_out_groups,
            size=len(plant.tags),
            tags=[(tag.name, tag.unit) for tag in plant.tags],
            settings=plant.annunciator,
        )
        self._asked: list[Event] = []
        self._interlocks = {rule.name: rule for rule in plant.interlocks}
        self._told = False
        self.by_tag: dict[str, list[str]] = {}
        for alarm in plant.alarms:
            self.by_tag.setdefault(alarm.source, []).append(alarm.id)

    def evaluate(self, now: Now, reported: list[Tags], budget: int) -> tuple[list[Event], Due]:
        """At most `budget` looks; what is over waits for the next step, and sees newer values then."""
        changed = np.unique(np.concatenate(reported)) if reported else np.empty(0, np.int32)
        step = self.engine.step(now, changed, (self._image.value, self._image.status), budget)
        events = [*self._asked, *(_event(record) for record in step.records)]
        self._asked = []
        return events, Due(step.due.plant_s, step.due.mono_s)

    def tell(self, stirred: Collection[str], durable: Durable) -> None:
        """What has become of these interlocks; the first time of all, for trips survive a restart."""
        for name in stirred if self._told else self._interlocks:
            rule, record = self._interlocks[name], durable.interlock(name)
            self.engine.tell(rule.trip_fact, trip_telling(rule, record))
            self.engine.tell(rule.effect_fact, effect_telling(rule, record))
        self.engine.tell(CERTIFICATES, _expiry(durable))
        self.engine.tell(FOLLOWERS, _troubles(durable))
        self.engine.tell(PARKED, _parked(durable))
        self.engine.tell(ROTAS, _holes(durable))
        self._told = True

    # --- durable state -------------------------------------------------------------------------

    def apply(self, event: Recorded) -> None:
        """Folds one journalled event, if it is one of the alarm system's."""
        if event.kind in KINDS:
            self.engine.restore((event,))

    def snapshot(self) -> dict[str, Any]:
        return self.engine.snapshot()

    def load(self, state: Mapping[str, Any]) -> None:
        self.engine.load(state)

    # --- people --------------------------------------------------------------------------------

    def means(self, request: Request) -> bool:
        """Whether the request is about alarms: an alarm's id, a filter, or what is said to be an alarm."""
        args = request.args
        named = request.target in self.engine.points or "filter" in args or bool(args.get("alarm"))
        return request.action in ACTIONS and named

    def operate(self, request: Request, now: Now) -> tuple[bool, str, dict[str, Any]]:
        """(accepted, reason, data): accepted when at least one alarm was, refused with every reason."""
        try:
            operation = _operation(request)
        except (TypeError, ValueError) as error:
            return False, str(error), {}
        step = self.engine.operate(now, operation)
        self._asked += [_event(record) for record in step.records]
        done = sorted({record.source for record in step.records})
        refused = [self._spoken(one) for one in step.refused]
        data = {"done": done, "refused": refused, "codes": [one.code.value for one in step.refused]}
        if done:
            words = request.action.replace("_", " ")
            return (
                True,
                "; ".join([f"{words}: {', '.join(done)}", *self._others(step.refused, request)]),
                data,
            )
        if not refused:
            text = f"no alarm fits '{request.target}'; `heloop alarms list --all` shows every alarm"
            return False, text, data
        return False, "; ".join(refused), data

    def seen_trips(self, acknowledged: Collection[str]) -> list[str]:
        """Interlocks whose trip's alarm is among these, and has nothing left to acknowledge."""
        facts = self.engine.facts
        return [
            rule.name
            for rule in self._interlocks.values()
            if rule.trip_fact in acknowledged and facts(rule.trip_fact).acknowledged
        ]

    def see_trip(self, request: Request, now: Now) -> None:
        """Who acknowledges an interlock's trip has seen its alarm."""
        alarm = self._interlocks[request.target].trip_fact
        if alarm in self.engine.points:
            about = (request.user, request.role, (alarm,), request.reason)
            step = self.engine.operate(now, Operation(Action.ACKNOWLEDGE, *about))
            self._asked += [_event(record) for record in step.records]

    def _others(self, refused: tuple[Refusal, ...], request: Request) -> list[str]:
        """Of a pattern only what wants somebody: that the rest needs nothing goes without saying."""
        if "filter" in request.args:
            retained = self.engine.book.retained
            refused = tuple(one for one in refused if one.alarm in retained and one.code not in NOTHING_TO_DO)
        return [self._spoken(one) for one in refused]

    def _spoken(self, one: Refusal) -> str:
        if one.code is Code.UNKNOWN_ALARM:
            return f"there is no alarm {one.alarm}{self.hint(one.alarm)}"
        return one.text if not one.alarm or one.text.startswith(one.alarm) else f"{one.alarm}: {one.text}"

    def hint(self, name: str) -> str:
        """What may have been meant by a name that no alarm has."""
        own = self.by_tag.get(name.upper(), ())
        if own:
            return f"; {name.upper()} has {', '.join(own)}"
        return meant(name, self.engine.points)

    # --- questions -----------------------------------------------------------------------------

    def rows(
        self, *, everything: bool = False, wanted: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """Alarms that want somebody (retained), worst first; everything: all of them. wanted: a filter.

        Raises ValueError for a filter that cannot be.
        """
        engine, fits = self.engine, _filter(wanted or {})
        ids = engine.points if everything else [one for one in engine.points if one in engine.book.retained]
        rows = [
            self.row(one)
            for one in ids
            if fits.fits(engine.points[one].alarm, engine.facts(one), engine.shown(one))
        ]
        return sorted(rows, key=lambda row: (row["priority"], -row["active"], row["id"]))

    def row(self, alarm: str) -> dict[str, Any]:
        point, facts = self.engine.points[alarm], self.engine.facts(alarm)
        rule = point.alarm
        return {
            "id": alarm,
            "source": rule.source,
            "level": rule.level,
            "text": rule.text,
            "area": rule.area,
            "priority": rule.priority,
            "class": rule.alarm_class,
            "state": self.engine.shown(alarm).value,
            "active": facts.active,
            "acknowledged": facts.acknowledged,
            "since_utc_ns": facts.raised_utc_ns,
            "suppressed_by": self.engine.suppressed_by(alarm),
            "quiet_by": covered_by_people(facts) or self.engine.suppressed_by(alarm),
            "help": {
                "cause": rule.help.cause,
                "consequence": rule.help.consequence,
                "action": rule.help.action,
                "time_allowed": rule.help.time_allowed,
            },
        }

    def explain(self, alarm: str, now: Now) -> str:
        """Raises KeyError for an alarm that there is not."""
        return self.engine.explain(alarm, now, (self._image.value, self._image.status))


def _expiry(durable: Durable) -> Telling | None:
    """Which certificates end, and when; None when none does."""
    if not durable.expiring:
        return None
    return Telling("; ".join(sorted(durable.expiring.values())), {"certificates": sorted(durable.expiring)})


def _troubles(durable: Durable) -> Telling | None:
    """Which followers are not heard, and why; None when all are."""
    if not durable.troubled:
        return None
    said = "; ".join(f"{name}: {reason}" for name, reason in sorted(durable.troubled.items()))
    return Telling(said, {"followers": sorted(durable.troubled)})


def _parked(durable: Durable) -> Telling | None:
    """Of which followers lines were refused for good, and why; None when none lie there any more."""
    if not durable.parked:
        return None
    said = "; ".join(f"{name}: {reason}" for name, reason in sorted(durable.parked.items()))
    return Telling(said, {"followers": sorted(durable.parked)})


def _holes(durable: Durable) -> Telling | None:
    """Which rotas leave a time without anybody, and when first; None when none does."""
    if not durable.unfilled:
        return None
    said = "; ".join(f"{name}: {hole}" for name, hole in sorted(durable.unfilled.items()))
    return Telling(said, {"rotas": sorted(durable.unfilled)})


def _event(record: Record) -> Event:
    return Event(
        record.kind, record.source, record.text, record.utc_ns, record.plant_s, record.severity, record.data
    )


def _operation(request: Request) -> Operation:
    args = dict(request.args)
    wanted = args.get("filter")
    for_s = args.get("for_s")
    return Operation(
        action=Action(request.action),
        user=request.user,
        role=request.role,
        targets=(request.target,) if wanted is None else _filter(wanted),
        reason=request.reason,
        for_s=None if for_s is None else float(for_s),
        event=str(args.get("event", "")),
    )


def _filter(wanted: Mapping[str, Any]) -> Filter:
    """Raises ValueError for a field or state that there is not."""
    known = {"id", "tag", "area", "alarm_class", "priorities", "states", "incident"}
    if unknown := set(wanted) - known:
        raise ValueError(f"a filter has no {', '.join(sorted(unknown))}; it has {', '.join(sorted(known))}")
    fields = dict(wanted)
    if "priorities" in fields:
        fields["priorities"] = tuple(int(one) for one in fields["priorities"])
    if "states" in fields:
        fields["states"] = tuple(State(one) for one in fields["states"])
    return Filter(**fields)
