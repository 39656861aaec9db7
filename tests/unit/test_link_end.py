"""A link that is told to stop at the moment its line breaks."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from controller.opcua.link import link as links
from controller.opcua.link.errors import LinkLost
from controller.opcua.link.link import Link
from controller.opcua.link.session import Session
from controller.plant.config import find_plant, load


@pytest.mark.parametrize("kind", [LinkLost, ZeroDivisionError])
async def test_its_line_breaks_while_it_stops_and_only_a_bug_is_told(
    monkeypatch: pytest.MonkeyPatch, kind: type[Exception]
) -> None:
    plant = load(find_plant("tutorial")).plant
    assert plant is not None
    begun, told = asyncio.Event(), list[dict[str, Any]]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    class Breaking(Session):
        async def run(self) -> None:
            try:
                begun.set()
                await asyncio.get_running_loop().create_future()
            finally:
                raise kind("publish: connection lost")

    monkeypatch.setattr(links, "Session", Breaking)
    running = asyncio.create_task(Link(plant.plcs[0], plant, "opc.tcp://127.0.0.1:1", lambda _: None).run())
    await begun.wait()
    running.cancel()
    await asyncio.wait([running])
    said = type(None if running.cancelled() else running.exception())
    assert said is (type(None) if kind is LinkLost else kind)
    del running
    gc.collect()
    assert told == []
