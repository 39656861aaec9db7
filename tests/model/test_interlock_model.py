"""One interlock against a naive reference that works everything out again from the whole history.

The reference knows nothing of events, deadlines or incremental state: at every half second it goes
through all samples since the start (or the restart) and asks what the rules in
docs/explanation/interlocks.md say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alarms.signal import BAD_SENSOR_FAILURE, UNCERTAIN, Tri
from controller.plant.plant import CommandEffect
from tests.unit.plants import Bypass, Cause, Compare, Draft, Reset, ResetBy, Stage, valve

TICK_S = 0.5
FOR_S = 3.0
UNKNOWN_S = 5.0
RESET_FOR_S = 2.0
AT_LEAST_S = 4.0
BYPASS_S = 20.0

GOOD_OR_NOT = st.sampled_from([0, 0, 0, UNCERTAIN, BAD_SENSOR_FAILURE])
VALUES = st.sampled_from([0.0, 4.0, 5.0, 7.9, 8.0, 8.1, 9.0, 10.0, 10.1, 12.0])


def plant() -> Draft:
    """A: HIGH > 10, back below 8, for 3 s. B: LOW < 5, at once. Reset: LOW > 6 for 2 s, after 4 s."""
    draft = Draft()
    draft.plc("R")
    high, low = draft.tag("HIGH"), draft.tag("LOW")
    draft.interlock(
        "S-01",
        [
            Cause("A", "high", Compare(high, ">", 10.0, FOR_S, 2.0)),
            Cause("B", "low", Compare(low, "<", 5.0)),
        ],
        [CommandEffect(valve(draft, "XV-1", 0), "shut")],
        reset=Reset(ResetBy.OPERATOR, Compare(low, ">", 6.0), RESET_FOR_S, AT_LEAST_S),
        bypass=Bypass(BYPASS_S, "operator"),
        unknown_delay_s=UNKNOWN_S,
    )
    return draft


@dataclass
class Reference:
    """All samples since the start: (time, high, high good, low, low good); and what followed from them."""

    history: list[tuple[float, float, bool, float, bool]] = field(default_factory=list)
    tripped_s: float | None = None
    first_out: str = ""
    trips: int = 0
    bypassed_until_s: float | None = None

    def raw_a(self, upto: int) -> tuple[Tri, float | None]:
        """The comparison with hysteresis now, and since when it has been true with no false in between."""
        beyond, raw, since = False, Tri.UNKNOWN, None
        for time_s, high, good, _, _ in self.history[:upto]:
            if not good:
                raw = Tri.UNKNOWN
                continue
            beyond = high > 8.0 if beyond else high > 10.0
            raw = Tri.of(beyond)
            if beyond and since is None:
                since = time_s
            if not beyond:
                since = None
        return raw, since

    def raw_b(self, upto: int) -> tuple[Tri, float | None]:
        raw, since = Tri.UNKNOWN, None
        for time_s, _, _, low, good in self.history[:upto]:
            raw = Tri.of(low < 5.0) if good else Tri.UNKNOWN
            if raw is Tri.TRUE and since is None:
                since = time_s
            if raw is Tri.FALSE:
                since = None
        return raw, since

    def causes(self, upto: int, now_s: float) -> tuple[Tri, Tri]:
        raw, since = self.raw_a(upto)
        if raw is Tri.TRUE and since is not None and now_s - since < FOR_S:
            raw = Tri.FALSE
        return raw, self.raw_b(upto)[0]

    def demand(self, upto: int, now_s: float) -> Tri:
        return max(self.causes(upto, now_s))

    def last(self, now_s: float) -> int:
        return sum(1 for sample in self.history if sample[0] <= now_s)

    def looks(self, now_s: float) -> Iterator[tuple[float, int]]:
        """Every half second back to the start, and every sample on its own: a pulse without length counts."""
        time_s = now_s
        while time_s >= self.history[0][0]:
            upto = self.last(time_s)
            yield time_s, upto
            while upto > 1 and self.history[upto - 2][0] == time_s:
                upto -= 1
                yield time_s, upto
            time_s -= TICK_S

    def unknown_for_s(self, now_s: float) -> float:
        """How long the demand has been unknown without a break; negative when it is not."""
        since_s = now_s + TICK_S
        for time_s, upto in self.looks(now_s):
            if self.demand(upto, time_s) is not Tri.UNKNOWN:
                break
            since_s = time_s
        return now_s - since_s

    def reset_held_s(self, now_s: float) -> float:
        """How long the reset condition has held since the trip, with the causes gone."""
        since_s = now_s + TICK_S
        for time_s, upto in self.looks(now_s):
            _, _, _, low, good = self.history[upto - 1]
            before_the_trip = self.tripped_s is not None and time_s < self.tripped_s
            if before_the_trip or not (good and low > 6.0 and self.demand(upto, time_s) is Tri.FALSE):
                break
            since_s = time_s
        return now_s - since_s

    def look(self, now_s: float) -> None:
        if self.bypassed_until_s is not None and now_s >= self.bypassed_until_s:
            self.bypassed_until_s = None
        if self.tripped_s is not None or self.bypassed_until_s is not None:
            return
        upto = self.last(now_s)
        demand = self.demand(upto, now_s)
        if demand is Tri.TRUE:
            self.trip(now_s, self.first(upto, now_s))
        elif demand is Tri.UNKNOWN and self.unknown_for_s(now_s) >= UNKNOWN_S:
            self.trip(now_s, "unknown")

    def first(self, upto: int, now_s: float) -> str:
        came = []
        answers = self.causes(upto, now_s)
        since_a, since_b = self.raw_a(upto)[1], self.raw_b(upto)[1]
        if answers[0] is Tri.TRUE and since_a is not None:
            came.append((since_a + FOR_S, "A"))
        if answers[1] is Tri.TRUE and since_b is not None:
            came.append((since_b, "B"))
        came.sort()
        return "undetermined" if len(came) == 2 and came[0][0] == came[1][0] else came[0][1]

    def trip(self, now_s: float, first: str) -> None:
        self.tripped_s, self.first_out, self.trips = now_s, first, self.trips + 1

    def may_reset(self, now_s: float) -> bool:
        if self.tripped_s is None:
            return False
        return now_s - self.tripped_s >= AT_LEAST_S and self.reset_held_s(now_s) >= RESET_FOR_S


class InterlockMachine(RuleBasedStateMachine):
    """Half seconds pass, values and qualities come, people ask, the service is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(plant().build())
        self.values = {"HIGH": 0.0, "LOW": 9.0}
        self.good = {"HIGH": True, "LOW": True}
        self.stage.connect(values=self.values)
        self.reference = Reference()
        self.note()

    @property
    def now_s(self) -> float:
        return self.stage.now.plant_s

    def note(self) -> None:
        self.reference.history.append(
            (self.now_s, self.values["HIGH"], self.good["HIGH"], self.values["LOW"], self.good["LOW"])
        )
        self.reference.look(self.now_s)

    @rule(name=st.sampled_from(["HIGH", "LOW"]), value=VALUES, status=GOOD_OR_NOT)
    def a_value_comes(self, name: str, value: float, status: int) -> None:
        self.values[name], self.good[name] = value, status == 0
        self.stage.show({name: value}, status=status)
        self.note()

    @rule(high=VALUES, low=VALUES)
    def both_values_come_at_once(self, high: float, low: float) -> None:
        self.values = {"HIGH": high, "LOW": low}
        self.good = {"HIGH": True, "LOW": True}
        self.stage.show(self.values)
        self.note()

    @rule(ticks=st.integers(1, 16))
    def time_passes(self, ticks: int) -> None:
        for _ in range(ticks):
            self.stage.advance(TICK_S)
            self.reference.look(self.now_s)

    @rule()
    def a_person_asks_for_a_reset(self) -> None:
        expected = self.reference.may_reset(self.now_s)
        reply = self.stage.ask("reset", "S-01")
        assert reply.accepted == expected, reply.reason
        if expected:
            self.reference.tripped_s = None
            self.reference.look(self.now_s)

    @rule(for_s=st.sampled_from([2.0, 5.0, BYPASS_S]))
    def a_person_bypasses(self, for_s: float) -> None:
        expected = self.reference.bypassed_until_s is None
        assert self.stage.ask("bypass", "S-01", for_s=for_s).accepted == expected
        if expected:
            self.reference.bypassed_until_s = self.now_s + for_s

    @precondition(lambda self: self.reference.bypassed_until_s is not None)
    @rule()
    def a_person_takes_the_bypass_back(self) -> None:
        assert self.stage.ask("unbypass", "S-01").accepted
        self.reference.bypassed_until_s = None
        self.reference.look(self.now_s)

    @rule()
    def the_service_is_killed_and_starts_again(self) -> None:
        again = self.stage.restarted(ring=True)
        again.mono_s = self.stage.mono_s
        again.alive = set(self.stage.alive)
        shown = dict(self.values)
        again.connect(values={**shown, "XV-1.ZSC": 1.0})
        self.stage = again
        self.good = {"HIGH": True, "LOW": True}
        self.reference.history.clear()
        self.note()

    @invariant()
    def both_agree(self) -> None:
        record = self.stage.core.durable.interlock("S-01")
        reference = self.reference
        assert (record.trip is not None) == (reference.tripped_s is not None)
        assert (record.bypass is not None) == (reference.bypassed_until_s is not None)
        assert record.trips == reference.trips
        if record.trip is not None:
            assert record.trip.first_out == reference.first_out
        assert self.stage.folded() == self.stage.core.durable.bare()

    @invariant()
    def nothing_but_the_safe_word_is_ever_written(self) -> None:
        assert set(self.stage.words()) <= {"shut"}


TestInterlock = InterlockMachine.TestCase
TestInterlock.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
