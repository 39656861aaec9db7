"""The JSON schema of the plant files, for editors.

Every block is a definition already. So is here everything else that is written at more than one key
(quantities, durations, the choices of a condition): defined once and referred to.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from controller.plant.schema import alarmconditions, conditions, fields, interlockfile, plcfile, routefile
from controller.plant.schema.alarmfile import AlarmFile, AlarmId, Members, PlainName
from controller.plant.schema.interlockfile import InterlockFile
from controller.plant.schema.mimicfile import MimicFile
from controller.plant.schema.plantfile import PlantFile
from controller.plant.schema.plcfile import PlcFile
from controller.plant.schema.routefile import RouteFile

NAMED: Final[dict[str, Any]] = {
    "NumberOrText": float | str,
    "Name": fields.Name,
    "Text": fields.Text,
    "Prose": fields.Prose,
    "Quantity": fields.Quantity,
    "Difference": fields.Difference,
    "Duration": fields.Duration,
    "Range": fields.Range,
    "AlarmId": AlarmId,
    "Members": Members,
    "PlainName": PlainName,
    "Condition": conditions.Condition,
    "AlarmCondition": alarmconditions.AlarmCondition,
    "Limit": alarmconditions.Limit,
    "PlainLimit": alarmconditions.PlainLimit,
    "Uncertain": alarmconditions.Uncertain,
    "EffectEntry": interlockfile.EffectEntry,
    "KindName": plcfile.KindName,
    "Normal": plcfile.Normal,
    "WayName": routefile.WayName,
    "DayName": routefile.DayName,
    "Language": routefile.Language,
    "Clock": routefile.Clock,
    "Day": routefile.Day,
    "Moment": routefile.Moment,
    "Names": routefile.Names,
    "People": routefile.People,
    "CalendarFile": routefile.CalendarFile,
}
BESIDE: Final = ("title", "description", "default")  # what a place says itself, beside the reference


def schema_json() -> str:
    """plc_maps/schema.json: one schema for the six kinds of file, told apart by their first key."""
    files: dict[str, type[BaseModel]] = {
        "plant": PlantFile,
        "plc": PlcFile,
        "interlocks": InterlockFile,
        "alarms": AlarmFile,
        "mimic": MimicFile,
        "routes": RouteFile,
    }
    refs, definitions = models_json_schema([(model, "validation") for model in files.values()])
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "heloop plant file",
        "type": "object",
        "allOf": [
            {"if": {"required": [key]}, "then": refs[model, "validation"]}  # one branch, one set of hints
            for key, model in files.items()
        ],
        "anyOf": [{"required": [key]} for key in files],
        "$defs": _shared(definitions["$defs"]),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _shared(definitions: dict[str, Any]) -> dict[str, Any]:
    named = {name: _plain(_schema_of(kind)) for name, kind in NAMED.items()}
    exact = {_key(shape, "title", "default"): name for name, shape in named.items()}
    bare = {
        _key(shape, *BESIDE): name
        for name, shape in reversed(named.items())  # of several the first
        if len(shape.keys() - set(BESIDE)) > 1 or "anyOf" in shape or "oneOf" in shape
    }

    def inner(node: Any, own: str) -> Any:
        """The node with references; `own`: the definition that it is, which is not replaced by itself."""
        if isinstance(node, list):
            return [inner(one, "") for one in node]
        if not isinstance(node, dict):
            return node
        name = exact.get(_key(node, "title", "default")) or bare.get(_key(node, *BESIDE))
        if name is not None and name != own:
            said = {key: node[key] for key in BESIDE if key in node and node[key] != named[name].get(key)}
            return {"$ref": f"#/$defs/{name}", **said}
        return {key: inner(value, "") for key, value in node.items()}

    found = {name: inner(_plain(shape), "") for name, shape in definitions.items()}
    found |= {name: inner(shape, name) for name, shape in named.items()}
    return dict(sorted(found.items()))


def _schema_of(kind: Any) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema()
    schema.pop("$defs", None)  # the models in it are there already
    return schema


def _key(node: dict[str, Any], *without: str) -> str:
    return json.dumps({key: node[key] for key in node if key not in without}, sort_keys=True)


def _plain(node: Any, *, of_properties: bool = False) -> Any:
    """Without titles that only repeat the key, and without null: a key has a value or is left out."""
    if isinstance(node, list):
        return [_plain(one) for one in node]
    if not isinstance(node, dict):
        return node
    if of_properties:
        return {key: _plain(value) for key, value in node.items()}
    kept = {
        key: _plain(value, of_properties=key == "properties")
        for key, value in node.items()
        if key not in ("title", "discriminator") and not (key == "default" and value is None)
    }
    choices = kept.get("anyOf")
    if choices is None or {"type": "null"} not in choices:
        return kept
    rest = [one for one in choices if one != {"type": "null"}]
    del kept["anyOf"]
    return {**rest[0], **kept} if len(rest) == 1 else {"anyOf": rest, **kept}
