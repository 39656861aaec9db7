"""The server's diagnostics (Part 5, 6.3.3 to 6.3.5): sessions, subscriptions and sampling, as they are now.

Sessions and subscriptions are shown to engineers and above; everybody else sees their own session's. What
concerns security is for administrators. Nothing is kept for it: rows are made when they are read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua
from asyncua.ua import ua_binary

from controller.opcua.gateway.session import Caller, Session
from controller.opcua.gateway.space.nodes import bad, data_value
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.subscriptions.subscription import Subscription

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
SEES_ALL: Final = "engineer"
SEES_SECURITY: Final = "admin"
TRANSPORT: Final = "opc.tcp"
_SECURITY_TYPE: Final = ua.NodeId(ua.Int32(_ID.SessionSecurityDiagnosticsDataType_Encoding_DefaultBinary))
_NO_SERVICE: Final = ("Current", "Total", "Unauthorized")
_COUNTERS: Final = tuple(
    name.removesuffix("Count")
    for name in ua.SessionDiagnosticsDataType.__dataclass_fields__
    if name.endswith("Count") and not name.startswith(_NO_SERVICE)
)


def bind(nodes: StandardNodes, gateway: Gateway) -> None:
    """From now on the nodes below ServerDiagnostics show what is so."""

    def rows(make: Callable[[Caller], Sequence[Any]]) -> Callable[[Caller], ua.DataValue]:
        return lambda caller: present(list(make(caller)))

    base = "Server_ServerDiagnostics"
    sessions = f"{base}_SessionsDiagnosticsSummary"
    live = {
        f"{base}_SamplingIntervalDiagnosticsArray": rows(lambda _: _intervals(gateway)),
        f"{base}_SubscriptionDiagnosticsArray": rows(lambda caller: _subscriptions(gateway, caller)),
        f"{sessions}_SessionDiagnosticsArray": rows(lambda caller: _sessions(gateway, caller)),
        f"{sessions}_SessionSecurityDiagnosticsArray": lambda caller: _security(gateway, caller),
    }
    for name, show in live.items():
        nodes.bind(getattr(_ID, name), show)


def present(what: Any, kind: ua.VariantType = _V.ExtensionObject) -> ua.DataValue:
    """A value that is made now."""
    value = data_value(what, kind)
    value.SourceTimestamp = datetime.now(UTC)  # type: ignore[assignment]  # asyncua's DateTime is a datetime
    return value


def may_see(caller: Caller, owner: Caller) -> bool:
    """Whether this caller is shown the owner's session and what it has."""
    return caller.may(SEES_ALL) or (bool(caller.session) and caller.session == owner.session)


def active(gateway: Gateway) -> list[Session]:
    """Those that diagnostics show."""
    return [session for session in gateway.sessions.all() if session.active]


# --- sessions --------------------------------------------------------------------------------------


def _sessions(gateway: Gateway, caller: Caller) -> list[ua.SessionDiagnosticsDataType]:
    return [session_row(gateway, session) for session in active(gateway) if may_see(caller, session.caller)]


def session_row(gateway: Gateway, session: Session) -> ua.SessionDiagnosticsDataType:
    """Part 5, 12.11."""
    about, found, own = session.about, ua.SessionDiagnosticsDataType(), gateway.subscriptions.own(session)
    shown: dict[str, Any] = {
        "SessionId": session.id,
        "SessionName": session.name,
        "ClientDescription": about.client,
        "ServerUri": about.uri,
        "EndpointUrl": about.url,
        "LocaleIds": list(session.locales),
        "ActualSessionTimeout": session.timeout_ms,
        "MaxResponseMessageSize": session.max_response_bytes,
        "ClientConnectionTime": session.created,
        "ClientLastContactTime": datetime.now(UTC) - timedelta(seconds=gateway.sessions.idle_s(session)),
        "CurrentSubscriptionsCount": len(own),
        "CurrentMonitoredItemsCount": sum(len(one.items) for one in own),
        "CurrentPublishRequestsInQueue": gateway.subscriptions.waiting(session),
        "TotalRequestCount": _counter(about.served.total(), about.failed.total()),
        "UnauthorizedRequestCount": about.denied,
    }
    shown |= {f"{name}Count": _counter(about.served[name], about.failed[name]) for name in _COUNTERS}
    for name, value in shown.items():
        setattr(found, name, value)
    return found


def _counter(served: int, failed: int) -> ua.ServiceCounterDataType:
    return ua.ServiceCounterDataType(ua.UInt32(served), ua.UInt32(failed))


def _security(gateway: Gateway, caller: Caller) -> ua.DataValue:
    if not caller.may(SEES_SECURITY):
        return bad(ua.StatusCodes.BadUserAccessDenied)
    if not caller.encrypted:  # Part 5, 6.3.4
        return bad(ua.StatusCodes.BadSecurityModeInsufficient)
    return present([security_row(session) for session in active(gateway)])


def security_fields(session: Session) -> dict[str, Any]:
    """Those of a SessionSecurityDiagnosticsDataType, in its order (Part 5, 12.12)."""
    policy, mode = session.security
    return {
        "SessionId": session.id,
        "ClientUserIdOfSession": session.caller.user,
        "ClientUserIdHistory": list(session.about.users),
        "AuthenticationMechanism": session.about.mechanism,
        "Encoding": "UA Binary",
        "TransportProtocol": TRANSPORT,
        "SecurityMode": mode,
        "SecurityPolicyUri": policy,
        "ClientCertificate": session.certificate,
    }


def security_row(session: Session) -> ua.ExtensionObject:
    """Encoded by hand: asyncua's class loses the field named Encoding."""
    body = b"".join(_packed(value) for value in security_fields(session).values())
    return ua.ExtensionObject(_SECURITY_TYPE, ua.ByteString(body))


def _packed(value: Any) -> bytes:
    match value:
        case ua.NodeId():
            return ua_binary.nodeid_to_binary(value)
        case list():
            return ua_binary.Primitives.Int32.pack(len(value)) + b"".join(_packed(one) for one in value)
        case bytes():
            return ua_binary.Primitives.Bytes.pack(value)
        case int():
            return ua_binary.Primitives.Int32.pack(value)
        case _:
            return ua_binary.Primitives.String.pack(value)


# --- subscriptions -----------------------------------------------------------------------------------


def _subscriptions(gateway: Gateway, caller: Caller) -> list[ua.SubscriptionDiagnosticsDataType]:
    return [subscription_row(one) for one in gateway.subscriptions.all() if may_see(caller, one.caller)]


def subscription_row(one: Subscription) -> ua.SubscriptionDiagnosticsDataType:
    """Part 5, 12.15. Of one whose session has gone the SessionId is null."""
    terms, tally, found = one.terms, one.tally, ua.SubscriptionDiagnosticsDataType()
    shown: dict[str, Any] = {
        "SessionId": ua.NodeId() if one.queue is None else one.queue.session.id,
        "SubscriptionId": one.id,
        "Priority": terms.priority,
        "PublishingInterval": terms.interval_ms,
        "MaxKeepAliveCount": terms.keep_alive,
        "MaxLifetimeCount": terms.lifetime,
        "MaxNotificationsPerPublish": terms.notifications,
        "PublishingEnabled": one.enabled,
        "ModifyCount": tally.modified,
        "EnableCount": tally.enabled,
        "DisableCount": tally.disabled,
        "RepublishRequestCount": tally.republish_requests,
        "RepublishMessageRequestCount": tally.republish_requests,
        "RepublishMessageCount": tally.republished,
        "TransferRequestCount": tally.transferred,
        "TransferredToAltClientCount": tally.transferred - tally.transferred_to_same,
        "TransferredToSameClientCount": tally.transferred_to_same,
        "PublishRequestCount": tally.publish_requests,
        "DataChangeNotificationsCount": tally.values,
        "EventNotificationsCount": tally.events,
        "NotificationsCount": tally.values + tally.events,
        "LatePublishRequestCount": tally.late,
        "CurrentKeepAliveCount": one.silent,
        "CurrentLifetimeCount": one.unasked,
        "UnacknowledgedMessageCount": len(one.available),
        "DiscardedMessageCount": tally.discarded,
        "MonitoredItemCount": len(one.items),
        "DisabledMonitoredItemCount": sum(
            item.mode is ua.MonitoringMode.Disabled for item in one.items.values()
        ),
        "MonitoringQueueOverflowCount": tally.overflows,
        "NextSequenceNumber": one.sequence,
        "EventQueueOverflowCount": tally.event_overflows,
    }
    for name, value in shown.items():
        setattr(found, name, value)
    return found


def _intervals(gateway: Gateway) -> list[ua.SamplingIntervalDiagnosticsDataType]:
    """Of items that are looked at in an interval; those of tags that want every change ride on the feed."""
    return [
        ua.SamplingIntervalDiagnosticsDataType(float(ms), ua.UInt32(count), ua.UInt32(count))
        for ms, count in sorted(gateway.subscriptions.sampler.intervals.items())
    ]
