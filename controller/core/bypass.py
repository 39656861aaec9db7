"""Bypasses of acting interlocks, and muted effect checks of mirrored ones: granted, timed, ended.

A bypass lifts the effects, not the eyes: causes are still judged and shown, and when it ends while
they stand the interlock trips. All times are wall time; they are kept as UTC and counted on the
monotonic clock, so that a stepping clock cannot make a bypass longer.
"""

from __future__ import annotations

from math import inf
from typing import Final

from controller.core.clock import Now
from controller.core.interlocks import Interlocks

SECOND_PERSON_S: Final = 600.0
MUTE_MAX_S: Final = 28_800.0


class Bypasses:
    """What runs out, and when. The deadlines of grants from before a restart are found at `begin`."""

    def __init__(self, interlocks: Interlocks) -> None:
        self.interlocks = interlocks
        self.decisions = interlocks.decisions
        self.until_s: dict[tuple[str, str], float] = {}  # (what, interlock) -> wall seconds

    def begin(self, now: Now) -> None:
        for name, record in self.decisions.durable.interlocks.items():
            if record.bypass is not None:
                self.until_s["bypass", name] = now.mono_s + (record.bypass.until_utc_ns - now.utc_ns) / 1e9
            if record.muted is not None:
                self.until_s["muted", name] = now.mono_s + (record.muted.until_utc_ns - now.utc_ns) / 1e9
            if record.asked is not None:
                age_s = (now.utc_ns - record.asked.utc_ns) / 1e9
                self.until_s["asked", name] = now.mono_s + SECOND_PERSON_S - age_s

    def due_s(self) -> float:
        return min(self.until_s.values(), default=inf)

    def remaining_s(self, what: str, name: str) -> float:
        return max(0.0, self.until_s.get((what, name), 0.0) - self.decisions.now.mono_s)

    def expire(self, now: Now) -> None:
        for (what, name), until_s in list(self.until_s.items()):
            if until_s <= now.mono_s:
                self._end(what, name, "expired", "")

    def ask(self, name: str, user: str, session: str, reason: str, for_s: float) -> None:
        data = {"user": user, "session": session, "reason": reason, "for_s": for_s}
        text = f"{name}: {user} asks for a bypass; a second person has 10 min to confirm it"
        self.decisions.say("bypass.requested", name, text, data, 400)
        self.until_s["asked", name] = self.decisions.now.mono_s + SECOND_PERSON_S

    def grant(self, name: str, user: str, confirmed_by: str, reason: str, for_s: float) -> None:
        self.until_s.pop(("asked", name), None)
        self.until_s["bypass", name] = self.decisions.now.mono_s + for_s
        text = f"{name} is bypassed for {for_s / 60:.4g} min by {user}"
        if confirmed_by:
            text += f", confirmed by {confirmed_by}"
        self.decisions.say(
            "bypass.active",
            name,
            f"{text}: {reason}",
            {
                "user": user,
                "confirmed_by": confirmed_by,
                "reason": reason,
                "for_s": for_s,
                "until_utc_ns": self.decisions.now.utc_ns + round(for_s * 1e9),
            },
        )
        self._released(name)

    def mute(self, name: str, user: str, reason: str, for_s: float) -> None:
        self.until_s["muted", name] = self.decisions.now.mono_s + for_s
        text = f"{name}: effect check inhibited for {for_s / 60:.4g} min by {user}: {reason}"
        self.decisions.say(
            "check.inhibited",
            name,
            text,
            {
                "user": user,
                "confirmed_by": "",
                "reason": reason,
                "for_s": for_s,
                "until_utc_ns": self.decisions.now.utc_ns + round(for_s * 1e9),
            },
        )

    def end(self, name: str, user: str) -> None:
        self._end("bypass", name, "ended", user)

    def unmute(self, name: str, user: str) -> None:
        self._end("muted", name, "ended", user)

    def withdraw(self, name: str, user: str) -> None:
        self._end("asked", name, "withdrawn", user)

    def _end(self, what: str, name: str, how: str, user: str) -> None:
        self.until_s.pop((what, name), None)
        by = f" by {user}" if user else ""
        data = {"how": how, "user": user}
        if what == "bypass":
            kind = "bypass.expired" if how == "expired" else "bypass.ended"
            self.decisions.say(kind, name, f"{name}: bypass {how}{by}; it acts again", data, 300)
            self._released(name)
        elif what == "muted":
            self.decisions.say("check.restored", name, f"{name}: effect check again, {how}{by}", data)
        else:
            text = f"{name}: the bypass was not confirmed ({how}{by})"
            self.decisions.say("bypass.lapsed", name, text, data)

    def _released(self, name: str) -> None:
        for logic in self.interlocks.logics:
            if logic.rule.name == name:
                logic.live.demand_told = False
                self.interlocks.released(logic)
