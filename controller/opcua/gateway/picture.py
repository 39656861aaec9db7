"""What the core says of interlocks, commands, PLCs and itself, asked for everybody.

It is asked when the journal has something new, since that is when they change, and once a second for what
only passes (times left, counts). Values of tags come by the feed; these are few, and answered from memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import ua

from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.space.types import BYPASS_STATES, DEMANDS, INTERLOCK_STATES
from controller.opcua.gateway.values import Values

PERIOD_S: Final = 1.0
GAP_S: Final = 0.2  # between two questions, also in a storm of events: the core has other things to do
_V: Final = ua.VariantType
_Codes: Final = ua.StatusCodes
Row = Mapping[str, Any]


class Picture:
    """`follow` runs beside everything; the rest answers from what it last heard."""

    def __init__(self, orders: Orders, values: Values) -> None:
        self._orders = orders
        self._values = values
        self._status: dict[str, Any] = {}
        self._rows: dict[str, dict[str, Row]] = {}
        self._at = datetime.now(UTC)
        self._until_s = 0.0
        self._waiting: list[asyncio.Future[None]] = []
        self.gateway: Callable[[], Mapping[str, int]] = dict  # counts of the gateway itself, by part

    async def follow(self) -> None:
        """Runs until cancelled."""
        news = asyncio.Event()
        unwatch = self._values.watch_journal(lambda _: news.set())
        try:
            while True:
                news.clear()
                waiting, self._waiting = self._waiting, []
                reply = await self._orders.query("status")
                if reply.accepted:
                    self.take(dict(reply.data))
                for one in waiting:
                    if not one.done():
                        one.set_result(None)
                await asyncio.sleep(GAP_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PERIOD_S - GAP_S):
                        await news.wait()
        finally:
            unwatch()

    def renewed(self) -> asyncio.Future[None]:
        """Done when the core has answered a question that was not asked yet."""
        self._waiting.append(asyncio.get_running_loop().create_future())
        return self._waiting[-1]

    def take(self, status: dict[str, Any]) -> None:
        """The core's answer to `status`."""
        self._status = status
        self._rows = {
            kind: {str(row[key]): row for row in status.get(kind, ())}
            for kind, key in (
                *(("interlocks", "name"), ("commands", "name"), ("permissives", "name")),
                *(("plcs", "plc"), ("links", "plc")),
            )
        }
        self._rows["bypasses"] = {
            f"{row['interlock']} {row['kind']}": row for row in status.get("bypasses", ())
        }
        self._at = datetime.now(UTC)
        self._until_s = time.monotonic() + 5 * PERIOD_S

    @property
    def fresh(self) -> bool:
        return time.monotonic() < self._until_s

    @property
    def status(self) -> Row:
        """The last answer; empty before the first."""
        return self._status

    # --- values of parts (space/types.py) ------------------------------------------------------

    def interlock(self, name: str, part: str) -> ua.DataValue:
        row = self._rows.get("interlocks", {}).get(name)
        if part.startswith("Bypass/"):
            return self._bypass(name, part.partition("/")[2])
        if part.startswith("EffectCheck/"):
            return self._check(name, part.partition("/")[2])
        if row is None:
            return self._shown(None, _V.Null)
        values: dict[str, tuple[Any, ua.VariantType]] = {
            "State": (INTERLOCK_STATES.index(row["state"]), _V.UInt32),
            "Demand": (DEMANDS.index(row["demand"]), _V.UInt32),
            "FirstOut": (row["first_out"], _V.String),
            "LastFirstOut": (row["last_first_out"], _V.String),
            "TrippedAt": (_utc(row["since_utc_ns"]), _V.DateTime),
            "Reason": (row["reason"], _V.String),
            "Latched": (row["latched"], _V.Boolean),
            "Acknowledged": (row["acknowledged"], _V.String),
            "Resettable": (row["resettable"], _V.Boolean),
            "NotResettable": (row["not_resettable"], _V.String),
            "TripCount": (row["trips"], _V.UInt32),
            "TripCount24h": (row["trips_24h"], _V.UInt32),
        }
        return self._shown(*values[part])

    def _bypass(self, name: str, part: str) -> ua.DataValue:
        granted = self._rows.get("bypasses", {}).get(f"{name} bypass")
        asked = self._rows.get("bypasses", {}).get(f"{name} asked")
        state = "bypassed" if granted else "asked" if asked else "none"
        row: Row = granted or asked or {}
        values: dict[str, tuple[Any, ua.VariantType]] = {
            "State": (BYPASS_STATES.index(state), _V.UInt32),
            "User": (row.get("user", ""), _V.String),
            "ConfirmedBy": (row.get("confirmed_by", ""), _V.String),
            "Reason": (row.get("reason", ""), _V.String),
            "Until": (_utc(row.get("until_utc_ns")), _V.DateTime),
            "RemainingTime": (float(row.get("remaining_s") or 0.0) * 1000.0, _V.Double),
        }
        return self._shown(*values[part])

    def _check(self, name: str, part: str) -> ua.DataValue:
        row: Row = self._rows.get("bypasses", {}).get(f"{name} check inhibited", {})
        values: dict[str, tuple[Any, ua.VariantType]] = {
            "Inhibited": (bool(row), _V.Boolean),
            "User": (row.get("user", ""), _V.String),
            "Reason": (row.get("reason", ""), _V.String),
            "Until": (_utc(row.get("until_utc_ns")), _V.DateTime),
        }
        return self._shown(*values[part])

    def command(self, name: str, part: str) -> ua.DataValue:
        row = self._rows.get("commands", {}).get(name)
        if row is None:
            return self._shown(None, _V.Null)
        values: dict[str, tuple[Any, ua.VariantType]] = {
            "Word": (row["word"], _V.String),
            "Result": (row["result"], _V.String),
            "How": (row["how"], _V.String),
            "OnItsWay": (row["on_its_way"], _V.String),
            "SentAt": (_utc(row["utc_ns"]), _V.DateTime),
            "Local": (bool(row["local"]), _V.Boolean),
        }
        return self._shown(*values[part])

    def permissive(self, name: str, part: str) -> ua.DataValue:
        row = self._rows.get("permissives", {}).get(name)
        by = [] if row is None else list(row["withheld_by"])
        value = (bool(by), _V.Boolean) if part == "Withheld" else (by, _V.String)
        return self._shown(*(value if row is not None else (None, _V.Null)))

    def plc(self, name: str, part: str) -> ua.DataValue:
        link = self._rows.get("links", {}).get(name, {})
        life = self._rows.get("plcs", {}).get(name, {})
        fresh = link.get("fresh_s")
        values: dict[str, tuple[Any, ua.VariantType]] = {
            "Connected": (link.get("up"), _V.Boolean),
            "Life": (life.get("life"), _V.String),
            "Reason": (life.get("reason"), _V.String),
            "Remote": (life.get("remote"), _V.Boolean),
            "Fenced": (life.get("fenced"), _V.Boolean),
            "FreshTime": (None if fresh is None else fresh * 1000.0, _V.Double),
            "Changes": (link.get("changes"), _V.UInt64),
            "Notifications": (link.get("notifications"), _V.UInt64),
            "QueueOverflows": (link.get("overflows"), _V.UInt64),
            "Gaps": (link.get("gaps"), _V.UInt64),
            "Reconnects": (link.get("reconnects"), _V.UInt64),
            "BadNodes": ([str(one) for one in link.get("bad_nodes") or ()], _V.String),
            "Writes": (link.get("writes"), _V.UInt64),
            "WritesFailed": (link.get("writes_failed"), _V.UInt64),
        }
        return self._shown(*values[part])

    def service(self, part: str) -> ua.DataValue:
        service, counts = self._status.get("service", {}), self._status.get("values", {})
        loop, journal = self._status.get("loop", {}), self._status.get("journal", {})
        if part in {"FeedConnected", "Reason"}:
            own = (
                (self._values.up, _V.Boolean)
                if part == "FeedConnected"
                else (self._values.why_down, _V.String)
            )
            return ua.DataValue(ua.Variant(*own))
        if (count := self.gateway().get(part)) is not None:
            return ua.DataValue(ua.Variant(count, _V.UInt32))
        values: dict[str, tuple[Any, ua.VariantType]] = {
            "Ready": (service.get("ready"), _V.Boolean),
            "UpTime": (float(service.get("up_s", 0.0)) * 1000.0, _V.Double),
            "JournalNumber": (journal.get("seq"), _V.UInt64),
            "ValuesGood": (counts.get("good"), _V.UInt32),
            "ValuesUncertain": (counts.get("uncertain"), _V.UInt32),
            "ValuesBad": (counts.get("bad"), _V.UInt32),
            "StepTimeP99": (loop.get("step_ms_p99"), _V.Double),
            "RowsDropped": (journal.get("rows_dropped"), _V.UInt64),
        }
        return self._shown(*values[part])

    def _shown(self, value: Any, kind: ua.VariantType) -> ua.DataValue:
        """None is a null; without a fresh answer the last value is kept and Bad."""
        code = (
            0
            if self.fresh
            else _Codes.BadNoCommunication
            if self._status
            else _Codes.BadWaitingForInitialData
        )
        return ua.DataValue(
            ua.Variant() if value is None else ua.Variant(value, kind),
            ua.StatusCode(ua.UInt32(code)),
            SourceTimestamp=self._at,  # type: ignore[arg-type]  # asyncua's DateTime is a datetime
        )


def _utc(ns: int | None) -> datetime | None:
    return None if not ns else datetime.fromtimestamp(ns / 1e9, UTC)
