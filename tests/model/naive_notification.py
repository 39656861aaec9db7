"""A reference for the steps of notification that does everything the slow and obvious way.

One alarm is one incident; people are named by the steps themselves; nobody has a rate limit. It looks
at everything every second, keeps whole seconds and knows no deadlines.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class NaiveStep:
    person: str
    after_s: int = 0
    repeat_s: int = 0
    repeats: int = 0


@dataclass
class NaiveRoute:
    steps: list[NaiveStep]
    delay_s: int
    stop: set[str]


@dataclass
class NaiveAlarm:
    """since_s: when it was announced (last); steps taken, and when the last of them was."""

    route: NaiveRoute
    active: bool = False
    latched: bool = False
    acknowledged: bool = True
    shelved: bool = False
    out: bool = False
    announced: bool = False
    running: bool = False
    ready_s: int = 0  # when its delay is over
    taken: int = 0
    last_step_s: int = 0
    news: bool = False
    again: list[list[int]] = field(default_factory=list)  # step, since, done
    raises: int = 0
    heard: dict[str, int] = field(default_factory=dict)  # person: of how many raises

    def calls(self) -> bool:
        stands = self.active or self.latched
        if not self.announced or self.out or (self.shelved and "shelved" in self.route.stop):
            return False
        if self.acknowledged and ("acknowledged" in self.route.stop or not stands):
            return False
        return stands or "returned" not in self.route.stop


class Reference:
    """told: (second, person, alarm), each once."""

    def __init__(self, alarms: dict[str, NaiveRoute]) -> None:
        self.alarms = {name: NaiveAlarm(route) for name, route in alarms.items()}
        self.told: set[tuple[int, str, str]] = set()
        self.now_s = 0

    def raised(self, name: str) -> None:
        one = self.alarms[name]
        one.active, one.latched, one.acknowledged, one.announced = True, False, False, True
        one.shelved = one.out = False
        one.raises += 1
        one.ready_s = self.now_s + max(one.route.delay_s, one.route.steps[0].after_s)
        if not one.running:
            one.running, one.taken, one.again, one.news = True, 0, [], False
        elif one.taken:
            one.news = True

    def settled(self) -> None:
        """After every change: what does not call any more is at an end."""
        for one in self.alarms.values():
            if one.running and not one.calls():
                one.running = False

    def second(self) -> None:
        self.now_s += 1
        self.look()

    def look(self) -> None:
        for name, one in self.alarms.items():
            if one.running:
                self._look(name, one)

    def _look(self, name: str, one: NaiveAlarm) -> None:
        while one.taken < len(one.route.steps):
            step = one.route.steps[one.taken]
            ready_s = one.last_step_s + step.after_s if one.taken else one.ready_s
            if self.now_s < ready_s:
                break
            if one.taken == 0:
                one.news = False
            one.taken, one.last_step_s = one.taken + 1, self.now_s
            self._tell(name, one, step.person)
            if step.repeat_s:
                one.again.append([one.taken - 1, self.now_s, 0])
        if one.news and self.now_s >= one.ready_s:
            one.news = False
            for step in one.route.steps[: one.taken]:
                if one.heard.get(step.person) != one.raises:
                    self._tell(name, one, step.person)
        for again in one.again:
            step = one.route.steps[again[0]]
            more = not step.repeats or again[2] < step.repeats
            if more and self.now_s == again[1] + step.repeat_s:
                again[1], again[2] = self.now_s, again[2] + 1
                self._tell(name, one, step.person)

    def _tell(self, name: str, one: NaiveAlarm, person: str) -> None:
        self.told.add((self.now_s, person, name))
        one.heard[person] = one.raises
