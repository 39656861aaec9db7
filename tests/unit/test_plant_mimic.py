"""mimic.yaml: the picture is checked like everything else, and every mistake is told at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.plant.config import load
from controller.plant.mimic import Fluid, Side, Symbol
from tests.unit.plant_texts import TEXTS, write_plant

GOOD = """\
mimic: bag and compressor
size: [400, 200]
equipment:
  - name: bag
    symbol: bag
    text: gas bag
    at: [20, 60]
    size: [100, 80]
    label: inside
  - name: c301
    symbol: compressor
    text: C-301
    at: [220, 70]
    size: [60, 60]
    tag: XS-301
pipes:
  - fluid: impure
    points: [[120, 100], [220, 100]]
readings:
  - tag: LT-201
    at: [40, 90]
"""


def said(tmp_path: Path, text: str) -> list[str]:
    folder = write_plant(tmp_path, {**TEXTS, "mimic.yaml": text})
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in load(folder).errors]


def test_a_picture_has_its_equipment_pipes_and_readings(tmp_path: Path) -> None:
    plant = load(write_plant(tmp_path, {**TEXTS, "mimic.yaml": GOOD})).plant
    assert plant is not None
    assert plant.mimic is not None
    bag, c301 = plant.mimic.equipment
    assert (bag.symbol, bag.label, bag.tag) == (Symbol.BAG, Side.INSIDE, None)
    assert (c301.at, c301.size, c301.tag) == ((220, 70), (60, 60), plant.index["XS-301"])
    assert plant.mimic.pipes[0].fluid is Fluid.IMPURE
    assert plant.mimic.readings[0].tag == plant.index["LT-201"]


def test_a_plant_without_a_picture_is_a_plant(tmp_path: Path) -> None:
    plant = load(write_plant(tmp_path, TEXTS)).plant
    assert plant is not None
    assert plant.mimic is None


@pytest.mark.parametrize(
    ("old", "new", "place", "told"),
    [
        ("tag: LT-201", "tag: LT-210", "20:10", "there is no tag 'LT-210'; did you mean LT-201?"),
        ("tag: XS-301", "tag: XS-310", "15:10", "there is no tag 'XS-310'"),
        ("at: [40, 90]", "at: [440, 90]", "21:5", "440, 90 is off the sheet of 400 by 200"),
        ("size: [60, 60]", "size: [260, 60]", "14:5", "480, 130 is off the sheet"),
        ("[220, 100]]", "[220, 300]]", "18:26", "220, 300 is off the sheet"),
        ("symbol: compressor", "symbol: pump", "11:13", "compressor"),
        ("fluid: impure", "fluid: water", "17:12", "impure"),
        ("at: [20, 60]", "at: [20]", "7:5", "at"),
        ("    label: inside\n", "    side: inside\n", "9:5", "side"),
        ("size: [400, 200]", "size: [0, 200]", "2:1", "width and height"),
    ],
)
def test_a_mistake_is_told_at_its_place(tmp_path: Path, old: str, new: str, place: str, told: str) -> None:
    assert old in GOOD
    problems = said(tmp_path, GOOD.replace(old, new, 1))
    assert any(problem.startswith(f"mimic.yaml:{place}") and told in problem for problem in problems), (
        problems
    )


def test_a_file_without_its_first_key_says_so(tmp_path: Path) -> None:
    (problem,) = said(tmp_path, "readings: []\n")
    assert "the file must have `mimic:`" in problem
