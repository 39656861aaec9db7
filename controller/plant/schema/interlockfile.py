"""interlocks.yaml: cause and effect."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from controller.plant.schema.conditions import Condition
from controller.plant.schema.fields import Duration, Model, Name, Prose, Text


class CauseEntry(Model):
    id: Text = Field(description="Stable name of the cause, e.g. 'LT-201<10'")
    text: Text
    when: Condition
    effects: list[int] = Field(default=[], description="Which effects (1 = the first); left out: all")
    latch: bool | None = Field(default=None, description="Other than the interlock's")


class CommandEffectEntry(Model):
    """The service sends the word."""

    command: str
    word: str
    by: Literal["service"]


class WithholdEffectEntry(Model):
    """The service withholds the permission while the trip stands."""

    withhold: str
    by: Literal["service"]


class CheckedEffectEntry(Model):
    """The PLC acts; the service checks that it came in time."""

    by: Literal["plc"]
    text: Text
    when: Condition
    within: Duration


_NAMES: dict[type, str] = {
    CommandEffectEntry: "(command)",
    WithholdEffectEntry: "(withhold)",
    CheckedEffectEntry: "(checked)",
}


def shape(value: Any) -> str | None:
    """Which of the three forms of an effect this is, by its keys."""
    if isinstance(value, dict):
        if "command" in value:
            return "(command)"
        if "withhold" in value:
            return "(withhold)"
        return "(checked)" if value.get("by") == "plc" or "when" in value else None
    return _NAMES.get(type(value))


EffectEntry = Annotated[
    Annotated[CommandEffectEntry, Tag("(command)")]
    | Annotated[WithholdEffectEntry, Tag("(withhold)")]
    | Annotated[CheckedEffectEntry, Tag("(checked)")],
    Discriminator(
        shape,
        custom_error_type="effect",
        custom_error_message=(
            "an effect has `command` and `word` or `withhold`, with `by: service`, "
            "or `by: plc` with `text`, `when` and `within`"
        ),
    ),
]


class ResetEntry(Model):
    by: Literal["automatic", "operator", "local"]
    when: Condition | None = Field(default=None, description="Left out: the cause is gone")
    for_: Duration | None = Field(default=None, alias="for", description="It must hold this long")
    at_least: Duration | None = Field(default=None, description="Not sooner after the trip")


class BypassEntry(Model):
    """Left out means refused."""

    max: Duration
    role: Literal["operator", "engineer", "supervisor", "admin"]
    two_persons: bool = False


class TestEntry(Model):
    interval: Duration


class InterlockEntry(Model):
    """One interlock; `name` comes first on its line."""

    name: Name
    text: Text
    kind: Literal["trip", "permissive"]
    needed: int = Field(default=1, description="How many causes must be true")
    causes: list[CauseEntry] = Field(min_length=1)
    on_unknown: Literal["trip", "hold"] | None = Field(
        default=None, description="What an acting interlock does when it cannot know"
    )
    unknown_delay: Duration = Field(default="30 s", description="Wall time")
    while_: Condition | None = Field(
        default=None, alias="while", description="Evaluated only while this holds"
    )
    effects: list[EffectEntry] = Field(min_length=1)
    latch: bool
    reset: ResetEntry
    bypass: BypassEntry | None = None
    parent: Name | None = Field(default=None, description="The interlock whose trip explains this one")
    hard_wired: bool = False
    help: Prose = ""
    test: TestEntry | None = None
    not_for: list[str] = Field(default=[], description="Twins of its tags and commands, left out on purpose")


class InterlockFile(Model):
    """interlocks.yaml"""

    interlocks: list[InterlockEntry]
