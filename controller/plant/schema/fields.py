"""What every model of a plant file has in common: strict, nothing unknown, nothing infinite."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A block of a plant file. Unknown keys are errors; a number is not a text, nor a text a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


NAME_PATTERN = r"^[A-Za-z][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*(\.[A-Za-z0-9_]+)*$"

Name = Annotated[
    str,
    Field(
        max_length=40,
        pattern=NAME_PATTERN,
        description="Letters, digits, '-', '_' and '.'; as on the drawing, e.g. LT-201 or XV-519.ZSC",
    ),
]
Text = Annotated[str, Field(min_length=1, max_length=300, description="For people; one line")]
Prose = Annotated[str, Field(max_length=2000, description="For people")]
Quantity = Annotated[
    float | str,
    Field(description="A number in the tag's unit, or a text with a compatible unit, e.g. '5 mbarg'"),
]
Difference = Annotated[
    float | str,
    Field(description="A difference in the tag's unit, or with a unit, e.g. '0.2 mbar'"),
]
Duration = Annotated[
    float | str,
    Field(description="Seconds, or a text with ms, s, min, h or d, e.g. '10 s'"),
]
Range = Annotated[
    str,
    Field(description="low..high in the tag's unit, e.g. -10..200 or 1e-7..1e3"),
]


class Help(Model):
    """What an operator reads beside an alarm."""

    cause: Prose = Field(default="", description="What likely happened")
    consequence: Prose = Field(default="", description="What happens if nothing is done")
    action: Prose = Field(default="", description="What to do first")
    time: Prose = Field(default="", description="How long there is to act, e.g. '5 min'")
