"""Some thousand inputs nobody would send; `make bench ARGS=fuzz` tries a million, guided by coverage."""

from __future__ import annotations

import random

import pytest

from tests.system.fuzzed import Fuzzed, changed, seeds

INPUTS = 600


@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_the_gateway_refuses_or_answers(seed: int) -> None:
    by, good, fuzzed = random.Random(seed), seeds(), Fuzzed()
    try:
        for number in range(INPUTS):
            data = changed(by.choice(good), by)
            try:
                fuzzed.run(data)
            except Exception as error:
                raise AssertionError(f"input {number} of seed {seed}: {data.hex()}") from error
    finally:
        fuzzed.close()


def test_the_seeds_themselves_are_good() -> None:
    """Else nothing but refusals would be tried."""
    fuzzed = Fuzzed()
    try:
        for one in seeds():
            fuzzed.run(one)
        assert fuzzed.counters.malformed <= 2
        assert fuzzed.counters.requests > 80
    finally:
        fuzzed.close()
