"""InfluxQL against docs/reference/influx-schema.md, in the subset that 1.x, 2.x and 3 Core serve.

Grafana puts in $timeFilter, $__interval and the variables. Every name is quoted, every text escaped.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

DATASOURCE: Final = {"type": "influxdb", "uid": "${ds}"}
RECENT: Final = "time > now() - 3m"  # held points come every 60 s: two of them may be late
OF_DAYS: Final = "time > now() - 2d"  # what is written per UTC day stands at the day's beginning


def text(value: str) -> str:
    """A string of InfluxQL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def one_of(key: str, names: Sequence[str]) -> str:
    """A condition that a tag has one of these values."""
    if len(names) == 1:
        return f'"{key}" = {text(names[0])}'
    alternatives = "|".join(re.escape(name).replace("/", r"\/").replace(r"\-", "-") for name in names)
    return f'"{key}" =~ /^({alternatives})$/'


def target(query: str, *, ref: str = "A", alias: str = "", table: bool = False) -> dict[str, Any]:
    """One query of a panel. alias: the name of each series, such as $tag_tag."""
    found: dict[str, Any] = {
        "datasource": DATASOURCE,
        "query": query,
        "rawQuery": True,
        "refId": ref,
        "resultFormat": "table" if table else "time_series",
    }
    if alias:
        found["alias"] = alias
    return found


class Queries:
    """The queries of one plant."""

    def __init__(self, plant: str) -> None:
        self._plant = f'"plant" = {text(plant)}'

    def where(self, *terms: str, recent: bool = False, span: str = "$timeFilter") -> str:
        return " AND ".join((self._plant, *terms, RECENT if recent else span))

    def trend(self, tags: Sequence[str]) -> dict[str, Any]:
        """Means per interval of numeric tags, each a series with the tag's name."""
        query = (
            f'SELECT mean("value") FROM "sample" WHERE {self.where(one_of("tag", tags))}'
            ' GROUP BY time($__interval), "tag" fill(previous)'
        )
        return target(query, alias="$tag_tag")

    def states(self, tags: Sequence[str]) -> dict[str, Any]:
        """State texts over time, a series each."""
        query = (
            f'SELECT last("state") FROM "sample" WHERE {self.where(one_of("tag", tags))}'
            ' GROUP BY time($__interval), "tag" fill(none)'
        )
        return target(query, alias="$tag_tag")

    def newest(self, tags: Sequence[str], field: str = "value", ref: str = "A") -> dict[str, Any]:
        """The newest value of each tag."""
        query = (
            f'SELECT last("{field}") FROM "sample" WHERE {self.where(one_of("tag", tags), recent=True)}'
            ' GROUP BY "tag"'
        )
        return target(query, ref=ref, alias="$tag_tag")

    def measured(
        self, measurement: str, field: str, by: str = "", *, function: str = "last", terms: Sequence[str] = ()
    ) -> dict[str, Any]:
        """A field of a measurement over time, a series for each value of the tag `by`."""
        group = f', "{by}"' if by else ""
        query = (
            f'SELECT {function}("{field}") FROM "{measurement}" WHERE {self.where(*terms)}'
            f" GROUP BY time($__interval){group} fill(none)"
        )
        return target(query, alias=f"$tag_{by}" if by else field)

    def now(
        self,
        measurement: str,
        field: str,
        terms: Sequence[str] = (),
        *,
        ref: str = "A",
        function: str = "last",
    ) -> dict[str, Any]:
        """One newest number."""
        query = f'SELECT {function}("{field}") FROM "{measurement}" WHERE {self.where(*terms, recent=True)}'
        return target(query, ref=ref, alias=field)

    def rows(
        self, measurement: str, columns: Sequence[str], terms: Sequence[str] = (), limit: int = 100
    ) -> dict[str, Any]:
        """Points as a table, newest first."""
        chosen = ", ".join(f'"{column}"' for column in columns)
        where = self.where(*terms)
        query = f'SELECT {chosen} FROM "{measurement}" WHERE {where} ORDER BY time DESC LIMIT {limit}'
        return target(query, table=True)

    def newest_of_each(
        self, measurement: str, columns: Sequence[str], by: Sequence[str], only: str
    ) -> dict[str, Any]:
        """The newest point of each series as a table, of those of which `only` is true."""
        inner = ", ".join(f'last("{column}") AS "{column}"' for column in columns)
        tags = ", ".join(f'"{tag}"' for tag in by)
        outer = ", ".join(f'"{column}"' for column in (*by, *columns))
        query = (
            f'SELECT {outer} FROM (SELECT {inner} FROM "{measurement}" WHERE {self.where()}'
            f" GROUP BY {tags}) WHERE {only}"
        )
        return target(query, table=True)

    def counted(self, measurement: str, field: str, by: str, terms: Sequence[str] = ()) -> dict[str, Any]:
        """How many points with the field, per value of a tag, in the time shown."""
        where = self.where(*terms)
        query = f'SELECT count("{field}") AS "count" FROM "{measurement}" WHERE {where} GROUP BY "{by}"'
        return target(query, table=True)
