"""A bad link delays and holds; it never reorders, and what it holds is bounded."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.opcua.plc.gate import HELD_BYTES_MAX, Gate, Pipe

STEPS = st.lists(st.sampled_from(["feed", "hold", "release", "slow", "quick", "turn"]), max_size=40)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_the_link_does_bytes_come_out_once_and_in_order(steps: list[str]) -> None:
    async def play() -> tuple[list[bytes | None], list[bytes | None]]:
        gate, came, fed = Gate(), list[bytes | None](), list[bytes | None]()
        pipe = Pipe(gate, came.append, lambda: came.append(b"broken"))
        for step in steps:
            match step:
                case "feed":
                    fed.append(str(len(fed)).encode())
                    pipe.feed(fed[-1])
                case "hold":
                    gate.hold()
                case "release":
                    gate.release()
                case "slow":
                    gate.delay_s = 0.002
                case "quick":
                    gate.delay_s = 0.0
                case "turn":
                    await asyncio.sleep(0)
        gate.release()
        fed.append(None)
        pipe.feed(None)
        async with asyncio.timeout(5):
            while len(came) < len(fed):
                await asyncio.sleep(0)
        return fed, came

    fed, came = asyncio.run(play())
    assert came == fed


async def test_while_held_nothing_comes_out() -> None:
    gate, came = Gate(), list[bytes | None]()
    pipe = Pipe(gate, came.append, came.clear)
    pipe.feed(b"before")
    gate.hold()
    pipe.feed(b"during")
    for _ in range(10):
        await asyncio.sleep(0)
    assert came == [b"before"]
    pipe.close()


async def test_a_link_held_beyond_its_limit_breaks() -> None:
    broken: list[str] = []
    gate, came = Gate(), list[bytes | None]()
    pipe = Pipe(gate, came.append, lambda: broken.append("broken"))
    gate.hold()
    for _ in range(5):
        pipe.feed(bytes(HELD_BYTES_MAX // 4))
    assert broken == ["broken"]
    gate.release()
    assert came == []


async def test_a_closed_pipe_takes_and_gives_nothing() -> None:
    gate, came = Gate(), list[bytes | None]()
    pipe = Pipe(gate, came.append, came.clear)
    gate.hold()
    pipe.feed(b"held")
    pipe.close()
    pipe.feed(b"late")
    gate.release()
    for _ in range(3):
        await asyncio.sleep(0)
    assert came == []
