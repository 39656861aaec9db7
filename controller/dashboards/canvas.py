"""The plant's picture as a Canvas panel: the drawing behind, live values and states over it.

Places are shares of the panel, so that picture and values stay together at any size. The drawing travels in
the dashboard as a data address; Grafana takes an image address as it is when it has ':/' in it, as the
name space in the drawing does.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from controller.dashboards.page import Page
from controller.dashboards.panels import PRIORITY, REST, Panel, plain, steps, unit
from controller.dashboards.queries import Queries
from controller.dashboards.symbols import LABEL_PX, drawing, label_place
from controller.plant.mimic import Equipment, Mimic, Reading
from controller.plant.plant import Plant
from controller.plant.tags import Tag

LETTER_PX: Final = 8  # of a tag's name in front of its value
VALUE_PX: Final = 84
STATE_PX: Final = 120
ROWS: Final = 20


def background(mimic: Mimic) -> str:
    """The drawing as an address for an image."""
    return "data:image/svg+xml;utf8," + quote(drawing(mimic), safe=":/ =-.,;()")


def mimic_panel(page: Page, plant: Plant, mimic: Mimic, queries: Queries) -> Panel:
    """The whole picture. Numbers are query A, states query B."""
    numbers = sorted({plant.tags[reading.tag].name for reading in mimic.readings})
    states = sorted({plant.tags[one.tag].name for one in mimic.equipment if one.tag is not None})
    targets = [queries.newest(numbers)]
    if states:
        targets.append(queries.newest(states, "state", "B"))
    panel = plain(page.say("The plant now"), "canvas", targets, link=page.link("/"))
    elements = [element for reading in mimic.readings for element in _reading(plant, mimic, reading)]
    elements += [_state(plant, mimic, one) for one in mimic.equipment if one.tag is not None]
    panel["fieldConfig"] = {
        "defaults": {
            "color": {"mode": "thresholds"},
            "thresholds": {"mode": "absolute", "steps": steps((), "text")},
        },
        "overrides": [_of_number(plant.tag(name)) for name in numbers]
        + [_of_state(plant.tag(name)) for name in states],
    }
    panel["options"] = {
        "inlineEditing": False,
        "panZoom": False,
        "zoomToContent": False,
        "showAdvancedTypes": True,
        "root": {
            "name": mimic.text,
            "type": "frame",
            "background": {
                "color": {"fixed": "transparent"},
                "image": {"mode": "fixed", "fixed": background(mimic)},
                "size": "fill",
            },
            "border": {"color": {"fixed": "transparent"}},
            "constraint": {"horizontal": "left", "vertical": "top"},
            "placement": {"left": 0, "top": 0, "width": 100, "height": 100, "rotation": 0},
            "elements": elements,
        },
    }
    return panel


def limits_of(tag: Tag) -> list[tuple[str, float, int]]:
    return [(alarm.level, alarm.limit, alarm.priority) for alarm in tag.alarms if alarm.level != "ON"]


def state_colours(tag: Tag) -> dict[str, str]:
    """Text of each state that is an alarm -> the colour of its priority."""
    texts = dict(tag.states)
    return {
        texts.get(int(alarm.limit), f"{alarm.limit:g}"): PRIORITY[alarm.priority]
        for alarm in tag.alarms
        if alarm.level == "ON"
    }


def _of_number(tag: Tag) -> dict[str, Any]:
    span = abs(tag.high - tag.low) or 1.0
    properties: list[dict[str, Any]] = [
        {"id": "unit", "value": unit(tag.unit)},
        {"id": "thresholds", "value": {"mode": "absolute", "steps": steps(limits_of(tag), "text")}},
    ]
    if not 0 < tag.low < 1e-3 * tag.high:  # over many decades Grafana finds the digits itself
        properties.append({"id": "decimals", "value": 0 if span > 1000 else 1 if span > 20 else 2})
    return {"matcher": {"id": "byName", "options": tag.name}, "properties": properties}


def _of_state(tag: Tag) -> dict[str, Any]:
    mappings = [
        {
            "type": "value",
            "options": {
                state: {"text": state, "color": colour, "index": at}
                for at, (state, colour) in enumerate(state_colours(tag).items())
            },
        }
    ]
    return {
        "matcher": {"id": "byName", "options": tag.name},
        "properties": [{"id": "mappings", "value": mappings}],
    }


def _reading(plant: Plant, mimic: Mimic, reading: Reading) -> list[dict[str, Any]]:
    tag = plant.tags[reading.tag]
    x, y = reading.at
    name_px = LETTER_PX * len(tag.name) + 6
    name = _element("text", f"{tag.name} name", mimic, (x, y, name_px, 20), align="left")
    name["config"] |= {"text": {"mode": "fixed", "fixed": tag.name}, "color": {"fixed": REST}}
    value = _element("metric-value", tag.name, mimic, (x + name_px, y, VALUE_PX, 20), align="left")
    value["config"] |= {
        "text": {"mode": "field", "field": tag.name, "fixed": ""},
        "color": {"field": tag.name, "fixed": "text"},
    }
    value["links"] = [
        {"title": tag.text, "url": "${console}/trend?tag=" + quote(tag.name), "targetBlank": True}
    ]
    return [name, value]


def _state(plant: Plant, mimic: Mimic, one: Equipment) -> dict[str, Any]:
    assert one.tag is not None
    tag = plant.tags[one.tag]
    x, y, anchor = label_place(one)
    left = {"start": x, "middle": x - STATE_PX / 2, "end": x - STATE_PX}[anchor]
    align = {"start": "left", "middle": "center", "end": "right"}[anchor]
    box = (left, y + LABEL_PX - 15, STATE_PX, 20)
    element = _element("metric-value", f"{one.name} state", mimic, box, align=align)
    element["config"] |= {
        "text": {"mode": "field", "field": tag.name, "fixed": ""},
        "color": {"field": tag.name, "fixed": "text"},
    }
    return element


def _element(
    kind: str, name: str, mimic: Mimic, box: tuple[float, float, float, float], *, align: str
) -> dict[str, Any]:
    """box: left, top, width, height in the picture's units; kept as shares of each side."""
    left, top, width, height = box
    return {
        "name": name,
        "type": kind,
        "background": {"color": {"fixed": "transparent"}},
        "border": {"color": {"fixed": "transparent"}, "width": 0},
        "config": {"align": align, "valign": "middle", "size": 13},
        "constraint": {"horizontal": "scale", "vertical": "scale"},
        "placement": {
            "left": round(100 * left / mimic.width, 3),
            "right": round(100 * (1 - (left + width) / mimic.width), 3),
            "top": round(100 * top / mimic.height, 3),
            "bottom": round(100 * (1 - (top + height) / mimic.height), 3),
            "rotation": 0,
        },
        "connections": [],
    }
