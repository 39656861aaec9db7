"""Exports: what other programs get to read."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.clock import Now
from controller.core.effects import Event
from controller.record.compaction import compact
from controller.record.errors import Missing
from controller.record.export import export_events, export_samples
from controller.record.journal import Journal
from controller.record.reader import Where
from controller.record.waiting import Limits
from tests.unit.record_rows import T0, TAGS, S, event, values

LATER = T0 + 600 * S


@pytest.fixture(params=["journal", "folded", "half folded"])
def recorded(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Ten minutes of a level, one Bad pressure without a number, two texts, four events."""
    journal = Journal.open(tmp_path, "university", TAGS, archived=False, limits=Limits(batch_s=0.001))
    for minute in range(10):
        rows = [(0, minute / 4, 0, minute * 60_000)]
        if minute == 4:
            rows.append((1, float("nan"), 0x80000000, minute * 60_000))
        texts = ((3, f'say "{minute}", ok\\', 0, T0 + minute * 60 * S),) if minute in {2, 7} else ()
        journal.append([], [values(*rows, texts=texts)], Now(0, 0, T0 + minute * 60 * S)).result(60)
        if minute == 5 and request.param == "half folded":
            compact(tmp_path)
    journal.append([replace(event(n), utc_ns=LATER + n) for n in range(3)])
    strange = Event("note, odd", "a b=c\\", 'line\n"two"', LATER + 2, 0.5, 1, {"µ": ["\\", None]})
    journal.append([strange]).result(60)
    journal.close()
    if request.param == "folded":
        compact(tmp_path)
    return tmp_path


def test_csv_has_every_sample_of_the_span(recorded: Path, tmp_path: Path) -> None:
    shares: list[float] = []
    target = tmp_path / "out.csv"
    count = export_samples(recorded, target, "csv", progress=lambda rows, share: shares.append(share))
    with target.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert count == len(rows) == 13
    levels = sorted((row for row in rows if row["tag"] == "LT-201"), key=lambda row: row["time"])
    assert [float(row["value"]) for row in levels] == [minute / 4 for minute in range(10)]
    assert levels[1]["time"] == "2026-01-05T01:01:00.000000000Z"
    assert (levels[1]["unit"], levels[1]["status"]) == ("%", "0")
    (bad,) = (row for row in rows if row["tag"] == "PT-303")
    assert (bad["value"], bad["status"]) == ("nan", str(0x80000000))
    assert sorted(row["text"] for row in rows if row["tag"] == "DS-1") == [
        'say "2", ok\\',
        'say "7", ok\\',
    ]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_span_and_a_choice_of_tags_are_kept_to(recorded: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    span = {"from_ns": T0 + 120 * S, "to_ns": T0 + 300 * S}
    assert export_samples(recorded, target, "csv", tags=["LT-201"], **span) == 3
    assert export_samples(recorded, target, "csv", **span) == 5


def test_line_protocol_leaves_out_what_is_no_number_and_escapes(recorded: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.line"
    export_samples(recorded, target, "line")
    lines = target.read_text().splitlines()
    assert f"sample,plant=university,tag=LT-201,unit=% value=0.25,q=0i {T0 + 60 * S}" in lines
    assert f"sample,plant=university,tag=PT-303,unit=mbarg q=2147483648i {T0 + 240 * S}" in lines
    text = f'sample,plant=university,tag=DS-1 text="say \\"2\\", ok\\\\",q=0i {T0 + 120 * S}'
    assert text in lines
    export_events(recorded, target, "line")
    lines = target.read_text().split("\n")
    assert lines[0].startswith(
        "event,plant=university,kind=interlock.tripped,source=S-01 seq=1i,severity=700i"
    )
    assert lines[3].startswith("event,plant=university,kind=note\\,\\ odd,source=a\\ b\\=c\\\\  seq=4i")
    times = [int(line.rsplit(" ", 1)[1]) for line in lines if line[-1:].isdigit()]
    assert times == sorted(set(times))


def test_parquet_has_the_same_rows(recorded: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    target = tmp_path / "out.parquet"
    assert export_samples(recorded, target, "parquet") == 13
    table = pq.read_table(target)
    assert table.num_rows == 13
    assert str(table.schema.field("time").type) == "timestamp[ns, tz=UTC]"
    rows = [row for row in table.to_pylist() if row["tag"] == "LT-201"]
    assert sorted(row["value"] for row in rows) == [minute / 4 for minute in range(10)]
    assert rows[0]["text"] is None
    assert min(row["text"] for row in table.to_pylist() if row["tag"] == "DS-1") == 'say "2", ok\\'
    assert export_events(recorded, target, "parquet") == 4
    events = pq.read_table(target).drop_columns(["time"]).to_pylist()
    assert events[3]["text"] == 'line\n"two"'
    assert json.loads(events[3]["data"]) == {"µ": ["\\", None]}


def test_events_as_csv_read_back_and_can_be_filtered(recorded: Path, tmp_path: Path) -> None:
    target = tmp_path / "events.csv"
    assert export_events(recorded, target, "csv", where=Where(kinds=("interlock.",))) == 3
    assert export_events(recorded, target, "csv", after=3) == 1
    with target.open(newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert (row["seq"], row["text"], len(row["hash"])) == ("4", 'line\n"two"', 64)
    assert row["time"] == "2026-01-05T01:10:00.000000002Z"


def test_without_a_target_it_goes_to_standard_output(
    recorded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_events(recorded, None, "csv")
    assert capsys.readouterr().out.startswith("seq,time,utc_ns")
    with pytest.raises(Missing, match="needs a file"):
        export_events(recorded, None, "parquet")


def test_parquet_without_pyarrow_says_how_to_get_it(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Missing, match=r"pip install 'heloop\[parquet\]'"):
        export_events(recorded, tmp_path / "out.parquet", "parquet")
    assert not list(tmp_path.glob("out.*"))


def test_an_export_that_fails_leaves_no_half_file(recorded: Path, tmp_path: Path) -> None:
    with pytest.raises(Missing, match="never recorded here: XX-9"):
        export_samples(recorded, tmp_path / "out.csv", "csv", tags=["LT-201", "XX-9"])
    assert not list(tmp_path.glob("out.*"))
