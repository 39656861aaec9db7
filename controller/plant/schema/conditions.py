"""Conditions: one tag against a limit or a set of states, joined by all, any, vote and not."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from controller.plant.schema.fields import Difference, Duration, Model, Name, Quantity


class TagTest(Model):
    """One tag: exactly one of below, above, at_most, at_least, is."""

    tag: Name
    below: Quantity | None = Field(default=None, description="Smaller than")
    above: Quantity | None = Field(default=None, description="Greater than")
    at_most: Quantity | None = Field(default=None, description="Smaller or equal")
    at_least: Quantity | None = Field(default=None, description="Greater or equal")
    is_: int | list[int] | None = Field(
        default=None, alias="is", description="State or switch: the value, or a list of values"
    )
    for_: Duration | None = Field(
        default=None, alias="for", description="It must hold this long (plant time)"
    )
    hysteresis: Difference | None = Field(default=None, description="Stays true until back by this much")
    hold: Duration | None = Field(
        default=None, description="The last verdict stands in this long when the value is not Good"
    )


class TrippedTest(Model):
    """Another interlock stands tripped."""

    tripped: Name


class AllOf(Model):
    all: list[Condition] = Field(min_length=1)
    for_: Duration | None = Field(default=None, alias="for")


class AnyOf(Model):
    any: list[Condition] = Field(min_length=1)
    for_: Duration | None = Field(default=None, alias="for")


class VoteOf(Model):
    """`vote: 2` of the conditions in `of`."""

    vote: int
    of: list[Condition] = Field(min_length=1)
    for_: Duration | None = Field(default=None, alias="for")


class NotOf(Model):
    not_: Condition = Field(alias="not")


_SHAPES = {"tag": "(tag)", "tripped": "(tripped)", "all": "(all)", "any": "(any)"}
_MODELS = {TagTest: "(tag)", TrippedTest: "(tripped)", AllOf: "(all)", AnyOf: "(any)", VoteOf: "(vote)"}


def shape(value: Any) -> str | None:
    """Which of the condition's forms this is, by its keys."""
    if not isinstance(value, dict):
        return _MODELS.get(type(value), "(not)") if isinstance(value, Model) else None
    for key, name in _SHAPES.items():
        if key in value:
            return name
    if "vote" in value or "of" in value:
        return "(vote)"
    return "(not)" if "not" in value else None


Condition = Annotated[
    Annotated[TagTest, Tag("(tag)")]
    | Annotated[TrippedTest, Tag("(tripped)")]
    | Annotated[AllOf, Tag("(all)")]
    | Annotated[AnyOf, Tag("(any)")]
    | Annotated[VoteOf, Tag("(vote)")]
    | Annotated[NotOf, Tag("(not)")],
    Discriminator(
        shape,
        custom_error_type="condition",
        custom_error_message="a condition has `tag`, `all`, `any`, `vote` and `of`, `not` or `tripped`",
    ),
]

for _model in (AllOf, AnyOf, VoteOf, NotOf):
    _model.model_rebuild()
