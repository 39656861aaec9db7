"""Methods of the Server object (Part 5, 9.1 and 9.2): what is monitored, and all of it once more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from asyncua import ua

from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.space.names import standard
from controller.opcua.gateway.subscriptions.data_items import DataItem

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session
    from controller.opcua.gateway.subscriptions.subscription import Subscription

_Codes: Final = ua.StatusCodes
SERVER: Final = standard(ua.ObjectIds.Server)


def _own(gateway: Gateway, session: Session, number: int) -> Subscription:
    """The session's subscription. Raises Fault: another session's is not to be looked into."""
    subscriptions = gateway.subscriptions
    try:
        return subscriptions.of(session, number)
    except Fault as fault:
        if subscriptions.find(number) is not None:
            raise Fault(_Codes.BadUserAccessDenied, "the subscription is another session's") from fault
        raise


async def monitored_items(
    gateway: Gateway, session: Session, inputs: Sequence[ua.Variant]
) -> list[ua.Variant]:
    """GetMonitoredItems: the items by our numbers, and by the client's in the same order."""
    items = list(_own(gateway, session, inputs[0].Value).items.values())
    ours = [item.id for item in items]
    theirs = [int.from_bytes(item.handle, "little") for item in items]
    return [ua.Variant(each, ua.VariantType.UInt32, is_array=True) for each in (ours, theirs)]


async def resend_data(gateway: Gateway, session: Session, inputs: Sequence[ua.Variant]) -> list[ua.Variant]:
    """ResendData: the present value of everything that reports, with the next publishing."""
    for item in _own(gateway, session, inputs[0].Value).items.values():
        if isinstance(item, DataItem) and item.mode is ua.MonitoringMode.Reporting:
            item.again()
    return []


Work = Callable[["Gateway", "Session", Sequence[ua.Variant]], Awaitable[list[ua.Variant]]]
WORK: Final[Mapping[ua.NodeId, Work]] = {
    standard(ua.ObjectIds.Server_GetMonitoredItems): monitored_items,
    standard(ua.ObjectIds.ServerType_GetMonitoredItems): monitored_items,
    standard(ua.ObjectIds.Server_ResendData): resend_data,
    standard(ua.ObjectIds.ServerType_ResendData): resend_data,
}
