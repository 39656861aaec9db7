"""The whole core among moody PLCs: whatever happens, no unsafe write, nothing twice, nothing forgotten.

Two PLCs; trips on one act on valves of the other, one of them a toggle that flips with every new
sequence number. The valves obey, refuse, lose writes, move late. Links break, values go Bad, people
ask for things, the service is killed or moved into another process by its snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from alarms.signal import BAD_SENSOR_FAILURE, UNCERTAIN
from controller.core.core import Core
from controller.core.effects import Write
from controller.core.inputs import WriteDone
from controller.plant.plant import CheckedEffect, CommandEffect, Plant, Tripped, WithholdEffect
from tests.unit.plants import By, Bypass, Compare, Draft, Reset, ResetBy, Stage, State, any_of, valve

VALVES = ("XV-1", "XV-2")
TAGS = ("T-1", "T-2", "T-3")
ROLES = st.sampled_from(["viewer", "operator", "supervisor"])


def plant() -> Plant:
    draft = Draft(grace_s=10.0)
    left, right = draft.plc("L"), draft.plc("R")
    one, two, three = (draft.tag(name, left) for name in TAGS)
    first = valve(draft, "XV-1", right, within_s=4.0)
    second = valve(draft, "XV-2", right, within_s=4.0, style="toggle")
    permissive = draft.permissive("fill", (first, "open"), (second, "open"))
    allowed = Bypass(20.0, "operator", two_persons=False)
    draft.interlock("S-1", Compare(one, ">", 10.0, for_s=1.0), [CommandEffect(first, "shut")], bypass=allowed)
    draft.interlock(
        "S-2",
        any_of(Compare(two, ">", 10.0), Compare(three, "<", 1.0, for_s=2.0)),
        [CommandEffect(second, "shut"), CommandEffect(first, "shut"), WithholdEffect(permissive)],
        latch=False,
        reset=Reset(ResetBy.AUTOMATIC, for_s=2.0),
        bypass=Bypass(20.0, "supervisor", two_persons=True),
        unknown_delay_s=5.0,
    )
    shut = draft.index("XV-2.ZSC")
    draft.interlock(
        "I-3", Tripped(1), [CheckedEffect(State(shut, (1,)), 5.0, "XV-2 shut")], by=By.PLC, latch=False
    )
    return draft.build()


@dataclass
class Machine:
    """One valve in its PLC. moves: (wall second, shut) still to come."""

    name: str
    toggle: bool
    shut: bool = False
    last_sequence: float = 0.0
    moves: list[tuple[float, bool]] = field(default_factory=list)
    target: bool = False
    opened_by_service: bool = False

    def take(self, write: Write, now_s: float, lag_s: float) -> None:
        """The word arrives; the machine moves after lag_s."""
        word = write.context["word"]
        wanted = not self.target if self.toggle else word == "shut"
        if word == "shut" and not write.context["user"] and self.target and not wanted:
            self.opened_by_service = True
        self.target = wanted
        self.moves.append((now_s + lag_s, wanted))

    def due(self, now_s: float) -> bool:
        """Moves what is due; True when the feedback changes."""
        before = self.shut
        for at_s, shut in [move for move in self.moves if move[0] <= now_s]:
            self.shut = shut
            self.moves.remove((at_s, shut))
        return self.shut != before


class CoreMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(plant())
        self.valves = {f"{name}.CMD": Machine(name, name == "XV-2") for name in VALVES}
        self.values = {"T-1": 0.0, "T-2": 0.0, "T-3": 9.0}
        self.mood, self.lag_s, self.seen = "obey", 0.5, 0
        self.every_write: list[Write] = []
        self.connect(0)
        self.connect(1)

    # --- the world -----------------------------------------------------------------------------

    def connect(self, plc: int) -> None:
        shown = {**self.values, "XV-1.CMD.RESULT": 1.0, "XV-2.CMD.RESULT": 1.0}
        for name, machine in self.valves.items():
            shown[f"{name}.ECHO"] = machine.last_sequence
            shown[f"{name}.SEQ"] = machine.last_sequence
            shown[f"{machine.name}.ZSC"] = float(machine.shut)
        self.stage.connect(plc, values=shown)
        self.answer()

    def answer(self) -> None:
        """The PLCs answer every write that has come out and could reach them."""
        while self.seen < len(self.stage.effects):
            effect = self.stage.effects[self.seen]
            self.seen += 1
            if isinstance(effect, Write) and effect.intent:
                self.every_write.append(effect)
                if effect.plc in self.stage.alive and self.mood != "lose":
                    self.serve(effect)

    def serve(self, write: Write) -> None:
        name = write.context["command"]
        machine = self.valves[name]
        sequence = float(write.context["sequence"])
        assert sequence != machine.last_sequence, "the PLC would not see this command"
        machine.last_sequence = sequence
        code = {"obey": 1.0, "refuse": 2.0, "busy": 4.0, "local": 3.0}[self.mood]
        if code == 1.0:
            machine.take(write, self.stage.mono_s, self.lag_s)
        self.stage.step(WriteDone(write.intent, 0))
        self.stage.show({f"{name}.RESULT": code, f"{name}.ECHO": sequence})

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.stage.advance(0.5)
            for machine in self.valves.values():
                if machine.due(self.stage.mono_s) and 1 in self.stage.alive:
                    self.stage.show({f"{machine.name}.ZSC": float(machine.shut)})
            self.answer()

    # --- what happens --------------------------------------------------------------------------

    @rule(
        name=st.sampled_from(TAGS),
        value=st.sampled_from([0.0, 0.5, 5.0, 11.0]),
        status=st.sampled_from([0, 0, 0, UNCERTAIN, BAD_SENSOR_FAILURE]),
    )
    def a_value(self, name: str, value: float, status: int) -> None:
        self.values[name] = value
        if 0 in self.stage.alive:
            self.stage.show({name: value}, status=status)
            self.answer()

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5, 6.0, 12.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)

    @rule(
        mood=st.sampled_from(["obey", "obey", "refuse", "lose", "busy", "local"]),
        lag=st.sampled_from([0.5, 2.0]),
    )
    def the_plc_changes_its_mood(self, mood: str, lag: float) -> None:
        self.mood, self.lag_s = mood, lag

    @rule(
        name=st.sampled_from(["T-1", "T-2"]),
        mood=st.sampled_from(["obey", "refuse", "lose", "busy", "local"]),
        lag=st.sampled_from([0.5, 2.0]),
        seconds=st.sampled_from([1.0, 3.0, 6.0, 15.0, 40.0]),
    )
    def a_trip_in_a_mood(self, name: str, mood: str, lag: float, seconds: float) -> None:
        self.mood, self.lag_s = mood, lag
        self.values[name] = 11.0
        if 0 in self.stage.alive:
            self.stage.show({name: 11.0})
            self.answer()
        self.pass_time(seconds)

    @rule(name=st.sampled_from(["T-1", "T-2"]))
    def all_is_well_again(self, name: str) -> None:
        self.values[name] = 0.0
        if 0 in self.stage.alive:
            self.stage.show({name: 0.0})
            self.answer()
            self.pass_time(2.0)
        self.stage.ask("reset", "S-1")
        self.answer()

    @rule(plc=st.sampled_from([0, 1]))
    def a_link_breaks(self, plc: int) -> None:
        self.stage.lose(plc)
        self.answer()

    @rule(plc=st.sampled_from([0, 1]))
    def a_link_comes_back(self, plc: int) -> None:
        if plc not in self.stage.alive:
            self.connect(plc)

    @precondition(lambda self: 1 in self.stage.alive)
    @rule(remote=st.sampled_from([0.0, 1.0]))
    def the_key_switch(self, remote: float) -> None:
        self.stage.show({"R.REMOTE": remote})
        self.answer()

    @precondition(lambda self: 1 in self.stage.alive)
    @rule(name=st.sampled_from(VALVES))
    def somebody_opens_a_valve_by_hand(self, name: str) -> None:
        machine = self.valves[f"{name}.CMD"]
        if not machine.moves:
            machine.shut = machine.target = False
            self.stage.show({f"{name}.ZSC": 0.0})
            self.answer()

    @rule(name=st.sampled_from(VALVES), word=st.sampled_from(["open", "shut"]), role=ROLES)
    def a_person_asks_for_a_word(self, name: str, word: str, role: str) -> None:
        self.stage.ask("command", f"{name}.CMD", role, word=word)
        self.answer()

    @rule(
        action=st.sampled_from(
            ["reset", "acknowledge", "bypass", "confirm_bypass", "unbypass", "inhibit_check"]
        ),
        interlock=st.sampled_from(["S-1", "S-2", "I-3"]),
        role=ROLES,
        user=st.sampled_from(["anna", "ben"]),
    )
    def a_person_asks(self, action: str, interlock: str, role: str, user: str) -> None:
        self.stage.ask(
            action, interlock, role, user=user, session=user, **{"for_s": 5.0} if "b" in action else {}
        )
        self.answer()

    @rule(lost=st.integers(0, 3))
    def the_service_is_killed(self, lost: int) -> None:
        """Events from the last step may be missing in the journal; what was written is in the ring."""
        before = self.stage
        last_step = [e for e in before.events if e.utc_ns == before.now.utc_ns]
        alive = sorted(before.alive)
        self.stage = before.restarted(
            ring=False, lost_events=min(lost, len(last_step)), epoch=before.core.epoch + 1
        )
        self.stage.core.reconcile([write.context for write in self.every_write])
        self.seen = 0
        for machine in self.valves.values():
            machine.due(self.stage.mono_s)
        for plc in alive:
            self.connect(plc)

    @rule()
    def the_core_moves_by_its_snapshot(self) -> None:
        twin = Core(self.stage.plant, self.stage.core.epoch)
        twin.load_snapshot(msgspec.msgpack.decode(msgspec.msgpack.encode(self.stage.core.snapshot())))
        assert twin.snapshot() == self.stage.core.snapshot()
        self.stage.core = twin

    # --- what must always hold -----------------------------------------------------------------

    @invariant()
    def the_state_is_the_fold_of_the_events(self) -> None:
        assert self.stage.folded() == self.stage.core.durable.bare()

    @invariant()
    def the_service_by_itself_only_ever_shuts(self) -> None:
        for write in self.every_write:
            if not write.context["user"]:
                assert write.context["word"] == "shut"
                assert write.context["settles"]

    @invariant()
    def a_toggle_is_never_opened_by_a_word_that_should_shut_it(self) -> None:
        assert not any(machine.opened_by_service for machine in self.valves.values())

    @invariant()
    def no_intent_is_used_twice(self) -> None:
        intents = [write.intent for write in self.every_write]
        assert len(intents) == len(set(intents))

    @invariant()
    def nothing_is_tried_more_than_three_times_for_one_trip(self) -> None:
        for record in self.stage.core.durable.interlocks.values():
            if record.trip is not None:
                assert all(effect.attempts <= 3 + effect.undone for effect in record.trip.effects.values())

    def teardown(self) -> None:
        """In the end everything is well again, and every standing trip has what it asks for."""
        self.mood, self.lag_s = "obey", 0.5
        self.pass_time(5.0)
        for plc in (0, 1):
            if plc not in self.stage.alive:
                self.connect(plc)
        self.stage.show({"R.REMOTE": 1.0})
        self.stage.show(self.values)
        self.answer()
        self.pass_time(45.0)
        for name, machine in self.valves.items():
            for interlock in ("S-1", "S-2"):
                record = self.stage.core.durable.interlock(interlock)
                if record.trip is None or record.bypass is not None:
                    continue
                for effect in record.trip.effects.values():
                    given_up = (
                        effect.attempts >= 3 or effect.undone >= 3 or effect.result in ("failed", "refused")
                    )
                    if effect.tag == name and not given_up:
                        assert machine.shut, f"{interlock} stands and {name} is open: {effect}"
                        assert effect.result == "done"


TestCore = CoreMachine.TestCase
TestCore.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
