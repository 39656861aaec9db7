"""The doors over real Unix sockets: who is let in, what they get, what a bad peer gets."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alarms.signal import GOOD
from controller.core.inputs import Batch, Request
from controller.doors import frames
from controller.doors.commands import Answer, Commands, NoService, UnknownQuery, ask
from controller.doors.feed import Feed
from controller.doors.users import NotAllowed, Peer, identify, vouched
from controller.plant.plant import Plant
from controller.plant.tags import Archive, Kind, NodeSource, Raw, Tag

ME = Peer(pid=os.getpid(), uid=os.getuid(), gid=os.getgid(), session="local:1")
STRANGER = Peer(pid=1, uid=54321, gid=54321, session="local:2")


def small_plant(size: int = 4) -> Plant:
    tags = tuple(
        Tag(
            index=index,
            name=f"PT-{index}",
            text="",
            kind=Kind.ANALOG,
            unit="bar",
            area="",
            low=0,
            high=10,
            source=NodeSource(0, "urn:a", f"s=PT{index}", Raw.FLOAT),
            archive=Archive(),
        )
        for index in range(size)
    )
    return Plant(
        "small", "", "UTC", "turbine", 30, (), (), tags, (), (), (), "", {t.name: t.index for t in tags}
    )


def batch(values: dict[int, float], texts: tuple[tuple[int, str, int, int], ...] = ()) -> Batch:
    size = len(values)
    return Batch(
        0,
        np.array(list(values), dtype=np.int32),
        np.array(list(values.values())),
        np.full(size, GOOD, dtype=np.uint32),
        np.full(size, 7, dtype=np.int64),
        texts,
    )


@asynccontextmanager
async def serving(path: Path, serve: Callable[[Path], Any]) -> AsyncIterator[None]:
    task = asyncio.create_task(serve(path))
    try:
        while not path.exists():
            await asyncio.sleep(0)
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def heard(reader: asyncio.StreamReader) -> Any:
    """The next document; there has to be one."""
    document = await frames.read(reader)
    assert document is not None
    return document


class TestTheFeed:
    async def test_a_reader_gets_a_snapshot_and_then_only_what_changed(self, tmp_path: Path) -> None:
        feed = Feed(small_plant(), lambda: [{"plc": "R", "up": True}], period_s=0)
        feed.publish(batch({1: 5.0}))
        async with serving(tmp_path / "feed", feed.serve):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "feed")
            snapshot = (await heard(reader))["snapshot"]
            assert snapshot["tags"] == ["PT-0", "PT-1", "PT-2", "PT-3"]
            assert snapshot["values"][1] == [1, 5.0, GOOD, 7]
            assert snapshot["values"][0][2] == 0x80320000, "never a Good zero before the first value"
            feed.publish(batch({2: 6.0}, ((3, "dewar 7", GOOD, 9),)))
            delta = await heard(reader)
            assert delta["values"] == [[2, 6.0, GOOD, 7]]
            assert delta["texts"] == [[3, "dewar 7", GOOD, 9]]
            assert delta["links"] == [{"plc": "R", "up": True}]
            writer.close()

    async def test_a_slow_reader_gets_the_newest_value_once_and_the_service_keeps_nothing_for_it(
        self, tmp_path: Path
    ) -> None:
        feed = Feed(small_plant(), list, period_s=0)
        async with serving(tmp_path / "feed", feed.serve):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "feed")
            await frames.read(reader)
            for value in range(10_000):
                feed.publish(batch({0: float(value)}))
            assert (await heard(reader))["values"] == [[0, 9999.0, GOOD, 7]]
            writer.close()

    async def test_the_newest_journal_number_travels_along(self, tmp_path: Path) -> None:
        feed = Feed(small_plant(), list, period_s=0)
        async with serving(tmp_path / "feed", feed.serve):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "feed")
            await frames.read(reader)
            feed.journal_at(42)
            assert (await heard(reader))["journal"] == 42
            writer.close()


class TestTheCommandSocket:
    @staticmethod
    def commands(seen: list[Request], *, demo: bool = False) -> Commands:
        async def submit(request: Request) -> Answer:
            seen.append(request)
            return Answer(request.target == "S-01", "as decided", 12, {"n": 1})

        def query(name: str, _: dict[str, Any]) -> Any:
            if name != "status":
                raise UnknownQuery(f"no query '{name}'; there is: status")
            return {"up": True}

        return Commands(submit, query, demo=demo)

    async def ask(self, path: Path, document: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(ask, path, document)

    async def test_a_reset_reaches_the_core_with_name_role_and_terminal_session(self, tmp_path: Path) -> None:
        seen: list[Request] = []
        async with serving(tmp_path / "c", self.commands(seen).serve):
            document = {"action": "reset", "target": "S-01", "reason": "bag is full again", "user": "sato"}
            reply = await self.ask(tmp_path / "c", document)
        assert (reply["accepted"], reply["reason"], reply["journal_seq"]) == (True, "as decided", 12)
        (request,) = seen
        assert request.user.startswith("sato via ")
        assert request.role == "supervisor", "the service's own account"
        assert request.session == f"local:{os.getsid(0)}"

    async def test_a_front_door_of_the_services_own_account_names_whom_it_let_in(
        self, tmp_path: Path
    ) -> None:
        seen: list[Request] = []
        asked = {"action": "reset", "target": "S-01", "door": "opcua", "user": "sato", "role": "admin"}
        async with serving(tmp_path / "c", self.commands(seen).serve):
            assert (await self.ask(tmp_path / "c", {**asked, "session": "i=7"}))["accepted"]
            for wrong in ({"door": "window"}, {"role": "king"}, {"session": 7}):
                reply = await self.ask(tmp_path / "c", {**asked, "session": "i=7", **wrong})
                assert not reply["accepted"], wrong
        (request,) = seen
        assert (request.user, request.role) == ("sato", "admin")
        assert (request.session, request.door) == ("opcua:i=7", "opcua")

    def test_no_other_account_is_believed_whom_it_names(self) -> None:
        stranger = Peer(1, os.getuid() + 1, 1, "local:1")
        with pytest.raises(NotAllowed, match="no front door"):
            vouched(stranger, "opcua", "sato", "admin", "i=7", os.getuid())

    async def test_a_query_is_answered_without_the_core(self, tmp_path: Path) -> None:
        seen: list[Request] = []
        async with serving(tmp_path / "c", self.commands(seen).serve):
            assert (await self.ask(tmp_path / "c", {"query": "status"}))["data"] == {"up": True}
            unknown = await self.ask(tmp_path / "c", {"query": "weather"})
        assert not unknown["accepted"]
        assert "there is: status" in unknown["reason"]
        assert not seen

    @pytest.mark.parametrize(
        "hostile",
        [
            struct.pack("<I", 0xFFFFFFFF) + b"x",  # announces 4 GiB
            struct.pack("<I", 3) + b"\xc1\xc1\xc1",  # no msgpack
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x01",  # ends inside the length
        ],
    )
    async def test_a_peer_that_speaks_nonsense_is_cut_off_and_the_next_is_served(
        self, tmp_path: Path, hostile: bytes
    ) -> None:
        async with serving(tmp_path / "c", self.commands([]).serve):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "c")
            writer.write(hostile)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            assert (await self.ask(tmp_path / "c", {"query": "status"}))["accepted"]

    async def test_a_request_that_is_no_map_is_refused_in_words(self, tmp_path: Path) -> None:
        async with serving(tmp_path / "c", self.commands([]).serve):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "c")
            writer.write(frames.encode(["reset"]))
            assert "is a map" in (await heard(reader))["reason"]
            writer.close()

    def test_without_a_service_the_answer_says_so(self, tmp_path: Path) -> None:
        with pytest.raises(NoService, match="no service answers"):
            ask(tmp_path / "nobody", {"query": "status"})


class TestWhoAPersonIs:
    def test_a_strange_account_is_refused_with_what_would_help(self) -> None:
        with pytest.raises(NotAllowed, match="group 'heloop'"):
            identify(STRANGER, None, None, service_uid=os.getuid() + 1, demo=False)

    def test_a_role_can_be_given_up_but_not_taken(self) -> None:
        assert identify(ME, "sato", "viewer", os.getuid(), demo=False).role == "viewer"
        with pytest.raises(NotAllowed, match="supervisor at most"):
            identify(ME, "sato", "admin", os.getuid(), demo=False)
        with pytest.raises(NotAllowed, match="no role"):
            identify(ME, "sato", "king", os.getuid(), demo=False)

    def test_the_demo_has_a_user_per_role_and_run_has_not(self) -> None:
        assert identify(ME, "operator", None, os.getuid(), demo=True).role == "operator"
        assert identify(ME, "operator", None, os.getuid(), demo=False).role == "supervisor"


def test_a_frame_survives_being_cut_anywhere() -> None:
    left, right = socket.socketpair()
    with left, right:
        for byte in frames.encode({"a": [1, 2.5, "x"]}):
            left.send(bytes([byte]))
        assert frames.read_blocking(right) == {"a": [1, 2.5, "x"]}
