"""The gateway's values in binary, service level, index ranges, units, nodes and its NodeSet file."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from math import inf, isnan, nan
from typing import Any
from xml.etree import ElementTree as Xml

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary
from hypothesis import given
from hypothesis import strategies as st

from controller.opcua.gateway.index_range import parse, sliced
from controller.opcua.gateway.nodeset import SET, nodeset_of
from controller.opcua.gateway.orders import Orders, status_of
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.service_level import service_level
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.session import NOBODY, Caller
from controller.opcua.gateway.space.engineering import CODES, unit_id, unit_information
from controller.opcua.gateway.space.names import of_plant, standard
from controller.opcua.gateway.space.nodes import VariableNode
from controller.opcua.gateway.space.parts import TypeNodes
from controller.opcua.gateway.space.plant import PlantNodes
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.space.types import OWN_TYPES
from controller.opcua.gateway.values import OtherVersion, Values
from controller.plant import config
from controller.plant.plant import Plant
from controller.plant.units import UNITS

_ID = ua.ObjectIds
Codes = ua.StatusCodes
TIMES = (
    ua.TimestampsToReturn.Source,
    ua.TimestampsToReturn.Server,
    ua.TimestampsToReturn.Both,
    ua.TimestampsToReturn.Neither,
)


@cache
def university() -> Plant:
    plant = config.load(config.find_plant("university")).plant
    assert plant is not None
    return plant


def fed(plant: Plant, value: float, status: int = 0, at_ns: int = 1_790_000_000_123_456_700) -> Values:
    """Every tag with this value."""
    values = Values(plant)
    rows = [[tag.index, value, status, at_ns] for tag in plant.tags]
    first = {"version": plant.text_hash, "values": rows, "texts": [], "journal": 1, "links": []}
    values.take({"snapshot": first})
    return values


class TestValues:
    @pytest.mark.parametrize("value", [0.0, 1.0, 7.25, -3.0, 1e12, -1e30, inf, nan])
    @pytest.mark.parametrize("status", [0, 0x40920000, 0x80310000])
    def test_what_is_encoded_is_what_is_read(self, value: float, status: int) -> None:
        plant = university()
        values = fed(plant, value, status)
        for tag in plant.tags:
            read = values.data_value(tag.index)
            for times in TIMES:
                sent = struct_from_binary(ua.DataValue, Buffer(values.encoded(tag.index, times)))
                assert sent.StatusCode.value == read.StatusCode.value, tag.name
                assert sent.Value.VariantType == read.Value.VariantType or read.Value.Value is None
                assert sent.Value.Value == read.Value.Value or value != value, tag.name  # noqa: PLR0124
                with_source = times in {ua.TimestampsToReturn.Source, ua.TimestampsToReturn.Both}
                assert sent.SourceTimestamp == (read.SourceTimestamp if with_source else None)

    def test_a_number_that_does_not_fit_is_the_nearest_and_not_good(self) -> None:
        plant = university()
        counter = next(
            tag for tag in plant.tags if fed(plant, 0.0).data_value(tag.index).Value.VariantType == 5
        )
        value = fed(plant, 1e6).data_value(counter.index)
        assert value.Value.Value == 65_535
        assert not value.StatusCode.is_good()

    def test_it_is_encoded_once_per_change(self) -> None:
        values = fed(university(), 1.0)
        first = values.encoded(0)
        assert values.encoded(0) is first
        values.take({"values": [[0, 2.0, 0, 1]], "texts": [], "journal": 1, "links": []})
        assert values.encoded(0) != first

    def test_watchers_hear_what_changed_and_of_a_lost_feed(self) -> None:
        plant = university()
        values, heard = fed(plant, 1.0), list[list[int]]()
        stop = values.watch(lambda tags: heard.append(np.sort(tags).tolist()))
        values.take({"values": [[3, 2.0, 0, 1], [1, 2.0, 0, 1]], "texts": [], "journal": 1, "links": []})
        values.lose("gone")
        values.lose("gone")
        assert heard == [[1, 3], list(range(len(plant.tags)))]
        assert not values.up
        assert values.status(0) == Codes.BadNoCommunication
        assert values.number(1) == 2.0
        stop()
        values.take({"values": [[3, 4.0, 0, 1]], "texts": [], "journal": 1, "links": []})
        assert len(heard) == 2

    def test_the_feed_of_another_version_of_the_plant_is_not_taken_for_this_ones(self) -> None:
        values = fed(university(), 7.0)
        with pytest.raises(OtherVersion, match="cafe"):
            values.take({"snapshot": {"version": "cafe", "values": [[0, 9.0, 0, 1]], "texts": []}})
        assert values.number(0) == 7.0

    def test_of_another_version_what_is_known_by_name_and_type_stays_known(self) -> None:
        plant = university()
        values = fed(plant, 7.0)
        first, *others = plant.tags
        tags = (*(replace(tag, index=tag.index - 1) for tag in others), replace(first, index=len(others)))
        tags = (*tags[:-1], replace(tags[-1], name="NEW"))
        values.turn_to(replace(plant, tags=tags, index={tag.name: tag.index for tag in tags}))
        assert {values.number(tag.index) for tag in tags[:-1]} == {7.0}
        assert isnan(values.number(tags[-1].index))
        assert values.status(tags[-1].index) == Codes.BadWaitingForInitialData


class TestServiceLevel:
    def test_it_falls_with_what_cannot_be_seen(self) -> None:
        up, down = {"up": True}, {"up": False}
        all_of_it = service_level(feed=True, ready=True, links=[up, up, up])
        begun = service_level(feed=True, ready=False, links=[up, up, up])
        most = service_level(feed=True, ready=True, links=[up, up, down])
        least = service_level(feed=True, ready=True, links=[up, down, down])
        nothing = service_level(feed=True, ready=True, links=[down, down, down])
        blind = service_level(feed=False, ready=True, links=[up, up, up])
        assert all_of_it == 255
        assert 199 == begun > most > least > 1
        assert (nothing, blind) == (1, 1)

    def test_of_two_services_the_owner_of_the_plcs_is_preferred(self) -> None:
        up, down = {"up": True}, {"up": False}
        owner = service_level(feed=True, ready=True, links=[up, up, up])
        standby = service_level(feed=True, ready=True, links=[up, up, up], standby=True)
        seeing_less = service_level(feed=True, ready=True, links=[up, down, down], standby=True)
        blind = service_level(feed=False, ready=True, links=[up, up, up], standby=True)
        assert owner > standby == 100 > seeing_less > blind == 1

    @given(st.lists(st.booleans(), max_size=50), st.booleans(), st.booleans(), st.booleans())
    def test_it_is_in_one_of_the_bands_always(
        self, links: list[bool], feed: bool, ready: bool, standby: bool
    ) -> None:
        up = [{"up": one} for one in links]
        level = service_level(feed=feed, ready=ready, links=up, standby=standby)
        assert 1 <= level <= 100 if standby else level == 255 or 1 <= level <= 199


class TestIndexRanges:
    @given(st.lists(st.integers(0, 9), min_size=1), st.integers(0, 12), st.integers(1, 12))
    def test_a_range_is_a_slice_or_nothing(self, value: list[int], low: int, more: int) -> None:
        variant = ua.Variant(value, ua.VariantType.Int32)
        text = f"{low}:{low + more}"
        if low >= len(value):
            with pytest.raises(Fault) as error:
                sliced(variant, text)
            assert error.value.code == Codes.BadIndexRangeNoData
        else:
            assert sliced(variant, text).Value == value[low : low + more + 1]

    def test_texts_have_elements_too(self) -> None:
        assert sliced(ua.Variant("helium"), "0:1").Value == "he"
        assert sliced(ua.Variant(["helium", "neon"]), "0:1,1").Value == ["e", "e"]

    @given(st.text(max_size=20))
    def test_whatever_is_written_is_a_range_or_refused(self, text: str) -> None:
        code = 0
        try:
            found = parse(text)
        except Fault as error:
            code, found = error.code, []
        assert bool(found) == (code == 0)
        assert code in {0, Codes.BadIndexRangeInvalid}


class TestUnits:
    def test_codes_are_numbers_as_the_standard_makes_them(self) -> None:
        # OPC 10040-40, table 12, has these.
        assert [unit_id(code) for code in ("CEL", "BAR", "KGM", "MMT", "LTR")] == [
            4408652,
            4342098,
            4933453,
            5066068,
            5002322,
        ]

    def test_what_is_no_unit_of_unece_is_not_taken_for_one(self) -> None:
        for unit in ("barg", "bara", "Nm3/h", "%He"):
            told = unit_information(unit)
            assert (told.UnitId, told.DisplayName.Text) == (-1, unit)
        assert CODES.keys() <= UNITS | {f"{a}/{b}" for a in UNITS for b in UNITS}


@cache
def space() -> tuple[Space, PlantNodes]:
    plant = university()
    values = Values(plant)
    nodes = PlantNodes(plant, values, Picture(Orders(config.find_plant("university")), values))
    return Space(plant, [StandardNodes(), nodes, TypeNodes(OWN_TYPES)]), nodes


class TestSpace:
    def test_types_stand_below_their_supertypes(self) -> None:
        all_of_it, _ = space()
        level, base = standard(_ID.ExclusiveLevelAlarmType), standard(_ID.BaseEventType)
        assert all_of_it.is_subtype(level, base)
        assert not all_of_it.is_subtype(base, level)
        assert level in all_of_it.type_children(standard(_ID.ExclusiveLimitAlarmType))

    def test_only_commands_words_are_writable_and_only_for_operators(self) -> None:
        all_of_it, nodes = space()
        words = {university().tags[command.word].name for command in university().commands}
        writable = set()
        for node_id in nodes.walk():
            node = all_of_it.find(node_id)
            if isinstance(node, VariableNode):
                assert not node.user_access(NOBODY) & 2
                if node.user_access(Caller("sato", "operator", "1")) & 2:
                    writable.add(node_id.Identifier)
        assert writable == words

    def test_one_who_asks_for_nonsense_gets_nothing(self) -> None:
        all_of_it, _ = space()
        for path in ("", "/", "PT-303/", "PT-303/EURange/x", "Area", "Area/x", "Interlock/S-05/x", "Plant/x"):
            assert all_of_it.find(of_plant(path)) is None, path
        for odd in (ua.NodeId(b"x", 2), ua.NodeId(7, 2), ua.NodeId("x", 0), ua.NodeId("x", 9)):
            assert all_of_it.find(odd) is None


def test_the_nodeset_file_has_every_node_once_and_no_dead_reference() -> None:
    _, nodes = space()
    root = Xml.fromstring(nodeset_of(university()).partition("\n")[2])
    ids = [one.get("NodeId") for one in root if one.get("NodeId")]
    assert len(ids) == len(set(ids))
    wanted = {f"ns=1;{node_id.to_string().partition(';')[2]}" for node_id in nodes.walk()}
    assert wanted <= set(ids)
    targets = {one.text for one in root.iter(f"{{{SET}}}Reference")}
    assert {one for one in targets if one and one.startswith("ns=")} <= set(ids)


def test_the_cores_codes_become_status_codes() -> None:
    def told(**data: Any) -> int:
        return status_of(False, data)

    assert told(codes=["BadUserAccessDenied"]) == Codes.BadUserAccessDenied
    assert told(codes=["no such code", "BadOutOfRange"]) == Codes.BadOutOfRange
    assert told() == Codes.BadInvalidState
    assert status_of(True, {"codes": ["BadOutOfRange"]}) == 0
