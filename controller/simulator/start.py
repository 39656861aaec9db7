"""How the plant stands when it starts. The default is an ordinary Monday morning."""

from __future__ import annotations

from dataclasses import dataclass, fields

from controller.simulator.plc_logic import states as s


@dataclass(frozen=True, slots=True)
class StartState:
    """Monday 10:00 JST, bag 53 %, C-301 loaded, banks 80 and 100 barg, purifier purifying, liquefying.

    hour: 0..167 within the week, Monday 0:00 = 0, JST. Temperatures in kelvin, levels in per cent.
    """

    hour: float = 10.0
    bag: float = 53.0
    c301: int = s.UNDER_LOAD
    bank_a_barg: float = 80.0
    bank_b_barg: float = 100.0
    theta: float = 0.3
    purifier: int = s.PURIFY
    cold_mode: int = s.LIQUEFY
    warm_k: float = 80.0
    cold_k: float = 6.5
    buffer_bara: float = 8.0
    dewar: float = 50.0
    nitrogen: float = 60.0
    coalescer_2_bar: float = 0.1

    def differences(self, other: StartState) -> list[str]:
        """In words: what the two would start differently."""
        return [
            f"{field.name} {getattr(self, field.name):g} or {getattr(other, field.name):g}"
            for field in fields(self)
            if getattr(self, field.name) != getattr(other, field.name)
        ]


DEFAULT = StartState()
