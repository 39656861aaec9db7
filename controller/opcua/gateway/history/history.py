"""The services HistoryRead and HistoryUpdate (Part 4, 5.10.3 and 5.10.5; Part 11, 6).

Reads run in threads, each with a reader of its own, a page at a time. Nothing of history can be changed by
a client: HistoryUpdate is refused, value by value.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import structlog
from asyncua import ua

from controller.opcua.gateway.history import points, raw, wire
from controller.opcua.gateway.history.aggregates import AGGREGATES
from controller.opcua.gateway.history.chronicle import Chronicle
from controller.opcua.gateway.history.events import EventRead
from controller.opcua.gateway.history.reads import (
    Answer,
    AtTimeRead,
    ProcessedRead,
    RawRead,
    Read,
    Refused,
    setup_of,
)
from controller.opcua.gateway.services import Fault, Services
from controller.opcua.gateway.session import Caller
from controller.opcua.gateway.space.nodes import HISTORY, VariableNode
from controller.opcua.gateway.subscriptions.filters import EventFilter, FilterRefused, event_filter
from controller.opcua.gateway.subscriptions.subject import Types
from controller.opcua.plc.wire import status_code
from controller.plant.tags import Tag
from controller.record.errors import RecordError
from controller.record.history import History

if TYPE_CHECKING:
    from controller.opcua.gateway.server import Gateway
    from controller.opcua.gateway.session import Session

log = structlog.get_logger()

_Codes: Final = ua.StatusCodes
VALUE_BYTES: Final = 24  # a Double with status and time has 22
READ_S: Final = 5.0  # what all pages of one request may take; a client waits 10 s and more
THREADS: Final = 2  # numpy and SQLite leave the interpreter to others, so two keep the disk busy
OF_ONE_SESSION: Final = 2  # requests of one session that are worked on at a time; the others wait
_DEFAULT_ENCODINGS: Final = frozenset({None, "", "Default Binary"})


class Wanted(NamedTuple):
    """One node of a request. code: why it is not read at all, 0 when it is."""

    node: ua.NodeId
    read: Read | None = None
    position: Any = None
    code: int = 0


class Histories:
    """The history of one plant. directory: its data directory; chronicle: what makes its events of old."""

    def __init__(self, directory: Path, chronicle: Chronicle) -> None:
        self._directory = directory
        self._chronicle = chronicle
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="history")

    def turn_to(self, chronicle: Chronicle) -> None:
        """Of another version of the plant, for reads that begin from now on."""
        self._chronicle = chronicle

    def close(self) -> None:
        """Reads that run are let run out."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def events(
        self, notifier: ua.NodeId, caller: Caller, chosen: EventFilter, types: Types, what: raw.Wanted
    ) -> EventRead:
        """A read of a notifier's events, not begun yet."""
        return EventRead(self._directory, self._chronicle, notifier, caller, chosen, types, what)

    async def pages(self, session: Session, wanted: Sequence[Wanted], limit: int) -> list[Answer]:
        """The next page of each; those that are refused already have their code as status."""
        turn = session.held.setdefault("history turn", asyncio.Semaphore(OF_ONE_SESSION))
        async with turn:
            running = asyncio.get_running_loop()
            return await running.run_in_executor(self._threads, self._pages, wanted, limit)

    def _pages(self, wanted: Sequence[Wanted], limit: int) -> list[Answer]:
        deadline_s = time.monotonic() + READ_S
        try:
            with History(self._directory) as history:
                return [_page(history, one, limit, deadline_s, n == 0) for n, one in enumerate(wanted)]
        except RecordError as error:
            log.warning("history cannot be read", error=str(error))
            return [Answer(one.code or _Codes.BadResourceUnavailable) for one in wanted]


def _page(history: History, wanted: Wanted, limit: int, deadline_s: float, first: bool) -> Answer:
    """first: of its request; the others wait for the next one when the time is up before their turn."""
    if wanted.read is None:
        return Answer(wanted.code)
    if not first and time.monotonic() > deadline_s:
        return Answer(0, wanted.read.nothing(), wanted.position, more=True)
    try:
        return wanted.read.page(history, wanted.position, limit, deadline_s)
    except Refused as refused:
        return Answer(refused.code)
    except (RecordError, sqlite3.Error) as error:
        log.warning("history cannot be read", node=str(wanted.node.Identifier), error=str(error))
        return Answer(_Codes.BadResourceUnavailable)


async def history_read(gateway: Gateway, session: Session, request: ua.HistoryReadRequest) -> Any:
    """HistoryRead, Part 4, 5.10.3."""
    asked = request.Parameters
    nodes = asked.NodesToRead or []
    limits = gateway.settings.limits
    if not nodes:
        raise Fault(_Codes.BadNothingToDo)
    if len(nodes) > limits.nodes_per_history_read:
        raise Fault(_Codes.BadTooManyOperations, f"at most {limits.nodes_per_history_read} nodes")
    if asked.ReleaseContinuationPoints:
        return _response([_released(session, node) for node in nodes])
    details = asked.HistoryReadDetails
    _check(details, asked.TimestampsToReturn, len(nodes))
    wanted = [
        _wanted(gateway, session, node, details, asked.TimestampsToReturn, place)
        for place, node in enumerate(nodes)
    ]
    most = limits.values_per_history_read
    if isinstance(details, ua.ReadEventDetails):
        most = limits.events_per_history_read
    bytes_max = min(session.max_response_bytes or limits.response_bytes, limits.response_bytes)
    room = max(1, bytes_max // 2 // VALUE_BYTES // len(nodes))
    answers = await gateway.histories.pages(session, wanted, min(most, room))
    most = limits.continuation_points
    return _response(
        [_result(session, one, answer, most) for one, answer in zip(wanted, answers, strict=True)]
    )


async def history_update(gateway: Gateway, session: Session, request: ua.HistoryUpdateRequest) -> Any:
    """HistoryUpdate, Part 4, 5.10.5: what was recorded stays as it was recorded."""
    del gateway, session
    details = request.Parameters.HistoryUpdateDetails or []
    if not details:
        raise Fault(_Codes.BadNothingToDo)
    response = ua.HistoryUpdateResponse()
    refused = status_code(_Codes.BadHistoryOperationUnsupported)
    response.Results = [ua.HistoryUpdateResult(refused) for _ in details]
    return response


SERVICES: Services = {ua.HistoryReadRequest: history_read, ua.HistoryUpdateRequest: history_update}


def _check(details: Any, times: ua.TimestampsToReturn, nodes: int) -> None:
    """What is wrong with the request as a whole."""
    if not isinstance(details, ua.HistoryReadDetails):
        raise Fault(_Codes.BadHistoryOperationInvalid, "no details that this server knows")
    if times not in list(ua.TimestampsToReturn)[:4] or (
        times == ua.TimestampsToReturn.Neither and not isinstance(details, ua.ReadEventDetails)
    ):
        raise Fault(_Codes.BadTimestampsToReturnInvalid)
    if isinstance(details, ua.ReadProcessedDetails) and len(details.AggregateType or []) != nodes:
        raise Fault(_Codes.BadAggregateListMismatch, "one aggregate for each node")


def _released(session: Session, node: ua.HistoryReadValueId) -> ua.HistoryReadResult:
    known = points.take(session, node.NodeId, node.ContinuationPoint or b"")
    return ua.HistoryReadResult(status_code(0 if known else _Codes.BadContinuationPointInvalid))


def _wanted(
    gateway: Gateway,
    session: Session,
    node: ua.HistoryReadValueId,
    details: Any,
    times: ua.TimestampsToReturn,
    place: int,
) -> Wanted:
    """One node of the request, checked; or its continuation, as it was first asked for."""
    if node.ContinuationPoint:
        found = points.take(session, node.NodeId, node.ContinuationPoint)
        if found is None:
            return Wanted(node.NodeId, code=_Codes.BadContinuationPointInvalid)
        return Wanted(node.NodeId, found.read, found.position)
    try:
        if isinstance(details, ua.ReadEventDetails):
            return Wanted(node.NodeId, _events(gateway, session, node, details))
        tag = _tag(gateway, session, node)
        if times == ua.TimestampsToReturn.Server:
            raise Refused(_Codes.BadTimestampNotSupported)  # the journal has the source's time alone
        return Wanted(
            node.NodeId, _read(tag, details, place, gateway.settings.limits.values_per_history_read)
        )
    except Refused as refused:
        return Wanted(node.NodeId, code=refused.code)


def _tag(gateway: Gateway, session: Session, asked: ua.HistoryReadValueId) -> Tag:
    """The tag whose history is asked for. Raises Refused."""
    node = gateway.space.seen(asked.NodeId, session.caller)
    if node is None:
        raise Refused(_Codes.BadNodeIdUnknown)
    if not isinstance(node, VariableNode) or not node.access & HISTORY or node.tag is None:
        raise Refused(_Codes.BadHistoryOperationUnsupported)
    if not node.user_access(session.caller) & HISTORY:
        raise Refused(_Codes.BadUserAccessDenied)
    if asked.IndexRange:
        raise Refused(_Codes.BadIndexRangeNoData)  # no tag is an array
    encoding = asked.DataEncoding
    if encoding is not None and encoding.Name not in _DEFAULT_ENCODINGS:
        raise Refused(_Codes.BadDataEncodingInvalid)
    return gateway.plant.tags[node.tag]


def _read(tag: Tag, details: Any, place: int, most: int) -> Read:
    if isinstance(details, ua.ReadRawModifiedDetails):
        return _raw(tag, details)
    if isinstance(details, ua.ReadProcessedDetails):
        return _processed(tag, details, place)
    if isinstance(details, ua.ReadAtTimeDetails):
        return _at_time(tag, details, most)
    raise Refused(_Codes.BadHistoryOperationUnsupported)  # annotations: the journal has none


def _events(
    gateway: Gateway, session: Session, asked: ua.HistoryReadValueId, details: ua.ReadEventDetails
) -> Read:
    node = gateway.space.seen(asked.NodeId, session.caller)
    if node is None:
        raise Refused(_Codes.BadNodeIdUnknown)
    told = node.attribute(ua.AttributeIds.EventNotifier, session.caller).Value
    if told is None or not isinstance(told.Value, int) or not told.Value & HISTORY:
        raise Refused(_Codes.BadHistoryOperationUnsupported)
    times = wire.nanoseconds(details.StartTime), wire.nanoseconds(details.EndTime)
    what = raw.wanted(*times, int(details.NumValuesPerNode), bounds=False, modified=False)
    if what is None:
        raise Refused(_Codes.BadInvalidTimestampArgument)
    try:
        chosen, _ = event_filter(details.Filter, gateway.space)
    except FilterRefused as refused:
        raise Refused(refused.code) from refused
    return gateway.histories.events(asked.NodeId, session.caller, chosen, gateway.space, what)


def _raw(tag: Tag, details: ua.ReadRawModifiedDetails) -> RawRead:
    what = raw.wanted(
        wire.nanoseconds(details.StartTime),
        wire.nanoseconds(details.EndTime),
        int(details.NumValuesPerNode),
        bounds=bool(details.ReturnBounds),
        modified=bool(details.IsReadModified),
    )
    if what is None:
        raise Refused(_Codes.BadInvalidTimestampArgument)
    if what.modified and what.bounds:
        raise Refused(_Codes.BadInvalidArgument)  # Part 11, 6.5.3.3: modified values have no bounds
    return RawRead(tag, what)


def _processed(tag: Tag, details: ua.ReadProcessedDetails, place: int) -> ProcessedRead:
    start, end = wire.nanoseconds(details.StartTime), wire.nanoseconds(details.EndTime)
    interval_ms = float(details.ProcessingInterval)
    if start is None or end is None or start == end or not isfinite(interval_ms) or interval_ms < 0:
        raise Refused(_Codes.BadInvalidArgument)
    asked = details.AggregateType[place]
    aggregate = AGGREGATES.get(asked.Identifier) if asked.NamespaceIndex == 0 else None
    if aggregate is None:
        raise Refused(_Codes.BadAggregateNotSupported)
    setup = setup_of(tag, details.AggregateConfiguration)
    return ProcessedRead(tag, start, end, interval_ms, aggregate, setup)


def _at_time(tag: Tag, details: ua.ReadAtTimeDetails, most: int) -> AtTimeRead:
    times = [wire.nanoseconds(at) for at in details.ReqTimes or []]
    if not times:
        raise Refused(_Codes.BadNothingToDo)
    if len(times) > most:
        raise Refused(_Codes.BadTooManyOperations)
    if None in times:
        raise Refused(_Codes.BadInvalidTimestampArgument)
    return AtTimeRead(tag, tuple(at for at in times if at is not None), bool(details.UseSimpleBounds))


def _result(session: Session, wanted: Wanted, answer: Answer, most: int) -> ua.HistoryReadResult:
    result = ua.HistoryReadResult(status_code(answer.status))
    result.HistoryData = answer.data
    if answer.more:
        going_on = points.Continuation(wanted.node, wanted.read, answer.position)
        result.ContinuationPoint = points.put(session, going_on, most)
    return result


def _response(results: list[ua.HistoryReadResult]) -> ua.HistoryReadResponse:
    response = ua.HistoryReadResponse()
    response.Results = results
    return response
