"""The followers' settings, checked."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.problems import Problems
from controller.plant.schema.sinkfile import InfluxEntry
from controller.plant.sinks import REFERENCES, Influx

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def build_influx(entry: InfluxEntry | None, place: Place, problems: Problems) -> Influx | None:
    """place: of the block `influx`."""
    if entry is None:
        return None
    parts = urlsplit(entry.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path not in {"", "/"}:
        problems.error(place / "url", f"'{entry.url}' is no address; write http://HOST:8086 or https://HOST")
    elif parts.username or parts.password:
        problems.error(place / "url", "a secret does not belong in an address; use `user` and `password`")
    for key in ("database", "retention"):
        name = getattr(entry, key)
        if name and not _NAME.fullmatch(name):
            problems.error(place / key, f"'{name}' is no proper name; use letters, digits, '_', '-' and '.'")
    for key in ("password", "token"):
        if (secret := getattr(entry, key)) and not secret.startswith(REFERENCES):
            message = "a secret does not belong in a plant file; write env:NAME, file:PATH or credential:NAME"
            problems.error(place / key, message)
    _check_mode(entry, place, problems)
    timeout_s = duration_s(place / "timeout", entry.timeout, problems)
    heartbeat_s = duration_s(place / "heartbeat", entry.heartbeat, problems)
    if not 1 <= timeout_s <= 120:
        problems.error(place / "timeout", "`timeout` is between 1 s and 120 s")
    if not 10 <= heartbeat_s <= 3600 or heartbeat_s != int(heartbeat_s):
        problems.error(place / "heartbeat", "`heartbeat` is between 10 s and 1 h, in whole seconds")
    left = entry.model_dump(exclude={"timeout", "heartbeat", "url"})
    return Influx(**left, url=entry.url.rstrip("/"), timeout_s=timeout_s, heartbeat_s=heartbeat_s)


def _check_mode(entry: InfluxEntry, place: Place, problems: Problems) -> None:
    if entry.mode == "v1":
        for key in ("org", "token"):
            if getattr(entry, key):
                problems.error(place / key, f"`{key}` belongs to v2 or v3; v1 has `user` and `password`")
        if entry.password and not entry.user:
            problems.error(place / "password", "a password without `user`; add the user's name")
        return
    for key in ("user", "password", "retention"):
        if getattr(entry, key):
            problems.error(place / key, f"`{key}` belongs to v1; {entry.mode} has `token`")
    if entry.mode == "v2" and not entry.org:
        problems.error(place / "mode", "v2 wants `org` as well: the organization that the bucket is in")
