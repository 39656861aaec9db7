"""What has become of the alarm of a link, read from the journal: nobody need be asked who may be away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from alarms.records import Recorded
from controller.followers.notify.links import Link
from controller.record.errors import RecordError
from controller.record.reader import Reader, Where

SLACK_NS: Final = 2_000_000_000  # a link has its time in whole seconds
EVENTS_MAX: Final = 500
KINDS: Final = {
    "alarm.raised": "raised",
    "alarm.returned": "returned",
    "alarm.acknowledged": "acknowledged",
    "alarm.announced": "announced",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened to the alarm. what: one of KINDS' words; who: of an acknowledgement."""

    at_ns: int
    what: str
    who: str = ""


@dataclass(slots=True)
class Story:
    """The activation that a link is for, and whether a newer one stands.

    raised: its record's text and data. acknowledged_by: '' while nobody has. newer_ns: when the alarm came
    up again, 0 when it did not. known: whether the journal still has it.
    """

    known: bool = False
    priority: int = 0
    raised_ns: int = 0
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    acknowledged_by: str = ""
    acknowledged_ns: int = 0
    returned_ns: int = 0
    newer_ns: int = 0
    steps: list[Step] = field(default_factory=list)

    @property
    def state(self) -> str:
        """A name of the texts' [state]."""
        if not self.known:
            return "unknown"
        if self.returned_ns:
            return "returned" if self.acknowledged_by else "waiting"
        return "acknowledged" if self.acknowledged_by else "unacknowledged"


def story_of(data: Path, link: Link) -> Story:
    """As the journal has it now; an unknown one when there is no journal, or it forgot."""
    where = Where(kinds=tuple(KINDS), sources=(link.alarm,), from_ns=link.raised_ns - SLACK_NS)
    try:
        with Reader(data) as reader:
            return told(reader.events(where=where, limit=EVENTS_MAX), link.event)
    except RecordError:
        return Story()


def told(events: Iterable[Recorded], wanted: str) -> Story:
    """wanted: the EventId of the activation's raise, or of a later event of it. Oldest first."""
    story = Story()
    activation = ours = ""
    raises: dict[str, Recorded] = {}
    for event in events:
        data = event.data
        if event.kind == "alarm.raised":
            activation = str(data["event"])
            raises[activation] = event
        if data.get("event") == wanted and not ours:
            ours = activation
            _begin(story, raises.get(ours), event)
        word = KINDS.get(event.kind)
        if word is not None:
            story.steps.append(Step(event.utc_ns, word, str(data.get("user", ""))))
        if ours:
            _go_on(story, event, activation, ours)
    return story


def _begin(story: Story, raised: Recorded | None, event: Recorded) -> None:
    first = raised if raised is not None else event
    story.known = True
    story.raised_ns = first.utc_ns
    story.priority = int(first.data.get("priority", 0))
    story.text = str(getattr(first, "text", ""))
    story.data = dict(first.data)


def _go_on(story: Story, event: Recorded, activation: str, ours: str) -> None:
    """What the event means for our activation. An earlier one is named among the branches."""
    match event.kind:
        case "alarm.raised" if activation != ours:
            story.newer_ns = story.newer_ns or event.utc_ns
        case "alarm.returned" if activation == ours:
            story.returned_ns = event.utc_ns
        case "alarm.acknowledged":
            meant = activation == ours and event.data.get("trunk")
            if (meant or ours in event.data.get("branches", ())) and not story.acknowledged_by:
                story.acknowledged_by = str(event.data.get("user", ""))
                story.acknowledged_ns = event.utc_ns
        case _:
            pass
