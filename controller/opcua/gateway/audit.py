"""What happened at this door: as audit events for supervisors, and as records in the journal.

What people ask of the plant is recorded by the core itself. Here are channels, sessions and logins, let in
or refused, and writes that never reached the core. Strangers cannot fill the journal: of each kind and peer
there is one record in a while, with the number of those that were left out.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import structlog
from asyncua import ua

from controller.opcua import status
from controller.opcua.gateway.event import PlantEvent
from controller.opcua.gateway.orders import Orders
from controller.opcua.gateway.security.access import Access, What
from controller.opcua.gateway.security.authentication import Login
from controller.opcua.gateway.security.limits import Rate
from controller.opcua.gateway.space.names import standard

if TYPE_CHECKING:
    from controller.opcua.gateway.session import Session

_ID: Final = ua.ObjectIds
_V: Final = ua.VariantType
SERVER: Final = standard(_ID.Server)
AUDIENCE: Final = "supervisor"
WAITING: Final = 256
RETRY_S: Final = 5.0
RECORDS_PER_S, RECORDS_BURST = 0.1, 20
SEVERITY_DONE, SEVERITY_REFUSED = 100, 400
KINDS: Final = {
    What.CHANNEL: "gateway.channel",
    What.CREATED: "gateway.session",
    What.ACTIVATED: "gateway.session",
    What.ENDED: "gateway.session_ended",
    What.CANCELLED: "gateway.cancel",
}
NAMES: Final = {
    What.CHANNEL: "SecureChannel/OpenSecureChannel",
    What.CREATED: "Session/CreateSession",
    What.ACTIVATED: "Session/ActivateSession",
    What.ENDED: "Session/CloseSession",
    What.CANCELLED: "Session/Cancel",
}
# Sessions come and go many times a day; who was let in as whom is a login's record.
NOT_RECORDED: Final = frozenset({What.CHANNEL, What.CREATED, What.CANCELLED, What.ENDED})

log = structlog.get_logger()
Record = tuple[str, str, str, dict[str, Any]]


class Audit:
    """deliver: gives an event to who is subscribed. `follow` brings the records to the core."""

    def __init__(
        self,
        orders: Orders,
        deliver: Callable[[PlantEvent], None],
        application_uri: str,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._orders = orders
        self._deliver = deliver
        self._uri = application_uri
        self._rate = Rate(RECORDS_PER_S, RECORDS_BURST, now_s)
        self._left_out: dict[str, int] = {}
        self._records: deque[Record] = deque(maxlen=WAITING)
        self._more = asyncio.Event()
        self.left_out = 0

    async def follow(self) -> None:
        """Sends records to the core, the oldest first; what it cannot take waits."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._records:
                kind, source, text, data = self._records[0]
                reply = await self._orders.record(kind, source, text, data)
                if not reply.accepted:
                    log.warning("a record waits", kind=kind, why=reply.reason)
                    if reply.code == ua.StatusCodes.BadNoCommunication:
                        await asyncio.sleep(RETRY_S)
                        continue
                if self._records:
                    self._records.popleft()

    # --- what is heard -------------------------------------------------------------------------

    def access(self, one: Access) -> None:
        """A channel or a session."""
        refused = f" refused: {one.why or status.name(one.code)}" if one.code else ""
        who = one.user or one.application or one.thumbprint or "somebody"
        text = f"{NAMES[one.what]} of {who} from {one.peer}{refused}"
        fields = {
            "SecureChannelId": ua.Variant(one.peer, _V.String),
            "ClientUserId": ua.Variant(one.user, _V.String),
            "SessionId": ua.Variant(one.session or ua.NodeId(), _V.NodeId),
        }
        if one.what in {What.CHANNEL, What.CREATED}:
            fields["ClientCertificateThumbprint"] = ua.Variant(one.thumbprint, _V.String)
        if one.what is What.CHANNEL:
            fields["SecurityPolicyUri"] = ua.Variant(one.policy, _V.String)
        number = getattr(_ID, one.what.value)
        self._tell(number, NAMES[one.what], text, one.code, fields)
        if one.code or one.what not in NOT_RECORDED:
            data = {
                "peer": one.peer,
                "application": one.application,
                "thumbprint": one.thumbprint,
                "user": one.user,
                "role": one.role,
                "code": one.code,
                "door": "opcua",
            }
            self._keep(KINDS[one.what], one.peer, text, data)

    def login(self, one: Login) -> None:
        """Somebody with a name, let in or not."""
        ending = f" refused: {one.why}" if one.code else f" as {one.role}"
        text = f"login of {one.user or 'somebody'} by {one.how} from {one.peer}{ending}"
        if one.begins:
            text += "; locked out now"
        if one.code:
            fields = {
                "ClientUserId": ua.Variant(one.user, _V.String),
                "SessionId": ua.Variant(one.session, _V.NodeId),
            }
            self._tell(_ID.AuditActivateSessionEventType, NAMES[What.ACTIVATED], text, one.code, fields)
        data = {
            "user": one.user,
            "role": one.role,
            "how": one.how,
            "peer": one.peer,
            "application": one.application,
            "code": one.code,
            "door": "opcua",
        }
        kind = "gateway.login_refused" if one.code else "gateway.login"
        self._keep(kind, one.peer, text, data, always=one.begins)

    def write(
        self, session: Session, one: ua.WriteValue, known: ua.Variant, code: int, why: str, entry: str
    ) -> None:
        """A write that was refused here (OPC 10000-5, 6.4.26); those that reached the core it tells of.

        known: the value that was to be overwritten.
        """
        text = f"write of {one.NodeId.to_string()} by {session.caller.user or 'anonymous'} refused: {why}"
        fields = {
            "AttributeId": ua.Variant(int(one.AttributeId), _V.UInt32),
            "IndexRange": ua.Variant(one.IndexRange or "", _V.String),
            "NewValue": one.Value.Value if one.Value is not None and one.Value.Value else ua.Variant(),
            "OldValue": known,
            "ClientUserId": ua.Variant(session.caller.user, _V.String),
            "ClientAuditEntryId": ua.Variant(entry, _V.String),
        }
        self._tell(_ID.AuditWriteUpdateEventType, "Attribute/Write", text, code, fields, one.NodeId)
        data = {"user": session.caller.user, "role": session.caller.role, "code": code, "door": "opcua"}
        self._keep("gateway.write_refused", session.caller.user, text, data)

    # --- how it is told ------------------------------------------------------------------------

    def _tell(
        self,
        number: int,
        name: str,
        text: str,
        code: int,
        fields: Mapping[str, ua.Variant],
        source: ua.NodeId = SERVER,
    ) -> None:
        """The fields of AuditEventType (OPC 10000-5, 6.4.3) and those of its subtype."""
        now = ua.Variant(datetime.now(UTC), _V.DateTime)
        kind = standard(number)
        common = {
            "EventId": ua.Variant(secrets.token_bytes(16), _V.ByteString),
            "EventType": ua.Variant(kind, _V.NodeId),
            "SourceNode": ua.Variant(source, _V.NodeId),
            "SourceName": ua.Variant(name, _V.String),
            "Time": now,
            "ReceiveTime": now,
            "Message": ua.Variant(ua.LocalizedText(text), _V.LocalizedText),
            "Severity": ua.Variant(SEVERITY_REFUSED if code else SEVERITY_DONE, _V.UInt16),
            "ActionTimeStamp": now,
            "Status": ua.Variant(code == 0, _V.Boolean),
            "ServerId": ua.Variant(self._uri, _V.String),
            "ClientAuditEntryId": ua.Variant("", _V.String),
            "StatusCodeId": ua.Variant(ua.StatusCode(ua.UInt32(code)), _V.StatusCode),
        }
        self._deliver(PlantEvent(kind, {**common, **fields}, frozenset({SERVER}), audience=AUDIENCE))

    def _keep(self, kind: str, peer: str, text: str, data: dict[str, Any], *, always: bool = False) -> None:
        """One record for the journal, unless this peer has had its share."""
        key = f"{kind} {peer.rpartition(':')[0] or peer}"
        if not always and not self._rate.allows(key):
            self.left_out += 1
            if len(self._left_out) < WAITING or key in self._left_out:
                self._left_out[key] = self._left_out.get(key, 0) + 1
            return
        missing = self._left_out.pop(key, 0)
        if missing:
            data, text = {**data, "left_out": missing}, f"{text} (and {missing} more before)"
        if len(self._records) == WAITING:
            self.left_out += 1  # the core has been away for long: the oldest goes
        self._records.append((kind, peer, text, data))
        self._more.set()
