"""What a simulated PLC's server says about itself: namespaces, limits, status, its clock."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from controller.opcua.plc.standard_nodes import OPERATION_LIMITS
from controller.opcua.plc.styles import Style
from controller.opcua.plc.subscriptions import publish
from controller.opcua.plc.wire import data_value, node_id

OPC_UA: Final = "http://opcfoundation.org/UA/"
INSERTED: Final = "urn:heloop:simulated:firmware-feature"  # what a new firmware puts before the PLC's own

_ID: Final = ua.ObjectIds


class ServerFacts:
    """The values under the Server object of one simulated PLC."""

    def __init__(self, space: AddressSpace, style: Style, name: str) -> None:
        self._space = space
        self._style = style
        self.application_uri = f"urn:heloop:simulated:{name}"
        self._build = ua.BuildInfo(
            ProductUri=f"urn:heloop:simulated:{style.name}",
            ManufacturerName=style.manufacturer,
            ProductName=style.product,
            SoftwareVersion="1",
            BuildNumber="1",
        )
        self._start = datetime.now(UTC)
        self._second = -1

    def declare(self) -> None:
        """What never changes: name, limits, build."""
        limits = dict.fromkeys(OPERATION_LIMITS, self._style.nodes_per_call)
        limits["MaxMonitoredItemsPerCall"] = self._style.items_per_call
        for name, limit in limits.items():
            value = ua.Variant(limit, ua.VariantType.UInt32)
            self._set(getattr(_ID, f"Server_ServerCapabilities_OperationLimits_{name}"), value, None)
        rate = ua.Variant(self._style.sampling_ms, ua.VariantType.Double)
        self._set(_ID.Server_ServerCapabilities_MinSupportedSampleRate, rate, None)
        self._set(_ID.Server_ServerArray, ua.Variant([self.application_uri], ua.VariantType.String), None)
        build = ua.Variant(self._build, ua.VariantType.ExtensionObject)
        self._set(_ID.Server_ServerStatus_BuildInfo, build, None)
        for name in ("ProductUri", "ManufacturerName", "ProductName", "SoftwareVersion", "BuildNumber"):
            text = ua.Variant(getattr(self._build, name), ua.VariantType.String)
            self._set(getattr(_ID, f"Server_ServerStatus_BuildInfo_{name}"), text, None)

    def came_up(self, uris: tuple[str, ...], moved: int, now: datetime) -> dict[str, int]:
        """Sets the namespace array, moved on by `moved` restarts; returns the index of each PLC namespace."""
        inserted = [f"{INSERTED}:{n + 1}" for n in range(moved)]
        array = [OPC_UA, self.application_uri, *self._style.between, *inserted, *uris]
        self._set(_ID.Server_NamespaceArray, ua.Variant(array, ua.VariantType.String), now)
        self._start = now
        self._second = -1
        self._set(_ID.Server_ServerStatus_StartTime, ua.Variant(now, ua.VariantType.DateTime), now)
        self.tell_time(now)
        return {uri: array.index(uri) for uri in uris}

    def tell_time(self, now: datetime) -> None:
        """Once a second: ServerStatus and its CurrentTime, by the PLC's own clock."""
        if now.second == self._second:
            return
        self._second = now.second
        status = ua.ServerStatusDataType(
            StartTime=self._start, CurrentTime=now, State=ua.ServerState.Running, BuildInfo=self._build
        )
        self._set(_ID.Server_ServerStatus, ua.Variant(status, ua.VariantType.ExtensionObject), now)
        time = ua.Variant(now, ua.VariantType.DateTime)
        self._set(_ID.Server_ServerStatus_CurrentTime, time, now)

    def _set(self, node: int, value: ua.Variant, now: datetime | None) -> None:
        held = self._space[node_id(node)].attributes[ua.AttributeIds.Value]
        publish(held, data_value(value, 0, now))
