"""The page of a message's link in a real browser, on a phone, in Japanese, without scripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.chromium import PHONE, browser
from tests.system.notify_page import PASSWORD, paged

pytestmark = pytest.mark.needs("chromium")


async def test_suzuki_acknowledges_from_a_phone_at_night(tmp_path: Path) -> None:
    async with paged(tmp_path) as page, browser() as phone:
        link = page.link(await page.bag(96.0, "alarm.raised"), "suzuki")
        await phone.look(*PHONE, dark=True)
        await phone.open(link)
        shown = await phone.text()
        for words in (
            "LT-201.HH",
            "発生中・未確認",
            "設定値",
            "95 % 以上",
            "初動対応",
            "ユーザー名",
            "安全機能ではありません",
        ):
            assert words in shown
        assert await phone.wide() <= PHONE[0], "nothing sticks out at the side"
        await phone.write("input[name=account]", "suzuki")
        await phone.write("input[name=password]", PASSWORD)
        await phone.write("input[name=comment]", "向かいます")
        await phone.press("button")
        assert "suzuki として確認しました。" in await phone.text()
        (event,) = page.acknowledgements()
        assert (event.data["user"], event.data["reason"]) == ("suzuki", "向かいます")
        await phone.open(link)
        assert "確認済みです" in await phone.text()


async def test_one_press_is_enough_from_a_mail_of_ones_own(tmp_path: Path) -> None:
    async with paged(tmp_path) as page, browser() as phone:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        await phone.look(*PHONE)
        await phone.open(link)
        await phone.press("button")
        assert "Acknowledged as sato." in await phone.text()
        assert len(page.acknowledgements()) == 1


async def test_a_wrong_password_can_be_tried_again_at_the_same_page(tmp_path: Path) -> None:
    async with paged(tmp_path) as page, browser() as phone:
        link = page.link(await page.bag(96.0, "alarm.raised"), "plant-room")
        await phone.look(*PHONE)
        await phone.open(link)
        for password, said in (
            ("not this one", "account or password is wrong"),
            (PASSWORD, "Acknowledged as"),
        ):
            await phone.write("input[name=account]", "sato")
            await phone.write("input[name=password]", password)
            await phone.press("button")
            assert said in await phone.text()


async def test_an_expired_link_says_what_to_do(tmp_path: Path) -> None:
    async with paged(tmp_path) as page, browser() as phone:
        link = page.link(await page.bag(96.0, "alarm.raised"), "sato", personal=True)
        page.late_ns = 10**15
        await phone.look(*PHONE)
        await phone.open(link)
        shown = await phone.text()
        assert "This link has expired" in shown
        assert "LT-201" not in shown
