"""Reading plant files: it means what YAML means, nothing in a file can raise, counts and hash are right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from controller.plant.check_report import check_report, check_text
from controller.plant.config import PlantNotFound, find_plant, load
from controller.plant.document import Document
from controller.plant.parse import parse_into
from controller.plant.problems import Problems
from tests.unit.plant_texts import TEXTS, changed, write_plant

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(ROOT.glob("plc_maps/*/*.yaml"))
LINES = [line for text in TEXTS.values() for line in text.split("\n")]
SPLINTERS = [
    *(
        "- ",
        ": ",
        " #",
        "#",
        '"',
        "'",
        "[",
        "]",
        ",",
        "{",
        "}",
        "&a ",
        "*a",
        "!x ",
        "|",
        ">",
        "  ",
        "\n",
        "-",
        "?",
    ),
    *(
        "~",
        "null",
        "0x1F",
        "0o7",
        "1_0",
        ".5",
        ".inf",
        ".nan",
        "1e5",
        "1e999",
        "=",
        "<<: ",
        "%",
        "@",
        "`",
        "---",
    ),
    *(
        "...",
        "key",
        "a: b",
        "- a",
        "\t",
        "\r",
        "é",
        "\x85",
        "\u2028",
        "\ufeff",
        "\x00",
        "true",
        "007",
        "-1",
        "+1.",
    ),
    *("2026-01-01", "::", "1:2", "? a", "9" * 30, "\U0001f600", "name: LT-201\n", "tags:\n", "  - name: X\n"),
]


@st.composite
def mutilated(draw: st.DrawFn, text: str) -> str:
    """The text with a few splinters in it, pieces cut out, or lines moved."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        cut = draw(st.sampled_from([0, 0, 0, 1, 2, 5, 40]))
        text = text[:at] + draw(st.sampled_from(SPLINTERS)) + text[at + cut :]
    return text


@st.composite
def excerpts(draw: st.DrawFn) -> str:
    """A few neighbouring lines, shifted to the margin."""
    first = draw(st.integers(0, len(LINES) - 2))
    lines = LINES[first : first + draw(st.integers(1, 10))]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def fully_read(text: str) -> tuple[Document, Problems]:
    document, problems = Document("f", "f"), Problems()
    parse_into(document, text, problems)
    return document, problems


@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(excerpts())
@example("priority: 9999999999999999999999999999993")
@example("sentinels: [- a]")
@example("a: 0o17\nb: 1_000\nc: 22:30\nd: no\ne: .5\nf: 2026-01-01")
def test_what_is_read_is_what_yaml_means(text: str) -> None:
    """Against a parser of another make, which constructs; wherever we have nothing to complain about."""
    document, problems = fully_read(text)
    if problems.errors:
        return
    meant = YAML(typ="safe", pure=True).load(text)
    assert json.dumps(document.root, default=str) == json.dumps(meant, default=str)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_files_that_come_along_are_written_the_documented_way(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert fully_read(text)[1].errors == []
    assert text.startswith("# yaml-language-server: $schema=../schema.json\n")


@settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_text_in_a_plant_file_raises(tmp_path: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(TEXTS)))
    broken = data.draw(mutilated(TEXTS[file]))

    loaded = load(write_plant(tmp_path, {**TEXTS, file: broken}))

    assert (loaded.plant is None) == bool(loaded.errors)
    for problem in (*loaded.errors, *loaded.warnings):
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message


VALUES = st.recursive(
    st.one_of(
        st.just("x"),
        st.integers(-(10**20), 10**20),
        st.floats(),
        st.booleans(),
        st.sampled_from(["LT-201", "5 s"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "tag", "is", "x"]), inner, max_size=3),
    ),
    max_leaves=6,
)


@settings(
    deadline=None,
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_value_of_a_wrong_shape_raises(tmp_path: Path, data: st.DataObject) -> None:
    file = data.draw(st.sampled_from(sorted(TEXTS)))
    lines = TEXTS[file].split("\n")
    number = data.draw(st.sampled_from([i for i, line in enumerate(lines) if ":" in line]))
    indent = len(lines[number]) - len(lines[number].lstrip(" -")) + 2
    shape = data.draw(VALUES)
    key = lines[number].partition(":")[0]
    lines[number] = f"{key}: {shown(shape, indent)}"

    loaded = load(write_plant(tmp_path, {**TEXTS, file: "\n".join(lines)}))

    assert (loaded.plant is None) == bool(loaded.errors)


def shown(value: object, indent: int) -> str:
    """The value as block YAML behind `key:`."""
    pad = "\n" + " " * indent
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{key}: {shown(inner, indent + 2)}" for key, inner in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}- {shown(inner, indent + 2).lstrip()}" for inner in value)
    return json.dumps(value).replace("NaN", ".nan").replace("Infinity", ".inf")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "plant.yaml:1:1: the file is empty"),
        (b"# only a comment\n", "plant.yaml:1:1: the file is empty"),
        (b"plant: x\n\xff\n", "plant.yaml:2:1: not UTF-8 text; save the file as UTF-8"),
        (b"just a word\n", "plant.yaml:1:1: the file must have `plant:`"),
        (b"- a\n", "plant.yaml:1:1: the file must have `plant:`"),
        (b"plant: [\n", "plant.yaml:2:1: not valid YAML: while parsing a flow node"),
        (b"a: " + b"[" * 100 + b"]" * 100, "plant.yaml:1:1: nested too deeply"),
        (b"plant: x\n---\nplant: y\n", "plant.yaml:2:1: not valid YAML: expected a single document"),
        (b"plant: \x01\n", "plant.yaml:1:8: not valid YAML: "),
    ],
)
def test_a_file_that_is_no_plant_says_why(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "plant.yaml").write_bytes(raw)

    loaded = load(tmp_path)

    assert str(loaded.errors[0]).removeprefix(f"{tmp_path}/").startswith(said)
    assert loaded.plant is None


def test_a_bomb_of_aliases_is_refused_without_being_unfolded(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    texts = {**TEXTS, "plant.yaml": TEXTS["plant.yaml"] + "\n".join(lines)}

    loaded = load(write_plant(tmp_path, texts))

    assert "anchors and aliases are not used here; write it out" in {p.message for p in loaded.errors}


def test_a_folder_without_a_plant_says_so(tmp_path: Path) -> None:
    assert [str(p) for p in load(tmp_path).errors] == [
        f"{tmp_path}/plant.yaml:1:1: cannot be read: No such file or directory"
    ]


def test_a_plant_is_found_by_name_by_folder_and_by_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_plant(tmp_path / "mine")

    assert find_plant(str(folder)) == folder
    assert find_plant(str(folder / "plant.yaml")) == folder
    assert find_plant("tutorial").resolve() == ROOT / "plc_maps/tutorial"
    monkeypatch.chdir(ROOT)
    assert find_plant("tutorial") == Path("plc_maps/tutorial")
    with pytest.raises(PlantNotFound, match=r"'tutorail'.*tutorial.*did you mean tutorial"):
        find_plant("tutorail")
    with pytest.raises(PlantNotFound):
        find_plant("../tutorial")


def test_the_hash_names_the_texts_it_was_made_from(tmp_path: Path) -> None:
    def hash_of(folder: Path, texts: dict[str, str]) -> str:
        plant = load(write_plant(folder, texts)).plant
        assert plant is not None
        return plant.text_hash

    same, again = hash_of(tmp_path / "a", TEXTS), hash_of(tmp_path / "b", TEXTS)
    other = hash_of(tmp_path / "c", changed("interlocks.yaml", "max: 30 min", "max: 31 min"))

    assert same == again != other
    assert len(same) == 64


def test_the_report_for_programs_keeps_its_shape(tmp_path: Path) -> None:
    good = check_report(load(write_plant(tmp_path / "good")))
    bad = check_report(
        load(
            write_plant(
                tmp_path / "bad", changed("plc_r.yaml", "        limit: 95\n", "        limit: 105\n")
            )
        )
    )

    assert good == {"tags": 14, "plcs": 1, "interlocks": 3, "alarms": 23, "errors": [], "warnings": []}
    assert bad["tags"] == 14
    assert bad["errors"] == [
        {
            "file": f"{tmp_path}/bad/plc_r.yaml",
            "line": 31,
            "column": 16,
            "message": "LT-201.HH: limit 105 % is outside the range 0..100; correct the limit or the range",
        }
    ]
    assert json.loads(json.dumps(bad)) == bad


def test_the_report_for_people_ends_with_a_sum(tmp_path: Path) -> None:
    good = check_text(load(write_plant(tmp_path / "good")))
    bad = check_text(
        load(
            write_plant(
                tmp_path / "bad", changed("plc_r.yaml", "        limit: 95\n", "        limit: 105\n")
            )
        )
    )

    assert good == "14 tags, 1 PLC, 3 interlocks, 23 alarms: no errors"
    assert bad.splitlines()[0].startswith(f"{tmp_path}/bad/plc_r.yaml:31:16: LT-201.HH: limit 105 %")
    assert bad.splitlines()[-1] == "14 tags, 1 PLC, 3 interlocks, 23 alarms: 1 error"
