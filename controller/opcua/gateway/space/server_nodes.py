"""What the Server object says of this server (OPC 10000-5, 6.3): status, limits and counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from asyncua import ua

from controller.opcua.gateway import diagnostics
from controller.opcua.gateway.service_level import service_level
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.settings import PRODUCT_URI, Limits
from controller.opcua.gateway.space.names import namespaces, standard
from controller.opcua.gateway.space.nodes import data_value
from controller.opcua.gateway.space.standard import StandardNodes

if TYPE_CHECKING:
    from controller.opcua.gateway.picture import Picture
    from controller.opcua.gateway.server import Gateway

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
# Only what tests cover (docs/reference/opcua-server.md); nobody has certified it.
PROFILES: Final = (
    "http://opcfoundation.org/UA-Profile/Server/DataAccess",
    "http://opcfoundation.org/UA-Profile/Server/EventSubscription",
    "http://opcfoundation.org/UA-Profile/Server/ACBaseConditionWithRefresh",
    "http://opcfoundation.org/UA-Profile/Server/HistoricalRawData",
    "http://opcfoundation.org/UA-Profile/Server/Methods",
)
STATUS_NODES: Final = frozenset(
    standard(getattr(_ID, f"Server_{name}"))
    for name in (
        *("ServiceLevel", "ServerStatus", "ServerStatus_State"),
        *("ServerStatus_SecondsTillShutdown", "ServerStatus_ShutdownReason"),
    )
)
Live = Callable[[], tuple[Any, ua.VariantType]]


class ServerNodes:
    """Live values of the Server object."""

    def __init__(self, gateway: Gateway, picture: Picture) -> None:
        self._gateway = gateway
        self._picture = picture
        self._started = datetime.now(UTC)

    def level(self) -> int:
        values, state = self._gateway.values, self._picture.status
        return service_level(
            feed=values.up,
            ready=bool(state.get("service", {}).get("ready")),
            links=values.links,
            standby=any(row["fenced"] for row in state.get("plcs", ())),
            stopping=self._stopping,
        )

    @property
    def _stopping(self) -> bool:
        return self._gateway.stops_s is not None

    def _state(self) -> ua.ServerState:
        return ua.ServerState.Shutdown if self._stopping else ua.ServerState.Running

    def _why(self) -> ua.LocalizedText:
        return ua.LocalizedText("the gateway is stopped" if self._stopping else "")

    def bind(self, nodes: StandardNodes) -> None:
        """From now on the standard nodes show what is so."""
        settings = self._gateway.settings
        fixed: dict[str, tuple[Any, ua.VariantType]] = {
            "ServerArray": ([settings.application_uri], _V.String),
            "NamespaceArray": (namespaces(self._gateway.plant, settings.application_uri), _V.String),
            "Auditing": (True, _V.Boolean),
            "ServerDiagnostics_EnabledFlag": (True, _V.Boolean),
            "ServerRedundancy_RedundancySupport": (0, _V.Int32),
            **_capabilities(settings.limits),
        }
        for name, given in fixed.items():
            value = data_value(*given)
            nodes.bind(getattr(_ID, f"Server_{name}"), partial(_same, value))
        for name, live in {**self._status_nodes(), **self._diagnostics_nodes()}.items():
            nodes.bind(getattr(_ID, f"Server_{name}"), partial(_now, live))
        diagnostics.bind(nodes, self._gateway)

    # --- status --------------------------------------------------------------------------------

    def _status_nodes(self) -> Mapping[str, Live]:
        build = self._build()
        names = ("ProductUri", "ManufacturerName", "ProductName", "SoftwareVersion", "BuildNumber")
        parts: dict[str, Live] = {
            f"BuildInfo_{name}": partial(lambda text: (text, _V.String), getattr(build, name))
            for name in names
        }
        status: dict[str, Live] = {
            "StartTime": lambda: (self._started, _V.DateTime),
            "CurrentTime": lambda: (datetime.now(UTC), _V.DateTime),
            "State": lambda: (int(self._state()), _V.Int32),
            "SecondsTillShutdown": lambda: (self._gateway.seconds_left(), _V.UInt32),
            "ShutdownReason": lambda: (self._why(), _V.LocalizedText),
            "BuildInfo": lambda: (build, _V.ExtensionObject),
            "BuildInfo_BuildDate": lambda: (build.BuildDate, _V.DateTime),
            **parts,
        }
        return {
            "ServiceLevel": lambda: (self.level(), _V.Byte),
            "ServerStatus": lambda: (self._status(build), _V.ExtensionObject),
            **{f"ServerStatus_{name}": live for name, live in status.items()},
        }

    def _status(self, build: ua.BuildInfo) -> ua.ServerStatusDataType:
        found = ua.ServerStatusDataType()
        found.StartTime = self._started
        found.CurrentTime = datetime.now(UTC)
        found.State = self._state()
        found.SecondsTillShutdown = ua.UInt32(self._gateway.seconds_left())
        found.ShutdownReason = self._why()
        found.BuildInfo = build
        return found

    def _build(self) -> ua.BuildInfo:
        version = self._gateway.settings.software_version
        found = ua.BuildInfo()
        found.ProductUri = ua.String(PRODUCT_URI)
        found.ManufacturerName = ua.String("heloop")
        found.ProductName = ua.String(self._gateway.settings.application_name)
        found.SoftwareVersion = ua.String(version)
        found.BuildNumber = ua.String(version)
        found.BuildDate = self._started
        return found

    # --- diagnostics ---------------------------------------------------------------------------

    def _diagnostics_nodes(self) -> Mapping[str, Live]:
        base = "ServerDiagnostics_ServerDiagnosticsSummary"
        names = list(self._counts())
        parts: dict[str, Live] = {
            f"{base}_{name}": partial(lambda one: (self._counts()[one], _V.UInt32), name) for name in names
        }
        return {base: lambda: (self._summary(), _V.ExtensionObject), **parts}

    def _counts(self) -> dict[str, int]:
        """The fields of ServerDiagnosticsSummaryDataType (OPC 10000-5, 12.9)."""
        sessions, subscriptions = self._gateway.sessions, self._gateway.subscriptions
        counters = sessions.counters
        intervals = {subscription.terms.interval_ms for subscription in subscriptions.all()}
        return {
            "ServerViewCount": 0,
            "CurrentSessionCount": sum(session.active for session in sessions.all()),
            "CumulatedSessionCount": counters.sessions_created,
            "SecurityRejectedSessionCount": counters.security_rejected_sessions,
            "RejectedSessionCount": counters.sessions_rejected,
            "SessionTimeoutCount": counters.sessions_timed_out,
            "SessionAbortCount": counters.sessions_aborted,
            "PublishingIntervalCount": len(intervals),
            "CurrentSubscriptionCount": len(subscriptions),
            "CumulatedSubscriptionCount": subscriptions.made,
            "SecurityRejectedRequestsCount": counters.security_rejected_requests,
            "RejectedRequestsCount": counters.requests_rejected,
        }

    def _summary(self) -> ua.ServerDiagnosticsSummaryDataType:
        found = ua.ServerDiagnosticsSummaryDataType()
        for name, count in self._counts().items():
            setattr(found, name, ua.UInt32(count))
        return found


def _same(value: ua.DataValue, _: Caller) -> ua.DataValue:
    return value


def _now(live: Live, _: Caller) -> ua.DataValue:
    value, kind = live()
    at: Any = datetime.now(UTC)
    return ua.DataValue(ua.Variant(value, kind), SourceTimestamp=at, ServerTimestamp=at)


def _capabilities(limits: Limits) -> dict[str, tuple[Any, ua.VariantType]]:
    """ServerCapabilities and OperationLimits (OPC 10000-5, 6.3.2 and 6.3.11)."""
    operations = {
        "MaxNodesPerRead": limits.nodes_per_read,
        "MaxNodesPerWrite": limits.nodes_per_write,
        "MaxNodesPerMethodCall": limits.nodes_per_method_call,
        "MaxNodesPerBrowse": limits.nodes_per_browse,
        "MaxNodesPerRegisterNodes": limits.nodes_per_register,
        "MaxNodesPerTranslateBrowsePathsToNodeIds": limits.nodes_per_translate,
        "MaxMonitoredItemsPerCall": limits.items_per_call,
    }
    counts = {
        "MaxArrayLength": limits.decode_steps,
        "MaxStringLength": limits.message_bytes,
        "MaxByteStringLength": limits.message_bytes,
        "MaxSessions": limits.sessions,
        "MaxSubscriptions": limits.subscriptions,
        "MaxMonitoredItems": limits.items,
        "MaxSubscriptionsPerSession": limits.subscriptions_per_session,
        "MaxMonitoredItemsPerSubscription": limits.items_per_subscription,
        "MaxMonitoredItemsQueueSize": limits.queue_max,
    }
    points = limits.continuation_points
    return {
        **{f"ServerCapabilities_OperationLimits_{name}": (n, _V.UInt32) for name, n in operations.items()},
        **{f"ServerCapabilities_{name}": (n, _V.UInt32) for name, n in counts.items()},
        "ServerCapabilities_ServerProfileArray": (list(PROFILES), _V.String),
        "ServerCapabilities_LocaleIdArray": (["en"], _V.String),
        "ServerCapabilities_MinSupportedSampleRate": (limits.sampling_s_min * 1000.0, _V.Double),
        "ServerCapabilities_MaxBrowseContinuationPoints": (points, _V.UInt16),
        "ServerCapabilities_MaxQueryContinuationPoints": (0, _V.UInt16),
        "ServerCapabilities_MaxHistoryContinuationPoints": (points, _V.UInt16),
        "ServerCapabilities_SoftwareCertificates": ([], _V.ExtensionObject),
    }
