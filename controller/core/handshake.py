"""The command handshake, as a function of what is seen (docs/reference/plc-contract.md).

We write word, epoch and sequence in one request. The PLC acts when the sequence changes, sets its
result and last the echo. The plant's feedback then proves the effect. Four results:

| result  | when                                                                                     |
|---------|------------------------------------------------------------------------------------------|
| done    | the proof was seen (or the word has none, and the PLC accepted it)                       |
| refused | the PLC answered with a refusal, or is in local mode                                     |
| failed  | the PLC accepted, the proof did not come in time; or its server rejected the write       |
| unknown | no echo, or no feedback to judge by: the command may or may not have been taken          |

A result that arrives with its echo may be older than it (two monitored items are sampled apart), so a
refusal is believed only after SETTLE_S.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Final, NamedTuple

from alarms.signal import Tri, is_bad

ECHO_S: Final = 2.0  # wall; domain practice: a PLC answers within 2 s
SETTLE_S: Final = 0.25
SEQUENCE_MAX: Final = 65535

ACCEPTED: Final = 1
REFUSALS: Final = {
    2: ("refused", "refused by the PLC's own permissive or interlock"),
    3: ("refused", "local"),
    4: ("refused", "busy"),
    5: ("refused", "epoch"),
    6: ("failed", "the PLC does not know the word"),
}
# Part 4, 7.39: the server has understood the write and will not do it; sending it again is the same.
REJECTED: Final = {
    0x80730000: "BadWriteNotSupported",
    0x80740000: "BadTypeMismatch",
    0x803B0000: "BadNotWritable",
    0x801F0000: "BadUserAccessDenied",
    0x80340000: "BadNodeIdUnknown",
    0x803C0000: "BadOutOfRange",
    0x80350000: "BadAttributeIdInvalid",
    0x80370000: "BadIndexRangeNoData",
    0x80180000: "BadSecurityPolicyRejected",
}


@dataclass(slots=True)
class Progress:
    """Where a command in flight stands; wall seconds.

    asked_s: when it was decided. sent_s: when it was handed to the link. status: the transport's
    answer, None before it. again: it is from before a restart, so only echo and read-back can tell.
    """

    asked_s: float
    sent_s: float
    status: int | None = None
    echoed_s: float | None = None
    no_echo_told: bool = False
    again: bool = False


class Seen(NamedTuple):
    """What is visible of a command: echo and result code (None when not Good), and its proof.

    proof None: the word has no feedback, the echo is all there is. alive: the PLC is.
    """

    echo: float | None
    code: float | None
    proof: Tri | None
    alive: bool


class Outcome(NamedTuple):
    """A final result; how in a few words; code as the PLC gave it."""

    result: str
    how: str
    code: int | None = None


class Wait(NamedTuple):
    """Not decided yet; look again at due_s. no_echo: the time for the echo is over."""

    due_s: float
    no_echo: bool = False


def next_sequence(last: int, taken: tuple[float | None, ...]) -> int:
    """The next of 1..65535 that the PLC does not show already (it acts on a change only)."""
    sequence = last
    for _ in range(len(taken) + 1):
        sequence = sequence % SEQUENCE_MAX + 1
        if sequence not in taken:
            break
    return sequence


def judge(sequence: int, within_s: float, progress: Progress, seen: Seen, now_s: float) -> Outcome | Wait:
    """What is to be said of the command now. Updates progress.echoed_s."""
    if progress.again and not seen.alive:
        return Wait(inf)
    if progress.status is not None and is_bad(progress.status) and progress.status in REJECTED:
        return Outcome("failed", f"the PLC's server rejected the write: {REJECTED[progress.status]}")
    if seen.echo == sequence:
        if progress.echoed_s is None:
            progress.echoed_s = now_s
        return _answered(within_s, progress, progress.echoed_s, seen, now_s)
    if progress.again:
        return _not_taken(seen)
    return _unanswered(within_s, progress, seen, now_s)


def _answered(
    within_s: float, progress: Progress, echoed_s: float, seen: Seen, now_s: float
) -> Outcome | Wait:
    code = None if seen.code is None else int(seen.code)
    settled = now_s >= echoed_s + SETTLE_S
    if seen.proof is Tri.TRUE and (code not in REFUSALS or settled):
        return Outcome("done", "proved", code)
    if not settled:
        return Wait(echoed_s + SETTLE_S)
    if code is not None and code in REFUSALS:
        return Outcome(*REFUSALS[code], code)
    due_s = (echoed_s if progress.again else progress.sent_s) + within_s
    if seen.proof is not None and now_s < due_s:
        return Wait(due_s)
    return _without_proof(seen.proof, code)


def _without_proof(proof: Tri | None, code: int | None) -> Outcome:
    """The PLC has taken it, and there is no feedback that says the same."""
    if proof is None:
        accepted = code == ACCEPTED
        return Outcome(
            "done" if accepted else "unknown", "accepted" if accepted else "echo without a result", code
        )
    if proof is Tri.FALSE:
        return Outcome("failed", "accepted, but the feedback did not follow in time", code)
    return Outcome("unknown", "accepted, but the feedback cannot be seen", code)


def _unanswered(within_s: float, progress: Progress, seen: Seen, now_s: float) -> Outcome | Wait:
    echo_by_s = progress.sent_s + ECHO_S
    if now_s < echo_by_s:
        return Wait(echo_by_s)
    if seen.proof is Tri.TRUE:
        return Outcome("done", "proved, without an echo")
    due_s = progress.sent_s + max(within_s, ECHO_S)
    if seen.proof is not None and now_s < due_s:
        return Wait(due_s, no_echo=True)
    return Outcome("unknown", "no echo" if seen.alive else "no communication")


def _not_taken(seen: Seen) -> Outcome | Wait:
    """From before a restart, and the PLC does not show its sequence."""
    if seen.echo is None:
        return Wait(inf)  # alive, but this node is not there yet
    if seen.proof is Tri.TRUE:
        return Outcome("done", "read back after a restart")
    return Outcome("unknown", "restart: the PLC does not show it")
