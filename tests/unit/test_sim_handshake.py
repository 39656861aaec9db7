"""The PLC's side of the contract: words are judged once, epochs and heartbeats decide who is heard."""

from __future__ import annotations

import pytest

from controller.simulator.plc_logic.command import (
    ACCEPTED,
    BUSY,
    NONE,
    REFUSED_EPOCH,
    REFUSED_INTERLOCK,
    REFUSED_MODE,
    UNKNOWN_WORD,
    CommandPort,
    Watchdog,
)
from controller.simulator.turbine import TurbinePlant

START, STOP, RESET = 1, 2, 3


def listening() -> Watchdog:
    watchdog = Watchdog()
    watchdog.counter, watchdog.written_epoch = 1, 7
    watchdog.step(1.0)
    return watchdog


def sent(word: int, sequence: int, epoch: int = 7) -> CommandPort:
    port = CommandPort("C-301.CMD", {START: "start", STOP: "stop"})
    port.word, port.epoch, port.sequence = word, epoch, sequence
    return port


def test_a_word_is_judged_once_and_the_echo_comes_with_the_answer() -> None:
    port, watchdog = sent(STOP, 5), listening()
    assert port.poll(watchdog) == "stop"
    assert (port.echo, port.result) == (0, NONE)
    port.answer(ACCEPTED)
    assert (port.echo, port.result) == (5, ACCEPTED)
    assert port.poll(watchdog) is None
    port.word = START  # without a new sequence nothing happens
    assert port.poll(watchdog) is None


def test_the_sequence_wraps_and_zero_is_no_command() -> None:
    port, watchdog = sent(STOP, 65535), listening()
    assert port.poll(watchdog) == "stop"
    port.sequence = 0
    assert port.poll(watchdog) is None
    port.sequence = 1
    assert port.poll(watchdog) == "stop"


@pytest.mark.parametrize(
    ("word", "epoch", "remote", "result"),
    [(STOP, 6, True, REFUSED_EPOCH), (STOP, 7, False, REFUSED_MODE), (9, 7, True, UNKNOWN_WORD)],
    ids=["an owner of the past", "local", "a word it does not know"],
)
def test_it_refuses_with_the_reason(word: int, epoch: int, remote: bool, result: int) -> None:
    port, watchdog = sent(word, 5, epoch), listening()
    watchdog.remote = remote
    assert port.poll(watchdog) is None
    assert (port.echo, port.result) == (5, result)


def test_remote_mode_is_dropped_after_30_s_without_a_beat_and_comes_back_after_10_s_of_good_ones() -> None:
    watchdog = listening()
    for _ in range(29):
        watchdog.step(1.0)
    assert watchdog.remote
    watchdog.step(1.0)
    assert (watchdog.remote, watchdog.stale) == (False, True)
    for beat in range(2, 11):
        watchdog.counter = beat
        watchdog.step(1.0)
        assert not watchdog.remote
    watchdog.counter = 11
    watchdog.step(1.0)
    assert (watchdog.remote, watchdog.stale) == (True, False)


def test_one_beat_after_a_long_silence_is_not_enough() -> None:
    watchdog = listening()
    for _ in range(40):
        watchdog.step(1.0)
    watchdog.counter += 1
    for _ in range(12):
        watchdog.step(1.0)
    assert not watchdog.remote


def test_the_heartbeat_of_an_owner_of_the_past_is_not_heard() -> None:
    watchdog = listening()
    watchdog.written_epoch = 6
    for beat in range(40):
        watchdog.counter = 100 + beat
        watchdog.step(1.0)
    assert watchdog.epoch == 7
    assert not watchdog.remote


# --- the machines behind the ports ---------------------------------------------------------------------


def run(plant: TurbinePlant, seconds: int) -> None:
    """With a service that beats once a second."""
    for _ in range(seconds):
        for plc in plant.plcs.values():
            plc.watchdog.counter += 1
        plant.step(1.0, 1.0)


def ask(plant: TurbinePlant, port_name: str, word: int) -> int:
    """Send a word with a fresh sequence number and let the PLCs scan."""
    port = plant.port(port_name)
    assert port is not None
    port.word, port.sequence = word, port.sequence + 1
    run(plant, 1)
    assert port.echo == port.sequence
    return port.result


def test_a_stop_takes_a_loaded_compressor_to_stopped_within_20_s_and_it_stays() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "C-301.CMD", STOP) == ACCEPTED
    run(plant, 20)
    assert plant.R.out["XS-301"] in (0, 1, 2, 3, 4, 12, 13)
    run(plant, 1500)
    assert not plant.R.c301.running  # the bag is far above 75 % by now, but automatic is off


def test_a_start_is_busy_while_draining_and_runs_up_unloaded() -> None:
    plant = TurbinePlant(1)
    ask(plant, "C-301.CMD", STOP)
    run(plant, 18)
    assert ask(plant, "C-301.CMD", START) == BUSY
    run(plant, 90)
    assert ask(plant, "C-301.CMD", START) == ACCEPTED
    seen = []
    for _ in range(25):
        seen.append(plant.R.out["XS-301"])
        run(plant, 1)
    assert list(dict.fromkeys(seen)) == [6, 7, 8, 9]
    assert seen.count(6) == pytest.approx(15, abs=1)


def test_a_tripped_compressor_refuses_a_start_until_it_is_reset() -> None:
    plant = TurbinePlant(1)
    plant.c301.oil_ok = False
    run(plant, 20)
    assert ask(plant, "C-301.CMD", START) == REFUSED_INTERLOCK
    plant.c301.oil_ok = True
    assert ask(plant, "C-301.CMD", RESET) == ACCEPTED
    assert plant.R.word_340[0] == 0
    run(plant, 60)
    assert plant.R.out["XA-344"] == 0.0
    assert ask(plant, "C-301.CMD", START) == ACCEPTED


def test_the_skid_booster_turns_over_at_every_new_sequence_whatever_the_word() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "K-109.CMD", START) == ACCEPTED  # it ran: 'start' stops it
    run(plant, 90)
    assert not plant.S.booster.running
    assert ask(plant, "K-109.CMD", STOP) == ACCEPTED
    run(plant, 25)
    assert plant.S.out["XS-109"] == 9


def test_a_feed_valve_shut_by_command_stays_shut_and_the_other_bank_does_not_take_over() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "XV-412B.CMD", 2) == ACCEPTED
    run(plant, 60)
    assert plant.storage.banks[0].feed.zsc == plant.storage.banks[1].feed.zsc == 1.0
    assert ask(plant, "XV-412A.CMD", 1) == ACCEPTED
    run(plant, 5)
    assert plant.storage.banks[0].feed.zso == 1.0


def test_the_good_bank_refuses_to_open_while_the_return_is_diverted() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "XV-216.CMD", 2) == ACCEPTED
    assert ask(plant, "XV-411A.CMD", 1) == REFUSED_INTERLOCK
    run(plant, 5)
    assert plant.divert.zso == 1.0
    assert plant.storage.banks[0].fill.zsc == 1.0
    assert plant.storage.banks[1].fill.zso == 1.0
    assert ask(plant, "XV-216.CMD", 1) == ACCEPTED
    assert ask(plant, "XV-411A.CMD", 1) == ACCEPTED


def test_withholding_the_purifier_takes_it_to_standby_and_a_permission_back_to_purify() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "XY-501.CMD", 2) == ACCEPTED
    run(plant, 1)
    assert (plant.L.out["XY-501"], plant.L.out["XS-501"]) == (0.0, 4.0)
    assert ask(plant, "XY-501.CMD", 1) == ACCEPTED
    run(plant, 1)
    assert plant.L.out["XS-501"] == 5.0


def test_a_controlled_stop_and_a_new_start_of_the_liquefier() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "LIQ.CMD", STOP) == ACCEPTED
    run(plant, 60)
    assert plant.L.out["XS-701"] == 1.0
    assert plant.box.inlet == 0.0
    assert ask(plant, "LIQ.CMD", START) == ACCEPTED
    states = []
    for _ in range(900):
        states.append(plant.L.out["XS-701"])
        run(plant, 1)
    assert list(dict.fromkeys(states)) == [1.0, 2.0, 3.0]
    assert plant.L.log.entries == [entry for entry in plant.L.log.entries if entry.id == "I-15"]
    assert plant.box.rate_l_h > 20.0


def test_a_fill_runs_through_its_states_and_the_full_dewar_is_taken_away() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "XV-811.CMD", 1) == ACCEPTED
    states = []
    while plant.ledger.delivered == 0.0:
        states.append(plant.L.out["XS-812"])
        assert plant.plant_s < 2 * 3600
        run(plant, 1)
    assert list(dict.fromkeys(states)) == [1.0, 2.0, 3.0]
    assert plant.ledger.kilograms()["delivered_kg"] == pytest.approx(6.0, abs=0.3)
    assert plant.violations() == []


def test_the_heater_permission_is_withheld_and_given_back() -> None:
    plant = TurbinePlant(1)
    assert ask(plant, "EH-804.CMD", 2) == ACCEPTED
    assert plant.L.out["EH-804.PERM"] == 0.0
    assert ask(plant, "EH-804.CMD", 1) == ACCEPTED
    assert plant.L.out["EH-804.PERM"] == 1.0
