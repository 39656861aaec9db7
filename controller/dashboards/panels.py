"""Panels in Grafana's classic JSON (schemaVersion 39 to 42), as plain dicts, without a place yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from controller.dashboards.queries import DATASOURCE

Panel = dict[str, Any]

# ISA-101: rest is grey; the colours of priority 1, 2 and 3 are for nothing else.
REST: Final = "#8b929c"
SHADES: Final = ("#6b7280", "#8b929c", "#565d68", "#9aa1ab")
PRIORITY: Final = {1: "#e02f44", 2: "#ff9830", 3: "#f2cc0c"}
GOOD: Final = "#5a9e6f"

UNITS: Final = {
    "%": "percent",
    "°C": "celsius",
    "K": "kelvin",
    "kW": "kwatt",
    "s": "s",
    "ms": "ms",
    "min": "m",
    "h": "h",
    "kg": "masskg",
    "L": "litre",
}


def unit(name: str) -> str:
    """Grafana's id of a unit, or the unit as it is."""
    return UNITS.get(name, f"suffix: {name}" if name else "none")


def steps(limits: Sequence[tuple[str, float, int]], rest: str = REST) -> list[dict[str, Any]]:
    """Thresholds from (level, limit, priority): outside a limit its colour, the worse one further out."""
    low = sorted((limit, priority) for level, limit, priority in limits if level in ("L", "LL"))
    high = sorted((limit, priority) for level, limit, priority in limits if level in ("H", "HH"))
    colours = [PRIORITY[priority] for _, priority in low] + [rest] + [PRIORITY[p] for _, p in high]
    values: list[float | None] = [None, *(limit for limit, _ in low), *(limit for limit, _ in high)]
    return [{"color": colour, "value": value} for colour, value in zip(colours, values, strict=True)]


def plain(title: str, kind: str, targets: Sequence[dict[str, Any]], **more: Any) -> Panel:
    """What every panel has. A title leads to the console where `link` is given."""
    panel: Panel = {
        "title": title,
        "type": kind,
        "datasource": DATASOURCE,
        "targets": list(targets),
        "fieldConfig": {"defaults": {}, "overrides": []},
        "options": {},
    }
    link = more.pop("link", None)
    if link is not None:
        panel["links"] = [link]
    panel.update(more)
    return panel


def trend(
    title: str,
    targets: Sequence[dict[str, Any]],
    *,
    unit_name: str = "",
    limits: Sequence[tuple[str, float, int]] = (),
    names: Mapping[str, str] | None = None,
    stacked: bool = False,
    **more: Any,
) -> Panel:
    """Values over time. limits are drawn as dashed lines; names: series -> what the legend says."""
    panel = plain(title, "timeseries", targets, **more)
    custom: dict[str, Any] = {
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": 180_000,  # longer is a gap, and is to be seen as one
        "fillOpacity": 25 if stacked else 0,
        "thresholdsStyle": {"mode": "dashed" if limits else "off"},
    }
    if stacked:
        custom["stacking"] = {"mode": "normal", "group": "A"}
    inner = [limit for level, limit, _ in limits if level in ("L", "H")]
    if inner:
        custom["axisSoftMin"], custom["axisSoftMax"] = min(inner), max(inner)
    panel["fieldConfig"]["defaults"] = {
        "unit": unit(unit_name),
        "custom": custom,
        "color": {"mode": "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps(limits)},
    }
    panel["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byName", "options": series},
            "properties": [{"id": "displayName", "value": shown}],
        }
        for series, shown in (names or {}).items()
    ]
    panel["options"] = {
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": len(names or {}) != 1},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    return panel


def number(
    title: str,
    targets: Sequence[dict[str, Any]],
    *,
    unit_name: str = "",
    colours: Sequence[dict[str, Any]] = ({"color": REST, "value": None},),
    text_of: Mapping[str, str] | None = None,
    **more: Any,
) -> Panel:
    """One large number, coloured by its thresholds."""
    panel = plain(title, "stat", targets, **more)
    panel["fieldConfig"]["defaults"] = {
        "unit": unit(unit_name),
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": list(colours)},
        "mappings": [
            {
                "type": "value",
                "options": {
                    value: {"text": shown, "index": at}
                    for at, (value, shown) in enumerate((text_of or {}).items())
                },
            }
        ]
        if text_of
        else [],
    }
    panel["options"] = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    }
    return panel


def timeline(
    title: str,
    targets: Sequence[dict[str, Any]],
    colours: Mapping[str, str],
    names: Mapping[str, str] | None = None,
    **more: Any,
) -> Panel:
    """States over time; colours: state text -> colour, anything else in grey."""
    panel = plain(title, "state-timeline", targets, **more)
    panel["fieldConfig"]["defaults"] = {
        "custom": {"fillOpacity": 70, "lineWidth": 0, "spanNulls": 180_000},
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": [{"color": REST, "value": None}]},
        "mappings": [
            {
                "type": "value",
                "options": {
                    state: {"text": state, "color": colour, "index": at}
                    for at, (state, colour) in enumerate(colours.items())
                },
            }
        ],
    }
    panel["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byName", "options": series},
            "properties": [{"id": "displayName", "value": shown}],
        }
        for series, shown in (names or {}).items()
    ]
    panel["options"] = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.85,
        "legend": {"showLegend": False, "displayMode": "list", "placement": "bottom"},
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return panel


def table(
    title: str,
    targets: Sequence[dict[str, Any]],
    *,
    columns: Mapping[str, Mapping[str, Any]] | None = None,
    sort_by: str = "",
    first: int = 0,
    **more: Any,
) -> Panel:
    """Rows. columns: field -> properties (width, links, unit); sort_by, first: the largest so many."""
    panel = plain(title, "table", targets, **more)
    panel["fieldConfig"]["defaults"] = {"custom": {"align": "auto", "filterable": True}}
    panel["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byName", "options": column},
            "properties": [{"id": key, "value": value} for key, value in properties.items()],
        }
        for column, properties in (columns or {}).items()
    ]
    panel["options"] = {"showHeader": True, "cellHeight": "sm"}
    if sort_by:
        panel["transformations"] = [
            {"id": "sortBy", "options": {"sort": [{"field": sort_by, "desc": True}]}},
            {"id": "limit", "options": {"limitField": first or 10}},
        ]
    return panel


def note(content: str) -> Panel:
    """A text that is always there."""
    panel = plain("", "text", [])
    panel["options"] = {"mode": "markdown", "content": content}
    panel["transparent"] = True
    return panel
