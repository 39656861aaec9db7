"""The three events around a refresh (Part 9, 5.11): they pass every filter."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Final

from asyncua import ua

from controller.opcua.gateway.conditions.notifiers import SERVER
from controller.opcua.gateway.conditions.snapshot import VT, at, text
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.space.names import standard

_WORDS: Final = {
    ua.ObjectIds.RefreshStartEventType: "a refresh of the present conditions begins",
    ua.ObjectIds.RefreshEndEventType: "the refresh is complete",
    ua.ObjectIds.RefreshRequiredEventType: "events were lost: refresh the present conditions",
}
SEVERITY: Final = 100


def marker(kind: int, utc_ns: int) -> PlantEvent:
    fields = {
        "EventId": ua.Variant(secrets.token_bytes(16), VT.ByteString),
        "EventType": ua.Variant(standard(kind), VT.NodeId),
        "SourceNode": ua.Variant(SERVER, VT.NodeId),
        "SourceName": ua.Variant("Server", VT.String),
        "Time": at(utc_ns),
        "ReceiveTime": at(utc_ns),
        "Message": text(_WORDS[kind]),
        "Severity": ua.Variant(SEVERITY, VT.UInt16),
    }
    return PlantEvent(standard(kind), fields, frozenset({SERVER}))


def required(utc_ns: int) -> PlantEvent:
    """To everybody who monitors events."""
    return replace(marker(ua.ObjectIds.RefreshRequiredEventType, utc_ns), to_all=True)
