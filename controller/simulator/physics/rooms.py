"""Oxygen in rooms that helium leaks into: dO2/dt = -(Q/V) O2 + (ACH/3600) (20.9 - O2).

V = 150 m³; 2 air changes an hour normally, 12 at high fan speed, 0.5 when the fan stands.
Helium collects at the ceiling, so a high head sees a little more of it than a low one.
"""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import lag

AIR_O2: Final = 20.9
VOLUME_M3: Final = 150.0
ACH_BY_SPEED: Final = (0.5, 2.0, 12.0)


class Room:
    """leak_m3_h: helium coming in, at room temperature."""

    __slots__ = ("leak_m3_h", "o2")

    def __init__(self) -> None:
        self.o2 = AIR_O2
        self.leak_m3_h = 0.0

    def step(self, dt_s: float, changes_per_h: float) -> None:
        self.o2 += (
            dt_s / 3600.0 * (-self.leak_m3_h / VOLUME_M3 * self.o2 + changes_per_h * (AIR_O2 - self.o2))
        )

    def head(self, share: float) -> float:
        """What a head sees that finds `share` times the mean amount of helium."""
        return AIR_O2 - share * (AIR_O2 - self.o2)


class Building:
    """Liquefier, compressor and bag room on one fan. high_speed_fails: the fan trips at changeover (F9b)."""

    def __init__(self) -> None:
        self.liquefier, self.compressor, self.bag = Room(), Room(), Room()
        self.fan_wanted = 1
        self.fan_speed = 1
        self.changes_per_h = ACH_BY_SPEED[1]
        self.high_speed_fails = False
        self.fan_failed = False
        self.e_stop_ok = True
        self.mains_ok = True
        self.ups_ok = True
        self.fire_ok = True
        self.quake_gal = 0.0

    @property
    def air_flow_ok(self) -> bool:
        return self.fan_speed > 0 and not self.fan_failed

    def step(self, dt_s: float) -> None:
        if self.fan_wanted == 2 and self.high_speed_fails:
            self.fan_failed = True
        self.fan_speed = self.fan_wanted if self.mains_ok or self.ups_ok else 0
        wanted = ACH_BY_SPEED[0 if self.fan_failed else self.fan_speed]
        self.changes_per_h = lag(self.changes_per_h, wanted, dt_s, 20.0)
        changes = self.changes_per_h
        self.liquefier.step(dt_s, changes)
        self.compressor.step(dt_s, changes)
        self.bag.step(dt_s, changes)
