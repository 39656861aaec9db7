"""The map of the turbine plant against its source list and its cause-and-effect table, fact by fact."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from controller.plant.config import Loaded, load
from controller.plant.plant import (
    By,
    CheckedEffect,
    CommandEffect,
    Compare,
    Condition,
    Interlock,
    Not,
    Origin,
    Plant,
    ResetBy,
    State,
    Unknown,
    Vote,
    WithholdEffect,
)
from controller.plant.tags import NodeSource

MAPS = Path(__file__).parents[2] / "plc_maps"
LIST = Path(__file__).parent / "university_tags.csv"
LEVELS = ("LL", "L", "H", "HH", "ON")


@cache
def loaded(name: str) -> Loaded:
    return load(MAPS / name)


@cache
def plant(name: str = "university") -> Plant:
    found = loaded(name).plant
    assert found is not None, "\n".join(map(str, loaded(name).errors))
    return found


def rule(name: str) -> Interlock:
    return next(one for one in plant().interlocks if one.name == name)


def leaves(condition: Condition) -> Iterator[Compare | State]:
    match condition:
        case Compare() | State():
            yield condition
        case Vote(terms=terms):
            for term in terms:
                yield from leaves(term)
        case Not(term=term):
            yield from leaves(term)


def facts(interlock: Interlock) -> set[str]:
    """Every comparison among the causes, as 'PT-101 > 70 mbarg 3 s' or 'XS-947 is 0 0 s'."""
    found = set()
    for cause in interlock.causes:
        delay_s = cause.condition.for_s if isinstance(cause.condition, Vote) else 0.0
        for leaf in leaves(cause.condition):
            tag = plant().tags[leaf.tag]
            for_s = f"{max(leaf.for_s, delay_s):g} s"
            if isinstance(leaf, Compare):
                found.add(f"{tag.name} {leaf.op} {leaf.limit:g} {tag.unit} {for_s}")
            else:
                found.add(f"{tag.name} is {','.join(map(str, leaf.values))} {for_s}")
    return found


def sent(interlock: Interlock) -> set[str]:
    """What the service does: 'C-301.CMD stop', 'withhold purify'."""
    found = set()
    for effect in interlock.effects:
        match effect:
            case CommandEffect(command=index, word=word):
                found.add(f"{plant().commands[index].name} {word}")
            case WithholdEffect(permissive=index):
                found.add(f"withhold {plant().permissives[index].name}")
    return found


def rows() -> list[dict[str, str]]:
    with LIST.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["university", "cryocooler"])
def test_an_engineer_checks_the_map_and_nothing_is_wrong_with_it(name: str) -> None:
    assert [str(problem) for problem in loaded(name).errors] == []
    assert [str(problem) for problem in loaded(name).warnings] == []


def test_every_tag_of_the_source_list_is_in_the_map() -> None:
    names = {tag.name for tag in plant().tags}
    stems = names | {name.split(".")[0] for name in names}
    listed = [row["tag"] for row in rows()]
    assert len(listed) == 200
    assert [name for name in listed if name.split("[")[0] not in stems] == ["HS-302"]
    assert "HS-302" in plant().tag("C-301.CMD").text  # one tag per node: it is the command's word


def test_limits_and_priorities_stand_as_the_source_list_has_them() -> None:
    wrong = []
    for row in rows():
        expected = {level: row[level] for level in LEVELS if row[level]}
        if row["note"] == "own" or row["tag"] not in plant().index:
            continue
        alarms = {a.level: f"{a.limit:g}:{a.priority}" for a in plant().tag(row["tag"]).alarms}
        wanted = {
            level: f"{float(value):g}:{priority}"
            for level, cell in expected.items()
            for value, priority in [cell.split(":")]
        }
        if wanted and alarms != wanted:
            wrong.append((row["tag"], alarms, wanted))
    assert wrong == []


def test_a_row_of_several_instruments_became_several_tags_with_texts_of_their_own() -> None:
    for first, second in (
        ("PT-503", "PT-504"),
        ("TT-741", "TT-744"),
        ("AT-616", "AT-619"),
        ("LT-903", "FV-905"),
    ):
        assert plant().tag(first).text != plant().tag(second).text
    assert plant().tag("LT-802").unit == "L"
    assert plant().tag("AT-335").high == 10
    assert (plant().tag("PT-311").high, plant().tag("PT-315").high) == (6, 300)


def test_arrays_and_alarm_words_have_their_elements_and_their_documented_bits() -> None:
    for word, count in (("W-340", 11), ("W-341", 10), ("W-342", 8)):
        elements = [plant().tag(f"{word}.{number}").source for number in range(count)]
        assert [e.element for e in elements if isinstance(e, NodeSource)] == list(range(count))
    bits = {tag.name: tag.source for tag in plant().tags if tag.name.startswith("XA-W")}
    assert {(s.element, s.bit) for n, s in bits.items() if n.startswith("XA-W340.0")} == {
        (0, bit) for bit in (0, 2, 4, 6, 8, 10, 12, 15)
    }
    assert Counter(s.bit for n, s in bits.items() if n.startswith("XA-W996")) == Counter(range(1, 16))
    assert Counter(s.bit for n, s in bits.items() if n.startswith("XA-W997")) == Counter(range(9))
    assert plant().tag("XA-W996.4").text == "liquefier: turbine 1 overspeed"


def test_node_ids_are_the_vendors_own_in_a_namespace_named_by_uri() -> None:
    expected = {
        "PT-101": ("urn:BeckhoffAutomation:Ua:PLC1:skid", "s=MAIN.skid.PT101"),
        "LT-201": ("urn:RCV-PLC:CODESYS", "s=|var|RCV-PLC.Application.GVL.LT201"),
        "XS-351": ("urn:RCV-PLC:CODESYS", "s=|var|RCV-PLC.Application.C301.XS351"),
        "ST-721": ("http://www.siemens.com/simatic-s7-opcua", 's="DB_CB"."ST721"."PV"'),
    }
    for name, (namespace, identifier) in expected.items():
        source = plant().tag(name).source
        assert isinstance(source, NodeSource)
        assert (source.namespace, source.identifier) == (namespace, identifier)


def test_polarity_is_per_switch_and_a_broken_wire_reads_as_the_alarm() -> None:
    alarm_at = {
        name: plant().tag(name).alarms[0].limit for name in ("LSLL-202", "LSHH-203", "XS-345", "LSL-327")
    }
    assert alarm_at == {"LSLL-202": 0, "LSHH-203": 1, "XS-345": 0, "LSL-327": 1}


def test_each_plc_has_heartbeat_epoch_remote_mode_clock_and_one_tag_that_may_freeze() -> None:
    for plc in plant().plcs:
        names = [plant().tags[i].name for i in (plc.heartbeat, plc.epoch, plc.remote) if i is not None]
        assert names == [f"WD-994.{plc.name}", f"OWNER-EPOCH.{plc.name}", f"HS-390.{plc.name}"]
        assert f"TS-995.{plc.name}" in plant().index
        assert any((tag.frozen_after_s or 99) < 60 for tag in plant().tags if tag.plc == plc.index)


def test_cylinder_pressure_is_judged_at_35_degrees() -> None:
    for name in ("P35-107", "P35-316", "P35-401A", "P35-401B"):
        tag = plant().tag(name)
        assert {a.level: (a.limit, a.priority) for a in tag.alarms} == {"H": (14.0, 3), "HH": (14.7, 2)}
        assert tag.unit == "MPag"


def test_everybody_called_at_night_reads_cause_consequence_action_and_time() -> None:
    for tag in plant().tags:
        for alarm in tag.alarms:
            texts = (alarm.help.cause, alarm.help.consequence, alarm.help.action, alarm.help.time_allowed)
            assert all(texts), f"{tag.name}.{alarm.level}"


def test_priority_1_stays_rare() -> None:
    priorities = [alarm.priority for tag in plant().tags for alarm in tag.alarms]
    assert priorities.count(1) / len(priorities) < 0.08
    assert priorities.count(2) / len(priorities) < 0.2


def test_automatic_words_only_ever_stop() -> None:
    automatic = {w.name for c in plant().commands for w in c.words if w.origin is Origin.AUTOMATIC}
    operator = {w.name for c in plant().commands for w in c.words if w.origin is Origin.OPERATOR}
    assert automatic == {"stop", "shut", "withhold", "divert"}
    assert operator == {"start", "open", "permit", "normal", "reset"}
    for command in plant().commands:
        assert command.words[0].origin is Origin.AUTOMATIC
        assert command.words[0].proof is not None
    assert {c.name for c in plant().commands} == {
        *("C-301.CMD", "C-351.CMD", "XV-216.CMD", "XV-411A.CMD", "XV-411B.CMD", "XV-412A.CMD", "XV-412B.CMD"),
        *("XV-811.CMD", "EH-804.CMD", "XY-501.CMD", "LIQ.CMD", "K-109.CMD"),
    }
    assert [c.name for c in plant().commands if c.style == "toggle"] == ["K-109.CMD"]


def test_there_are_28_mirrored_rows_and_12_of_our_own() -> None:
    names = [one.name for one in plant().interlocks]
    assert names == [f"I-{n:02}" for n in range(1, 29)] + [f"S-{n:02}" for n in range(1, 13)]
    for one in plant().interlocks:
        mirrored = one.name.startswith("I-")
        assert one.by is (By.PLC if mirrored else By.SERVICE)
        assert all(isinstance(effect, CheckedEffect) for effect in one.effects) is mirrored
        assert one.on_unknown is Unknown.TRIP or mirrored
        assert one.help
    assert {one.name for one in plant().interlocks if one.hard_wired} == {
        *("I-01", "I-10", "I-18", "I-24", "I-25", "I-27")
    }


# What each row must hold among its causes (limits in the tag's own unit).
MIRRORED = {
    "I-01": ["PT-101 > 70 mbarg 3 s"],
    "I-02": ["PT-101 < 2 mbarg 3 s", "LT-106 > 95 % 3 s", "LT-106 < 5 % 3 s"],
    "I-03": ["TT-102 < -40 °C 10 s", "TT-205 < -10 °C 30 s"],
    "I-04": ["P35-107 >= 14.7 MPag 0 s", "TT-108 > 40 °C 60 s"],
    "I-05": ["LT-201 > 95 % 5 s", "LSHH-203 is 1 5 s", "LT-201 > 98 % 2 s"],
    "I-06": ["LT-201 < 5 % 2 s", "LSLL-202 is 0 2 s"],
    "I-07": ["PT-303 < -1 mbarg 1 s", "PT-353 < -1 mbarg 1 s"],
    "I-08": [
        *("AT-206 < 97 %He 60 s", "AT-207 > 10000 ppmv 120 s", "AT-221 > 1 % 60 s", "AT-222 > 1 % 60 s"),
        *("AT-223 > 1 % 60 s", "AT-224 > 1 % 60 s", "AT-104 < 95 %He 60 s"),
    ],
    "I-09": [
        *("PT-311 > 2.6 barg 3 s", "PT-312 > 10.5 barg 3 s", "PT-313 > 40 barg 3 s", "PT-314 > 115 barg 3 s"),
        *("PT-315 > 153 barg 3 s", "TT-321 > 190 °C 30 s", "TT-325 > 190 °C 30 s", "TT-326 > 60 °C 30 s"),
        "JT-329 > 15 kW 10 s",
    ],
    "I-10": ["PT-316 > 152 barg 1 s", "P35-316 >= 14.1 MPag 2 s", "P35-401A >= 14.1 MPag 0 s"],
    "I-11": ["PT-317 < 1.2 barg 10 s", "TT-318 > 85 °C 30 s", "LSL-327 is 1 10 s"],
    "I-12": ["AT-335 > 1 ppmv 600 s", "AT-334 > 50 ppmv 600 s"],
    "I-13": ["KQ-338 >= 6 count 0 s"],
    "I-14": [
        *("AT-512 > 10 ppmv 30 s", "AT-513 > 5 ppmv 30 s", "AT-512 > 50 ppmv 2 s", "AT-513 > 50 ppmv 2 s"),
    ],
    "I-15": ["TT-508 > 90 K 0 s", "XS-701 is 0,5 0 s"],
    "I-16": ["PT-504 < 10 bara 10 s", "PDT-505 > 0.8 bar 60 s"],
    "I-17": ["LT-509 > 90 % 0 s", "XV-510 is 1 60 s", "KQ-517 >= 85 % 60 s"],
    "I-18": ["TSHH-516 is 0 0 s"],
    "I-19": [
        *(
            "PT-602 > 9.9 barg 0 s",
            "PT-603 < -20 mbarg 5 s",
            "PT-603 > 400 mbarg 5 s",
            "TT-605 > 105 °C 5 s",
        ),
        *("FSL-625 is 0 10 s", "PT-931 < 4.5 barg 10 s"),
    ],
    "I-20": ["PT-604 < 4.5 bara 60 s"],
    "I-21": ["AT-619 > 200 ppb 120 s", "AT-617 > 10 vpm 120 s", "PDT-745 > 0.3 bar 60 s"],
    "I-22": ["PT-703 > 0.01 mbar 60 s"],
    "I-23": [
        *("LT-801 >= 98 % 60 s", "PT-803 >= 400 mbarg 10 s", "TT-813 < -255 °C 20 s", "KT-816 > 90 min 0 s"),
        *("LT-115 > 95 % 30 s", "PT-116 > 250 mbarg 10 s"),
    ],
    "I-24": [
        *("ST-721 > 3600 rps 1 s", "ST-731 > 3600 rps 1 s", "TT-723 > 70 °C 10 s", "FSL-724 is 0 10 s"),
        *(
            "PSL-725 is 0 10 s",
            "PT-721 < 3 bara 5 s",
            "TT-722 < 25 K 10 s",
            "TT-732 < 8 K 10 s",
            "XZ-727 is 0 2 s",
        ),
    ],
    "I-25": ["AT-941A < 19.5 %O2 3 s", "AT-943 < 19.5 %O2 3 s", "AT-942 < 18 %O2 3 s", "AT-113 < 18 %O2 3 s"],
    "I-26": ["LT-901 < 20 % 60 s", "TT-904 < -30 °C 60 s"],
    "I-27": [
        *("XS-947 is 0 0 s", "XS-950 is 0 0 s", "PT-931 < 4.5 barg 10 s", "VT-951 >= 80 gal 0 s"),
        "XS-948 is 0 3 s",
    ],
    "I-28": ["XA-994.S is 1 0 s", "XA-994.R is 1 0 s", "XA-994.L is 1 0 s"],
}
ACTING = {
    "S-01": (["PT-303 < 0.2 mbarg 2 s", "LT-201 < 10 % 5 s"], ["C-301.CMD stop", "C-351.CMD stop"]),
    "S-02": (
        ["P35-316 >= 14.4 MPag 2 s", "P35-401A >= 14.4 MPag 0 s", "P35-401B >= 14.4 MPag 0 s"],
        ["C-301.CMD stop", "C-351.CMD stop", "XV-411A.CMD shut", "XV-411B.CMD shut"],
    ),
    "S-03": (
        ["AT-206 < 97.5 %He 60 s", "AT-207 > 8000 ppmv 60 s", "AT-208 > 0 °C 300 s"],
        ["XV-216.CMD divert", "XV-411A.CMD shut", "withhold fill_good_bank"],
    ),
    "S-04": (["AT-335 > 1 ppmv 300 s", "AT-334 > 50 ppmv 300 s"], ["XV-411A.CMD shut", "C-301.CMD stop"]),
    "S-05": (
        ["AT-512 > 8 ppmv 15 s", "AT-513 > 4 ppmv 15 s"],
        ["XV-412A.CMD shut", "XV-412B.CMD shut", "withhold feed_purified_gas"],
    ),
    "S-06": (
        ["PT-414 > 18.5 barg 5 s", "PT-414 < 10.5 barg 30 s", "XS-501 is 5 0 s", "XV-412A.ZSO is 1 0 s"],
        ["XV-412A.CMD shut", "XV-412B.CMD shut", "XY-501.CMD withhold", "withhold purify"],
    ),
    "S-07": (
        ["LT-201 > 92 % 10 s", "P35-401A >= 14 MPag 0 s", "P35-401B >= 14 MPag 0 s"],
        ["K-109.CMD stop"],
    ),
    "S-08": (["PT-101 < 3 mbarg 2 s", "PT-101 > 60 mbarg 2 s"], ["K-109.CMD stop"]),
    "S-09": (["PT-604 < 4.7 bara 60 s", "PT-401A < 20 barg 0 s", "PT-401B < 20 barg 0 s"], ["LIQ.CMD stop"]),
    "S-10": (
        ["AT-941A < 19 %O2 3 s", "AT-943 < 19 %O2 3 s", "AT-113 < 19 %O2 3 s", "AT-941B < 19.5 %O2 3 s"],
        ["XV-811.CMD shut", "K-109.CMD stop"],
    ),
    "S-11": (
        ["PT-803 > 350 mbarg 10 s"],
        ["XV-811.CMD shut", "EH-804.CMD withhold", "withhold dewar_heater"],
    ),
    "S-12": (["P35-107 >= 14.3 MPag 2 s"], ["K-109.CMD stop"]),
}
# latches, reset by, bypass (seconds, role, two persons)
RULES = {
    "S-01": (True, ResetBy.OPERATOR, (1800, "supervisor", False)),
    "S-02": (False, ResetBy.AUTOMATIC, None),
    "S-03": (False, ResetBy.AUTOMATIC, (28800, "supervisor", True)),
    "S-04": (True, ResetBy.OPERATOR, (86400, "supervisor", False)),
    "S-05": (True, ResetBy.OPERATOR, None),
    "S-06": (False, ResetBy.AUTOMATIC, (3600, "engineer", False)),
    "S-07": (False, ResetBy.AUTOMATIC, None),
    "S-08": (True, ResetBy.LOCAL, None),
    "S-09": (True, ResetBy.OPERATOR, None),
    "S-10": (True, ResetBy.OPERATOR, None),
    "S-11": (False, ResetBy.AUTOMATIC, None),
    "S-12": (True, ResetBy.OPERATOR, None),
}


@pytest.mark.parametrize("name", MIRRORED)
def test_a_mirrored_row_has_the_limits_of_the_table(name: str) -> None:
    assert set(MIRRORED[name]) <= facts(rule(name))


@pytest.mark.parametrize("name", ACTING)
def test_a_row_of_our_own_has_the_limits_effects_and_rules_of_the_table(name: str) -> None:
    one = rule(name)
    limits, effects = ACTING[name]
    bypass = None if one.bypass is None else (one.bypass.max_s, one.bypass.role, one.bypass.two_persons)
    assert set(limits) <= facts(one)
    assert set(effects) == sent(one)
    assert (one.latch, one.reset.by, bypass) == RULES[name]
    assert one.unknown_delay_s == 30


def test_two_of_three_analysers_divert_and_two_of_three_heads_stop_the_fill() -> None:
    assert (rule("S-03").needed, len(rule("S-03").causes)) == (2, 3)
    vote = next(c.condition for c in rule("S-10").causes if c.id.startswith("AT-941 2oo3"))
    assert isinstance(vote, Vote)
    assert (vote.needed, len(vote.terms)) == (2, 3)


def test_an_analyser_in_calibration_holds_its_verdict_for_a_quarter_of_an_hour() -> None:
    for name in ("S-03", "I-08"):
        held = {plant().tags[leaf.tag].name for c in rule(name).causes for leaf in leaves(c.condition)
                if isinstance(leaf, Compare) and leaf.hold_s == 900}  # fmt: skip
        assert {"AT-206", "AT-207"} <= held
    assert all(
        leaf.hold_s == 0
        for c in rule("S-05").causes
        for leaf in leaves(c.condition)
        if isinstance(leaf, Compare)
    )


def test_each_site_of_s_10_stops_its_own_source() -> None:
    one = rule("S-10")
    effects = {cause.id: sorted(cause.effects) for cause in one.causes}
    fill, booster = 0, 1
    assert effects["AT-113<19.0"] == [booster]
    assert effects["AT-942<19.0"] == [fill]


def test_a_cascade_names_what_explains_it() -> None:
    parents = {
        one.name: plant().interlocks[one.parent].name for one in plant().interlocks if one.parent is not None
    }
    assert parents == {"I-19": "I-24", "I-16": "I-19"}


def test_the_service_acts_inside_the_limits_of_the_plc() -> None:
    """S-08 before I-01/I-02, S-05 before I-14, S-04 before I-12, S-12 before I-04, S-11 before I-23."""

    def limit(name: str, tag: str, op: str) -> tuple[float, float]:
        found = [
            (leaf.limit, leaf.for_s)
            for cause in rule(name).causes
            for leaf in leaves(cause.condition)
            if isinstance(leaf, Compare) and plant().tags[leaf.tag].name == tag and leaf.op.startswith(op)
        ]
        return found[0]

    assert limit("S-08", "PT-101", ">")[0] < limit("I-01", "PT-101", ">")[0]
    assert limit("S-08", "PT-101", "<")[0] > limit("I-02", "PT-101", "<")[0]
    assert limit("S-05", "AT-512", ">") < limit("I-14", "AT-512", ">")
    assert limit("S-04", "AT-335", ">")[1] < limit("I-12", "AT-335", ">")[1]
    assert limit("S-12", "P35-107", ">")[0] < limit("I-04", "P35-107", ">")[0]
    assert limit("S-11", "PT-803", ">")[0] < limit("I-23", "PT-803", ">")[0]


def test_a_mirrored_delay_runs_on_the_bare_value_as_it_does_in_the_plc() -> None:
    """With a hysteresis inside a delay the service would see a trip that the PLC has not made yet."""
    early = [
        (one.name, plant().tags[leaf.tag].name)
        for one in plant().interlocks
        if one.by is By.PLC
        for cause in one.causes
        for leaf in leaves(cause.condition)
        if isinstance(leaf, Compare) and leaf.for_s and leaf.hysteresis
    ]
    assert early == [("I-10", "P35-316")]  # the normal stop has a minute to follow, and must not chatter


def test_the_small_plant_keeps_bag_compressor_storage_dewar_and_room_air() -> None:
    small = plant("cryocooler")
    assert small.simulator == "cryocooler"
    assert [plc.name for plc in small.plcs] == ["R", "C"]
    written = {t for c in small.commands for t in (c.word, c.sequence, c.epoch, c.echo, c.result)}
    assert 40 <= len([tag for tag in small.tags if tag.index not in written]) <= 50
    assert {"LT-201", "XS-301", "PT-401", "LT-801", "AT-941", "TT-752", "TT-521"} <= set(small.index)
    acting = [one.name for one in small.interlocks if one.by is By.SERVICE]
    assert acting == [f"S-{n:02}" for n in range(1, 7)]


@pytest.mark.parametrize("command", ["C-301.CMD", "C-351.CMD"])
def test_a_compressor_is_started_at_most_six_times_an_hour(command: str) -> None:
    """I-13: the PLC inhibits the seventh, and a person who asks is told how long to wait."""
    found = next(one for one in plant().commands if one.name == command)
    assert found.named("start").at_most == (6, 3600.0)
    assert found.named("stop").at_most is None


def test_a_loaded_purifier_trips_once_though_its_load_is_a_noisy_figure() -> None:
    """KQ-517 is computed from a pressure drop; a percent of noise around 85 is no second trip (F10)."""
    one = rule("I-17")
    assert one.reset.condition is not None
    below = {plant().tags[leaf.tag].name: leaf for leaf in leaves(one.reset.condition)}
    assert isinstance(below["KQ-517"], Compare)
    assert (below["KQ-517"].op, below["KQ-517"].limit) == ("<", 80.0)
    assert below.keys() == {"LT-509", "KQ-517"}
