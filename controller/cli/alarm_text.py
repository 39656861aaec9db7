"""Alarms as text for a terminal: what wants somebody first, what is kept quiet below, with the reason."""

from __future__ import annotations

import shutil
import sys
import textwrap
from datetime import UTC, datetime
from typing import Any, Final

STATES: Final = {
    "A": "normal",
    "B": "unacknowledged",
    "C": "acknowledged",
    "D": "returned, unack.",
    "E": "latched, unack.",
    "F": "latched, ack.",
    "G": "shelved",
    "H": "suppressed",
    "I": "out of service",
}
QUIET: Final = frozenset("GHI")
HELP: Final = (
    ("cause", "likely cause"),
    ("consequence", "if ignored"),
    ("action", "first action"),
    ("time_allowed", "time allowed"),
)
NARROWEST: Final = 60


def width() -> int | None:
    """Columns of the terminal; None when a file or another program reads."""
    return max(NARROWEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def list_text(rows: list[dict[str, Any]], columns: int | None = None) -> str:
    """rows as the service gives them. columns: where longer lines are cut; None: not at all."""
    loud = [row for row in rows if row["state"] not in QUIET]
    quiet = [row for row in rows if row["state"] in QUIET]
    lines = [_line(row, columns) for row in loud]
    if quiet:
        lines += [
            *([""] if loud else []),
            f"kept quiet: {len(quiet)}",
            *(_line(row, columns) for row in quiet),
        ]
    return "\n".join(lines)


def _line(row: dict[str, Any], columns: int | None) -> str:
    since = at(row["since_utc_ns"])[5:16] if row["since_utc_ns"] else ""
    text = row["text"] if row["state"] not in QUIET else f"({row['quiet_by']}) {row['text']}"
    return cut(f"P{row['priority']}  {row['id']:16} {STATES[row['state']]:16} {since:11}  {text}", columns)


def cut(line: str, columns: int | None) -> str:
    return line if columns is None or len(line) <= columns else f"{line[: columns - 1]}…"


def wrapped(text: str, columns: int | None) -> str:
    """Paragraphs broken at words; lines that follow are set in."""
    if columns is None:
        return text
    lines = text.split("\n")
    return "\n".join(textwrap.fill(line, columns, subsequent_indent="  ") for line in lines)


def show_text(row: dict[str, Any], columns: int | None = None) -> str:
    lines = [f"{row['id']} (priority {row['priority']}, {row['area']}): {row['text']}", row["why"]]
    lines += [f"{title}: {row['help'][key]}" for key, title in HELP if row["help"][key]]
    return wrapped("\n".join(lines), columns)


def history_line(entry: Any, columns: int | None) -> str:
    """One event of the journal."""
    what = entry.kind.removeprefix("alarm.")
    if what == "raised" and "withheld" in entry.data:
        what = "raised, quiet"
    return cut(f"{at(entry.utc_ns)}  {what:14} {entry.source:16} {entry.text}", columns)


def at(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
