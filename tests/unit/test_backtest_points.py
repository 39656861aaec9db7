"""Samples out of other people's files: line protocol and CSV as InfluxDB writes them."""

from __future__ import annotations

import io
from math import isnan

import pytest

from controller.backtest import Point, points_of_csv, points_of_lines

S = 1_000_000_000
T0 = 1_767_574_800 * S  # 2026-01-05T01:00Z


def lines(text: str) -> tuple[list[Point], list[int]]:
    bad: list[int] = []
    return points_of_lines(io.StringIO(text), lambda number, _: bad.append(number)), bad


def table(text: str) -> tuple[list[Point], list[int]]:
    bad: list[int] = []
    return points_of_csv(io.StringIO(text), lambda number, _: bad.append(number)), bad


def test_line_protocol_of_the_export_and_of_the_follower() -> None:
    found, bad = lines(
        f"sample,plant=u,tag=LT-201,unit=% value=53.5,q=0i {T0 + S}\n"
        f'sample,area=bag,plc=R,tag=XS-301 value=9.0,state="under load, auto",quality=1083179008i {T0}\n'
        f"sample,plant=u,tag=LT-201,unit=% q=2147483648i {T0 + 2 * S}\n"
        f"sample,plant=u,tag=PT\\ 1 value=1i {T0 + 3 * S}\n"
        f'sample,plant=u,tag=XS-117 text="a \\"b\\" c",q=0i {T0}\n'
        f'event,plant=u,kind=alarm.raised text="x" {T0}\n'
    )
    assert bad == []
    assert found[:2] == [Point(T0, "XS-301", 9.0, 1083179008), Point(T0 + S, "LT-201", 53.5, 0)]
    assert (found[2].status, isnan(found[2].value)) == (2147483648, True)
    assert found[3] == Point(T0 + 3 * S, "PT 1", 1.0, 0)


@pytest.mark.parametrize(
    "line", ["sample,tag=A value=x 1", "sample,plant=u value=1 1", "sample,tag=A value=1", "sample,tag=A  1"]
)
def test_a_line_that_is_none_is_told_by_its_number(line: str) -> None:
    assert lines(f"sample,tag=A value=1 1\n{line}\n")[1] == [2]


CSV = {
    "export": "time,time_ns,tag,unit,value,text,status,flags,original_ns\n"
    f"2026-01-05T01:00:00Z,{T0},A,%,1.5,,0,0,0\n2026-01-05T01:00:01Z,{T0 + S},A,%,,,2147483648,0,0\n"
    f"2026-01-05T01:00:01Z,{T0 + S},B,,,words,0,0,0\n",
    "influxql": f"name,time,tag,value,quality\nsample,{T0},A,1.5,0\nsample,{T0 + S},A,,2147483648\n",
    "flux pivoted": "#group,false\n#datatype,string\n,result,table,_time,tag,value,quality\n"
    ",,0,2026-01-05T01:00:00Z,A,1.5,0\n,,0,2026-01-05T01:00:01.000000000Z,A,,2147483648\n",
    "flux": "#datatype,string\n,result,table,_time,_value,_field,_measurement,tag\n"
    ",,0,2026-01-05T01:00:00Z,1.5,value,sample,A\n\n#datatype,string\n"
    ",result,table,_time,_value,_field,_measurement,tag\n"
    ",,1,2026-01-05T01:00:00Z,0,quality,sample,A\n,,1,2026-01-05T01:00:01Z,2147483648,quality,sample,A\n",
}


@pytest.mark.parametrize("form", CSV)
def test_csv_in_the_forms_one_meets(form: str) -> None:
    found, bad = table(CSV[form])
    assert bad == []
    assert found[0] == Point(T0, "A", 1.5, 0)
    assert len(found) == 2
    assert (found[1].time_ns, found[1].tag, found[1].status) == (T0 + S, "A", 2147483648)
    assert isnan(found[1].value)


def test_times_keep_their_nanoseconds_and_zones() -> None:
    found, _ = table("time,tag,value\n2026-01-05T10:00:00.123456789+09:00,A,1\n2026-01-05T01:00:00Z,A,2\n")
    assert [point.time_ns for point in found] == [T0, T0 + 123456789]


def test_rows_that_cannot_be_read_are_told_and_a_file_without_a_header_is_refused() -> None:
    assert table("time,tag,value\nyesterday,A,1\n1,A,x\n2,A,1\n")[1] == [2, 3]
    with pytest.raises(ValueError, match="no header"):
        table("1,2,3\n")
