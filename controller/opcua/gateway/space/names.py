"""The gateway's namespaces and how its node ids are written."""

from __future__ import annotations

from typing import Final

from asyncua import ua

from controller.plant.plant import Plant

APPLICATION: Final = 1  # the server's own, as OPC 10000-3, 8.2.2 has it
PLANT: Final = 2
TYPES: Final = 3
TYPES_URI: Final = "urn:heloop:types"


def plant_uri(plant: Plant) -> str:
    """The plant's namespace: the same on every machine, so that clients may store it."""
    return f"urn:heloop:plant:{plant.name}"


def namespaces(plant: Plant, application_uri: str) -> list[str]:
    """The server's NamespaceArray; the constants above are its indices."""
    return ["http://opcfoundation.org/UA/", application_uri, plant_uri(plant), TYPES_URI]


def standard(number: int) -> ua.NodeId:
    """A node of the standard namespace, for example standard(ua.ObjectIds.Server)."""
    return ua.NodeId(ua.Int32(number), ua.Int16(0))


def of_plant(path: str) -> ua.NodeId:
    """A node of the plant: 'PT-303', 'PT-303/EURange', 'LT-201.HH/AckedState/Id'."""
    return ua.NodeId(ua.String(path), ua.Int16(PLANT))


def of_types(path: str) -> ua.NodeId:
    """A type of ours and what is below it: 'InterlockType', 'InterlockType/State'."""
    return ua.NodeId(ua.String(path), ua.Int16(TYPES))
