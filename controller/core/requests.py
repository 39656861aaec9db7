"""What people ask for: each request gets one reply with a reason, and one audit event.

Roles come with the request; the front doors have authenticated the person. Rules of who may do what
are here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, Final, NamedTuple

from alarms.signal import Tri
from controller.core.bypass import MUTE_MAX_S, Bypasses
from controller.core.commands import Commands
from controller.core.effects import Reply
from controller.core.inputs import Request
from controller.core.interlocks import Interlocks
from controller.core.logic import Logic
from controller.core.permission import Permission
from controller.core.permissives import Permissives
from controller.core.roles import at_least
from controller.core.wording import rule, span
from controller.plant.plant import By, CheckedEffect, Plant, ResetBy

DENIED: Final = "BadUserAccessDenied"
INVALID: Final = "BadInvalidArgument"
RANGE: Final = "BadOutOfRange"
STATE: Final = "BadInvalidState"


class Answer(NamedTuple):
    accepted: bool
    reason: str
    data: dict[str, Any]


def _no(reason: str = "", code: str = STATE) -> Answer:
    """code: OPC UA's name for the refusal, for those who need more than a sentence."""
    return Answer(False, reason, {"codes": [code]})


def _yes(reason: str, **data: Any) -> Answer:
    return Answer(True, reason, data)


class Requests:
    """The actions by name; a request for anything else is refused with their list."""

    def __init__(
        self,
        plant: Plant,
        interlocks: Interlocks,
        commands: Commands,
        permissives: Permissives,
        bypasses: Bypasses,
    ) -> None:
        self.plant = plant
        self.interlocks = interlocks
        self.commands = commands
        self.permission = Permission(plant, interlocks, commands, permissives)
        self.bypasses = bypasses
        self.decisions = interlocks.decisions
        self._logics = {logic.rule.name: logic for logic in interlocks.logics}
        self._actions: dict[str, Callable[[Request, Logic], Answer]] = {
            "reset": self._reset,
            "acknowledge": self._acknowledge,
            "bypass": self._bypass,
            "confirm_bypass": self._confirm_bypass,
            "unbypass": self._unbypass,
            "inhibit_check": self._inhibit_check,
            "allow_check": self._allow_check,
        }

    def answer(self, request: Request) -> bool:
        """Whether it was accepted."""
        found = self._decide(request)
        self.tell(request, found)
        return found.accepted

    def seen(self, request: Request, names: Iterable[str]) -> None:
        """Who acknowledges the alarm of a trip has seen the trip of these interlocks."""
        for name in names:
            self._acknowledge(request, self._logics[name])

    def tell(self, request: Request, found: Answer) -> None:
        """The audit event and the reply."""
        kind = "request.accepted" if found.accepted else "request.refused"
        outcome = "" if found.accepted else " refused:"
        text = f"{request.user} ({request.role}) {request.action} {request.target}:{outcome} {found.reason}"
        data = {
            "user": request.user,
            "role": request.role,
            "action": request.action,
            "target": request.target,
            "args": request.args,
            "reason": request.reason,
            "answer": found.reason,
            "request": request.id,
            **({"door": request.door} if request.door else {}),
            **({"codes": found.data["codes"]} if "codes" in found.data else {}),
        }
        if "codes" in found.data:
            data["codes"] = found.data["codes"]
        self.decisions.say(kind, request.target, text, data, 200 if found.accepted else 300)
        self.decisions.tell(Reply(request.id, found.accepted, found.reason, found.data))

    def _decide(self, request: Request) -> Answer:
        if not at_least(request.role, "operator"):
            return _no(f"the role '{request.role}' may look, not act", DENIED)
        if request.action == "command":
            return self._command(request)
        action = self._actions.get(request.action)
        if action is None:
            known = ", ".join(self._actions)
            return _no(f"there is no action '{request.action}'; there are command, {known}", INVALID)
        logic = self._logics.get(request.target)
        if logic is None:
            return _no(f"there is no interlock '{request.target}'", INVALID)
        return action(request, logic)

    # --- trips ---------------------------------------------------------------------------------

    def _reset(self, request: Request, logic: Logic) -> Answer:
        trip = self.interlocks.record(logic.rule.index).trip
        if trip is None:
            return _no(f"{logic.rule.name} does not stand")
        if logic.rule.reset.by is ResetBy.LOCAL:
            return _no(f"{logic.rule.name} is reset at the machine only", DENIED)
        if not logic.live.resettable:
            return _no(self.not_resettable(logic))
        self.interlocks.reset(logic, trip, request.user, request.reason)
        return _yes(f"{logic.rule.name} is reset")

    def not_resettable(self, logic: Logic) -> str:
        """Why a standing trip cannot be reset yet, in a sentence."""
        name, reset, live = logic.rule.name, logic.rule.reset, logic.live
        if live.demand is not Tri.FALSE:
            standing = [number for number, answer in enumerate(live.answers) if answer is not Tri.FALSE]
            why = "the cause stands" if live.demand is Tri.TRUE else "cannot see its causes"
            return f"{name}: {why}: {logic.shown(standing, self.interlocks.sight.image)}"
        left_s = live.tripped_plant_s + reset.at_least_s - self.decisions.now.plant_s
        if left_s > 0:
            return f"{name} stands for at least {span(reset.at_least_s)}: {span(left_s)} to go"
        wanted = "the cause gone" if reset.condition is None else rule(self.plant, reset.condition)
        held = f" for {span(reset.for_s)}" if reset.for_s else ""
        if live.reset_since_s is not None:
            left_s = live.reset_since_s + reset.for_s - self.decisions.now.plant_s
            return f"{name} needs {wanted}{held}: {span(max(left_s, 0.0))} to go"
        return f"{name} needs {wanted}{held}"

    def _acknowledge(self, request: Request, logic: Logic) -> Answer:
        trip = self.interlocks.record(logic.rule.index).trip
        if trip is None:
            return _no(f"{logic.rule.name} does not stand")
        if trip.acknowledged:
            return _no(f"{logic.rule.name} has been acknowledged by {trip.acknowledged}")
        data = {"user": request.user, "number": trip.number, "reason": request.reason}
        text = f"{logic.rule.name} acknowledged by {request.user}"
        self.decisions.say("interlock.acknowledged", logic.rule.name, text, data)
        return _yes(f"{logic.rule.name} is acknowledged; it stands until it is reset")

    # --- bypasses ------------------------------------------------------------------------------

    def _bypass(self, request: Request, logic: Logic) -> Answer:
        rule_, record = logic.rule, self.interlocks.record(logic.rule.index)
        if rule_.by is By.PLC:
            return _no(
                f"{rule_.name} is enforced by the PLC: only its effect check can be inhibited here", DENIED
            )
        allowed = rule_.bypass
        if allowed is None:
            return _no(f"{rule_.name} allows no bypass", DENIED)
        for_s = _duration(request.args.get("for_s", allowed.max_s))
        refusal = (
            (f"{rule_.name} needs the role {allowed.role}; you have {request.role}", DENIED)
            if not at_least(request.role, allowed.role)
            else ("a bypass needs a reason", INVALID)
            if not request.reason.strip()
            else (f"{rule_.name} may be bypassed for at most {span(allowed.max_s)}", RANGE)
            if for_s is None or for_s > allowed.max_s
            else (f"{rule_.name} is bypassed already", STATE)
            if record.bypass is not None
            else (f"{record.asked.user} has asked already; a second person confirms", STATE)
            if record.asked is not None
            else None
        )
        if refusal is not None or for_s is None:
            return _no(*(refusal or ()))
        if allowed.two_persons:
            self.bypasses.ask(rule_.name, request.user, request.session, request.reason.strip(), for_s)
            return _yes(f"{rule_.name}: waits for a second person, 10 min", waiting=True)
        self.bypasses.grant(rule_.name, request.user, "", request.reason.strip(), for_s)
        return _yes(f"{rule_.name} is bypassed for {span(for_s)}", for_s=for_s)

    def _confirm_bypass(self, request: Request, logic: Logic) -> Answer:
        rule_, asked = logic.rule, self.interlocks.record(logic.rule.index).asked
        if asked is None or rule_.bypass is None:
            return _no(f"{rule_.name}: nobody has asked for a bypass in the last 10 min")
        if not at_least(request.role, rule_.bypass.role):
            return _no(f"{rule_.name} needs the role {rule_.bypass.role}; you have {request.role}", DENIED)
        if request.user == asked.user:
            return _no(f"{asked.user} has asked; another person has to confirm", DENIED)
        if not request.session or request.session == asked.session:
            return _no("confirm from a session of your own", DENIED)
        self.bypasses.grant(rule_.name, asked.user, request.user, asked.reason, asked.for_s)
        return _yes(f"{rule_.name} is bypassed for {span(asked.for_s)}", for_s=asked.for_s)

    def _unbypass(self, request: Request, logic: Logic) -> Answer:
        record, name = self.interlocks.record(logic.rule.index), logic.rule.name
        if record.asked is not None:
            self.bypasses.withdraw(name, request.user)
            return _yes(f"{name}: the request for a bypass is withdrawn")
        if record.bypass is None:
            return _no(f"{name} is not bypassed")
        self.bypasses.end(name, request.user)
        return _yes(f"{name} acts again")

    def _inhibit_check(self, request: Request, logic: Logic) -> Answer:
        name, record = logic.rule.name, self.interlocks.record(logic.rule.index)
        for_s = _duration(request.args.get("for_s", MUTE_MAX_S))
        if not any(isinstance(effect, CheckedEffect) for effect in logic.rule.effects):
            return _no(f"{name} has no effect by a PLC to check")
        if not at_least(request.role, "supervisor"):
            return _no(f"inhibiting a check needs the role supervisor; you have {request.role}", DENIED)
        if not request.reason.strip():
            return _no("inhibiting a check needs a reason", INVALID)
        if for_s is None or for_s > MUTE_MAX_S:
            return _no(f"a check may be inhibited for at most {span(MUTE_MAX_S)}", RANGE)
        if record.muted is not None:
            return _no(f"{name}: the check is inhibited already")
        self.bypasses.mute(name, request.user, request.reason.strip(), for_s)
        return _yes(f"{name}: effect check inhibited for {span(for_s)}; the PLC is not touched", for_s=for_s)

    def _allow_check(self, request: Request, logic: Logic) -> Answer:
        if self.interlocks.record(logic.rule.index).muted is None:
            return _no(f"{logic.rule.name}: the check is not inhibited")
        self.bypasses.unmute(logic.rule.name, request.user)
        return _yes(f"{logic.rule.name}: the effects are checked again")

    # --- commands ------------------------------------------------------------------------------

    def _command(self, request: Request) -> Answer:
        command = next((one for one in self.plant.commands if one.name == request.target), None)
        if command is None:
            return _no(f"there is no command '{request.target}'", INVALID)
        wanted = request.args.get("word")
        word = next((one for one in command.words if one.name == wanted), None)
        if word is None:
            words = ", ".join(one.name for one in command.words)
            return _no(f"{command.name} has no word '{wanted}'; it has {words}", INVALID)
        refusal = self.permission.refusal(command, word)
        if refusal:
            return _no(refusal)
        proof = self.commands.flights.proof(command, word)
        if proof is Tri.TRUE:
            return _yes(
                f"{command.name}: the feedback shows '{word.name}' already", result="done", how="already"
            )
        obstacle = self.commands.flights.obstacle(command, proof)
        if obstacle is not None:
            return _no(f"{command.name}: {obstacle.how}")
        self.commands.flights.overtake(command, word)
        intent = self.commands.send(command, word, [], request.user, self.decisions.now.mono_s)
        return _yes(f"{command.name} '{word.name}' is on its way", intent=intent)


def _duration(asked: object) -> float | None:
    """Seconds, when they are a positive number."""
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        return None
    return float(asked) if isfinite(asked) and asked > 0 else None
