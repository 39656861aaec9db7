"""The methods of a condition (Part 9, 5.5 to 5.8): what each asks of the core, and what is wrong before that.

A method is called on the condition, or for shelving on its ShelvingState, by the id of the instance's method
or by the type's. Who may do it and whether the alarm's state allows it is the core's to say, also for an
event id that nobody knows: so every invocation is journalled and audited, whatever becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from alarms.operations import LOWEST_ROLE, Action
from alarms.shelving import HOUR_S
from controller.opcua.gateway.conditions.identity import TRUNK
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.names import PLANT, of_plant, standard

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session

_O: Final = ua.ObjectIds
_Codes: Final = ua.StatusCodes
SHELVING: Final = "ShelvingState"
UNKNOWN: Final = "00"  # an event id that nobody has
GROUPS: Final = "GetGroupMemberships"
COMMENT_MAX: Final = 1_000  # characters: a comment is read in a list
COVER_S: Final = 8 * HOUR_S  # how long Suppress and RemoveFromService last, which take no time: a shift


@dataclass(frozen=True, slots=True)
class Method:
    """action: of the alarm system. event, time, comment: which arguments it has, in this order."""

    name: str
    action: Action
    event: bool = False
    time: bool = False
    comment: bool = False
    shelving: bool = False

    @property
    def path(self) -> str:
        """Below the condition."""
        return f"{SHELVING}/{self.name}" if self.shelving else self.name

    @property
    def role(self) -> str:
        """The least that may call it; nobody may disable, which the core says with its reason."""
        return LOWEST_ROLE.get(self.action, "operator")


METHODS: Final = {
    method.path: method
    for method in (
        Method("Enable", Action.ENABLE),
        Method("Disable", Action.DISABLE),
        Method("AddComment", Action.COMMENT, event=True, comment=True),
        Method("Acknowledge", Action.ACKNOWLEDGE, event=True, comment=True),
        Method("Confirm", Action.CONFIRM, event=True, comment=True),
        Method("Silence", Action.SILENCE),
        Method("Suppress", Action.SUPPRESS),
        Method("Suppress2", Action.SUPPRESS, comment=True),
        Method("Unsuppress", Action.UNSUPPRESS),
        Method("Unsuppress2", Action.UNSUPPRESS, comment=True),
        Method("RemoveFromService", Action.REMOVE_FROM_SERVICE),
        Method("RemoveFromService2", Action.REMOVE_FROM_SERVICE, comment=True),
        Method("PlaceInService", Action.RETURN_TO_SERVICE),
        Method("PlaceInService2", Action.RETURN_TO_SERVICE, comment=True),
        Method("Reset", Action.RESET),
        Method("Reset2", Action.RESET, comment=True),
        Method("TimedShelve", Action.SHELVE, time=True, shelving=True),
        Method("TimedShelve2", Action.SHELVE, time=True, comment=True, shelving=True),
        Method("OneShotShelve", Action.SHELVE_ONCE, shelving=True),
        Method("OneShotShelve2", Action.SHELVE_ONCE, comment=True, shelving=True),
        Method("Unshelve", Action.UNSHELVE, shelving=True),
        Method("Unshelve2", Action.UNSHELVE, comment=True, shelving=True),
    )
}
COVERS: Final = frozenset({Action.SUPPRESS, Action.REMOVE_FROM_SERVICE})


def _type_ids() -> dict[ua.NodeId, str]:
    """Method ids of the types, by path: the type's own and the declaration on AlarmConditionType."""
    found = {standard(_O.AlarmConditionType_GetGroupMemberships): GROUPS}
    for path, method in METHODS.items():
        for owner in ("ConditionType", "AcknowledgeableConditionType", "AlarmConditionType"):
            declared = path.replace("/", "_")
            number = getattr(_O, f"{owner}_{declared}", None)
            if number is not None:
                found[standard(number)] = path
        number = getattr(_O, f"ShelvedStateMachineType_{method.name}", None)
        if number is not None:
            found[standard(number)] = path
    return found


TYPE_METHODS: Final[Mapping[ua.NodeId, str]] = _type_ids()


def alarm_of(gateway: Gateway, node: ua.NodeId) -> tuple[str, str] | None:
    """(alarm id, '' or 'ShelvingState') when this is a condition or its shelf."""
    if node.NamespaceIndex != PLANT or not isinstance(node.Identifier, str):
        return None
    alarm, _, rest = node.Identifier.partition("/")
    known = alarm in gateway.conditions.forms and rest in {"", SHELVING}
    return (alarm, rest) if known else None


def path_of(gateway: Gateway, object_id: ua.NodeId, method_id: ua.NodeId) -> tuple[str, str] | None:
    """(alarm, path of the method) of a call; None when the object is no condition.

    Raises Fault(BadMethodInvalid) when the condition has no such method.
    """
    found = alarm_of(gateway, object_id)
    if found is None:
        return None
    alarm, part = found
    path = TYPE_METHODS.get(method_id, "")
    own = f"{alarm}/"
    if method_id.NamespaceIndex == PLANT and str(method_id.Identifier).startswith(own):
        path = str(method_id.Identifier)[len(own) :]
    if path not in gateway.conditions.forms[alarm].methods or (part and not path.startswith(part)):
        raise Fault(_Codes.BadMethodInvalid, f"{alarm} has no such method")
    return alarm, path


async def call(
    gateway: Gateway,
    session: Session,
    alarm: str,
    path: str,
    arguments: Sequence[ua.Variant],
    audit: str = "",
) -> list[ua.Variant]:
    """Calls a condition's method with arguments of the right types. A refusal is a Fault with its reason."""
    if path == GROUPS:
        groups = [of_plant(f"AlarmGroups/{name}") for name in gateway.conditions.groups(alarm)]
        return [ua.Variant(groups, ua.VariantType.NodeId, is_array=True)]
    method = METHODS[path]
    args, reason = _asked(gateway, alarm, method, [one.Value for one in arguments])
    if audit:
        args["audit"] = audit
    if method.action is Action.COMMENT and not reason:
        return []  # a null comment leaves what is there (5.5.6)
    reply = await gateway.orders.request(session.caller, method.action.value, alarm, args, reason)
    if not reply.accepted:
        raise Fault(reply.code, reply.reason)
    return []


def _asked(gateway: Gateway, alarm: str, method: Method, values: list[Any]) -> tuple[dict[str, Any], str]:
    """What the core is asked, and the reason given."""
    args: dict[str, Any] = {}
    if method.event:
        args["event"] = _event(gateway, alarm, values.pop(0))
    if method.time:
        args["for_s"] = float(values.pop(0)) / 1000
    reason = _comment(values.pop(0)) if method.comment else ""
    if method.action in COVERS:
        args["for_s"] = COVER_S
    return args, reason


def _event(gateway: Gateway, alarm: str, event: bytes | None) -> str:
    """The id by which the core knows the activation that an event was of; it refuses what nobody knows."""
    whose = gateway.conditions.whose(alarm, event or b"")
    if whose is None:
        return (event or b"").hex() or UNKNOWN
    known = gateway.conditions.core_event(alarm, whose)
    return known if known or whose == TRUNK else UNKNOWN


def _comment(comment: ua.LocalizedText | None) -> str:
    words = (comment.Text or "").strip() if comment is not None else ""
    if len(words) > COMMENT_MAX or any(ord(letter) < 32 and letter not in "\n\t" for letter in words):
        raise Fault(
            _Codes.BadInvalidArgument, f"a comment has at most {COMMENT_MAX} characters, all readable"
        )
    return words
