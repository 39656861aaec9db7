"""`heloop notify test` against a real mail server and webhook: each address, and what its server said."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.mail_server import mail_server
from tests.rooms import a_room
from tests.unit.plant_texts import TEXTS, write_plant

ROUTES = """\
people:
  - name: sato
    language: ja
    addresses:
      - mail: sato@helium.example
      - mail: gone@helium.example
      - chat: env:CHAT_SATO
routes:
  - name: everything
    steps:
      - to: [sato]
trouble: [sato]
mail:
  host: 127.0.0.1
  port: {port}
  tls: none
  sender: heloop@helium.example
"""


async def heloop(*words: str, code: int, **environment: str) -> list[str]:
    """Lines that the command prints."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controller", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == code, (out + err).decode()
    assert b"Traceback" not in err
    return out.decode().splitlines()


async def test_each_address_is_tried_and_one_that_fails_is_the_exit_code(tmp_path: Path) -> None:
    async with mail_server() as letters, a_room() as room:
        letters.refuse["gone@helium.example"] = "550 no such person"
        folder = write_plant(tmp_path, {**TEXTS, "routes.yaml": ROUTES.format(port=letters.port)})

        chat = f"json://127.0.0.1:{room.port}/room"
        said = await heloop("notify", "test", str(folder), "--to", "sato", code=1, CHAT_SATO=chat)

        first, second, third = said
        assert first == "sato.mail            mail sato@helium.example: its server has taken it"
        assert second.startswith("sato.mail2           mail gone@helium.example: FAILED: ")
        assert "550" in second
        assert third == "sato.chat            chat env:CHAT_SATO: its server has taken it"
        (got,) = letters.got
        assert (got.sender, got.recipient) == ("heloop@helium.example", "sato@helium.example")
        assert [path for path, _, _ in room.seen] == ["/room"]


async def test_a_secret_that_is_missing_spoils_its_own_address_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_SATO", raising=False)
    async with mail_server() as letters:
        folder = write_plant(tmp_path, {**TEXTS, "routes.yaml": ROUTES.format(port=letters.port)})
        said = await heloop("notify", "test", str(folder), "--to", "sato", code=1)
    assert said[0].endswith("sato@helium.example: its server has taken it")
    assert "chat env:CHAT_SATO: FAILED: the secret env:CHAT_SATO is not there" in said[2]


async def test_when_every_server_takes_it_the_exit_code_is_0(tmp_path: Path) -> None:
    routes = ROUTES.replace("      - chat: env:CHAT_SATO\n", "")
    async with mail_server() as letters:
        folder = write_plant(tmp_path, {**TEXTS, "routes.yaml": routes.format(port=letters.port)})
        await heloop("notify", "test", str(folder), "--to", "sato", code=0)
        assert sorted(one.recipient for one in letters.got) == ["gone@helium.example", "sato@helium.example"]
