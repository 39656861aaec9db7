"""What the methods of interlocks and commands do: put a request to the core, hand its answer back.

Nothing is decided here. A refusal becomes the method's StatusCode, with the core's sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.nodes import Work
from controller.opcua.gateway.space.parts import Method
from controller.opcua.gateway.space.types import COMMAND, REASON
from controller.plant.plant import Command, Interlock

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session

# method of InterlockType -> the core's action
_ACTIONS: Final = {
    "Reset": "reset",
    "Acknowledge": "acknowledge",
    "Bypass/Request": "bypass",
    "Bypass/Confirm": "confirm_bypass",
    "Bypass/Remove": "unbypass",
    "EffectCheck/Inhibit": "inhibit_check",
    "EffectCheck/Allow": "allow_check",
}


def interlock_work(rule: Interlock, method: str) -> Work:
    """The work of one of InterlockType's methods."""
    action = _ACTIONS[method]

    async def work(gateway: Gateway, session: Session, inputs: Sequence[ua.Variant]) -> Sequence[ua.Variant]:
        minutes = float(inputs[1].Value) if len(inputs) > 1 else 0.0
        args = {"for_s": minutes * 60.0} if minutes else {}
        await _ask(gateway, session, action, rule.name, args, _text(inputs[0]))
        return ()

    return work


def command_work(command: Command, method: str) -> Work:
    """`Send` takes the word as an argument; every other method is a word."""

    async def send(gateway: Gateway, session: Session, inputs: Sequence[ua.Variant]) -> Sequence[ua.Variant]:
        await _ask(gateway, session, "command", command.name, {"word": _text(inputs[0])}, _text(inputs[1]))
        return ()

    async def word(gateway: Gateway, session: Session, inputs: Sequence[ua.Variant]) -> Sequence[ua.Variant]:
        await _ask(gateway, session, "command", command.name, {"word": method}, _text(inputs[0]))
        return ()

    return send if method == "Send" else word


def word_methods(command: Command) -> tuple[Method, ...]:
    """A method for each word, so that nobody has to spell it; not where one of the type has its name."""
    taken = {part.name for part in COMMAND.parts}
    return tuple(
        Method(word.name, f"Send '{word.name}' to {command.name}.", (REASON,))
        for word in command.words
        if word.name not in taken
    )


async def _ask(
    gateway: Gateway, session: Session, action: str, target: str, args: dict[str, Any], reason: str
) -> None:
    reply = await gateway.orders.request(session.caller, action, target, args, reason)
    if not reply.accepted:
        raise Fault(reply.code, reply.reason)


def _text(given: ua.Variant) -> str:
    return str(given.Value or "")
