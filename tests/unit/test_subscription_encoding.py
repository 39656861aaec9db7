"""What the gateway writes for Publish is what asyncua's codec writes, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import extensionobject_to_binary, struct_to_binary, variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from controller.opcua.gateway.subscriptions import encoding
from controller.opcua.status import overflowed

AT = datetime(2026, 3, 4, 5, 6, 7, 890123, tzinfo=UTC)
uint32 = st.integers(0, 2**32 - 1)
variants = st.one_of(
    st.floats(width=32, allow_nan=False).map(lambda v: ua.Variant(v, ua.VariantType.Float)),
    st.floats(allow_nan=False).map(lambda v: ua.Variant(v, ua.VariantType.Double)),
    st.integers(-(2**15), 2**15 - 1).map(lambda v: ua.Variant(v, ua.VariantType.Int16)),
    st.booleans().map(ua.Variant),
    st.text(max_size=20).map(lambda v: ua.Variant(v, ua.VariantType.String)),
    st.text(max_size=20).map(lambda v: ua.Variant(ua.LocalizedText(v))),
    st.lists(st.integers(0, 65535), max_size=4).map(lambda v: ua.Variant(v, ua.VariantType.UInt16)),
    st.just(ua.Variant(None)),
)
EARLY, LATE = datetime(1990, 1, 1), datetime(2100, 1, 1)  # noqa: DTZ001  (the strategy wants them naive)
times = st.none() | st.datetimes(EARLY, LATE).map(lambda at: at.replace(tzinfo=UTC))
statuses = st.none() | st.sampled_from([0, 0x80050000, 0x40000000, 0x00960000]).map(ua.StatusCode)
data_values = st.builds(
    lambda value, status, source, server: ua.DataValue(
        value, status, SourceTimestamp=source, ServerTimestamp=server
    ),
    variants,
    statuses,
    times,
    times,
)


def response(message: ua.NotificationMessage, available: list[int], more: bool, results: list[int]) -> bytes:
    answer = ua.PublishResponse()
    answer.ResponseHeader = ua.ResponseHeader(AT, 77)
    answer.Parameters = ua.PublishResult(
        9, available, more, message, [ua.StatusCode(code) for code in results]
    )
    return struct_to_binary(answer)


@given(
    st.lists(st.tuples(uint32, data_values), max_size=5),
    st.lists(st.tuples(uint32, st.lists(variants, max_size=4)), max_size=3),
    st.lists(uint32, max_size=4),
    st.booleans(),
    st.lists(st.sampled_from([0, 0x807A0000]), max_size=3),
)
def test_publish_response(
    changes: list[tuple[int, ua.DataValue]],
    events: list[tuple[int, list[ua.Variant]]],
    available: list[int],
    more: bool,
    results: list[int],
) -> None:
    theirs: list[Any] = []
    ours: list[bytes] = []
    if changes:
        items = [ua.MonitoredItemNotification(handle, value) for handle, value in changes]
        theirs.append(ua.DataChangeNotification(items))
        parts = [part for h, value in changes for part in (encoding.handle_bytes(h), struct_to_binary(value))]
        ours.append(encoding.data_change(parts, len(changes)))
    if events:
        theirs.append(ua.EventNotificationList([ua.EventFieldList(*event) for event in events]))
        parts = []
        for handle, fields in events:
            rendered = encoding.event_fields([variant_to_binary(field) for field in fields])
            parts += [encoding.handle_bytes(handle), rendered]
        ours.append(encoding.event_list(parts, len(events)))
    message = ua.NotificationMessage(5, AT, theirs)
    own = encoding.notification_message(5, encoding.ticks(AT), ours)
    assert own == struct_to_binary(message)
    whole = encoding.publish_response(77, encoding.ticks(AT), 9, available, more, own, results)
    assert whole == response(message, available, more, results)


def test_status_change_and_republish() -> None:
    status = 0x80280000
    theirs = ua.StatusChangeNotification(ua.StatusCode(status))
    assert encoding.status_change(status) == extensionobject_to_binary(theirs)
    answer = ua.RepublishResponse(
        ResponseHeader=ua.ResponseHeader(AT, 3), NotificationMessage=ua.NotificationMessage(4, AT, [theirs])
    )
    at = encoding.ticks(AT)
    message = encoding.notification_message(4, at, [encoding.status_change(status)])
    assert encoding.republish_response(3, at, message) == struct_to_binary(answer)


@pytest.mark.parametrize("wanted", list(ua.TimestampsToReturn)[:4])
@given(data_values)
def test_timestamps_are_left_out_as_asked(wanted: ua.TimestampsToReturn, value: ua.DataValue) -> None:
    both = struct_to_binary(value)
    source = value.SourceTimestamp if wanted.name in {"Source", "Both"} else None
    server = value.ServerTimestamp if wanted.name in {"Server", "Both"} else None
    expected = ua.DataValue(value.Value, value.StatusCode, SourceTimestamp=source, ServerTimestamp=server)
    assert encoding.with_times(both, wanted) == struct_to_binary(expected)
    bare = ua.DataValue(value.Value, value.StatusCode)
    assert encoding.without_times(both)[1:] == struct_to_binary(bare)[1:]


@given(data_values)
def test_the_overflow_bit(value: ua.DataValue) -> None:
    before = value.StatusCode.value if value.StatusCode else 0
    expected = ua.DataValue(
        value.Value,
        ua.StatusCode(before | 0x480),
        SourceTimestamp=value.SourceTimestamp,
        ServerTimestamp=value.ServerTimestamp,
    )
    marked = encoding.overflowed(struct_to_binary(value))
    assert marked == struct_to_binary(expected)
    assert overflowed(encoding.status_of(marked))
    assert encoding.status_of(struct_to_binary(value)) == before


@given(st.datetimes(datetime(1601, 1, 1), datetime(9999, 1, 1)))  # noqa: DTZ001
def test_ticks(at: datetime) -> None:
    exact = (at - datetime(1601, 1, 1)) // timedelta(microseconds=1) * 10  # noqa: DTZ001
    assert encoding.ticks(at.replace(tzinfo=UTC)) == exact
