"""Notifications in: publish requests out in advance, sequence numbers watched, silence noticed.

Several PublishRequests wait at the server all the time. Each subscription counts its messages (Part 4,
5.14.1.1): a number that is skipped is asked for again (Republish), and later messages wait until that is
settled, so that nobody sees an old value after a newer one. What cannot be had again is a gap, and is said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from asyncua import ua
from asyncua.ua.uaerrors import UaError

from controller.opcua.decoding import Published, decode_publish, decode_republish
from controller.opcua.link.connection import Connection
from controller.opcua.link.counters import Counters
from controller.opcua.link.errors import LinkLost, Refused
from controller.opcua.link.timing import Timing
from controller.opcua.status import BAD_TIMEOUT, BAD_TOO_MANY_PUBLISH_REQUESTS, describe

_LAST_SEQUENCE: Final = 0xFFFFFFFF  # then 1 follows; 0 is never used (Part 4, 7.8 Counter)
_MISSING_MAX: Final = 100  # asked for again one by one; more than that is a gap at once
_ACKNOWLEDGEMENTS_MAX: Final = 1000
_MALFORMED_MAX: Final = 3


@dataclass(slots=True)
class Subscription:
    """One subscription as the server revised it, and where its numbering stands.

    silence_s: it is dead when it has said nothing for that long. held: messages behind a missing one.
    """

    id: int
    name: str
    requested_ms: float
    publishing_ms: float
    silence_s: float
    seen_mono_s: float
    next_sequence: int | None = None
    held: list[Published] = field(default_factory=list)
    repairing: bool = False


def sequence_after(sequence: int) -> int:
    return 1 if sequence >= _LAST_SEQUENCE else sequence + 1


def missing_before(expected: int, sequence: int) -> int:
    """How many messages lie between; negative: `sequence` is an old one again."""
    ahead = (sequence - expected) % _LAST_SEQUENCE
    return ahead if ahead <= _LAST_SEQUENCE // 2 else ahead - _LAST_SEQUENCE


class Publisher:
    """Keeps `outstanding` publish requests at the server and passes each message on, in order.

    message: called with each message that carries something. gap: called with a subscription's name and the
    number of messages that are gone for good.
    """

    def __init__(
        self,
        connection: Connection,
        timing: Timing,
        counters: Counters,
        message: Callable[[Published], None],
        gap: Callable[[str, int], None],
    ) -> None:
        self._connection = connection
        self._timing = timing
        self._counters = counters
        self._message = message
        self._gap = gap
        self._acknowledgements: list[tuple[int, int]] = []
        self._malformed = 0
        self._requesters = timing.outstanding
        self.subscriptions: dict[int, Subscription] = {}

    async def run(self) -> None:
        """Until the connection is lost; then LinkLost."""
        now = time.monotonic()
        for subscription in self.subscriptions.values():
            subscription.seen_mono_s = now
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._timing.outstanding):
                tasks.create_task(self._requests(tasks), name=f"publish {number}")
            tasks.create_task(self._watch(), name="silence")

    async def _requests(self, tasks: asyncio.TaskGroup) -> None:
        while True:
            acknowledged, self._acknowledgements = self._acknowledgements, []
            try:
                body = await self._connection.publish(acknowledged)
            except Refused as refused:
                if refused.status == BAD_TOO_MANY_PUBLISH_REQUESTS and self._requesters > 1:
                    self._requesters -= 1
                    return  # the server wants fewer of us; the others go on
                if refused.status == BAD_TIMEOUT:
                    continue
                raise LinkLost(f"publish: {describe(refused.status)}") from refused
            self._counters.received_bytes += len(body)
            try:
                message = decode_publish(body)
            except UaError as error:
                self._counters.malformed += 1
                self._malformed += 1
                if self._malformed >= _MALFORMED_MAX:
                    raise LinkLost(f"publish: {error}") from error
                continue  # its number will be missing, and is asked for again then
            self._malformed = 0
            self._receive(message, tasks)

    def _receive(self, message: Published, tasks: asyncio.TaskGroup) -> None:
        subscription = self.subscriptions.get(message.subscription)
        if subscription is None:
            return  # deleted a moment ago
        subscription.seen_mono_s = time.monotonic()
        if message.status_change is not None:
            raise LinkLost(f"subscription {subscription.name}: {describe(message.status_change)}")
        if message.is_keepalive:
            self._counters.keepalives += 1
        if subscription.repairing:
            subscription.held.append(message)
            return
        missing = self._missing(subscription, message)
        if missing > 0:
            subscription.repairing = True
            subscription.held.append(message)
            tasks.create_task(self._repair(subscription, tasks), name="republish")
        else:
            self._pass(subscription, message)

    def _missing(self, subscription: Subscription, message: Published) -> int:
        if subscription.next_sequence is None:
            # It should be 1; a server that begins elsewhere has lost nothing, for all we know.
            subscription.next_sequence = message.sequence
        return missing_before(subscription.next_sequence, message.sequence)

    def _pass(self, subscription: Subscription, message: Published) -> None:
        assert subscription.next_sequence is not None
        if message.is_keepalive or missing_before(subscription.next_sequence, message.sequence) < 0:
            return  # a keep-alive carries the number to come; an old number has been passed on before
        subscription.next_sequence = sequence_after(message.sequence)
        if len(self._acknowledgements) < _ACKNOWLEDGEMENTS_MAX:
            self._acknowledgements.append((subscription.id, message.sequence))
        self._message(message)

    async def _repair(self, subscription: Subscription, tasks: asyncio.TaskGroup) -> None:
        """Asks for what is missing before the first held message, then passes on what was held."""
        first = subscription.held[0]
        assert subscription.next_sequence is not None
        missing = missing_before(subscription.next_sequence, first.sequence)
        lost = max(0, missing - _MISSING_MAX)
        for _ in range(lost):
            subscription.next_sequence = sequence_after(subscription.next_sequence)
        try:
            async with asyncio.timeout(self._timing.republish_s):
                while subscription.next_sequence != first.sequence:
                    again = await self._again(subscription, subscription.next_sequence)
                    if again is None:
                        lost += 1
                        subscription.next_sequence = sequence_after(subscription.next_sequence)
                    else:
                        self._counters.republished += 1
                        self._pass(subscription, again)
        except TimeoutError:
            lost += missing_before(subscription.next_sequence, first.sequence)
            subscription.next_sequence = first.sequence
        if lost:
            self._counters.gaps += lost
            self._gap(subscription.name, lost)
        subscription.repairing = False
        held, subscription.held = subscription.held, []
        for message in held:
            self._receive(message, tasks)

    async def _again(self, subscription: Subscription, sequence: int) -> Published | None:
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = subscription.id
        request.Parameters.RetransmitSequenceNumber = sequence
        try:
            message = decode_republish(bytes(await self._connection.raw(request)), subscription.id)
        except (Refused, UaError):
            return None
        # Some servers answer an unknown number with an empty message instead of BadMessageNotAvailable.
        return message if message.sequence == sequence and not message.is_keepalive else None

    async def _watch(self) -> None:
        """LinkLost when a subscription has been silent for too long, unless it was us who slept."""
        checked = time.monotonic()
        period_s = min(self._timing.keepalive_s / 2, 0.5)
        while True:
            await asyncio.sleep(period_s)
            now = time.monotonic()
            if now - checked > 4 * period_s:
                # This process was stopped or starved: what the server sent meanwhile is still unread.
                for subscription in self.subscriptions.values():
                    subscription.seen_mono_s = now
            checked = now
            for subscription in self.subscriptions.values():
                silent_s = now - subscription.seen_mono_s
                if silent_s > subscription.silence_s:
                    raise LinkLost(f"subscription {subscription.name} has been silent for {silent_s:.1f} s")
