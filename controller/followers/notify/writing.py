"""A message in the form of its way: with the trend's picture, with links, and with who else was told.

Runs in threads, as pictures and templates take tens of milliseconds; it opens what it reads by itself.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from alarms.delivery import Message, Why
from alarms.routes import Address
from controller.followers.notify import place
from controller.followers.notify.chat import bare_chat, bare_payload, chat_text, mqtt_payload
from controller.followers.notify.context import Context, Picture, Told
from controller.followers.notify.letter import bare_letter, letter
from controller.followers.notify.links import Links
from controller.followers.notify.templates import Templates
from controller.followers.notify.trend import trend
from controller.followers.notify.view import trend_tag
from controller.followers.notify.ways import Form
from controller.plant.notification import Notification
from controller.plant.plant import Plant
from controller.record.errors import RecordError

PICTURES: Final = 16
MINUTE_NS: Final = 60_000_000_000


class Writing:
    """links: None where there is no page. Letters of one incident share their picture."""

    def __init__(
        self, plant: Plant, notification: Notification, data: Path, templates: Templates, links: Links | None
    ) -> None:
        self._plant, self._data, self._templates, self._links = plant, data, templates, links
        self._sender = notification.mail.sender if notification.mail else ""
        self._recipients = {one.name: one for one in notification.routes.recipients}
        self._pictures: OrderedDict[tuple[str, int], Picture | None] = OrderedDict()
        self._drawing = threading.Lock()  # matplotlib is for one thread at a time

    def letter(self, message: Message, address: Address, form: Form) -> EmailMessage:
        if form is Form.BARE:
            return bare_letter(message, self._plant.name, self._sender, address.target)
        picture = self._picture(message) if form is Form.FULL else None
        return letter(message, self._context(message, address, picture))

    def chat(self, message: Message, address: Address, form: Form) -> tuple[str, str]:
        if form is Form.BARE:
            return bare_chat(message, self._plant.name)
        return chat_text(message, self._context(message, address, None))

    def payload(self, message: Message, address: Address, form: Form) -> bytes:
        if form is Form.BARE:
            return bare_payload(message, self._plant.name)
        return mqtt_payload(message, self._context(message, address, None))

    def _context(self, message: Message, address: Address, picture: Picture | None) -> Context:
        return Context(
            plant=self._plant,
            recipient=self._recipients[message.recipient],
            address=address,
            templates=self._templates,
            sender=self._sender,
            links=self._links,
            picture=picture,
            told=tuple(Told(*one) for one in place.told(self._data, message.incident)),
        )

    def _picture(self, message: Message) -> Picture | None:
        """None without a tag or data, and when the journal cannot be read: the letter goes without it."""
        tag = trend_tag(message, self._plant)
        if not tag or message.why is Why.TEST:
            return None
        key = (tag, message.at_ns // MINUTE_NS)
        with self._drawing:
            if key not in self._pictures:
                try:
                    raised_ns = message.items[0].raised_ns
                    self._pictures[key] = trend(self._data, self._plant, tag, message.at_ns, raised_ns)
                except RecordError:
                    return None
                while len(self._pictures) > PICTURES:
                    self._pictures.popitem(last=False)
            return self._pictures[key]
