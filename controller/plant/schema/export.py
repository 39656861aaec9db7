"""The JSON schema of the plant files, for editors."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from controller.plant.schema.alarmfile import AlarmFile
from controller.plant.schema.interlockfile import InterlockFile
from controller.plant.schema.plantfile import PlantFile
from controller.plant.schema.plcfile import PlcFile


def schema_json() -> str:
    """plc_maps/schema.json: one schema for the four kinds of file, told apart by their first key."""
    files: dict[str, type[BaseModel]] = {
        "plant": PlantFile,
        "plc": PlcFile,
        "interlocks": InterlockFile,
        "alarms": AlarmFile,
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
        **definitions,
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
