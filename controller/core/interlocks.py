"""The interlock engine: causes in, trips, latches and resets out (docs/explanation/interlocks.md).

An acting interlock (`by: service`) trips when its causes say so, and after `unknown_delay_s` when it
cannot see them. A mirrored one (`by: plc`) watches: it records the trip, its first-out and whether
the PLC's effects followed, and is simply unknown when it cannot see. Nothing by a PLC causes a write.

An interlock is looked at when an input changed or its deadline came; what it decides leaves as
events, which are what its latch is made of.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

from alarms.comparison import Debounced, delayed
from alarms.signal import Tri
from controller.core.clock import Due, Now
from controller.core.conditions import MIXED, Sight
from controller.core.durable import InterlockRecord, Trip
from controller.core.effect_check import EffectChecks
from controller.core.firstout import Moment, first_out
from controller.core.gates import Gates
from controller.core.liveness import Liveness
from controller.core.logic import Logic, engaged, facts
from controller.core.step import Decisions
from controller.core.windows import Windows
from controller.core.wording import reading, span
from controller.plant.plant import By, CommandEffect, Plant, ResetBy, Unknown

REVISE_FIRST_OUT_S: Final = 1.0  # wall; a slower notification may still bring an earlier source time
PARENT_WITHIN_S: Final = 60.0
UNKNOWN: Final = "unknown"


class Interlocks:
    """All interlocks of a plant and what they share."""

    def __init__(
        self, plant: Plant, sight: Sight, liveness: Liveness, decisions: Decisions, windows: Windows
    ) -> None:
        self.plant = plant
        self.sight = sight
        self.liveness = liveness
        self.decisions = decisions
        self.windows = windows
        self.logics = [Logic(plant, rule) for rule in plant.interlocks]
        self.checks = EffectChecks(plant, sight, decisions)
        self.touched_commands: set[int] = set()
        self._rank = _ranks(plant)
        self._dirty: set[int] = set(range(len(self.logics)))
        self._due: Due | None = None  # the soonest of all, until one is looked at
        self.gates = Gates(self.logics, self.checks.nodes)
        self._dependants: dict[int, list[int]] = {}
        for logic in self.logics:
            for other in logic.others:
                self._dependants.setdefault(other, []).append(logic.rule.index)

    def record(self, index: int) -> InterlockRecord:
        return self.decisions.durable.interlock(self.plant.interlocks[index].name)

    def stands(self, index: int) -> bool:
        """Tripped and not bypassed: its effects are asked for."""
        record = self.record(index)
        return record.trip is not None and record.bypass is None

    def stir(self, tag: int) -> None:
        """A tag has a new value: whose verdict it changes is looked at."""
        self._dirty.update(self.gates.stirred(tag, self.sight.image))

    def touch_all(self) -> None:
        self._dirty.update(range(len(self.logics)))

    def touch_late(self, now: Now) -> None:
        soonest = self.due()
        if soonest.plant_s > now.plant_s and soonest.mono_s > now.mono_s:
            return
        for logic in self.logics:
            if logic.live.due_plant_s <= now.plant_s or logic.live.due_mono_s <= now.mono_s:
                self._dirty.add(logic.rule.index)

    def quiet(self) -> None:
        """Nothing is to be looked at: between two steps it never is."""
        self._dirty.clear()
        self._due = None
        self.touched_commands.clear()

    def due(self) -> Due:
        if self._due is None:
            self._due = Due(
                min((logic.live.due_plant_s for logic in self.logics), default=inf),
                min((logic.live.due_mono_s for logic in self.logics), default=inf),
            )
        return self._due

    def settle(self) -> bool:
        """Looks at what is to be looked at, parents before children, until nothing moves any more.

        True when anything was looked at.
        """
        for number in range(2 * len(self.logics) + 2):  # each may trip, reset and be read by others once
            if not self._dirty:
                return number > 0
            batch, self._dirty = sorted(self._dirty, key=self._rank.__getitem__), set()
            for index in batch:
                self._look(self.logics[index])
        raise AssertionError(
            "interlocks that refer to each other do not settle; the configuration checks this"
        )

    def _look(self, logic: Logic) -> None:
        self._due = None
        self.sight.due_s = inf
        logic.live.due_mono_s = inf
        demand = logic.judge(self.sight)
        record = self.record(logic.rule.index)
        if demand is not Tri.UNKNOWN:
            self._known(logic)
        if demand is Tri.TRUE and record.trip is None:
            self._demanded(logic, record)
        elif demand is Tri.UNKNOWN and record.trip is None:
            self._unseen(logic, record)
        elif demand is Tri.FALSE:
            logic.live.demand_told = False
        if record.trip is not None:
            self._standing(logic, record, record.trip)
        logic.live.stands = record.trip is not None
        self._publish(logic)
        logic.live.due_plant_s = self.sight.due_s

    def _publish(self, logic: Logic) -> None:
        """Other interlocks may read `{tripped: ...}` of this one."""
        index = logic.rule.index
        seen = Tri.of(self.stands(index))
        if logic.rule.by is By.PLC and logic.live.demand is Tri.UNKNOWN:
            seen = Tri.UNKNOWN
        if seen is not self.sight.tripped[index]:
            self.sight.tripped[index] = seen
            self._dirty.update(self._dependants.get(index, ()))

    # --- tripping ------------------------------------------------------------------------------

    def _demanded(self, logic: Logic, record: InterlockRecord) -> None:
        true = [number for number, answer in enumerate(logic.live.answers) if answer is Tri.TRUE]
        if record.bypass is not None:
            self._told_while_bypassed(logic, true)
            return
        causes = logic.rule.causes
        moments = [(causes[number].id, logic.causes[number].moment(self.sight)) for number in true]
        first = first_out(moments)
        logic.live.first_moment = next((moment for name, moment in moments if name == first), None)
        self._trip(logic, record, "cause", first, true)

    def _told_while_bypassed(self, logic: Logic, true: list[int]) -> None:
        if logic.live.demand_told:
            return
        logic.live.demand_told = True
        names = ", ".join(logic.rule.causes[number].id for number in true)
        text = f"{logic.rule.name} would trip ({names}) but is bypassed"
        self.decisions.say(
            "bypass.demand",
            logic.rule.name,
            text,
            {"causes": [logic.evidence(number, self.sight.image) for number in true]},
            600,
        )

    def _trip(
        self, logic: Logic, record: InterlockRecord, reason: str, first: str, causes: list[int]
    ) -> None:
        rule, now = logic.rule, self.decisions.now
        effects = engaged(rule, causes)
        proofs = [logic.evidence(number, self.sight.image) for number in causes]
        seen = "; ".join(proof["shown"] for proof in proofs)
        verb = "tripped" if rule.kind == "trip" else "withholds"
        why = seen if reason == "cause" else f"cannot see for {span(rule.unknown_delay_s)}: {seen}"
        self.decisions.say(
            "interlock.tripped",
            rule.name,
            f"{rule.name} {verb}: {why}",
            {
                "number": record.trips + 1,
                "kind": rule.kind,
                "by": rule.by.value,
                "reason": reason,
                "first_out": first,
                "at_s": now.plant_s,
                "causes": proofs,
                "effects": [facts(self.plant, rule, index) for index in effects],
                "latched": any(_latches(logic, number) for number in causes),
                "parent": self._parent(logic, now),
            },
            None if rule.by is By.SERVICE else 600,
        )
        logic.live.tripped(now)
        self.sight.trip_moments[rule.index] = logic.live.first_moment or Moment(now.plant_s, 0, 0, MIXED)
        self.windows.open(rule.index, record.trips, logic.cause_tags, now)
        self._engage(logic, effects)

    def _engage(self, logic: Logic, effects: list[int]) -> None:
        self.checks.start(logic.rule, effects, self.decisions.now)
        for index in effects:
            effect = logic.rule.effects[index]
            if isinstance(effect, CommandEffect):
                self.touched_commands.add(effect.command)

    def _parent(self, logic: Logic, now: Now) -> str:
        """The trip that explains this one: the parent's, if it stands or came within the minute before."""
        if logic.rule.parent is None:
            return ""
        record = self.record(logic.rule.parent)
        recent = bool(record.tripped_utc_ns) and (
            now.utc_ns - record.tripped_utc_ns[-1] <= PARENT_WITHIN_S * 1e9
        )
        return self.plant.interlocks[logic.rule.parent].name if record.trip is not None or recent else ""

    # --- not seeing ----------------------------------------------------------------------------

    def _unseen(self, logic: Logic, record: InterlockRecord) -> None:
        """Unknown for long enough: an acting interlock trips (or holds), a mirrored one says so once."""
        rule, live, now = logic.rule, logic.live, self.decisions.now
        if live.unknown_s is None:
            live.unknown_s = now.mono_s
        blind = logic.blind_plcs(self.sight)
        judged_s = min((self.liveness.judged_from_s(plc) for plc in blind), default=live.unknown_s)
        due_s = max(live.unknown_s, judged_s) + rule.unknown_delay_s
        if now.mono_s < due_s:
            live.due_mono_s = due_s
            return
        if rule.by is By.SERVICE and rule.on_unknown is Unknown.TRIP:
            if record.bypass is None:
                causes = [n for n, answer in enumerate(live.answers) if answer is not Tri.FALSE]
                live.first_moment = None
                self._trip(logic, record, UNKNOWN, UNKNOWN, causes)
        elif not live.unknown_told and all(self.liveness.is_alive(plc) for plc in blind):
            live.unknown_told = True  # a lost link speaks once for all, see link.lost
            tags = [self.plant.tags[tag] for tag in logic.blind_tags(self.sight)]
            seen = ", ".join(f"{tag.name} {reading(tag, self.sight.image)}" for tag in tags)
            self.decisions.say(
                "interlock.unknown",
                rule.name,
                f"{rule.name} cannot see: {seen}",
                {"tags": [t.name for t in tags]},
            )

    def _known(self, logic: Logic) -> None:
        logic.live.unknown_s = None
        if logic.live.unknown_told:
            logic.live.unknown_told = False
            self.decisions.say("interlock.known", logic.rule.name, f"{logic.rule.name} sees again", {})

    # --- while it stands -----------------------------------------------------------------------

    def _standing(self, logic: Logic, record: InterlockRecord, trip: Trip) -> None:
        now = self.decisions.now
        logic.live.recall(trip, now)
        if logic.live.demand is Tri.TRUE:
            self._further_causes(logic, trip)
        known = logic.live.demand is not Tri.UNKNOWN or logic.rule.by is By.SERVICE
        self.checks.look(logic.rule, record, known=known)
        logic.live.due_mono_s = min(logic.live.due_mono_s, self.checks.due_mono_s)
        self._reset_when_ready(logic, trip)

    def _further_causes(self, logic: Logic, trip: Trip) -> None:
        for number, answer in enumerate(logic.live.answers):
            cause = logic.rule.causes[number]
            if answer is not Tri.TRUE or cause.id in trip.causes:
                continue
            fresh = [index for index in engaged(logic.rule, [number]) if index not in trip.effects]
            proof = logic.evidence(number, self.sight.image)
            self.decisions.say(
                "interlock.cause",
                logic.rule.name,
                f"{logic.rule.name}, a further cause: {proof['shown']}",
                {
                    "number": trip.number,
                    "cause": proof,
                    "effects": [facts(self.plant, logic.rule, index) for index in fresh],
                    "latched": trip.latched or _latches(logic, number),
                },
            )
            self._engage(logic, fresh)
            self._revise_first_out(logic, trip, cause.id, logic.causes[number].moment(self.sight))

    def _revise_first_out(self, logic: Logic, trip: Trip, cause: str, moment: Moment) -> None:
        live = logic.live
        late = self.decisions.now.mono_s - live.tripped_mono_s > REVISE_FIRST_OUT_S
        if late or live.first_moment is None or moment.plc != live.first_moment.plc:
            return
        if moment.source_ns and moment.before(live.first_moment):
            live.first_moment = moment
            text = f"{logic.rule.name}: by the PLC's clock {cause} came before {trip.first_out}"
            data: dict[str, Any] = {"number": trip.number, "first_out": cause, "instead_of": trip.first_out}
            self.decisions.say("interlock.first_out", logic.rule.name, text, data)

    def _reset_when_ready(self, logic: Logic, trip: Trip) -> None:
        live, rule, now = logic.live, logic.rule.reset, self.decisions.now
        gone = live.demand.negated()
        holds = Tri.TRUE if logic.reset is None else logic.reset.evaluate(self.sight)
        before = Debounced(live.reset_verdict, live.reset_since_s)
        ready, after, due_s = delayed(min(gone, holds), before, now.plant_s, rule.for_s, strict=True)
        live.reset_verdict, live.reset_since_s = after
        self.sight.due_s = min(self.sight.due_s, due_s)
        earliest_s = live.tripped_plant_s + rule.at_least_s
        live.resettable = ready is Tri.TRUE and now.plant_s >= earliest_s
        if now.plant_s < earliest_s:
            self.sight.due_s = min(self.sight.due_s, earliest_s)
        if live.resettable and (not trip.latched or rule.by is not ResetBy.OPERATOR):
            local = trip.latched and rule.by is ResetBy.LOCAL
            self.reset(logic, trip, "local" if local else "automatic", "")

    def reset(self, logic: Logic, trip: Trip, by: str, reason: str) -> None:
        name = logic.rule.name
        how = {"automatic": "by itself", "local": "at the machine"}.get(by, f"by {by}")
        data = {"number": trip.number, "by": by, "reason": reason}
        self.decisions.say("interlock.reset", name, f"{name} reset {how}", data)
        logic.live.was_reset()
        self.checks.stop(logic.rule)
        self.released(logic)

    def released(self, logic: Logic) -> None:
        """Its effects are asked for no longer, or again: commands and dependants look anew."""
        self._dirty.add(logic.rule.index)
        self.touched_commands.update(
            effect.command for effect in logic.rule.effects if isinstance(effect, CommandEffect)
        )


def _latches(logic: Logic, cause: int) -> bool:
    own = logic.rule.causes[cause].latch
    return logic.rule.latch if own is None else own


def _ranks(plant: Plant) -> list[int]:
    """Parents before children, else in the order of the plant."""
    ranks: list[int] = []
    for rule in plant.interlocks:
        depth, parent = 0, rule.parent
        while parent is not None and depth <= len(plant.interlocks):
            depth, parent = depth + 1, plant.interlocks[parent].parent
        ranks.append(depth * len(plant.interlocks) + rule.index)
    return ranks
