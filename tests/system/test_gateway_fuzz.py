"""Some thousand inputs nobody would send; `make bench ARGS=fuzz` tries a million, guided by coverage."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.system.fuzzed import Fuzzed, changed, seeds

INPUTS = 600


@pytest.mark.parametrize("services", ["none", "real"])
@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_the_gateway_refuses_or_answers(seed: int, services: str, tmp_path: Path) -> None:
    by, good = random.Random(seed), seeds()
    fuzzed = Fuzzed(tmp_path if services == "real" else None)
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
