"""Items that monitor values: those of tags ride on the feed, all others are read at their interval."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import DataChangeTrigger
from asyncua.ua.ua_binary import struct_from_binary

from controller.opcua.decoding.layout import HAS_VALUE, NUMBERS
from controller.opcua.gateway.subscriptions import encoding
from controller.opcua.gateway.subscriptions.filters import ANY_CHANGE, DataFilter
from controller.opcua.gateway.subscriptions.item import DataQueue

if TYPE_CHECKING:
    from controller.opcua.gateway.subscriptions.subscription import Subscription

# How much changed between two values; a trigger wants at least its own.
TIME, VALUE, STATUS = 1, 2, 3
_LEAST: Final = {
    DataChangeTrigger.Status: STATUS,
    DataChangeTrigger.StatusValue: VALUE,
    DataChangeTrigger.StatusValueTimestamp: TIME,
}


def change_between(last: bytes, value: bytes) -> int:
    """TIME, VALUE or STATUS, whichever is the most; 0 when nothing changed."""
    if last == value:
        return 0
    if encoding.status_of(last) != encoding.status_of(value):
        return STATUS
    return TIME if encoding.without_times(last)[1:] == encoding.without_times(value)[1:] else VALUE


def plain_value(encoded: bytes) -> Any:
    """The value of an encoded DataValue for a deadband: a number, a list of numbers, or None."""
    if not encoded[0] & HAS_VALUE:
        return None
    number = NUMBERS.get(encoded[1])
    if number is not None:
        return struct.unpack_from("<" + number[0], encoded, 2)[0]
    variant = struct_from_binary(ua.DataValue, Buffer(encoded)).Value
    value = None if variant is None else variant.Value
    return value if isinstance(value, int | float | list) else None


class DataItem(DataQueue):
    """One item. read: its present DataValue, encoded, with both times.

    of_tag: its value is a tag's; tag: which one, None when that has gone with a version of the plant.
    last: what was queued last, as bytes and (with a deadband) as number. due: a value came between two
    samples of an item that is slower than its source.
    """

    __slots__ = (
        "due",
        "filter",
        "interval_ms",
        "last",
        "last_value",
        "least",
        "of_tag",
        "plain",
        "read",
        "tag",
        "throttled",
        "times",
    )

    def __init__(
        self,
        subscription: Subscription,
        number: int,
        asked: ua.ReadValueId,
        tag: int | None,
        read: Callable[[DataItem], bytes],
    ) -> None:
        super().__init__(subscription, number, asked, 1)
        self.of_tag = tag is not None
        self.tag = tag
        self.read = read
        self.times = ua.TimestampsToReturn.Both
        self.interval_ms = 0
        self.filter = ANY_CHANGE
        self.least = VALUE
        self.plain = True
        self.throttled = False
        self.last = b""
        self.last_value: Any = None
        self.due = False

    def set_filter(self, filter_: DataFilter, interval_ms: int, *, throttled: bool) -> None:
        """throttled: slower than its source. plain: every change its trigger wants is reported at once."""
        self.filter = filter_
        self.throttled = throttled
        self.least = _LEAST[filter_.trigger]
        self.interval_ms = interval_ms
        self.plain = not throttled and not filter_.deadband

    def start(self) -> None:
        """Its first value, or the present one after it was disabled."""
        self._report(self.read(self))

    def refresh(self) -> None:
        """Its terms changed: what counts from now on is the present value; what changes is reported."""
        self.last = self.read(self)
        self.last_value = plain_value(self.last) if self.filter.deadband else None
        self.due = False

    def again(self) -> None:
        """The present value once more, for a client that took the subscription over."""
        if not self.queue:
            self._report(self.read(self))

    def tell_new_meaning(self) -> None:
        """Its present value, marked: the client has to read range, unit and states again."""
        encoded = self.read(self)
        self._remember(encoded)
        self.push(encoding.semantics_changed(encoding.with_times(encoded, self.times)))

    def sample(self) -> None:
        """What it is now, when that differs from what was reported last."""
        if self.tag is not None:
            if not self.due:
                return
            self.due = False
        encoded = self.read(self)
        change = change_between(self.last, encoded)
        if change >= self.least:
            self.offer(encoded, change)

    def offer(self, encoded: bytes, change: int) -> None:
        """A changed value; with a deadband it must have left it. A new status always counts."""
        held = self.filter.deadband and change < STATUS
        if not held or self.filter.beyond(self.last_value, plain_value(encoded)):
            self._report(encoded)

    def _remember(self, encoded: bytes) -> None:
        self.last = encoded
        if self.filter.deadband:
            self.last_value = plain_value(encoded)

    def _report(self, encoded: bytes) -> None:
        self._remember(encoded)
        self.push(encoding.with_times(encoded, self.times))
