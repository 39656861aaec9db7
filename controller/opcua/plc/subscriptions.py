"""Subscriptions of a simulated PLC: revised like a PLC's, overflow told, and cheap.

asyncua copies every value deeply for every monitored item and loses queue overflow in silence
(measured: 83 % of the cost of a change). Values here are never altered once made, so the reference is
enough; a full queue drops its oldest value and marks the next (Part 4, 7.22.1; InfoBits Overflow).
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AddressSpace, AttributeValue
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemData, MonitoredItemService
from asyncua.server.subscription_service import SubscriptionService
from asyncua.server.uaprocessor import PublishRequestData

from controller.opcua.plc.styles import Style
from controller.opcua.plc.wire import status_code

OVERFLOW: Final = 0x480  # InfoType DataValue, Overflow (Part 4, table 178)


class PlcMonitoredItems(MonitoredItemService):
    """The monitored items of one subscription."""

    isub: PlcSubscription

    def __init__(self, subscription: PlcSubscription, space: AddressSpace, style: Style) -> None:
        super().__init__(subscription, space)
        self._style = style

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        if len(params.ItemsToCreate) > self._style.items_per_call:
            raise ServiceError(ua.StatusCodes.BadTooManyOperations)
        if len(self._monitored_items) + len(params.ItemsToCreate) > self._style.items_max:
            raise ServiceError(ua.StatusCodes.BadTooManyMonitoredItems)
        return await super().create_monitored_items(params)

    def _make_monitored_item_common(
        self, params: ua.MonitoredItemCreateRequest
    ) -> tuple[ua.MonitoredItemCreateResult, MonitoredItemData]:
        result, data = super()._make_monitored_item_common(params)
        wanted = params.RequestedParameters.SamplingInterval
        if wanted < 0:
            wanted = self.isub.data.RevisedPublishingInterval
        result.RevisedSamplingInterval = max(wanted, self._style.sampling_ms)
        return result, data

    def _revise_queue_size(self, requested: int) -> int:
        return min(max(int(requested), 1), self._style.queue_max)

    async def datachange_callback(
        self, handle: int, value: ua.DataValue, error: ua.StatusCode | None = None
    ) -> None:
        assert error is None, "the simulated PLC reports errors as the status of a value"
        self.changed(handle, value)

    def changed(self, handle: int, value: ua.DataValue) -> None:
        """A value came: queue it where the item's filter lets it through."""
        item = self._monitored_items[self._monitored_datachange[handle]]
        if item.mode == ua.MonitoringMode.Disabled:
            return
        held = item.mvalue
        held.old_dvalue, held.current_dvalue = held.current_dvalue, value
        wanted = item.filter
        if wanted and not isinstance(wanted, ua.ExtensionObject):
            passes = self._is_data_changed(held, wanted.Trigger) and self._is_deadband_exceeded(held, wanted)
        else:
            passes = self._is_data_changed(held, ua.DataChangeTrigger.StatusValue)
        if passes and item.mode == ua.MonitoringMode.Reporting:
            assert item.client_handle is not None
            assert item.monitored_item_id is not None
            self.isub.queue(item.monitored_item_id, item.client_handle, value, item.queue_size)


class PlcSubscription(InternalSubscription):
    """One subscription; its publishing loop is asyncua's."""

    def __init__(
        self, *args: Any, style: Style, losing: Callable[[], bool], notifications_max: int, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._notifications_max = notifications_max or sys.maxsize
        self.monitored_item_srv = PlcMonitoredItems(self, self.monitored_item_srv.aspace, style)
        self._losing = losing

    def queue(self, item: int, client_handle: int, value: ua.DataValue, size: int) -> None:
        waiting = self._triggered_datachanges.setdefault(item, [])
        if len(waiting) >= size:
            waiting.pop(0)
            if size > 1:
                waiting[0] = _overflowed(waiting[0])
        if waiting or size >= 1:
            waiting.append(ua.MonitoredItemNotification(client_handle, value))

    async def publish_results(self, requestdata: PublishRequestData | None = None) -> bool:
        # A lost notification: it has its number and can be republished, but it is never sent.
        if self._triggered_datachanges and self._publishing_enabled and not self._startup and self._losing():
            self._pop_publish_result()
            return False
        sent = await super().publish_results(requestdata)
        more = sent
        while more and self._triggered_datachanges and self._publishing_enabled:
            more = await super().publish_results()
        return sent

    def _pop_triggered_datachanges(self, result: ua.PublishResult) -> None:
        """As many as the client takes in one notification, by item; the rest waits for the next request."""
        notification = ua.DataChangeNotification()
        while self._triggered_datachanges and len(notification.MonitoredItems) < self._notifications_max:
            item = next(iter(self._triggered_datachanges))
            waiting = self._triggered_datachanges[item]
            room = self._notifications_max - len(notification.MonitoredItems)
            notification.MonitoredItems += waiting[:room]
            del waiting[:room]
            if not waiting:
                del self._triggered_datachanges[item]
        if notification.MonitoredItems:
            result.NotificationMessage.NotificationData.append(notification)

    def _pop_publish_result(self) -> ua.PublishResult:
        result = super()._pop_publish_result()
        result.MoreNotifications = bool(self._triggered_datachanges)
        return result

    def republish(self, nb: int) -> ua.NotificationMessage:
        result = self._not_acknowledged_results.get(nb)
        if result is None:
            raise ServiceError(ua.StatusCodes.BadMessageNotAvailable)
        message: ua.NotificationMessage = result.NotificationMessage
        return message


class PlcSubscriptions(SubscriptionService):
    """All subscriptions of one simulated PLC. `lose`: how many notifications are lost from now on."""

    def __init__(self, space: AddressSpace, style: Style) -> None:
        super().__init__(space)
        self._style = style
        self.lose = 0

    def _losing(self) -> bool:
        if self.lose <= 0:
            return False
        self.lose -= 1
        return True

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        session_id: ua.NodeId,
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        result = ua.CreateSubscriptionResult()
        result.RevisedPublishingInterval = max(params.RequestedPublishingInterval, self._style.publishing_ms)
        keep_alive = min(max(params.RequestedMaxKeepAliveCount, 1), 5_000)
        result.RevisedMaxKeepAliveCount = keep_alive
        # Part 4, 5.13.2.2: the life-time is at least three keep-alive periods.
        result.RevisedLifetimeCount = min(max(params.RequestedLifetimeCount, 3 * keep_alive), 15_000)
        self._sub_id_counter += 1
        number = self._sub_id_counter
        result.SubscriptionId = number
        subscription = PlcSubscription(
            result,
            self.aspace,
            callback,
            session_id,
            request_callback=request_callback,
            delete_callback=lambda: self.subscriptions.pop(number, None),
            publishing_enabled=params.PublishingEnabled,
            style=self._style,
            losing=self._losing,
            notifications_max=params.MaxNotificationsPerPublish,
        )
        await subscription.start()
        self.subscriptions[number] = subscription
        return result

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        if params.SubscriptionId not in self.subscriptions:
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid)
        return self.subscriptions[params.SubscriptionId].republish(params.RetransmitSequenceNumber)


def _overflowed(notification: ua.MonitoredItemNotification) -> ua.MonitoredItemNotification:
    value = notification.Value
    code = OVERFLOW if value.StatusCode is None else value.StatusCode.value | OVERFLOW
    marked = dataclasses.replace(value, StatusCode=status_code(code))
    return ua.MonitoredItemNotification(notification.ClientHandle, marked)


def publish(held: AttributeValue, value: ua.DataValue) -> None:
    """Replaces the value of a node and tells the items that monitor it."""
    held.value = value
    for handle, callback in held.datachange_callbacks.items():
        items = getattr(callback, "__self__", None)
        assert isinstance(items, PlcMonitoredItems), "only clients' subscriptions monitor these nodes"
        items.changed(handle, value)
