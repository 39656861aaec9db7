"""The schema that editors use is current, and the reference page names every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

from controller.plant.config import load
from controller.plant.gas import FUNCTIONS
from controller.plant.schema.export import schema_json
from controller.plant.units import UNITS

ROOT = Path(__file__).parents[2]


PAGE = (ROOT / "docs/reference/plant-files.md").read_text(encoding="utf-8")


def test_the_committed_schema_is_what_the_models_say() -> None:
    assert (ROOT / "plc_maps/schema.json").read_text(encoding="utf-8") == schema_json()


def test_each_kind_of_file_has_a_branch_of_its_own() -> None:
    schema = json.loads(schema_json())
    branches = {branch["if"]["required"][0]: branch["then"]["$ref"] for branch in schema["allOf"]}
    assert branches == {
        "plant": "#/$defs/PlantFile",
        "plc": "#/$defs/PlcFile",
        "interlocks": "#/$defs/InterlockFile",
        "alarms": "#/$defs/AlarmFile",
    }


def test_the_reference_page_names_every_key() -> None:
    keys = {
        (model, key)
        for model, definition in json.loads(schema_json())["$defs"].items()
        for key in definition.get("properties", {})
    }
    assert len(keys) > 100
    missing = sorted(f"{model}.{key}" for model, key in keys if f"`{key}`" not in PAGE)
    assert not missing, f"docs/reference/plant-files.md does not explain {missing}"


def test_the_reference_page_names_every_unit_and_every_function() -> None:
    assert sorted(unit for unit in UNITS if f"`{unit}`" not in PAGE) == []
    assert sorted(name for name in FUNCTIONS if f"`{name}(" not in PAGE) == []


def test_the_plant_on_the_reference_page_is_right(tmp_path: Path) -> None:
    files = re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", PAGE, re.DOTALL)
    assert [name for name, _ in files] == ["plant.yaml", "plc_r.yaml", "interlocks.yaml", "alarms.yaml"]
    for name, text in files:
        (tmp_path / name).write_text(text, encoding="utf-8")

    loaded = load(tmp_path)

    assert (loaded.errors, loaded.warnings) == ((), ())
    assert loaded.counts == {"tags": 10, "plcs": 1, "interlocks": 2, "alarms": 6}
