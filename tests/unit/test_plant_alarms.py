"""alarms.yaml: what is wrong is told at its place; the university's alarms and its silent cases."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import pytest

from alarms.annunciator import Settings
from alarms.engine import AlarmEngine
from alarms.model import (
    Alarm,
    Bit,
    ByState,
    Condition,
    Count,
    Curve,
    Deviation,
    Direction,
    Discrepancy,
    Discrete,
    FromTag,
    Frozen,
    Held,
    Level,
    Not,
    Quality,
    Rate,
    Side,
    Skew,
    Stale,
    Standing,
    Vote,
    parts,
)
from alarms.signal import UNCERTAIN_LAST_USABLE
from alarms.suppression import Of, Suppression
from controller.core.core import Core
from controller.plant.config import load
from controller.plant.plant import Plant
from tests.unit.plant_texts import TEXTS, changed, write_plant

MAPS = Path(__file__).parents[2] / "plc_maps"
LIST = Path(__file__).parent / "university_tags.csv"

GOOD = """\
alarms:
  - name: PT-204.FALL
    text: bag pressure falls
    when:
      tag: PT-204
      changes: 2 mbar
      per: 1 h
      over: 30 min
      direction: down
    priority: 3
  - name: FT-209.FAR
    text: far more comes than the bag should have
    when:
      tag: FT-209
      at_least: 80
    priority: 1
    help:
      cause: quench
      action: stop fills
suppressions:
  - name: c301_off
    text: C-301 off
    when:
      tag: XS-301
      is: [3, 12]
    entry: 30 s
    alarms:
      - LT-201.L*
first_out:
  - name: bag
    text: bag
    stages:
      - name: flow
        alarms:
          - LT-201.H
"""


def said(tmp_path: Path, text: str, texts: dict[str, str] | None = None) -> list[str]:
    folder = write_plant(tmp_path, {**(texts or TEXTS), "alarms.yaml": text})
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in load(folder).errors]


def condition(tmp_path: Path, text: str) -> Condition:
    """The condition of one rule, written in place of the first of GOOD."""
    body = "".join(f"      {line}\n" for line in text.strip("\n").split("\n"))
    start, end = GOOD.index("      tag: PT-204\n"), GOOD.index("    priority: 3\n")
    loaded = load(write_plant(tmp_path, {**TEXTS, "alarms.yaml": GOOD[:start] + body + GOOD[end:]}))
    assert loaded.plant is not None, [str(problem) for problem in loaded.errors]
    return next(alarm for alarm in loaded.plant.alarms if alarm.id == "PT-204.FALL").condition


TAGS = (
    *("LT-201", "PT-204", "PT-316", "TT-318", "FT-209", "LSLL-202", "XA-343", "XA-344", "XS-301", "XS-351"),
    "WD-992",
)
LT, PT, _, TT, FT, LSLL, XA, XA2, XS, XS2, WD = range(len(TAGS))

FORMS: list[tuple[str, Condition]] = [
    ("tag: LT-201\nat_most: 5\ndeadband: 1\nuncertain: hold", Level(LT, Side.LOW, 5, 1, True)),
    ("tag: PT-204\nat_least: 0.005 barg", Level(PT, Side.HIGH, 5)),
    (
        "tag: LT-201\nat_least:\n  from: LT-201\n  offset: -2",
        Level(LT, Side.HIGH, FromTag(LT, -2)),
    ),
    (
        "tag: LT-201\nat_least:\n  state: XS-301\n  otherwise: 80\n"
        "  cases:\n    - is: 9\n      limit: 90\n    - is: 3",
        Level(LT, Side.HIGH, ByState(XS, ((9, 90), (3, None)), 80)),
    ),
    ("tag: XS-301\nis: [3, 12]", Discrete(XS, (3, 12))),
    ("tag: XS-301\nis_not: 9\nfor: 5 s", Held(Discrete(XS, (9,), True), 5)),
    (
        "tag: PT-204\nchanges: 2 mbar\nper: 1 h\nover: 30 min\ndirection: down",
        Rate(PT, 1800, 2, 3600, Direction.DOWN),
    ),
    ("tag: TT-318\noff: 5 K\nfrom: TT-318", Deviation(TT, FromTag(TT), 5)),
    (
        "tag: TT-318\noff: 5\ndirection: up\ncurve:\n  state: XS-301\n  is: 9\n  late: 1 min\n  points:\n"
        "    - at: 0\n      value: 20\n    - at: 1 h\n      value: 80",
        Deviation(TT, Curve(((0, 20), (3600, 80)), XS, (9,), 60), 5, Direction.UP),
    ),
    ("tag: WD-992\nbit: 3\nactive_when: 0", Bit(WD, 3, 0)),
    ("tag: LT-201\nquality: bad", Quality(LT)),
    ("tag: LT-201\nquality: uncertain", Quality(LT, True)),
    ("tag: LT-201\nquality: last_usable", Quality(LT, codes=(UNCERTAIN_LAST_USABLE,))),
    ("tag: LT-201\nstale: 60 s", Stale(LT, 60)),
    ("tag: LT-201\nfrozen: 1 min\ntolerance: 0.5", Frozen(LT, 60, 0.5)),
    ("tag: TT-318\nskew: 2", Skew(TT, 2)),
    ("command: XA-343\nopened: XA-344\nclosed: LSLL-202\nwithin: 10 s", Discrepancy(XA, XA2, LSLL, 10)),
    ("count:\n  tag: XS-301\n  is: 3\ntimes: 3\nover: 1 d", Count(Discrete(XS, (3,)), 3, 86400)),
    ("standing: LT-201.H", Standing("LT-201.H")),
    (
        "vote: 1\nof:\n  - tag: LT-201\n    at_least: 9\n  - not:\n      tag: XS-301\n      is: 9",
        Vote(1, (Level(LT, Side.HIGH, 9), Not(Discrete(XS, (9,))))),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), FORMS, ids=[text.split("\n")[-1] for text, _ in FORMS])
def test_every_way_of_writing_a_condition_becomes_that_of_the_engine(
    tmp_path: Path, text: str, meant: Condition
) -> None:
    plant = load(write_plant(tmp_path / "tags")).plant
    assert plant is not None
    assert tuple(plant.index[name] for name in TAGS) == tuple(range(len(TAGS)))
    assert condition(tmp_path / "rule", text) == meant


MISTAKES = [
    (
        "      tag: PT-204\n", "      tag: PT-205\n",
        "alarms.yaml:5:12: PT-204.FALL: unknown tag PT-205; did you mean PT-204?",
    ),
    (
        "      changes: 2 mbar\n", "      changes: 2 K\n",
        "alarms.yaml:6:16: PT-204.FALL: '2 K' is in K, the tag is in mbarg, which measures something else; "
        "write it in mbarg",
    ),
    (
        "      changes: 2 mbar\n", "      changes: 0\n",
        "alarms.yaml:6:16: PT-204.FALL: 0 is always reached; it must be more than 0",
    ),
    (
        "      over: 30 min\n", "",
        "alarms.yaml:4:5: PT-204.FALL: `over` is missing",
    ),
    (
        "      at_least: 80\n", "      at_least: 800\n",
        "alarms.yaml:15:17: FT-209.FAR: limit 800 Nm3/h is outside the range 0..100 of FT-209; "
        "correct the limit or the range",
    ),
    (
        "      at_least: 80\n", "      is: 80\n",
        "alarms.yaml:15:7: FT-209.FAR: FT-209 is of kind analog; this is for counter, discrete, state",
    ),
    (
        "    priority: 1\n", "    priority: 4\n",
        "alarms.yaml:16:15: FT-209.FAR: priority 4; it is 1 (act now), 2 or 3 (advisory)",
    ),
    (
        "      action: stop fills\n", "",
        "alarms.yaml:11:5: FT-209.FAR: missing help: priority 1 needs action; add `help:` here or to its tag",
    ),
    (
        "  - name: FT-209.FAR\n", "  - name: LT-201.HH\n",
        "alarms.yaml:11:11: LT-201.HH: duplicate alarm: the id is taken in plc_r.yaml line 30; "
        "rename or remove one",
    ),
    (
        "  - name: FT-209.FAR\n", "  - name: PT-204.FALL\n",
        "alarms.yaml:11:11: PT-204.FALL: duplicate alarm: PT-204.FALL is taken in alarms.yaml line 2; "
        "rename or remove one",
    ),
    (
        "    priority: 1\n", "    priority: 1\n    class: saftey\n",
        "alarms.yaml:17:12: FT-209.FAR: unknown class saftey; list it under `classes` in alarms.yaml",
    ),
    (
        "      is: [3, 12]\n", "      is: [3, 13]\n",
        "alarms.yaml:25:7: c301_off: XS-301 never is 13; it has the values 3, 9, 12",
    ),
    (
        "      - LT-201.L*\n", "      - LT-201.M\n",
        "alarms.yaml:28:9: c301_off: unknown alarm LT-201.M; did you mean LT-201.L?",
    ),
    (
        "      - LT-201.L*\n", "      - LT-202.*\n",
        "alarms.yaml:28:9: c301_off: no alarm fits LT-202.*; correct or remove it",
    ),
    (
        "      - LT-201.L*\n", "      - LT-201.HH\n",
        "alarms.yaml:28:9: c301_off: LT-201.HH has priority 1, which is never suppressed; leave it out",
    ),
    (
        "      - LT-201.L*\n", "      - LT-201.*\n",
        "alarms.yaml:28:9: c301_off: LT-201.HH has priority 1, which is never suppressed; "
        "name it in `except`",
    ),
    (
        "    entry: 30 s\n", "    entry: 30 s\n    parent: LT-201.H\n",
        "alarms.yaml:21:5: c301_off: a suppression has `when` (a state) or `parent` (an alarm); "
        "give one of them",
    ),
    (
        "      - LT-201.L*\n", "      - LT-201.L*\n    areas:\n      - bga\n",
        "alarms.yaml:30:9: c301_off: unknown area bga; did you mean bag?",
    ),
    (
        "          - LT-201.H\n",
        "          - LT-201.H\n      - name: more\n        alarms:\n          - LT-201.H\n",
        "alarms.yaml:38:13: bag, more: LT-201.H stands in bag, flow already; "
        "an alarm has one place in a cascade",
    ),
    (
        "      tag: PT-204\n      changes: 2 mbar\n", "      tag: PT-204\n",
        "alarms.yaml:4:5: PT-204.FALL: a condition has `tag` with at_least, at_most, is, is_not, changes, "
        "off, bit, quality, stale, frozen or skew, or it has `command`, `count`, `standing`, `tripped`, "
        "`effect_missing`, `all`, `any`, `vote` and `of` or `not`",
    ),
    (
        "      direction: down\n", "      direction: down\n      for: 10 parsec\n",
        "alarms.yaml:10:12: PT-204.FALL: '10 parsec' is no duration; write it in ms, s, min, h or d",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "told"), MISTAKES, ids=[told.split(": ", 1)[1][:60] for *_, told in MISTAKES]
)
def test_each_mistake_is_told_at_its_place_with_its_fix(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    assert GOOD.count(old) == 1
    assert said(tmp_path, GOOD.replace(old, new)) == [told]


ANNUNCIATOR = """\
annunciator:
  flood_begins: 20
  flood_ends: 8
  flood_window: 15 min
  grouped: [2, 3]
  initial: [1, 2]
"""


def test_what_a_flood_is_can_be_said_by_the_plant(tmp_path: Path) -> None:
    plant = load(write_plant(tmp_path / "a", {**TEXTS, "alarms.yaml": GOOD + ANNUNCIATOR})).plant
    usual = load(write_plant(tmp_path / "b", {**TEXTS, "alarms.yaml": GOOD})).plant
    assert plant is not None
    assert usual is not None
    assert plant.annunciator == Settings(20, 8, 900.0, (2, 3), (1, 2))
    assert usual.annunciator == Settings()
    assert Core(plant, 1).alarming.engine.settings == plant.annunciator


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "flood_ends: 8",
            "flood_ends: 21",
            "38:15: a flood would end at 21 and begin above 20: at once again; make it 20 or less",
        ),
        ("flood_ends: 8", "flood_ends: 0", "38:15: no flood would ever end; write 1 or more"),
        ("flood_begins: 20", "flood_begins: 0", "37:17: 0 announcements; write 1 or more"),
        ("15 min", "2 d", "39:17: a flood is looked for within 10 s to 1 d; 10 min is usual"),
        ("[2, 3]", "[1, 3]", "40:3: priority 1 is always announced by itself; leave it out"),
        ("[1, 2]", "[2]", "41:3: priority 1 is always announced; name it too"),
        ("[2, 3]", "[4]", "40:13: priority 4; there are 1, 2 and 3"),
        ("grouped", "group", "40:3: unknown key `group`; did you mean grouped?"),
    ],
)
def test_a_flood_that_cannot_be_is_told_at_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = GOOD + ANNUNCIATOR.replace(old, new)
    assert said(tmp_path, text) == [f"alarms.yaml:{told}"]


def test_trips_are_alarms_and_a_rule_of_the_same_name_takes_their_place(tmp_path: Path) -> None:
    rule = (
        "  - name: S-01.TRIP\n    text: compressor stopped\n    when:\n      tripped: S-01\n"
        "    priority: 2\n    help:\n      cause: bag empty\n      action: look\n"
    )
    plant = load(write_plant(tmp_path / "a", TEXTS)).plant
    other = load(
        write_plant(
            tmp_path / "b", {**TEXTS, "alarms.yaml": GOOD.replace("suppressions:", rule + "suppressions:")}
        )
    ).plant
    assert plant is not None
    assert other is not None
    one, instead = (next(a for a in p.alarms if a.id == "S-01.TRIP") for p in (plant, other))
    assert (one.priority, one.alarm_class, one.source) == (3, "interlock", "S-01")
    assert one.help.cause
    assert "reset S-01" in one.help.action
    assert (instead.priority, instead.text, instead.area, instead.source) == (
        2,
        "compressor stopped",
        "bag",
        "S-01",
    )
    assert instead.condition == one.condition


def test_an_unknown_interlock_of_a_rule_is_told(tmp_path: Path) -> None:
    text = GOOD.replace("      tag: FT-209\n      at_least: 80\n", "      effect_missing: S-10\n")
    assert said(tmp_path, text) == [
        "alarms.yaml:14:23: FT-209.FAR: unknown interlock S-10; did you mean S-02?"
    ]


def test_a_loop_of_rules_is_what_the_engine_would_refuse(tmp_path: Path) -> None:
    loop = GOOD.replace("      tag: FT-209\n      at_least: 80\n", "      standing: FT-209.FAR\n")
    assert said(tmp_path, loop) == ["alarms.yaml:11:5: FT-209.FAR: its condition depends on itself"]


def test_a_broken_rule_is_not_told_again_by_those_who_name_it(tmp_path: Path) -> None:
    text = GOOD.replace("tag: PT-204", "tag: PT-205").replace("- LT-201.L*", "- PT-204.FALL")
    assert said(tmp_path, text) == ["alarms.yaml:5:12: PT-204.FALL: unknown tag PT-205; did you mean PT-204?"]


def test_options_come_from_the_alarm_else_the_tag_else_the_class(tmp_path: Path) -> None:
    texts = changed(
        "plc_r.yaml", "    deadband: 1\n", "    deadband: 1\n    class: bag\n    exclusive: true\n"
    )
    texts["plc_r.yaml"] = texts["plc_r.yaml"].replace(
        "        limit: 90\n", "        limit: 90\n        latching: false\n        text: full soon\n", 1
    )
    text = GOOD + "classes:\n  - name: bag\n    text: bag\n    latching: true\n    realarm: 1 h\n"
    plant = load(write_plant(tmp_path, {**texts, "alarms.yaml": text})).plant
    assert plant is not None
    low, high = (next(a for a in plant.alarms if a.id == f"LT-201.{level}") for level in ("L", "H"))
    assert (low.alarm_class, low.exclusive, low.latching, low.realarm_s) == ("bag", True, True, 3600)
    assert (high.exclusive, high.latching, high.text) == (True, False, "full soon")
    assert low.text == "bag level: low"


def test_the_hash_names_the_alarms_too(tmp_path: Path) -> None:
    one = load(write_plant(tmp_path / "a", {**TEXTS, "alarms.yaml": GOOD})).plant
    other = load(write_plant(tmp_path / "b", {**TEXTS, "alarms.yaml": GOOD.replace("30 s", "31 s")})).plant
    assert one is not None
    assert other is not None
    assert one.text_hash != other.text_hash


# --- the plants that come along ----------------------------------------------------------------


@cache
def plant(name: str = "university") -> Plant:
    loaded = load(MAPS / name)
    assert loaded.plant is not None, [str(problem) for problem in loaded.errors]
    assert loaded.counts["alarms"] == len(loaded.plant.alarms)
    return loaded.plant


def alarm(name: str) -> Alarm:
    return next(one for one in plant().alarms if one.id == name)


def suppression(name: str) -> Suppression:
    return next(one for one in plant().suppressions if one.name == name)


@pytest.mark.parametrize("name", ["university", "cryocooler", "tutorial"])
def test_the_engine_takes_the_plant_as_it_is(name: str) -> None:
    one = plant(name)
    AlarmEngine(one.alarms, one.suppressions, one.first_out_groups, size=len(one.tags))
    assert {f"{plc.name}.LINK" for plc in one.plcs} <= {a.id for a in one.alarms}
    assert len({a.id for a in one.alarms}) == len(one.alarms)


def test_every_alarm_of_the_source_list_has_its_rule() -> None:
    ids = {one.id for one in plant().alarms}
    with LIST.open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = {f"{row['tag']}.{level}" for row in rows for level in ("LL", "L", "H", "HH", "ON") if row[level]}
    wanted = {one for one in wanted if not one.startswith("TS-995")}
    wanted |= {f"TS-995.{plc}.{level}" for plc in "SRL" for level in ("H", "HH")}
    wanted |= {f"{valve}.DIS.ON" for valve in ("XV-111", "XV-112", "XV-411A", "XV-412B", "XV-519", "XV-520")}
    wanted |= {f"{tag}.MAN.ON" for tag in ("FV-511", "UY-620", "UY-621", "SY-623", "UY-720", "UY-743")}
    wanted |= {f"FQ-{meter}.FLAT" for meter in (211, 212, 213, 214)}
    wanted |= {"XV-215.ZSO.ON", "XV-216.ZSO.ON", "XA-502.ON", "XS-812.ON", "WQ-416.L"}
    wanted |= {"S.LINK", "R.LINK", "L.LINK", "XA-994.S.ON", "XA-994.R.ON", "XA-994.L.ON"}
    wanted |= {f"XA-W996.{bit}.ON" for bit in range(1, 16)} | {f"XA-W997.{bit}.ON" for bit in range(9)}
    wanted |= {f"XA-W340.0.{bit}.ON" for bit in (0, 2, 4, 6, 8, 10, 12, 15)}
    assert sorted(wanted - ids) == []


def test_priorities_are_near_their_target() -> None:
    process = [one for one in plant().alarms if one.alarm_class not in ("instrument", "link")]
    share = {p: sum(one.priority == p for one in process) / len(process) for p in (1, 2, 3)}
    assert share[1] < 0.07
    assert 0.1 < share[2] < 0.2
    assert share[3] > 0.75


def test_every_trip_by_the_service_is_an_alarm_and_every_effect_is_watched() -> None:
    """A PLC's own trip has its common trip and the alarms of its causes; the weight of a dewar has none."""
    one = plant()
    found = {alarm.id: alarm for alarm in one.alarms if alarm.alarm_class == "interlock"}
    acting = {f"S-{number:02}.TRIP" for number in range(1, 13)}
    assert {alarm for alarm in found if alarm.endswith(".TRIP")} == acting | {"I-23.TRIP"}
    assert {alarm for alarm in found if alarm.endswith(".EFFECT")} == {
        f"{rule.name}.EFFECT" for rule in one.interlocks
    }
    urgent = {alarm.id for alarm in found.values() if alarm.priority == 2}
    ours = {f"S-{number:02}.EFFECT" for number in range(1, 13)}
    assert urgent == ours | {"I-18.EFFECT", "I-24.EFFECT", "I-25.EFFECT"}
    assert all(alarm.area and alarm.help.cause and alarm.help.action for alarm in found.values())
    assert {alarm.source for alarm in found.values()} == {rule.name for rule in one.interlocks}


def test_everybody_who_is_called_reads_cause_and_action() -> None:
    for one in plant().alarms:
        assert one.help.action, one.id
        assert one.help.cause, one.id


def test_a_lost_plc_is_one_alarm_and_silences_what_lives_on_its_values() -> None:
    for plc, priority in (("S", 3), ("R", 2), ("L", 2)):
        link = alarm(f"{plc}.LINK")
        assert (link.priority, link.source) == (priority, plc)
        rule = suppression(f"link_{plc}")
        assert rule.of is Of.LINK
        assert rule.condition == link.condition
        assert link.id not in rule.members
    assert {"LT-201.HH", "LT-201.BAD", "WQ-416.L", "P35-401A.H"} <= set(suppression("link_R").members)
    assert "PT-604.L" not in suppression("link_R").members


def test_frozen_instruments_and_clocks_that_are_off_go_without_saying() -> None:
    frozen = {tag.name for tag in plant().tags if tag.frozen_after_s is not None}
    assert {f"{name}.FROZEN" for name in frozen} <= {one.id for one in plant().alarms}
    assert isinstance(alarm("TS-995.L.HH").condition, Skew)
    assert suppression("far_off_TS-995.L").members == ("TS-995.L.H",)
    assert not [one.id for one in plant().alarms if one.id.startswith("WD-") and one.id.endswith(".STALE")]


# Name, what must be among its members, entry s, exit s, at most s; what was added instead.
CASES = {
    "cold mode off or warm-up": (
        "cold_mode_off",
        ["TT-712.H", "TT-741.H", "ST-721.L", "PT-722.LL", "PT-732.LL", "LQR-748.L", "TT-508.H", "FT-518.L"],
        *(60, 600, None, []),
    ),
    "cool-down": ("cool_down", ["TT-712.H", "TT-741.H", "LQR-748.L"], 0, 600, None, ["TT-741.SLOW"]),
    "turbine not in run": (
        "turbine_1_not_running",
        ["ST-721.L", "ST-721.LL", "PT-721.LL", "TT-722.LL"],
        *(3, 120, None, []),
    ),
    "compressor off": (
        "c301_off",
        ["PT-311.H", "PT-315.HH", "TT-321.H", "FT-331.L"],
        *(30, 60, None, ["PT-316.LEAK"]),
    ),
    "compressor off, at rest": (
        "c301_at_rest",
        ["PT-317.L", "PT-317.LL", "JT-329.H"],
        *(3, 5, None, []),
    ),
    "compressor start": ("c301_starting", ["PT-317.L", "PT-317.LL"], 0, 20, 20, ["XS-301.START"]),
    "compressor start, suction": ("c301_starting_suction", ["PT-303.L", "PT-303.LL"], 0, 5, 5, []),
    "purifier regenerate": (
        "purifier_regenerating",
        ["AT-512.HH", "AT-513.H", "AT-514.H", "TT-508.H", "PDT-505.H"],
        *(10, 300, None, ["XA-502.ON", "XV-519.OPEN"]),
    ),
    "analyser in calibration": (
        "calibration_at_206",
        ["AT-206.LL", "AT-206.L"],
        *(0, 60, 900, ["AT-206.STALE"]),
    ),
    "LN2 deselected": ("ln2_deselected", ["TT-712.H", "TT-904.L"], 600, 1800, None, ["LQR-748.LN2"]),
    "bank isolated": ("bank_a_isolated", ["PT-401A.L", "PT-401A.LL"], 60, 300, None, ["WQ-416A.LEAK"]),
    "no fill": ("no_fill", ["TT-813.LL", "KT-816.H", "PT-815.HH"], 10, 10, None, ["XV-811.OPEN"]),
    "plant at rest": (
        "plant_at_rest",
        ["PT-503.L", "PT-602.LL", "PT-604.LL", "ST-731.L", "FT-518.L"],
        *(1800, 600, None, []),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_state_of_the_plant_silences_what_means_nothing_in_it(case: str) -> None:
    name, members, entry_s, exit_s, at_most_s, added = CASES[case]
    rule = suppression(name)
    assert set(members) <= set(rule.members)
    assert (rule.entry_s, rule.exit_s, rule.at_most_s) == (entry_s, exit_s, at_most_s)
    assert rule.of is Of.STATE
    assert set(added) <= {one.id for one in plant().alarms}


def test_what_has_to_speak_in_a_state_is_not_silenced_in_it() -> None:
    kept = {
        "cold_mode_off": {"PT-703.H", "PT-703.HH", "PT-604.L", "PT-602.H"},
        "turbine_1_not_running": {"ST-721.H", "ST-721.HH", "PSL-725.ON"},
        "purifier_regenerating": {"XA-502.ON", "XV-519.DIS.ON", "XV-519.OPEN"},
        "no_fill": {"XV-811.DIS.ON", "XV-811.OPEN"},
        "plant_at_rest": {"LT-201.L", "LT-801.L", "PT-803.L", "AT-941A.L", "PT-703.H", "R.LINK"},
    }
    for name, ids in kept.items():
        assert not ids & set(suppression(name).members), name


def test_a_purifier_that_is_off_while_the_cold_mode_is_on_is_an_alarm() -> None:
    rule = alarm("XS-501.OFF")
    tags = plant().index
    assert set(parts(rule.condition)) >= {
        Discrete(tags["XS-501"], (0,)),
        Discrete(tags["XS-701"], (2, 3)),
    }


def test_a_cascade_is_one_event_from_the_turbines_down_to_the_purifier() -> None:
    group = next(one for one in plant().first_out_groups if one.name == "liquefier")
    assert group.window_s == 60
    stages = [set(stage) for stage in group.stages]
    assert {"XS-726.ON", "XZ-727.ON", "XA-W996.4.ON"} <= stages[0]
    assert {"XS-601.ON", "XS-701.ON", "PT-602.LL"} <= stages[1]
    assert {"XS-501.ON", "PT-503.L"} <= stages[2]
    # What returns by the trip itself would end the incident while its consequences stand.
    assert not {"ST-721.HH", "PT-602.HH", "TT-723.HH"} & set().union(*stages)


def test_priority_1_is_silent_for_its_own_lost_link_only() -> None:
    urgent = {one.id for one in plant().alarms if one.priority == 1}
    for rule in plant().suppressions:
        assert rule.of is Of.LINK or not urgent & set(rule.members), rule.name
