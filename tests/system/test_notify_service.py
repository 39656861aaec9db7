"""The whole of it: simulated PLCs, the core, the journal, the process that tells people, a mail server."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from controller.plant.config import find_plant
from tests.mail_server import mail_server
from tests.notified import PATIENCE_S, until
from tests.system.programs import Order, Program
from tests.system.service import Service, free_ports, plcs

SPEED = 100.0
ROUTES = """
people:
  - name: sato
    language: ja
    every: 10 s
    addresses:
      - mail: sato@helium.example
routes:
  - name: everything
    match:
      priorities: [1, 2, 3]
    steps:
      - to: [sato]
mail:
  host: 127.0.0.1
  port: {port}
  tls: none
  sender: heloop <heloop@helium.example>
"""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def started(stack: ExitStack, place: Path, mail_port: int) -> tuple[Service, Program]:
    """The tutorial plant with a compressor that fails (F8), and a person who is told by mail."""
    plant = place / "plant"
    shutil.copytree(find_plant("tutorial"), plant)
    (plant / "routes.yaml").write_text(ROUTES.format(port=mail_port))
    sim = stack.enter_context(plcs(place / "sim", str(plant), "F8@0s", speed=SPEED))
    service = stack.enter_context(Service(place / "data", str(plant), sim.endpoints, speed=SPEED))
    service.start_ready()
    port = str(free_ports(2))
    order = Order(
        ["follow", "notify", str(plant), "--data", str(service.data), "--demo-users", "--port-base", port],
        errors=place / "notify.err",
    )
    follower = stack.enter_context(Program(order))
    return service, follower


async def test_a_fault_of_the_plant_is_told_by_mail(tmp_path: Path, stack: ExitStack) -> None:
    async with mail_server() as server:
        service, follower = await asyncio.to_thread(started, stack, tmp_path, server.port)
        raised = await asyncio.to_thread(service.story.until, "alarm.raised")
        await until(
            lambda: any(raised.source in str(got.letter["Subject"]) for got in server.got),
            f"nobody was told of {raised}: {follower.runs} {follower.errors}",
        )
        receipt = await asyncio.to_thread(service.story.until, "notify.delivered", "sato")
        assert receipt.data["address"] == "sato.mail"
        await asyncio.to_thread(follower.terminate)
    letter = server.got[0].letter
    kinds = {part.get_content_type() for part in letter.walk()}
    assert {"text/plain", "text/html", "image/png"} <= kinds
    assert letter["Auto-Submitted"] == "auto-generated"


async def test_a_mail_server_that_hangs_delays_no_interlock(tmp_path: Path, stack: ExitStack) -> None:
    async with mail_server() as server:
        server.faults.extend(["hang"] * 100)
        service, _ = await asyncio.to_thread(started, stack, tmp_path, server.port)
        await until(lambda: len(server.faults) < 100, "no letter was on its way")
        tripped = await asyncio.to_thread(
            service.story.until, "interlock.tripped", "S-01", within_s=PATIENCE_S * 3
        )
        checked = await asyncio.to_thread(service.story.until, "command.", after=tripped.seq)
        assert checked.utc_ns - tripped.utc_ns < 1_000_000_000
        assert service.interlock("S-01")["name"] == "S-01"
        assert server.got == []
