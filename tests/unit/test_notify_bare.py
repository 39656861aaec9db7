"""What still leaves when the full message could not be written: all that matters, in fixed sentences."""

from __future__ import annotations

import email
import json
from datetime import datetime
from email import policy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarms.delivery import ITEMS_MAX, Message, Why
from alarms.routes import Way
from controller.followers.notify.bare import INSTEAD, LEADS, bare
from controller.followers.notify.chat import bare_chat, bare_payload, mqtt_payload
from controller.followers.notify.letter import bare_letter, letter
from controller.followers.notify.view import SUBJECT_MAX
from tests.unit.notify_messages import AT, S, context, item, message

SENDER = "heloop <heloop@helium.example>"
TARGET = "sato@helium.example"
ABOUT_ITSELF: dict[str, Any] = {"items": (), "count": 0, "incident": "", "because": ""}
LATER = item("PT-204.H", 3, 12.38, raised_ns=AT + 60 * S, state="returned")
MANY = tuple(item(f"TI-{nth}.H", 2) for nth in range(13))

SUBJECTS = [
    (message(), "[P1] LT-201.HH university"),
    (message(Why.ESCALATED, item(), LATER), "[P1 escalated] LT-201.HH (+1) university"),
    (message(Why.SUMMARY, LATER, count=7), "[P3 summary] PT-204.H (+6) university"),
    (message(Why.ANSWERED), "[P1 answered] LT-201.HH university"),
    (message(Why.TEST, priority=3, **ABOUT_ITSELF), "[test] university"),
    (message(Why.TROUBLE, priority=2, **ABOUT_ITSELF), "[trouble] university"),
]
TEXTS = [
    (
        message(),
        """New alarm. Nobody has acknowledged it.
新しい警報です。まだ誰も確認していません。

P1 LT-201.HH active, 2026-11-22 18:12:45 UTC

Priority / 優先度: 1
Plant / プラント: university
Time / 時刻: 2026-11-22 18:14:50 UTC
Why / 理由: step 2 of route night: no answer for 10 min
""",
    ),
    (
        message(Why.RETURNED, LATER, item(), count=30, priority=1, because="everything in it has returned"),
        """It is over: back to normal.
正常に復帰しました。

P3 PT-204.H returned, 2026-11-22 18:13:45 UTC
P1 LT-201.HH active, 2026-11-22 18:12:45 UTC
+28

Priority / 優先度: 1
Plant / プラント: university
Time / 時刻: 2026-11-22 18:14:50 UTC
Why / 理由: everything in it has returned
""",
    ),
    (
        message(Why.TEST, priority=3, **ABOUT_ITSELF),
        """A test of the notification. There is no alarm.
通知のテストです。警報は発生していません。

Plant / プラント: university
Time / 時刻: 2026-11-22 18:14:50 UTC
""",
    ),
]


@pytest.mark.parametrize(("made", "subject"), SUBJECTS, ids=[text for _, text in SUBJECTS])
def test_the_subject_says_how_urgent_it_is_what_and_where(made: Message, subject: str) -> None:
    assert bare(made, "university").subject == subject


@pytest.mark.parametrize(("made", "text"), TEXTS, ids=[made.why for made, _ in TEXTS])
def test_the_text_says_what_stands_since_when_and_where_the_rest_is(made: Message, text: str) -> None:
    assert bare(made, "university").text == f"{text}\n" + "\n".join(INSTEAD) + "\n"


def test_every_kind_of_message_has_its_sentence_in_both_languages() -> None:
    assert set(LEADS) == set(Why)
    assert len({*LEADS.values()}) == len(Why)
    for why in Why:
        assert all(sentence in bare(message(why), "university").text for sentence in LEADS[why])


def test_of_many_alarms_the_worst_are_named_and_the_rest_is_a_number() -> None:
    lines = bare(message(Why.FIRST, *MANY, count=40), "university").text.splitlines()
    named = [line for line in lines if line.startswith("P2 ")]
    assert [line.split()[1] for line in named] == [f"TI-{nth}.H" for nth in range(10)]
    assert lines[lines.index(named[-1]) + 1] == "+30"


@pytest.mark.parametrize("why", list(Why))
@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("priority", [1, 3])
def test_a_letter_that_had_left_already_is_recognised_by_its_headers(
    why: Why, opens: bool, priority: int
) -> None:
    made = message(why, opens=opens, priority=priority)
    full, plainest = letter(made, context()), bare_letter(made, "university", SENDER, TARGET)
    theirs, ours = ({name: one[name] for name in one.keys()} for one in (full, plainest))  # noqa: SIM118
    differ = {"Subject", "Date", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"}
    assert {name: text for name, text in ours.items() if name not in differ} == {
        name: text for name, text in theirs.items() if name not in differ
    }
    assert ours["Date"].datetime == theirs["Date"].datetime == datetime.fromisoformat("2026-11-22T18:14:50Z")
    over_the_wire = email.message_from_bytes(plainest.as_bytes(), policy=policy.default)
    assert over_the_wire.get_content().splitlines() == bare(made, "university").text.splitlines()


def test_mqtt_keeps_every_name_of_the_contract_and_says_that_it_is_bare() -> None:
    made = message(Why.WORSE, item(), item("XS-501.ON", 2, 7.0))
    full = json.loads(mqtt_payload(made, context(way=Way.MQTT, links=None)))
    plainest = json.loads(bare_payload(made, "university"))
    assert plainest.keys() == full.keys() | {"bare"}
    for one, other in zip(plainest["alarms"], full["alarms"], strict=True):
        assert one.keys() == other.keys()
        for name in ("id", "event", "priority", "state", "since", "first_out", "said"):
            assert one[name] == other[name]
        assert (one["value"], one["unit"], one["tag"]) == (None, "", "")
    texts = {"language", "title", "lead", "alarms", "bare"}
    assert {name: plainest[name] for name in plainest.keys() - texts} == {
        name: full[name] for name in full.keys() - texts
    }
    assert plainest["bare"] is True
    assert plainest["title"] == "[P1 worse] LT-201.HH (+1) university"
    assert plainest["lead"] == "It has become worse. 状態が悪化しました。"


@given(st.text(max_size=400), st.sampled_from(list(Why)), st.integers(0, ITEMS_MAX))
def test_no_text_whatever_breaks_it_and_every_chat_takes_it_whole(text: str, why: Why, count: int) -> None:
    items = (item(alarm=text or "x", text=text, state=text, data={"value": text}),) * count
    made = message(why, item(), because=text, id=text, incident=text)
    made = Message(**{**{name: getattr(made, name) for name in Message.__slots__}, "items": items})
    again = email.message_from_bytes(
        bare_letter(made, text, SENDER, TARGET).as_bytes(), policy=policy.default
    )
    assert len(again["Subject"]) <= SUBJECT_MAX
    title, body = bare_chat(made, text)
    assert "\n" not in title
    assert "@everyone" not in body
    assert len(body) < 2_000
    assert json.loads(bare_payload(made, text))["incident"] == text


def test_a_name_that_would_call_a_whole_room_calls_nobody() -> None:
    made = message(Why.FIRST, item("@everyone <!channel>\r\nBcc: all@evil.example"))
    title, body = bare_chat(made, "university")
    for shown in (title, body):
        assert "@everyone" not in shown
        assert "<!channel>" not in shown
    assert bare_letter(made, "university", SENDER, TARGET)["Bcc"] is None
