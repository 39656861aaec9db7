"""The schema that editors use is current, and the reference page names every key."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.plant.config import load
from controller.plant.gas import FUNCTIONS
from controller.plant.parse import read_document
from controller.plant.problems import Problems
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
        "mimic": "#/$defs/MimicFile",
        "routes": "#/$defs/RouteFile",
    }


def test_what_is_written_at_many_keys_is_defined_once() -> None:
    """An editor loads it at each keystroke; conditions stand in it once, not at each use."""
    text = schema_json()
    assert text.count("\n") < 3800
    definitions = json.loads(text)["$defs"]
    refs = set(re.findall(r'"#/\$defs/(\w+)"', text))
    assert refs == set(definitions)
    for form in ("AllTests", "AllOf", "NotTest"):
        assert len(json.dumps(definitions[form])) < 500


@pytest.mark.parametrize(
    "path", sorted((ROOT / "plc_maps").glob("*/*.yaml")), ids=lambda p: "-".join(p.parts[-2:])
)
def test_the_plants_that_come_along_fit_the_schema(path: Path) -> None:
    schema = json.loads(schema_json())
    root = read_document(str(path), path.name, path.read_bytes(), Problems()).root
    assert list(wrong(root, schema, schema["$defs"])) == []


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"alarms": [{"name": "A"}]}, "alarms/0: text is missing"),
        ({"alarms": [], "annunciator": {"flood": 3}}, "annunciator: flood is not known"),
        ({"alarms": [], "annunciator": {"grouped": None}}, "annunciator/grouped: None"),
        ({"interlocks": [{"effects": [{"by": "nobody"}]}]}, "interlocks/0/effects/0: none of the choices"),
    ],
)
def test_an_editor_would_show_the_mistake(block: dict[str, Any], told: str) -> None:
    schema = json.loads(schema_json())
    assert told in list(wrong(block, schema, schema["$defs"]))


def wrong(value: Any, schema: dict[str, Any], defs: dict[str, Any], at: str = "") -> Iterator[str]:
    """What a JSON schema checker says; as much of one as our schema needs."""
    if ref := schema.get("$ref"):
        yield from wrong(value, defs[ref.rpartition("/")[2]], defs, at)
    for part in schema.get("allOf", ()):
        if all(key in value for key in part["if"]["required"]):
            yield from wrong(value, part["then"], defs, at)
    choices = schema.get("anyOf") or schema.get("oneOf") or ()
    if choices and not any(not list(wrong(value, one, defs, at)) for one in choices):
        yield f"{at}: none of the choices"
    if not _fits(value, schema):
        yield f"{at}: {value}"
    if isinstance(value, dict):
        yield from wrong_keys(value, schema, defs, at)
    for number, item in enumerate(value if isinstance(value, list) else ()):
        yield from wrong(item, schema.get("items", {}), defs, f"{at}/{number}")


def _fits(value: Any, schema: dict[str, Any]) -> bool:
    number = not isinstance(value, bool)
    types = {
        "object": isinstance(value, dict),
        "array": isinstance(value, list),
        "string": isinstance(value, str),
        "integer": isinstance(value, int) and number,
        "number": isinstance(value, int | float) and number,
        "boolean": isinstance(value, bool),
    }
    if not types.get(schema.get("type", ""), True):
        return False
    if value not in schema.get("enum", (value,)) or value != schema.get("const", value):
        return False
    return not isinstance(value, str) or re.search(schema.get("pattern", ""), value) is not None


def wrong_keys(value: dict[Any, Any], schema: dict[str, Any], defs: dict[str, Any], at: str) -> Iterator[str]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    yield from (f"{at}: {key} is missing" for key in schema.get("required", ()) if key not in value)
    for key, item in value.items():
        below = f"{at}/{key}" if at else str(key)
        if key in known:
            yield from wrong(item, known[key], defs, below)
        elif others is False:
            yield f"{at}: {key} is not known"
        else:
            yield from wrong(item, others or {}, defs, below)


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
    assert loaded.counts == {"tags": 10, "plcs": 1, "interlocks": 2, "alarms": 12}
