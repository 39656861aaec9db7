"""`heloop influx setup`: database or bucket, retention and hourly means; run again it changes nothing.

1.x by InfluxQL. 2.x by its HTTP API: two buckets, a task, DBRP mappings so that InfluxQL works. 3 Core
makes a database at the first write and has no downsampling of its own: only the connection is tried.
"""

from __future__ import annotations

import json
from typing import Any, Final

import aiohttp

from controller.followers.influx.queries import NotAnswered, Queries, name
from controller.followers.influx.targets import session
from controller.followers.secrets import NoSecret
from controller.plant.sinks import Influx

RAW: Final = "raw"
HOUR: Final = "hour"
MEANS: Final = (
    'mean("value") AS "mean", min("value") AS "min", max("value") AS "max", last("value") AS "last"'
)
# A row that comes late by up to half an hour still gets into its hour.
RESAMPLE: Final = "RESAMPLE EVERY 30m FOR 2h"
DAY_S: Final = 86_400


async def set_up(settings: Influx) -> list[str]:
    """What was done and what was there already, a sentence each. Raises NotAnswered."""
    try:
        match settings.mode:
            case "v1":
                async with Queries(settings) as queries:
                    return await _version_1(settings, queries)
            case "v2":
                async with session(settings) as http:
                    return await _version_2(settings, _Api(settings.url, http))
            case _:
                async with Queries(settings) as queries:
                    await queries.ask("SHOW MEASUREMENTS")
                return [f"3 Core answers at {settings.url}; it makes the database with the first write"]
    except (NoSecret, aiohttp.ClientError, OSError) as error:
        raise NotAnswered(f"{settings.url}: {str(error) or 'no answer in time'}") from error


def _days(days: int) -> str:
    return f"{days}d" if days else "INF"


async def _version_1(settings: Influx, queries: Queries) -> list[str]:
    database = settings.database
    raw = settings.retention or RAW
    done: list[str] = []
    there = await queries.ask("SHOW DATABASES")
    if [database] not in [row for series in there for row in series.get("values", [])]:
        await queries.ask(f"CREATE DATABASE {name(database)}", change=True)
        done.append(f"made the database {database}")
    policies = await _policies(queries, database)
    for policy, days, default in ((raw, settings.keep_days, True), (HOUR, settings.keep_hour_days, False)):
        wanted = _days(days)
        rule = (
            f"RETENTION POLICY {name(policy)} ON {name(database)} DURATION {wanted} REPLICATION 1"
            f" {'SHARD DURATION 7d' if not days or days > 30 else 'SHARD DURATION 1d'}"
            f"{' DEFAULT' if default else ''}"
        )
        if policy not in policies:
            await queries.ask(f"CREATE {rule}", change=True)
            done.append(f"made the retention policy {policy}: {wanted}")
        elif policies[policy] != (days * 24, default):
            await queries.ask(f"ALTER {rule}", change=True)
            done.append(f"changed the retention policy {policy}: {wanted}")
    done += await _continuous_query(queries, database, raw)
    return done or [f"database {database}: everything is there already"]


async def _policies(queries: Queries, database: str) -> dict[str, tuple[int, bool]]:
    """Name -> (hours kept, is the default)."""
    found: dict[str, tuple[int, bool]] = {}
    for series in await queries.ask(f"SHOW RETENTION POLICIES ON {name(database)}"):
        for row in series["values"]:
            about = dict(zip(series["columns"], row, strict=True))
            hours, hour, _ = str(about["duration"]).partition("h")  # '17520h0m0s'; '0s' is for ever
            found[about["name"]] = (int(hours) if hour else 0, bool(about["default"]))
    return found


async def _continuous_query(queries: Queries, database: str, raw: str) -> list[str]:
    query = f"heloop_{HOUR}"
    wanted = (  # names of our own settings, quoted
        f"SELECT {MEANS} INTO {name(database)}.{name(HOUR)}.{name('sample')}"  # noqa: S608
        f" FROM {name(database)}.{name(raw)}.{name('sample')} GROUP BY time(1h), *"
    )
    for series in await queries.ask("SHOW CONTINUOUS QUERIES"):
        for row in series.get("values", []):
            if series["name"] == database and row[0] == query:
                if _plain(wanted) in _plain(row[1]):
                    return []
                await queries.ask(f"DROP CONTINUOUS QUERY {name(query)} ON {name(database)}", change=True)
    text = f"CREATE CONTINUOUS QUERY {name(query)} ON {name(database)} {RESAMPLE} BEGIN {wanted} END"
    await queries.ask(text, change=True)
    return [f"made the continuous query {query}: hourly means into {HOUR}"]


def _plain(query: str) -> str:
    """The server writes a query again in its own way: without quotes where they are not needed."""
    return "".join(query.replace('"', "").split()).lower()


def flux_task(settings: Influx) -> str:
    """The hourly means of 2.x."""
    parts = "\n".join(
        f"rows |> aggregateWindow(every: 1h, fn: {how}, createEmpty: false)"
        f' |> set(key: "_field", value: "{how}")'
        f' |> to(bucket: "{settings.database}_{HOUR}", org: "{settings.org}")'
        for how in ("mean", "min", "max", "last")
    )
    return (
        f'option task = {{name: "heloop_{settings.database}_{HOUR}", every: 1h, offset: 5m}}\n'
        f'rows = from(bucket: "{settings.database}") |> range(start: -2h)\n'
        '  |> filter(fn: (r) => r._measurement == "sample" and r._field == "value")\n'
        f"{parts}\n"
    )


async def _version_2(settings: Influx, api: _Api) -> list[str]:
    """By the HTTP API itself: influxdb-client's async client has no buckets, tasks or mappings."""
    orgs = await api.get("/api/v2/orgs", org=settings.org)
    if not orgs.get("orgs"):
        raise NotAnswered(
            f"{settings.url}: there is no organization '{settings.org}', or the token may not see it"
        )
    org = str(orgs["orgs"][0]["id"])
    done: list[str] = []
    raw, hour = settings.database, f"{settings.database}_{HOUR}"
    for bucket, policy, days in ((raw, RAW, settings.keep_days), (hour, HOUR, settings.keep_hour_days)):
        done += await _bucket(api, settings, org, bucket, policy, days)
    task = f"heloop_{settings.database}_{HOUR}"
    there = (await api.get("/api/v2/tasks", orgID=org, name=task)).get("tasks") or []
    flux = flux_task(settings)
    if not there:
        await api.send("POST", "/api/v2/tasks", {"orgID": org, "flux": flux, "status": "active"})
        done.append(f"made the task {task}: hourly means into {hour}")
    elif there[0].get("flux") != flux:
        await api.send("PATCH", f"/api/v2/tasks/{there[0]['id']}", {"flux": flux})
        done.append(f"changed the task {task}")
    return done or [f"bucket {raw}: everything is there already"]


async def _bucket(api: _Api, settings: Influx, org: str, bucket: str, policy: str, days: int) -> list[str]:
    done: list[str] = []
    rules = [{"type": "expire", "everySeconds": days * DAY_S}]
    found = (await api.get("/api/v2/buckets", orgID=org, name=bucket)).get("buckets") or []
    if not found:
        made = await api.send(
            "POST", "/api/v2/buckets", {"orgID": org, "name": bucket, "retentionRules": rules}
        )
        found = [made]
        done.append(f"made the bucket {bucket}: {_days(days)}")
    elif sum(rule.get("everySeconds", 0) for rule in found[0].get("retentionRules", [])) != days * DAY_S:
        await api.send("PATCH", f"/api/v2/buckets/{found[0]['id']}", {"retentionRules": rules})
        done.append(f"changed the bucket {bucket}: {_days(days)}")
    number, database = str(found[0]["id"]), settings.database
    mappings = (await api.get("/api/v2/dbrps", orgID=org, db=database, rp=policy)).get("content") or []
    if not any(one["bucketID"] == number and one["retention_policy"] == policy for one in mappings):
        mapping = {"orgID": org, "bucketID": number, "database": database}
        await api.send(
            "POST", "/api/v2/dbrps", {**mapping, "retention_policy": policy, "default": policy == RAW}
        )
        done.append(f"mapped {database}/{policy} to the bucket {bucket}, for InfluxQL")
    return done


class _Api:
    """Calls of the 2.x HTTP API."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self._url, self._http = url, http

    async def get(self, path: str, **asks: str) -> dict[str, Any]:
        return await self._call("GET", path, asks, None)

    async def send(self, method: str, path: str, document: dict[str, Any]) -> dict[str, Any]:
        return await self._call(method, path, {}, document)

    async def _call(
        self, method: str, path: str, asks: dict[str, str], document: dict[str, Any] | None
    ) -> dict[str, Any]:
        async with self._http.request(method, self._url + path, params=asks, json=document) as answer:
            text = await answer.text()
            if answer.status == 404 and method == "GET":
                return {}  # a list that is filtered by a name that there is not
            if answer.status >= 300:
                raise NotAnswered(f"{self._url}{path}: HTTP {answer.status}: {text[:300]}")
            return dict(json.loads(text)) if text else {}
