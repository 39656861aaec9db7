"""What messages and the page say, by language: our texts, and over them those of the plant's own folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Final
from zoneinfo import ZoneInfo

LANGUAGES: Final = ("en", "ja")
OURS: Final = Path(__file__).parents[2] / "templates/notify"

Section = Mapping[str, str | list[str]]


class TemplateError(Exception):
    """A template or a text of the plant's own folder cannot be used: file, line and what would help."""


class Words:
    """The texts of one language, by section and name."""

    def __init__(self, language: str, sections: Mapping[str, Section]) -> None:
        self.language = language
        self._sections = sections

    @property
    def sections(self) -> tuple[str, ...]:
        return tuple(self._sections)

    def __getitem__(self, section: str) -> Section:
        """For templates: `w.label.cause`."""
        return self._sections[section]

    def of(self, section: str, name: str, **values: object) -> str:
        """A text, its {names} filled in. Raises KeyError for one that there is not."""
        text = self._sections[section][name]
        assert isinstance(text, str), f"{section}.{name} is a text"
        return text.format(**values) if values else text

    def span(self, seconds: float) -> str:
        """A duration as people say it: the largest unit that leaves two or more, and whole numbers."""
        for name, unit_s in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
            if seconds >= 2 * unit_s:
                return self.of("say", name, count=int(seconds // unit_s))
        return self.of("say", "seconds", count=max(0, int(seconds)))

    def clock(self, at_ns: int, timezone: str) -> str:
        """Time of day in the plant's zone: '03:12:45'."""
        return local(at_ns, timezone).strftime("%H:%M:%S")

    def when(self, at_ns: int, timezone: str) -> str:
        """Date, time of day and zone: 'Mon 23 Nov 03:12:45 JST'."""
        at = local(at_ns, timezone)
        return self.of(
            "time",
            "full",
            weekday=self["time"]["days"][at.weekday()],
            day=at.day,
            month=self["time"]["months"][at.month - 1],
            clock=at.strftime("%H:%M:%S"),
            zone=at.strftime("%Z"),
        )


def local(at_ns: int, timezone: str) -> datetime:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, ZoneInfo(timezone))


def file_of(language: str) -> str:
    return f"words.{language}.toml"


@cache
def our_words(language: str) -> Words:
    """English for a language that we do not speak."""
    known = language if language in LANGUAGES else "en"
    return Words(known, tomllib.loads((OURS / file_of(known)).read_text("utf-8")))


def words_with(path: Path, language: str) -> Words:
    """Ours, with what a file of the plant's says instead. Raises TemplateError."""
    ours = our_words(language)
    try:
        theirs = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TemplateError(f'{path}: {error}; texts are lines of NAME = "text" in UTF-8') from error
    sections = {name: dict(ours[name]) for name in OURS_SECTIONS}
    for section, texts in theirs.items():
        if section not in sections or not isinstance(texts, dict):
            raise TemplateError(f"{path}: there is no [{section}]; there are {', '.join(sections)}")
        for name, text in texts.items():
            _check(path, section, name, text, sections[section])
            sections[section][name] = text
    return Words(ours.language, sections)


OURS_SECTIONS: Final = tuple(tomllib.loads((OURS / file_of("en")).read_text("utf-8")))


def _check(path: Path, section: str, name: str, text: object, ours: Section) -> None:
    """A text that would fail only at night is refused now."""
    where = f"{path}: [{section}] {name}"
    if name not in ours:
        raise TemplateError(f"{where}: there is no such text; there are {', '.join(ours)}")
    mine = ours[name]
    if isinstance(mine, list):
        if not (
            isinstance(text, list) and len(text) == len(mine) and all(isinstance(one, str) for one in text)
        ):
            raise TemplateError(f"{where}: a list of {len(mine)} texts")
        return
    if not isinstance(text, str):
        raise TemplateError(f'{where}: a text in quotes, such as "{mine}"')
    allowed = _names(mine)
    try:
        unknown = _names(text) - allowed
    except ValueError as error:
        raise TemplateError(f"{where}: {error}; a brace that is meant as one is written twice") from error
    if unknown:
        names = ", ".join(f"{{{one}}}" for one in sorted(allowed)) or "none"
        raise TemplateError(f"{where}: {{{min(unknown)}}} is not filled in here; there are: {names}")


def _names(text: str) -> set[str]:
    """What is in braces; anything but a plain name counts as unknown."""
    found = set()
    for _, name, form, conversion in Formatter().parse(text):
        if name is not None:
            found.add(name if not form and not conversion else f"{name}:{form}{conversion or ''}")
    return found
