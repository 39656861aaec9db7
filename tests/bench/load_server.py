"""An OPC UA server that costs little, so that the client beside it is what is measured.

`python -m tests.bench.load_server`: nodes `s=T0`, `s=T1`, ... of namespace `urn:load` exist as
soon as somebody monitors them; each publishing cycle of a subscription sends all of its items, as one block
of bytes whose values and times are written in place. Everything else (TRIGGER, ECHO, the nodes of a command)
is asyncua's. Commands on stdin, one a line; each is answered by one line of JSON:
`cpu` -> CPU seconds used; `echo COUNT` -> milliseconds from each new number in TRIGGER to the same in ECHO;
`trip COUNT` -> milliseconds from each TRIGGER = 1 to a command word; TRIGGER is 0 again after it.
`swing 1` -> 0: from now on every value jumps between 0 and SWING from cycle to cycle; `swing 0` -> how many
cycles it did, and all stand at 0 from then on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import sys
import time
from itertools import count
from typing import Any

import numpy as np
from asyncua import Server, ua
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemService
from asyncua.server.subscription_service import SubscriptionService

URI = "urn:load"
TICKS_1970 = 116_444_736_000_000_000
# Value, source time, server time: what most PLCs send.
ITEM = np.dtype(
    {
        "names": ["handle", "mask", "type", "value", "source", "server"],
        "formats": ["<u4", "u1", "u1", "<f4", "<i8", "<i8"],
    }
)
MASK, FLOAT = 0x0D, 10
SWING = 100_000.0
HANDSHAKE_S = 0.3  # a word is not sent again while the answer to the last one settles
NODES = {
    "TRIGGER": ua.VariantType.UInt32,
    "ECHO": ua.VariantType.UInt32,
    "WORD": ua.VariantType.UInt16,
    "EPOCH": ua.VariantType.UInt32,
    "SEQUENCE": ua.VariantType.UInt16,
    "CMD_ECHO": ua.VariantType.UInt16,
    "CMD_RESULT": ua.VariantType.UInt16,
}


class Swing:
    """Whether the values jump, and how many cycles they did."""

    on = False
    was = False
    cycles = 0

    @classmethod
    def value(cls, cycle: int) -> float:
        if cls.on:
            cls.was, cls.cycles = True, cls.cycles + 1
            return SWING * (cls.cycles % 2)
        return 0.0 if cls.was else cycle % 10_000


class LoadItems(MonitoredItemService):
    async def create_monitored_items(self, params: ua.CreateMonitoredItemsParameters) -> list[Any]:
        results = []
        for item in params.ItemsToCreate:
            name = str(item.ItemToMonitor.NodeId.Identifier)
            if item.ItemToMonitor.NodeId.NamespaceIndex == 0 or not name.startswith("T") or name == "TRIGGER":
                results += await super().create_monitored_items(
                    ua.CreateMonitoredItemsParameters(ItemsToCreate=[item])
                )
                continue
            self.isub.handles.append(item.RequestedParameters.ClientHandle)  # type: ignore[attr-defined]
            result = ua.MonitoredItemCreateResult()
            result.MonitoredItemId = 1_000_000 + len(self.isub.handles)  # type: ignore[attr-defined]
            result.RevisedSamplingInterval = item.RequestedParameters.SamplingInterval
            result.RevisedQueueSize = item.RequestedParameters.QueueSize
            results.append(result)
        return results


class LoadSubscription(InternalSubscription):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.monitored_item_srv = LoadItems(self, self.monitored_item_srv.aspace)
        self.handles: list[int] = []
        self._block = np.zeros(0, ITEM)
        self._cycle = count()

    def has_published_results(self) -> bool:
        return bool(self.handles) or super().has_published_results()

    def _pop_triggered_datachanges(self, result: ua.PublishResult) -> None:
        super()._pop_triggered_datachanges(result)
        if not self.handles:
            return
        if len(self._block) != len(self.handles):
            self._block = np.zeros(len(self.handles), ITEM)
            self._block["handle"], self._block["mask"], self._block["type"] = self.handles, MASK, FLOAT
        self._block["value"] = Swing.value(next(self._cycle))
        self._block["source"] = self._block["server"] = time.time_ns() // 100 + TICKS_1970
        body = len(self._block).to_bytes(4, "little") + self._block.tobytes() + b"\xff\xff\xff\xff"
        notification = ua.ExtensionObject(ua.NodeId(811, 0), body)
        result.NotificationMessage.NotificationData.append(notification)


class LoadSubscriptions(SubscriptionService):
    async def create_subscription(
        self, params: Any, callback: Any, session_id: Any, request_callback: Any = None
    ) -> Any:
        self._sub_id_counter += 1
        result = ua.CreateSubscriptionResult(
            self._sub_id_counter,
            params.RequestedPublishingInterval,
            params.RequestedLifetimeCount,
            params.RequestedMaxKeepAliveCount,
        )
        subscription = LoadSubscription(
            result, self.aspace, callback, session_id, request_callback=request_callback
        )
        self.subscriptions[result.SubscriptionId] = subscription
        await subscription.start()
        return result


class LoadSession(InternalSession):
    async def write(self, params: ua.WriteParameters) -> list[ua.StatusCode]:
        written = {str(item.NodeId.Identifier): item.Value.Value.Value for item in params.NodesToWrite}
        self.iserver.landed("WORD" if "WORD" in written else written.get("ECHO"))  # type: ignore[attr-defined]
        results = await super().write(params)
        if "SEQUENCE" in written:  # the handshake: accepted
            index = params.NodesToWrite[0].NodeId.NamespaceIndex
            for name, value in (("CMD_RESULT", 1), ("CMD_ECHO", written["SEQUENCE"])):
                data = ua.DataValue(ua.Variant(value, ua.VariantType.UInt16))
                await self.iserver.write_attribute_value(ua.NodeId(name, index), data)
        return results


class LoadServer(InternalServer):
    def __init__(self) -> None:
        super().__init__()
        self.subscription_service = LoadSubscriptions(self.aspace, iserver=self)
        self.waiting: dict[Any, tuple[float, asyncio.Future[float]]] = {}

    def create_session(self, name: str, user: Any = None, external: bool = False) -> InternalSession:
        return LoadSession(self, self.aspace, self.subscription_service, name, external=external)

    def landed(self, number: Any) -> None:
        since, landed = self.waiting.pop(number, (0.0, None))
        if landed is not None:
            landed.set_result((time.perf_counter() - since) * 1e3)


class Load:
    """The server, and the changes of TRIGGER that a client is to answer by writing ECHO."""

    def __init__(self) -> None:
        self.inside = LoadServer()
        self.server = Server(iserver=self.inside)
        self.numbers = count(1)

    async def start(self) -> str:
        await self.server.init()
        self.server.set_endpoint("opc.tcp://127.0.0.1:0")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await self.server.register_namespace(URI)
        for name, kind in NODES.items():
            node = await self.server.nodes.objects.add_variable(ua.NodeId(name, index), name, 0, kind)
            await node.set_writable()
        self.trigger = ua.NodeId("TRIGGER", index)
        await self.server.start()
        port = self.server.bserver.port
        return f"opc.tcp://127.0.0.1:{port}"

    async def set_trigger(self, number: int) -> None:
        value = ua.DataValue(ua.Variant(number, ua.VariantType.UInt32))
        await self.server.write_attribute_value(self.trigger, value)

    async def reactions(self, times: int, trip: bool) -> list[float]:
        """Milliseconds from a change of TRIGGER to the write that answers it; a lost one counts 1,000."""
        chance = random.Random(7)
        found: list[float] = []
        for _ in range(times):
            await asyncio.sleep(chance.uniform(0.03, 0.09))  # in no step with the publishing cycle
            number = 1 if trip else next(self.numbers)
            landed = asyncio.get_running_loop().create_future()
            self.inside.waiting["WORD" if trip else number] = (time.perf_counter(), landed)
            await self.set_trigger(number)
            try:
                found.append(await asyncio.wait_for(landed, 1.0))
            except TimeoutError:
                found.append(1000.0)
            if trip:
                await asyncio.sleep(0.02)  # two publishing cycles, so that the 1 was seen before the 0
                await self.set_trigger(0)
                await asyncio.sleep(HANDSHAKE_S)
        return found


async def main() -> None:
    logging.disable(logging.CRITICAL)
    load = Load()
    print(await load.start(), flush=True)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while words := (await reader.readline()).decode().split():
        if words[0] == "cpu":
            answer: Any = time.process_time()
        elif words[0] == "swing":
            answer, Swing.on = Swing.cycles, words[1] == "1"
        else:
            answer = await load.reactions(int(words[1]), trip=words[0] == "trip")
        print(json.dumps(answer), flush=True)
    os._exit(0)  # nothing here is worth a tidy end


if __name__ == "__main__":
    asyncio.run(main())
