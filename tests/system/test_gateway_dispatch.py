"""The way of a request: answers now, later or not at all, each exactly once, and the words of a refusal."""

from __future__ import annotations

import asyncio
from typing import Any

from asyncua import ua

from controller.opcua.gateway.security.access import Access, What
from controller.opcua.gateway.services import Encoded, Fault, Services
from tests.system.gateway_rig import Rig, bare, limited
from tests.system.gateway_wire import Wire, opened
from tests.system.test_gateway_hostile import Hand
from tests.system.test_gateway_sessions import READS

CODES = ua.StatusCodes


class Later:
    """A Publish service whose answers come when the test wants."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[Any]] = []
        self.came = asyncio.Event()

    async def publish(self, _: Any, __: Any, ___: Any) -> asyncio.Future[Any]:
        self.waiting.append(asyncio.get_running_loop().create_future())
        self.came.set()
        return self.waiting[-1]

    @property
    def tables(self) -> list[Services]:
        return [{**READS, ua.PublishRequest: self.publish}]

    async def until(self, count: int) -> None:
        while len(self.waiting) < count:
            self.came.clear()
            await self.came.wait()


def publishing(handle: int, hint_ms: int = 0) -> ua.PublishRequest:
    asked = ua.PublishRequest()
    asked.RequestHeader.RequestHandle = handle
    asked.RequestHeader.TimeoutHint = hint_ms
    return asked


def outcome(answer: Any) -> tuple[int, int]:
    """RequestHandle and code."""
    return answer.ResponseHeader.RequestHandle, answer.ResponseHeader.ServiceResult.value


async def logged_in(gateway: Rig, one: Wire) -> None:
    await one.log_in()
    assert gateway.gateway.sessions.has_active(next(iter(gateway.listening.connections)))


async def test_a_promised_answer_holds_up_no_other_request() -> None:
    later = Later()
    async with bare(tables=later.tables) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        one.put(publishing(7))
        await later.until(1)
        assert isinstance(await one.ask(ua.GetEndpointsRequest()), ua.GetEndpointsResponse)
        later.waiting[0].set_result(ua.PublishResponse())
        assert outcome(await one.answer()) == (7, 0)


async def test_a_promise_ends_by_its_time_out_by_cancel_by_refusal_and_with_its_session() -> None:
    later = Later()
    async with bare(tables=later.tables) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        one.put(publishing(1, hint_ms=20))
        assert outcome(await one.answer()) == (1, CODES.BadTimeout)
        for handle in (2, 3, 3):
            one.put(publishing(handle))
        await later.until(4)
        cancel = ua.CancelRequest()
        cancel.Parameters.RequestHandle = 3
        one.put(cancel)
        answers = [await one.answer() for _ in range(3)]
        assert sorted(outcome(answer) for answer in answers) == [
            (0, 0),
            (3, CODES.BadRequestCancelledByClient),
            (3, CODES.BadRequestCancelledByClient),
        ]
        assert next(a for a in answers if isinstance(a, ua.CancelResponse)).Parameters.CancelCount == 2
        later.waiting[1].set_exception(Fault(CODES.BadNoSubscription))
        assert outcome(await one.answer()) == (2, CODES.BadNoSubscription)
        one.put(publishing(4))
        await later.until(5)
        one.put(ua.CloseSessionRequest(DeleteSubscriptions=True))
        last = {outcome(await one.answer()) for _ in range(2)}
        assert last == {(4, CODES.BadSessionClosed), (0, 0)}
        assert all(future.done() for future in later.waiting)


async def test_a_promise_ends_with_its_connection() -> None:
    later = Later()
    async with bare(tables=later.tables) as gateway:
        async with opened(gateway.listening.port) as one:
            await logged_in(gateway, one)
            one.put(publishing(1))
            await later.until(1)
        while gateway.listening.connections:
            await asyncio.sleep(0.01)
        assert later.waiting[0].cancelled()
        assert len(gateway.gateway.sessions) == 1, "its session waits for it to come back"


async def test_a_promised_answer_that_cannot_be_sent_is_refused_like_any_other() -> None:
    """Nobody awaits it, so whatever goes wrong must end in an answer and a count, not in asyncio's log."""
    later, lost = Later(), []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))
    async with bare(tables=later.tables) as gateway, opened(gateway.listening.port) as one:
        create = ua.CreateSessionRequest()
        create.Parameters.MaxResponseMessageSize = 50_000
        one.session = (await one.ask(create)).Parameters.AuthenticationToken
        await one.ask(ua.ActivateSessionRequest())
        for handle in range(1, 5):
            one.put(publishing(handle))
        await later.until(4)
        large = ua.PublishResponse()
        large.Parameters.AvailableSequenceNumbers = list(range(50_000))
        over_the_channels = Encoded(bytes(gateway.gateway.settings.limits.response_bytes + 1))
        wrong = ua.PublishResponse()
        wrong.Parameters.SubscriptionId = "text"
        later.waiting[0].set_result(large)
        later.waiting[1].set_result(over_the_channels)
        later.waiting[2].set_result(wrong)
        later.waiting[3].set_exception(KeyError("a bug of the subscriptions"))
        answers = dict([outcome(await one.answer()) for _ in range(4)])
        assert answers == {
            1: CODES.BadResponseTooLarge,
            2: CODES.BadResponseTooLarge,
            3: CODES.BadEncodingError,
            4: CODES.BadInternalError,
        }
        assert gateway.counters.bugs == 2
        assert outcome(await one.ask(ua.GetEndpointsRequest())) == (0, 0)
    assert not lost, lost


async def test_an_answer_encoded_already_goes_out_as_it_is() -> None:
    from asyncua.ua import ua_binary

    async def ready(_: Any, __: Any, request: ua.ReadRequest) -> Encoded:
        response = ua.ReadResponse(Results=[ua.DataValue(ua.Variant("ready"))])
        response.ResponseHeader.RequestHandle = request.RequestHeader.RequestHandle
        return Encoded(ua_binary.struct_to_binary(response))

    async with bare(tables=[{ua.ReadRequest: ready}]) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        assert (await one.ask(ua.ReadRequest())).Results[0].Value.Value == "ready"


async def test_a_service_that_takes_too_long_is_ended_when_its_client_does_not_wait_any_more() -> None:
    async def slow(*_: Any) -> Any:
        await asyncio.get_running_loop().create_future()

    async with bare(tables=[{ua.ReadRequest: slow}]) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        asked = ua.ReadRequest()
        asked.RequestHeader.TimeoutHint = 20
        assert outcome(await one.ask(asked)) == (0, CODES.BadTimeout)


async def test_requests_of_one_connection_wait_for_each_other_beyond_a_number() -> None:
    """Those that are in work are few; the rest stays in the peer's own buffers."""
    release, at_work = asyncio.Event(), [0, 0]

    async def slow(*_: Any) -> Any:
        at_work[0] += 1
        at_work[1] = max(at_work)
        await release.wait()
        at_work[0] -= 1
        return ua.ReadResponse()

    chosen = limited(in_work=4)
    async with bare(chosen, [{ua.ReadRequest: slow}]) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        for _ in range(100):
            one.put(ua.ReadRequest())
        while at_work[0] < 4:
            await asyncio.sleep(0.01)
        release.set()
        for _ in range(100):
            assert outcome(await one.answer()) == (0, 0)
        assert at_work[1] == 4


async def test_a_refusal_says_why_in_words_to_who_asks_for_them() -> None:
    async def refusing(*_: Any) -> Any:
        raise Fault(CODES.BadUserAccessDenied, "resetting S-01 needs an operator")

    async with bare(tables=[{ua.ReadRequest: refusing}]) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        asked = ua.ReadRequest()
        asked.RequestHeader.ReturnDiagnostics = 0x08
        refused = await one.ask(asked)
        assert refused.ResponseHeader.ServiceDiagnostics.AdditionalInfo == "resetting S-01 needs an operator"
        plain = await one.ask(ua.ReadRequest())
        assert plain.ResponseHeader.ServiceDiagnostics.AdditionalInfo is None


async def test_an_answer_larger_than_the_client_takes_is_not_sent() -> None:
    async def large(*_: Any) -> Any:
        return ua.ReadResponse(Results=[ua.DataValue(ua.Variant(bytes(100_000)))])

    async with bare(tables=[{ua.ReadRequest: large}]) as gateway, opened(gateway.listening.port) as one:
        create = ua.CreateSessionRequest()
        create.Parameters.MaxResponseMessageSize = 50_000
        one.session = (await one.ask(create)).Parameters.AuthenticationToken
        await one.ask(ua.ActivateSessionRequest())
        assert outcome(await one.ask(ua.ReadRequest())) == (0, CODES.BadResponseTooLarge)


async def test_what_cannot_be_encoded_is_one_clients_answer() -> None:
    async def wrong(*_: Any) -> Any:
        return ua.ReadResponse(Results=[ua.DataValue(ua.Variant("text", ua.VariantType.Double))])

    async with bare(tables=[{ua.ReadRequest: wrong}]) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        assert outcome(await one.ask(ua.ReadRequest())) == (0, CODES.BadEncodingError)
        assert gateway.counters.bugs == 1


async def test_what_happens_at_the_door_is_told_for_audit() -> None:
    heard: list[Access] = []
    hand = Hand()
    async with bare(tables=[READS], now_s=hand) as gateway:
        gateway.gateway.sessions.tell = heard.append
        async with gateway.client("operator"):
            pass
        kinds = [(one.what, one.code, one.user) for one in heard]
        assert kinds == [
            (What.CHANNEL, 0, ""),
            (What.CREATED, 0, ""),
            (What.ACTIVATED, 0, "operator"),
            (What.ENDED, 0, "operator"),
        ]
        assert {one.peer for one in heard} == {"127.0.0.1"}
        assert len({one.thumbprint for one in heard}) == 1
        assert len(heard[0].thumbprint) == 40
        heard.clear()
        async with opened(gateway.listening.port) as one:
            made = await one.ask(ua.CreateSessionRequest())
            one.session = made.Parameters.AuthenticationToken
            asked = ua.ActivateSessionRequest()
            asked.Parameters.UserIdentityToken = ua.UserNameIdentityToken(
                PolicyId="username", UserName="admin"
            )
            await one.ask(asked)
        refused = next(one for one in heard if one.what is What.ACTIVATED)
        assert (refused.code, refused.user) == (CODES.BadIdentityTokenRejected, "")


async def test_large_requests_of_one_connection_go_one_by_one() -> None:
    """Else sixteen of a megabyte each would be in memory, and their answers with them."""
    at_work = [0, 0]

    async def slow(_: Any, __: Any, request: ua.ReadRequest) -> Any:
        at_work[0] += 1
        at_work[1] = max(at_work)
        await asyncio.sleep(0.02)
        at_work[0] -= 1
        return ua.ReadResponse()

    async with bare(tables=[{ua.ReadRequest: slow}]) as gateway, opened(gateway.listening.port) as one:
        await logged_in(gateway, one)
        asked = ua.ReadRequest()
        asked.Parameters.NodesToRead = [ua.ReadValueId(ua.NodeId("x" * 40, 1), 13)] * 400
        for _ in range(6):
            one.put(asked)
        for _ in range(6):
            assert outcome(await one.answer()) == (0, 0)
        assert at_work[1] == 1
