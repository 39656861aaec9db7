"""Raw numbers of a PLC become tags: the link's arrays say what the plant's scalar arithmetic says."""

from __future__ import annotations

from dataclasses import replace
from math import inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.signal import BAD_OUT_OF_RANGE, BAD_SENSOR_FAILURE, GOOD
from controller.core.inputs import Batch
from controller.opcua.decoding import Items, Other
from controller.opcua.link.mapping import Mapped, mapped
from controller.opcua.link.points import ARRAY, KINDS, Table, table_of
from controller.opcua.status import (
    BAD_INDEX_RANGE_NO_DATA,
    BAD_NO_DATA,
    BAD_NODE_ID_UNKNOWN,
    BAD_TYPE_MISMATCH,
)
from controller.plant.plant import Plant
from controller.plant.scaling import from_raw
from controller.plant.tags import Kind, NodeSource, Raw, Tag

NUMBERS = [raw for raw in Raw if raw is not Raw.STRING]


def plant_of(*sources: dict[str, Any]) -> Plant:
    """One PLC; a tag T0, T1, ... for each source."""
    tags = tuple(
        Tag(at, f"T{at}", "", Kind.ANALOG, "", "", 0, 1, NodeSource(0, "urn:x", **source))
        for at, source in enumerate(sources)
    )
    return Plant("p", "", "UTC", "turbine", 30, (), (), tags, (), (), (), "", {t.name: t.index for t in tags})


def items(*rows: tuple[int, float, int, int], others: tuple[Other, ...] = ()) -> Items:
    """(handle, raw value, status, kind)."""
    handles, values, statuses, kinds = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Items(
        np.array(handles, np.uint32),
        np.array(values, np.float64),
        np.array(statuses, np.uint32),
        np.arange(len(handles), dtype=np.int64),
        np.array(kinds, np.uint8),
        others,
    )


def rows_of(batch: Batch) -> list[tuple[int, float, int]]:
    return list(zip(batch.tags.tolist(), batch.values.tolist(), batch.status.tolist(), strict=True))


def apply(plant: Plant, given_items: Items) -> Mapped:
    return mapped(table_of(plant, 0), given_items)


sources = st.builds(
    lambda raw, scale, offset, bit, active, sentinels: {
        "raw": raw,
        "scale": scale,
        "offset": offset,
        "bit": bit if raw not in (Raw.FLOAT, Raw.DOUBLE, Raw.BOOLEAN) else None,
        "active_when": active,
        "sentinels": tuple(sentinels),
    },
    st.sampled_from(NUMBERS),
    st.sampled_from([1.0, 0.1, -2.5, 0.01]),
    st.sampled_from([0.0, -40.0, 3.0]),
    st.one_of(st.none(), st.integers(0, 7)),
    st.integers(0, 1),
    st.lists(st.sampled_from([32767.0, -99.9, 255.0, 0.0]), max_size=2),
)
raw_numbers = st.one_of(
    st.integers(0, 127).map(float), st.sampled_from([nan, inf, -inf, 32767.0, -99.9, 255.0])
)


@given(st.lists(st.tuples(sources, raw_numbers), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_every_number_becomes_what_the_plants_own_arithmetic_makes_of_it(
    pairs: list[tuple[dict[str, Any], float]],
) -> None:
    plant = plant_of(*({"identifier": f"s={n}"} | source for n, (source, _) in enumerate(pairs)))
    table = table_of(plant, 0)
    rows = []
    for tag, (_, given_number) in zip(plant.tags, pairs, strict=True):
        assert isinstance(tag.source, NodeSource)
        is_switch = tag.source.raw is Raw.BOOLEAN
        number = float(given_number == 127) if is_switch else given_number
        rows.append((table.of_tag[tag.index][0].handle, number, GOOD, KINDS[tag.source.raw]))
    for row, (index, value, status) in zip(rows, rows_of(apply(plant, items(*rows)).batch), strict=True):
        expected, expected_status = from_raw(plant.tags[index], row[1])
        assert status == expected_status
        assert (isnan(value) and isnan(float(expected))) or value == pytest.approx(expected)


def test_bits_of_one_word_are_tags_of_their_own_with_their_own_polarity() -> None:
    plant = plant_of(
        *({"identifier": "s=W", "raw": Raw.UINT16, "bit": bit, "active_when": active}
          for bit, active in ((0, 1), (0, 0), (15, 1), (15, 0)))
    )  # fmt: skip
    batch = apply(plant, items((0, 0x8001, GOOD, KINDS[Raw.UINT16]), (0, 0, GOOD, KINDS[Raw.UINT16]))).batch
    assert rows_of(batch) == [
        (0, 1, GOOD), (1, 0, GOOD), (2, 1, GOOD), (3, 0, GOOD),
        (0, 0, GOOD), (1, 1, GOOD), (2, 0, GOOD), (3, 1, GOOD),
    ]  # fmt: skip


def test_words_of_an_array_make_numbers_and_bits() -> None:
    plant = plant_of(
        {"identifier": "s=A", "raw": Raw.UINT16, "element": 1, "scale": 0.5},
        {"identifier": "s=A", "raw": Raw.UINT16, "element": 0, "bit": 4},
        {"identifier": "s=A", "raw": Raw.UINT16, "element": 2, "words": 2, "low_word_first": True},
        {"identifier": "s=A", "raw": Raw.UINT16, "element": 2, "words": 2},
        {"identifier": "s=A", "raw": Raw.UINT16, "element": 9},
        {"identifier": "s=I", "raw": Raw.INT16, "words": 2, "low_word_first": True},
    )
    kind = ARRAY | KINDS[Raw.UINT16]
    others = (
        Other(0, 0, [16, 7, 2, 1], GOOD, 5, kind),
        Other(0, 1, [-2, -1], GOOD, 6, ARRAY | KINDS[Raw.INT16]),
    )
    batch = apply(plant, items(others=others)).batch
    assert rows_of(batch)[:4] == [(0, 3.5, GOOD), (1, 1, GOOD), (2, 65538, GOOD), (3, 131073, GOOD)]
    assert rows_of(batch)[4][0::2] == (4, BAD_INDEX_RANGE_NO_DATA)
    assert rows_of(batch)[5] == (5, -2, GOOD)
    assert batch.source_ns.tolist() == [5, 5, 5, 5, 5, 6]


def test_a_bad_status_takes_the_number_away_and_stays_as_it_was_sent() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT})
    (row,) = rows_of(apply(plant, items((0, 21.0, 0x80AB0000, KINDS[Raw.FLOAT]))).batch)
    assert isnan(row[1])
    assert row[2] == 0x80AB0000


def test_a_good_null_is_no_data() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT}, {"identifier": "s=S", "raw": Raw.STRING})
    batch = apply(plant, items((0, nan, GOOD, 0), (1, nan, GOOD, 0))).batch
    assert rows_of(batch)[0][2] == BAD_NO_DATA
    assert batch.texts == ((1, "", BAD_NO_DATA, 1),)


@pytest.mark.parametrize(
    ("raw", "given_items"),
    [
        (Raw.INT16, items((0, 1.0, GOOD, KINDS[Raw.FLOAT]))),
        (Raw.INT16, items(others=(Other(0, 0, [1], GOOD, 0, ARRAY | KINDS[Raw.INT16]),))),
        (Raw.INT16, items(others=(Other(0, 0, "7", GOOD, 0, KINDS[Raw.STRING]),))),
        (Raw.STRING, items((0, 1.0, GOOD, KINDS[Raw.FLOAT]))),
        (Raw.STRING, items(others=(Other(0, 0, b"7", GOOD, 0, 15),))),
    ],
    ids=["float for integer", "array for scalar", "text for number", "number for text", "bytes for text"],
)
def test_another_type_than_the_maps_is_bad_and_noticed(raw: Raw, given_items: Items) -> None:
    result = apply(plant_of({"identifier": "s=X", "raw": raw}), given_items)
    statuses = [*result.batch.status.tolist(), *(text[2] for text in result.batch.texts)]
    assert statuses == [BAD_TYPE_MISMATCH]
    assert result.wrong_types == (0,)


def test_overflow_bits_are_counted_and_taken_off_and_other_bits_stay() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT}, {"identifier": "s=S", "raw": Raw.STRING})
    kind = KINDS[Raw.FLOAT]
    result = apply(
        plant,
        items(
            (0, 1.0, 0x480, kind),
            (0, 2.0, 0x580, kind),  # at its low limit as well
            (0, 3.0, 0x40900480, kind),
            (0, 4.0, 0x400, kind),
            others=(Other(4, 1, "x", 0x480, 0, KINDS[Raw.STRING]),),
        ),
    )
    assert result.overflows == 4
    assert result.batch.status.tolist() == [0, 0x500, 0x40900000, 0x400]
    assert result.batch.texts == ((1, "x", GOOD, 0),)


def test_a_node_that_went_away_is_named_by_its_handle() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT}, {"identifier": "s=S", "raw": Raw.STRING})
    unknown = BAD_NODE_ID_UNKNOWN
    assert apply(plant, items((0, nan, unknown, 0), (1, nan, unknown, 0))).nodes_lost == (0, 1)


def test_a_text_and_a_bad_status_of_one_node_keep_their_order() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT}, {"identifier": "s=S", "raw": Raw.STRING})
    numbers = ((0, 1.0, GOOD, KINDS[Raw.FLOAT]), (1, nan, 0x80310000, 0), (0, 2.0, GOOD, KINDS[Raw.FLOAT]))
    text = KINDS[Raw.STRING]
    before = apply(plant, items(*numbers, others=(Other(1, 1, "a", GOOD, 0, text),))).batch
    after = apply(plant, items(*numbers, others=(Other(2, 1, "a", GOOD, 0, text),))).batch
    assert [t[:3] for t in before.texts] == [(1, "a", GOOD), (1, "", 0x80310000)]
    assert [t[:3] for t in after.texts] == [(1, "", 0x80310000), (1, "a", GOOD)]
    assert before.values.tolist() == [1.0, 2.0]


def test_handles_nobody_asked_for_are_left_out() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT})
    result = apply(plant, items((7, 1.0, GOOD, 10), (0, 2.0, GOOD, 10), others=(Other(0, 9, "x", 0, 0, 12),)))
    assert rows_of(result.batch) == [(0, 2.0, GOOD)]


def test_the_servers_clock_is_no_tag() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT})
    table: Table = table_of(plant, 0)
    result = mapped(table, items(others=(Other(0, table.clock_handle, "noon", GOOD, 0, 13),)))
    assert (result.clock, len(result.batch.tags), result.batch.texts) == ("noon", 0, ())


def test_nodes_go_into_one_subscription_for_interlocks_and_one_for_each_type() -> None:
    plant = plant_of(
        {"identifier": "s=F", "raw": Raw.FLOAT},
        {"identifier": "s=I", "raw": Raw.INT16},
        {"identifier": "s=S", "raw": Raw.STRING},
        {"identifier": "s=A", "raw": Raw.UINT16, "element": 0},
        {"identifier": "s=B", "raw": Raw.BOOLEAN},
        {"identifier": "s=G", "raw": Raw.FLOAT},
    )
    plant = replace(plant, tags=tuple(replace(t, fast=t.name in ("T4", "T5")) for t in plant.tags))
    groups = {name: [n.identifier for n in nodes] for name, nodes in table_of(plant, 0).groups().items()}
    assert groups == {
        "fast": ["s=B", "s=G"],
        "Float": ["s=F"],
        "Int16": ["s=I"],
        "other": ["s=S", "s=A"],
    }
    assert next(iter(groups)) == "fast"


def test_a_plc_without_tags_has_an_empty_table() -> None:
    table = table_of(plant_of(), 0)
    assert (table.nodes, table.groups()) == ((), {})
    assert len(mapped(table, items()).batch.tags) == 0


def test_statuses_for_what_cannot_be_meant_are_those_of_the_plant() -> None:
    plant = plant_of({"identifier": "s=F", "raw": Raw.FLOAT, "sentinels": (-99.9,)})
    rows = [(0, value, GOOD, KINDS[Raw.FLOAT]) for value in (nan, inf, float(np.float32(-99.9)), -99.8)]
    statuses = [status for _, _, status in rows_of(apply(plant, items(*rows)).batch)]
    assert statuses == [BAD_OUT_OF_RANGE, BAD_OUT_OF_RANGE, BAD_SENSOR_FAILURE, GOOD]
