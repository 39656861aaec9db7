"""The command socket: people's requests go to the core, its reply comes back after the commit.

A request is {id, action, target, args, reason, user?, role?}; the reply {id, accepted, reason,
journal_seq, data}. A front door that has authenticated the person itself (the gateway) adds {door,
session}, which only the service's own account may.
A query is {id, query, args} and is answered from the shell without a core step.
A follower, which runs under the service's account, sends {record: {kind, source, text, data}}, what others
must know, and {confirm: {follower, events, samples}}, how far it is.
Everything is bounded: connections, requests waiting on each, the time a reply may take.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from controller.core.inputs import Note, Request
from controller.doors import frames
from controller.doors.users import NotAllowed, Peer, Person, identify, peer_of, vouched

CONNECTIONS_MAX: Final = 16
REPLY_TIMEOUT_S: Final = 15.0
FOLLOWER_KIND: Final = re.compile(r"(follower|notify|delivery|gateway|users|certificates)\.[a-z_]{1,40}")
FOLLOWER_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True, slots=True)
class Answer:
    """accepted and why; journal_seq is the number of the event that records the request."""

    accepted: bool
    reason: str
    journal_seq: int
    data: dict[str, Any]


Submit = Callable[[Request], Awaitable[Answer]]
Query = Callable[[str, dict[str, Any]], Any]


@dataclass(frozen=True, slots=True)
class Followers:
    """What followers may: note puts a record before the core, confirm tells the journal how far one is."""

    note: Callable[[Note], None]
    confirm: Callable[[str, int | None, int | None], Awaitable[Answer]]


class UnknownQuery(Exception):
    """The query's name or argument is not known; the text says which there are."""


class Commands:
    """Serves one Unix socket. `submit` hands a request to the core and awaits its answer."""

    def __init__(
        self, submit: Submit, query: Query, *, demo: bool = False, followers: Followers | None = None
    ) -> None:
        self._submit = submit
        self._followers = followers
        self._query = query
        self._demo = demo
        self._tasks: set[asyncio.Task[None]] = set()
        self.refused_connections = 0

    async def serve(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(self._accept, path)
        path.chmod(0o666)  # whom the kernel lets in is then decided by account, with a reason
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            path.unlink(missing_ok=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "asyncio runs every connection in a task of its own"
        if len(self._tasks) >= CONNECTIONS_MAX:
            self.refused_connections += 1
            writer.close()
            return
        self._tasks.add(task)
        try:
            while (document := await frames.read(reader)) is not None:
                writer.write(frames.encode(await self._answer(document, writer)))
                await writer.drain()
        except (frames.FrameError, ConnectionError):
            pass  # the peer's fault and its loss: nothing was accepted that was not answered
        except asyncio.CancelledError:
            pass  # we stop; left to asyncio 3.11 it would be told as an error of the connection
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _answer(self, document: Any, writer: asyncio.StreamWriter) -> dict[str, Any]:
        if not isinstance(document, dict):
            return _refusal("", "a request is a map with 'action' or 'query'")
        number = str(document.get("id") or uuid4())
        try:
            if "query" in document:
                data = self._query(str(document["query"]), dict(document.get("args") or {}))
                return {"id": number, "accepted": True, "reason": "", "data": data}
            if "record" in document or "confirm" in document:
                return await self._from_follower(number, document, writer)
            person = self._person(document, writer)
            answer = await asyncio.wait_for(self._submit(_request(number, document, person)), REPLY_TIMEOUT_S)
        except (NotAllowed, UnknownQuery, ValueError, TypeError) as error:
            return _refusal(number, str(error))
        except TimeoutError:
            return _refusal(number, f"no answer within {REPLY_TIMEOUT_S:g} s: look at `heloop status`")
        return {
            "id": number,
            "accepted": answer.accepted,
            "reason": answer.reason,
            "journal_seq": answer.journal_seq,
            "data": answer.data,
        }

    async def _from_follower(
        self, number: str, document: dict[str, Any], writer: asyncio.StreamWriter
    ) -> dict[str, Any]:
        peer = _peer(writer)
        if self._followers is None or peer.uid not in {0, os.getuid()}:
            raise NotAllowed(f"the account '{peer.account}' runs no follower of this service")
        if (record := document.get("record")) is not None:
            self._followers.note(_note(record))
        if (at := document.get("confirm")) is not None:
            done = await asyncio.wait_for(self._followers.confirm(*_confirmation(at)), REPLY_TIMEOUT_S)
            if not done.accepted:
                return _refusal(number, done.reason)
        return {"id": number, "accepted": True, "reason": "", "journal_seq": 0, "data": {}}

    def _person(self, document: dict[str, Any], writer: asyncio.StreamWriter) -> Person:
        peer = _peer(writer)
        if (door := document.get("door")) is not None:
            return vouched(
                peer,
                str(door),
                document.get("user"),
                document.get("role"),
                document.get("session"),
                os.getuid(),
            )
        return identify(peer, document.get("user"), document.get("role"), os.getuid(), self._demo)


def _peer(writer: asyncio.StreamWriter) -> Peer:
    connection = writer.get_extra_info("socket")
    assert connection is not None, "a Unix socket's transport has its socket"
    return peer_of(connection)


def _note(record: Any) -> Note:
    if not isinstance(record, dict) or not isinstance(record.get("data", {}), dict):
        raise ValueError("'record' is a map of kind, source, text and data")
    kind = str(record.get("kind", ""))
    if not FOLLOWER_KIND.fullmatch(kind):
        raise ValueError(f"'{kind}' is no kind of a follower's record: follower.WORD or notify.WORD")
    return Note(
        kind, str(record.get("source", "")), str(record.get("text", "")), dict(record.get("data", {}))
    )


def _confirmation(at: Any) -> tuple[str, int | None, int | None]:
    if not isinstance(at, dict) or not FOLLOWER_NAME.fullmatch(str(at.get("follower", ""))):
        raise ValueError("'confirm' is a map of follower, events and samples")
    events, samples = (None if at.get(key) is None else int(at[key]) for key in ("events", "samples"))
    return str(at["follower"]), events, samples


def _request(number: str, document: dict[str, Any], person: Person) -> Request:
    args = document.get("args") or {}
    if not isinstance(args, dict):
        raise ValueError("'args' is a map")
    return Request(
        id=number,
        user=person.user,
        role=person.role,
        action=str(document.get("action", "")),
        target=str(document.get("target", "")),
        args=args,
        reason=str(document.get("reason", "")),
        session=person.session,
        door=person.door,
    )


def _refusal(number: str, reason: str) -> dict[str, Any]:
    return {"id": number, "accepted": False, "reason": reason, "journal_seq": 0, "data": {}}


class NoService(Exception):
    """Nothing listens at the socket: the service does not run, or not with this data directory."""


def ask(path: Path, document: dict[str, Any], timeout_s: float = 20.0) -> dict[str, Any]:
    """One request from a program without a loop (the command line). Raises NoService."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        try:
            connection.connect(str(path))
            connection.sendall(frames.encode(document))
            reply = frames.read_blocking(connection)
        except OSError as error:
            raise NoService(f"no service answers at {path} ({error.strerror or error})") from error
    if not isinstance(reply, dict):
        raise NoService(f"the service at {path} closed the connection without an answer")
    return reply
