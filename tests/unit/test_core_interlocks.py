"""Interlocks as an operator meets them: what trips, when, why, and how it is reset."""

from __future__ import annotations

import pytest

from alarms.signal import BAD_SENSOR_FAILURE, UNCERTAIN
from controller.core.effects import Event
from controller.plant.plant import CheckedEffect, CommandEffect, Not, Tripped, WithholdEffect
from tests.unit.plants import (
    By,
    Cause,
    Compare,
    Draft,
    Reset,
    ResetBy,
    Stage,
    State,
    Unknown,
    Vote,
    all_of,
    any_of,
    valve,
)


def one_cause(**interlock: object) -> Stage:
    """PT-303 < 0.2 for 2 s shuts XV-1; details as given."""
    draft = Draft()
    draft.plc("R")
    suction = draft.tag("PT-303", unit="mbarg")
    draft.tag("LT-201", unit="%")
    command = valve(draft, "XV-1", 0)
    rule = interlock.pop("causes", None) or Compare(suction, "<", 0.2, for_s=2.0, hysteresis=0.1)
    draft.interlock("S-01", rule, [CommandEffect(command, "shut")], **interlock)
    stage = Stage(draft.build())
    stage.connect(values={"PT-303": 3.0, "LT-201": 50.0})
    return stage


def tripped(stage: Stage, name: str = "S-01") -> bool:
    return stage.core.durable.interlock(name).trip is not None


def test_a_dip_shorter_than_its_delay_trips_nothing() -> None:
    stage = one_cause()
    stage.show({"PT-303": 0.1})
    stage.advance(1.9)
    stage.show({"PT-303": 0.31})
    stage.advance(60.0)
    assert not stage.of("interlock.tripped")


def test_a_dip_that_comes_back_inside_the_hysteresis_is_one_dip() -> None:
    stage = one_cause()
    stage.show({"PT-303": 0.1})
    stage.advance(1.0)
    stage.show({"PT-303": 0.25})
    stage.advance(1.0)
    assert tripped(stage)


def test_a_pulse_within_one_notification_trips_an_interlock_without_delay() -> None:
    draft = Draft()
    draft.plc("R")
    bag = draft.tag("LSHH-203")
    command = valve(draft, "XV-1", 0)
    draft.interlock("S-07", State(bag, (1,)), [CommandEffect(command, "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.step(stage.raw_batch(0, [(bag, 1.0), (bag, 0.0)]))
    assert tripped(stage, "S-07")
    assert stage.words() == ["shut"]


def test_a_pulse_spread_over_two_notifications_of_one_step_trips_too() -> None:
    draft = Draft()
    draft.plc("R")
    bag = draft.tag("LSHH-203")
    draft.interlock("S-07", State(bag, (1,)), [CommandEffect(valve(draft, "XV-1", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect()
    stage.step(stage.raw_batch(0, [(bag, 1.0)]), stage.raw_batch(0, [(bag, 0.0)]))
    assert tripped(stage, "S-07")


def test_delays_are_plant_seconds_at_any_speed() -> None:
    draft = Draft()
    draft.plc("R")
    tag = draft.tag("AT-512", unit="ppm")
    draft.interlock(
        "S-05", Compare(tag, ">", 8.0, for_s=15.0), [CommandEffect(valve(draft, "XV-1", 0), "shut")]
    )
    stage = Stage(draft.build(), speed=60.0)
    stage.connect()
    stage.show({"AT-512": 9.0})
    stage.advance(0.2)
    assert not tripped(stage, "S-05")
    stage.advance(0.05)
    assert stage.last("interlock.tripped").data["at_s"] == pytest.approx(15.0)


def test_two_out_of_three_needs_two() -> None:
    draft = Draft()
    draft.plc("R")
    cells = [draft.tag(f"AT-941{letter}", unit="%O2") for letter in "ABC"]
    causes = [Cause(f"AT-941{n}<19.5", "oxygen", Compare(cell, "<", 19.5)) for n, cell in enumerate(cells)]
    draft.interlock("S-10", causes, [CommandEffect(valve(draft, "XV-811", 0), "shut")], needed=2)
    stage = Stage(draft.build())
    stage.connect(values={f"AT-941{letter}": 20.9 for letter in "ABC"})
    stage.show({"AT-941B": 19.0})
    stage.advance(60.0)
    assert not tripped(stage, "S-10")
    stage.show({"AT-941C": 19.0})
    trip = stage.last("interlock.tripped")
    assert trip.data["first_out"] == "AT-9411<19.5"
    assert [cause["id"] for cause in trip.data["causes"]] == ["AT-9411<19.5", "AT-9412<19.5"]


def test_one_broken_cell_of_three_makes_a_vote_unknown_only_when_it_could_decide() -> None:
    draft = Draft()
    draft.plc("R")
    cells = [draft.tag(f"AT-941{letter}", unit="%O2") for letter in "ABC"]
    terms = tuple(Compare(cell, "<", 19.5) for cell in cells)
    draft.interlock("S-10", Vote(2, terms), [CommandEffect(valve(draft, "XV-811", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect(values={f"AT-941{letter}": 20.9 for letter in "ABC"})
    stage.show({"AT-941A": 20.9}, status=BAD_SENSOR_FAILURE)
    stage.advance(120.0)
    assert not tripped(stage, "S-10")
    stage.show({"AT-941B": 19.0})
    stage.advance(29.0)
    assert not tripped(stage, "S-10")
    stage.advance(1.0)
    assert stage.last("interlock.tripped").data["reason"] == "unknown"


def test_uncertain_is_not_good_enough_to_trip_on_and_not_good_enough_to_stay() -> None:
    stage = one_cause()
    stage.show({"PT-303": 0.0}, status=UNCERTAIN)
    stage.advance(29.0)
    assert not tripped(stage)
    stage.advance(1.0)
    trip = stage.last("interlock.tripped")
    assert (trip.data["reason"], trip.data["first_out"]) == ("unknown", "unknown")
    assert "PT-303 uncertain" in trip.text


def test_an_interlock_that_holds_on_unknown_says_that_it_cannot_see_and_acts_on_nothing() -> None:
    stage = one_cause(on_unknown=Unknown.HOLD)
    stage.show({"PT-303": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(300.0)
    assert not tripped(stage)
    assert len(stage.of("interlock.unknown")) == 1
    stage.show({"PT-303": 3.0})
    assert len(stage.of("interlock.known")) == 1


def test_a_value_that_is_bad_for_less_than_the_unknown_delay_trips_nothing() -> None:
    stage = one_cause()
    for _ in range(5):
        stage.show({"PT-303": 3.0}, status=BAD_SENSOR_FAILURE)
        stage.advance(29.0)
        stage.show({"PT-303": 3.0})
        stage.advance(1.0)
    assert not tripped(stage)


def test_a_trip_whose_delay_has_begun_is_not_put_off_by_a_flicker_of_bad_quality() -> None:
    stage = one_cause()
    stage.show({"PT-303": 0.1})
    stage.advance(1.5)
    stage.show({"PT-303": 0.1}, status=BAD_SENSOR_FAILURE)
    stage.show({"PT-303": 0.1})
    stage.advance(0.5)
    assert stage.last("interlock.tripped").data["reason"] == "cause"


def test_the_last_verdict_of_an_analyser_stands_in_for_15_min_of_calibration_and_then_no_longer() -> None:
    draft = Draft()
    draft.plc("R")
    tag = draft.tag("AT-206", unit="%He")
    rule = Compare(tag, "<", 97.5, for_s=60.0, hold_s=900.0)
    draft.interlock("S-03", rule, [CommandEffect(valve(draft, "XV-216", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect(values={"AT-206": 99.5})
    stage.show({"AT-206": 99.5}, status=BAD_SENSOR_FAILURE)
    stage.advance(899.0)
    assert stage.core.interlocks.logics[0].live.demand == 0
    stage.advance(1.0 + 29.9)
    assert not tripped(stage, "S-03")
    stage.advance(0.2)
    assert tripped(stage, "S-03")


def test_a_verdict_held_through_calibration_goes_on_counting_its_delay() -> None:
    draft = Draft()
    draft.plc("R")
    tag = draft.tag("AT-206", unit="%He")
    draft.interlock(
        "S-03",
        Compare(tag, "<", 97.5, for_s=60.0, hold_s=900.0),
        [CommandEffect(valve(draft, "X", 0), "shut")],
    )
    stage = Stage(draft.build())
    stage.connect(values={"AT-206": 99.5})
    stage.show({"AT-206": 97.0})
    stage.advance(30.0)
    stage.show({"AT-206": 97.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(30.0)
    assert stage.last("interlock.tripped").data["reason"] == "cause"


def test_an_unlatched_trip_goes_by_itself_when_its_reset_condition_has_held() -> None:
    draft = Draft()
    draft.plc("R")
    purity = draft.tag("AT-206", unit="%He")
    command = valve(draft, "XV-411A", 0)
    reset = Reset(ResetBy.AUTOMATIC, Compare(purity, ">", 98.5), for_s=600.0, at_least_s=600.0)
    draft.interlock(
        "S-03", Compare(purity, "<", 97.5), [CommandEffect(command, "shut")], latch=False, reset=reset
    )
    stage = Stage(draft.build())
    stage.connect(values={"AT-206": 99.5})
    stage.show({"AT-206": 97.0})
    stage.show({"AT-206": 98.0})
    stage.advance(700.0)
    assert tripped(stage, "S-03"), "back, but not good enough"
    stage.show({"AT-206": 98.6})
    stage.advance(300.0)
    stage.show({"AT-206": 98.6}, status=UNCERTAIN)
    stage.advance(1.0)
    stage.show({"AT-206": 98.6})
    stage.advance(599.0)
    assert tripped(stage, "S-03"), "ten minutes in one piece, and uncertain is a break"
    stage.advance(1.0)
    assert stage.last("interlock.reset").data["by"] == "automatic"


def test_a_trip_stands_at_least_as_long_as_its_rule_says() -> None:
    stage = one_cause(latch=False, reset=Reset(ResetBy.AUTOMATIC, at_least_s=600.0))
    stage.show({"PT-303": 0.0})
    stage.advance(2.0)
    stage.show({"PT-303": 3.0})
    stage.advance(599.0)
    assert tripped(stage)
    stage.advance(1.0)
    assert not tripped(stage)


def test_only_the_machine_resets_a_local_trip() -> None:
    draft = Draft()
    draft.plc("S")
    line, ready = draft.tag("PT-101", unit="mbarg"), draft.tag("HS-391")
    reset = Reset(ResetBy.LOCAL, all_of(Compare(line, ">", 5.0), State(ready, (1,))), for_s=60.0)
    draft.interlock(
        "S-08", Compare(line, "<", 3.0), [CommandEffect(valve(draft, "X", 0), "shut")], reset=reset
    )
    stage = Stage(draft.build())
    stage.connect(values={"PT-101": 15.0})
    stage.show({"PT-101": 2.0})
    stage.show({"PT-101": 15.0})
    stage.advance(120.0)
    assert stage.ask("reset", "S-08", "admin").reason == "S-08 is reset at the machine only"
    stage.show({"HS-391": 1.0})
    stage.advance(60.0)
    assert stage.last("interlock.reset").data["by"] == "local"


def test_a_cause_that_is_not_to_latch_lets_its_trip_go_by_itself() -> None:
    draft = Draft()
    draft.plc("R")
    bag = draft.tag("LT-201", unit="%")
    causes = [
        Cause("low", "stop level", Compare(bag, "<", 30.0), latch=False),
        Cause("empty", "empty", Compare(bag, "<", 5.0)),
    ]
    draft.interlock("I-06", causes, [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect(values={"LT-201": 50.0})
    stage.show({"LT-201": 20.0})
    stage.show({"LT-201": 40.0})
    assert not tripped(stage, "I-06")
    stage.show({"LT-201": 20.0})
    stage.show({"LT-201": 4.0})
    stage.show({"LT-201": 40.0})
    assert tripped(stage, "I-06"), "the further cause latches"
    assert stage.last("interlock.cause").data["cause"]["id"] == "empty"


def test_a_cause_may_ask_for_some_of_the_effects_only() -> None:
    draft = Draft()
    draft.plc("R")
    feed = draft.tag("PT-414", unit="barg")
    shut = CommandEffect(valve(draft, "XV-412A", 0), "shut")
    purify = draft.permissive("purify")
    causes = [
        Cause("high", "feed too high", Compare(feed, ">", 18.5), effects=(0,)),
        Cause("low", "feed too low", Compare(feed, "<", 10.5), effects=(1,)),
    ]
    draft.interlock("S-06", causes, [shut, WithholdEffect(purify)], latch=False)
    stage = Stage(draft.build())
    stage.connect(values={"PT-414": 14.0})
    stage.show({"PT-414": 10.0})
    assert stage.writes() == []
    assert stage.last("permissive.withheld").data["by"] == ["S-06"]
    stage.show({"PT-414": 14.0})
    assert stage.last("permissive.granted").source == "purify"
    stage.show({"PT-414": 19.0})
    assert stage.words() == ["shut"]
    assert len(stage.of("permissive.withheld")) == 1


def test_causes_are_judged_only_while_the_machine_runs_and_their_delay_begins_then() -> None:
    draft = Draft()
    draft.plc("R")
    oil, state = draft.tag("PT-317", unit="barg"), draft.tag("XS-301")
    draft.interlock(
        "S-11",
        Compare(oil, "<", 1.2, for_s=10.0),
        [CommandEffect(valve(draft, "X", 0), "shut")],
        while_=State(state, (9,)),
    )
    stage = Stage(draft.build())
    stage.connect(values={"PT-317": 0.0, "XS-301": 3.0})
    stage.advance(600.0)
    stage.show({"XS-301": 9.0})
    stage.advance(9.9)
    assert not tripped(stage, "S-11")
    stage.show({"PT-317": 2.7})
    stage.advance(60.0)
    assert not tripped(stage, "S-11")
    stage.show({"PT-317": 1.0})
    stage.advance(10.0)
    assert tripped(stage, "S-11")


def test_not_knowing_whether_the_machine_runs_counts_as_running() -> None:
    draft = Draft()
    draft.plc("R")
    oil, state = draft.tag("PT-317", unit="barg"), draft.tag("XS-301")
    effects = [CommandEffect(valve(draft, "X", 0), "shut")]
    draft.interlock("S-11", Compare(oil, "<", 1.2, for_s=10.0), effects, while_=State(state, (9,)))
    stage = Stage(draft.build())
    stage.connect(values={"PT-317": 0.0, "XS-301": 3.0})
    stage.show({"XS-301": 3.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(10.0)
    assert tripped(stage, "S-11")


def test_not_and_tripped_make_a_cascade_whose_parent_is_named() -> None:
    draft = Draft()
    draft.plc("L")
    speed, run = draft.tag("ST-721", unit="rps"), draft.tag("XS-701")
    parent = draft.interlock("I-24", Compare(speed, ">", 3600.0), by=By.PLC)
    effects = [WithholdEffect(draft.permissive("purify"))]
    draft.interlock("S-19", all_of(Tripped(0), Not(State(run, (0,)))), effects, parent=parent)
    stage = Stage(draft.build())
    stage.connect(values={"ST-721": 3000.0, "XS-701": 3.0})
    stage.show({"ST-721": 3700.0})
    assert [event.source for event in stage.of("interlock.tripped")] == ["I-24", "S-19"]
    assert stage.last("interlock.tripped", "S-19").data["parent"] == "I-24"
    assert "following I-24" in stage.core.explain("S-19", stage.now)


def test_at_the_start_the_unknown_delay_counts_from_the_first_confirmed_value() -> None:
    draft = Draft()
    draft.plc("R")
    tag = draft.tag("PT-303")
    draft.interlock("S-01", Compare(tag, "<", 0.2), [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.step()
    stage.advance(20.0)
    stage.connect(values={"PT-303": float("nan")})
    stage.advance(29.5)
    assert not tripped(stage)
    stage.advance(0.6)
    assert tripped(stage)


def test_a_plc_that_never_comes_trips_after_the_grace_and_the_unknown_delay() -> None:
    draft = Draft()
    draft.plc("R")
    other = draft.plc("L")
    tag = draft.tag("AT-512", other)
    draft.interlock("S-05", Compare(tag, ">", 8.0), [CommandEffect(valve(draft, "X", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect(0)
    stage.advance(59.0)
    assert not tripped(stage, "S-05")
    stage.advance(1.1)
    assert tripped(stage, "S-05")
    assert stage.words() == ["shut"], "the valve's PLC is reachable"


@pytest.mark.parametrize(("value", "sent"), [(9.0, []), (float("nan"), ["shut"]), (11.0, ["shut"])])
def test_what_tripped_blind_on_a_plc_that_was_away_sends_nothing_once_it_sees_that_all_is_well(
    value: float, sent: list[str]
) -> None:
    """Causes and effects on one PLC: it has run by itself meanwhile, and well."""
    draft = Draft()
    draft.plc("L")
    tag = draft.tag("PT-803")
    draft.interlock("S-11", Compare(tag, ">", 10.0), [CommandEffect(valve(draft, "XV-811", 0), "shut")])
    stage = Stage(draft.build())
    stage.connect(values={"PT-803": 1.0, "XV-811.ZSC": 0.0})
    stage.lose(0)
    stage.advance(40.0)
    assert stage.last("interlock.tripped").data["reason"] == "unknown"
    stage.connect(0, values={"PT-803": value, "XV-811.ZSC": 0.0})
    stage.advance(60.0)
    assert stage.words()[:1] == sent
    assert tripped(stage, "S-11"), "latched: a person resets it"


def test_a_permissive_is_withheld_by_its_interlock_and_nothing_trips() -> None:
    draft = Draft()
    draft.plc("L")
    cold = draft.tag("TT-508", unit="K")
    purify = draft.permissive("purify")
    draft.interlock(
        "I-15", Compare(cold, ">", 90.0), [WithholdEffect(purify)], kind="permissive", latch=False
    )
    stage = Stage(draft.build())
    stage.connect(values={"TT-508": 100.0})
    assert stage.last("interlock.tripped").text == "I-15 withholds: TT-508 100 K [TT-508 > 90 K]"
    assert stage.core.explain("purify", stage.now) == "'purify' is withheld by I-15."
    stage.show({"TT-508": 80.0})
    assert stage.core.explain("purify", stage.now) == "'purify' is granted."


# --- mirrored rows -------------------------------------------------------------------------------


def mirrored(within_s: float = 2.0, speed: float = 1.0) -> Stage:
    draft = Draft()
    draft.plc("L")
    n2 = draft.tag("AT-512", unit="ppm")
    shut = draft.tag("XV-519.ZSC", states=((0, "not shut"), (1, "shut")))
    draft.interlock(
        "I-14",
        Compare(n2, ">", 10.0, for_s=30.0),
        [CheckedEffect(State(shut, (1,)), within_s, "XV-519 shut")],
        by=By.PLC,
    )
    stage = Stage(draft.build(), speed=speed)
    stage.connect(values={"AT-512": 1.0})
    return stage


def test_a_mirrored_trip_writes_nothing_and_proves_the_plc_s_effect() -> None:
    stage = mirrored()
    stage.show({"AT-512": 12.0})
    stage.advance(30.0)
    assert stage.last("interlock.tripped").data["effects"] == [
        {"index": 0, "kind": "check", "tag": "XV-519.ZSC", "value": "shut", "by": "plc"}
    ]
    stage.advance(0.4)
    stage.show({"XV-519.ZSC": 1.0})
    proved = stage.last("effect.confirmed")
    assert (proved.data["result"], proved.data["how"], proved.data["ms"]) == ("done", "seen", 400.0)
    stage.advance(60.0)
    assert not stage.of("effect.missing")
    assert stage.writes() == []


def test_an_effect_that_is_there_already_is_proved_at_once() -> None:
    stage = mirrored()
    stage.show({"AT-512": 12.0, "XV-519.ZSC": 1.0})
    stage.advance(30.0)
    assert stage.last("effect.confirmed").data["ms"] == 0.0


def test_an_effect_that_does_not_follow_in_time_is_an_event_of_its_own_and_so_is_its_late_coming() -> None:
    stage = mirrored()
    stage.show({"AT-512": 12.0})
    stage.advance(32.9)
    assert not stage.of("effect.missing"), "what happened in time may still be on its way: budget 1 s"
    stage.advance(0.1)
    missing = stage.last("effect.missing")
    assert missing.text == "I-14: XV-519 shut did not follow within 2 s"
    assert missing.severity == 900
    stage.advance(5.0)
    stage.show({"XV-519.ZSC": 1.0})
    assert len(stage.of("effect.missing")) == 1
    assert stage.last("effect.confirmed").data["how"] == "late"
    assert stage.folded() == stage.core.durable.bare()


def test_at_sixty_times_real_time_an_effect_has_its_way_to_come_before_it_is_missed() -> None:
    stage = mirrored(speed=60.0)
    stage.show({"AT-512": 12.0})
    stage.advance(0.5)  # tripped at 30 plant seconds; 2 more are over within 33 ms
    assert stage.last("interlock.tripped").source == "I-14"
    stage.advance(0.9)
    assert not stage.of("effect.missing")
    stage.show({"XV-519.ZSC": 1.0})
    assert stage.last("effect.confirmed").data["how"] == "seen"


def test_at_sixty_times_real_time_an_effect_that_does_not_come_is_missed_all_the_same() -> None:
    stage = mirrored(speed=60.0)
    stage.show({"AT-512": 12.0})
    stage.advance(0.5 + 2.0 / 60.0 + 1.0 + 0.01)
    assert stage.last("effect.missing").text == "I-14: XV-519 shut did not follow within 2 s"


def test_an_effect_whose_feedback_is_bad_is_unverified_not_missing() -> None:
    stage = mirrored()
    stage.show({"XV-519.ZSC": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.show({"AT-512": 12.0})
    stage.advance(40.0)
    assert not stage.of("effect.missing")
    assert stage.last("effect.unverified").data["result"] == "unknown"


def test_a_mirrored_interlock_that_cannot_see_has_no_first_out_and_checks_no_effect() -> None:
    stage = mirrored()
    stage.lose(0)
    stage.advance(300.0)
    assert not stage.of("interlock.tripped")
    assert not stage.of("interlock.unknown"), "the lost link has spoken for all"
    assert stage.core.status(stage.now)["interlocks"][0]["state"] == "unknown"
    assert "the PLC enforces it and goes on doing so" in stage.core.explain("I-14", stage.now)


def test_a_link_that_is_lost_between_trip_and_effect_suspends_the_check() -> None:
    stage = mirrored()
    stage.show({"AT-512": 12.0})
    stage.advance(30.5)
    stage.lose(0)
    stage.advance(60.0)
    assert not stage.of("effect.missing")
    assert not stage.of("effect.unverified")
    stage.connect(values={"AT-512": 12.0, "XV-519.ZSC": 1.0})
    assert stage.last("effect.confirmed").data["result"] == "done"


def test_what_a_mirrored_row_cannot_see_though_the_plc_lives_is_said_once() -> None:
    stage = mirrored()
    stage.show({"AT-512": 0.0}, status=BAD_SENSOR_FAILURE)
    stage.advance(300.0)
    assert [event.text for event in stage.of("interlock.unknown")] == [
        "I-14 cannot see: AT-512 bad: sensor failed or stands still"
    ]


# --- the minute before and after -----------------------------------------------------------------


def window(stage: Stage) -> Event:
    return stage.last("interlock.window")


def test_the_minute_before_and_after_a_trip_is_kept_with_it() -> None:
    stage = one_cause()
    stage.advance(120.0)
    for value in (2.5, 2.0, 1.0, 0.1):
        stage.show({"PT-303": value})
        stage.advance(1.0)
    stage.advance(1.0)
    assert tripped(stage)
    stage.advance(30.0)
    stage.show({"PT-303": 0.5})
    stage.advance(29.0)
    assert not stage.of("interlock.window")
    stage.advance(1.0)
    data = window(stage).data
    assert data["tags"]["PT-303"] == [
        [-125000, 3.0, 0],
        [-5000, 2.5, 0],
        [-4000, 2.0, 0],
        [-3000, 1.0, 0],
        [-2000, 0.1, 0],
        [30000, 0.5, 0],
    ]
    assert data["columns"] == ["ms", "value", "status"]


def test_a_very_busy_tag_is_thinned_in_the_window_but_keeps_its_ends() -> None:
    stage = one_cause(causes=Compare(2 + 2, "<", 0.2))
    for step in range(1500):
        stage.advance(0.04)
        stage.show({"PT-303": 3.0 + step % 2})
    stage.show({"PT-303": 0.0})
    stage.advance(61.0)
    points = window(stage).data["tags"]["PT-303"]
    assert len(points) == 240
    assert points[-1][:2] == [0, 0.0]


# --- any, all, first come ------------------------------------------------------------------------


def test_any_of_two_is_enough() -> None:
    draft = Draft()
    draft.plc("R")
    level, switch = draft.tag("LT-201"), draft.tag("LSLL-202")
    draft.interlock(
        "S-01",
        any_of(Compare(level, "<", 10.0), State(switch, (0,)), for_s=5.0),
        [CommandEffect(valve(draft, "X", 0), "shut")],
    )
    stage = Stage(draft.build())
    stage.connect(values={"LT-201": 50.0, "LSLL-202": 1.0})
    stage.show({"LSLL-202": 0.0})
    stage.advance(3.0)
    stage.show({"LT-201": 9.0, "LSLL-202": 1.0})
    stage.advance(2.0)
    assert tripped(stage), "the vote's own delay counts from when any of them was true"
