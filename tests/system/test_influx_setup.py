"""`heloop influx setup`: made once, changed where it differs, left alone where it does not."""

from __future__ import annotations

import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from controller.followers.influx.queries import NotAnswered
from controller.followers.influx.setup import set_up
from controller.plant.sinks import Influx
from tests.daemon import free_port
from tests.influxd import Influxd

# --- 1.x, a real one -----------------------------------------------------------------------------


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Influxd]:
    with Influxd(tmp_path / "influx") as running:
        yield running


def policies(server: Influxd) -> dict[str, tuple[str, bool]]:
    (series,) = server.query('SHOW RETENTION POLICIES ON "test"')
    rows = [dict(zip(series["columns"], row, strict=True)) for row in series["values"]]
    return {row["name"]: (row["duration"], row["default"]) for row in rows}


def write(server: Influxd, data: bytes) -> None:
    urllib.request.urlopen(f"{server.url}/write?db=test", data=data, timeout=10).close()


@pytest.mark.needs("influxd")
async def test_on_1_x_it_makes_what_is_missing_and_run_again_nothing(server: Influxd) -> None:
    settings = server.settings()
    done = await set_up(settings)
    assert [sentence.split(":")[0] for sentence in done] == [
        "made the database test",
        "made the retention policy raw",
        "made the retention policy hour",
        "made the continuous query heloop_hour",
    ]
    assert policies(server)["raw"] == (f"{settings.keep_days * 24}h0m0s", True)
    assert await set_up(settings) == ["database test: everything is there already"]


@pytest.mark.needs("influxd")
async def test_on_1_x_it_changes_only_what_differs_and_loses_no_point(server: Influxd) -> None:
    settings = server.settings()
    await set_up(settings)
    write(server, b"sample,tag=LT-201 value=1.0 1767574800000000000")
    assert await set_up(replace(settings, keep_days=0)) == ["changed the retention policy raw: INF"]
    assert policies(server)["raw"] == ("0s", True)
    server.query('DROP CONTINUOUS QUERY "heloop_hour" ON "test"')
    server.query(
        'CREATE CONTINUOUS QUERY "heloop_hour" ON "test" BEGIN SELECT mean("value") INTO "test"."hour"."old" '
        'FROM "test"."raw"."sample" GROUP BY time(1h), * END'
    )
    (said,) = await set_up(replace(settings, keep_days=0))
    assert said.startswith("made the continuous query")
    assert [row[1] for row in server.values('SELECT "value" FROM "sample"')] == [1.0]


# --- 2.x, as its documentation has it ------------------------------------------------------------


@dataclass
class Version2:
    """Keeps what it is given: orgs, buckets, tasks and mappings of /api/v2, with the fields of its reference.

    No InfluxDB 2 can be had here, so that this tells our side of the contract and not the server's.
    """

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    kept: dict[str, list[dict[str, Any]]] = field(
        default_factory=lambda: {"orgs": [{"id": "0a", "name": "o"}], "buckets": [], "tasks": [], "dbrps": []}
    )

    async def answer(self, request: web.Request) -> web.Response:
        kind, *number = request.path.removeprefix("/api/v2/").split("/")
        rows = self.kept[kind]
        if request.method == "GET":
            wanted = {"name": request.query.get("name") or request.query.get("org"), **_mapping(request)}
            found = [row for row in rows if all(row.get(key) == text for key, text in wanted.items() if text)]
            return web.json_response({"content" if kind == "dbrps" else kind: found})
        self.asked.append((request.method, kind))
        document = await request.json()
        if request.method == "PATCH":
            (row,) = [row for row in rows if row["id"] == number[0]]
            row.update(document)
            return web.json_response(row)
        made = {"id": f"{len(self.asked):016x}", **document}
        if kind == "tasks":  # a task's name stands in its text
            made["name"] = document["flux"].split('name: "')[1].split('"')[0]
        rows.append(made)
        return web.json_response(made, status=201)


def _mapping(request: web.Request) -> dict[str, str | None]:
    return {"database": request.query.get("db"), "retention_policy": request.query.get("rp")}


@pytest.fixture
async def version_2() -> AsyncIterator[Version2]:
    server = Version2()
    app = web.Application()
    app.router.add_route("*", "/api/v2/{rest:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    server.url = f"http://127.0.0.1:{port}"
    yield server
    await runner.cleanup()


async def test_on_2_x_buckets_task_and_mappings_are_made_once(version_2: Version2) -> None:
    settings = Influx(mode="v2", url=version_2.url, database="plant", org="o", keep_days=730)
    done = await set_up(settings)
    assert len(done) == 5
    assert [(row["name"], row["retentionRules"][0]["everySeconds"]) for row in version_2.kept["buckets"]] == [
        ("plant", 730 * 86_400),
        ("plant_hour", settings.keep_hour_days * 86_400),
    ]
    mapped = [(row["database"], row["retention_policy"], row["default"]) for row in version_2.kept["dbrps"]]
    assert mapped == [("plant", "raw", True), ("plant", "hour", False)]
    asked = len(version_2.asked)
    assert await set_up(settings) == ["bucket plant: everything is there already"]
    assert len(version_2.asked) == asked


async def test_on_2_x_a_changed_retention_or_task_is_put_right_and_nothing_else(version_2: Version2) -> None:
    settings = Influx(mode="v2", url=version_2.url, database="plant", org="o", keep_days=730)
    await set_up(settings)
    version_2.kept["tasks"][0]["flux"] = "somebody else's"
    del version_2.asked[:]
    done = await set_up(replace(settings, keep_days=30))
    assert done == ["changed the bucket plant: 30d", "changed the task heloop_plant_hour"]
    assert version_2.asked == [("PATCH", "buckets"), ("PATCH", "tasks")]


async def test_on_2_x_an_organization_that_there_is_not_is_named(version_2: Version2) -> None:
    with pytest.raises(NotAnswered, match="no organization 'elsewhere'"):
        await set_up(Influx(mode="v2", url=version_2.url, database="plant", org="elsewhere"))
