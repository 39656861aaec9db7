"""The process that tells people, against real servers: everybody once, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mail_server import mail_server
from tests.notified import Plants, all_told, following, notification, states


@pytest.fixture
def plants(tmp_path: Path) -> Iterator[Plants]:
    made = Plants(tmp_path / "data")
    yield made
    made.close()


async def test_an_alarm_reaches_everybody_on_its_route_once(plants: Plants) -> None:
    plants.raised("LT-201.HH")
    async with mail_server() as server, following(plants, notification(server.settings())):
        await server.until(2)
        await all_told(plants.data)
    assert sorted(got.recipient for got in server.got) == ["abe@plant.example", "sato@plant.example"]
    assert "LT-201" in str(server.got[0].letter["Subject"])
    assert states(plants.data) == {"sato.mail": ["sent"], "abe.mail": ["sent"]}
