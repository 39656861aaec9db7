"""The intent ring: what the service was about to do, after it was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.record.errors import Damaged, InUse
from controller.record.intents import IntentRing


def test_after_a_kill_the_next_run_sees_what_was_about_to_be_written(tmp_path: Path) -> None:
    ring = IntentRing.open(tmp_path / "run" / "intents")
    ring.put(7, {"interlock": "S-01", "word": "stop", "sequence": 12})
    ring.put(8, {"interlock": "S-05", "word": "shut", "sequence": 3, "first_out": "AT-403<98"})
    again_bytes = (tmp_path / "run" / "intents").read_bytes()  # nothing was flushed or closed
    other = tmp_path / "other"
    other.mkdir()
    (other / "intents").write_bytes(again_bytes)
    with IntentRing.open(other / "intents") as found:
        assert [(intent.intent, intent.context["word"]) for intent in found.all()] == [
            (7, "stop"),
            (8, "shut"),
        ]
        assert [intent.intent for intent in found.pending_after(7)] == [8]
        assert found.put(9, {}) > found.all()[0].number
    ring.close()


def test_the_ring_keeps_the_newest(tmp_path: Path) -> None:
    with IntentRing.open(tmp_path / "intents", slots=4) as ring:
        for intent in range(1, 11):
            ring.put(intent, {"n": intent})
        assert [found.intent for found in ring.all()] == [7, 8, 9, 10]
    with IntentRing.open(tmp_path / "intents", slots=99) as ring:  # the geometry it was made with stands
        ring.put(11, {})
        assert [found.intent for found in ring.all()] == [8, 9, 10, 11]


def test_a_slot_torn_at_any_byte_is_ignored_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "intents"
    with IntentRing.open(path, slots=2, slot_bytes=96) as ring:
        ring.put(1, {"word": "stop"})
        ring.put(2, {"word": "shut"})
        before = path.read_bytes()
        ring.put(3, {"word": "open", "more": "text"})
        after = path.read_bytes()
    changed = [place for place in range(len(before)) if before[place] != after[place]]
    assert len(changed) > 10
    for torn in range(changed[0] + 1, changed[-1] + 1):
        path.write_bytes(after[:torn] + before[torn:])
        with IntentRing.open(path) as ring:
            assert [found.intent for found in ring.all()] in ([1, 2], [2])
    path.write_bytes(after)
    with IntentRing.open(path) as ring:
        assert [found.intent for found in ring.all()] == [2, 3]


def test_a_long_context_is_shortened_not_refused(tmp_path: Path) -> None:
    with IntentRing.open(tmp_path / "intents", slot_bytes=128) as ring:
        ring.put(5, {"word": "stop", "help": "x" * 500, "sequence": 4})
        (found,) = ring.all()
        assert found.context == {"shortened": True, "word": "stop", "sequence": 4}


def test_a_making_that_was_interrupted_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "intents"
    path.write_bytes(bytes(100_000))
    with IntentRing.open(path) as ring:
        ring.put(1, {})
        assert len(ring.all()) == 1


def test_two_services_do_not_share_a_ring(tmp_path: Path) -> None:
    with (
        IntentRing.open(tmp_path / "intents"),
        pytest.raises(InUse, match="the service that owns these intents"),
    ):
        IntentRing.open(tmp_path / "intents")


@pytest.mark.parametrize(
    "content", [b"something else entirely, but long enough for a head", b"HEINTENT" + b"\xff" * 8]
)
def test_another_file_in_its_place_is_not_written_over(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "intents"
    path.write_bytes(content)
    with pytest.raises(Damaged, match="remove the file"):
        IntentRing.open(path)
    assert path.read_bytes() == content
    path.unlink()
    IntentRing.open(path).close()
