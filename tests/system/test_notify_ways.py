"""Mail, chat and MQTT against real servers: what is delivered, what may pass, what never will."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from alarms.delivery import Message, Why
from alarms.routes import Address, Way
from controller.followers.notify.apprise_chat import ChatWay, service_of
from controller.followers.notify.mail import MailWay
from controller.followers.notify.mqtt import MqttWay
from controller.followers.notify.ways import Form
from controller.plant.notification import Mail
from tests.certified import certified, server_context
from tests.mail_server import MailServer, mail_server
from tests.mosquitto import Mosquitto
from tests.rooms import a_room

MESSAGE = Message("m1", "sato", "sato.mail", Why.FIRST, "i1", True, 1, 0)
SATO = Address("sato.mail", Way.MAIL, "sato@plant.example")


def letter(message: Message, address: Address, form: Form = Form.FULL) -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"] = "heloop@plant.example", address.target
    made["Subject"], made["Message-ID"] = "液面が低い LT-201.LL", f"<{message.id}@plant.example>"
    made.set_content("LT-201 3 %\n" * 200 if form is Form.FULL else f"LT-201 3 % {form.value}")
    return made


@asynccontextmanager
async def mail_way(settings: Mail) -> AsyncIterator[MailWay]:
    way = MailWay(settings, letter)
    try:
        yield way
    finally:
        await way.close()


# --- mail ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_a_letter_goes_encrypted_and_after_a_login(
    tmp_path: Path, tls: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "right")
    both, ca = certified(tmp_path)
    context = server_context(both)
    kinds: dict[str, Any] = {tls: context}
    async with mail_server(login=("heloop", "right"), **kinds) as server:
        settings = server.settings(tls=tls, user="heloop", password="env:MAIL_PASSWORD", ca=str(ca))
        async with mail_way(settings) as way:
            assert (await way.send(MESSAGE, SATO)).delivered
    [got] = server.got
    assert (got.user, got.recipient, got.id) == ("heloop", SATO.target, "<m1@plant.example>")
    assert got.letter["Subject"] == "液面が低い LT-201.LL"
    assert got.tls or tls == "tls"  # from the first byte the server below aiosmtpd does it


async def test_a_server_that_is_not_trusted_gets_neither_letter_nor_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", "s3cret")
    both, _ = certified(tmp_path)
    async with mail_server(starttls=server_context(both), login=("heloop", "s3cret")) as server:
        settings = server.settings(tls="starttls", user="heloop", password="env:MAIL_PASSWORD")
        async with mail_way(settings) as way:
            outcome = await way.send(MESSAGE, SATO)
    assert not outcome.delivered
    assert not outcome.final
    assert "certificate" in outcome.reason
    assert server.got == []


async def test_a_wrong_password_is_told_without_it_and_a_right_one_is_taken_without_a_restart(
    tmp_path: Path,
) -> None:
    both, ca = certified(tmp_path)
    password = tmp_path / "password"
    password.write_text("wr0ng")
    async with mail_server(starttls=server_context(both), login=("heloop", "right")) as server:
        settings = server.settings(tls="starttls", user="heloop", password=f"file:{password}", ca=str(ca))
        async with mail_way(settings) as way:
            refused = await way.send(MESSAGE, SATO)
            password.write_text("right\n")
            taken = await way.send(MESSAGE, SATO)
    assert (refused.delivered, refused.final) == (False, False)
    assert "refuses the login of heloop: 535" in refused.reason
    assert "wr0ng" not in refused.reason
    assert taken.delivered


@pytest.mark.parametrize(
    ("answer", "final"),
    [("550 no such mailbox", True), ("450 mailbox busy", False), ("551 moved", True), ("530 log in", False)],
)
async def test_a_refused_recipient_has_its_own_result(answer: str, final: bool) -> None:
    async with mail_server() as server, mail_way(server.settings()) as way:
        server.refuse[SATO.target] = answer
        outcome = await way.send(MESSAGE, SATO)
        other = await way.send(MESSAGE, Address("abe.mail", Way.MAIL, "abe@plant.example"))
    assert outcome == (False, answer, final)
    assert other.delivered
    assert [got.recipient for got in server.got] == ["abe@plant.example"]
    assert server.connections == 1


@pytest.mark.parametrize(
    ("fault", "says"),
    [("die", "mail server"), ("forget", "mail server"), ("hang", "does not answer in time")],
)
async def test_a_server_that_dies_or_hangs_in_the_middle_is_tried_again(fault: str, says: str) -> None:
    async with mail_server() as server, mail_way(server.settings(timeout_s=0.3)) as way:
        server.faults.append(fault)
        outcome = await way.send(MESSAGE, SATO)
        assert (outcome.delivered, outcome.final) == (False, False)
        assert says in outcome.reason
        assert (await way.send(MESSAGE, SATO)).delivered
    assert len(server.got) == 1 + (fault == "forget")


async def test_nobody_at_the_port_passes_one_day() -> None:
    async with mail_server() as server:
        settings = server.settings()
    async with mail_way(settings) as way:
        outcome = await way.send(MESSAGE, SATO)
        probed = await way.probe()
    assert (outcome.delivered, outcome.final) == (False, False)
    assert f"mail server 127.0.0.1:{settings.port}" in outcome.reason
    assert probed is not None
    assert not probed.delivered


async def test_a_letter_that_is_too_large_goes_without_its_picture() -> None:
    async with mail_server(size=600) as server, mail_way(server.settings()) as way:
        assert (await way.send(MESSAGE, SATO)).delivered
        assert (await way.send(MESSAGE, SATO, Form.BARE)).delivered
    assert [got.letter.get_content().strip() for got in server.got] == ["LT-201 3 % small", "LT-201 3 % bare"]


async def test_an_address_that_smuggles_another_line_reaches_nobody_else() -> None:
    made = letter(MESSAGE, SATO)
    async with mail_server() as server, mail_way(server.settings()) as way:
        await way.post(made, "sato@plant.example>\r\nRCPT TO:<all@plant.example")
    assert {got.recipient for got in server.got} <= {"sato@plant.example"}


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced() -> None:
    async with mail_server() as first:
        way = MailWay(first.settings(), letter)
        assert (await way.send(MESSAGE, SATO)).delivered
        port = first.port
    async with mail_server(port=port) as second:
        assert (await way.send(MESSAGE, SATO)).delivered
        await way.close()
    assert (len(first.got), len(second.got)) == (1, 1)


# --- chat ----------------------------------------------------------------------------------------


def text(message: Message, address: Address, form: Form) -> tuple[str, str]:
    return "P1 LT-201.LL 液面が低い", "3 % since 02:10 {{ not a template }}"


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("json://127.0.0.1:{port}/alarms", '"message"'),
        ("ntfy://127.0.0.1:{port}/helium", "since 02:10"),
        ("mmost://127.0.0.1:{port}/3ccdd113474722377935511fc85d3dd4", '"text"'),
    ],
)
async def test_a_chat_of_each_kind_gets_title_and_text(url: str, part: str) -> None:
    async with a_room() as here:
        way = ChatWay(text)
        outcome = await way.send(MESSAGE, Address("room", Way.CHAT, url.format(port=here.port)))
    assert outcome.delivered, outcome
    [(_, headers, body)] = here.seen
    assert part in body
    assert "{{ not a template }}" in body
    assert "LT-201.LL" in body + str(headers)


@pytest.mark.parametrize(("status", "final"), [(500, False), (503, False), (404, True), (401, True)])
async def test_what_a_chat_answers_decides_whether_it_is_tried_again(status: int, final: bool) -> None:
    async with a_room() as here:
        here.statuses.append(status)
        way = ChatWay(text)
        address = Address("room", Way.CHAT, f"json://user:s3cret@127.0.0.1:{here.port}/t0ken")
        outcome = await way.send(MESSAGE, address)
        assert outcome.final is final
        assert f"HTTP {status}" in outcome.reason
        assert "s3cret" not in outcome.reason
        assert "t0ken" not in outcome.reason
        assert (await way.send(MESSAGE, address)).delivered


class Written(logging.Handler):
    """What a log would have got."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += record.getMessage()


@pytest.fixture
def written() -> Iterator[Written]:
    handler, root = Written(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler
    root.setLevel(level)
    root.removeHandler(handler)


async def test_a_chat_that_hangs_ends_in_time_and_one_that_is_away_is_named(written: Written) -> None:
    async with a_room() as here:
        here.statuses.append(-1)
        address = Address("room", Way.CHAT, f"json://127.0.0.1:{here.port}/t0ken?rto=1.0")
        hung = await ChatWay(text, timeout_s=0.3).send(MESSAGE, address)
    away = await ChatWay(text).send(MESSAGE, address)
    assert not hung.delivered
    assert "within 0.3 s" in hung.reason
    assert (away.delivered, away.final) == (False, False)
    assert "not reached" in away.reason
    assert "t0ken" not in written.text


async def test_the_url_of_a_chat_is_looked_up_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    address = Address("room", Way.CHAT, "env:ROOM_URL")
    way = ChatWay(text)
    missing = await way.send(MESSAGE, address)
    async with a_room() as here:
        monkeypatch.setenv("ROOM_URL", f"json://127.0.0.1:{here.port}/")
        assert (await way.send(MESSAGE, address)).delivered
    assert (missing.delivered, missing.final) == (False, False)
    assert "ROOM_URL" in missing.reason


def test_what_apprise_does_not_know_is_no_address() -> None:
    assert service_of("nonsense") is None
    assert service_of("slack://too-short") is None
    assert service_of("json://127.0.0.1/") is not None


# --- MQTT ----------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path / "mosquitto") as running:
        yield running


def payload(message: Message, address: Address, form: Form) -> bytes:
    return f'{{"message": "{message.id}"}}'.encode()


TOPIC = Address("display", Way.MQTT, "plant/alarms")


@asynccontextmanager
async def connected(way: MqttWay) -> AsyncIterator[MqttWay]:
    task = asyncio.create_task(way.run())
    try:
        yield way
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.needs("mosquitto")
async def test_a_message_is_delivered_when_the_broker_has_confirmed_it(broker: Mosquitto) -> None:
    async with aiomqtt.Client("127.0.0.1", broker.port) as listener:
        await listener.subscribe("plant/#", qos=1)
        async with connected(MqttWay(broker.settings(), "heloop-test", payload)) as way:
            assert (await way.send(MESSAGE, TOPIC)).delivered
        async with asyncio.timeout(10):
            got = await anext(aiter(listener.messages))
    assert (str(got.topic), got.payload, got.qos) == ("plant/alarms", b'{"message": "m1"}', 1)


@pytest.mark.needs("mosquitto")
async def test_a_broker_that_was_away_is_found_again(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.followers.notify.mqtt.AGAIN_S", 0.05)
    async with connected(MqttWay(broker.settings(timeout_s=0.5), "heloop-test", payload)) as way:
        assert (await way.send(MESSAGE, TOPIC)).delivered
        broker.kill()
        away = await way.send(MESSAGE, TOPIC)
        assert (away.delivered, away.final) == (False, False)
        assert f"MQTT broker 127.0.0.1:{broker.port}" in away.reason
        await asyncio.to_thread(broker.start)
        async with asyncio.timeout(20):
            while not (await way.send(MESSAGE, TOPIC)).delivered:
                pass


@pytest.mark.needs("mosquitto")
async def test_over_tls_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKER_PASSWORD", "right")
    both, ca = certified(tmp_path)
    with Mosquitto(tmp_path / "mosquitto", tls=both, user=("heloop", "right")) as broker:
        settings = broker.settings(tls=True, ca=str(ca), user="heloop", password="env:BROKER_PASSWORD")
        async with connected(MqttWay(settings, "heloop-test", payload)) as way:
            assert (await way.send(MESSAGE, TOPIC)).delivered
        monkeypatch.setenv("BROKER_PASSWORD", "wr0ng")
        async with connected(MqttWay(settings, "heloop-test", payload)) as way:
            refused = await way.send(MESSAGE, TOPIC)
    assert not refused.delivered
    assert "wr0ng" not in refused.reason


async def test_servers_are_what_tests_say_they_are() -> None:
    """The mail server of these tests refuses what comes unencrypted when it asks for encryption."""
    async with mail_server(login=("a", "b")) as server, mail_way(server.settings()) as way:
        outcome = await way.send(MESSAGE, SATO)
    assert isinstance(server, MailServer)
    assert not outcome.delivered
