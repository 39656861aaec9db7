"""What messages leave by: mail server, broker, the page of the links, the sign of life, the test."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from controller.plant.build.addresses import (
    check_mail,
    check_reference,
    check_sender,
    is_host,
    is_key,
    is_reference,
)
from controller.plant.build.people import check_names
from controller.plant.build.times import minute_of_day, weekdays
from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft
from controller.plant.notification import Broker, Heartbeat, Mail, Page, Reference, TestAlarm
from controller.plant.problems import Problems
from controller.plant.schema.routefile import BrokerEntry, MailEntry

HERE: Final = frozenset(("127.0.0.1", "::1", "localhost"))
MQTT_PORT, MQTTS_PORT = 1883, 8883


class Ways:
    """Builds each from its block of routes.yaml. references: secrets that are somewhere else."""

    def __init__(self, draft: Draft) -> None:
        assert draft.routes is not None, "there is a routes.yaml"
        self._entry, self._place = draft.routes.entry, draft.routes.place
        self._draft, self._problems = draft, draft.problems
        self.references: list[Reference] = []

    def mail(self) -> Mail | None:
        entry, place = self._entry.mail, self._place / "mail"
        if entry is None:
            return None
        self._check_login(entry, place)
        check_sender(entry.sender, place / "sender", self._problems)
        timeout_s = between(place / "timeout", entry.timeout, (1, 120), "1 s and 2 min", self._problems)
        if entry.tls == "none" and entry.ca:
            self._problems.error(place / "ca", "`ca` has no meaning with `tls: none`", key=True)
        if entry.tls == "none" and entry.password and entry.host not in HERE:
            self._problems.warn(place / "tls", "the password is sent in the clear; use starttls or tls")
        return Mail(**entry.model_dump(exclude={"timeout"}), timeout_s=timeout_s)

    def broker(self) -> Broker | None:
        entry, place = self._entry.mqtt, self._place / "mqtt"
        if entry is None:
            return None
        self._check_login(entry, place)
        timeout_s = between(place / "timeout", entry.timeout, (1, 120), "1 s and 2 min", self._problems)
        if entry.ca and not entry.tls:
            self._problems.error(place / "ca", "`ca` has no meaning without `tls: true`", key=True)
        if entry.password and not entry.tls and entry.host not in HERE:
            self._problems.warn(place / "password", "the password is sent in the clear; use `tls: true`")
        port = entry.port or (MQTTS_PORT if entry.tls else MQTT_PORT)
        return Broker(**entry.model_dump(exclude={"timeout", "port"}), port=port, timeout_s=timeout_s)

    def _check_login(self, entry: MailEntry | BrokerEntry, place: Place) -> None:
        if not is_host(entry.host):
            self._problems.error(place / "host", f"'{entry.host}' is no host; write its name or IP address")
        if entry.password and not entry.user:
            self._problems.error(place / "password", "a password without `user`; add the user's name")
        if entry.user and not entry.password:
            self._problems.error(place / "user", "a user without `password`; add a reference to it")
        if entry.password and check_reference(entry.password, place / "password", self._problems):
            self._refer(entry.password, f"{place.path[-1]}.password", place / "password")

    def _refer(self, text: str, of: str, place: Place) -> None:
        self.references.append(Reference(text, of, ":".join(map(str, place.line))))

    def page(self) -> Page:
        entry, place = self._entry.page, self._place / "page"
        if entry.url:
            _check_url(entry.url, place / "url", self._problems)
        link_s = between(place / "link", entry.link, (60, 7 * 86_400), "1 min and 7 d", self._problems)
        return Page(entry.url.rstrip("/"), entry.host, link_s / 3600)

    def heartbeat(self) -> Heartbeat | None:
        entry, place = self._entry.heartbeat, self._place / "heartbeat"
        if entry is None:
            return None
        if not entry.url and not entry.mail:
            self._problems.error(place, "a heartbeat goes to `url` or `mail`; give one of them")
        if is_reference(entry.url):
            if check_reference(entry.url, place / "url", self._problems):
                self._refer(entry.url, "heartbeat.url", place / "url")
        elif entry.url:
            _check_url(entry.url, place / "url", self._problems)
            if is_key(entry.url.partition("://")[2].partition("?")[0]):
                message = "whoever knows this address can keep the alarm quiet; write env:NAME, file:PATH"
                self._problems.error(place / "url", f"{message} or credential:NAME, and the address there")
        if entry.mail:
            check_mail(entry.mail, place / "mail", self._problems)
            if self._entry.mail is None:
                self._problems.error(place / "mail", "there is no mail server to send it by; add `mail:`")
        every_s = between(place / "every", entry.every, (60, 86_400), "1 min and 1 d", self._problems)
        return Heartbeat(every_s, entry.url, entry.mail)

    def test(self) -> TestAlarm | None:
        entry, place = self._entry.test, self._place / "test"
        if entry is None:
            return None
        check_names(entry.to, place / "to", self._draft, rotas=False)
        at_min = minute_of_day(place / "at", entry.at, self._problems)
        receipt_s = between(place / "receipt", entry.receipt, (10, 3600), "10 s and 1 h", self._problems)
        return TestAlarm(tuple(entry.to), weekdays(entry.days), at_min, receipt_s)


def between(
    place: Place, quantity: float | str, range_s: tuple[float, float], said: str, problems: Problems
) -> float:
    """A duration that is not too short and not too long."""
    seconds = duration_s(place, quantity, problems, range_s[0])
    if not range_s[0] <= seconds <= range_s[1]:
        problems.error(place, f"`{place.path[-1]}` is between {said}")
    return seconds


def _check_url(url: str, place: Place, problems: Problems) -> None:
    try:
        parts = urlsplit(url)
        proper = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        proper = False
    if not proper:
        problems.error(place, f"'{url}' is no address; write https://HOST/PATH or a reference")
    elif parts.username or parts.password:
        problems.error(
            place, "a secret does not belong in an address; write env:NAME, file:PATH or credential:NAME"
        )
