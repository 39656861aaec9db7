"""The write endpoints: /write of 1.x by HTTP, /api/v2/write of 2.x and 3 Core by influxdb-client.

A target sends one body once and says what came of it; trying again is for `sending`. The secret is looked
up at each connection, so that a new token is taken without a restart.
"""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Mapping
from typing import Final, Protocol, cast

import aiohttp
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.domain.write_precision import WritePrecision
from influxdb_client.rest import ApiException

from controller.followers.influx.policy import Answer, retry_after_s
from controller.followers.secrets import NoSecret, secret
from controller.plant.sinks import Influx

GZIP_LEVEL: Final = 1
NANOSECONDS = cast(WritePrecision, WritePrecision.NS)  # the package types its constants as texts


class Target(Protocol):
    async def write(self, body: bytes) -> Answer: ...
    async def close(self) -> None: ...


def ssl_context(settings: Influx) -> ssl.SSLContext:
    """Trusts the certificates of `ca`, or the system's. Raises OSError, ssl.SSLError."""
    return ssl.create_default_context(cafile=settings.ca or None)


def session(settings: Influx) -> aiohttp.ClientSession:
    """For /write and /query. Raises NoSecret, OSError."""
    headers = {}
    auth = None
    if settings.mode == "v1" and settings.user:
        auth = aiohttp.BasicAuth(settings.user, secret(settings.password), "utf-8")
    elif settings.token:
        headers["Authorization"] = f"Token {secret(settings.token)}"
    context = ssl_context(settings) if settings.url.startswith("https") else True
    return aiohttp.ClientSession(
        headers=headers,
        auth=auth,
        timeout=aiohttp.ClientTimeout(total=settings.timeout_s),
        connector=aiohttp.TCPConnector(ssl=context),
    )


class Version1:
    """POST /write?db=&rp=&precision=ns."""

    def __init__(self, settings: Influx) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._address = f"{settings.url}/write"
        self._asks = {"db": settings.database, "precision": "ns"}
        if settings.retention:
            self._asks["rp"] = settings.retention

    async def write(self, body: bytes) -> Answer:
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self._settings.gzip:
            body, headers["Content-Encoding"] = gzip.compress(body, GZIP_LEVEL), "gzip"
        try:
            if self._session is None:
                self._session = session(self._settings)
            async with self._session.post(
                self._address, params=self._asks, data=body, headers=headers, allow_redirects=False
            ) as answer:
                text = await answer.text(errors="replace")
                after = retry_after_s(answer.headers.get("Retry-After"), time.time())
                if answer.status in {401, 403}:
                    await self.close()  # with the next connection the secret is read again
                return Answer(answer.status, text, after)
        except (aiohttp.ClientError, OSError, NoSecret) as error:
            return _no_answer(error, self._settings)

    async def close(self) -> None:
        if self._session is not None:
            closing, self._session = self._session, None
            await closing.close()


class Version2:
    """influxdb-client's async client: one request a write, no retries and no queue of its own."""

    def __init__(self, settings: Influx) -> None:
        self._settings = settings
        self._client: InfluxDBClientAsync | None = None

    async def write(self, body: bytes) -> Answer:
        settings = self._settings
        try:
            if self._client is None:
                self._client = client(settings)
            api = self._client.write_api()
            await api.write(settings.database, settings.org or "-", body, NANOSECONDS)
        except ApiException as error:
            if error.status in {401, 403}:
                await self.close()
            return _refused(error)
        except InfluxDBError as error:
            return Answer(0, str(error))
        except (aiohttp.ClientError, OSError, NoSecret) as error:
            return _no_answer(error, settings)
        return Answer(204)

    async def close(self) -> None:
        if self._client is not None:
            closing, self._client = self._client, None
            await closing.close()  # type: ignore[no-untyped-call]


def client(settings: Influx) -> InfluxDBClientAsync:
    """For everything of 2.x that is not InfluxQL. Raises NoSecret, OSError."""
    context = ssl_context(settings) if settings.url.startswith("https") else None
    return InfluxDBClientAsync(
        url=settings.url,
        token=secret(settings.token),
        org=settings.org or "-",
        timeout=int(settings.timeout_s * 1000),
        enable_gzip=settings.gzip,
        ssl_context=context,
        allow_redirects=False,
    )


def target(settings: Influx) -> Target:
    return Version1(settings) if settings.mode == "v1" else Version2(settings)


def _refused(error: ApiException) -> Answer:
    headers: Mapping[str, str] = error.headers or {}
    given = error.body or error.reason or ""
    text = given.decode(errors="replace") if isinstance(given, bytes) else str(given)
    return Answer(int(error.status or 0), text, retry_after_s(headers.get("Retry-After"), time.time()))


def _no_answer(error: Exception, settings: Influx) -> Answer:
    """status 0; a bare timeout has no text of its own."""
    if isinstance(error, TimeoutError):
        return Answer(0, f"no answer within {settings.timeout_s:g} s")
    return Answer(0, str(error) or type(error).__name__)
