"""The decoder says exactly what asyncua's own decoder says, faster, and is never lost in malformed bytes."""

from __future__ import annotations

import math
import struct
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary, struct_to_binary, variant_to_binary
from asyncua.ua.uaerrors import UaError
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.opcua.decoding import (
    Items,
    decode_publish,
    decode_read,
    decode_republish,
    filetime_to_ns,
)
from controller.opcua.status import BAD_DECODING_ERROR

TICKS_1970 = 116_444_736_000_000_000
REACH = (2**63 - 1) // 100
V = ua.VariantType

# --- messages, written field by field as Part 6 has them ------------------------------------------------


@dataclass(frozen=True)
class Item:
    handle: int
    mask: int
    variant: bytes
    status: int
    source_ticks: int
    server_ticks: int = 0
    picoseconds: int = 7

    def encoded(self, with_handle: bool = True) -> bytes:
        parts = [struct.pack("<I", self.handle)] if with_handle else []
        parts.append(struct.pack("<B", self.mask))
        if self.mask & 1:
            parts.append(self.variant)
        for bit, code, value in (
            (0x02, "<I", self.status),
            (0x04, "<q", self.source_ticks),
            (0x10, "<H", self.picoseconds),
            (0x08, "<q", self.server_ticks),
            (0x20, "<H", self.picoseconds),
        ):
            if self.mask & bit:
                parts.append(struct.pack(code, value))
        return b"".join(parts)


def header(type_number: int) -> bytes:
    node = nodeid_to_binary(ua.FourByteNodeId(type_number))
    return node + struct.pack("<qIIB", TICKS_1970, 9, 0, 0) + struct.pack("<i", -1) + b"\0\0\0"


def notification(items: list[Item], diagnostics: bytes = struct.pack("<i", -1)) -> bytes:
    body = struct.pack("<i", len(items)) + b"".join(item.encoded() for item in items) + diagnostics
    return nodeid_to_binary(ua.FourByteNodeId(811)) + b"\1" + struct.pack("<i", len(body)) + body


def message(*notifications: bytes, sequence: int = 3) -> bytes:
    return struct.pack("<Iqi", sequence, TICKS_1970, len(notifications)) + b"".join(notifications)


def published(*notifications: bytes, sequence: int = 3) -> bytes:
    """A whole PublishResponse: subscription 5, numbers 2 and 3 available, one acknowledgement answered."""
    return (
        header(829)
        + struct.pack("<IiIIB", 5, 2, 2, 3, 1)
        + message(*notifications, sequence=sequence)
        + struct.pack("<iIi", 1, 0x80280000, -1)
    )


def number(kind: int, value: float, mask: int = 0x05, status: int = 0, handle: int = 1) -> Item:
    return Item(handle, mask, variant_to_binary(ua.Variant(value, V(kind))), status, TICKS_1970)


# --- every built-in type, as a scalar and as an array ----------------------------------------------------


def _int(bits: int, signed: bool) -> st.SearchStrategy[int]:
    low = -(2 ** (bits - 1)) if signed else 0
    return st.integers(low, low + 2**bits - 1)


moments = st.integers(0, 2**58).map(
    lambda us: datetime(1602, 1, 1, tzinfo=UTC) + timedelta(microseconds=us % 2**57)
)
node_ids = st.one_of(
    st.builds(ua.NodeId, st.integers(0, 2**32 - 1), st.integers(0, 9)),
    st.builds(ua.NodeId, st.text(max_size=9), st.integers(0, 9)),
    st.builds(lambda u: ua.NodeId(u, 2), st.uuids()),
    st.builds(lambda b: ua.NodeId(b, 2, ua.NodeIdType.ByteString), st.binary(max_size=5)),
)
texts = st.builds(ua.LocalizedText, st.text(max_size=5), st.one_of(st.none(), st.text(max_size=2)))
SCALARS: dict[ua.VariantType, st.SearchStrategy[Any]] = {
    V.Boolean: st.booleans(),
    V.SByte: _int(8, True),
    V.Byte: _int(8, False),
    V.Int16: _int(16, True),
    V.UInt16: _int(16, False),
    V.Int32: _int(32, True),
    V.UInt32: _int(32, False),
    V.Int64: _int(64, True),
    V.UInt64: _int(64, False),
    V.Float: st.floats(width=32),
    V.Double: st.floats(),
    V.String: st.one_of(st.none(), st.text(max_size=20)),
    V.DateTime: moments,
    V.Guid: st.uuids(),
    V.ByteString: st.one_of(st.none(), st.binary(max_size=9)),
    V.NodeId: node_ids,
    V.ExpandedNodeId: st.builds(lambda n: ua.ExpandedNodeId(n.Identifier, n.NamespaceIndex), node_ids),
    V.StatusCode: st.builds(ua.StatusCode, st.sampled_from([0, 0x80340000, 0x40900000])),
    V.QualifiedName: st.builds(ua.QualifiedName, st.text(max_size=9), st.integers(0, 9)),
    V.LocalizedText: texts,
    V.ExtensionObject: st.builds(lambda n: ua.Range(Low=n, High=n), st.integers(0, 9)),
    V.DataValue: st.builds(lambda n: ua.DataValue(ua.Variant(n, V.Int32)), _int(32, True)),
    V.DiagnosticInfo: st.builds(lambda n: ua.DiagnosticInfo(SymbolicId=n), _int(32, True)),
}
NUMBERS = [kind for kind in SCALARS if kind.value <= V.Double.value]
scalars = st.one_of([st.builds(ua.Variant, values, st.just(kind)) for kind, values in SCALARS.items()])
arrays = st.one_of(
    [
        st.builds(lambda v, k=kind: ua.Variant(v, k, is_array=True), st.lists(values, max_size=4))
        for kind, values in SCALARS.items()
    ]
)
matrices = st.builds(lambda v: ua.Variant([v, v], V.Int32), st.lists(_int(32, True), min_size=2, max_size=3))
variants = st.one_of(scalars, arrays, matrices, st.just(ua.Variant(None, V.Null)))
ticks = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(TICKS_1970, TICKS_1970 + 10**17),
    st.sampled_from([0, TICKS_1970, TICKS_1970 + REACH, TICKS_1970 - REACH, TICKS_1970 + REACH + 1]),
)
statuses = st.sampled_from([0, 0x480, 0x80000000, 0x80340000, 0x40900000, 0x808C0480, 0xFFFFFFFF])


def items_of(which: st.SearchStrategy[ua.Variant], masks: st.SearchStrategy[int]) -> st.SearchStrategy[Item]:
    handles = st.integers(0, 2**32 - 1)
    return st.builds(Item, handles, masks, which.map(variant_to_binary), statuses, ticks, ticks)


any_items = st.lists(items_of(variants, st.integers(0, 63)), max_size=40)
numbers = st.one_of([st.builds(ua.Variant, SCALARS[kind], st.just(kind)) for kind in NUMBERS])
number_items = st.lists(items_of(numbers, st.integers(0, 63)), max_size=60)
one_layout = st.sampled_from(NUMBERS).flatmap(
    lambda kind: st.integers(0, 63).flatmap(
        lambda mask: st.lists(
            items_of(st.builds(ua.Variant, SCALARS[kind], st.just(kind)), st.just(mask)),
            min_size=16,
            max_size=50,
        )
    )
)

# --- the comparison --------------------------------------------------------------------------------


def in_order(items: Items) -> list[tuple[int, Any, int, int, int]]:
    """(handle, value, status, source ns, type) as they stood in the message."""
    columns = (items.handles, items.values, items.status, items.source_ns, items.kinds)
    rows: list[Any] = list(zip(*(column.tolist() for column in columns), strict=True))
    for place, other in enumerate(items.others):
        rows.insert(other.at + place, (other.handle, other.value, other.status, other.source_ns, other.kind))
    return rows


def same(ours: Any, theirs: Any) -> bool:
    """Equal, where a null of theirs is a NaN or a None of ours, and true is 1."""
    if theirs is None:
        return ours is None or (isinstance(ours, float) and math.isnan(ours))
    if isinstance(theirs, float) and math.isnan(theirs):
        return isinstance(ours, float) and math.isnan(ours)
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same, ours, theirs))
    if isinstance(theirs, int | float) and isinstance(ours, float):
        return ours == float(theirs)
    return bool(ours == theirs)


def expected_ns(item: Item) -> int:
    if not item.mask & 4 or abs(item.source_ticks - TICKS_1970) > REACH:
        return 0
    return (item.source_ticks - TICKS_1970) * 100


def check_against_asyncua(sent: list[Item]) -> Items:
    data = published(notification(sent))
    theirs = struct_from_binary(ua.PublishResponse, Buffer(data)).Parameters
    changes = theirs.NotificationMessage.NotificationData[0].MonitoredItems
    ours = decode_publish(data)
    assert (ours.subscription, ours.sequence, ours.available, ours.more) == (5, 3, (2, 3), True)
    assert ours.acknowledged == (0x80280000,)
    rows = in_order(ours.items[0])
    assert len(rows) == len(changes) == len(sent)
    for item, (handle, value, status, source_ns, kind), change in zip(sent, rows, changes, strict=True):
        assert handle == change.ClientHandle
        assert kind == (item.variant[0] if item.mask & 1 else 0)
        assert same(value, change.Value.Value.Value), (value, change.Value)
        assert status == change.Value.StatusCode.value
        assert source_ns == expected_ns(item)
        if source_ns:
            since = change.Value.SourceTimestamp - datetime(1970, 1, 1, tzinfo=UTC)
            assert source_ns // 1000 == since // timedelta(microseconds=1)
    return ours.items[0]


@given(any_items)
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_types_and_masks_reads_as_asyncua_reads_it(sent: list[Item]) -> None:
    check_against_asyncua(sent)


@given(number_items)
@settings(max_examples=100, deadline=None)
def test_mixed_numbers_read_as_asyncua_reads_them_without_one_python_object_each(sent: list[Item]) -> None:
    assert check_against_asyncua(sent).others == ()


@given(one_layout)
@settings(max_examples=40, deadline=None)
def test_one_layout_throughout_reads_as_asyncua_reads_it(sent: list[Item]) -> None:
    assert check_against_asyncua(sent).others == ()


@given(one_layout, st.data())
@settings(max_examples=40, deadline=None)
def test_one_item_of_another_layout_among_equal_ones_is_not_overlooked(
    sent: list[Item], data: st.DataObject
) -> None:
    """The stranger has the others' mask or any, and any type: also one of the same size."""
    masks = st.one_of(st.just(sent[0].mask), st.integers(0, 63))
    stranger = data.draw(items_of(st.one_of(numbers, variants), masks))
    place = data.draw(st.integers(0, len(sent)))
    check_against_asyncua([*sent[:place], stranger, *sent[place:]])


@pytest.mark.parametrize("kind", NUMBERS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("other", NUMBERS, ids=lambda kind: kind.name)
def test_each_type_among_each_other_type(kind: ua.VariantType, other: ua.VariantType) -> None:
    mask = 0x07
    sent = [number(kind.value, 1, mask, handle=n) for n in range(20)]
    sent[17] = number(other.value, 1, mask, status=0x40900000, handle=99)
    check_against_asyncua(sent)


@given(any_items)
@settings(max_examples=100, deadline=None)
def test_read_answers_are_read_like_notifications(sent: list[Item]) -> None:
    body = struct.pack("<i", len(sent)) + b"".join(item.encoded(with_handle=False) for item in sent)
    rows = in_order(decode_read(header(634) + body + struct.pack("<i", -1)))
    as_notified = in_order(decode_publish(published(notification(sent))).items[0])
    assert [row[0] for row in rows] == list(range(len(sent)))
    assert all(
        same(a[1], b[1]) and a[2:] == b[2:] for a, b in zip(rows, as_notified, strict=True)
    )  # same values under their number instead of a handle


# --- malformed input --------------------------------------------------------------------------------------


@given(any_items, st.data())
@settings(max_examples=100, deadline=None)
def test_a_message_cut_anywhere_is_refused(sent: list[Item], data: st.DataObject) -> None:
    whole = published(notification(sent))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(UaError):
        decode_publish(whole[:cut])


@given(any_items, st.data())
@settings(max_examples=100, deadline=2000)
def test_bytes_changed_at_random_are_read_or_refused_but_never_run_away(
    sent: list[Item], data: st.DataObject
) -> None:
    whole = bytearray(published(notification(sent)))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode_publish(bytes(whole))
    except UaError:
        return


@pytest.mark.parametrize(
    "variant",
    [
        b"\x80\xff\xff\xff\x7f",  # an array of two thousand million nulls: no bytes, no end
        b"\x98" + struct.pack("<i", 1) + b"\x80\xff\xff\xff\x7f",  # the same inside an array of Variants
        b"\x8b\xff\xff\xff\x7f",  # as many Doubles
        b"\x0c\xff\xff\xff\x7f",  # a text of two gigabytes
        b"\x18" * 200,  # a Variant in a Variant in a Variant
        b"\x17\x01" * 200,  # the same with DataValues
        b"\x19" + b"\x40" * 200,  # and with DiagnosticInfos
        b"\x0c\xfe\xff\xff\xff",  # a text of -2 bytes
        b"\x11\x07",  # a NodeId of no known form
    ],
)
def test_a_value_without_end_is_refused_at_once(variant: bytes) -> None:
    item = Item(1, 0x01, variant, 0, 0)
    with pytest.raises(UaError):
        decode_publish(published(notification([item])))


def test_a_value_that_means_nothing_is_bad_and_the_rest_of_the_message_is_not() -> None:
    nonsense = Item(
        2, 0x01, b"\x96" + struct.pack("<i", 1) + b"\x01\x00\x2b\x03" + b"\x01\x01\x00\x00\x00\x09", 0, 0
    )
    items = decode_publish(published(notification([number(10, 1.5), nonsense, number(10, 2.5)]))).items[0]
    assert items.values.tolist() == [1.5, 2.5]
    assert [(other.handle, other.status) for other in items.others] == [(2, BAD_DECODING_ERROR)]


# --- what else a publish response may carry -----------------------------------------------------------------


def test_a_keep_alive_has_a_number_and_nothing_else() -> None:
    message = decode_publish(published(sequence=17))
    assert (message.is_keepalive, message.sequence, message.items) == (True, 17, ())


def test_a_subscription_that_ended_says_so() -> None:
    change = ua.StatusChangeNotification(Status=ua.StatusCode(ua.StatusCodes.BadTimeout))
    body = struct_to_binary(change)
    part = nodeid_to_binary(ua.FourByteNodeId(820)) + b"\1" + struct.pack("<i", len(body)) + body
    message = decode_publish(published(part))
    assert (message.status_change, message.is_keepalive) == (ua.StatusCodes.BadTimeout, False)


def test_events_are_stepped_over() -> None:
    event = struct_to_binary(
        ua.EventNotificationList(Events=[ua.EventFieldList(EventFields=[ua.Variant(1)])])
    )
    part = nodeid_to_binary(ua.FourByteNodeId(916)) + b"\1" + struct.pack("<i", len(event)) + event
    message = decode_publish(published(part, notification([number(4, 7)])))
    assert message.notifications == 2
    assert [items.values.tolist() for items in message.items] == [[7.0]]


def test_diagnostics_behind_the_items_are_stepped_over() -> None:
    diagnostics = struct.pack("<i", 1) + struct_to_binary(
        ua.DiagnosticInfo(SymbolicId=1, AdditionalInfo="why")
    )
    assert decode_publish(published(notification([number(6, -5)], diagnostics))).items[0].values.tolist() == [
        -5.0
    ]


def test_a_header_with_diagnostics_and_texts_is_read_like_any_other() -> None:
    rest = published(notification([number(11, 2.5)]))[len(header(829)) :]
    wordy = (
        nodeid_to_binary(ua.NumericNodeId(829, 0))
        + struct.pack("<qII", TICKS_1970, 9, 0)
        + struct_to_binary(ua.DiagnosticInfo(SymbolicId=3))
        + struct.pack("<ii", 1, 3)
        + b"why"
        + b"\0\0\0"
    )
    assert decode_publish(wordy + rest).items[0].values.tolist() == [2.5]


def test_a_republished_message_is_read_without_its_frame() -> None:
    body = header(835) + message(notification([number(10, 4.0)]), sequence=12)
    again = decode_republish(body, subscription=5)
    assert (again.subscription, again.sequence, again.items[0].values.tolist()) == (5, 12, [4.0])


@pytest.mark.parametrize("decode", [decode_publish, decode_read, lambda data: decode_republish(data, 1)])
def test_another_kind_of_answer_is_refused(decode: Any) -> None:
    with pytest.raises(UaError):
        decode(header(397) + b"\0" * 40)


# --- times ------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_file_times_become_nanoseconds_by_integer_arithmetic(given_ticks: list[int]) -> None:
    result = filetime_to_ns(np.array(given_ticks, np.int64)).tolist()
    expected = [(t - TICKS_1970) * 100 if abs(t - TICKS_1970) <= REACH else 0 for t in given_ticks]
    assert result == expected


def test_a_unique_identifier_survives_the_slow_lane() -> None:
    identifier = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")
    item = Item(1, 1, variant_to_binary(ua.Variant(identifier, V.Guid)), 0, 0)
    assert decode_publish(published(notification([item]))).items[0].others[0].value == identifier
