"""Links that lead from a message to its alarm: signed, for a few hours, good for one acknowledgement.

A link says which event of which alarm it is for, so that an old one cannot acknowledge what came later.
Whoever holds a link may see that one alarm; acknowledging takes a login, or a mail to one person whose
routes.yaml allows it (`link_acknowledges`). It never goes into a log or a record: `Link.id` does.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from itsdangerous import BadData, URLSafeSerializer

from controller.doors.private import alone, make_folder, write_whole

SECRET_FILE: Final = "links.key"  # noqa: S105 - its name
SECRET_BYTES: Final = 32
TOKEN_MAX: Final = 1_500
PATH: Final = "/a/"
SECOND_NS: Final = 1_000_000_000
_TYPES: Final = [str, str, str, str, str, int, int, str]


class Unreadable(StrEnum):
    """Why a link leads nowhere; the names of texts of the page."""

    FORGED = "forged"
    EXPIRED = "expired"


class SecretError(Exception):
    """The file with the links' secret cannot be used; the text says what would help."""


@dataclass(frozen=True, slots=True)
class Link:
    """event: the EventId it acknowledges. personal: it was in a mail to one person. raised_ns, until_ns: UTC.

    message: whose it was, to tell two links of one alarm apart; not read back. id: what records and the
    list of used links name it by; the link cannot be made from it.
    """

    alarm: str
    event: str
    recipient: str
    way: str
    personal: bool
    incident: str
    raised_ns: int
    until_ns: int
    message: str = ""
    id: str = ""


class Links:
    """secret: `link_secret`'s. url: of the page, as people reach it. hours: how long a link acknowledges."""

    def __init__(self, secret: bytes, url: str, hours: float) -> None:
        self._signed, self._forms = (
            URLSafeSerializer(
                secret,
                salt=salt,
                signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256},
            )
            for salt in ("heloop link 1", "heloop form 1")
        )
        self._url = url.rstrip("/")
        self.hours = hours

    def until_ns(self, at_ns: int) -> int:
        return at_ns + int(self.hours * 3_600_000_000_000)

    def sign(self, link: Link) -> str:
        """The address for a message. The same link gives the same address: sent twice, it works once.

        Short, because chats and small screens show it whole: times in seconds, names that stand twice once.
        """
        fields = [
            link.alarm,
            link.event,
            link.recipient,
            link.way[:1] if link.personal else link.way[:1].upper(),
            "" if link.incident == link.event else link.incident,
            link.raised_ns // SECOND_NS,
            link.until_ns // SECOND_NS,
            hashlib.sha256(link.message.encode()).hexdigest()[:8],
        ]
        token = self._signed.dumps(fields)
        return f"{self._url}{PATH}{token if isinstance(token, str) else token.decode()}"

    def read(self, token: str, now_ns: int) -> Link | Unreadable:
        if len(token) > TOKEN_MAX:
            return Unreadable.FORGED
        try:
            fields: Any = self._signed.loads(token)
        except BadData:
            return Unreadable.FORGED
        if not isinstance(fields, list) or [type(field) for field in fields] != _TYPES:
            return Unreadable.FORGED  # ours, of another version
        alarm, event, recipient, way, incident, raised_s, until_s, _ = fields
        if now_ns >= until_s * SECOND_NS:
            return Unreadable.EXPIRED
        return Link(
            alarm=alarm,
            event=event,
            recipient=recipient,
            way=way,
            personal=way.islower(),
            incident=incident or event,
            raised_ns=raised_s * SECOND_NS,
            until_ns=until_s * SECOND_NS,
            # Of what was signed: the same token can be spelt in several ways (unused bits of base64).
            id=hashlib.sha256(json.dumps(fields).encode()).hexdigest()[:32],
        )

    def form(self, link: Link, nonce: str, until_ns: int) -> str:
        """What the page's form carries, so that only a form of ours in this browser can send it."""
        token = self._forms.dumps([link.id, nonce, until_ns // SECOND_NS])
        return token if isinstance(token, str) else token.decode()

    def form_holds(self, form: str, link: Link, nonce: str, now_ns: int) -> bool:
        """nonce: the browser's cookie."""
        try:
            fields: Any = self._forms.loads(form)
        except BadData:
            return False
        good = isinstance(fields, list) and len(fields) == 3
        return good and bool(nonce) and fields[:2] == [link.id, nonce] and now_ns < fields[2] * SECOND_NS


def link_secret(data: Path) -> bytes:
    """The secret of a data directory, made at the first start, mode 600. Raises SecretError.

    Deleting the file makes every link invalid.
    """
    path = data / SECRET_FILE
    try:
        make_folder(data)
        with alone(path.with_suffix(".lock")):
            if not path.exists():
                write_whole(path, secrets.token_bytes(SECRET_BYTES))
            if path.stat().st_mode & 0o077:
                raise SecretError(f"{path} can be read by others: chmod 600, or delete it for a new one")
            secret = path.read_bytes()
    except OSError as error:
        raise SecretError(f"{path} cannot be used: {error}") from error
    if len(secret) < SECRET_BYTES:
        raise SecretError(f"{path} is too short to be our secret: delete it, a new one is made")
    return secret
