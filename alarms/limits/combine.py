"""Combinations: and, or, not, votes, held for a time, another alarm standing, and counts in a window.

All terms are looked at, never only as many as are needed: each keeps its own gate and deadline true.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from math import inf
from typing import Any

from alarms.limits.watch import Delay, Names, Sight, Watch
from alarms.model import Count, Held, Standing, Told
from alarms.signal import Tri, vote


class _Combined(Watch):
    """Gates, deadlines and memory of the terms."""

    __slots__ = ("terms",)

    def __init__(self, terms: Sequence[Watch]) -> None:
        super().__init__(*(gate for term in terms for gate in term.gates))
        self.terms = tuple(terms)

    def prime(self, active: bool) -> None:
        for term in self.terms:
            term.prime(active)

    def memory(self) -> dict[str, Any]:
        for term in self.terms:
            term.news = False
        kept = {str(place): term.memory() for place, term in enumerate(self.terms)}
        return {place: memory for place, memory in kept.items() if memory}

    def recall(self, memory: Mapping[str, Any], sight: Sight) -> None:
        for place, term in enumerate(self.terms):
            if str(place) in memory:
                term.recall(memory[str(place)], sight)

    def about(self, sight: Sight) -> dict[str, Any]:
        return {key: value for term in self.terms for key, value in term.about(sight).items()}

    def ask(self, sight: Sight) -> list[Tri]:
        answers = [term.look(sight) for term in self.terms]
        self.due_plant_s = min((term.due_plant_s for term in self.terms), default=inf)
        self.due_mono_s = min((term.due_mono_s for term in self.terms), default=inf)
        self.news = self.news or any(term.news for term in self.terms)
        return answers


class VoteWatch(_Combined):
    """At least `needed`: all of them is `and`, one of them is `or`."""

    __slots__ = ("_needed",)

    def __init__(self, needed: int, terms: Sequence[Watch]) -> None:
        super().__init__(terms)
        self._needed = needed

    def look(self, sight: Sight) -> Tri:
        return vote(self._needed, self.ask(sight))

    def say(self, sight: Sight, names: Names) -> str:
        clauses = [term.say(sight, names) for term in self.terms]
        if self._needed == len(clauses):
            return " and ".join(clauses)
        return (" or " if self._needed == 1 else f" (any {self._needed} of) ").join(clauses)


class NotWatch(_Combined):
    __slots__ = ()

    def __init__(self, term: Watch) -> None:
        super().__init__((term,))

    def prime(self, active: bool) -> None:
        self.terms[0].prime(not active)

    def look(self, sight: Sight) -> Tri:
        return self.ask(sight)[0].negated()

    def say(self, sight: Sight, names: Names) -> str:
        return f"not: {self.terms[0].say(sight, names)}"


class HeldWatch(_Combined):
    """True once the term has been true for its time; unknown stops the clock and is said so."""

    __slots__ = ("_delay", "_rule")

    def __init__(self, rule: Held, term: Watch) -> None:
        super().__init__((term,))
        self._rule = rule
        self._delay = Delay(rule.for_s, 0.0)

    def prime(self, active: bool) -> None:
        super().prime(active)
        self._delay.prime(active)

    def look(self, sight: Sight) -> Tri:
        answer = self.ask(sight)[0]
        out = self._delay.feed(answer, sight.plant_s)
        self.due_plant_s = min(self.due_plant_s, self._delay.due_s)
        return answer if answer is Tri.UNKNOWN else Tri.of(out)

    def say(self, sight: Sight, names: Names) -> str:
        left_s = self._delay.left_s(sight.plant_s)
        wait = "" if left_s is None else f" ({left_s:.1f} s of {self._rule.for_s:g} s left)"
        return self.terms[0].say(sight, names) + wait


class StandingWatch(Watch):
    """Another alarm is active. No gate: the engine looks again when that alarm turns."""

    __slots__ = ("_rule",)

    def __init__(self, rule: Standing) -> None:
        super().__init__()
        self._rule = rule

    def look(self, sight: Sight) -> Tri:
        return Tri.of(self._rule.alarm in sight.active)

    def say(self, sight: Sight, names: Names) -> str:  # noqa: ARG002
        return f"{self._rule.alarm} {'stands' if self._rule.alarm in sight.active else 'does not stand'}"


class ToldWatch(Watch):
    """Somebody else decides. No gate: the engine looks again when it is told."""

    __slots__ = ("_rule",)

    def __init__(self, rule: Told) -> None:
        super().__init__()
        self._rule = rule

    def look(self, sight: Sight) -> Tri:
        return Tri.of(self._rule.fact in sight.told)

    def about(self, sight: Sight) -> dict[str, Any]:
        telling = sight.told.get(self._rule.fact)
        return {} if telling is None else dict(telling.data)

    def say(self, sight: Sight, names: Names) -> str:  # noqa: ARG002
        telling = sight.told.get(self._rule.fact)
        return f"nothing is told of {self._rule.fact}" if telling is None else telling.text


class CountWatch(_Combined):
    """How often the term became true within the window; what was true at the start does not count."""

    __slots__ = ("_rule", "_times_s", "_times_utc_ns", "_was")

    def __init__(self, rule: Count, term: Watch) -> None:
        super().__init__((term,))
        self._rule = rule
        self._was = Tri.UNKNOWN
        self._times_s: deque[float] = deque(maxlen=rule.times)
        self._times_utc_ns: deque[int] = deque(maxlen=rule.times)

    def prime(self, active: bool) -> None:
        """The term's own state is not known from the count's."""

    def memory(self) -> dict[str, Any]:
        return {"utc_ns": list(self._times_utc_ns), **super().memory()}

    def recall(self, memory: Mapping[str, Any], sight: Sight) -> None:
        super().recall(memory, sight)
        self._times_utc_ns.extend(int(time) for time in memory.get("utc_ns", ()))
        self._times_s.extend(sight.plant_s - (sight.utc_ns - time) / 1e9 for time in self._times_utc_ns)

    def look(self, sight: Sight) -> Tri:
        rule, answer = self._rule, self.ask(sight)[0]
        if answer is Tri.TRUE and self._was is Tri.FALSE:
            self._times_s.append(sight.plant_s)
            self._times_utc_ns.append(sight.utc_ns)
            self.news = True
        if answer is not Tri.UNKNOWN:
            self._was = answer
        full = len(self._times_s) == rule.times and self._times_s[0] + rule.window_s > sight.plant_s
        if full:
            self.due_plant_s = min(self.due_plant_s, self._times_s[0] + rule.window_s)
        return Tri.of(full)

    def say(self, sight: Sight, names: Names) -> str:
        rule = self._rule
        recent = sum(time + rule.window_s > sight.plant_s for time in self._times_s)
        return f"{recent} of {rule.times} times within {rule.window_s:g} s: {self.terms[0].say(sight, names)}"
