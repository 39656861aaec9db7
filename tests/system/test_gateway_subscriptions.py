"""Subscriptions over the wire, message by message: Part 4, 5.14, and whose they are."""

from __future__ import annotations

import asyncio
from math import nan
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary

from controller.opcua.gateway.space.names import of_plant
from tests.system.gateway_rig import limited
from tests.system.gateway_subscribed import Asking, codes, refused, served, until, values_of

T1, T2 = of_plant("T0001"), of_plant("T0002")


def deletion(*numbers: int) -> ua.DeleteSubscriptionsRequest:
    return ua.DeleteSubscriptionsRequest(Parameters=ua.DeleteSubscriptionsParameters(list(numbers)))


def switching(on: bool, *numbers: int) -> ua.SetPublishingModeRequest:
    return ua.SetPublishingModeRequest(Parameters=ua.SetPublishingModeParameters(on, list(numbers)))


def again(subscription: int, sequence: int) -> ua.RepublishRequest:
    return ua.RepublishRequest(Parameters=ua.RepublishParameters(subscription, sequence))


def handover(*numbers: int, initial: bool = True) -> ua.TransferSubscriptionsRequest:
    return ua.TransferSubscriptionsRequest(
        Parameters=ua.TransferSubscriptionsParameters(list(numbers), initial)
    )


@pytest.mark.parametrize(
    ("interval", "keep_alive", "lifetime", "revised"),
    [
        (100, 10, 100, (100, 10, 100)),
        (0, 10, 100, (100, 10, 100)),
        (0.0001, 10, 100, (100, 10, 100)),
        (-5, 10, 100, (100, 10, 100)),
        (nan, 10, 100, (100, 10, 100)),
        (1e300, 10, 100, (3_600_000, 1, 3)),
        (1000, 10, 1, (1000, 10, 30)),  # a life-time is three keep-alives at least
        (1000, 0, 0, (1000, 10, 30)),
        (1000, 2**32 - 1, 2**32 - 1, (1000, 1200, 3600)),  # and an hour at most
    ],
)
async def test_terms_are_revised_never_refused(
    interval: float, keep_alive: int, lifetime: int, revised: tuple[float, int, int]
) -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        made = await asking.subscribe(interval, keep_alive=keep_alive, lifetime=lifetime)
        got = (made.RevisedPublishingInterval, made.RevisedMaxKeepAliveCount, made.RevisedLifetimeCount)
        assert got == revised
        asked = ua.ModifySubscriptionParameters(made.SubscriptionId, interval, lifetime, keep_alive)
        changed = (await asking.ask(ua.ModifySubscriptionRequest(Parameters=asked))).Parameters
        assert changed == ua.ModifySubscriptionResult(revised[0], revised[2], revised[1])


async def test_keep_alives_carry_the_next_number_and_are_not_kept() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe(keep_alive=2)).SubscriptionId
        first = await asking.publish()  # in the first cycle, though there is nothing to say
        second = await asking.publish()
        for alive in (first, second):
            assert alive.SubscriptionId == number
            assert alive.NotificationMessage.SequenceNumber == 1
            assert (alive.NotificationMessage.NotificationData, alive.AvailableSequenceNumbers) == ([], [])
        await asking.monitor(number, T1)
        news = await asking.publish()
        assert (news.NotificationMessage.SequenceNumber, news.AvailableSequenceNumbers) == (1, [1])
        assert (await asking.publish()).NotificationMessage.SequenceNumber == 2


async def test_acknowledged_messages_are_gone_others_can_be_had_again() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe()).SubscriptionId
        await asking.monitor(number, T1)
        first = await asking.publish()
        gateway.change({"T0001": 2})
        second = await asking.publish()
        assert second.AvailableSequenceNumbers == [1, 2]
        repeated = (await asking.ask(again(number, 1))).NotificationMessage
        assert struct_to_binary(repeated) == struct_to_binary(first.NotificationMessage)
        gateway.change({"T0001": 3})
        third = await asking.publish((number, 1), (number, 7), (99, 1))
        assert codes(third.Results) == [
            StatusCodes.Good,
            StatusCodes.BadSequenceNumberUnknown,
            StatusCodes.BadSubscriptionIdInvalid,
        ]
        assert third.AvailableSequenceNumbers == [2, 3]
        with refused(StatusCodes.BadMessageNotAvailable):
            await asking.ask(again(number, 1))
        with refused(StatusCodes.BadSubscriptionIdInvalid):
            await asking.ask(again(99, 1))


async def test_what_is_never_acknowledged_is_kept_only_so_long() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe(3_600_000)).SubscriptionId
        await asking.monitor(number, T1)
        subscription = gateway.subscriptions.find(number)
        assert subscription is not None
        for value in range(70):
            waiting = asking.publishing()
            gateway.change({"T0001": 100 + value})
            await until(lambda: bool(subscription.queue))
            subscription.serve()
            await waiting
        assert subscription.available == list(range(7, 71))


async def test_a_long_message_comes_in_pieces_at_once() -> None:
    async with served(50) as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe(MaxNotificationsPerPublish=20)).SubscriptionId
        await asking.monitor(number, *[of_plant(f"T{at:04d}") for at in range(50)])
        results = [await asking.publish() for _ in range(3)]
        assert [len(values_of(one)) for one in results] == [20, 20, 10]
        assert [one.MoreNotifications for one in results] == [True, True, False]
        assert [one.NotificationMessage.SequenceNumber for one in results] == [1, 2, 3]
        assert sorted(handle for one in results for handle, _ in values_of(one)) == list(range(1, 51))


async def test_no_message_is_longer_than_the_client_takes() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        (session,) = gateway.rig.gateway.sessions.all()
        session.max_response_bytes = 16_384
        number = (await asking.subscribe()).SubscriptionId
        await asking.monitor(number, of_plant("LABEL"), QueueSize=100)
        await asking.publish()
        for at in range(50):
            gateway.say("LABEL", str(at) * 1_000)
        sizes, total = [], 0
        while total < 50:
            result = await asking.publish()
            sizes.append(len(struct_to_binary(result)))
            total += len(values_of(result))
        assert max(sizes) < 16_384
        assert sum(sizes) > 50_000


async def test_publish_without_subscriptions_and_too_many_of_it() -> None:
    async with (
        served(chosen=limited(publish_requests=3)) as gateway,
        gateway.rig.client(mode=None) as client,
    ):
        asking = Asking(client)
        with refused(StatusCodes.BadNoSubscription):
            await asking.publish()
        number = (await asking.subscribe()).SubscriptionId
        await asking.publish()
        waiting = [asking.publishing() for _ in range(4)]
        with refused(StatusCodes.BadTooManyPublishRequests):
            await waiting[0]  # the oldest goes
        assert not any(one.done() for one in waiting[1:])
        await asking.ask(deletion(number))
        for one in waiting[1:]:
            with refused(StatusCodes.BadNoSubscription):
                await one


async def test_publishing_that_is_switched_off_keeps_the_queues() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe(keep_alive=2, PublishingEnabled=False)).SubscriptionId
        await asking.monitor(number, T1)
        assert await asking.values() == []
        gateway.change({"T0001": 2})
        assert await asking.values() == []
        results = (await asking.ask(switching(True, number, 99))).Parameters.Results
        assert codes(results) == [StatusCodes.Good, StatusCodes.BadSubscriptionIdInvalid]
        assert await asking.values() == [(1, 1.0), (1, 2.0)]


async def test_nobody_asks_until_the_life_time_ends() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe(keep_alive=1, lifetime=3)).SubscriptionId
        await asking.monitor(number, T1)
        await until(lambda: len(gateway.subscriptions) == 0)
        assert gateway.subscriptions.items == 0
        result = await asking.publish()
        (told,) = result.NotificationMessage.NotificationData
        assert (result.SubscriptionId, told.Status.value) == (number, StatusCodes.BadTimeout)
        with refused(StatusCodes.BadNoSubscription):
            await asking.publish()
        with refused(StatusCodes.BadSubscriptionIdInvalid):
            await asking.monitor(number, T1)


async def test_a_shorter_interval_takes_effect_at_once() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe(60_000)).SubscriptionId
        await asking.monitor(number, T1)
        asked = ua.ModifySubscriptionParameters(number, 100, 1000, 100)
        await asking.ask(ua.ModifySubscriptionRequest(Parameters=asked))
        assert await asking.values() == [(1, 1.0)]


async def test_the_late_subscription_of_higher_priority_speaks_first() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        numbers = [(await asking.subscribe(Priority=priority)).SubscriptionId for priority in (1, 9)]
        for number in numbers:
            await asking.monitor(number, T1)
        await until(lambda: all(one.late for one in gateway.subscriptions.all()))
        assert [(await asking.publish()).SubscriptionId for _ in numbers] == numbers[::-1]


async def test_a_request_that_timed_out_takes_nothing_with_it() -> None:
    async with served() as gateway, gateway.rig.client(mode=None) as client:
        asking = Asking(client)
        number = (await asking.subscribe()).SubscriptionId
        await asking.publish()
        with pytest.raises((TimeoutError, ua.UaStatusCodeError)):
            await asking.publish(within_s=0.05)
        await asking.monitor(number, T1)
        assert await asking.values() == [(1, 1.0)]


async def test_limits_of_subscriptions() -> None:
    few = limited(subscriptions_per_session=2, subscriptions=3, items_per_call=2)
    async with (
        served(chosen=few) as gateway,
        gateway.rig.client(mode=None) as one,
        gateway.rig.client(mode=None) as two,
    ):
        asking, other = Asking(one), Asking(two)
        for _ in range(2):
            await asking.subscribe()
        with refused(StatusCodes.BadTooManySubscriptions):
            await asking.subscribe()
        await other.subscribe()
        with refused(StatusCodes.BadTooManySubscriptions):
            await other.subscribe()
        for request in (deletion, lambda *numbers: switching(True, *numbers), handover):
            with refused(StatusCodes.BadNothingToDo):
                await asking.ask(request())
            with refused(StatusCodes.BadTooManyOperations):
                await asking.ask(request(1, 2, 3))
        assert codes((await asking.ask(deletion(1, 1))).Results) == [
            StatusCodes.Good,
            StatusCodes.BadSubscriptionIdInvalid,
        ]
        await asking.subscribe()


# --- whose it is ---


async def test_nobody_touches_another_sessions_subscription() -> None:
    async with (
        served() as gateway,
        gateway.rig.client("operator") as one,
        gateway.rig.client("viewer") as two,
    ):
        asking, stranger = Asking(one), Asking(two)
        number = (await asking.subscribe(keep_alive=1)).SubscriptionId
        (item,) = await asking.monitor(number, T1)
        await stranger.subscribe(60_000)
        bad = StatusCodes.BadSubscriptionIdInvalid
        requests: list[Any] = [
            ua.ModifySubscriptionRequest(Parameters=ua.ModifySubscriptionParameters(number, 1, 1, 1)),
            again(number, 1),
            ua.DeleteMonitoredItemsRequest(
                Parameters=ua.DeleteMonitoredItemsParameters(number, [item.MonitoredItemId])
            ),
            ua.SetMonitoringModeRequest(
                Parameters=ua.SetMonitoringModeParameters(number, 0, [item.MonitoredItemId])
            ),
            ua.SetTriggeringRequest(Parameters=ua.SetTriggeringParameters(number, 1, [1], [])),
        ]
        for request in requests:
            with refused(bad):
                await stranger.ask(request)
        with refused(bad):
            await stranger.monitor(number, T1)
        assert codes((await stranger.ask(deletion(number))).Results) == [bad]
        assert codes((await stranger.ask(switching(False, number))).Parameters.Results) == [bad]
        taken = (await stranger.ask(handover(number))).Parameters.Results
        assert codes(taken) == [StatusCodes.BadUserAccessDenied]
        waiting = stranger.publishing()
        await asking.publish()
        assert codes((await asking.publish((number, 1))).Results) == [StatusCodes.Good]  # still its own
        waiting.cancel()


async def test_the_same_user_takes_a_subscription_along() -> None:
    async with served() as gateway, gateway.rig.client("operator") as one:
        asking = Asking(one)
        number = (await asking.subscribe()).SubscriptionId
        await asking.monitor(number, T1)
        assert await asking.values() == [(1, 1.0)]
        with_it = asking.publishing()
        async with gateway.rig.client("operator") as two:
            later = Asking(two)
            bad = (await later.ask(handover(number, 99))).Parameters.Results
            assert codes(bad) == [StatusCodes.Good, StatusCodes.BadSubscriptionIdInvalid]
            assert bad[0].AvailableSequenceNumbers == [1]
            told = (await with_it).NotificationMessage.NotificationData[0]
            assert told.Status.value == StatusCodes.GoodSubscriptionTransferred
            assert codes((await later.ask(handover(number))).Parameters.Results) == [
                StatusCodes.BadNothingToDo
            ]
            assert (await later.ask(again(number, 1))).NotificationMessage.SequenceNumber == 1
            assert await later.values() == [(1, 1.0)]  # the initial value
            with refused(StatusCodes.BadNoSubscription):
                await asking.publish()


async def test_without_a_name_only_the_same_certificate_may_take_it() -> None:
    async with served() as gateway:
        async with gateway.rig.client(mode=None) as one, gateway.rig.client(mode=None) as two:
            number = (await Asking(one).subscribe()).SubscriptionId
            results = (await Asking(two).ask(handover(number))).Parameters.Results
            assert codes(results) == [StatusCodes.BadUserAccessDenied]
        async with gateway.rig.client() as one, gateway.rig.client() as two:
            number = (await Asking(one).subscribe()).SubscriptionId
            results = (await Asking(two).ask(handover(number, initial=False))).Parameters.Results
            assert codes(results) == [StatusCodes.Good]


async def test_a_subscription_outlives_its_session_with_all_it_had_to_say() -> None:
    async with served() as gateway:
        async with gateway.rig.client("operator") as one:
            asking = Asking(one)
            number = (await asking.subscribe()).SubscriptionId
            await asking.monitor(number, T1)
            await asking.publish()
            waiting = asking.publishing()
            await until(lambda: all(one.queue for one in gateway.subscriptions.all()))
            await one.uaclient.session.close_session(False)
            with refused(StatusCodes.BadSessionClosed):
                await waiting
        gateway.change({"T0001": 2})
        gateway.change({"T0001": 3})
        async with gateway.rig.client("operator") as two:
            later = Asking(two)
            result = (await later.ask(handover(number, initial=False))).Parameters.Results[0]
            assert (result.StatusCode.value, result.AvailableSequenceNumbers) == (0, [1])
            assert await later.values() == [(1, 2.0), (1, 3.0)]
        assert len(gateway.subscriptions) == 0, "deleted with its session"


async def test_an_orphan_ends_with_its_life_time() -> None:
    async with served() as gateway:
        async with gateway.rig.client("operator") as one:
            await Asking(one).subscribe(keep_alive=1, lifetime=3)
            await one.uaclient.session.close_session(False)
        assert len(gateway.subscriptions) == 1
        await until(lambda: len(gateway.subscriptions) == 0)


async def test_a_lost_connection_loses_nothing() -> None:
    """The request that waited goes with its connection; what it would have carried stays."""
    async with served() as gateway:
        async with gateway.rig.client("operator") as one:
            asking = Asking(one)
            number = (await asking.subscribe()).SubscriptionId
            await asking.monitor(number, T1)
            await asking.publish()
            waiting = asking.publishing()
            subscription = gateway.subscriptions.find(number)
            assert subscription is not None
            await until(lambda: bool(subscription.queue))
            session = subscription.queue.session
            session.channel.abort()
            await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: session.channel is None)
        gateway.change({"T0001": 2})
        async with gateway.rig.client("operator") as two:
            later = Asking(two)
            await later.ask(handover(number, initial=False))
            assert await later.values() == [(1, 2.0)]
