"""A message in its plainest form: fixed sentences and what the message itself holds, nothing looked up.

For one that was cut short twice: what may have ended the process then (a template, a text of the plant, a
picture) is not touched again. English and Japanese at once, as whose language it is would be looked up too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from alarms.delivery import Item, Message, Why
from controller.followers.notify.view import ITSELF, SUBJECT_MAX
from controller.followers.notify.wording import plain

NAME_MAX: Final = 60
STATE_MAX: Final = 20
ALARMS_MAX: Final = 10
LEADS: Final = {
    Why.FIRST: ("New alarm. Nobody has acknowledged it.", "新しい警報です。まだ誰も確認していません。"),
    Why.WORSE: ("It has become worse.", "状態が悪化しました。"),
    Why.MORE: ("Further alarms of the same incident.", "同じ事象で警報が増えました。"),
    Why.AGAIN: ("Reminder: nobody has acknowledged it yet.", "再通知です。まだ誰も確認していません。"),
    Why.ESCALATED: (
        "Nobody has answered, so it comes to you now.",
        "応答がないため、次の担当者としてお知らせします。",
    ),
    Why.RETURNED: ("It is over: back to normal.", "正常に復帰しました。"),
    Why.ANSWERED: ("Somebody has answered.", "担当者が対応しています。"),
    Why.SUMMARY: ("Messages that were held back.", "保留していた通知のまとめです。"),
    Why.DIGEST: ("What came up during the quiet hours.", "通知停止時間帯に発生した警報のまとめです。"),
    Why.TROUBLE: ("Notification itself has a fault.", "通知機能の異常です。"),
    Why.TEST: (
        "A test of the notification. There is no alarm.",
        "通知のテストです。警報は発生していません。",
    ),
}
INSTEAD: Final = (
    "The full message could not be written. `heloop alarms list` shows what stands.",
    "通常の通知文を作成できませんでした。現在の警報は `heloop alarms list` で確認できます。",
)


class Bare(NamedTuple):
    """lead: what it is, in one line. text: all of it, lead included; less than 2,000 signs."""

    subject: str
    lead: str
    text: str


def bare(message: Message, plant: str) -> Bare:
    """plant: its name."""
    english, japanese = LEADS[message.why]
    parts = ((english, japanese), _alarms(message), _facts(message, plant), INSTEAD)
    text = "\n\n".join("\n".join(lines) for part in parts if (lines := tuple(part)))
    return Bare(_subject(message, plant), f"{english} {japanese}", f"{text}\n")


def _subject(message: Message, plant: str) -> str:
    """`[P1 escalated] LT-201.HH (+1) university`."""
    mark = "" if message.why in ITSELF else f"P{message.priority} "
    kind = "" if message.why is Why.FIRST else message.why.value
    name = f"{plain(message.items[0].alarm, NAME_MAX)} " if message.items else ""
    more = f"(+{message.count - 1}) " if message.items and message.count > 1 else ""
    return plain(f"[{f'{mark}{kind}'.strip()}] {name}{more}{plant}", SUBJECT_MAX)


def _alarms(message: Message) -> Iterator[str]:
    shown = message.items[:ALARMS_MAX]
    for item in shown:
        yield _alarm(item)
    left_out = max(message.count, len(message.items)) - len(shown)
    if shown and left_out:
        yield f"+{left_out}"


def _alarm(item: Item) -> str:
    name, state = plain(item.alarm, NAME_MAX), plain(item.state, STATE_MAX)
    return f"P{item.priority} {name} {state}, {_utc(item.raised_ns)}"


def _facts(message: Message, plant: str) -> Iterator[str]:
    if message.why not in ITSELF:
        yield f"Priority / 優先度: {message.priority}"
    yield f"Plant / プラント: {plain(plant, NAME_MAX)}"
    yield f"Time / 時刻: {_utc(message.at_ns)}"
    if message.because:
        yield f"Why / 理由: {plain(message.because)}"


def _utc(at_ns: int) -> str:
    """To the second: '2026-11-22 18:14:50 UTC'."""
    return f"{datetime.fromtimestamp(at_ns // 1_000_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
