"""The well-known roles of Part 18, 4.2 and the ladder of this service: each rung has those below it too.

The core decides by the ladder; clients are shown the standard's roles, as RolePermissions ask for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from asyncua import ua

from controller.core.roles import LADDER, at_least
from controller.opcua.gateway.session import Caller

_Ids: Final = ua.ObjectIds


def _role(number: int) -> ua.NodeId:
    return ua.NodeId(ua.Int32(number), ua.Int16(0))


ADMINISTRATOR: Final = LADDER[-1]
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
    *,
    reading: str = LADDER[0],
    writing: str | None = None,
    calling: str | None = None,
    history: bool = False,
) -> list[ua.RolePermissionType]:
    """RolePermissions of a node (Part 3, 5.2.9): the least rung that may read, write, call it; None: nobody.

    Everybody may browse. Who may see these lists themselves is an administrator.
    """
    found = []
    for rung in LADDER:
        flags = ua.PermissionType.Browse | ua.PermissionType.ReceiveEvents
        if at_least(rung, reading):
            flags |= ua.PermissionType.Read
        if history:
            flags |= ua.PermissionType.ReadHistory
        if writing is not None and at_least(rung, writing):
            flags |= ua.PermissionType.Write
        if calling is not None and at_least(rung, calling):
            flags |= ua.PermissionType.Call
        if at_least(rung, ADMINISTRATOR):
            flags |= ua.PermissionType.ReadRolePermissions
        found += [ua.RolePermissionType(RoleId=role, Permissions=flags) for role in ADDED[rung]]
    return found


def permissions_of(caller: Caller, listed: list[ua.RolePermissionType]) -> list[ua.RolePermissionType]:
    """UserRolePermissions: those of the roles that the caller has."""
    own = granted(caller)
    return [one for one in listed if one.RoleId in own]


def may_see_roles(caller: Caller) -> bool:
    return caller.may(ADMINISTRATOR)
