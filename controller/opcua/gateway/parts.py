"""The address space of one version of the plant, with everything in it; made before anybody sees it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from cryptography.hazmat.primitives.serialization import Encoding

from controller.opcua.gateway.conditions.making import Made, make
from controller.opcua.gateway.history.nodes import HistoryNodes
from controller.opcua.gateway.picture import Picture
from controller.opcua.gateway.security.policies import leaf_of
from controller.opcua.gateway.settings import Settings
from controller.opcua.gateway.space.namespaces import NamespaceNodes
from controller.opcua.gateway.space.node import Provider
from controller.opcua.gateway.space.parts import TypeNodes
from controller.opcua.gateway.space.plant import PlantNodes
from controller.opcua.gateway.space.session_nodes import SessionNodes
from controller.opcua.gateway.space.space import Space
from controller.opcua.gateway.space.standard import StandardNodes
from controller.opcua.gateway.space.types import OWN_TYPES
from controller.opcua.gateway.space.versions import VersionNodes
from controller.opcua.gateway.values import Values
from controller.plant.plant import Plant


@dataclass(frozen=True, slots=True)
class Parts:
    """standard, sessions and picture outlive a version of the plant; space and what was made of it do not."""

    standard: StandardNodes
    sessions: SessionNodes
    picture: Picture
    space: Space
    made: Made


def parts_of(
    plant: Plant,
    settings: Settings,
    values: Values,
    picture: Picture,
    standard: StandardNodes,
    sessions: SessionNodes,
) -> Parts:
    """Takes a second or two for a large plant; touches nothing that is served."""
    providers: list[Provider] = [
        standard,
        PlantNodes(plant, values, picture),
        TypeNodes(OWN_TYPES),
        HistoryNodes(plant),
        NamespaceNodes(plant),
        sessions,
    ]
    space = Space(plant, providers, sessions.hides)

    def read(tag: int) -> float | None:
        value = values.number(tag)
        return None if isnan(value) or values.status(tag) else value

    own = leaf_of(settings.certificate).public_bytes(Encoding.DER) if settings.certificate else b""
    made = make(plant, space, read, settings.application_uri, own)
    space.add(made.nodes)
    space.add(VersionNodes(space))
    return Parts(standard, sessions, picture, space, made)
