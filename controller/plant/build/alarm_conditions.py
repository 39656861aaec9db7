"""Conditions of alarms.yaml in the tags' units and by index, as the alarm engine has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from alarms.model import (
    All,
    AnyOf,
    Bit,
    ByState,
    Condition,
    Count,
    Curve,
    Deviation,
    Direction,
    Discrepancy,
    Discrete,
    FromTag,
    Frozen,
    Held,
    Level,
    Limit,
    Not,
    Quality,
    Rate,
    Side,
    Skew,
    Stale,
    Standing,
    Told,
    Vote,
)
from alarms.signal import (
    BAD_NO_DATA,
    BAD_NODE_ID_UNKNOWN,
    BAD_OUT_OF_RANGE,
    BAD_SENSOR_FAILURE,
    BAD_TIMEOUT,
    UNCERTAIN_LAST_USABLE,
)
from controller.plant.build.conditions import Conditions
from controller.plant.build.values import duration_or_none, duration_s, number
from controller.plant.document import Place
from controller.plant.draft import Draft
from controller.plant.plant import Interlock
from controller.plant.problems import did_you_mean
from controller.plant.schema import alarmconditions as written
from controller.plant.tags import Kind, Tag

CODES: Final = {
    "last_usable": UNCERTAIN_LAST_USABLE,
    "sensor_failure": BAD_SENSOR_FAILURE,
    "no_data": BAD_NO_DATA,
    "timeout": BAD_TIMEOUT,
    "node_unknown": BAD_NODE_ID_UNKNOWN,
    "out_of_range": BAD_OUT_OF_RANGE,
}
NUMERIC: Final = frozenset((Kind.ANALOG, Kind.COUNTER))
STATES: Final = frozenset((Kind.STATE, Kind.DISCRETE))


@dataclass(frozen=True, slots=True)
class AlarmConditions:
    """Builds conditions. Every method gives None after it has reported a problem."""

    draft: Draft

    def build(self, entry: Any, place: Place) -> Condition | None:
        """The condition, held for its `for`."""
        built = self._form(entry, place)
        if built is None or getattr(entry, "for_", None) is None:
            return built
        for_s = duration_s(place / "for", entry.for_, self.draft.problems)
        return Held(built, for_s) if for_s else built

    def _form(self, entry: Any, place: Place) -> Condition | None:  # noqa: PLR0911 - one form each
        match entry:
            case written.AllTests(all=terms):
                return None if (built := self._terms(terms, place / "all")) is None else All(built)
            case written.AnyTest(any=terms):
                return None if (built := self._terms(terms, place / "any")) is None else AnyOf(built)
            case written.VoteTest():
                return self._vote(entry, place)
            case written.NotTest():
                term = self.build(entry.not_, place / "not")
                return None if term is None else Not(term)
            case written.CountTest():
                term = self.build(entry.count, place / "count")
                over_s = duration_or_none(place / "over", entry.over, self.draft.problems)
                return None if term is None or over_s is None else Count(term, entry.times, over_s)
            case written.StandingTest(standing=alarm):
                return Standing(alarm)  # whether there is such an alarm shows when all are there
            case written.TripTest(tripped=name):
                rule = self._interlock(name, place / "tripped")
                return None if rule is None else Told(rule.trip_fact, rule.reads())
            case written.EffectTest(effect_missing=name):
                rule = self._interlock(name, place / "effect_missing")
                return None if rule is None else Told(rule.effect_fact)
            case written.DiscrepancyTest():
                return self._discrepancy(entry, place)
        tag = self.tag(entry.tag, place / "tag")
        return None if tag is None else self._test(entry, tag, place)

    def _interlock(self, name: str, place: Place) -> Interlock | None:
        known = self.draft.names("interlock")
        if name not in known:
            self.draft.unknown(place, f"unknown interlock {name}{did_you_mean(name, known)}")
        return next((rule for rule in self.draft.interlocks if rule.name == name), None)

    def _test(self, entry: Any, tag: Tag, place: Place) -> Condition | None:  # noqa: PLR0911
        match entry:
            case written.LevelTest():
                return self._level(entry, tag, place)
            case written.StateTest():
                return self._state(entry, tag, place)
            case written.RateTest():
                return self._rate(entry, tag, place)
            case written.DeviationTest():
                return self._deviation(entry, tag, place)
            case written.BitTest():
                if self._fits(tag, frozenset((Kind.WORD, Kind.COUNTER, Kind.STATE)), place / "bit"):
                    return Bit(tag.index, entry.bit, entry.active_when, entry.uncertain == "hold")
                return None
            case written.QualityTest(quality=word):
                if word in CODES:
                    return Quality(tag.index, codes=(CODES[word],))
                return Quality(tag.index, uncertain=word == "uncertain")
            case written.StaleTest():
                after_s = duration_or_none(place / "stale", entry.stale, self.draft.problems)
                return None if after_s is None else Stale(tag.index, after_s)
            case written.FrozenTest():
                after_s = duration_or_none(place / "frozen", entry.frozen, self.draft.problems)
                tolerance = self._span(tag, entry.tolerance, place / "tolerance")
                return None if after_s is None else Frozen(tag.index, after_s, tolerance)
            case written.SkewTest():
                limit = self._span(tag, entry.skew, place / "skew")
                return Skew(tag.index, limit, self._span(tag, entry.deadband, place / "deadband"))
        raise AssertionError(f"{entry!r} is no condition")

    # --- what several forms share --------------------------------------------------------------

    def tag(self, name: str, place: Place) -> Tag | None:
        return Conditions(self.draft, {}).tag(name, place)

    def _terms(self, terms: list[Any], place: Place) -> tuple[Condition, ...] | None:
        built = [self.build(term, place / number_) for number_, term in enumerate(terms)]
        return None if None in built else tuple(term for term in built if term is not None)

    def _fits(self, tag: Tag, kinds: frozenset[Kind], place: Place) -> bool:
        if tag.kind in kinds:
            return True
        wanted = ", ".join(sorted(kind.value for kind in kinds))
        message = f"{tag.name} is of kind {tag.kind.value}; this is for {wanted}"
        self.draft.problems.error(place, message, key=True)
        return False

    def _span(self, tag: Tag, written_: float | str | None, place: Place) -> float:
        """A difference in the tag's unit, 0 or more."""
        if written_ is None:
            return 0.0
        value = number(place, written_, tag.unit, self.draft.problems, difference=True) or 0.0
        if value < 0:
            self.draft.problems.error(place, f"'{written_}' is negative; it is 0 or more")
        return value

    def _moves(self, tag: Tag, written_: float | str, place: Place) -> float:
        """A difference that says how far: more than 0."""
        before = len(self.draft.problems.errors)
        value = self._span(tag, written_, place)
        if value == 0 and len(self.draft.problems.errors) == before:
            self.draft.problems.error(place, "0 is always reached; it must be more than 0")
        return value

    def _values(self, tag: Tag, values: int | list[int], place: Place) -> tuple[int, ...]:
        found = tuple(values) if isinstance(values, list) else (values,)
        known = [value for value, _ in tag.states] or ([0, 1] if tag.kind is Kind.DISCRETE else [])
        for value in found:
            if known and value not in known:
                named = ", ".join(str(v) for v in known)
                self.draft.problems.error(place, f"{tag.name} never is {value}; it has the values {named}")
        if not found:
            self.draft.problems.error(place, "the list is empty; name the values")
        return found

    # --- one form each ---------------------------------------------------------------------------

    def _level(self, entry: written.LevelTest, tag: Tag, place: Place) -> Condition | None:
        if (entry.at_least is None) == (entry.at_most is None):
            self.draft.problems.error(place, "use one of at_least and at_most")
            return None
        key, side = ("at_least", Side.HIGH) if entry.at_most is None else ("at_most", Side.LOW)
        if not self._fits(tag, NUMERIC, place / key):
            return None
        limit = self._limit(getattr(entry, key), tag, place / key)
        deadband = self._span(tag, entry.deadband, place / "deadband")
        if limit is None:
            return None
        return Level(tag.index, side, limit, deadband, entry.uncertain == "hold")

    def _limit(self, entry: Any, tag: Tag, place: Place) -> Limit | None:
        match entry:
            case written.LimitByState():
                return self._by_state(entry, tag, place)
            case written.LimitFromTag():
                return self._from(entry.from_, entry.offset, tag, place)
        limit = number(place, entry, tag.unit, self.draft.problems)
        if limit is not None and not tag.low <= limit <= tag.high:
            message = (
                f"limit {limit:g} {tag.unit} is outside the range {tag.low:g}..{tag.high:g} of {tag.name}"
            )
            self.draft.problems.error(place, f"{message}; correct the limit or the range")
        return limit

    def _by_state(self, entry: written.LimitByState, tag: Tag, place: Place) -> ByState | None:
        state = self.tag(entry.state, place / "state")
        if state is None or not self._fits(state, STATES, place / "state"):
            return None
        cases = []
        for count, case in enumerate(entry.cases):
            at = place / "cases" / count
            (value,) = self._values(state, case.is_, at / "is")
            cases.append((value, self._plain(case.limit, tag, at / "limit")))
        return ByState(state.index, tuple(cases), self._plain(entry.otherwise, tag, place / "otherwise"))

    def _plain(self, entry: Any, tag: Tag, place: Place) -> float | FromTag | None:
        limit = None if entry is None else self._limit(entry, tag, place)
        assert not isinstance(limit, ByState)
        return limit

    def _from(self, name: str, offset: float | str, tag: Tag, place: Place) -> FromTag | None:
        other = self.tag(name, place / "from")
        if other is None or not self._fits(other, NUMERIC, place / "from"):
            return None
        if other.unit != tag.unit:
            message = f"{other.name} is in {other.unit or 'no unit'}, {tag.name} in {tag.unit or 'no unit'}"
            self.draft.problems.error(place / "from", f"{message}; compare tags of one unit")
        value = number(place / "offset", offset, tag.unit, self.draft.problems, difference=True)
        return FromTag(other.index, value or 0.0)

    def _state(self, entry: written.StateTest, tag: Tag, place: Place) -> Condition | None:
        if (entry.is_ is None) == (entry.is_not is None):
            self.draft.problems.error(place, "use one of `is` and `is_not`")
            return None
        key, values = ("is_not", entry.is_not) if entry.is_ is None else ("is", entry.is_)
        if values is None or not self._fits(tag, STATES | {Kind.COUNTER}, place / key):
            return None
        found = self._values(tag, values, place / key)
        return Discrete(tag.index, found, key == "is_not", entry.uncertain == "hold")

    def _rate(self, entry: written.RateTest, tag: Tag, place: Place) -> Condition | None:
        if not self._fits(tag, NUMERIC, place / "changes"):
            return None
        limit = self._moves(tag, entry.changes, place / "changes")
        over_s = duration_or_none(place / "over", entry.over, self.draft.problems)
        per_s = duration_or_none(place / "per", entry.per, self.draft.problems)
        if over_s is None or per_s is None:
            return None
        return Rate(
            tag.index,
            over_s,
            limit,
            per_s,
            Direction(entry.direction),
            self._span(tag, entry.deadband, place / "deadband"),
            entry.uncertain == "hold",
        )

    def _deviation(self, entry: written.DeviationTest, tag: Tag, place: Place) -> Condition | None:
        if not self._fits(tag, NUMERIC, place / "off"):
            return None
        if (entry.from_ is None) == (entry.curve is None):
            self.draft.problems.error(
                place, "`off` is from a tag (`from`) or from a `curve`; give one of them"
            )
            return None
        reference: FromTag | Curve | None
        if entry.curve is not None:
            reference = self._curve(entry.curve, tag, place / "curve")
        else:
            reference = self._from(str(entry.from_), entry.offset, tag, place)
        limit = self._moves(tag, entry.off, place / "off")
        if reference is None:
            return None
        return Deviation(
            tag.index,
            reference,
            limit,
            Direction(entry.direction),
            self._span(tag, entry.deadband, place / "deadband"),
            entry.uncertain == "hold",
        )

    def _curve(self, entry: written.CurveEntry, tag: Tag, place: Place) -> Curve | None:
        state = self.tag(entry.state, place / "state")
        if state is None or not self._fits(state, STATES, place / "state"):
            return None
        points: list[tuple[float, float]] = []
        for count, point in enumerate(entry.points):
            at = place / "points" / count
            at_s = duration_s(at / "at", point.at, self.draft.problems)
            value = number(at / "value", point.value, tag.unit, self.draft.problems)
            if points and at_s <= points[-1][0]:
                self.draft.problems.error(at / "at", "the points of a curve stand in order of time")
            points.append((at_s, value or 0.0))
        states = self._values(state, entry.is_, place / "is")
        return Curve(
            tuple(points), state.index, states, duration_s(place / "late", entry.late, self.draft.problems)
        )

    def _vote(self, entry: written.VoteTest, place: Place) -> Condition | None:
        built = self._terms(entry.of, place / "of")
        if not 1 <= entry.vote <= len(entry.of):
            message = f"a vote of {entry.vote} of {len(entry.of)} is never decided; it is 1..{len(entry.of)}"
            self.draft.problems.error(place / "vote", message)
            return None
        return None if built is None else Vote(entry.vote, built)

    def _discrepancy(self, entry: written.DiscrepancyTest, place: Place) -> Condition | None:
        if entry.opened is None and entry.closed is None:
            self.draft.problems.error(place, "a valve needs a limit switch: give `opened`, `closed` or both")
            return None
        tags: dict[str, Tag | None] = {}
        for key in ("command", "opened", "closed"):
            name = getattr(entry, key)
            tags[key] = None if name is None else self.tag(name, place / key)
            found = tags[key]
            if name is not None and (found is None or not self._fits(found, STATES, place / key)):
                return None
        within_s = duration_or_none(place / "within", entry.within, self.draft.problems)
        command, opened, closed = tags["command"], tags["opened"], tags["closed"]
        if command is None or within_s is None:
            return None
        return Discrepancy(
            command.index,
            opened.index if opened else None,
            closed.index if closed else None,
            within_s,
            entry.open_value,
        )
