"""Jinja templates of messages and the page: ours, and before them those of the plant's own folder.

A broken template of the folder is an error when the service starts. Should one fail later all the same,
on a message that nobody thought of, ours takes its place: a message is never lost to its looks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import ChoiceLoader, FileSystemLoader, PrefixLoader, StrictUndefined, TemplateSyntaxError
from jinja2 import TemplateError as JinjaError
from jinja2.sandbox import SandboxedEnvironment

from controller.followers.notify.words import (
    LANGUAGES,
    OURS,
    TemplateError,
    Words,
    file_of,
    our_words,
    words_with,
)

FILES: Final = ("letter.html", "letter.txt", "chat.txt", "page.html")
# What somebody's own template can raise while it is filled in.
UNUSABLE: Final = (
    JinjaError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RecursionError,
    TypeError,
    ValueError,
)
MESSAGE_FILES: Final = FILES[:3]
# Ground and ink of a headline, for every template: `tones[tone]`.
TONES: Final = {
    "p1": ("#b3001b", "#ffffff"),
    "p2": ("#f0a30a", "#1a1a1a"),
    "p3": ("#f5df4d", "#1a1a1a"),
    "calm": ("#2f6f4f", "#ffffff"),
    "info": ("#1f4f82", "#ffffff"),
}


class Templates:
    """folder: of routes.yaml's `templates`, '' none. Raises TemplateError.

    A file there may extend ours by the name 'ours/letter.html' and change single blocks. trouble: what
    was wrong with one of theirs the last time, '' nothing.
    """

    def __init__(self, folder: str = "") -> None:
        ours = FileSystemLoader(OURS)
        self._ours = _environment(ChoiceLoader([ours, PrefixLoader({"ours": ours})]))
        self._theirs: SandboxedEnvironment | None = None
        self._own: frozenset[str] = frozenset()
        self._words = {language: our_words(language) for language in LANGUAGES}
        self.trouble = ""
        if folder:
            self._take(Path(folder))
            both = ChoiceLoader([FileSystemLoader(folder), ours, PrefixLoader({"ours": ours})])
            self._theirs = _environment(both)
            self._compile(Path(folder))

    def words(self, language: str) -> Words:
        """English for a language that we do not speak."""
        return self._words.get(language) or self._words["en"]

    def render(self, name: str, values: Mapping[str, Any]) -> str:
        """One of FILES, filled in."""
        if self._theirs is not None and name in self._own:
            try:
                return self._theirs.get_template(name).render(values)
            except UNUSABLE as error:
                self.trouble = _spoken(name, error)
        return self._ours.get_template(name).render(values)

    def try_out(self, name: str, samples: Callable[[Words], list[Mapping[str, Any]]]) -> None:
        """Renders one of theirs with samples in each language. Raises TemplateError with file and line."""
        if self._theirs is None or name not in self._own:
            return
        for language in LANGUAGES:
            for values in samples(self._words[language]):
                try:
                    self._theirs.get_template(name).render(values)
                except UNUSABLE as error:
                    raise TemplateError(_spoken(name, error)) from error

    def _take(self, folder: Path) -> None:
        """Which files there are; a misspelt name would be no error otherwise, only silence."""
        if not folder.is_dir():
            raise TemplateError(f"{folder}: there is no such folder of templates")
        known = {*FILES, *(file_of(language) for language in LANGUAGES)}
        there = {one.name for one in folder.iterdir() if one.suffix in {".html", ".txt", ".toml"}}
        if strange := sorted(there - known):
            names = ", ".join(sorted(known))
            raise TemplateError(f"{folder / strange[0]}: no template has this name; there are {names}")
        self._own = frozenset(there & set(FILES))
        for language in LANGUAGES:
            if file_of(language) in there:
                self._words[language] = words_with(folder / file_of(language), language)

    def _compile(self, folder: Path) -> None:
        assert self._theirs is not None
        for name in sorted(self._own):
            try:
                self._theirs.get_template(name)
            except (JinjaError, UnicodeDecodeError) as error:
                raise TemplateError(_spoken(str(folder / name), error)) from error


def _environment(loader: ChoiceLoader) -> SandboxedEnvironment:
    environment = SandboxedEnvironment(
        loader=loader,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["tones"] = TONES
    return environment


def _spoken(name: str, error: Exception) -> str:
    """With the line, which Jinja keeps in the traceback when a template fails while it runs."""
    line = error.lineno if isinstance(error, TemplateSyntaxError) else None
    trace = error.__traceback__
    while trace is not None and not isinstance(error, TemplateSyntaxError):
        if trace.tb_frame.f_code.co_filename.endswith(Path(name).name):
            line = trace.tb_lineno
        trace = trace.tb_next
    return f"{name}:{line or 1}: {error}"
