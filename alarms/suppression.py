"""Suppression by design: alarms that mean nothing in the present state of the plant keep their value
and their place in the list, but do not speak (state H of ISA-18.2 and IEC 62682).

A suppression stands while its condition holds, from `entry_s` after the state was entered until
`exit_s` after it was left, so that a process in motion has time to settle. Not knowing the state is
not the state: the last verdict stands for `unknown_s` wall seconds, then the alarms speak again.
Priority 1 is never suppressed; a lost link leaves its condition unknown, which silences it anyway.

A first-out group is a cascade in stages: what follows within the window from a member of the same or
an earlier stage, and is not more urgent than what people were told already, is a consequence and is
kept beneath the first-out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alarms.agenda import Unit
from alarms.book import Incident
from alarms.limits import Delay, Sight, watch
from alarms.model import Condition, Quality, Standing
from alarms.signal import Tri

SUPPRESSORS_RANK: Final = 0  # looked at before any alarm: what it covers must not speak first


class Of(StrEnum):
    STATE = "state"
    PARENT = "parent"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Suppression:
    """While `condition` holds, `members` (alarm ids) do not speak.

    entry_s, exit_s, at_most_s: plant seconds, for a lost link wall seconds. at_most_s: it ends by
    itself after so long, though the state lasts (masking at start). text: the state, for people.
    """

    name: str
    condition: Condition
    members: tuple[str, ...]
    text: str = ""
    entry_s: float = 0.0
    exit_s: float = 0.0
    at_most_s: float | None = None
    unknown_s: float = 60.0
    of: Of = Of.STATE


def parent(
    name: str, alarm: str, children: tuple[str, ...], exit_s: float = 60.0, text: str = ""
) -> Suppression:
    """While one alarm stands, and for exit_s after, those that it explains do not speak."""
    return Suppression(
        name, Standing(alarm), children, text or f"{alarm} stands", exit_s=exit_s, of=Of.PARENT
    )


def link_loss(
    name: str, alive: int, members: tuple[str, ...], exit_s: float = 5.0, text: str = ""
) -> Suppression:
    """While a PLC's sign of life is Bad, every alarm that lives on its values is silent; one alarm speaks."""
    return Suppression(
        name, Quality(alive), members, text or f"link to {name} lost", exit_s=exit_s, of=Of.LINK
    )


@dataclass(frozen=True, slots=True)
class FirstOutGroup:
    """stages: alarm ids, most upstream first; one stage alone is a plain first-out group.

    window_s: plant seconds from one member to the next that it may have caused.
    """

    name: str
    stages: tuple[tuple[str, ...], ...]
    window_s: float = 60.0
    text: str = ""


class Suppressor(Unit):
    """A suppression at work. _connecting: a link that has not been up yet, so nothing came back late."""

    __slots__ = ("_age_s", "_began_s", "_connecting", "_delay", "_known", "_unknown_since_s", "rule", "watch")

    def __init__(self, rule: Suppression) -> None:
        self.watch = watch(rule.condition)
        super().__init__(SUPPRESSORS_RANK, self.watch.tags)
        self.rule = rule
        self._delay = Delay(rule.entry_s, rule.exit_s)
        self._known = self._connecting = False
        self._unknown_since_s: float | None = None
        self._began_s: float | None = None
        self._age_s = 0.0

    def prime(self, standing: bool, age_s: float) -> None:
        """As it was before a restart; it has stood for age_s."""
        self._age_s = age_s
        self._delay.prime(standing)
        self.watch.prime(standing)
        self._known = self._known or standing

    def stands(self, sight: Sight) -> bool:
        """Whether it suppresses now; sets the deadlines for the next look."""
        rule = self.rule
        now_s = sight.mono_s if rule.of is Of.LINK else sight.plant_s
        verdict = self._settled(self.watch.look(sight), sight)
        if verdict is Tri.TRUE and not self._known:
            self._delay.prime(True)  # the state was entered before we looked: its hold time is served
            self._connecting = rule.of is Of.LINK
        if verdict is Tri.FALSE and self._connecting:
            self._delay.prime(False)  # up for the first time: no hold time, alarms speak at once
            self._connecting = False
        self._known = self._known or verdict is not Tri.UNKNOWN
        standing = self._delay.feed(verdict, now_s)
        due_s = self._delay.due_s
        if not standing:
            self._began_s = None
        elif rule.at_most_s is not None:
            if self._began_s is None:
                self._began_s, self._age_s = now_s - self._age_s, 0.0
            end_s = self._began_s + rule.at_most_s
            standing = now_s < end_s
            due_s = min(due_s, end_s) if standing else due_s
        self._want(due_s, sight.mono_s)
        return standing

    def _settled(self, verdict: Tri, sight: Sight) -> Tri:
        """Unknown holds for a while, then counts as gone."""
        if verdict is not Tri.UNKNOWN:
            self._unknown_since_s = None
            return verdict
        if self._unknown_since_s is None:
            self._unknown_since_s = sight.mono_s
        return Tri.FALSE if sight.mono_s >= self._unknown_since_s + self.rule.unknown_s else Tri.UNKNOWN

    def _want(self, delay_due_s: float, mono_s: float) -> None:
        inner = self.watch
        self.due_plant_s, self.due_mono_s = inner.due_plant_s, inner.due_mono_s
        if self.rule.of is Of.LINK:
            self.due_mono_s = min(self.due_mono_s, delay_due_s)
        else:
            self.due_plant_s = min(self.due_plant_s, delay_due_s)
        if self._unknown_since_s is not None:
            end_s = self._unknown_since_s + self.rule.unknown_s
            if end_s > mono_s:
                self.due_mono_s = min(self.due_mono_s, end_s)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a raise belongs in its group. incident: '' opens a new one under the raise's own event id."""

    incident: str
    consequence: bool


def place(
    group: FirstOutGroup, open_incident: Incident | None, stage: int, priority: int, plant_s: float
) -> Place:
    """First-out, consequence, or one more trouble of the same incident that must speak for itself."""
    if open_incident is None:
        return Place("", False)
    in_time = plant_s - open_incident.last_plant_s <= group.window_s
    downstream = stage >= open_incident.stage
    told = priority >= open_incident.priority and priority != 1
    return Place(open_incident.id, in_time and downstream and told)
