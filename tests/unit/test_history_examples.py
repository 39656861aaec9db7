"""Aggregates, against the worked examples of Part 13, Annex A: every value with its status and its bits."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from controller.opcua.gateway.history import quality
from controller.opcua.gateway.history.aggregates import AGGREGATES, processed
from controller.opcua.gateway.history.intervals import divided
from controller.opcua.gateway.history.quality import Setup
from controller.record.chunks import Rows
from tests.unit.record_rows import T0, S

MS = S // 1000
LINES = (Path(__file__).parent / "part13_examples.txt").read_text().splitlines()
BITS = {
    "c": quality.CALCULATED,
    "i": quality.INTERPOLATED,
    "p": quality.PARTIAL,
    "m": quality.MULTIPLE,
    "g": 0,
    "u": quality.SUBNORMAL,
    "U": 0x40000000,
    "b": quality.BAD,
    "-": quality.BAD_NO_DATA,
}


class Told(NamedTuple):
    time_s: float
    value: float | None
    status: int


def rows(*told: Told) -> Rows:
    n = len(told)
    return Rows(
        np.array([T0 + round(one.time_s * S) for one in told], np.int64),
        np.array([np.nan if one.value is None else one.value for one in told], np.float64),
        np.array([one.status for one in told], np.uint32),
        np.zeros(n, np.uint8),
        np.zeros(n, np.int64),
    )


def word(text: str, time_s: float) -> Told:
    number, letters, _, own_s = re.fullmatch(r"([\d.]*)([a-zU-]+)(@(\d+))?", text).groups()
    status = 0
    for letter in letters:
        status |= BITS[letter]
    return Told(float(own_s) if own_s else time_s, float(number) if number else None, status)


def of_kind(first: str) -> dict[str, list[str]]:
    return {words[1]: words[2:] for words in map(str.split, LINES) if words[0] == first}


HISTORIANS = {
    name: rows(*(word(value, float(at)) for at, value in (text.split("=") for text in texts)))
    for name, texts in of_kind("data").items()
}
SETUPS = {
    name: Setup(
        stepped=stepped == "yes",
        uncertain_is_bad=uncertain == "yes",
        percent_bad=int(bad),
        percent_good=int(good),
        sloped_extrapolation=sloped == "yes",
        resolution_ns=MS,
    )
    for name, (stepped, uncertain, bad, good, sloped) in of_kind("setup").items()
}
NUMBERS = {aggregate.name: aggregate for aggregate in AGGREGATES.values()}
EXAMPLES = [line for line in LINES if line.split(" ", 1)[0] in NUMBERS]


@pytest.mark.parametrize("line", EXAMPLES, ids=lambda line: "-".join(line.split()[::2][:2]))
def test_the_worked_examples_of_the_specification(line: str) -> None:
    name, seconds, historian, *words = line.split()
    width_s = int(seconds)
    expected = [word(text, number * width_s) for number, text in enumerate(words)]
    intervals = divided(T0, T0 + 100 * S, width_s * 1000, 0, 1000)
    answer = processed(NUMBERS[name], HISTORIANS[historian], intervals, SETUPS[historian])
    found = [
        Told((int(time_ns) - T0) / S, round(float(value), 3) if given else None, int(status))
        for time_ns, value, status, given in zip(*answer, strict=True)
    ]
    assert [(told, hex(told.status)) for told in found] == [(told, hex(told.status)) for told in expected]


def test_every_aggregate_has_an_example_or_a_model() -> None:
    shown = {line.split()[0] for line in EXAMPLES}
    assert set(NUMBERS) - shown == {
        "Total",
        "Range",
        "Delta",
        "PercentGood",
        "StandardDeviationPopulation",
        "VarianceSample",
        "VariancePopulation",
    }
