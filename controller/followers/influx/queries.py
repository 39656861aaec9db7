"""InfluxQL over /query, which 1.x, 2.x (by a DBRP mapping) and 3 Core serve: what setup and verify ask."""

from __future__ import annotations

import json
from types import TracebackType
from typing import Any, Self

import aiohttp

from controller.followers.influx.targets import session
from controller.followers.secrets import NoSecret
from controller.plant.sinks import Influx

Series = dict[str, Any]  # name, tags, columns, values


class NotAnswered(Exception):
    """The database did not answer, or refused; the text says which and why."""


class Queries:
    """One connection to one database."""

    def __init__(self, settings: Influx) -> None:
        self._settings = settings
        try:
            self._session = session(settings)
        except (NoSecret, OSError) as error:
            raise NotAnswered(str(error)) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(self, query: str, *, change: bool = False) -> list[Series]:
        """The series of the first statement; times in ns. change: the query alters something (POST)."""
        asks = {"db": self._settings.database, "epoch": "ns", "q": query}
        if self._settings.mode != "v1":
            asks["rp"] = self._settings.retention or "raw"
        elif self._settings.retention:
            asks["rp"] = self._settings.retention
        method = "POST" if change else "GET"
        try:
            async with self._session.request(method, f"{self._settings.url}/query", params=asks) as answer:
                text = await answer.text()
        except (aiohttp.ClientError, OSError) as error:
            raise NotAnswered(f"{self._settings.url}: {str(error) or 'no answer in time'}") from error
        return _series(self._settings.url, answer.status, text)


def _series(url: str, status: int, text: str) -> list[Series]:
    try:
        document = json.loads(text)
    except ValueError:
        raise NotAnswered(f"{url}: HTTP {status}: {text[:200]}") from None
    results = document.get("results") or [{}]
    problem = document.get("error") or results[0].get("error")
    if problem or status >= 300:
        raise NotAnswered(f"{url}: {problem or f'HTTP {status}: {text[:200]}'}")
    found: list[Series] = results[0].get("series") or []
    return found


def name(text: str) -> str:
    """An identifier of InfluxQL."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """A string of InfluxQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
