"""Raw history: bounds, direction and pages, against the table of Part 11, 4.6 and a naive reading of it."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import extensionobject_from_binary, extensionobject_to_binary
from hypothesis import given
from hypothesis import strategies as st

from controller.opcua.gateway.history import raw, wire
from controller.opcua.gateway.history.quality import BAD_BOUND_NOT_FOUND, points
from controller.opcua.gateway.history.records import UNENDING, Found
from controller.record.chunks import Rows
from tests.unit.record_rows import T0, S

HELD = ("5:00", "5:02", "5:03", "5:05", "5:06")
# start, end ('': not named), number, values with bounds, values without. FIRST and LAST are null values.
TABLE = """
5:00 5:05 0 | 5:00 5:02 5:03 5:05      | 5:00 5:02 5:03
5:01 5:04 0 | 5:00 5:02 5:03 5:05      | 5:02 5:03
5:05 5:00 0 | 5:05 5:03 5:02 5:00      | 5:05 5:03 5:02
5:04 5:01 0 | 5:05 5:03 5:02 5:00      | 5:03 5:02
4:59 5:05 0 | -4:59 5:00 5:02 5:03 5:05 | 5:00 5:02 5:03
5:01 5:07 0 | 5:00 5:02 5:03 5:05 5:06 -5:07 | 5:02 5:03 5:05 5:06
5:00 5:05 3 | 5:00 5:02 5:03           | 5:00 5:02 5:03
5:01 5:04 3 | 5:00 5:02 5:03           | 5:02 5:03
5:05 5:00 3 | 5:05 5:03 5:02           | 5:05 5:03 5:02
5:04 5:01 3 | 5:05 5:03 5:02           | 5:03 5:02
4:59 5:05 3 | -4:59 5:00 5:02          | 5:00 5:02 5:03
5:01 5:07 3 | 5:00 5:02 5:03           | 5:02 5:03 5:05
5:00 ?    3 | 5:00 5:02 5:03           | 5:00 5:02 5:03
5:00 ?    6 | 5:00 5:02 5:03 5:05 5:06 -5:06:01 | 5:00 5:02 5:03 5:05 5:06
5:07 ?    6 | 5:06 -5:06:01            |
?    5:06 3 | 5:06 5:05 5:03           | 5:06 5:05 5:03
?    5:06 6 | 5:06 5:05 5:03 5:02 5:00 -4:59:59 | 5:06 5:05 5:03 5:02 5:00
?    4:48 6 | 5:00 -4:59:59            |
4:48 4:48 0 | -4:48 5:00               |
4:48 4:48 1 | -4:48                    |
4:48 4:48 2 | -4:48 5:00               |
5:00 5:00 0 | 5:00 5:02                | 5:00
5:00 5:00 1 | 5:00                     | 5:00
5:01 5:01 0 | 5:00 5:02                |
5:01 5:01 1 | 5:00                     |
""".strip().splitlines()


class Held:
    """Rows in memory that are read like a tag's on disk. reluctant: stops early, as if the time were up."""

    def __init__(self, times: list[int], reluctant: bool = False, flags: list[int] | None = None) -> None:
        n = len(times)
        time_ns = np.array(times, np.int64)
        self.held = Rows(
            time_ns,
            np.arange(n, dtype=np.float64),
            np.zeros(n, np.uint32),
            np.array(flags or [0] * n, np.uint8),
            time_ns - 5,
        )
        self.reluctant = reluctant

    def late(self) -> bool:
        return self.reluctant

    def _between(self, low: int, high: int) -> Rows:
        return self.held.where((self.held.time_ns >= low) & (self.held.time_ns < high))

    def forward(self, low: int, high: int, most: int) -> Found:
        rows = self._between(low, high)
        most = min(most, 1) if self.reluctant else most
        if len(rows) <= most:
            return Found(rows, high)
        return Found(rows.where(slice(0, most)), int(rows.time_ns[most - 1]) + 1)

    def backward(self, low: int, high: int, most: int) -> Found:
        rows = self._between(low, high)
        most = min(most, 1) if self.reluctant else most
        if len(rows) <= most:
            return Found(rows, low)
        return Found(rows.where(slice(len(rows) - most, None)), int(rows.time_ns[-most]))

    def before(self, at_ns: int, usable: object) -> Rows:
        return self._between(0, at_ns)

    def after(self, at_ns: int, usable: object) -> Rows:
        return self._between(at_ns, UNENDING)


def clock(text: str) -> int:
    parts = [int(part) for part in text.split(":")]
    hours, minutes, seconds = (*parts, 0)[:3]
    return T0 + (hours * 3600 + minutes * 60 + seconds) * S


def told(time_ns: int, given_: bool, status: int) -> str:
    seconds = (time_ns - T0) // S
    text = f"{seconds // 3600}:{seconds // 60 % 60:02}" + (f":{seconds % 60:02}" if seconds % 60 else "")
    assert given_ == (status == 0)
    assert given_ or status == BAD_BOUND_NOT_FOUND
    return text if given_ else f"-{text}"


def read(what: raw.Wanted, held: Held, limit: int) -> list[tuple[int, bool, int]]:
    """All pages of it."""
    position = None
    found: list[tuple[int, bool, int]] = []
    for _ in range(100):
        page = raw.page(what, position, held, limit)
        times, _, status, given_ = page.points
        assert len(times) <= limit
        found += zip(times.tolist(), given_.tolist(), status.tolist(), strict=True)
        position = page.next
        if position is None:
            return found
    raise AssertionError("no end")


@pytest.mark.parametrize("bounds", [True, False], ids=["bounds", "no-bounds"])
@pytest.mark.parametrize("line", TABLE, ids=lambda line: "-".join(line.split()[:3]))
def test_the_table_of_the_specification(line: str, bounds: bool) -> None:
    request, with_bounds, without = line.split("|")
    start, end, number = request.split()
    first, last = (None if text == "?" else clock(text) for text in (start, end))
    what = raw.wanted(first, last, int(number), bounds=bounds, modified=False)
    assert what is not None
    held = Held([clock(text) for text in HELD])
    page = raw.page(what, None, held, 1000)
    times_ns, _, status, given_ = page.points
    found = [told(*one) for one in zip(times_ns.tolist(), given_.tolist(), status.tolist(), strict=True)]
    assert found == (with_bounds if bounds else without).split()


def test_two_of_start_end_and_number_are_needed() -> None:
    assert raw.wanted(None, None, 5, bounds=False, modified=False) is None
    assert raw.wanted(T0, None, 0, bounds=False, modified=False) is None
    assert raw.wanted(None, T0, 0, bounds=False, modified=False) is None


@given(
    times=st.lists(st.integers(0, 40), unique=True).map(sorted),
    start=st.none() | st.integers(-3, 43),
    end=st.none() | st.integers(-3, 43),
    number=st.integers(0, 8),
    bounds=st.booleans(),
    limit=st.integers(1, 9),
    reluctant=st.booleans(),
)
def test_pages_give_what_one_answer_would(
    times: list[int],
    start: int | None,
    end: int | None,
    number: int,
    bounds: bool,
    limit: int,
    reluctant: bool,
) -> None:
    first, last = (None if at is None else T0 + at * S for at in (start, end))
    what = raw.wanted(first, last, number, bounds=bounds, modified=False)
    if what is None:
        return
    rows = [T0 + at * S for at in times]
    found = read(what, Held(rows, reluctant), limit)
    assert found == naive(what, rows)


def naive(what: raw.Wanted, rows: list[int]) -> list[tuple[int, bool, int]]:
    """In the direction of the read, everything it may tell, then cut."""
    sign = -1 if what.backward else 1
    ordered = sorted(rows, key=lambda at: sign * at)

    def reached(at: int, edge: int) -> bool:
        return sign * at >= sign * edge

    def value(at: int) -> tuple[int, bool, int]:
        return at, True, 0

    def missing(at: int) -> tuple[int, bool, int]:
        return at, False, BAD_BOUND_NOT_FOUND

    far = what.far_ns
    inside = [at for at in ordered if reached(at, what.origin_ns) and (far is None or not reached(at, far))]
    if far == what.origin_ns and not what.bounds:
        inside = [at for at in ordered if at == far]
    answer = [value(at) for at in inside]
    if what.bounds:
        inside = [at for at in inside if at != what.origin_ns]
        before = [at for at in ordered if at == what.origin_ns or not reached(at, what.origin_ns)]
        answer = [value(before[-1]) if before else missing(what.origin_ns), *map(value, inside)]
        last = inside[-1] if inside else before[-1] if before else what.origin_ns
        if far is None:
            answer.append(missing(last + sign * S))
        else:
            after = [at for at in ordered if reached(at, far) and not (far == what.origin_ns and at == far)]
            answer.append(value(after[0]) if after else missing(far))
    return answer[: what.most] if far is None and what.most else answer


def test_only_what_was_replaced_is_told_as_modified_with_its_own_time() -> None:
    flags = [0, 1, 0, 2, 3, 0]
    held = Held([T0 + at * S for at in range(6)], flags=flags)
    what = raw.wanted(T0, T0 + 100 * S, 0, bounds=False, modified=True)
    assert what is not None
    page = raw.page(what, None, held, 10)
    assert page.points.values.tolist() == [1.0, 4.0]
    assert page.rows.original_ns.tolist() == [T0 + S - 5, T0 + 4 * S - 5]
    backward = raw.wanted(T0 + 100 * S, T0, 0, bounds=False, modified=True)
    assert backward is not None
    assert [time_ns for time_ns, _, _ in read(backward, held, 1)] == [T0 + 4 * S, T0 + S]


def decoded(data: ua.ExtensionObject) -> ua.HistoryData:
    return extensionobject_from_binary(Buffer(extensionobject_to_binary(data)))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("kind", "values", "expected"),
    [
        (ua.VariantType.Double, [1.5, -2.0, 3.0], [1.5, -2.0, None]),
        (ua.VariantType.Boolean, [1.0, 0.0, 1.0], [True, False, None]),
        (ua.VariantType.Int16, [40_000.0, -7.4, 1.0], [32_767, -7, None]),
        (ua.VariantType.UInt64, [2.0**65, -1.0, 1.0], [2**64 - 1, 0, None]),
        (ua.VariantType.String, [1.0, 0.0, 1.0], ["on", "é", None]),
    ],
)
def test_another_decoder_reads_what_is_encoded(
    kind: ua.VariantType, values: list[float], expected: list[object]
) -> None:
    status = [0, 0x40900000, BAD_BOUND_NOT_FOUND]
    given_ = [True, True, False]
    answer = points([T0, T0 + S, T0 + 2 * S], values, status, np.array(given_))
    found = decoded(wire.history_data(answer, kind, ["é", "on"])).DataValues
    assert [value.Value.Value if value.Value is not None else None for value in found] == expected
    assert [value.StatusCode.value for value in found] == status
    assert found[0].SourceTimestamp == datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
    assert found[0].ServerTimestamp is None
    assert wire.nanoseconds(found[1].SourceTimestamp) == T0 + S


def test_an_answer_without_values_is_an_empty_list() -> None:
    none = points([], 0.0, 0)
    assert decoded(wire.history_data(none, ua.VariantType.Double)).DataValues == []


def test_modified_values_say_when_and_by_whom() -> None:
    answer = points([T0], 5.0, 0)
    found = decoded(wire.modified_data(answer, np.array([T0 + S]), "heloop", ua.VariantType.Double))
    assert found.DataValues[0].Value.Value == 5.0
    assert isinstance(found, ua.HistoryModifiedData)
    info = found.ModificationInfos[0]
    assert (info.UserName, info.UpdateType) == ("heloop", ua.HistoryUpdateType.Replace)
    assert wire.nanoseconds(info.ModificationTime) == T0 + S
