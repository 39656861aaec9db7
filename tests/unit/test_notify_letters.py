"""What a person reads at three in the morning: every kind of message, in both languages, mail and chat."""

from __future__ import annotations

import email
import json
import re
from email import policy
from email.message import EmailMessage
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms import escalation
from alarms.delivery import Message, Why
from alarms.routes import Route, Step, Way
from controller.followers.notify.chat import chat_text, mqtt_payload
from controller.followers.notify.context import Told
from controller.followers.notify.letter import letter
from controller.followers.notify.reasons import because
from controller.followers.notify.view import SUBJECT_MAX, trend_tag
from controller.followers.notify.wording import number, plain
from controller.followers.notify.words import our_words
from tests.unit.notify_messages import AT, PICTURE, S, context, item, message, university

LEADS = {
    "en": {
        Why.FIRST: "New alarm. Nobody has acknowledged it.",
        Why.WORSE: "It has become worse.",
        Why.MORE: "Further alarms of the same incident.",
        Why.AGAIN: "Reminder: nobody has acknowledged it yet.",
        Why.ESCALATED: "Nobody has answered, so it comes to you now.",
        Why.RETURNED: "It is over: back to normal.",
        Why.ANSWERED: "Acknowledged by tanaka. You need not do anything.",
        Why.SUMMARY: "Held back so that you get at most one message in 60 s",
        Why.DIGEST: "What came up during the quiet hours.",
        Why.TROUBLE: "Notification itself has a fault",
        Why.TEST: "A test of the notification. There is no alarm",
    },
    "ja": {
        Why.FIRST: "新しい警報です。まだ誰も確認していません。",
        Why.WORSE: "状態が悪化しました。",
        Why.MORE: "同じ事象で警報が増えました。",
        Why.AGAIN: "再通知です。",
        Why.ESCALATED: "応答がないため、次の担当者としてお知らせします。",
        Why.RETURNED: "正常に復帰しました。",
        Why.ANSWERED: "tanaka さんが確認しました。あなたの対応は不要です。",
        Why.SUMMARY: "通知は60秒に1通まで",
        Why.DIGEST: "通知停止時間帯に発生した警報のまとめです。",
        Why.TROUBLE: "通知機能の異常です。",
        Why.TEST: "通知のテストです。警報は発生していません。",
    },
}
SAFETY = {"en": "it is not a safety function", "ja": "安全機能ではありません"}
ABOUT_ALARMS = [why for why in Why if why not in {Why.TROUBLE, Why.TEST}]


def of_kind(why: Why) -> Message:
    if why in {Why.TROUBLE, Why.TEST}:
        return message(why, priority=0, items=(), count=0, incident="")
    because = (
        "acknowledged by tanaka" if why is Why.ANSWERED else "step 2 of route night: no answer for 10 min"
    )
    return message(why, item(), item("PT-204.H", 3, 12.38), because=because)


def parts(mail: EmailMessage) -> tuple[str, str]:
    """(text, what a reader of the HTML sees) of a mail that has been over the wire."""
    again = email.message_from_bytes(mail.as_bytes(), policy=policy.default)
    text, html = again.get_body(("plain",)), again.get_body(("html",))
    assert text is not None
    assert html is not None
    seen = re.sub(r"<style>.*?</style>|<head>.*?</head>", "", html.get_content(), flags=re.DOTALL)
    return text.get_content(), " ".join(unescape(re.sub(r"<[^>]+>", " ", seen)).split())


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("why", list(Why))
def test_every_kind_of_message_says_what_it_is_in_the_readers_language(why: Why, language: str) -> None:
    mail = letter(of_kind(why), context(language))
    title, body = chat_text(of_kind(why), context(language, Way.CHAT))
    for shown in (*parts(mail), body):
        assert LEADS[language][why] in shown
        assert SAFETY[language] in shown
        assert "None" not in shown
        assert "{" not in shown
    assert title == mail["Subject"]


@pytest.mark.parametrize("why", ABOUT_ALARMS)
def test_every_message_about_alarms_names_them_with_value_limit_and_time(why: Why) -> None:
    for shown in parts(letter(of_kind(why), context())):
        for words in ("LT-201.HH", "bag level (lidar)", "96.1 %", "PT-204.H", "12.4 mbarg", "03:12:45"):
            assert words in shown


def test_the_first_lines_are_what_a_telephone_shows_on_its_locked_screen() -> None:
    mail = letter(message(), context())
    assert mail["Subject"] == "[P1] LT-201.HH bag level (lidar) 96.1 % (limit 95 %) university"
    text = parts(mail)[0].splitlines()
    assert text[0] == "[P1] LT-201.HH bag level (lidar) 96.1 % (limit 95 %)"
    assert text[1] == LEADS["en"][Why.FIRST]


def test_what_one_needs_comes_in_the_order_in_which_one_needs_it() -> None:
    first_out = item("LT-201.H", 3, 90.2, first_out=True, raised_ns=AT - 60 * S)
    text, html = parts(letter(message(Why.ESCALATED, item(), first_out, count=14), context()))
    wanted = (
        "Nobody has answered",
        "bag level (lidar): very high",
        "95 % or above",
        "Mon 23 Nov 03:12:45 JST",
        "2 min ago",
        "LT-201.H bag level (lidar) 90.2 % (limit 90 %) (03:11:45)",
        "Likely cause",
        "stop fills and transfers, start C-351",
        "5 min",
    )
    for shown in (text, html):
        places = [shown.index(words) for words in wanted]
        assert places == sorted(places)
        for words in ("(13)", "and 12 more", "tanaka: told at 03:12:49", "no answer for 10 min"):
            assert words in shown
        assert "The link works once, until Mon 23 Nov 15:14:50 JST" in shown


def test_the_subject_says_what_is_new() -> None:
    subjects = {why: letter(of_kind(why), context())["Subject"] for why in Why}
    assert subjects[Why.ESCALATED].startswith("[P1 escalated] LT-201.HH")
    assert subjects[Why.RETURNED].startswith("[P1 returned] LT-201.HH")
    assert subjects[Why.FIRST].endswith("(+1) university")
    assert subjects[Why.SUMMARY] == "[P1 held back] 2 alarms university"
    assert subjects[Why.TEST].startswith("[test] ")
    assert subjects[Why.TROUBLE] == (
        "[notification fault] step 2 of route night: no answer for 10 min university"
    )


def test_an_incident_is_one_thread_at_each_address() -> None:
    first, later, other = (
        letter(message(why, address=address, id=f"{why}{address}"), context())
        for why, address in ((Why.FIRST, "sato.mail"), (Why.AGAIN, "sato.mail"), (Why.FIRST, "suzuki.mail"))
    )
    assert later["In-Reply-To"] == later["References"] == first["Message-ID"]
    assert first["In-Reply-To"] is None
    assert len({first["Message-ID"], later["Message-ID"], other["Message-ID"]}) == 3
    assert first["Message-ID"].endswith("@helium.example>")


def test_the_same_message_gives_the_same_letter_so_that_one_sent_twice_is_seen_once() -> None:
    first, again = (letter(message(), context()) for _ in range(2))
    for name in ("Message-ID", "Date", "Subject"):
        assert first[name] == again[name]
    assert first["Date"] == "Mon, 23 Nov 2026 03:14:50 +0900"
    assert parts(first) == parts(again), "the link too, which works once"


def test_machines_neither_answer_nor_delay_it() -> None:
    mail = letter(message(), context())
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Importance"] == "high"
    assert letter(message(Why.FIRST, item("PT-204.H", 3, 12.0)), context())["Importance"] is None
    mail.as_bytes().decode("ascii")
    assert max(map(len, letter(message(), context("ja")).as_bytes().splitlines())) <= 998


def test_the_picture_is_inside_and_said_in_words() -> None:
    mail = email.message_from_bytes(letter(message(), context()).as_bytes(), policy=policy.default)
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == PICTURE.png
    html = mail.get_body(("html",))
    assert html is not None
    assert f"cid:{picture['Content-ID'].strip('<>')}" in html.get_content()
    assert 'alt="LT-201 over the last hour: from 61.2 % to 96.8 %, last 96.8 %."' in html.get_content()
    assert trend_tag(message(), university()) == "LT-201"
    assert trend_tag(of_kind(Why.DIGEST), university()) == ""
    bare = letter(message(), context(picture=None))
    assert not [part for part in bare.walk() if part.get_content_type() == "image/png"]


def test_a_link_without_login_is_only_in_a_mail_to_a_person_who_may() -> None:
    def personal(**changed: object) -> bool:
        made = context(person={"link_acknowledges": True, **changed})
        return "do not forward" in parts(letter(message(), made))[0]

    assert personal()
    assert not personal(room=True)
    assert not personal(link_acknowledges=False)
    links = [
        re.findall(
            r"https://\S+", chat_text(message(), context(way=way, person={"link_acknowledges": True}))[1]
        )
        for way in (Way.CHAT, Way.MAIL)
    ]
    assert links[0] != links[1]
    assert "https://" not in chat_text(message(), context(links=None))[1]


def test_an_interlock_and_a_rule_without_a_fixed_limit_say_their_sentence() -> None:
    said = "S-05 tripped (Purifier outlet dirty: no feed): first out AT-512>8, nitrogen above 8 ppm"
    about = {"value": None, "interlock": "S-05", "first_out_cause": "AT-512>8"}
    trip = item("S-05.TRIP", 3, None, text=said, data=about)
    mail = letter(message(Why.FIRST, trip), context("ja"))
    assert mail["Subject"] == f"[P3] S-05.TRIP {said} university"
    assert trend_tag(message(Why.FIRST, trip), university()) == "AT-512", "what tripped it"
    text = parts(mail)[0]
    assert "インターロック: S-05 Purifier outlet dirty: no feed" in text
    assert "値:" not in text


def test_an_alarm_that_the_plant_does_not_have_any_more_is_still_told() -> None:
    gone = item("OLD-1.HH", 2, 5.0, text="old tank: 5 is at or above the limit 4")
    for shown in parts(letter(message(Why.FIRST, gone), context())):
        assert "old tank: 5 is at or above the limit 4" in shown


HOSTILE = "x\r\nBcc: all@evil.example\u202e\x00<script>alert(1)</script>{{ 7*7 }}<!channel> @everyone"


def test_a_text_with_newlines_and_markup_does_no_harm() -> None:
    nasty = item("BAD\r\nTo: x@evil.example", 1, None, text=HOSTILE)
    made = message(Why.ESCALATED, nasty, item("LT-201.H", 3, text=HOSTILE, state=HOSTILE), because=HOSTILE)
    told = (Told(HOSTILE, "mail", AT),)
    mail = letter(made, context(told=told))
    again = email.message_from_bytes(mail.as_bytes(), policy=policy.default)
    assert again["Bcc"] is None
    assert again["To"] == "sato@helium.example"
    html = again.get_body(("html",))
    assert html is not None
    assert "<script" not in html.get_content()
    assert "\u202e" not in html.get_content()
    title, body = chat_text(made, context(told=told))
    assert "\n" not in title
    assert "<!channel>" not in title + body
    assert "@everyone" not in title + body
    assert "49" not in body, "no template in a text is filled in"


@given(st.text(max_size=400), st.sampled_from(list(Why)), st.sampled_from(["en", "ja"]))
def test_no_text_whatever_breaks_a_letter(text: str, why: Why, language: str) -> None:
    nasty = item(text=text, state=text, data={"value": text, "interlock": text})
    made = message(why, nasty, item(alarm=text or "x", text=text), because=text, id=text, incident=text)
    mail = letter(made, context(language))
    again = email.message_from_bytes(mail.as_bytes(), policy=policy.default)
    assert len(again["Subject"]) <= SUBJECT_MAX
    assert again.get_body(("plain",)) is not None
    assert json.loads(mqtt_payload(made, context(language)))["incident"] == text
    chat_text(made, context(language))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (96.12, "96.1"),
        (95.0, "95"),
        (0.05, "0.05"),
        (1013.26, "1013"),
        (0.0, "0"),
        (-3.456, "-3.46"),
        (1e-7, "1e-07"),
    ],
)
def test_a_value_has_the_digits_that_matter(value: float, said: str) -> None:
    assert number(value, university().tag("LT-201")) == said


def test_texts_are_one_line_of_what_can_be_seen() -> None:
    assert plain("a\r\n b\t\u200bc\x1b[31m") == "a b c[31m"
    assert plain("液面 高 純度\u3000低") == "液面 高 純度 低"
    assert len(plain("x" * 999)) == 300


def test_mqtt_gets_json_that_a_program_can_keep_to() -> None:
    said = json.loads(mqtt_payload(message(Why.WORSE, item(), item("XS-501.ON", 2, 7.0)), context()))
    assert said["format"] == 1
    assert (said["why"], said["priority"], said["plant"], said["to"]) == ("worse", 1, "university", "sato")
    assert said["at"] == "2026-11-22T18:14:50.000Z"
    assert said["alarms"][0] == {
        "id": "LT-201.HH",
        "event": "event-of-LT-201.HH",
        "priority": 1,
        "state": "active",
        "since": "2026-11-22T18:12:45.000Z",
        "first_out": False,
        "tag": "LT-201",
        "area": "bag",
        "text": "bag level (lidar): very high",
        "said": "LT-201.HH: its record",
        "value": 96.12,
        "unit": "%",
    }
    nan = json.loads(mqtt_payload(message(Why.FIRST, item(value=float("nan"))), context()))
    assert nan["alarms"][0]["value"] is None


def test_both_languages_say_the_same_things() -> None:
    """A text that one has and the other has not would be an error on the night it is needed."""
    english, japanese = our_words("en"), our_words("ja")
    for section in english.sections:
        assert dict(english[section]).keys() == dict(japanese[section]).keys(), section
        for name, text in english[section].items():
            fields = set(re.findall(r"{\w+}", str(text)))
            if section != "time":
                assert fields == set(re.findall(r"{\w+}", str(japanese[section][name]))), name


def test_a_reader_of_a_language_that_we_do_not_speak_gets_english() -> None:
    assert "New alarm." in parts(letter(message(), context("de")))[0]


NIGHT = Route("night", steps=(Step(("rota",)), Step(("boss",), after_s=600.0)))
REASONS = {
    escalation._because(NIGHT, 0): "通知ルート night の第1段階",
    escalation._because(NIGHT, 1): "通知ルート night の第2段階(10分間、応答なし)",
    "step 2 of route night again: no answer yet": "通知ルート night の第2段階を再通知(まだ応答なし)",
    "digest of route night: 3 alarms in quiet times": "通知ルート night の通知停止時間帯の警報3件",
    "everything in it has returned": "すべて復帰しました",
    "shelved by tanaka": "tanaka が棚上げ",
    "something that is new": "something that is new",
}


@pytest.mark.parametrize("said", REASONS)
def test_why_one_is_told_is_said_in_ones_language(said: str) -> None:
    assert because(message(Why.AGAIN, because=said), "ja") == REASONS[said]
    assert because(message(Why.AGAIN, because=said), "en") == said


def test_who_has_it_is_named_only_when_it_was_acknowledged() -> None:
    for said, lead in (
        ("acknowledged by tanaka", "Acknowledged by tanaka."),
        ("shelved by t", "Somebody has answered."),
    ):
        assert lead in parts(letter(message(Why.ANSWERED, because=said), context()))[0]


def test_what_is_over_says_so_briefly() -> None:
    for why in (Why.ANSWERED, Why.RETURNED):
        for shown in parts(letter(of_kind(why), context())):
            assert "LT-201.HH" in shown
            assert "First action" not in shown
            assert ("The link works once" in shown) is (why is Why.RETURNED), "it may still wait for somebody"
