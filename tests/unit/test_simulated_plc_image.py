"""A PLC's memory holds every tag where its map says, and nothing a tag does disturbs its neighbours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alarms.signal import BAD_SENSOR_FAILURE, GOOD
from controller.opcua.plc.image import Image, Node
from controller.plant.plant import Plant
from controller.plant.scaling import from_raw
from controller.plant.tags import NodeSource, Raw, Tag
from tests.system.steady_plant import CODESYS, S7, steady_plant

PLANT = steady_plant()
READABLE = [tag for tag in PLANT.tags if tag.plc == CODESYS and tag.access == "read"]


def show(image: Image, tag: Tag) -> tuple[float | str, int]:
    """What a service that knows the map reads back."""
    source = tag.source
    assert isinstance(source, NodeSource)
    node = image.nodes[source.namespace, source.identifier]
    at = source.element or 0
    raw: Any = node.cells[at : at + 2] if source.words > 1 else node.cells[at]
    return from_raw(tag, raw)


def value_of(tag: Tag) -> st.SearchStrategy[float | str]:
    source = tag.source
    assert isinstance(source, NodeSource)
    if source.raw is Raw.STRING:
        return st.text(max_size=8)
    if source.raw is Raw.BOOLEAN or source.bit is not None:
        return st.sampled_from([0.0, 1.0])
    if source.raw is Raw.FLOAT:
        return st.floats(-1e6, 1e6, width=32)
    top = 2**32 - 1 if source.words > 1 else 32766 if source.raw is Raw.INT16 else 65535
    return st.integers(0, top).map(lambda raw: raw * source.scale)


READINGS = st.lists(
    st.sampled_from(READABLE).flatmap(lambda tag: st.tuples(st.just(tag), value_of(tag))), max_size=30
)


@settings(max_examples=40, deadline=None)
@given(READINGS)
def test_every_tag_reads_back_as_it_was_last_set(readings: list[tuple[Tag, float | str]]) -> None:
    image = Image(PLANT, CODESYS)
    last: dict[str, tuple[Tag, float | str]] = {}
    for tag, value in readings:
        image.update([(tag.index, value, GOOD)])
        last[tag.name] = (tag, value)
    for tag, value in last.values():
        shown, status = show(image, tag)
        assert status == GOOD
        assert shown == (value if isinstance(value, str) else pytest.approx(value, rel=1e-6))


@settings(max_examples=40, deadline=None)
@given(READINGS)
def test_only_nodes_that_changed_are_told(readings: list[tuple[Tag, float | str]]) -> None:
    image = Image(PLANT, CODESYS)
    seen = {key: (node.value, node.status) for key, node in image.nodes.items()}
    told = image.update([(tag.index, value, GOOD) for tag, value in readings])
    changed = {key for key, node in image.nodes.items() if (node.value, node.status) != seen[key]}
    # A node that changes and changes back within one update may be told; one that changed must be.
    assert changed <= {(node.namespace, node.identifier) for node in told}
    assert len(told) == len({id(node) for node in told})
    last = {tag.index: value for tag, value in readings}
    assert image.update([(index, value, GOOD) for index, value in last.items()]) == []


def test_the_same_reading_twice_is_no_change() -> None:
    image = Image(PLANT, S7)
    tag = PLANT.tag("L.PRESSURE")
    assert [node.identifier for node in image.update([(tag.index, 4.0, GOOD)])] == ['s="DB"."PT"']
    assert image.update([(tag.index, 4.0, GOOD)]) == []
    assert len(image.update([(tag.index, 4.0, BAD_SENSOR_FAILURE)])) == 1


def test_an_array_is_bad_only_when_all_of_it_is() -> None:
    image = Image(PLANT, CODESYS)
    high, low = PLANT.tag("R.HIGH_BIT"), PLANT.tag("R.LOW_BIT")
    image.update([(high.index, 1.0, GOOD), (low.index, 0.0, BAD_SENSOR_FAILURE)])
    node = _node(image, high)
    assert node.status == GOOD
    image.update([(high.index, 1.0, BAD_SENSOR_FAILURE)])
    assert node.status == BAD_SENSOR_FAILURE


def test_bit_15_of_a_signed_word_is_its_sign() -> None:
    source = NodeSource(0, "urn:X", "s=W", Raw.INT16, bit=15)
    tags = (_tag(0, "TOP", source), _tag(1, "BOTTOM", NodeSource(0, "urn:X", "s=W", Raw.INT16, bit=0)))
    plant = _plant(tags)
    image = Image(plant, 0)
    (node,) = image.nodes.values()
    image.update([(0, 1.0, GOOD), (1, 1.0, GOOD)])
    assert node.value == -32767
    image.update([(0, 0.0, GOOD)])
    assert node.value == 1


def test_a_number_that_is_none_is_a_broken_sensor() -> None:
    image = Image(PLANT, S7)
    level, pressure = PLANT.tag("L.LEVEL"), PLANT.tag("L.PRESSURE")
    image.update([(level.index, float("nan"), GOOD), (pressure.index, float("inf"), GOOD)])
    assert (_node(image, level).value, _node(image, level).status) == (32767, GOOD)
    assert _node(image, pressure).status == BAD_SENSOR_FAILURE


def _node(image: Image, tag: Tag) -> Node:
    assert isinstance(tag.source, NodeSource)
    return image.nodes[tag.source.namespace, tag.source.identifier]


def _tag(index: int, name: str, source: NodeSource) -> Tag:
    base = PLANT.tags[0]
    return Tag(index, name, name, base.kind, "", "", 0.0, 1.0, source)


def _plant(tags: tuple[Tag, ...]) -> Plant:
    return replace(PLANT, tags=tags, index={tag.name: tag.index for tag in tags})
