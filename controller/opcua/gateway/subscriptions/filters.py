"""Filters of monitored items (Part 4, 7.22): which events with which fields, which changes of a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, isnan
from typing import Any, Final

from asyncua import ua
from asyncua.ua import DataChangeTrigger, StatusCodes
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaprotocol_auto import DataChangeFilter  # what decodes; `ua.` has a subclass of it

from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.subscriptions import encoding
from controller.opcua.gateway.subscriptions.operands import Field, TypeSpace, field_of
from controller.opcua.gateway.subscriptions.subject import Subject
from controller.opcua.gateway.subscriptions.where import Where, checked
from controller.opcua.plc.wire import status_code

# All fields of all event types are some 250; a client that selects everything it browsed is served.
SELECT_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class EventFilter:
    """A checked event filter. signature: equal ones select and refuse the same."""

    select: tuple[Field, ...]
    where: Where
    signature: bytes

    def passes(self, subject: Subject) -> bool:
        return self.where.passes(subject)

    def fields(self, subject: Subject) -> bytes:
        """The selected fields as an encoded array of Variants."""
        return encoding.event_fields([field.encoded(subject) for field in self.select])


class FilterRefused(Fault):
    """result: what of the filter is wrong, for the client."""

    def __init__(self, code: int, result: ua.EventFilterResult | None = None) -> None:
        super().__init__(code)
        self.result = result


def event_filter(given: Any, space: TypeSpace) -> tuple[EventFilter, ua.EventFilterResult | None]:
    """The filter made ready, and which of its select clauses will always be null (None: none of them).

    Raises FilterRefused.
    """
    if not isinstance(given, ua.EventFilter):
        raise FilterRefused(StatusCodes.BadEventFilterInvalid)
    if len(given.SelectClauses or []) > SELECT_MAX:
        raise FilterRefused(StatusCodes.BadEventFilterInvalid)
    fields = [field_of(operand, space) for operand in given.SelectClauses or []]
    where, wrong = checked(given.WhereClause, space)
    codes = [code for _, code in fields]
    result = None
    if wrong is not None or any(codes):
        result = ua.EventFilterResult([status_code(code) for code in codes])
        result.WhereClauseResult = wrong or ua.ContentFilterResult()
    if wrong is not None or all(codes):  # also one that selects nothing
        raise FilterRefused(StatusCodes.BadEventFilterInvalid, result)
    return EventFilter(tuple(field for field, _ in fields), where, struct_to_binary(given)), result


@dataclass(frozen=True, slots=True)
class DataFilter:
    """What counts as a change. deadband: in the value's unit; a change must be larger. 0: any change.

    percent: of the EURange, where the client gave it so; 0 else.
    """

    trigger: DataChangeTrigger = DataChangeTrigger.StatusValue
    deadband: float = 0.0
    percent: float = 0.0

    def for_span(self, span: float | None) -> DataFilter:
        """The same percentage of another EURange."""
        return self if not self.percent or span is None else replace(self, deadband=self.percent / 100 * span)

    def beyond(self, last: Any, value: Any) -> bool:
        """Whether the value left the deadband around the one last reported; arrays: any element."""
        if isinstance(value, Sequence) and isinstance(last, Sequence):
            return len(value) != len(last) or any(map(self.beyond, last, value))
        if last is None or value is None or isinstance(last, Sequence) or isinstance(value, Sequence):
            return last is not value
        if isnan(last) or isnan(value):
            return isnan(last) != isnan(value)
        return bool(abs(value - last) > self.deadband)


ANY_CHANGE: Final = DataFilter()
_NUMBER_TYPES: Final = frozenset(range(2, 12))


def is_given(filter_: Any) -> bool:
    """Whether the client sent a filter at all; a null one arrives as an empty ExtensionObject."""
    return filter_ is not None and not (isinstance(filter_, ua.ExtensionObject) and filter_.TypeId.is_null())


def data_filter(given: Any, value: ua.DataValue, span: float | None) -> DataFilter:
    """A DataChangeFilter for a Value attribute; value: as it is now; span: of its EURange, None without one.

    Raises Fault.
    """
    if not is_given(given):
        return ANY_CHANGE
    if isinstance(given, ua.EventFilter):
        raise Fault(StatusCodes.BadFilterNotAllowed)
    if not isinstance(given, DataChangeFilter):
        raise Fault(StatusCodes.BadMonitoredItemFilterUnsupported)  # the AggregateFilter, or unknown to us
    if given.DeadbandType == ua.DeadbandType.None_:
        return DataFilter(given.Trigger)
    if value.Value is None or value.Value.VariantType.value not in _NUMBER_TYPES | {0}:
        raise Fault(StatusCodes.BadFilterNotAllowed)
    band = given.DeadbandValue
    if not isfinite(band) or band < 0:
        raise Fault(StatusCodes.BadDeadbandFilterInvalid)
    if given.DeadbandType == ua.DeadbandType.Absolute:
        return DataFilter(given.Trigger, band)
    if given.DeadbandType != ua.DeadbandType.Percent or band > 100 or span is None:
        raise Fault(StatusCodes.BadDeadbandFilterInvalid)
    return DataFilter(given.Trigger, band / 100 * span, band)
