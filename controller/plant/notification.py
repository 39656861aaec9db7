"""Notification as routes.yaml has it: the routes, and the ways messages leave by; secrets are references."""

from __future__ import annotations

from dataclasses import dataclass

from alarms.routes import Routes


@dataclass(frozen=True, slots=True)
class Mail:
    """The mail server (submission). tls: 'starttls' | 'tls' (from the first byte) | 'none'.

    password: a reference. ca: file with the certificates to trust, '' the system's. sender: From.
    """

    host: str
    port: int = 587
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    ca: str = ""
    sender: str = ""
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True)
class Broker:
    """The MQTT broker; tls: with the certificates of `ca`, '' the system's. password: a reference."""

    host: str
    port: int = 1883
    tls: bool = False
    user: str = ""
    password: str = ""
    ca: str = ""
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Page:
    """The page a message's link leads to. url: as people reach it, '' the address it listens at.

    host: it listens there; the port is the console's. link_hours: how long a link acknowledges.
    """

    url: str = ""
    host: str = "127.0.0.1"
    link_hours: float = 12.0


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A sign of life to somebody outside, who calls when it stays away.

    url: asked by GET (a dead-man's switch); a reference as a rule. mail: an address. Either or both.
    """

    every_s: float = 900.0
    url: str = ""
    mail: str = ""


@dataclass(frozen=True, slots=True)
class TestAlarm:
    """The test of the whole way: minute of the local day on these days (0 is Monday), to these recipients.

    receipt_s: every message must have been taken by its server within it.
    """

    to: tuple[str, ...]
    days: frozenset[int] = frozenset({0})
    at_min: int = 9 * 60
    receipt_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A secret that stands somewhere else. text: env:NAME and so on. of: what it is for, 'sato.chat'.

    place: file:line where it is referred to. is_chat: what it refers to is an Apprise URL.
    """

    text: str
    of: str
    place: str
    is_chat: bool = False


@dataclass(frozen=True, slots=True)
class Notification:
    """templates: a folder beside routes.yaml whose files stand before ours, '' none (absolute path).

    references: every secret that is looked up when notification starts, and by nothing before.
    """

    routes: Routes
    mail: Mail | None = None
    broker: Broker | None = None
    page: Page = Page()
    heartbeat: Heartbeat | None = None
    test: TestAlarm | None = None
    templates: str = ""
    references: tuple[Reference, ...] = ()
