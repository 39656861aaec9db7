"""The well-known roles of Part 18, 4.2 and the ladder of this service: each rung has those below it too.

The core decides by the ladder; clients are shown the standard's roles, as RolePermissions ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from asyncua import ua

from controller.core.roles import LADDER
from controller.opcua.gateway.session import Caller

_Ids: Final = ua.ObjectIds


def _role(number: int) -> ua.NodeId:
    return ua.NodeId(ua.Int32(number), ua.Int16(0))


ANONYMOUS: Final = _role(_Ids.WellKnownRole_Anonymous)
AUTHENTICATED_USER: Final = _role(_Ids.WellKnownRole_AuthenticatedUser)
# What each rung adds to those below it.
ADDED: Final[Mapping[str, tuple[ua.NodeId, ...]]] = {
    "viewer": (_role(_Ids.WellKnownRole_Observer),),
    "operator": (_role(_Ids.WellKnownRole_Operator),),
    "engineer": (_role(_Ids.WellKnownRole_Engineer),),
    "supervisor": (_role(_Ids.WellKnownRole_Supervisor),),
    "admin": (_role(_Ids.WellKnownRole_ConfigureAdmin), _role(_Ids.WellKnownRole_SecurityAdmin)),
}
WELL_KNOWN: Final = (ANONYMOUS, AUTHENTICATED_USER, *(role for roles in ADDED.values() for role in roles))


def granted(caller: Caller) -> tuple[ua.NodeId, ...]:
    """The roles of a session. Everybody has Anonymous (Part 18, 4.2); a viewer needs no name to observe."""
    roles = [ANONYMOUS, *([AUTHENTICATED_USER] if caller.user else [])]
    for rung in LADDER[: LADDER.index(caller.role) + 1]:
        roles += ADDED[rung]
    return tuple(roles)


def least_role(role: ua.NodeId) -> str | None:
    """The lowest rung that has this role; None for one that is not the standard's."""
    if role in (ANONYMOUS, AUTHENTICATED_USER):
        return LADDER[0]
    return next((rung for rung, roles in ADDED.items() if role in roles), None)


def permissions(
    reading: str, writing: str | None = None, calling: str | None = None
) -> list[ua.RolePermissionType]:
    """RolePermissions of a node (Part 3, 5.2.9): the least rung that may read, write, call; None: nobody."""
    found = []
    for rung in LADDER:
        flags = ua.PermissionType(0)
        at = LADDER.index(rung)
        if at >= LADDER.index(reading):
            flags |= ua.PermissionType.Browse | ua.PermissionType.Read | ua.PermissionType.ReadHistory
            flags |= ua.PermissionType.ReceiveEvents
        if writing is not None and at >= LADDER.index(writing):
            flags |= ua.PermissionType.Write
        if calling is not None and at >= LADDER.index(calling):
            flags |= ua.PermissionType.Call
        if flags:
            found += [ua.RolePermissionType(RoleId=role, Permissions=flags) for role in ADDED[rung]]
    return found
