"""What the loader makes of right files: units, order, indices, fast tags, handshakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from alarms import expression
from controller.plant.config import find_plant, load
from controller.plant.gas import FUNCTIONS
from controller.plant.plant import (
    By,
    CheckedEffect,
    CommandEffect,
    Compare,
    Origin,
    Plant,
    ResetBy,
    State,
    Unknown,
    Vote,
)
from controller.plant.tags import AlarmHelp, Derived, Kind, NodeSource, Raw
from tests.unit.plant_texts import TEXTS, changed, write_plant


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return loaded(tmp_path, TEXTS)


def loaded(folder: Path, texts: dict[str, str]) -> Plant:
    found = load(write_plant(folder, texts))
    assert found.errors == ()
    assert found.plant is not None
    return found.plant


def test_every_index_points_at_itself(plant: Plant) -> None:
    for items in (plant.tags, plant.commands, plant.permissives, plant.interlocks, plant.plcs):
        assert [item.index for item in items] == list(range(len(items)))
    assert {name: plant.tags[index].name for name, index in plant.index.items()} == {
        n: n for n in plant.index
    }


def test_a_command_is_five_tags_of_exact_types(plant: Plant) -> None:
    command = plant.commands[0]
    found = {}
    for part in ("word", "sequence", "epoch", "echo", "result"):
        tag = plant.tags[getattr(command, part)]
        assert isinstance(tag.source, NodeSource)
        found[tag.name] = (tag.source.raw, tag.access, tag.fast)

    assert found == {
        "C-301.CMD": (Raw.UINT16, "command", False),
        "C-301.SEQ": (Raw.UINT16, "command", False),
        "C-301.EPOCH": (Raw.UINT32, "command", False),
        "C-301.ECHO": (Raw.UINT16, "read", True),
        "C-301.RESULT": (Raw.UINT16, "read", True),
    }
    assert plant.tag("C-301.CMD").states == ((0, "none"), (1, "start"), (2, "stop"), (4, "unload"))


def test_words_keep_their_order_from_the_safest_and_their_proofs(plant: Plant) -> None:
    words = plant.commands[0].words
    assert [(w.name, w.value, w.origin) for w in words] == [
        ("stop", 2, Origin.AUTOMATIC),
        ("unload", 4, Origin.AUTOMATIC),
        ("start", 1, Origin.OPERATOR),
    ]
    assert words[0].proof == State(plant.index["XS-301"], (3, 12))
    assert (words[0].within_s, words[1].within_s) == (20.0, 10.0)


def test_what_interlocks_and_proofs_read_is_fast_and_so_are_the_inputs_of_derived_tags(plant: Plant) -> None:
    fast = {tag.name for tag in plant.tags if tag.fast}
    assert fast == {
        *("LT-201", "XS-301", "XS-351", "LSLL-202", "P35-316", "PT-316", "TT-318"),
        *("C-301.ECHO", "C-301.RESULT", "C-351.ECHO", "C-351.RESULT"),
    }


def test_an_acting_interlock_with_all_its_parts(plant: Plant) -> None:
    rule = plant.interlocks[0]
    assert (rule.name, rule.by, rule.on_unknown, rule.latch) == ("S-01", By.SERVICE, Unknown.TRIP, True)
    assert rule.causes[0].condition == Vote(
        2,
        (
            Compare(plant.index["LT-201"], "<", 10.0, for_s=5.0, hysteresis=1.0),
            Vote(2, (State(plant.index["XS-301"], (9,)), State(plant.index["XS-351"], (9,)))),
        ),
    )
    assert rule.effects[0] == CommandEffect(0, "stop")
    assert rule.reset.by is ResetBy.OPERATOR
    assert rule.bypass is not None
    assert (rule.bypass.max_s, rule.bypass.role, rule.bypass.two_persons) == (1800.0, "supervisor", False)
    assert rule.line == ("interlocks.yaml", 2)


def test_a_mirrored_interlock_is_the_plcs_and_only_checked(plant: Plant) -> None:
    rule = plant.interlocks[2]
    assert (rule.by, rule.parent, rule.bypass) == (By.PLC, 0, None)
    assert rule.effects == (CheckedEffect(State(plant.index["XS-301"], (12,)), 20.0, "C-301 stopped"),)


def test_limits_are_in_the_unit_of_the_tag_however_they_were_written(tmp_path: Path) -> None:
    plant = loaded(tmp_path, changed("interlocks.yaml", "above: 14.4 MPag", "above: 144 barg"))
    condition = plant.interlocks[1].causes[0].condition
    assert isinstance(condition, Compare)
    assert condition.limit == pytest.approx(14.4)


def test_alarms_take_what_they_lack_from_their_tag(plant: Plant) -> None:
    level = plant.tag("LT-201")
    assert [(a.level, a.limit, a.priority, a.deadband, a.on_delay_s) for a in level.alarms] == [
        ("LL", 5.0, 3, 1.0, 5.0),
        ("L", 15.0, 3, 1.0, 5.0),
        ("H", 90.0, 3, 1.0, 5.0),
        ("HH", 95.0, 1, 1.0, 5.0),
    ]
    assert level.alarms[3].help == AlarmHelp("compressor off", "", "stop fills", "")
    assert [a.level for a in plant.tag("LSLL-202").alarms] == ["ON"]


def test_advisories_without_help_take_that_of_their_area(tmp_path: Path) -> None:
    area = "  - name: bag\n    help:\n      cause: something about the bag\n      action: look at it\n"
    plant = loaded(tmp_path, changed("plant.yaml", "  - name: bag\n", area))
    helps = [alarm.help.cause for alarm in plant.tag("LT-201").alarms]
    assert helps == ["something about the bag"] * 3 + ["compressor off"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LT-201", Kind.ANALOG),
        ("LSLL-202", Kind.DISCRETE),
        ("XA-343", Kind.DISCRETE),
        ("XS-301", Kind.STATE),
        ("WD-992", Kind.COUNTER),
        ("P35-316", Kind.ANALOG),
    ],
)
def test_the_kind_follows_from_type_states_and_unit(plant: Plant, name: str, kind: Kind) -> None:
    assert plant.tag(name).kind is kind


def test_derived_tags_come_after_their_inputs_even_when_written_before_them(tmp_path: Path) -> None:
    first = (
        "  - name: MEAN-1\n    text: twice\n    unit: MPag\n    range: 0..50\n    expression: P35-316 * 2\n"
    )
    plant = loaded(tmp_path, changed("plant.yaml", "derived:\n", f"derived:\n{first}"))
    for tag in plant.tags:
        if isinstance(tag.source, Derived):
            assert all(index < tag.index for index in tag.source.inputs)
            names = expression.compile(tag.source.expression, FUNCTIONS).names
            assert names == tag.source.names
            assert [plant.tags[index].name for index in tag.source.inputs] == list(names)


def test_the_clock_of_a_plc_reads_its_counter(tmp_path: Path) -> None:
    skew = "  - name: TS-995\n    text: clock\n    unit: s\n    range: -9..9\n    expression: clock_skew(R)\n"
    plant = loaded(tmp_path, changed("plant.yaml", "derived:\n", f"derived:\n{skew}"))
    assert plant.tag("TS-995").source == Derived("clock_skew(R)", (plant.index["WD-992"],), ("WD-992",))


def test_a_node_may_be_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    node = "node:\n      namespace: urn:other\n      id: i=4711"
    plant = loaded(tmp_path, changed("plc_r.yaml", "node: s=PT204", node))
    source = plant.tag("PT-204").source
    assert isinstance(source, NodeSource)
    assert (source.namespace, source.identifier) == ("urn:other", "i=4711")
    assert plant.plcs[0].namespaces == ("urn:RCV-PLC", "urn:other")


def test_the_plc_is_reached_as_its_file_says(plant: Plant) -> None:
    plc = plant.plcs[0]
    assert (plc.name, plc.endpoint, plc.style) == ("R", "opc.tcp://192.0.2.12:4840", "codesys")
    assert (plc.fast_ms, plc.normal_ms, plc.budget_ms, plc.alive_after_s) == (50, 500, 1000, 5)
    assert plant.tags[plc.alive].name == "WD-992"
    assert plc.heartbeat is not None
    assert plant.tags[plc.heartbeat].access == "command"
    assert plc.remote is None


def test_the_tutorial_has_ten_tags_of_the_process_and_one_interlock_of_each_kind() -> None:
    found = load(find_plant("tutorial"))
    assert (found.errors, found.warnings) == ((), ())
    assert found.plant is not None
    ours = {"WD-994.R", "OWNER-EPOCH.R", "HS-390.R"}
    command = {f"C-301.{part}" for part in ("CMD", "SEQ", "EPOCH", "ECHO", "RESULT")}
    assert len(set(found.plant.index) - ours - command) == 10
    assert [(rule.name, rule.by) for rule in found.plant.interlocks] == [
        ("S-01", By.SERVICE),
        ("I-06", By.PLC),
    ]
