"""The page behind a message's link, over real sockets and a real core: who may acknowledge what."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from controller.followers.notify.context import Told
from tests.system.notify_page import ALARM, HOUR_NS, PASSWORD, Paged, paged


async def test_a_technician_logs_in_and_acknowledges_the_one_alarm(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        raised = await page.bag(96.0, "alarm.raised")
        link = page.link(raised, "plant-room")
        page.told.append(Told("tanaka", "mail", raised.utc_ns))
        shown = await page.get(link)
        assert shown.status == 200
        for words in (
            "LT-201.HH",
            "P1",
            "96 %",
            "95 % or above",
            "active, not acknowledged",
            "tanaka: told at",
        ):
            assert words in shown.text
        assert 'type="password"' in shown.text, "a room's link never acknowledges without a login"
        done = await page.acknowledge(link, "suzuki", comment="on my way")
        assert done.status == 200
        assert "Acknowledged as suzuki." in done.text
        assert "acknowledged by suzuki" in done.text
        assert not done.form, "there is nothing left to press"
        (event,) = page.acknowledgements()
        assert (event.source, event.data["user"], event.data["reason"]) == (ALARM, "suzuki", "on my way")


async def test_a_mail_to_one_person_acknowledges_by_one_press_where_the_plant_allows_it(
    tmp_path: Path,
) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        shown = await page.get(link)
        assert "You acknowledge as sato." in shown.text
        assert 'type="password"' not in shown.text
        assert "Acknowledged as sato." in (await page.acknowledge(link)).text
        (event,) = page.acknowledgements()
        assert event.data["user"] == "sato"
        assert event.data["reason"] == "by the link of the mail to sato", "the record says how it came"


@pytest.mark.parametrize("who", ["suzuki", "plant-room", "nobody"])
async def test_a_personal_link_of_anybody_else_still_wants_a_login(tmp_path: Path, who: str) -> None:
    """suzuki's route does not allow it, a room never does, and somebody may have left routes.yaml since."""
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), who, personal=True)
        answer = await page.acknowledge(link)
        assert answer.status == 403
        assert not page.acknowledgements()


async def test_a_locked_account_cannot_acknowledge_by_its_mail(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        page.accounts.lock("sato", locked=True)
        assert (await page.acknowledge(link)).status == 403
        assert not page.acknowledgements()


async def test_a_chat_that_fetches_the_link_for_a_preview_changes_nothing(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        for method in ("GET", "HEAD", "GET"):
            answer = await page.get(link, method, **{"User-Agent": "Slackbot-LinkExpanding 1.0"})
            assert answer.status == 200
        assert (await page.get(link, "HEAD")).text == ""
        assert not page.acknowledgements()
        assert "Acknowledged as sato." in (await page.acknowledge(link)).text, "and the link still works"


async def test_an_old_link_does_not_acknowledge_what_came_up_again(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        first = await page.bag(96.0, "alarm.raised", "LT-201.H")
        await page.bag(50.0, "alarm.returned", "LT-201.H")
        second = await page.bag(96.0, "alarm.raised", "LT-201.H")
        link = page.link(first, "suzuki")
        assert "suzuki" not in (shown := await page.get(link)).text
        assert "再び発生し" in shown.text
        done = await page.acknowledge(link, "suzuki")
        assert "前回の発生分を確認しました" in done.text
        (event,) = page.acknowledgements()
        assert event.data["trunk"] is False, "the one that stands now still waits"
        assert event.data["branches"] == [first.data["event"]]
        newer = page.link(second, "suzuki", message="m2")
        assert "として確認しました" in (await page.acknowledge(newer, "suzuki")).text
        assert page.acknowledgements()[-1].data["trunk"] is True


async def test_a_link_works_once(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        form = (await page.get(link)).form
        answers = await asyncio.gather(*(page.post(link, {"form": form}) for _ in range(4)))
        assert sum("Acknowledged as sato." in answer.text for answer in answers) == 1
        assert sum("Already acknowledged by sato at" in answer.text for answer in answers) == 3
        assert len(page.acknowledgements()) == 1
        again = await page.get(link)
        assert again.status == 200
        assert "Already acknowledged by sato at" in again.text


async def test_the_second_person_is_told_who_was_faster(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        raised = await page.bag(96.0, "alarm.raised")
        await page.acknowledge(page.link(raised, "sato", personal=True))
        other = page.link(raised, "suzuki", message="m2")
        shown = await page.get(other)
        assert "sato が確認" in shown.text
        assert not shown.form


async def test_a_link_ends(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        form = (await page.get(link)).form
        page.late_ns = 13 * HOUR_NS
        shown = await page.get(link)
        assert shown.status == 410
        assert "This link has expired" in shown.text
        assert ALARM not in shown.text, "an old link tells nothing of the plant"
        assert (await page.post(link, {"form": form})).status == 410
        assert not page.acknowledgements()


async def test_a_forged_link_leads_nowhere(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        for wrong in (
            link[:-9] + ("A" if link[-9] != "A" else "B") + link[-8:],
            f"{page.url}/a/x",
            f"{page.url}/a/{'x' * 2000}",
        ):
            answer = await page.get(wrong)
            assert answer.status == 404
            assert "not valid" in answer.text
            assert (await page.post(wrong, {"form": "x"})).status == 404
        assert not page.acknowledgements()


async def test_another_site_cannot_press_the_button(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        form = (await page.get(link)).form
        for fields, headers in (
            ({}, {}),
            ({"form": "x"}, {}),
            ({"form": form}, {"Sec-Fetch-Site": "cross-site"}),
            ({"form": form}, {"Cookie": "heloop_form=another-browsers-cookie"}),
        ):
            if "Cookie" in headers:
                page.browser.cookie_jar.clear()
            answer = await page.post(link, fields, **headers)
            assert answer.status == 403
            assert "Press the button again" in answer.text
        assert not page.acknowledgements()


async def test_guessing_passwords_ends_in_a_lock_out_that_the_right_password_does_not_open(
    tmp_path: Path,
) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"))
        form = (await page.get(link)).form
        said = []
        for guess in range(7):
            fields = {"form": form, "account": "sato", "password": f"wrong {guess}"}
            said.append((await page.post(link, fields)).status)
        assert said == [403] * 5 + [429] * 2
        right = await page.post(link, {"form": form, "account": "sato", "password": PASSWORD})
        assert right.status == 429
        assert "too many wrong passwords" in right.text
        assert not page.acknowledgements()
        kinds = {kind for kind, *_ in page.recorded}
        assert kinds == {"notify.login_refused"}
        assert any(text.endswith("locked out now") for _, _, text, _ in page.recorded)


async def test_a_viewer_is_told_that_it_takes_an_operator(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        answer = await page.acknowledge(page.link(await page.bag(96.0, "alarm.raised")), "guest")
        assert answer.status == 403
        assert "guest may not acknowledge alarms" in answer.text
        assert answer.form, "somebody else can do it at the same page"


async def test_without_the_core_the_page_shows_what_was_recorded_and_says_so(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        form = (await page.get(link)).form
        page.core.place.withdraw()
        page.core.place.commands.unlink()
        shown = await page.get(link)
        assert "does not answer now" in shown.text
        assert "active, not acknowledged" in shown.text
        answer = await page.post(link, {"form": form})
        assert answer.status == 503
        assert "Not acknowledged: the control service does not answer" in answer.text
        assert not page.place.used(page.links.read(link.rpartition("/")[2], 0).id), "the link is still good"


async def test_the_page_gives_nothing_away_to_others(tmp_path: Path) -> None:
    """No cache, no frame, no script, no address sent on; and nobody's comment becomes markup."""
    async with paged(tmp_path) as page:
        link = page.link(await page.bag(96.0, "alarm.raised"))
        answer = await page.acknowledge(link, "suzuki", comment="</p><script>alert(1)</script>\r\nX: y")
        headers = answer.headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["X-Frame-Options"] == "DENY"
        assert "script-src" not in headers["Content-Security-Policy"]
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert "<script" not in answer.text
        assert "no page here" not in (await page.get(f"{page.url}/")).text
        assert (await page.get(f"{page.url}/")).status == 404
        assert (await page.post(link, {"comment": "x" * 20_000})).status == 413


async def test_links_and_passwords_are_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    structlog.reset_defaults()
    with capture_logs() as logs, caplog.at_level("DEBUG"):
        async with paged(tmp_path) as page:
            link = page.link(await page.bag(96.0, "alarm.raised"))
            await page.acknowledge(link, "suzuki", "a wrong password")
            await page.acknowledge(link, "suzuki")
            token = link.rpartition("/")[2]
    text = f"{logs} {[record.getMessage() for record in caplog.records if 'asyncio' not in record.name]}"
    assert "suzuki" in text
    for secret in (token, PASSWORD, "a wrong password"):
        assert secret not in text


async def test_one_address_cannot_keep_the_page_busy(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        answers = [(await page.get(f"{page.url}/a/x")).status for _ in range(34)]
        assert answers[:30] == [404] * 30
        assert 429 in answers[30:]


async def test_more_connections_than_there_is_room_for_are_closed(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        port = int(page.url.rpartition(":")[2])
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        closed = 0
        for reader, _ in held:
            try:
                async with asyncio.timeout(0.2):
                    closed += (await reader.read(1)) == b""
            except TimeoutError:
                pass
            except ConnectionError:
                closed += 1
        for _, writer in held:
            writer.close()
        assert closed == 4


async def read_story(page: Paged, link: str) -> str:
    return (await page.get(link)).text


async def test_what_has_returned_can_still_be_acknowledged(tmp_path: Path) -> None:
    async with paged(tmp_path) as page:
        raised = await page.bag(96.0, "alarm.raised", "LT-201.H")
        await page.bag(50.0, "alarm.returned", "LT-201.H")
        link = page.link(raised, "sato", personal=True)
        assert "returned, waits for acknowledgement" in await read_story(page, link)
        assert "Acknowledged as sato." in (await page.acknowledge(link)).text
        assert "returned to normal" in await read_story(page, link)
