"""The conditions of alarms in words, with units, as they stand in the master table. Pure."""

from __future__ import annotations

from alarms.limits.quality import spoken_status
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
from controller.core.wording import in_unit, number, span
from controller.plant.plant import Plant
from controller.plant.tags import Tag
from controller.plant.units import DIFFERENCE

WAYS = {Direction.UP: "above", Direction.DOWN: "below", Direction.EITHER: "off"}
MOVES = {Direction.UP: "rises", Direction.DOWN: "falls", Direction.EITHER: "changes"}


def words(plant: Plant, condition: Condition) -> str:  # noqa: PLR0911 - one line per kind
    """`LT-201 >= 95 %`, `XS-701 is 2 (cool-down) and TT-741 ...`."""
    match condition:
        case All(terms):
            return _joined(plant, terms, " and ")
        case AnyOf(terms):
            return _joined(plant, terms, " or ")
        case Vote(needed, terms):
            return f"{needed} of {len(terms)}: {_joined(plant, terms, ', ')}"
        case Not(term):
            return f"not ({words(plant, term)})"
        case Held(term, for_s):
            return f"{_bracketed(plant, term)} for {span(for_s)}"
        case Count(term, times, window_s):
            return f"{times} times within {span(window_s)}: {words(plant, term)}"
        case Standing(alarm):
            return f"{alarm} stands"
        case Told(fact):
            name, _, what = fact.rpartition(".")
            return f"{name} stands tripped" if what == "TRIP" else f"an effect of {name} is missing"
        case Discrepancy():
            return _discrepancy(plant, condition)
    return _of_tag(plant, condition)


def _of_tag(plant: Plant, condition: Condition) -> str:  # noqa: PLR0911 - one line per kind
    match condition:
        case Level(tag=index, side=side, limit=limit):
            tag = plant.tags[index]
            return f"{tag.name} {'>=' if side is Side.HIGH else '<='} {limit_words(plant, tag, limit)}"
        case Discrete(tag=index, values=values, off_normal=off_normal):
            tag = plant.tags[index]
            return f"{tag.name} is {_states(tag, values, off_normal=off_normal)}"
        case Bit(tag=index, bit=bit, active_when=active_when):
            return f"bit {bit} of {plant.tags[index].name} is {active_when}"
        case Rate(tag=index, direction=direction):
            tag = plant.tags[index]
            change = f"{difference(tag, condition.limit)} per {_per(condition.per_s)}"
            return f"{tag.name} {MOVES[direction]} by {change} over {span(condition.window_s)}"
        case Deviation(tag=index, reference=reference, direction=direction):
            tag = plant.tags[index]
            what = _reference(plant, tag, reference)
            return f"{tag.name} {difference(tag, condition.limit)} {WAYS[direction]} {what}"
        case Skew(tag=index, limit=seconds):
            return f"{plant.tags[index].name} off by {span(seconds)} to either side"
        case Quality(tag=index, uncertain=uncertain, codes=codes):
            named = " or ".join(spoken_status(code) for code in codes)
            return f"{plant.tags[index].name} is {named or ('not Good' if uncertain else 'Bad')}"
        case Stale(tag=index, after_s=after_s):
            return f"{plant.tags[index].name} not reported for {span(after_s)}"
        case Frozen(tag=index, after_s=after_s):
            return f"{plant.tags[index].name} not moved for {span(after_s)}"
    raise AssertionError(f"{condition!r} has no words")


def difference(tag: Tag, value: float) -> str:
    """A difference of two values: of gauge pressures it is in bar, not barg."""
    return f"{number(value)} {DIFFERENCE.get(tag.unit, tag.unit)}".rstrip()


def limit_words(plant: Plant, tag: Tag, limit: Limit | None) -> str:
    """The limit in the tag's unit."""
    match limit:
        case None:
            return "none"
        case FromTag(tag=index, offset=offset):
            plus = f" {'+' if offset > 0 else '-'} {difference(tag, abs(offset))}" if offset else ""
            return plant.tags[index].name + plus
        case ByState(tag=index, cases=cases, otherwise=otherwise):
            state = plant.tags[index]
            parts = [f"{limit_words(plant, tag, one)} while {_state(state, value)}" for value, one in cases]
            return f"{', '.join(parts)}, else {limit_words(plant, tag, otherwise)} ({state.name})"
    return in_unit(tag, limit)


def _state(tag: Tag, value: int) -> str:
    return dict(tag.states).get(value, number(value))


def _states(tag: Tag, values: tuple[int, ...], *, off_normal: bool) -> str:
    """Long lists of states are said by those that are left out."""
    rest = tuple(value for value, _ in tag.states if value not in values)
    if len(values) > 3 and 0 < len(rest) < len(values):
        values, off_normal = rest, not off_normal
    named = " or ".join(_state(tag, value) for value in values)
    return (
        f"{'neither ' if len(values) > 1 else 'not '}{named.replace(' or ', ' nor ')}"
        if off_normal
        else named
    )


def _per(seconds: float) -> str:
    return {1.0: "s", 60.0: "min", 3600.0: "h", 86400.0: "day"}.get(seconds, span(seconds))


def _reference(plant: Plant, tag: Tag, reference: FromTag | Curve) -> str:
    if isinstance(reference, FromTag):
        return limit_words(plant, tag, reference)
    state = plant.tags[reference.state_tag]
    named = " or ".join(_state(state, value) for value in reference.states)
    late = f", {span(reference.late_s)} late" if reference.late_s else ""
    return f"its curve since {state.name} is {named}{late}"


def _discrepancy(plant: Plant, rule: Discrepancy) -> str:
    switches = [plant.tags[tag].name for tag in (rule.open_switch, rule.closed_switch) if tag is not None]
    follows = f"{' and '.join(switches)} do not follow {plant.tags[rule.command].name}"
    return f"{follows} within {span(rule.within_s)}"


def _joined(plant: Plant, terms: tuple[Condition, ...], between: str) -> str:
    return between.join(_bracketed(plant, term) for term in terms)


def _bracketed(plant: Plant, term: Condition) -> str:
    text = words(plant, term)
    return f"({text})" if isinstance(term, All | AnyOf | Vote) and len(term.terms) > 1 else text
