"""Whom and by which ways: the plant's routes.yaml, with every secret looked up once before anything starts.

A mistake names the address, the line and the reference, never what it refers to: that is the secret.
"""

from __future__ import annotations

from alarms.routes import Way
from controller.followers.secrets import NoSecret, secret
from controller.plant.build.addresses import is_reference, refusal_of
from controller.plant.notification import Notification, Reference
from controller.plant.plant import Plant


class BadSettings(Exception):
    """There are no routes, or a reference leads nowhere; the text says which, a line each."""


def settings_of(plant: Plant) -> Notification:
    """Raises BadSettings with everything that is wrong."""
    notification = plant.notification
    if notification is None:
        raise BadSettings(f"plant {plant.name} has no routes.yaml, so nobody is told of its alarms")
    wrong = [said for one in notification.references if (said := _refusal(one))]
    for address in (one for recipient in notification.routes.recipients for one in recipient.addresses):
        literal = address.way is Way.CHAT and not is_reference(address.target)
        if literal and (said := refusal_of(address.target)):
            wrong.append(f"routes.yaml: {address.id}: {said}")
    if wrong:
        raise BadSettings("\n".join(wrong))
    return notification


def _refusal(reference: Reference) -> str:
    """What is wrong with it, '' when nothing is."""
    where = f"{reference.place}: {reference.of}"
    try:
        value = secret(reference.text)
    except NoSecret as error:
        return f"{where}: {error}"
    if not value:
        return f"{where}: the secret {reference.text} is empty"
    if reference.is_chat and (said := refusal_of(value)):
        return f"{where}: {reference.text} holds no address of a chat: {said}"
    if reference.of == "heartbeat.url" and not value.startswith(("https://", "http://")):
        return f"{where}: {reference.text} holds no http address; it is https://HOST/PATH"
    return ""
