"""The part of the standard address space (OPC 10000-5) that a small controller's server carries.

asyncua's own has over 6,000 nodes and takes seconds to build; a PLC of this size has the base types,
the Server object with its status, and its limits. Built in a few milliseconds.
"""

from __future__ import annotations

from typing import Final

from asyncua import ua
from asyncua.server.address_space import AddressSpace

from controller.opcua.plc.address_space import add_object, add_type, add_variable
from controller.opcua.plc.wire import node_id

_ID: Final = ua.ObjectIds

# (node, parent, name): parents before children.
FOLDERS: Final = (
    (_ID.ObjectsFolder, _ID.RootFolder, "Objects"),
    (_ID.TypesFolder, _ID.RootFolder, "Types"),
    (_ID.ViewsFolder, _ID.RootFolder, "Views"),
    (_ID.ObjectTypesFolder, _ID.TypesFolder, "ObjectTypes"),
    (_ID.VariableTypesFolder, _ID.TypesFolder, "VariableTypes"),
    (_ID.DataTypesFolder, _ID.TypesFolder, "DataTypes"),
    (_ID.ReferenceTypesFolder, _ID.TypesFolder, "ReferenceTypes"),
)

# (type, super-type or folder): the name is the identifier's own.
TYPES: Final = {
    ua.NodeClass.ReferenceType: (
        ("References", "ReferenceTypesFolder"),
        ("NonHierarchicalReferences", "References"),
        ("HierarchicalReferences", "References"),
        ("HasChild", "HierarchicalReferences"),
        ("Organizes", "HierarchicalReferences"),
        ("HasEventSource", "HierarchicalReferences"),
        ("HasNotifier", "HasEventSource"),
        ("Aggregates", "HasChild"),
        ("HasSubtype", "HasChild"),
        ("HasProperty", "Aggregates"),
        ("HasComponent", "Aggregates"),
        ("HasModellingRule", "NonHierarchicalReferences"),
        ("HasEncoding", "NonHierarchicalReferences"),
        ("HasTypeDefinition", "NonHierarchicalReferences"),
        ("GeneratesEvent", "NonHierarchicalReferences"),
    ),
    ua.NodeClass.DataType: (
        ("BaseDataType", "DataTypesFolder"),
        ("Number", "BaseDataType"),
        ("Integer", "Number"),
        ("UInteger", "Number"),
        ("Enumeration", "BaseDataType"),
        ("Structure", "BaseDataType"),
        ("Boolean", "BaseDataType"),
        ("SByte", "Integer"),
        ("Byte", "UInteger"),
        ("Int16", "Integer"),
        ("UInt16", "UInteger"),
        ("Int32", "Integer"),
        ("UInt32", "UInteger"),
        ("Int64", "Integer"),
        ("UInt64", "UInteger"),
        ("Float", "Number"),
        ("Double", "Number"),
        ("String", "BaseDataType"),
        ("DateTime", "BaseDataType"),
        ("UtcTime", "DateTime"),
        ("ByteString", "BaseDataType"),
        ("NodeId", "BaseDataType"),
        ("StatusCode", "BaseDataType"),
        ("QualifiedName", "BaseDataType"),
        ("LocalizedText", "BaseDataType"),
        ("ServerState", "Enumeration"),
        ("ServerStatusDataType", "Structure"),
        ("BuildInfo", "Structure"),
    ),
    ua.NodeClass.ObjectType: (
        ("BaseObjectType", "ObjectTypesFolder"),
        ("FolderType", "BaseObjectType"),
        ("ServerType", "BaseObjectType"),
        ("ServerCapabilitiesType", "BaseObjectType"),
        ("OperationLimitsType", "FolderType"),
    ),
    ua.NodeClass.VariableType: (
        ("BaseVariableType", "VariableTypesFolder"),
        ("BaseDataVariableType", "BaseVariableType"),
        ("PropertyType", "BaseVariableType"),
        ("ServerStatusType", "BaseDataVariableType"),
        ("BuildInfoType", "BaseDataVariableType"),
    ),
}

BUILD_INFO: Final = ("ProductUri", "ManufacturerName", "ProductName", "SoftwareVersion", "BuildNumber")
OPERATION_LIMITS: Final = (
    "MaxNodesPerRead",
    "MaxNodesPerWrite",
    "MaxNodesPerBrowse",
    "MaxNodesPerRegisterNodes",
    "MaxNodesPerTranslateBrowsePathsToNodeIds",
    "MaxMonitoredItemsPerCall",
)


def fill(space: AddressSpace) -> None:
    """Adds the standard nodes, empty of values but for their types."""
    add_object(space, node_id(_ID.RootFolder), None, "Root", _ID.FolderType)
    for node, parent, name in FOLDERS:
        add_object(space, node_id(node), node_id(parent), name, _ID.FolderType)
    for node_class, rows in TYPES.items():
        for name, parent_name in rows:
            reference = _ID.Organizes if parent_name.endswith("Folder") else _ID.HasSubtype
            add_type(space, _id(name), _id(parent_name), name, node_class, reference)
    _server_object(space)


def _id(name: str) -> ua.NodeId:
    return node_id(getattr(_ID, name))


def _server_object(space: AddressSpace) -> None:
    server = node_id(_ID.Server)
    add_object(space, server, node_id(_ID.ObjectsFolder), "Server", _ID.ServerType)
    strings = ua.Variant([""], ua.VariantType.String)
    _property(space, "Server_ServerArray", server, strings, _ID.String)
    _property(space, "Server_NamespaceArray", server, strings, _ID.String)
    _property(space, "Server_ServiceLevel", server, ua.Variant(255, ua.VariantType.Byte), _ID.Byte)
    _status(space, server)
    capabilities = _id("Server_ServerCapabilities")
    add_object(space, capabilities, server, "ServerCapabilities", _ID.ServerCapabilitiesType)
    limits = _id("Server_ServerCapabilities_OperationLimits")
    add_object(space, limits, capabilities, "OperationLimits", _ID.OperationLimitsType)
    none = ua.Variant(0, ua.VariantType.UInt32)
    for name in OPERATION_LIMITS:
        _property(space, f"Server_ServerCapabilities_OperationLimits_{name}", limits, none, _ID.UInt32)
    rate = ua.Variant(0.0, ua.VariantType.Double)
    _property(space, "Server_ServerCapabilities_MinSupportedSampleRate", capabilities, rate, _ID.Double)


def _status(space: AddressSpace, server: ua.NodeId) -> None:
    status = _id("Server_ServerStatus")
    whole = ua.Variant(ua.ServerStatusDataType(), ua.VariantType.ExtensionObject)
    add_variable(space, status, server, "ServerStatus", whole, _ID.ServerStatusDataType)
    build = _id("Server_ServerStatus_BuildInfo")
    info = ua.Variant(ua.BuildInfo(), ua.VariantType.ExtensionObject)
    add_variable(space, build, status, "BuildInfo", info, _ID.BuildInfo)
    for name in BUILD_INFO:
        empty = ua.Variant("", ua.VariantType.String)
        _component(space, f"Server_ServerStatus_BuildInfo_{name}", build, empty, _ID.String)
    time = ua.Variant(ua.get_win_epoch(), ua.VariantType.DateTime)
    _component(space, "Server_ServerStatus_BuildInfo_BuildDate", build, time, _ID.UtcTime)
    _component(space, "Server_ServerStatus_StartTime", status, time, _ID.UtcTime)
    _component(space, "Server_ServerStatus_CurrentTime", status, time, _ID.UtcTime)
    state = ua.Variant(int(ua.ServerState.Running), ua.VariantType.Int32)
    _component(space, "Server_ServerStatus_State", status, state, _ID.ServerState)
    zero = ua.Variant(0, ua.VariantType.UInt32)
    _component(space, "Server_ServerStatus_SecondsTillShutdown", status, zero, _ID.UInt32)


def _component(space: AddressSpace, name: str, parent: ua.NodeId, value: ua.Variant, data_type: int) -> None:
    add_variable(space, _id(name), parent, name.rpartition("_")[2], value, data_type)


def _property(space: AddressSpace, name: str, parent: ua.NodeId, value: ua.Variant, data_type: int) -> None:
    add_variable(space, _id(name), parent, name.rpartition("_")[2], value, data_type, is_property=True)
