"""Which database: the plant's `influx` block, with HELOOP_INFLUX_* from the environment on top."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from controller.plant.plant import Plant
from controller.plant.sinks import MODES, Influx

PREFIX: Final = "HELOOP_INFLUX_"
PLAIN: Final = ("MODE", "URL", "DATABASE", "ORG", "USER", "CA")
SECRET: Final = ("PASSWORD", "TOKEN")


class BadSettings(Exception):
    """What the environment says does not go together; the text says what."""


def settings_of(plant: Plant, environment: Mapping[str, str] | None = None) -> Influx:
    """Raises BadSettings. A secret in the environment is referred to, not copied."""
    given = os.environ if environment is None else environment
    settings = plant.influx or Influx()
    changes: dict[str, str] = {name.lower(): given[PREFIX + name] for name in PLAIN if PREFIX + name in given}
    changes |= {name.lower(): f"env:{PREFIX}{name}" for name in SECRET if PREFIX + name in given}
    if changes.get("mode", "v1") not in MODES:
        raise BadSettings(f"{PREFIX}MODE is {changes['mode']}; there are {', '.join(MODES)}")
    if "url" in changes:
        changes["url"] = changes["url"].rstrip("/")
        if not changes["url"].startswith(("http://", "https://")):
            raise BadSettings(f"{PREFIX}URL is '{changes['url']}'; write http://HOST:8086")
    settings = replace(settings, **changes)  # type: ignore[arg-type]
    if settings.mode == "v2" and not settings.org:
        raise BadSettings(
            f"InfluxDB 2.x wants an organization: `org` of `influx` in plant.yaml, or {PREFIX}ORG"
        )
    return settings
