"""One dashboard: panels placed on Grafana's grid of 24 columns, numbered, with variables and annotations."""

from __future__ import annotations

from typing import Any, Final

from controller.dashboards.panels import PRIORITY, Panel
from controller.dashboards.queries import DATASOURCE, Queries

COLUMNS: Final = 24
SCHEMA: Final = 41


class Page:
    """Panels are placed from left to right and from top to bottom, in rows of their heights."""

    def __init__(self, uid: str, title: str, queries: Queries, words: dict[str, str], console: str) -> None:
        self.uid = uid
        self._title = title
        self._queries = queries
        self._words = words
        self._console = console
        self._panels: list[Panel] = []
        self._x = self._y = self._height = 0

    def say(self, english: str) -> str:
        """In the page's language."""
        return self._words.get(english, english)

    def link(self, place: str) -> dict[str, Any]:
        """A title's way into the console, such as '/trend?tag=LT-201'."""
        return {
            "title": self.say("Open in the console"),
            "type": "link",
            "url": "${console}" + place,
            "targetBlank": True,
            "asDropdown": False,
            "icon": "external link",
            "includeVars": False,
            "keepTime": False,
            "tags": [],
            "tooltip": "",
        }

    def put(self, panel: Panel, width: int, height: int) -> None:
        if self._x + width > COLUMNS:
            self._next_line()
        self._panels.append(
            {
                "id": len(self._panels) + 1,
                "gridPos": {"x": self._x, "y": self._y, "w": width, "h": height},
                **panel,
            }
        )
        self._x += width
        self._height = max(self._height, height)

    def row(self, title: str) -> None:
        """A heading that folds what is below it."""
        self._next_line()
        self._panels.append(
            {
                "id": len(self._panels) + 1,
                "type": "row",
                "title": title,
                "collapsed": False,
                "panels": [],
                "gridPos": {"x": 0, "y": self._y, "w": COLUMNS, "h": 1},
            }
        )
        self._y += 1

    def _next_line(self) -> None:
        self._y += self._height
        self._x = self._height = 0

    def document(self) -> dict[str, Any]:
        return {
            "uid": self.uid,
            "title": self._title,
            "tags": ["heloop"],
            "editable": False,
            "graphTooltip": 1,  # one crosshair for all panels
            "refresh": "10s",
            "schemaVersion": SCHEMA,
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "browser",
            "timepicker": {},
            "version": 1,
            "links": [
                {
                    "title": "heloop",
                    "type": "dashboards",
                    "tags": ["heloop"],
                    "asDropdown": True,
                    "keepTime": True,
                    "includeVars": True,
                    "icon": "external link",
                    "targetBlank": False,
                    "tooltip": "",
                    "url": "",
                }
            ],
            "templating": {"list": self._variables()},
            "annotations": {"list": self._annotations()},
            "panels": self._panels,
        }

    def _variables(self) -> list[dict[str, Any]]:
        return [
            {
                "name": "ds",
                "label": self.say("Data source"),
                "type": "datasource",
                "query": "influxdb",
                "current": {"text": "heloop", "value": "heloop"},
                "hide": 0,
                "multi": False,
                "includeAll": False,
                "options": [],
                "refresh": 1,
                "regex": "",
                "skipUrlSync": False,
            },
            {
                "name": "console",
                "type": "constant",
                "query": self._console,
                "hide": 2,
                "skipUrlSync": True,
            },
        ]

    def _annotations(self) -> list[dict[str, Any]]:
        where = self._queries.where("\"change\" = 'raised'", '"priority" =~ /^[12]$/')
        alarms = f'SELECT "text", "end_ms", "alarm", "priority" FROM "alarm" WHERE {where}'
        where = self._queries.where("\"change\" = 'tripped'")
        trips = f'SELECT "text", "end_ms", "interlock" FROM "interlock" WHERE {where}'
        return [
            _annotation(self.say("Alarm stood"), PRIORITY[2], alarms, "alarm,priority"),
            _annotation(self.say("Trip"), PRIORITY[1], trips, "interlock"),
        ]


def _annotation(name: str, colour: str, query: str, tags: str) -> dict[str, Any]:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "target": {
            "refId": "Anno",
            "query": query,
            "queryType": "tags",
            "fromAnnotations": True,
            "rawQuery": True,
            "textColumn": "text",
            "timeEndColumn": "end_ms",
            "tagsColumn": tags,
        },
    }
