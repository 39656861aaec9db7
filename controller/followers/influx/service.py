"""How the service itself does, as points of `service`: of what the core answers to a status query. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from controller.followers.influx.lines import Field, key, line

CORE_FLOATS: Final = {
    **dict.fromkeys(("up_s", "plant_s", "speed"), "service"),
    **dict.fromkeys(("step_ms_p50", "step_ms_p99", "evaluate_ms_p99"), "loop"),
    "commit_s": "journal",
}
CORE_COUNTS: Final = {
    **dict.fromkeys(("changes", "inbox_max", "inbox_dropped", "events"), "loop"),
    **dict.fromkeys(("rows_written", "rows_dropped", "events_refused"), "journal"),
}
LINK_COUNTS: Final = (
    *("changes", "overflows", "gaps", "reconnects", "bad_nodes", "writes", "writes_failed"),
)


def core_lines(plant: str, status: Mapping[str, Any], at_ns: int) -> Iterator[str]:
    """One point of the core and one of each link."""
    fields: dict[str, Field] = {"alive": 1, "ready": int(status["service"]["ready"])}
    fields |= {name: float(status[part][name]) for name, part in CORE_FLOATS.items()}
    fields |= {name: int(status[part][name]) for name, part in CORE_COUNTS.items()}
    fields |= {
        "journal_lag_s": float(status["journal"]["lag_s"]),
        "journal_seq": int(status["journal"]["seq"]),
    }
    yield line(key("service", {"plant": plant, "part": "core"}), fields, at_ns)
    for row in status["links"]:
        of_link: dict[str, Field] = {"up": int(row["up"])}
        of_link |= {name: int(row[name]) for name in LINK_COUNTS if isinstance(row[name], int)}
        if row["fresh_s"] is not None:
            of_link["fresh_s"] = float(row["fresh_s"])
        yield line(key("service", {"plant": plant, "part": "link", "name": row["plc"]}), of_link, at_ns)


def follower_line(plant: str, name: str, counts: Mapping[str, int], lag_s: float, at_ns: int) -> str:
    """counts: blocks_behind, events_behind and the meters."""
    tags = {"plant": plant, "part": "follower", "name": name}
    return line(key("service", tags), {"lag_s": lag_s, **counts}, at_ns)
