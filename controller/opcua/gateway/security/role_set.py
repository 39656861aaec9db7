"""The RoleSet of the Server object: who has which well-known role (Part 18, 4.4), for administrators to read.

People are changed with `heloop users`, not over the wire.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from asyncua import ua

from controller.core.roles import at_least
from controller.doors.accounts import AccountError, Accounts
from controller.opcua.gateway.security.roles import ADDED, ANONYMOUS, AUTHENTICATED_USER, may_see_roles
from controller.opcua.gateway.session import Caller

_Criteria: Final = ua.IdentityCriteriaType
_NAMES: Final = {
    getattr(ua.ObjectIds, f"WellKnownRole_{name}"): name
    for name in (
        *("Anonymous", "AuthenticatedUser", "Observer", "Operator", "Engineer", "Supervisor"),
        *("ConfigureAdmin", "SecurityAdmin"),
    )
}
Bind = Callable[[int, Callable[[Caller], ua.DataValue]], None]


def bind_roles(bind: Bind, accounts: Accounts, *, anonymous: bool) -> None:
    """Shows the identities of each role. bind: of the standard nodes; anonymous: they may come in."""
    rungs = {role: rung for rung, roles in ADDED.items() for role in roles}
    for role in (ANONYMOUS, AUTHENTICATED_USER, *rungs):
        name = _NAMES[int(str(role.Identifier))]
        number = getattr(ua.ObjectIds, f"WellKnownRole_{name}_Identities")
        bind(number, partial(_identities, accounts, role, rungs.get(role), anonymous))


def _identities(
    accounts: Accounts, role: ua.NodeId, rung: str | None, anonymous: bool, caller: Caller
) -> ua.DataValue:
    if not may_see_roles(caller):
        return ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadUserAccessDenied)))
    rules: list[ua.IdentityMappingRuleType] = []
    if anonymous and (role == ANONYMOUS or rung == "viewer"):
        rules.append(_rule(_Criteria.Anonymous))
    if role == AUTHENTICATED_USER:
        rules.append(_rule(_Criteria.AuthenticatedUser))
    if rung is not None:
        try:
            known = accounts.all().values()
        except AccountError:
            return ua.DataValue(StatusCode=ua.StatusCode(ua.UInt32(ua.StatusCodes.BadConfigurationError)))
        rules += [_rule(_Criteria.UserName, one.name) for one in known if at_least(one.role, rung)]
    return ua.DataValue(ua.Variant(rules, ua.VariantType.ExtensionObject))


def _rule(criteria: ua.IdentityCriteriaType, value: str = "") -> ua.IdentityMappingRuleType:
    return ua.IdentityMappingRuleType(CriteriaType=criteria, Criteria=ua.String(value))
