"""The dashboards that every plant has: overview, alarms, interlocks, helium, recording, service."""

from __future__ import annotations

from typing import Any, Final

from controller.dashboards.canvas import ROWS, mimic_panel
from controller.dashboards.page import Page
from controller.dashboards.panels import GOOD, PRIORITY, REST, note, number, plain, table, timeline, trend
from controller.dashboards.queries import OF_DAYS, Queries, target
from controller.plant.plant import Plant
from controller.plant.tags import Derived, Kind, Tag

ANY: Final = "\"priority\" = 'all'"
EVERY_PRIORITY: Final = "\"priority\" != 'all'"
WARN: Final[list[dict[str, Any]]] = [{"color": REST, "value": None}, {"color": PRIORITY[2], "value": 1}]
ALARM_STATES: Final = {
    "normal": REST,
    "unacknowledged": PRIORITY[1],
    "acknowledged": PRIORITY[2],
    "returned": PRIORITY[3],
    "latched": PRIORITY[1],
    "latched_acknowledged": PRIORITY[2],
    "shelved": "#4a6fa5",
    "suppressed": "#5b5f77",
    "out_of_service": "#7a5ea8",
}
INTERLOCK_STATES: Final = {
    "clear": REST,
    "granted": REST,
    "tripped": PRIORITY[1],
    "withheld": PRIORITY[2],
    "acknowledged": PRIORITY[2],
    "unknown": "#5b5f77",
    "bypassed": "#7a5ea8",
}


def stocks(plant: Plant) -> list[Tag]:
    """Inventories in kg that are not themselves sums of others."""
    found = [tag for tag in plant.tags if tag.unit == "kg" and isinstance(tag.source, Derived)]
    indices = {tag.index for tag in found}
    return [
        tag
        for tag in found
        if isinstance(tag.source, Derived) and not indices.intersection(tag.source.inputs)
    ]


def total(plant: Plant) -> Tag | None:
    """The inventory that sums up most others."""
    found = [tag for tag in plant.tags if tag.unit == "kg" and isinstance(tag.source, Derived)]
    sums = [tag for tag in found if tag not in stocks(plant)]
    return max(sums, key=lambda tag: tag.high, default=found[0] if len(found) == 1 else None)


def overview(page: Page, plant: Plant, queries: Queries) -> None:
    page.put(note(f"**{plant.text}** · {page.say('Supervision only. Not a safety function.')}"), 24, 2)
    _numbers(page, plant, queries)
    if plant.mimic is not None:
        page.put(mimic_panel(page, plant, plant.mimic, queries), 24, ROWS)
    _standing(page, queries, 12, 9)
    _latest(page, queries, 12, 9)


def _numbers(page: Page, plant: Plant, queries: Queries) -> None:
    """The line of figures on top."""
    alarms = page.link("/alarms")
    for title, field in (("Alarms standing", "standing"), ("Unacknowledged", "unacknowledged")):
        one = [queries.now("alarm_metric", field, [ANY])]
        page.put(number(page.say(title), one, colours=WARN, link=alarms), 3, 3)
    for title, field in (("Shelved", "shelved"), ("Suppressed", "suppressed")):
        one = [queries.now("alarm_metric", field, [ANY])]
        page.put(number(page.say(title), one, link=alarms), 3, 3)
    link = page.link("/interlocks")
    page.put(
        number(page.say("Interlocks tripped"), [_summed(queries, "tripped")], colours=WARN, link=link), 3, 3
    )
    page.put(number(page.say("Bypasses"), [_summed(queries, "bypassed")], colours=WARN, link=link), 3, 3)
    up = target(
        'SELECT sum("up") FROM (SELECT last("up") AS "up" FROM "service" WHERE '
        + queries.where("\"part\" = 'link'", recent=True)
        + ' GROUP BY "name")',
        alias="up",
    )
    count = len(plant.plcs)
    colours: list[dict[str, Any]] = [{"color": PRIORITY[1], "value": None}, {"color": REST, "value": count}]
    page.put(
        number(f"{page.say('Links up')} / {count}", [up], colours=colours, link=page.link("/status")), 3, 3
    )
    whole = total(plant)
    if whole is not None:
        one = [queries.newest([whole.name])]
        link = page.link(f"/trend?tag={whole.name}")
        page.put(number(page.say("Helium in the plant"), one, unit_name="kg", link=link), 3, 3)


def _summed(queries: Queries, field: str) -> dict[str, Any]:
    inner = (
        f'SELECT last("{field}") AS "{field}" FROM "interlock" WHERE '
        + queries.where("\"kind\" = 'trip'", recent=True)
        + ' GROUP BY "interlock"'
    )
    return target(f'SELECT sum("{field}") FROM ({inner})', alias=field)


def _standing(page: Page, queries: Queries, width: int, height: int) -> None:
    columns: dict[str, dict[str, Any]] = {
        "alarm": {
            "links": [
                {
                    "title": page.say("Open in the console"),
                    "url": "${console}/alarms?tag=${__value.raw}",
                    "targetBlank": True,
                }
            ],
            "custom.width": 130,
        },
        "priority": {"custom.width": 70},
        "state": {"custom.width": 140},
        "active": {"custom.hidden": True},
        "Time": {"custom.hidden": True},
    }
    rows = queries.newest_of_each(
        "alarm", ("state", "text", "active"), ("priority", "alarm", "area"), "\"state\" != 'normal'"
    )
    page.put(
        table(page.say("Alarms standing"), [rows], columns=columns, link=page.link("/alarms")), width, height
    )


def _latest(page: Page, queries: Queries, width: int, height: int) -> None:
    rows = queries.rows("event", ("severity", "subject", "text", "user"), limit=50)
    columns: dict[str, dict[str, Any]] = {
        "severity": {"custom.width": 80},
        "subject": {"custom.width": 130},
        "user": {"custom.width": 100},
    }
    page.put(
        table(page.say("Latest events"), [rows], columns=columns, link=page.link("/journal")), width, height
    )


def alarms(page: Page, plant: Plant, queries: Queries) -> None:
    del plant
    link = page.link("/alarms")
    _standing(page, queries, 24, 9)
    flood = [("H", 10.0, 2)]
    announced = [queries.measured("alarm_metric", "announced_10min", terms=[ANY], function="max")]
    page.put(trend(page.say("Flood: more than 10 in 10 minutes"), announced, limits=flood, link=link), 12, 8)
    standing = [queries.measured("alarm_metric", "standing", "priority", terms=[EVERY_PRIORITY])]
    page.put(trend(page.say("Standing by priority"), standing, stacked=True, link=link), 12, 8)
    where = queries.where()
    bars = plain(
        page.say("What was announced"),
        "barchart",
        [
            target(
                f'SELECT count("announced") FROM "alarm" WHERE {where} GROUP BY "priority"',
                alias="$tag_priority",
            )
        ],
        link=link,
    )
    bars["options"] = {"orientation": "horizontal", "showValue": "always", "legend": {"showLegend": False}}
    bars["transformations"] = [{"id": "reduce", "options": {"reducers": ["sum"]}}]
    page.put(bars, 8, 9)
    top = [queries.counted("alarm", "announced", "alarm")]
    page.put(table(page.say("Top alarms of the period"), top, sort_by="count", link=link), 8, 9)
    areas = [queries.counted("alarm", "announced", "area")]
    page.put(table(page.say("Announced by area"), areas, sort_by="count", link=link), 8, 9)
    lines = [queries.measured("alarm", "state", "alarm")]
    page.put(timeline(page.say("When which alarm stood"), lines, ALARM_STATES, link=link), 24, 14)


def interlocks(page: Page, plant: Plant, queries: Queries) -> None:
    link = page.link("/interlocks")
    names = {rule.name: f"{rule.name} {rule.text}" for rule in plant.interlocks}
    lines = [queries.measured("interlock", "state", "interlock")]
    height = min(30, 6 + len(plant.interlocks) // 2)
    page.put(
        timeline(page.say("State of the interlocks"), lines, INTERLOCK_STATES, names, link=link), 24, height
    )
    tripped = ["\"change\" = 'tripped'"]
    columns = ("interlock", "first_out", "causes", "text", "effects", "stood_s")
    page.put(table(page.say("First-out"), [queries.rows("interlock", columns, tripped)], link=link), 24, 10)
    kinds = '"kind" =~ /^(effect|command)\\./'
    rows = [queries.rows("event", ("kind", "subject", "text"), [kinds])]
    page.put(table(page.say("Trips and effects"), rows, link=link), 12, 10)
    kinds = '"kind" =~ /^(bypass|check)\\./'
    rows = [queries.rows("event", ("kind", "subject", "user", "text"), [kinds])]
    page.put(table(page.say("Bypassed or inhibited"), rows, link=link), 12, 10)


def helium(page: Page, plant: Plant, queries: Queries) -> None:
    parts = stocks(plant)
    whole = total(plant)
    names = {tag.name: f"{tag.name} {tag.text}" for tag in parts}
    if parts:
        query = [queries.trend([tag.name for tag in parts])]
        link = page.link(f"/trend?tag={parts[0].name}")
        title = page.say("Where the helium is")
        page.put(trend(title, query, unit_name="kg", names=names, stacked=True, link=link), 16, 12)
        bars = plain(title, "bargauge", [queries.newest([tag.name for tag in parts])], link=link)
        bars["fieldConfig"]["defaults"] = {"unit": "masskg", "color": {"mode": "fixed", "fixedColor": REST}}
        bars["fieldConfig"]["overrides"] = [
            {
                "matcher": {"id": "byName", "options": series},
                "properties": [{"id": "displayName", "value": shown}],
            }
            for series, shown in names.items()
        ]
        bars["options"] = {"orientation": "horizontal", "displayMode": "basic", "showUnfilled": True}
        page.put(bars, 8, 12)
    if whole is not None:
        one = [queries.trend([whole.name])]
        link = page.link(f"/trend?tag={whole.name}")
        page.put(trend(f"{whole.name} {whole.text}", one, unit_name="kg", link=link), 24, 9)
    flows = [tag for tag in plant.tags if tag.kind is Kind.ANALOG and tag.unit in ("Nm3/h", "L/h")]
    for tag in flows:
        page.put(
            trend(
                f"{tag.name} {tag.text}",
                [queries.trend([tag.name])],
                unit_name=tag.unit,
                link=page.link(f"/trend?tag={tag.name}"),
            ),
            8,
            7,
        )


def recording(page: Page, plant: Plant, queries: Queries) -> None:
    del plant
    link = page.link("/status")
    good: list[dict[str, Any]] = [
        {"color": PRIORITY[1], "value": None},
        {"color": PRIORITY[3], "value": 99},
        {"color": GOOD, "value": 99.9},
    ]
    every = ["\"tag\" = 'all'"]
    now = target(
        f'SELECT last("completeness") FROM "recording" WHERE {queries.where(*every, span=OF_DAYS)}', alias="%"
    )
    page.put(number(page.say("Completeness of the day"), [now], unit_name="%", colours=good, link=link), 6, 6)
    for title, field in (("Rows recorded", "archived"), ("Gaps", "gaps")):
        one = target(
            f'SELECT last("{field}") FROM "recording" WHERE {queries.where(*every, span=OF_DAYS)}',
            alias=field,
        )
        page.put(number(page.say(title), [one], link=link), 5, 6)
    late: list[dict[str, Any]] = [{"color": REST, "value": None}, {"color": PRIORITY[2], "value": 60}]
    lag = [queries.now("service", "lag_s", ["\"part\" = 'follower'"], function="max")]
    page.put(
        number(
            page.say("Behind the journal"),
            lag,
            unit_name="s",
            colours=late,
            link=link,
        ),
        4,
        6,
    )
    some: list[dict[str, Any]] = [{"color": REST, "value": None}, {"color": PRIORITY[3], "value": 1}]
    dead = [queries.now("service", "dead", ["\"part\" = 'follower'"], function="max")]
    page.put(number(page.say("Parked lines"), dead, colours=some, link=link), 4, 6)
    where = queries.where("\"tag\" != 'all'", span=OF_DAYS)
    worst = target(
        f'SELECT last("completeness") AS "completeness", last("gap_s") AS "gap_s", last("gaps") AS "gaps"'
        f' FROM "recording" WHERE {where} GROUP BY "tag", "plc"',
        table=True,
    )
    panel = table(page.say("Completeness of the worst tags"), [worst], link=link)
    panel["transformations"] = [
        {"id": "sortBy", "options": {"sort": [{"field": "completeness", "desc": False}]}},
        {"id": "limit", "options": {"limitField": 30}},
    ]
    page.put(panel, 12, 12)
    gaps = queries.rows("gap", ("plc", "reason", "gap_s", "tags", "text"))
    page.put(table(page.say("Gaps"), [gaps], columns={"gap_s": {"unit": "s"}}, link=link), 12, 12)


def service(page: Page, plant: Plant, queries: Queries) -> None:
    link = page.link("/status")
    core = ["\"part\" = 'core'"]
    of_links = ["\"part\" = 'link'"]
    steps_ms = [
        {**queries.measured("service", field, terms=core, function="max"), "refId": ref}
        for ref, field in (("A", "step_ms_p50"), ("B", "step_ms_p99"), ("C", "evaluate_ms_p99"))
    ]
    page.put(trend(page.say("Step of the core"), steps_ms, unit_name="ms", link=link), 12, 8)
    changes = target(
        'SELECT non_negative_derivative(last("changes"), 1s) FROM "service" WHERE '
        + queries.where(*of_links)
        + ' GROUP BY time($__interval), "name" fill(none)',
        alias="$tag_name",
    )
    page.put(trend(page.say("Changes received"), [changes], unit_name="1/s", link=link), 12, 8)
    lag = [queries.measured("service", "lag_s", "name", terms=["\"part\" = 'follower'"], function="max")]
    page.put(trend(page.say("Behind the journal"), lag, unit_name="s", link=link), 12, 8)
    up = queries.measured("service", "up", "name", terms=of_links)
    names = {plc.name: f"{plc.name} {plc.text}" for plc in plant.plcs}
    panel = timeline(page.say("Links"), [up], {}, names, link=link)
    panel["fieldConfig"]["defaults"]["mappings"] = [
        {
            "type": "value",
            "options": {
                "0": {"text": "down", "color": PRIORITY[1], "index": 0},
                "1": {"text": "up", "color": REST, "index": 1},
            },
        }
    ]
    page.put(panel, 12, 8)
    kinds = '"kind" =~ /^notify\\.(delivered|failed|given_up|withdrawn|nobody|unreachable)$/'
    told = [queries.rows("event", ("kind", "subject", "text"), [kinds])]
    page.put(table(page.say("Messages to people"), told, link=link), 24, 10)
