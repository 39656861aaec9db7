"""Where a message goes: e-mail addresses, chats (Apprise URLs), MQTT topics, and references to secrets.

Apprise takes 2 s to load its 255 services, so it is asked only when the URL of a chat stands in the file
as it is; a reference to it is looked up by who sends, never here.
"""

from __future__ import annotations

import logging
import re
from email.utils import parseaddr
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import parse_qsl

from controller.plant.document import Place
from controller.plant.problems import Problems, did_you_mean
from controller.plant.sinks import REFERENCES

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_HOST = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
_ENV, _CREDENTIAL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*"), re.compile(r"[A-Za-z0-9_.-]+")
_KEY = re.compile(r"(?=[^/]*[0-9])[A-Za-z0-9_-]{20,}")  # a part of a path that nobody would type
_SCHEMA = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_HEADER = re.compile(r"auth|token|key|secret|cookie|pass", re.IGNORECASE)
OURS: Final = {"mailto": "mail", "mailtos": "mail", "mqtt": "mqtt", "mqtts": "mqtt"}
WRITE_REFERENCE: Final = "write env:NAME, file:PATH or credential:NAME, and the address there"


def check_mail(address: str, place: Place, problems: Problems) -> None:
    if not is_mail(address):
        problems.error(place, f"'{address}' is no e-mail address; write one such as sato@example.jp")


def is_mail(address: str) -> bool:
    local, at, host = address.rpartition("@")
    return bool(at and len(local) <= 64 and _LOCAL.fullmatch(local) and _HOST.fullmatch(host))


def is_host(host: str) -> bool:
    """A name, or an IP address."""
    try:
        ip_address(host)
    except ValueError:
        return bool(_HOST.fullmatch(host))
    return True


def check_sender(sender: str, place: Place, problems: Problems) -> None:
    """An address, or NAME <address>."""
    _, address = parseaddr(sender)
    if not is_mail(address) or "\n" in sender or "\r" in sender:
        problems.error(
            place, f"'{sender}' is no sender; write heloop@example.jp or heloop <heloop@example.jp>"
        )


def check_topic(topic: str, place: Place, problems: Problems) -> None:
    """As MQTT 3.1.1, 4.7 has it: a topic to publish to has no wildcards."""
    if not topic or set(topic) & set("#+\0") or topic.startswith("$") or topic != topic.strip():
        message = "is no topic to send to; write one such as helium/alarms, without #, + and a leading $"
        problems.error(place, f"'{topic}' {message}")


def is_reference(text: str) -> bool:
    return text.startswith(REFERENCES)


def check_reference(text: str, place: Place, problems: Problems, what: str = "a secret") -> bool:
    """Whether it is a proper reference; else it is reported, without what may be a secret."""
    kind, _, name = text.partition(":")
    proper = {"env": _ENV.fullmatch(name), "credential": _CREDENTIAL.fullmatch(name)}
    if not is_reference(text):
        problems.error(
            place, f"{what} does not belong in a plant file; write env:NAME, file:PATH or credential:NAME"
        )
    elif kind == "file":
        if name.startswith("/"):
            return True
        problems.error(place, f"'{text}' wants the whole path, such as file:/etc/heloop/mail.password")
    elif proper[kind]:
        return True
    else:
        problems.error(place, f"'{text}' has no proper name; write one such as {kind}:HELOOP_CHAT")
    return False


def check_chat(address: str, place: Place, problems: Problems, *, thorough: bool) -> None:
    """A URL that stands in the file as it is. What it says is not repeated: it may hold a secret.

    thorough: Apprise is asked whether it takes it.
    """
    schema = schema_of(address)
    if not schema:
        problems.error(place, f"this is neither a reference nor an Apprise URL; {WRITE_REFERENCE}")
    elif schema in OURS:
        key = OURS[schema]
        problems.error(place, f"{schema}:// is not sent as a chat; use `{key}` in place of `chat`")
    elif not thorough:
        return
    elif said := refusal_of(address):
        problems.error(place, said)
    elif holds_secret(address):
        message = f"the address of {schema}:// holds a secret, which does not belong in a plant file"
        problems.error(place, f"{message}; {WRITE_REFERENCE}")


def schema_of(url: str) -> str:
    """'slack' of a URL, '' when it is none."""
    found = _SCHEMA.match(url)
    return found[1].lower() if found else ""


def refusal_of(url: str) -> str:
    """Why Apprise would not send there, in words without the URL itself; '' when it would."""
    apprise = _apprise()
    schema, known = schema_of(url), apprise.manager_plugins.NotificationManager().schemas
    if apprise.Apprise.instantiate(url) is not None:
        return ""
    if not schema:
        return "this is no Apprise URL"
    if schema in {"http", "https"}:
        return f"Apprise knows no {schema}://; a webhook is json://HOST/PATH, over TLS jsons://HOST/PATH"
    if schema not in known():
        return f"Apprise knows no {schema}://{did_you_mean(schema, known())}"
    return f"Apprise does not take this address of {schema}://; its page says which parts it wants"


def holds_secret(url: str) -> bool:
    """Whether a URL that Apprise takes has parts that it hides itself, or that nobody would have typed."""
    service = _apprise().Apprise.instantiate(url)
    if service is None or service.url(privacy=True) != service.url(privacy=False):
        return True
    path, _, query = url.partition("://")[2].partition("?")
    headers = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    return is_key(path) or any(_HEADER.search(name) for name in headers)


def _apprise() -> Any:
    """The package; its log, which names addresses, goes nowhere."""
    import apprise  # noqa: PLC0415 - 2 s, see above

    log = logging.getLogger("apprise")
    log.handlers, log.propagate = [logging.NullHandler()], False
    return apprise


def is_key(path: str) -> bool:
    """Whether a part of a URL's path is a key: whoever knows it may send."""
    return any(_KEY.fullmatch(part) for part in path.split("/"))
