"""A reference for the alarm engine that does everything the slow and obvious way.

It looks at every alarm every second, keeps each fact in a plain attribute and knows no bands, heaps,
records or folds. All times are whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from alarms.signal import is_bad

SHELF_MAX_S = {1: 0, 2: 3600, 3: 8 * 3600}


@dataclass
class Rule:
    id: str
    tag: int
    high: bool
    limit: float
    deadband: float
    priority: int
    on_s: int = 0
    off_s: int = 0
    latching: bool = False
    confirm: bool = False
    worse: str = ""
    suppressed_in: int | None = None  # value of the state tag


@dataclass
class Past:
    """An earlier activation that waits."""

    acknowledged: bool
    confirmed: bool


@dataclass
class Naive:
    """One alarm."""

    rule: Rule
    beyond: bool = False
    active: bool = False
    pending_s: int = 0
    running: bool = False
    acknowledged: bool = True
    confirmed: bool = True
    latched: bool = False
    presented: bool = False
    fresh: bool = True
    shelf_from: int | None = None
    shelf_until: int = 0
    once: bool = False
    out_until: int | None = None
    past: list[Past] = field(default_factory=list)

    def verdict(self, value: float, status: int) -> bool | None:
        if is_bad(status):
            return None
        rule = self.rule
        back = rule.deadband if self.beyond else 0.0
        self.beyond = value >= rule.limit - back if rule.high else value <= rule.limit + back
        return self.beyond

    def turns(self, verdict: bool | None, passed: bool) -> bool:
        """Whether the delayed verdict changes now; a second that passed counts if it ran before."""
        if verdict is False:
            self.fresh = False
        if verdict is None:
            self.running = False
            return False
        if verdict == self.active:
            self.pending_s, self.running = 0, False
            return False
        self.pending_s += self.running and passed
        self.running = True
        return self.pending_s >= (self.rule.on_s if verdict else self.rule.off_s)


class Reference:
    """All of them, one state tag that suppresses, and what was announced: (second, alarm, reason)."""

    def __init__(self, rules: list[Rule], state_tag: int, entry_s: int, exit_s: int) -> None:
        self.alarms = {rule.id: Naive(rule) for rule in rules}
        self.state_tag = state_tag
        self.entry_s, self.exit_s = entry_s, exit_s
        self.state_suppresses = False
        self.state_pending_s = 0
        self.state_running = False
        self.state_known = False
        self.state_unknown_s: int | None = None
        self.announced: list[tuple[int, str, str]] = []
        self.now = 0

    # --- covers ---

    def covered(self, alarm: Naive) -> bool:
        return (
            alarm.shelf_from is not None
            or alarm.out_until is not None
            or (self.state_suppresses and alarm.rule.suppressed_in is not None)
        )

    def state(self, alarm: Naive) -> str:
        if alarm.out_until is not None:
            return "I"
        if self.state_suppresses and alarm.rule.suppressed_in is not None:
            return "H"
        if alarm.shelf_from is not None:
            return "G"
        if alarm.active:
            return "C" if alarm.acknowledged else "B"
        if alarm.latched:
            return "F" if alarm.acknowledged else "E"
        return "A" if alarm.acknowledged else "D"

    # --- time ---

    def second(self, values: list[float], status: list[int], *, passed: bool) -> None:
        """Everything is looked at. passed: a second has gone by (otherwise the same second again)."""
        self.now += passed
        self._expire()
        self._suppress(values, status, passed)
        for alarm in self.alarms.values():  # the worse of a tag come first
            verdict = alarm.verdict(values[alarm.rule.tag], status[alarm.rule.tag])
            if alarm.turns(verdict, passed):
                alarm.pending_s, alarm.running = 0, False
                if verdict:
                    self._raise(alarm)
                else:
                    self._return(alarm)
            if (alarm.active or alarm.latched) and not self.covered(alarm) and not alarm.presented:
                self._uncover(alarm)

    def _expire(self) -> None:
        for alarm in self.alarms.values():
            if alarm.shelf_from is not None and self.now >= alarm.shelf_until:
                self.uncover_by_people(alarm, shelf=True)
            if alarm.out_until is not None and self.now >= alarm.out_until:
                self.uncover_by_people(alarm, shelf=False)

    def uncover_by_people(self, alarm: Naive, *, shelf: bool) -> None:
        if shelf:
            alarm.shelf_from = None
        else:
            alarm.out_until = None
        if alarm.active or alarm.latched:
            alarm.presented = False

    def _suppress(self, values: list[float], status: list[int], passed: bool) -> None:
        holds: bool | None = None if is_bad(status[self.state_tag]) else values[self.state_tag] == 1
        if holds is None:
            self.state_unknown_s = 0 if self.state_unknown_s is None else self.state_unknown_s + passed
            if self.state_unknown_s < 60:
                self.state_running = False
                return
            holds = False
        else:
            self.state_unknown_s = None
        if holds and not self.state_known:
            self.state_suppresses = True
        self.state_known = True
        if holds == self.state_suppresses:
            self.state_pending_s, self.state_running = 0, False
            return
        self.state_pending_s += self.state_running and passed
        self.state_running = True
        if self.state_pending_s >= (self.entry_s if holds else self.exit_s):
            self.state_suppresses = holds
            self.state_pending_s, self.state_running = 0, False

    # --- turns ---

    def _speaking_worse(self, alarm: Naive) -> bool:
        worse = self.alarms.get(alarm.rule.worse)
        return worse is not None and worse.active and not self.covered(worse)

    def _raise(self, alarm: Naive) -> None:
        waiting = not alarm.acknowledged or not alarm.confirmed or alarm.latched
        if not alarm.acknowledged or not alarm.confirmed:
            alarm.past = [*alarm.past, Past(alarm.acknowledged, alarm.confirmed)][-8:]
        alarm.active, alarm.acknowledged, alarm.confirmed, alarm.latched = True, False, True, False
        alarm.presented = not self.covered(alarm)
        if alarm.presented and not self._speaking_worse(alarm):
            if alarm.fresh and alarm.rule.priority != 1:
                pass
            else:
                milder = any(
                    other.active and other.rule.worse == alarm.rule.id for other in self.alarms.values()
                )
                reason = "again" if waiting else "worse" if milder else "first"
                self.announced.append((self.now, alarm.rule.id, reason))
        alarm.fresh = False

    def _return(self, alarm: Naive) -> None:
        meaningless = self.covered(alarm) and alarm.shelf_from is None
        alarm.active = False
        if alarm.rule.latching and (alarm.presented or not meaningless):
            alarm.latched = True
        elif not alarm.presented:
            alarm.acknowledged = True
        if alarm.once and alarm.shelf_from is not None:
            self.uncover_by_people(alarm, shelf=True)

    def _uncover(self, alarm: Naive) -> None:
        alarm.presented, alarm.acknowledged, alarm.confirmed = True, False, True
        if not self._speaking_worse(alarm):
            self.announced.append((self.now, alarm.rule.id, "uncovered"))

    # --- people ---

    def acknowledge(self, name: str) -> bool:
        alarm = self.alarms[name]
        waiting = [one for one in alarm.past if not one.acknowledged]
        if alarm.acknowledged and not waiting:
            return False
        if not alarm.acknowledged:
            alarm.acknowledged, alarm.confirmed = True, not alarm.rule.confirm
        for one in waiting:
            one.acknowledged, one.confirmed = True, not alarm.rule.confirm
        alarm.past = [one for one in alarm.past if not (one.acknowledged and one.confirmed)]
        return True

    def confirm(self, name: str) -> bool:
        alarm = self.alarms[name]
        waiting = [one for one in alarm.past if not one.confirmed]
        if alarm.confirmed and not waiting:
            return False
        alarm.confirmed = True
        for one in waiting:
            one.confirmed = True
        alarm.past = [one for one in alarm.past if not (one.acknowledged and one.confirmed)]
        return True

    def reset(self, name: str) -> bool:
        alarm = self.alarms[name]
        if not alarm.latched or not alarm.acknowledged or not alarm.confirmed:
            return False
        alarm.latched = False
        return True

    def shelve(self, name: str, for_s: int, once: bool) -> bool:
        alarm = self.alarms[name]
        longest = SHELF_MAX_S[alarm.rule.priority]
        if not longest or (once and alarm.once and alarm.shelf_from is not None):
            return False
        since = self.now if alarm.shelf_from is None else alarm.shelf_from
        left = longest - (self.now - since)
        wanted = left if once else for_s
        if not 0 < wanted <= left:
            return False
        alarm.shelf_from, alarm.shelf_until, alarm.once = since, self.now + wanted, once
        return True

    def unshelve(self, name: str) -> bool:
        alarm = self.alarms[name]
        if alarm.shelf_from is None:
            return False
        self.uncover_by_people(alarm, shelf=True)
        return True

    def out_of_service(self, name: str, for_s: int) -> bool:
        alarm = self.alarms[name]
        if alarm.rule.priority == 1 or alarm.out_until is not None:
            return False
        alarm.out_until = self.now + for_s
        return True

    def return_to_service(self, name: str) -> bool:
        alarm = self.alarms[name]
        if alarm.out_until is None:
            return False
        self.uncover_by_people(alarm, shelf=False)
        return True

    # --- restart ---

    def restart(self, down_s: int) -> None:
        """Pending delays and bands are gone; facts, covers and hysteresis are not."""
        self.now += down_s
        for alarm in self.alarms.values():
            alarm.beyond, alarm.pending_s, alarm.running, alarm.fresh = alarm.active, 0, False, False
        self.state_known = self.state_suppresses
        self.state_pending_s, self.state_running, self.state_unknown_s = 0, False, None
