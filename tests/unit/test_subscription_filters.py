"""Filters: each operator by table, pattern matching and logic against naive models, every refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Any
from uuid import UUID

import pytest
from asyncua import ua
from asyncua.ua import FilterOperator as Op
from asyncua.ua import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary, variant_to_binary
from hypothesis import given
from hypothesis import strategies as st

from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.node import Reference
from controller.opcua.gateway.subscriptions import like
from controller.opcua.gateway.subscriptions.conversion import Term, cast, common
from controller.opcua.gateway.subscriptions.filters import (
    ANY_CHANGE,
    DataFilter,
    FilterRefused,
    data_filter,
    event_filter,
)
from controller.opcua.gateway.subscriptions.subject import Subject
from controller.opcua.plc.wire import node_id

BASE, CONDITION, ALARM, TRIP = (node_id(n) for n in (2041, 2782, 2915, 10751))
SUBTYPE, COMPONENT, PROPERTY, HIERARCHICAL = (node_id(n) for n in (45, 47, 46, 33))
NULL = ua.Variant(None)
NEON = UUID("12345678-1234-5678-1234-567812345678")


@dataclass
class Declared:
    browse_name: ua.QualifiedName
    node_class: ua.NodeClass = ua.NodeClass.Variable


@dataclass
class TypeTree:
    """BaseEventType > ConditionType > AlarmConditionType > TripAlarmType with a field or two each."""

    above: dict[ua.NodeId, ua.NodeId] = field(
        default_factory=lambda: {
            CONDITION: BASE,
            ALARM: CONDITION,
            TRIP: ALARM,
            COMPONENT: HIERARCHICAL,
            PROPERTY: HIERARCHICAL,
            SUBTYPE: HIERARCHICAL,
        }
    )
    inside: dict[ua.NodeId, list[tuple[ua.NodeId, str]]] = field(
        default_factory=lambda: {
            BASE: [(node_id(2051), "Severity")],
            ALARM: [(node_id(9118), "ActiveState")],
            node_id(9118): [(node_id(9119), "Id")],
        }
    )

    def is_subtype(self, type_: ua.NodeId, base: ua.NodeId) -> bool:
        while type_ != base:
            if type_ not in self.above:
                return False
            type_ = self.above[type_]
        return True

    def find(self, wanted: ua.NodeId) -> Declared | None:
        names = {node: name for inside in self.inside.values() for node, name in inside}
        return (
            Declared(ua.QualifiedName(names.get(wanted, "Type")))
            if wanted in names or self.knows(wanted)
            else None
        )

    def knows(self, wanted: ua.NodeId) -> bool:
        return wanted == BASE or wanted in self.above

    def references(self, wanted: ua.NodeId) -> Sequence[Reference]:
        up = [Reference(SUBTYPE, self.above[wanted], forward=False)] if wanted in self.above else []
        return up + [Reference(COMPONENT, child) for child, _ in self.inside.get(wanted, [])]


SPACE = TypeTree()


def lit(value: Any, kind: ua.VariantType | None = None) -> ua.LiteralOperand:
    return ua.LiteralOperand(ua.Variant(value, kind) if kind else ua.Variant(value))


def attr(path: str, type_: ua.NodeId = BASE, attribute: int = 13) -> ua.SimpleAttributeOperand:
    names = [ua.QualifiedName(name) for name in path.split("/")] if path else []
    return ua.SimpleAttributeOperand(type_, names, attribute)


def ref(index: int) -> ua.ElementOperand:
    return ua.ElementOperand(index)


def wanted(*elements: tuple[Any, ...], select: Sequence[Any] = (attr("Severity"),)) -> ua.EventFilter:
    clause = ua.ContentFilter([ua.ContentFilterElement(op, list(operands)) for op, *operands in elements])
    return ua.EventFilter(list(select), clause)


FIELDS = {
    "Severity": ua.Variant(700, ua.VariantType.UInt16),
    "Message": ua.Variant(ua.LocalizedText("Level high")),
    "SourceName": ua.Variant("LT-201"),
    "ActiveState/Id": ua.Variant(True),
    "Time": ua.Variant(datetime(2026, 1, 1, tzinfo=UTC)),
    "Quality": ua.Variant(ua.StatusCode(0x80050000)),
    "SourceNode": ua.Variant(ua.NodeId("LT-201", 1)),
    "Nothing": NULL,
    "Words": ua.Variant([1, 2], ua.VariantType.UInt16),
}
EVENT = PlantEvent(ALARM, FIELDS, frozenset(), condition=ua.NodeId("LT-201.HH", 1))


def passes(*elements: tuple[Any, ...], event: PlantEvent = EVENT) -> bool:
    made, _ = event_filter(wanted(*elements), SPACE)
    return made.passes(Subject(event, SPACE))


U16 = ua.VariantType.UInt16


@pytest.mark.parametrize(
    ("operator", "operands", "expected"),
    [
        (Op.Equals, [attr("Severity"), lit(700, U16)], True),
        (Op.Equals, [attr("Severity"), lit(700.0)], True),  # UInt16 becomes Double
        (Op.Equals, [attr("Severity"), lit("700")], True),  # the text becomes UInt16
        (Op.Equals, [attr("Severity"), lit("seven")], False),
        (Op.Equals, [attr("Message"), lit("Level high")], True),  # LocalizedText becomes String
        (Op.Equals, [attr("SourceName"), lit("lt-201")], False),  # case counts
        (Op.Equals, [attr("Quality"), lit(0x80050000, ua.VariantType.UInt32)], True),
        (Op.Equals, [attr("Time"), lit(3)], False),  # no common type
        (Op.Equals, [attr("SourceNode"), lit(ua.NodeId("LT-201", 1))], True),
        (Op.Equals, [attr("", CONDITION, 1), lit(ua.NodeId("LT-201.HH", 1))], True),
        (Op.Equals, [attr("Words"), lit([1, 2], U16)], True),
        (Op.GreaterThan, [attr("Words"), lit(0, U16)], False),
        (Op.IsNull, [attr("Nothing")], True),
        (Op.IsNull, [attr("Missing")], True),
        (Op.IsNull, [attr("ActiveState/Id")], False),
        (Op.IsNull, [attr("Severity", TRIP)], True),  # the event is not of that type
        (Op.IsNull, [attr("ActiveState/Id", ALARM)], False),
        (Op.GreaterThan, [attr("Severity"), lit(699, U16)], True),
        (Op.GreaterThan, [attr("SourceName"), lit("A")], False),  # texts have no order
        (Op.LessThan, [attr("Severity"), lit(700, U16)], False),
        (Op.GreaterThanOrEqual, [attr("Severity"), lit(700, U16)], True),
        (Op.LessThanOrEqual, [attr("Time"), lit(datetime(2027, 1, 1, tzinfo=UTC))], True),
        (Op.Like, [attr("SourceName"), lit("LT-2%")], True),
        (Op.Like, [attr("Message"), lit("%[lh]ow")], False),
        (Op.Like, [attr("Time"), lit("%")], False),
        (Op.Not, [attr("ActiveState/Id")], False),
        (Op.Not, [attr("Missing")], False),  # not NULL is NULL
        (Op.Between, [attr("Severity"), lit(700, U16), lit(800, U16)], True),
        (Op.Between, [attr("Severity"), lit(701, U16), lit(800, U16)], False),
        (Op.Between, [attr("Severity"), lit(100), attr("Missing")], False),
        (Op.InList, [attr("SourceName"), lit("PT-1"), lit("LT-201")], True),
        (Op.InList, [attr("SourceName"), lit("PT-1"), lit("PT-2")], False),
        (Op.And, [attr("ActiveState/Id"), lit(True)], True),
        (Op.And, [attr("Severity"), lit(True)], False),
        (Op.Or, [attr("Missing"), attr("ActiveState/Id")], True),
        (Op.Or, [attr("Missing"), lit(False)], False),
        (Op.OfType, [lit(CONDITION)], True),
        (Op.OfType, [lit(TRIP)], False),
        (Op.OfType, [lit(node_id(99999))], False),
    ],
)
def test_operators(operator: Op, operands: list[Any], expected: bool) -> None:
    assert passes((operator, *operands)) is expected


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([(Op.Equals, ref(1), lit(4, U16)), (Op.BitwiseAnd, attr("Severity"), lit(6, U16))], True),
        ([(Op.Equals, ref(1), lit(703)), (Op.BitwiseOr, attr("Severity"), lit(3, U16))], True),
        ([(Op.IsNull, ref(1)), (Op.BitwiseOr, attr("SourceName"), lit(3, U16))], True),
        ([(Op.Equals, ref(1), lit("700")), (Op.Cast, attr("Severity"), lit(node_id(12)))], True),
        ([(Op.IsNull, ref(1)), (Op.Cast, attr("Severity"), lit(node_id(3)))], True),  # 700 is no Byte
        (
            [
                (Op.Or, ref(1), ref(2)),
                (Op.OfType, lit(TRIP)),
                (Op.Not, ref(3)),
                (Op.IsNull, attr("Severity")),
            ],
            True,
        ),
        ([(Op.Not, ref(1)), (Op.Equals, attr("Missing"), lit(3))], False),  # not NULL is NULL
        ([(Op.Not, ref(1)), (Op.InList, attr("Severity"), lit(3), attr("Missing"))], False),
    ],
)
def test_elements_of_elements(elements: list[tuple[Any, ...]], expected: bool) -> None:
    assert passes(*elements) is expected


def test_without_a_where_clause_everything_passes() -> None:
    assert passes()


def test_selected_fields_are_encoded_as_they_are_and_null_otherwise() -> None:
    select = [attr("Severity"), attr("Missing"), attr("ActiveState/Id", ALARM), attr("Severity", TRIP)]
    select += [attr("", CONDITION, 1), attr("Message", BASE, 1)]
    made, result = event_filter(wanted(select=select), SPACE)
    fields = [
        FIELDS["Severity"],
        NULL,
        FIELDS["ActiveState/Id"],
        NULL,
        ua.Variant(ua.NodeId("LT-201.HH", 1)),
        NULL,
    ]
    encoded = b"".join(variant_to_binary(one) for one in fields)
    assert made.fields(Subject(EVENT, SPACE)) == len(fields).to_bytes(4, "little") + encoded
    assert result is None


def test_clients_with_the_same_filter_share_the_work() -> None:
    one, two = (event_filter(wanted((Op.OfType, lit(CONDITION))), SPACE)[0] for _ in range(2))
    subject = Subject(EVENT, SPACE)
    assert one.signature == two.signature
    assert subject.rendered(one) is subject.rendered(two)
    other = event_filter(wanted((Op.OfType, lit(TRIP))), SPACE)[0]
    assert subject.rendered(other) is None


@pytest.mark.parametrize(
    ("operand", "code"),
    [
        (attr("Severity", attribute=0), StatusCodes.BadAttributeIdInvalid),
        (attr("Severity", attribute=99), StatusCodes.BadAttributeIdInvalid),
        (attr(""), StatusCodes.BadAttributeIdInvalid),
        (attr("Severity", node_id(58)), StatusCodes.BadTypeDefinitionInvalid),
        (attr("Missing", ALARM), StatusCodes.BadNodeIdUnknown),
        (attr("ActiveState/None", ALARM), StatusCodes.BadNodeIdUnknown),
        (ua.SimpleAttributeOperand(BASE, [ua.QualifiedName(None)], 13), StatusCodes.BadBrowseNameInvalid),
        (attr("/".join("a" * 11)), StatusCodes.BadBrowseNameInvalid),
        (ua.SimpleAttributeOperand(BASE, [ua.QualifiedName("A")], 13, "1"), StatusCodes.BadIndexRangeInvalid),
    ],
)
def test_a_bad_select_clause_is_named_and_null(operand: ua.SimpleAttributeOperand, code: int) -> None:
    made, result = event_filter(wanted(select=[attr("Severity"), operand]), SPACE)
    assert result is not None
    assert [one.value for one in result.SelectClauseResults] == [0, code]
    assert made.fields(Subject(EVENT, SPACE)).endswith(b"\x00")
    with pytest.raises(FilterRefused) as refused:
        event_filter(wanted(select=[operand]), SPACE)
    assert refused.value.code == StatusCodes.BadEventFilterInvalid


@pytest.mark.parametrize(
    ("elements", "element", "operands"),
    [
        ([(Op.InView, lit(BASE))], StatusCodes.BadFilterOperatorUnsupported, []),
        ([(Op.RelatedTo, *[lit(1)] * 6)], StatusCodes.BadFilterOperatorUnsupported, []),
        ([(Op.Equals, lit(1))], StatusCodes.BadFilterOperandCountMismatch, []),
        ([(Op.InList, lit(1))], StatusCodes.BadFilterOperandCountMismatch, []),
        ([(Op.Not, ref(0))], StatusCodes.BadFilterOperandInvalid, [StatusCodes.BadFilterElementInvalid]),
        ([(Op.Not, ref(7))], StatusCodes.BadFilterOperandInvalid, [StatusCodes.BadFilterElementInvalid]),
        (
            [(Op.OfType, attr("EventType"))],
            StatusCodes.BadFilterOperandInvalid,
            [StatusCodes.BadFilterOperandInvalid],
        ),
        ([(Op.OfType, lit(5))], StatusCodes.BadFilterOperandInvalid, [StatusCodes.BadFilterOperandInvalid]),
        (
            [(Op.IsNull, ua.AttributeOperand())],
            StatusCodes.BadFilterOperandInvalid,
            [StatusCodes.BadFilterOperandInvalid],
        ),
        (
            [(Op.IsNull, ua.ExtensionObject())],
            StatusCodes.BadFilterOperandInvalid,
            [StatusCodes.BadFilterOperandInvalid],
        ),
        ([(Op.IsNull, attr(""))], StatusCodes.BadFilterOperandInvalid, [StatusCodes.BadAttributeIdInvalid]),
    ],
)
def test_a_bad_where_clause_is_refused_with_its_reason(
    elements: list[tuple[Any, ...]], element: int, operands: list[int]
) -> None:
    with pytest.raises(FilterRefused) as refused:
        event_filter(wanted(*elements), SPACE)
    result = refused.value.result
    assert refused.value.code == StatusCodes.BadEventFilterInvalid
    assert result is not None
    first = result.WhereClauseResult.ElementResults[0]
    assert (first.StatusCode.value, [code.value for code in first.OperandStatusCodes]) == (element, operands)
    assert struct_to_binary(result)  # it can be sent


def test_a_back_reference_and_a_filter_without_end_are_refused() -> None:
    back = [(Op.Not, ref(1)), (Op.Not, ref(0))]
    many = [(Op.Not, lit(True))] * 201
    wide = [(Op.InList, *[lit(1)] * 501)]
    long = [(Op.Like, attr("SourceName"), lit("%" * 4_097))]
    for elements in (back, many, wide, long):
        with pytest.raises(FilterRefused):
            event_filter(wanted(*elements), SPACE)
    for nothing in (None, ua.ExtensionObject(), ua.DataChangeFilter(), wanted(select=[])):
        with pytest.raises(FilterRefused):
            event_filter(nothing, SPACE)
    with pytest.raises(FilterRefused):
        event_filter(wanted(select=[attr("Severity")] * 501), SPACE)


def test_a_clause_that_refers_twice_to_each_next_element_takes_no_exponential_time() -> None:
    doubled = [(Op.And, ref(n + 1), ref(n + 1)) for n in range(150)]
    assert passes(*doubled, (Op.OfType, lit(ALARM)))


# --- models ---


def naive(elements: Sequence[tuple[Any, ...]], at: int) -> bool | None:
    """Kleene's logic by the truth tables, recursively."""
    operator, *operands = elements[at]
    values = [
        naive(elements, one.Index) if isinstance(one, ua.ElementOperand) else one.Value.Value
        for one in operands
    ]
    if operator is Op.Not:
        return None if values[0] is None else not values[0]
    if operator is Op.IsNull:
        return values[0] is None
    table = {(True, True): True, (False, False): False, (True, False): operator is Op.Or, (None, None): None}
    key = (values[0], values[1])
    if key in table:
        return table[key]
    if None in key:
        decided = operator is Op.Or
        return decided if decided in key else None
    return table[key[1], key[0]]


@st.composite
def clauses(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    count = draw(st.integers(1, 8))
    elements = []
    for at in range(count):
        operator = draw(st.sampled_from([Op.And, Op.Or, Op.Not, Op.IsNull]))
        later = st.integers(at + 1, count - 1).map(ref) if at + 1 < count else st.nothing()
        constant = st.sampled_from([True, False, None]).map(lambda v: ua.LiteralOperand(ua.Variant(v)))
        wide = 1 if operator in {Op.Not, Op.IsNull} else 2
        elements.append((operator, *[draw(later | constant) for _ in range(wide)]))
    return elements


@given(clauses())
def test_logic_is_as_in_the_truth_tables(elements: list[tuple[Any, ...]]) -> None:
    assert passes(*elements) == (naive(elements, 0) is True)


def as_regex(pattern: str) -> str:
    def part(match: re.Match[str]) -> str:
        text = match.group()
        if text == "%":
            return ".*"
        if text == "_":
            return "."
        if text.startswith("["):
            inside = text[1:-1]
            negated = inside.startswith("^") and len(inside) > 1
            return "[" + "^" * negated + re.escape(inside[negated:]).replace(r"\-", "-") + "]"
        return re.escape(text[-1])

    return re.sub(r"%|_|\[[^\]]+\]|\\.|.", part, pattern, flags=re.DOTALL)


PARTS = st.sampled_from(["%", "_", "a", "b", "-", "\\%", "\\_", "[ab]", "[^a]", "[a-c]", "[^b-c%]", "."])


@given(st.lists(PARTS, max_size=8).map("".join), st.text("abc%_-.", max_size=10))
def test_like_is_as_the_regular_expression(pattern: str, text: str) -> None:
    expected = re.fullmatch(as_regex(pattern), text, flags=re.DOTALL) is not None
    assert like.matches(text, like.parse(pattern)) is expected


def test_like_patterns_that_are_not_closed_stand_for_themselves() -> None:
    assert like.matches("a[b", like.parse("a[b"))
    assert like.matches("a\\", like.parse("a\\"))
    assert like.matches("^", like.parse("[^]"))
    assert not like.matches(
        "a" * 5_000, like.parse("%a" * 50 + "b")
    )  # a backtracking matcher never ends here


KINDS = ua.VariantType
anything = st.one_of(
    st.sampled_from(
        [
            NULL,
            ua.Variant(ua.LocalizedText(None)),
            ua.Variant(ua.QualifiedName(None)),
            ua.Variant(ua.NodeId()),
            ua.Variant(ua.ExpandedNodeId("A", 1, NamespaceUri="urn:a", ServerIndex=3)),
            ua.Variant([], KINDS.Double),
            ua.Variant([[1, 2], [3, 4]], KINDS.Int32),
            ua.Variant([ua.LocalizedText("a")], KINDS.LocalizedText),
            ua.Variant(ua.Range(1, 2), KINDS.ExtensionObject),
            ua.Variant(ua.DataValue(ua.Variant(1)), KINDS.DataValue),
            ua.Variant(ua.Variant(1), KINDS.Variant),
            ua.Variant(datetime(2026, 1, 1), KINDS.DateTime),  # noqa: DTZ001
            ua.Variant(NEON, KINDS.Guid),
            ua.Variant(ua.StatusCode(0x80050000)),
        ]
    ),
    st.floats().map(lambda value: ua.Variant(value, KINDS.Double)),
    st.floats(width=32).map(lambda value: ua.Variant(value, KINDS.Float)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: ua.Variant(value, KINDS.Int64)),
    st.integers(0, 40).map(lambda value: ua.Variant(node_id(value))),
    st.text(max_size=12).map(ua.Variant),
    st.sampled_from(["1e999", "9" * 5000, "ns=1;i=x", "0000-00-00", "[", "%[^"]).map(ua.Variant),
    st.binary(max_size=20).map(lambda value: ua.Variant(value, KINDS.ByteString)),
)


@given(st.sampled_from(list(Op)), st.lists(anything, min_size=1, max_size=4), st.sampled_from(sorted(FIELDS)))
def test_no_filter_makes_an_error(operator: Op, literals: list[ua.Variant], path: str) -> None:
    """Refused when it is made, or TRUE, FALSE or NULL for the event."""
    operands: list[Any] = [ua.LiteralOperand(one) for one in literals]
    for chosen in (operands, [attr(path), *operands[1:]]):
        try:
            made, _ = event_filter(wanted((Op.Not, ref(1)), (operator, *chosen)), SPACE)
        except FilterRefused:
            continue
        assert made.passes(Subject(EVENT, SPACE)) in {True, False}


ORDER = [11, 10, 8, 9, 6, 7, 4, 5, 2, 3]  # Double first
RANGES = {2: (-128, 127), 3: (0, 255), 4: (-(2**15), 2**15 - 1), 5: (0, 65535), 6: (-(2**31), 2**31 - 1)}
RANGES |= {7: (0, 2**32 - 1), 8: (-(2**63), 2**63 - 1), 9: (0, 2**64 - 1)}
small = st.sampled_from(ORDER).flatmap(
    lambda kind: st.integers(max(-100, RANGES.get(kind, (-100, 0))[0]), 100).map(
        lambda value: Term(kind, float(value) if kind >= 10 else value)
    )
)


@given(small, small)
def test_numbers_of_two_types_meet_in_the_first_of_them(one: Term, other: Term) -> None:
    both = common(one, other)
    kind = min(one.kind, other.kind, key=ORDER.index)
    fits = kind >= 10 or RANGES[kind][0] <= min(one.value, other.value)
    signed = {2, 4, 6, 8}
    unsigned_first = kind not in signed and kind < 10 and ({one.kind, other.kind} & signed)
    if not fits or (unsigned_first and both is None):
        assert both is None
    elif both is not None:
        assert (both[0].kind, both[1].kind) == (kind, kind)
        assert (both[0].value, both[1].value) == (one.value, other.value)


def test_equals_is_symmetric_for_all_pairs() -> None:
    values = [ua.Variant(1, kind) for kind in list(ua.VariantType)[2:10]]
    values += [ua.Variant(1.0), ua.Variant("1"), ua.Variant(True), ua.Variant(ua.StatusCode(1))]
    for one in values:
        for other in values:
            forth = passes((Op.Equals, ua.LiteralOperand(one), ua.LiteralOperand(other)))
            assert forth == passes((Op.Equals, ua.LiteralOperand(other), ua.LiteralOperand(one)))


@pytest.mark.parametrize(
    ("term", "kind", "value"),
    [
        (Term(11, 2.5), 6, 3),  # plus a half, then cut
        (Term(11, -2.5), 6, -2),
        (Term(11, float("nan")), 6, None),
        (Term(11, 1e300), 10, None),
        (Term(11, 0.1), 10, 0.10000000149011612),
        (Term(6, 256), 3, None),
        (Term(6, 2), 1, True),
        (Term(1, False), 12, "false"),
        (Term(12, "TRUE"), 1, True),
        (Term(12, "neon"), 1, None),
        (Term(12, " 12 "), 6, 12),
        (Term(12, "1.5e3"), 11, 1500.0),
        (Term(12, "2026-01-01T00:00:00Z"), 13, datetime(2026, 1, 1, tzinfo=UTC)),
        (Term(13, datetime(2026, 1, 1, tzinfo=UTC)), 12, "2026-01-01T00:00:00Z"),
        (Term(12, str(NEON)), 14, NEON),
        (Term(14, NEON), 15, NEON.bytes_le),
        (Term(15, NEON.bytes_le), 14, NEON),
        (Term(15, b"short"), 14, None),
        (Term(12, "ns=1;s=A"), 17, ua.NodeId("A", 1)),
        (Term(12, "nonsense"), 17, None),
        (Term(17, ua.NodeId("A", 1)), 12, "ns=1;s=A"),
        (Term(18, ua.ExpandedNodeId("A", 1)), 17, ua.NodeId("A", 1)),
        (Term(18, ua.ExpandedNodeId("A", 1, ServerIndex=2)), 17, None),
        (Term(19, 0x80050000), 5, 0x8005),
        (Term(5, 0x8005), 19, 0x80050000),
        (Term(20, ua.QualifiedName("A", 2)), 12, "2:A"),
        (Term(12, "A"), 21, ua.LocalizedText("A")),
        (Term(12, "A"), 20, ua.QualifiedName("A")),
        (Term(13, datetime(2026, 1, 1, tzinfo=UTC)), 11, None),
        (Term(5, (1, 2)), 6, None),
        (Term(6, 5), 22, None),
    ],
)
def test_casts(term: Term, kind: int, value: Any) -> None:
    assert cast(term, kind) == (None if value is None else Term(kind, value))


# --- data change ---

NOW = ua.DataValue(ua.Variant(1.0))


def change(deadband_type: int = 0, band: float = 0.0) -> ua.DataChangeFilter:
    return ua.DataChangeFilter(ua.DataChangeTrigger.StatusValue, deadband_type, band)


@pytest.mark.parametrize(
    ("given_", "now", "span", "expected"),
    [
        (None, NOW, None, ANY_CHANGE),
        (ua.ExtensionObject(), NOW, None, ANY_CHANGE),
        (change(), NOW, None, ANY_CHANGE),
        (change(1, 0.5), NOW, None, DataFilter(deadband=0.5)),
        (change(2, 10), NOW, 50.0, DataFilter(deadband=5.0, percent=10)),
        (change(1, 1), ua.DataValue(NULL), None, DataFilter(deadband=1.0)),
        (change(2, 10), NOW, None, StatusCodes.BadDeadbandFilterInvalid),
        (change(2, 101), NOW, 50.0, StatusCodes.BadDeadbandFilterInvalid),
        (change(3, 1), NOW, 50.0, StatusCodes.BadDeadbandFilterInvalid),
        (change(1, -1), NOW, None, StatusCodes.BadDeadbandFilterInvalid),
        (change(1, float("nan")), NOW, None, StatusCodes.BadDeadbandFilterInvalid),
        (change(1, 1), ua.DataValue(ua.Variant("text")), None, StatusCodes.BadFilterNotAllowed),
        (change(1, 1), ua.DataValue(ua.Variant(True)), None, StatusCodes.BadFilterNotAllowed),
        (wanted(), NOW, None, StatusCodes.BadFilterNotAllowed),
        (ua.AggregateFilter(), NOW, None, StatusCodes.BadMonitoredItemFilterUnsupported),
    ],
)
def test_data_change_filters(
    given_: Any, now: ua.DataValue, span: float | None, expected: DataFilter | int
) -> None:
    if isinstance(expected, DataFilter):
        assert data_filter(given_, now, span) == expected
        return
    with pytest.raises(Fault) as refused:
        data_filter(given_, now, span)
    assert refused.value.code == expected


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20), st.floats(0, 100))
def test_what_a_deadband_reports_never_differs_more_than_the_band(values: list[float], band: float) -> None:
    filter_ = DataFilter(deadband=band)
    reported = reduce(lambda last, value: value if filter_.beyond(last, value) else last, values)
    assert abs(reported - values[-1]) <= band


def test_deadbands_of_arrays_and_of_no_number() -> None:
    filter_ = DataFilter(deadband=1.0)
    assert filter_.beyond([1, 2], [1, 3.5])
    assert not filter_.beyond([1, 2], [1.5, 2.5])
    assert filter_.beyond([1], [1, 2])
    assert filter_.beyond(float("nan"), 1.0)
    assert not filter_.beyond(float("nan"), float("nan"))
    assert filter_.beyond(None, 1.0)
    assert not filter_.beyond(None, None)
