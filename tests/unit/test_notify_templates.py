"""Templates and texts of the plant's own: what they change, and what is wrong with them at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from alarms.delivery import Why
from controller.followers.notify.chat import chat_text
from controller.followers.notify.letter import letter
from controller.followers.notify.samples import check_templates
from controller.followers.notify.templates import Templates
from controller.followers.notify.words import TemplateError
from tests.unit.notify_messages import context, message, university


def loaded(folder: Path, **files: str) -> Templates:
    """Files of the folder: chat_txt stands for chat.txt."""
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    templates = Templates(str(folder))
    check_templates(templates, university())
    return templates


def test_ours_stand_every_try() -> None:
    check_templates(Templates(), university())


def test_a_block_of_ours_can_be_changed_and_the_rest_stays(tmp_path: Path) -> None:
    text = "{% extends 'ours/letter.txt' %}{% block foot %}Call 2345.\n{{ super() }}{% endblock %}"
    mail = letter(message(), context(templates=loaded(tmp_path, letter_txt=text)))
    body = mail.get_body(("plain",))
    assert body is not None
    assert "Call 2345.\nheloop supervises" in body.get_content()
    assert body.get_content().startswith("[P1] LT-201.HH")


def test_a_text_can_be_said_otherwise_in_one_language(tmp_path: Path) -> None:
    words = '[say]\nsafety = "内線2345へ連絡してください。"\n[tag]\ntest = "試験"\n'
    templates = loaded(tmp_path, words_ja_toml=words)
    assert "内線2345へ連絡してください。" in chat_text(message(), context("ja", templates=templates))[1]
    assert "not a safety function" in chat_text(message(), context(templates=templates))[1]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("letter_txt", "one\n{% if %}", "letter.txt:2: "),
        ("letter_html", "a\nb\n{{ vlaue }}", "letter.html:3: 'vlaue' is undefined"),
        ("chat_txt", "{{ main.text }}", "chat.txt:1: 'None' has no attribute 'text'"),
        ("page_html", "{{ row.__class__.mro() }}", "page.html:1: "),
        ("words_ja_toml", "[say]\nsafty = 'x'", "words.ja.toml: [say] safty: there is no such text"),
        ("words_ja_toml", "[sya]\nx = 'x'", "words.ja.toml: there is no [sya]; there are lead,"),
        ("words_ja_toml", "[say]\nago = '{spam}前'", "{spam} is not filled in here; there are: {span}"),
        ("words_ja_toml", "[say]\nago = '{span.x}'", "{span.x} is not filled in here"),
        ("words_ja_toml", "[say]\nago = '{'", "a brace that is meant as one is written twice"),
        ("words_ja_toml", "[say]\nago = 7", "a text in quotes"),
        ("words_ja_toml", "[time]\ndays = ['a']", "a list of 7 texts"),
        ("words_ja_toml", "ago", "texts are lines of NAME"),
    ],
)
def test_what_is_wrong_is_told_at_the_start_with_its_place(
    tmp_path: Path, name: str, text: str, said: str
) -> None:
    with pytest.raises(TemplateError) as error:
        loaded(tmp_path, **{name: text})
    assert said in str(error.value)


def test_a_misspelt_file_is_no_silence(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"leter.html: no template has this name; there are chat"):
        loaded(tmp_path, leter_html="x")
    with pytest.raises(TemplateError, match="there is no such folder of templates"):
        Templates(str(tmp_path / "nowhere"))


def test_a_template_that_fails_at_night_costs_its_looks_not_the_message(tmp_path: Path) -> None:
    text = "{% if why == 'worse' and count > 40 %}{{ 1 // 0 }}{% endif %}own"
    templates = loaded(tmp_path, chat_txt=text)
    body = chat_text(message(), context(templates=templates))[1]
    assert (body, templates.trouble) == ("own", "")
    body = chat_text(message(Why.WORSE, count=41), context(templates=templates))[1]
    assert "It has become worse." in body
    assert templates.trouble == "chat.txt:1: integer division or modulo by zero"
