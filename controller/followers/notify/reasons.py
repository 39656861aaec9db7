"""Why somebody is told, in the reader's language. The sentences come from alarms/ in English, for the record.

One that is not known here is shown as it is: better a foreign sentence than none.
"""

from __future__ import annotations

import re
from typing import Final

from alarms.delivery import Message, Why
from controller.followers.notify.wording import plain

_ANSWERED: Final = re.compile(r"acknowledged by (?P<who>.+)")
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?) (s|min|h|d)(?![a-z])")
_UNITS: Final = {"s": "秒", "min": "分", "h": "時間", "d": "日"}
_JAPANESE: Final = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"step (\d+) of route (.+): no answer for (.+)", r"通知ルート \2 の第\1段階(\3間、応答なし)"),
        (r"step (\d+) of route (.+) again: no answer yet", r"通知ルート \2 の第\1段階を再通知(まだ応答なし)"),
        (r"step (\d+) of route (.+)", r"通知ルート \2 の第\1段階"),
        (r"nobody was on duty in any step of route (.+)", r"通知ルート \1 のどの段階にも当番がいません"),
        (r"more alarms of an incident of route (.+)", r"通知ルート \1 の事象で警報が追加"),
        (r"digest of route (.+): (\d+) alarms in quiet times", r"通知ルート \1 の通知停止時間帯の警報\2件"),
        (r"everything in it has returned", "すべて復帰しました"),
        (r"acknowledged by (.+)", r"\1 が確認"),
        (r"reset by (.+)", r"\1 がリセット"),
        (r"shelved by (.+)", r"\1 が棚上げ"),
        (r"test of the notification", "通知のテスト"),
        (
            r"the alarm flood is over: (\d+) alarms were counted in it, not announced",
            r"警報多発が収まりました。その間の\1件は個別に通知していません",
        ),
    )
)


def because(message: Message, language: str) -> str:
    """For the line that says why the reader gets this."""
    said = plain(message.because)
    if language != "ja":
        return said
    for pattern, text in _JAPANESE:
        if found := pattern.fullmatch(said):
            return _SPAN.sub(lambda span: f"{span[1]}{_UNITS[span[2]]}", found.expand(text))
    return said


def answered_by(message: Message) -> str:
    """Who acknowledged; '' where the alarm was answered in another way."""
    found = _ANSWERED.fullmatch(plain(message.because)) if message.why is Why.ANSWERED else None
    return found["who"] if found else ""
