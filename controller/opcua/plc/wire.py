"""OPC UA values from Python's own types: asyncua names a type of its own for each, and takes any."""

from __future__ import annotations

from datetime import datetime
from typing import Final, cast

from asyncua import ua

GOOD: Final = ua.StatusCode()


def node_id(identifier: int | str, namespace: int = 0) -> ua.NodeId:
    return ua.NodeId(cast("ua.Int32", identifier), cast("ua.Int16", namespace))


def status_code(code: int) -> ua.StatusCode:
    return ua.StatusCode(cast("ua.UInt32", code)) if code else GOOD


def data_value(value: ua.Variant | None, code: int, at: datetime | None) -> ua.DataValue:
    """With `at` as source and server time alike: a PLC's server stamps both in the same scan."""
    time = cast("ua.DateTime | None", at)
    return ua.DataValue(value or ua.Variant(), status_code(code), SourceTimestamp=time, ServerTimestamp=time)
