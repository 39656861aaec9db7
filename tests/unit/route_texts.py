"""A right routes.yaml and its calendar for the plant of plant_texts, to be broken one place at a time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from controller.plant.config import Loaded, load
from tests.unit.plant_texts import TEXTS, write_plant

NOW = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)  # Tuesday, 08:00 in Tokyo

ROUTES = """\
people:
  - name: sato
    text: 佐藤
    language: ja
    user: sato
    link_acknowledges: true
    addresses:
      - mail: sato@helium.example
      - chat: env:CHAT_SATO
  - name: smith
    addresses:
      - mail: smith@helium.example
      - mail: smith@phone.example
  - name: tanaka
    every: 5 min
    addresses:
      - mail: tanaka@helium.example
rooms:
  - name: control_room
    addresses:
      - mqtt: helium/messages
times:
  - name: office
    days: [mon, tue, wed, thu, fri]
    from: 08:30
    to: 17:30
    holidays: false
  - name: night
    otherwise: office
holidays:
  dates:
    - 2026-12-29
    - 2027-01-01
rotas:
  - name: duty
    shifts:
      - times: night
        turns: [sato, smith]
        from: 2026-11-02
        turn: 7 d
        change: 08:30
      - people: [sato, smith]
    covers:
      - from: 2026-12-28 09:00
        to: 2027-01-04 09:00
        people: [smith]
  - name: calls
    calendar: duty.ics
    hole_ok: office
routes:
  - name: act_now
    match:
      priorities: [1]
    delay: 10 s
    steps:
      - to: [duty, control_room]
        repeat: 5 min
        repeats: 3
      - to: [calls]
        after: 10 min
        ways: [mail]
    stop: [acknowledged, returned]
    tell_return: true
  - name: bag
    match:
      areas: [bag]
      classes: [process]
      tags: [LT-201.*]
    quiet: night
    digest: 08:45
    steps:
      - to: [tanaka]
        times: office
    routes:
      - name: lowest
        match:
          tags: [LT-201.LL]
        nobody: true
  - name: rest
    steps:
      - to: [control_room]
trouble: [tanaka, control_room]
undeliverable_after: 5 min
mail:
  host: mail.helium.example
  user: heloop
  password: file:/etc/heloop/mail.password
  sender: heloop <heloop@helium.example>
mqtt:
  host: 127.0.0.1
page:
  url: https://plant.helium.example/
  link: 4 h
heartbeat:
  every: 15 min
  url: env:HEARTBEAT_URL
test:
  to: [tanaka]
  days: [mon, thu]
  at: 09:00
"""

CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20261101T000000Z
DTSTART;TZID=Asia/Tokyo:20261102T090000
DTEND;TZID=Asia/Tokyo:20261109T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:On call: Sato
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTAMP:20261101T000000Z
DTSTART;TZID=Asia/Tokyo:20261109T090000
DTEND;TZID=Asia/Tokyo:20261116T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
SUMMARY:duty week
ATTENDEE;CN=Smith:mailto:smith@phone.example
END:VEVENT
END:VCALENDAR
"""

FILES = {"routes.yaml": ROUTES, "duty.ics": CALENDAR}


def write_routes(folder: Path, files: dict[str, str] | None = None) -> Path:
    """The small plant with these beside it."""
    return write_plant(folder, {**TEXTS, **(FILES if files is None else files)})


def changed_files(file: str, old: str, new: str) -> dict[str, str]:
    """FILES with one place changed; what is there has to be there once."""
    assert FILES[file].count(old) == 1, f"{old!r} stands {FILES[file].count(old)} times in {file}"
    return {**FILES, file: FILES[file].replace(old, new)}


def loaded(folder: Path, files: dict[str, str] | None = None, now: datetime = NOW) -> Loaded:
    return load(write_routes(folder, files), now)


def said(folder: Path, found: Loaded) -> list[str]:
    """Errors, then warnings, without the folder."""
    errors = [str(one) for one in found.errors]
    warnings = [str(one).replace(": ", ": warning: ", 1) for one in found.warnings]
    return [one.removeprefix(f"{folder}/") for one in [*errors, *warnings]]
