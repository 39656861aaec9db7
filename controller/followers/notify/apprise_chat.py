"""Chat, by Apprise: an object for each address, so that each has its result and one cannot hold up another.

Apprise sends in threads of its own. Of what it says about a failure only the status is kept: its
sentences can hold an address, and the address is the secret.
"""

from __future__ import annotations

import logging
import re
from typing import Final

import apprise

from alarms.delivery import Message
from alarms.routes import Address
from controller.followers.notify.ways import DELIVERED, Form, Outcome, Write, in_thread
from controller.followers.secrets import NoSecret, secret
from controller.plant.sinks import REFERENCES

TIMEOUT_S: Final = 30.0
STATUS: Final = re.compile(r"error=(\d{3})\b")
FINAL: Final = frozenset({400, 401, 403, 404, 410, 413, 422})

_apprise = logging.getLogger("apprise")  # its own log names addresses: it goes nowhere
_apprise.addHandler(logging.NullHandler())
_apprise.propagate = False
logging.getLogger("urllib3").setLevel(logging.WARNING)  # it logs paths of what it asks for


class ChatWay:
    """write: title and body."""

    def __init__(self, write: Write[tuple[str, str]], timeout_s: float = TIMEOUT_S) -> None:
        self._write = write
        self._timeout_s = timeout_s
        self._known: dict[str, apprise.Apprise] = {}

    async def send(self, message: Message, address: Address, form: Form = Form.FULL) -> Outcome:
        """One attempt."""
        title, body = await in_thread(self._write, message, address, form)
        return await self.post(title, body, address.target, message.priority)

    async def post(self, title: str, body: str, target: str, priority: int = 3) -> Outcome:
        """One text to one address, as it is."""
        try:
            url = resolved(target)
        except NoSecret as error:
            return Outcome(False, str(error))
        service = self._known.get(url) or service_of(url)
        if service is None:
            return Outcome(False, "its URL is no address that Apprise knows", final=True)
        self._known = {**self._known, url: service}
        said: list[str] = []
        result = await service.async_notify(
            body=body,
            title=title,
            notify_type=apprise.NotifyType.FAILURE if priority == 1 else apprise.NotifyType.WARNING,
            body_format=apprise.NotifyFormat.TEXT,
            timeout=self._timeout_s,
            log_callback=lambda entry, _: said.append(entry.message),
            log_level=logging.WARNING,
        )
        if result:
            return DELIVERED
        return _failure(next(iter(service)), result, said, self._timeout_s)

    async def probe(self) -> Outcome | None:
        """Only a message can tell."""
        return None

    async def close(self) -> None:
        self._known.clear()


def _failure(
    service: apprise.NotifyBase, result: apprise.AppriseResult, said: list[str], timeout_s: float
) -> Outcome:
    name = str(service.service_name)
    if result.status == apprise.AppriseResultStatus.TIMEOUT:
        return Outcome(False, f"{name} has not answered within {timeout_s:g} s")
    statuses = [int(found[1]) for text in said if (found := STATUS.search(text))]
    if statuses:
        return Outcome(False, f"{name} answers HTTP {statuses[-1]}", statuses[-1] in FINAL)
    return Outcome(False, f"{name} is not reached")


def resolved(target: str) -> str:
    """The address itself, or what it refers to: looked up each time, so a new one needs no restart."""
    return secret(target) if target.startswith(REFERENCES) else target


def service_of(url: str) -> apprise.Apprise | None:
    """One service; None when Apprise does not know the address. Nothing is kept on disk, nothing attached."""
    asset = apprise.AppriseAsset(
        app_id="heloop",
        app_desc="heloop",
        app_url="",
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        allow_templates=False,
        pgp_autogen=False,
        pem_autogen=False,
        image_url_mask="",
        image_url_logo="",
    )
    found = apprise.Apprise(asset=asset)
    return found if found.add(url) and len(found) == 1 else None
