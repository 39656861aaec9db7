"""The gateway put together: what exists, in what order, and what each part may use of the others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from controller.opcua.gateway.audit import Audit
    from controller.opcua.gateway.conditions.conditions import Conditions
    from controller.opcua.gateway.history.history import Histories
    from controller.opcua.gateway.orders import Orders
    from controller.opcua.gateway.sessions import Sessions
    from controller.opcua.gateway.settings import Settings
    from controller.opcua.gateway.space.space import Space
    from controller.opcua.gateway.subscriptions.subscriptions import Subscriptions
    from controller.opcua.gateway.values import Values
    from controller.plant.plant import Plant


@dataclass(slots=True)
class Gateway:
    """What services use; made once by `serve`, in this order."""

    plant: Plant
    settings: Settings
    space: Space
    values: Values
    conditions: Conditions
    histories: Histories
    subscriptions: Subscriptions
    sessions: Sessions
    orders: Orders
    audit: Audit
    stops_s: float | None = None  # when it will be over, by the monotonic clock; None while it serves

    def seconds_left(self) -> int:
        """Until it stops, 0 when it does not."""
        return 0 if self.stops_s is None else max(1, ceil(self.stops_s - time.monotonic()))
