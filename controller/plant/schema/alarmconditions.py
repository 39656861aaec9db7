"""Conditions of alarms: one tag in one of several ways, joined by all, any, vote and not."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from controller.plant.schema.fields import Difference, Duration, Model, Name, Quantity

DirectionName = Literal["up", "down", "either"]
QualityName = Literal[
    "bad", "uncertain", "last_usable", "sensor_failure", "no_data", "timeout", "node_unknown", "out_of_range"
]
_FOR = Field(default=None, alias="for", description="It must hold this long without a break (plant time)")
Uncertain = Annotated[
    Literal["use", "hold"], Field(description="Whether an Uncertain value counts, or is not usable")
]


class LimitFromTag(Model):
    """The limit is the present value of another tag."""

    from_: Name = Field(alias="from")
    offset: Difference = 0.0


class LimitCase(Model):
    is_: int = Field(alias="is")
    limit: PlainLimit | None = Field(default=None, description="Left out: no alarm in this state")


class LimitByState(Model):
    """The limit depends on an operating state."""

    state: Name
    cases: list[LimitCase] = Field(min_length=1)
    otherwise: PlainLimit | None = Field(default=None, description="Left out: no alarm in other states")


def _limit_shape(value: Any) -> str | None:
    if isinstance(value, LimitFromTag | LimitByState):
        return "(from)" if isinstance(value, LimitFromTag) else "(state)"
    if not isinstance(value, dict):
        return "(plain)"
    return "(from)" if "from" in value else "(state)" if "state" in value else None


_LIMIT_FORMS = Discriminator(
    _limit_shape,
    custom_error_type="condition",
    custom_error_message="a limit is a quantity, or a block with `from` (a tag), or with `state` and `cases`",
)
PlainLimit = Annotated[
    Annotated[Quantity, Tag("(plain)")] | Annotated[LimitFromTag, Tag("(from)")], _LIMIT_FORMS
]
Limit = Annotated[
    Annotated[Quantity, Tag("(plain)")]
    | Annotated[LimitFromTag, Tag("(from)")]
    | Annotated[LimitByState, Tag("(state)")],
    _LIMIT_FORMS,
]


class LevelTest(Model):
    """The value reaches a limit."""

    tag: Name
    at_least: Limit | None = None
    at_most: Limit | None = None
    deadband: Difference | None = Field(default=None, description="How far the value must come back")
    uncertain: Uncertain = "use"
    for_: Duration | None = _FOR


class StateTest(Model):
    """A switch or state has one of the values, or none of them."""

    tag: Name
    is_: int | list[int] | None = Field(default=None, alias="is")
    is_not: int | list[int] | None = None
    uncertain: Uncertain = "use"
    for_: Duration | None = _FOR


class RateTest(Model):
    """The value changes by so much `per` a time, as seen `over` a window."""

    tag: Name
    changes: Difference
    per: Duration = "1 s"
    over: Duration
    direction: DirectionName = "either"
    deadband: Difference | None = None
    uncertain: Uncertain = "use"
    for_: Duration | None = _FOR


class CurvePoint(Model):
    at: Duration
    value: Quantity


class CurveEntry(Model):
    """What the value should be, by the time since a state was entered."""

    state: Name
    is_: int | list[int] = Field(alias="is")
    points: list[CurvePoint] = Field(min_length=2)
    late: Duration = Field(default="0 s", description="So much later than the curve is still in order")


class DeviationTest(Model):
    """The value is off a set-point tag or a reference curve by so much."""

    tag: Name
    off: Difference
    from_: Name | None = Field(default=None, alias="from", description="Tag with the set-point")
    offset: Difference = 0.0
    curve: CurveEntry | None = None
    direction: DirectionName = "either"
    deadband: Difference | None = None
    uncertain: Uncertain = "use"
    for_: Duration | None = _FOR


class BitTest(Model):
    """A bit of an alarm word."""

    tag: Name
    bit: int = Field(ge=0, le=63)
    active_when: int = Field(default=1, ge=0, le=1)
    uncertain: Uncertain = "use"
    for_: Duration | None = _FOR


class QualityTest(Model):
    """The status of a tag. `uncertain` takes Bad in; the others are single StatusCodes."""

    tag: Name
    quality: QualityName
    for_: Duration | None = _FOR


class StaleTest(Model):
    tag: Name
    stale: Duration = Field(description="No report for this long (wall time)")


class FrozenTest(Model):
    tag: Name
    frozen: Duration = Field(description="No movement for this long (wall time)")
    tolerance: Difference = 0.0


class SkewTest(Model):
    tag: Name
    skew: Difference = Field(description="A difference of clocks, of either sign")
    deadband: Difference | None = None


class DiscrepancyTest(Model):
    """The limit switches have not followed the output in time."""

    command: Name
    opened: Name | None = None
    closed: Name | None = None
    within: Duration
    open_value: int = 1


class CountTest(Model):
    """The condition came true so many times within a time."""

    count: AlarmCondition
    times: int = Field(ge=1)
    over: Duration


class StandingTest(Model):
    """Another alarm stands."""

    standing: str
    for_: Duration | None = _FOR


class TripTest(Model):
    """An interlock stands tripped."""

    tripped: Name
    for_: Duration | None = _FOR


class EffectTest(Model):
    """An effect of an interlock's standing trip is missing."""

    effect_missing: Name
    for_: Duration | None = _FOR


class AllTests(Model):
    all: list[AlarmCondition] = Field(min_length=1)
    for_: Duration | None = _FOR


class AnyTest(Model):
    any: list[AlarmCondition] = Field(min_length=1)
    for_: Duration | None = _FOR


class VoteTest(Model):
    vote: int
    of: list[AlarmCondition] = Field(min_length=1)
    for_: Duration | None = _FOR


class NotTest(Model):
    not_: AlarmCondition = Field(alias="not")
    for_: Duration | None = _FOR


FORMS: dict[str, type[Model]] = {
    "all": AllTests,
    "any": AnyTest,
    "vote": VoteTest,
    "not": NotTest,
    "count": CountTest,
    "standing": StandingTest,
    "tripped": TripTest,
    "effect_missing": EffectTest,
    "command": DiscrepancyTest,
    "at_least": LevelTest,
    "at_most": LevelTest,
    "is": StateTest,
    "is_not": StateTest,
    "changes": RateTest,
    "off": DeviationTest,
    "bit": BitTest,
    "quality": QualityTest,
    "stale": StaleTest,
    "frozen": FrozenTest,
    "skew": SkewTest,
}


def shape(value: Any) -> str | None:
    """Which of the forms this is, by its keys."""
    if isinstance(value, Model):
        return f"({type(value).__name__})"
    if not isinstance(value, dict):
        return None
    return next((f"({form.__name__})" for key, form in FORMS.items() if key in value), None)


AlarmCondition = Annotated[
    Annotated[AllTests, Tag("(AllTests)")]
    | Annotated[AnyTest, Tag("(AnyTest)")]
    | Annotated[VoteTest, Tag("(VoteTest)")]
    | Annotated[NotTest, Tag("(NotTest)")]
    | Annotated[CountTest, Tag("(CountTest)")]
    | Annotated[StandingTest, Tag("(StandingTest)")]
    | Annotated[TripTest, Tag("(TripTest)")]
    | Annotated[EffectTest, Tag("(EffectTest)")]
    | Annotated[DiscrepancyTest, Tag("(DiscrepancyTest)")]
    | Annotated[LevelTest, Tag("(LevelTest)")]
    | Annotated[StateTest, Tag("(StateTest)")]
    | Annotated[RateTest, Tag("(RateTest)")]
    | Annotated[DeviationTest, Tag("(DeviationTest)")]
    | Annotated[BitTest, Tag("(BitTest)")]
    | Annotated[QualityTest, Tag("(QualityTest)")]
    | Annotated[StaleTest, Tag("(StaleTest)")]
    | Annotated[FrozenTest, Tag("(FrozenTest)")]
    | Annotated[SkewTest, Tag("(SkewTest)")],
    Discriminator(
        shape,
        custom_error_type="condition",
        custom_error_message=(
            "a condition has `tag` with at_least, at_most, is, is_not, changes, off, bit, quality, stale, "
            "frozen or skew, or it has `command`, `count`, `standing`, `tripped`, `effect_missing`, `all`, "
            "`any`, `vote` and `of` or `not`"
        ),
    ),
]

for _model in (LimitCase, LimitByState, LevelTest, CountTest, AllTests, AnyTest, VoteTest, NotTest):
    _model.model_rebuild()
