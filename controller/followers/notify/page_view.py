"""The page of a link, as its template sees it: the alarm, what became of it, and a form while it waits."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alarms.delivery import Item
from controller.followers.notify.acknowledging import Answer
from controller.followers.notify.context import Picture, Told
from controller.followers.notify.incident import Step, Story
from controller.followers.notify.links import Link
from controller.followers.notify.view import help_lines, told_lines
from controller.followers.notify.wording import Row, alarm_of, in_unit, plain, row_of, tag_of
from controller.followers.notify.words import Words
from controller.plant.plant import Plant

STEPS_MAX: Final = 8
COMMENT_MAX: Final = 200
GOOD: Final = frozenset({"done", "done_earlier", "already", "already_somebody"})


@dataclass(frozen=True, slots=True)
class PageView:
    """row: None where nothing of an alarm is shown. notice: what has just happened, good: whether well.

    form: '' shows none; else the hidden value of it. user: as whom it acknowledges without a login, ''
    with one. picture: a data URL. nonce: of the style, for the browser's policy.
    """

    w: Words
    title: str
    tone: str
    mark: str
    plant: str
    row: Row | None
    state: str
    value_now: str
    help: tuple[tuple[str, str], ...]
    steps: tuple[str, ...]
    told: tuple[str, ...]
    picture: str
    alt: str
    notice: str
    good: bool
    newer: str
    away: bool
    form: str
    user: str
    comment_max: int
    nonce: str


def bare_view(plant: Plant, words: Words, answer: Answer, nonce: str) -> PageView:
    """Of a link that leads nowhere: nothing of the plant but its name."""
    return PageView(
        w=words,
        title=words.of("page", "title"),
        tone="info",
        mark=words.of("page", "title"),
        plant=plain(plant.name),
        row=None,
        state="",
        value_now="",
        help=(),
        steps=(),
        told=(),
        picture="",
        alt="",
        notice=answer_line(answer, None, words, plant.timezone),
        good=False,
        newer="",
        away=False,
        form="",
        user="",
        comment_max=COMMENT_MAX,
        nonce=nonce,
    )


def page_view(
    plant: Plant,
    words: Words,
    link: Link,
    story: Story,
    *,
    now_ns: int,
    nonce: str,
    picture: Picture | None = None,
    told: Sequence[Told] = (),
    answer: Answer | None = None,
    away: bool = False,
    form: str = "",
    user: str = "",
) -> PageView:
    rule = alarm_of(plant, link.alarm)
    tag = tag_of(plant, rule)
    priority = story.priority or (rule.priority if rule is not None else 3)
    item = Item(
        link.alarm,
        link.event,
        priority,
        story.raised_ns or link.raised_ns,
        story.state,
        False,
        story.text,
        story.data,
    )
    row = row_of(item, plant, words, now_ns)
    shown = picture is not None and tag is not None
    low, high, last = (
        (in_unit(value, tag) for value in (picture.low, picture.high, picture.last))
        if picture is not None and tag is not None
        else ("", "", "")
    )
    return PageView(
        w=words,
        title=f"P{priority} {row.alarm}",
        tone="calm"
        if story.state in {"returned", "acknowledged"} and not story.newer_ns
        else f"p{min(3, max(1, priority))}",
        mark=f"P{priority}",
        plant=plain(plant.text or plant.name),
        row=row,
        state=row.state,
        value_now=last,
        help=help_lines(link.alarm, plant, words),
        steps=tuple(_step(one, words, plant.timezone) for one in story.steps[-STEPS_MAX:]),
        told=told_lines(told, "", words, plant.timezone),
        picture=_data_url(picture.png) if picture is not None else "",
        alt=words.of("say", "alt", tag=row.tag, low=low, high=high, last=last) if shown else "",
        notice="" if answer is None else answer_line(answer, story, words, plant.timezone),
        good=answer is not None and answer.what in GOOD,
        newer=words.of("page", "newer", at=words.when(story.newer_ns, plant.timezone))
        if story.newer_ns
        else "",
        away=away,
        form=form,
        user=plain(user),
        comment_max=COMMENT_MAX,
        nonce=nonce,
    )


def answer_line(answer: Answer, story: Story | None, words: Words, timezone: str) -> str:
    """Who has already acknowledged is said where the journal knows it."""
    what = answer.what
    if what in {"already_somebody", "used"} and story is not None and story.acknowledged_by:
        by = {"who": plain(story.acknowledged_by), "at": words.clock(story.acknowledged_ns, timezone)}
        return words.of("answer", "already", **by)
    if what == "done" and story is not None and story.newer_ns:
        what = "done_earlier"
    return words.of("answer", what, who=plain(answer.who), reason=plain(answer.reason))


def _step(step: Step, words: Words, timezone: str) -> str:
    return f"{words.clock(step.at_ns, timezone)} {words.of('page', step.what, who=plain(step.who))}"


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
