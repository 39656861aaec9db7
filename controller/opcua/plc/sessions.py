"""Sessions of a simulated PLC: few, short, and strict about what may be written and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Protocol

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession, SessionState
from asyncua.server.uaprocessor import UaProcessor
from asyncua.server.user_managers import UserManager

from controller.opcua.plc import standard_nodes
from controller.opcua.plc.image import Node
from controller.opcua.plc.styles import Style
from controller.opcua.plc.subscriptions import PlcSubscriptions
from controller.opcua.plc.wire import node_id, status_code

# What needs no session, and may come over a channel without security.
_DISCOVERY = {
    node_id(ua.ObjectIds.GetEndpointsRequest_Encoding_DefaultBinary),
    node_id(ua.ObjectIds.FindServersRequest_Encoding_DefaultBinary),
    node_id(ua.ObjectIds.CloseSecureChannelRequest_Encoding_DefaultBinary),
}
_CREATE_SESSION = node_id(ua.ObjectIds.CreateSessionRequest_Encoding_DefaultBinary)


class Desk(Protocol):
    """Where a session hands in what a client wrote."""

    def node(self, node_id: ua.NodeId) -> Node | None: ...

    def exists(self, node_id: ua.NodeId) -> bool: ...

    def written(self, fields: list[tuple[Node, ua.Variant]]) -> None: ...


class PlcUsers(UserManager):
    """Who may log in. Nobody gets asyncua's Admin role, which would pass every check.

    No names = everybody, as on a PLC whose server was just switched on.
    """

    def __init__(self, passwords: Mapping[str, str] | None = None) -> None:
        self._passwords = passwords

    def get_user(
        self,
        iserver: InternalServer,  # noqa: ARG002  (asyncua's signature)
        username: str | None = None,
        password: str | None = None,
        certificate: Any = None,  # noqa: ARG002
    ) -> User | None:
        if self._passwords is not None and (
            username is None or password is None or self._passwords.get(username) != password
        ):
            return None
        return User(role=UserRole.User, name=username)


class PlcSession(InternalSession):
    """A session with the vendor's limits; writes are judged field by field."""

    style: Style
    desk: Desk

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        self._within(len(params.NodesToRead))
        return await super().read(params)

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        self._within(len(params.NodesToBrowse))
        return await super().browse(params)

    async def register_nodes(self, nodes: list[ua.NodeId]) -> list[ua.NodeId]:
        self._within(len(nodes))
        return nodes

    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        self._within(len(params.NodesToWrite))
        results: list[ua.StatusCode] = []
        taken: list[tuple[Node, ua.Variant]] = []
        for item in params.NodesToWrite:
            status = self._judge(item)
            results.append(status_code(status))
            node = self.desk.node(item.NodeId)
            if status == ua.StatusCodes.Good and node is not None:
                assert item.Value.Value is not None
                taken.append((node, item.Value.Value))
        if taken:
            self.desk.written(taken)
        return results

    def publish(
        self, acks: Iterable[ua.SubscriptionAcknowledgement] | None = None
    ) -> tuple[int, list[ua.StatusCode]]:
        own = (s for s in self.subscription_service.subscriptions.values() if s.session_id == self.session_id)
        if next(own, None) is None:
            raise ServiceError(ua.StatusCodes.BadNoSubscription)
        return super().publish(acks)

    def _within(self, count: int) -> None:
        if count == 0:
            raise ServiceError(ua.StatusCodes.BadNothingToDo)
        if count > self.style.nodes_per_call:
            raise ServiceError(ua.StatusCodes.BadTooManyOperations)

    def _judge(self, item: ua.WriteValue) -> int:
        """The status of one field, as the vendor's server gives it."""
        codes = ua.StatusCodes
        node = self.desk.node(item.NodeId)
        if node is None:
            return codes.BadNotWritable if self.desk.exists(item.NodeId) else codes.BadNodeIdUnknown
        if item.AttributeId != ua.AttributeIds.Value or node.command is None:
            return self.style.read_only
        value = item.Value
        stamped = value.SourceTimestamp is not None or value.ServerTimestamp is not None
        # asyncua cannot tell a Good status that was sent from none at all.
        status = value.StatusCode is not None and value.StatusCode.value != 0
        if item.IndexRange or ((stamped or status) and self.style.values_only):
            return codes.BadWriteNotSupported
        exact = ua.VariantType[node.raw.value]
        if value.Value is None or value.Value.VariantType != exact or value.Value.is_array:
            return codes.BadTypeMismatch
        number = value.Value.Value
        return codes.Good if not isinstance(number, float) or isfinite(number) else codes.BadOutOfRange


class PlcProcessor(UaProcessor):
    """Answers BadSessionIdInvalid once the PLC has dropped the session, and serves no open channel where
    the PLC wants a secured one (asyncua by itself would).
    """

    iserver: PlcInternalServer

    async def _process_message(self, typeid: ua.NodeId, requesthdr: Any, seqhdr: Any, body: Any) -> Any:
        if self.session is not None and self.session.state is SessionState.Closed:
            if typeid == _CREATE_SESSION:
                if self._session_watchdog_task is not None:
                    self._session_watchdog_task.cancel()
                self.session = None
            elif typeid not in _DISCOVERY:
                raise ServiceError(ua.StatusCodes.BadSessionIdInvalid)
        secured = not isinstance(self._connection.security_policy, SecurityPolicyNone)
        if not (secured or self.iserver.plain or typeid in _DISCOVERY):
            raise ServiceError(ua.StatusCodes.BadSecurityModeInsufficient)
        return await super()._process_message(typeid, requesthdr, seqhdr, body)  # type: ignore[no-untyped-call]


class PlcInternalServer(InternalServer):
    """asyncua's service layer with a PLC's nodes, sessions and subscriptions."""

    def __init__(self, style: Style, desk: Desk, users: PlcUsers) -> None:
        super().__init__(user_manager=users)
        self._style = style
        self._desk = desk
        self.plain = True  # serves channels without security
        self.disabled_clock = True  # the simulated PLC has a clock of its own, and it may be wrong
        self.allow_remote_admin = False
        self.max_session_timeout_ms = style.session_ms
        self.subscriptions = PlcSubscriptions(self.aspace, style)
        self.subscription_service = self.subscriptions
        self.isession.subscription_service = self.subscriptions

    async def init(self, shelffile: Any = None) -> None:  # noqa: ARG002  (asyncua's signature)
        standard_nodes.fill(self.aspace)
        await self.history_manager.init()

    @property
    def sessions(self) -> list[InternalSession]:
        """The sessions of clients, whether their connection lives or not."""
        return list(self._external_sessions.values())

    def create_session(self, name: str, user: User | None = None, external: bool = False) -> InternalSession:
        if not external:
            return super().create_session(name, user or User(role=UserRole.Anonymous), external)
        if len(self._external_sessions) >= self._style.sessions_max:
            raise ServiceError(ua.StatusCodes.BadTooManySessions)
        session = PlcSession(
            self, self.aspace, self.subscription_service, name, User(role=UserRole.Anonymous), external=True
        )
        session.style, session.desk = self._style, self._desk
        return session
