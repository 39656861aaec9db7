"""Where the record goes on to: settings of the followers, frozen; secrets are references, never values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MODES: Final = ("v1", "v2", "v3")
REFERENCES: Final = ("env:", "file:", "credential:")


SERIES_MANY: Final = 50_000  # from here on influxd's memory is worth a thought (1.x: about 5 KB each)
# Kinds of event that a source of each sort can have: docs/reference/events.md, rounded up.
KINDS_OF: Final = {"tags": 4, "alarms": 20, "interlocks": 20, "commands": 12, "plcs": 16, "service": 80}


def series_at_most(tags: int, alarms: int, interlocks: int, commands: int, plcs: int) -> int:
    """How many series a plant can make in InfluxDB: two a tag, one an alarm and an interlock, and events."""
    events = (
        KINDS_OF["tags"] * tags
        + KINDS_OF["alarms"] * alarms
        + KINDS_OF["interlocks"] * interlocks
        + KINDS_OF["commands"] * commands
        + KINDS_OF["plcs"] * plcs
        + KINDS_OF["service"]
    )
    return 2 * tags + alarms + interlocks + events


@dataclass(frozen=True, slots=True)
class Influx:
    """One InfluxDB. mode: v1 writes to /write, v2 and v3 (Core) to /api/v2/write.

    database: of 1.x and 3 Core; the bucket of 2.x. retention: retention policy of 1.x, '' its default.
    password, token: references. ca: file with the certificates to trust, '' the system's.
    heartbeat_s: how often what did not change is written again. batch: lines in a request at most.
    keep_days, keep_hour_days: what `heloop influx setup` asks for; 0 for ever.
    """

    mode: str = "v1"
    url: str = "http://127.0.0.1:8086"
    database: str = "heloop"
    retention: str = ""
    org: str = ""
    user: str = ""
    password: str = ""
    token: str = ""
    ca: str = ""
    gzip: bool = False
    timeout_s: float = 10.0
    heartbeat_s: float = 60.0
    batch: int = 5_000
    keep_days: int = 730
    keep_hour_days: int = 0
