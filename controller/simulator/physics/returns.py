"""The users: four lines that send gas back, some of them with air in it.

Base flow 1.2 Nm³/h, plumes of 12 Nm³/h from 10:00 to 11:30 and from 15:00 to 16:00 (dewar fills in
the laboratories), air mole fraction 0.004. A meter on each line gives a pulse per 0.1 m³ at 20 °C.
"""

from __future__ import annotations

from random import Random
from typing import Final

from controller.simulator.physics.gas import lag

SHARES: Final = (0.40, 0.25, 0.20, 0.15)  # NMR, physics, chemistry, hospital
NMR, PHYSICS, CHEMISTRY, HOSPITAL = range(4)
BASE_NM3H: Final = 1.2
PLUME_NM3H: Final = 12.0
PLUMES_H: Final = ((10.0, 11.5), (15.0, 16.0))
M3_20_PER_NM3: Final = 293.15 / 273.15
PULSE_M3: Final = 0.1


class Returns:
    """Flow and purity of the return header, and what each line has to do with it.

    surge_nm3h: extra flow of one line (a valve left open, a quench). leak_fraction: what the whole
    return would contain if air came in on `leak_line`; None = tight.
    """

    def __init__(self, rng: Random, hour: float) -> None:
        self._rng = rng
        self._sway = 0.0
        self.plume_nm3h = PLUME_NM3H if self._in_plume(hour) else 0.0
        self.surge_nm3h = 0.0
        self.surge_line = NMR
        self.leak_fraction: float | None = None
        self.leak_line = PHYSICS
        self.air_fraction = 0.004
        self.flow_nm3h = BASE_NM3H + self.plume_nm3h
        self.line_nm3h = [0.0] * 4
        self.line_air = [0.0038, 0.0042, 0.0040, 0.0044]
        self.metered_m3 = [41250.0, 18920.0, 23310.0, 9875.0]

    @staticmethod
    def _in_plume(hour: float) -> bool:
        return any(start <= hour % 24.0 < end for start, end in PLUMES_H)

    def step(self, dt_s: float, hour: float) -> None:
        self._sway += -self._sway * min(1.0, dt_s / 120.0) + 0.0026 * dt_s**0.5 * self._rng.gauss(0.0, 1.0)
        self.plume_nm3h = lag(self.plume_nm3h, PLUME_NM3H if self._in_plume(hour) else 0.0, dt_s, 20.0)
        steady = (BASE_NM3H + self.plume_nm3h) * (1.0 + self._sway)
        self.flow_nm3h = steady + self.surge_nm3h
        leaking = self.leak_fraction
        self.air_fraction = 0.004 if leaking is None else leaking
        for line, share in enumerate(SHARES):
            flow = steady * share + (self.surge_nm3h if line == self.surge_line else 0.0)
            self.line_nm3h[line] = flow
            self.metered_m3[line] += flow * dt_s / 3600.0 * M3_20_PER_NM3

    def line_impurity(self, line: int) -> float:
        """Air mole fraction of one line: the leaking one carries all that came in."""
        if self.leak_fraction is None or line != self.leak_line:
            return self.line_air[line]
        extra = self.leak_fraction - 0.004
        return min(0.9, self.line_air[line] + extra * self.flow_nm3h / max(self.line_nm3h[line], 0.1))
