"""What standing trips ask of a command, and when a word may be sent again.

The rule (nothing is ever re-sent blindly). While the same trip stands, a word is sent again, under a
new sequence number and at most ATTEMPTS_MAX times in all, only

- after `local`, when the PLC takes commands again (after LOCAL_S when its remote flag says that it
  does all the time); after `busy`, once more after BUSY_S;
- after `unknown`, when it was never sent (PLC not reachable), or when Good feedback shows that it did
  not take effect and the PLC's Good echo shows that it did not take the command either;
- after `done`, when Good feedback shows for as long as the word may take that somebody has undone it
  (`command.undone`; at once when nothing had been sent, because the feedback was there `already`).

What was never sent is not sent later for a trip that came of not seeing, once it sees that nothing is
wrong: the PLC was away, has run by itself meanwhile, and well.
"""

from __future__ import annotations

from math import inf
from typing import Any, Final, NamedTuple

from alarms.signal import Tri
from controller.core.durable import PENDING, Durable, EffectRecord
from controller.plant.plant import Command

ATTEMPTS_MAX: Final = 3
BUSY_S: Final = 5.0
LOCAL_S: Final = 30.0
PAUSE_S: Final = {"busy": BUSY_S, "local": LOCAL_S}

Settle = tuple[str, int, int]  # interlock, trip number, effect index


class Want(NamedTuple):
    """One effect of one standing trip that asks for a word of this command; rank 0 is the safest.

    moot: nothing is to be sent for it any more.
    """

    settle: Settle
    rank: int
    effect: EffectRecord
    moot: bool = False


class Situation(NamedTuple):
    """What may be known of a command before sending. echo, unanswered: sequence numbers.

    unanswered: of the last command whose fate is unknown; pause_until_s: wall, after a refusal.
    """

    alive: bool
    local: bool
    toggle: bool
    proof: Tri | None
    echo: float | None
    unanswered: int | None
    pause_until_s: float


def asks(effect: EffectRecord, situation: Situation, now_s: float) -> tuple[bool, float]:
    """Whether this effect asks for its word to be sent now; else when to look again (inf: at a change)."""
    if effect.result == PENDING:
        return True, inf
    if effect.result in ("done", "failed") or effect.attempts >= ATTEMPTS_MAX:
        return False, inf
    if not situation.alive or situation.local:
        return False, inf
    if now_s < situation.pause_until_s:
        return False, situation.pause_until_s
    if effect.how in PAUSE_S:
        return True, inf
    return effect.result == "unknown" and _was_not_taken(situation), inf


def _was_not_taken(situation: Situation) -> bool:
    """It was never sent, or Good feedback and Good echo both deny it."""
    if situation.unanswered is None:
        return situation.proof is not Tri.UNKNOWN or not situation.toggle
    denied = situation.echo is not None and situation.echo != situation.unanswered
    return denied and situation.proof is Tri.FALSE


def rank_of(command: Command, word: str) -> int:
    """Place of a word among the command's, 0 the safest; a word that is gone counts as the least safe."""
    names = [one.name for one in command.words]
    return names.index(word) if word in names else len(names)


def trips_behind(durable: Durable, settles: list[Settle]) -> list[dict[str, Any]]:
    """What a restarted service needs to latch these trips again when the journal did not get them."""
    rows = []
    for name in sorted({name for name, _, _ in settles}):
        trip = durable.interlock(name).trip
        if trip is not None:
            rows.append(
                {
                    "interlock": name,
                    "number": trip.number,
                    "utc_ns": trip.utc_ns,
                    "at_s": trip.at_s,
                    "reason": trip.reason,
                    "first_out": trip.first_out,
                    "causes": list(trip.causes),
                    "effects": sorted(trip.effects),
                    "latched": trip.latched,
                }
            )
    return rows
