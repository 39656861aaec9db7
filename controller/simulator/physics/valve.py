"""An on-off valve with travel time, limit switches and a spring that knows one direction."""

from __future__ import annotations

from controller.simulator.physics.gas import clip


class Valve:
    """position 0 shut .. 1 open. Without air or power it goes where its spring takes it."""

    __slots__ = ("fails_open", "name", "open", "position", "stuck", "travel_s")

    def __init__(
        self, name: str, *, is_open: bool = False, fails_open: bool = False, travel_s: float = 1.5
    ) -> None:
        self.name = name
        self.open = is_open
        self.position = 1.0 if is_open else 0.0
        self.fails_open = fails_open
        self.travel_s = travel_s
        self.stuck = False

    def step(self, dt_s: float, powered: bool) -> None:
        if self.stuck:
            return
        wanted = self.open if powered else self.fails_open
        way = dt_s / self.travel_s
        self.position = clip(self.position + (way if wanted else -way), 0.0, 1.0)

    @property
    def zso(self) -> float:
        """Open switch: 1 when the valve is at its open stop."""
        return 1.0 if self.position > 0.97 else 0.0

    @property
    def zsc(self) -> float:
        """Closed switch: 1 when the valve is at its seat."""
        return 1.0 if self.position < 0.03 else 0.0
