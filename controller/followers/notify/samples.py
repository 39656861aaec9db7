"""Tries the plant's own templates with every kind of message, so that a broken one is told at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alarms.delivery import Why
from controller.followers.notify.acknowledging import Answer
from controller.followers.notify.page_view import PageView, bare_view
from controller.followers.notify.templates import MESSAGE_FILES, Templates
from controller.followers.notify.view import View
from controller.followers.notify.wording import Row
from controller.followers.notify.words import Words
from controller.plant.plant import Plant

ROW = Row(
    alarm="LT-201.HH",
    tag="LT-201",
    text="bag level: very high",
    headline="bag level 96.1 % (limit 95 %)",
    priority=1,
    value="96.1 %",
    limit="95 % or above",
    since="Mon 23 Nov 03:12:45 JST",
    clock="03:12:45",
    ago="2 min ago",
    state="active",
    first_out=True,
    said="",
    area="gas bag",
    interlock="S-07 University cannot take gas",
)


def check_templates(templates: Templates, plant: Plant) -> None:
    """Raises TemplateError, with file and line, for one that cannot be filled in."""
    for name in MESSAGE_FILES:
        templates.try_out(name, _messages)
    templates.try_out("page.html", lambda words: [_values(page) for page in _pages(words, plant)])


def _messages(words: Words) -> list[Mapping[str, Any]]:
    """A full one of each kind, and one in which nothing is known."""
    full = [_values(_view(words, why)) | {"cid": "trend"} for why in Why]
    empty = replace(
        _view(words, Why.TEST),
        main=None,
        help=(),
        rows=(),
        more=0,
        link="",
        told=(),
        because="",
        picture=False,
    )
    return [*full, _values(empty) | {"cid": "trend"}]


def _view(words: Words, why: Why) -> View:
    return View(
        w=words,
        why=why.value,
        mark="P1",
        tone="p1",
        subject="[P1] LT-201.HH bag level 96.1 % (limit 95 %) university",
        headline="LT-201.HH bag level 96.1 % (limit 95 %)",
        lead="New alarm.",
        plant="university",
        because="step 1 of route night",
        main=ROW,
        help=(("First action", "start C-351"),),
        first_out="XS-501.ON purifier state: alarm (03:12:44)",
        rows=(ROW, replace(ROW, value="", limit="", first_out=False)),
        more=3,
        count=6,
        held_back=2,
        value_now="96.8 %",
        picture=True,
        alt="LT-201 over the last hour",
        link="https://heloop.example/a/x",
        link_label="Show and acknowledge",
        link_notes=("The link works once.",),
        told=("tanaka: told at 03:02:11",),
        automatic="Sent automatically.",
    )


def _pages(words: Words, plant: Plant) -> list[PageView]:
    bare = bare_view(plant, words, Answer("forged"), "nonce")
    full = replace(
        bare,
        tone="p1",
        row=ROW,
        state="active",
        value_now="96.8 %",
        help=(("First action", "start C-351"),),
        steps=("03:12:45 raised",),
        told=("tanaka: told at 03:02:11",),
        picture="data:image/png;base64,",
        alt="LT-201 over the last hour",
        form="form",
    )
    return [bare, full, replace(full, user="sato", newer="again", away=True, good=True)]


def _values(view: View | PageView) -> dict[str, Any]:
    """Of their fields, one level deep."""
    return {name: getattr(view, name) for name in view.__slots__}
