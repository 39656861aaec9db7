"""Everything that `heloop check` finds, one broken place at a time: file, line, column, name and fix.

The mistakes and the exact messages stand in plant_mistakes.txt.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from controller.plant.config import load
from tests.unit.plant_texts import TEXTS, changed, write_plant


class Mistake(NamedTuple):
    story: str
    file: str
    old: str
    new: str
    said: list[str]


def mistakes(file: str) -> list[Mistake]:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    found = []
    for block in text.split("\n## ")[1:]:
        story, file, *lines = block.strip("\n").split("\n")
        old, new, said = ([line[1:] for line in lines if line[0] == mark] for mark in "-+=")
        found.append(
            Mistake(story, file, "".join(f"{x}\n" for x in old), "".join(f"{x}\n" for x in new), said)
        )
    return found


MISTAKES = mistakes("plant_mistakes.txt")


@pytest.mark.parametrize("mistake", MISTAKES, ids=[m.story for m in MISTAKES])
def test_each_mistake_is_told_at_its_place_with_its_fix(tmp_path: Path, mistake: Mistake) -> None:
    loaded = load(write_plant(tmp_path, changed(mistake.file, mistake.old, mistake.new)))

    assert [str(problem).removeprefix(f"{tmp_path}/") for problem in loaded.errors] == mistake.said
    assert loaded.plant is None


def test_a_right_plant_has_nothing_to_say(tmp_path: Path) -> None:
    loaded = load(write_plant(tmp_path))

    assert (loaded.errors, loaded.warnings) == ((), ())
    assert loaded.plant is not None


def test_mistakes_in_three_files_are_all_told_at_once_in_the_order_of_the_files(tmp_path: Path) -> None:
    texts = dict(TEXTS)
    for name in (
        "limit order",
        "missing on unknown",
        "unknown tag in a cause",
        "guard word",
        "unknown key",
        "priority",
    ):
        mistake = next(m for m in MISTAKES if m.story == name)
        texts[mistake.file] = texts[mistake.file].replace(mistake.old, mistake.new)

    loaded = load(write_plant(tmp_path, texts))

    said = [str(problem).removeprefix(f"{tmp_path}/") for problem in loaded.errors]
    assert said == [
        "interlocks.yaml:10:20: S-01, cause LT-201<10: unknown tag LT-210; did you mean LT-201?",
        "interlocks.yaml:39:5: S-02: `on_unknown` is missing; an interlock that acts must say trip or hold",
        "plant.yaml:15:15: run: C-301.CMD has no word 'begin'; it has stop, unload, start",
        "plc_r.yaml:16:5: LT-201: unknown key `scael`; did you mean scale?",
        "plc_r.yaml:25:16: LT-201.L: limit order: L 4 is not above LL 5 %; it must be LL < L < H < HH",
        "plc_r.yaml:45:19: PT-204.LL: priority 4; it is 1 (act now), 2 or 3 (advisory)",
    ]


def test_a_file_that_cannot_be_parsed_does_not_make_its_tags_unknown(tmp_path: Path) -> None:
    texts = changed("plc_r.yaml", "    text: bag level\n", "    text: bag: level\n")

    loaded = load(write_plant(tmp_path, texts))

    assert [problem.message for problem in loaded.errors] == [
        "not valid YAML: mapping values are not allowed in this context"
    ]


def test_a_missing_file_is_the_only_thing_told(tmp_path: Path) -> None:
    write_plant(tmp_path)
    (tmp_path / "plc_r.yaml").unlink()

    assert [str(p).removeprefix(f"{tmp_path}/") for p in load(tmp_path).errors] == [
        "plant.yaml:9:5: there is no file plc_r.yaml beside plant.yaml"
    ]


def test_different_words_are_fine_once_their_order_is_declared(tmp_path: Path) -> None:
    mistake = next(m for m in MISTAKES if m.story == "two words without order")
    texts = changed(mistake.file, mistake.old, mistake.new)
    texts["plc_r.yaml"] = texts["plc_r.yaml"].replace(
        "    text: standby compressor\n", "    text: standby compressor\n    order: safest_first\n"
    )

    assert load(write_plant(tmp_path, texts)).errors == ()


def test_a_twin_left_out_is_a_warning_until_not_for_names_it(tmp_path: Path) -> None:
    second = "      - command: C-351.CMD\n        word: stop\n        by: service\n    latch: false\n"
    alone = changed("interlocks.yaml", second, "    latch: false\n")
    meant = changed("interlocks.yaml", second, "    latch: false\n    not_for:\n      - C-351.CMD\n")

    told = load(write_plant(tmp_path / "alone", alone))
    quiet = load(write_plant(tmp_path / "meant", meant))

    assert [(p.line, p.message) for p in told.warnings] == [
        (49, "S-02: it acts on C-301.CMD but not its twin C-351.CMD; add it, or name it in `not_for`")
    ]
    assert (told.errors, quiet.errors, quiet.warnings) == ((), (), ())
    assert told.plant is not None


def test_a_twin_tag_that_no_cause_watches_is_a_warning(tmp_path: Path) -> None:
    texts = changed("interlocks.yaml", "                - tag: XS-351\n                  is: 9\n", "")
    texts["interlocks.yaml"] = texts["interlocks.yaml"].replace("vote: 2", "vote: 1")

    assert [p.message for p in load(write_plant(tmp_path, texts)).warnings] == [
        "S-01: it watches XS-301 but not its twin XS-351; add it, or name it in `not_for`"
    ]


def test_what_has_no_effect_is_a_warning(tmp_path: Path) -> None:
    texts = changed("interlocks.yaml", "    parent: S-01\n", "    parent: S-01\n    on_unknown: hold\n")
    texts["interlocks.yaml"] = texts["interlocks.yaml"].replace(
        "      - withhold: run\n        by: service\n", ""
    )
    write_plant(tmp_path, texts)
    (tmp_path / "plc_old.yaml").write_text("plc: X\n", encoding="utf-8")

    loaded = load(tmp_path)

    assert [p.message for p in loaded.warnings] == [
        "I-06: `on_unknown` has no meaning here: a mirrored interlock becomes unknown; leave it out",
        "plc_old.yaml is not listed here; add or delete it",
        "run: no interlock withholds it",
    ]
    assert loaded.errors == ()
