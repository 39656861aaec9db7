"""PLC S, the MRI-site skid: I-01, I-02, I-03, I-04, I-25 and the booster K-109."""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import p35_mpag
from controller.simulator.plc_logic import states as s
from controller.simulator.plc_logic.command import REFUSED_MODE
from controller.simulator.plc_logic.compressor import CompressorLogic
from controller.simulator.plc_logic.controller import Hardwired, PlcCore
from controller.simulator.plc_logic.trip import OnDelay

PACK_FULL_MPAG: Final = 14.1
START_LEVEL: Final = 40.0
STOP_LEVEL: Final = 10.0


class SkidPlc(PlcCore):
    """collect, bypass, pack_fill: what XV-111, XV-112 and XV-119 are told (1 = open)."""

    def __init__(self, wires: Hardwired, *, booster_state: int) -> None:
        super().__init__("S", wires)
        self.booster = CompressorLogic(self.machine("K-109", s.COMPRESSOR, booster_state), auto=True)
        self.high = self.trip("I-01", latched=False)
        self.low = self.trip("I-02 line", latched=False)
        self.bag_full = self.trip("I-02 bag full", latched=False)
        self.bag_empty = self.trip("I-02 bag empty", latched=False)
        self.cold = self.trip("I-03", latched=True)
        self.pack = self.trip("I-04", latched=True)
        self.impure = self.trip("I-08 skid", latched=False)
        self.receiver = self.trip("I-23 skid", latched=False)
        self.oxygen = self.trip("I-25 skid", latched=False)
        self.evacuate = self.trip("I-25 skid evacuate", latched=True)
        self._pack_done = False
        names = (
            "high",
            "low",
            "full",
            "empty",
            "cold",
            "pack",
            "hot",
            "he",
            "level",
            "pressure",
            "o2",
            "o2 low",
        )
        self._delay = {name: OnDelay() for name in names}
        self.port("K-109.CMD", ("start", "stop"), toggle=True)

    @property
    def collect(self) -> bool:
        return not (self.low.tripped or self.bag_full.tripped or self.cold.tripped)

    @property
    def bypass(self) -> bool:
        return self.high.tripped or self.bag_full.tripped or self.cold.tripped

    @property
    def pack_fill(self) -> bool:
        return not self.pack.tripped

    def scan(self, pv: dict[str, float], dt_s: float, wall_s: float) -> None:
        self.tick(dt_s, wall_s)
        self._line(pv, dt_s)
        self._site(pv, dt_s)
        p35 = p35_mpag(max(pv["PT-107"], 0.0), pv["TT-108"])
        self._pack_done = p35 >= (13.9 if self._pack_done else PACK_FULL_MPAG)
        self._pack_trip(pv, p35, dt_s)
        blocked = self._pack_done or any(
            row.tripped
            for row in (self.high, self.low, self.bag_full, self.bag_empty, self.pack, self.evacuate)
        )
        port = self.ports["K-109.CMD"]
        word = port.poll(self.watchdog)
        if word is not None:
            port.answer(self._toggle(blocked))
        if blocked:
            self.booster.stop()
        level = pv["LT-106"]
        self.booster.scan(
            self.now_s, dt_s, blocked=blocked, wanted=level > START_LEVEL, enough=level < STOP_LEVEL
        )
        self._publish()

    def _toggle(self, blocked: bool) -> int:
        """Every new sequence number turns the booster over, whatever the word says."""
        booster = self.booster
        if not booster.obeys_remote:
            return REFUSED_MODE
        if booster.running or booster.auto:
            return booster.command("stop", blocked)
        return booster.command("start", blocked)

    def _line(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay, line = self.now_s, self._delay, pv["PT-101"]
        self.high.judge(now_s, ("PT-101>70", delay["high"](line > 70.0, 3.0, dt_s)))
        self.high.clear_when(line < 30.0, 60.0, now_s, dt_s)
        self.low.judge(now_s, ("PT-101<2", delay["low"](line < 2.0, 3.0, dt_s)))
        self.low.clear_when(line > 5.0, 60.0, now_s, dt_s)
        level = pv["LT-106"]
        self.bag_full.judge(now_s, ("LT-106>95", delay["full"](level > 95.0, 3.0, dt_s)))
        self.bag_full.clear_when(level < 90.0, 60.0, now_s, dt_s)
        self.bag_empty.judge(now_s, ("LT-106<5", delay["empty"](level < 5.0, 3.0, dt_s)))
        self.bag_empty.clear_when(level > 10.0, 60.0, now_s, dt_s)
        self.cold.judge(now_s, ("TT-102<-40", delay["cold"](pv["TT-102"] < -40.0, 10.0, dt_s)))
        if self.cold.clear_when(pv["TT-102"] > 5.0, 0.0, now_s, dt_s) and self.button:
            self.cold.reset(now_s)

    def _pack_trip(self, pv: dict[str, float], p35: float, dt_s: float) -> None:
        full = self._delay["pack"](p35 >= 14.7, 1.0, dt_s)
        hot = self._delay["hot"](pv["TT-108"] >= 40.0, 60.0, dt_s)
        self.pack.judge(self.now_s, ("P35-107>=14.7", full), ("TT-108>=40", hot))
        if self.pack.clear_when(p35 < 13.9 and pv["TT-108"] < 38.0, 0.0, self.now_s, dt_s) and self.button:
            self.pack.reset(self.now_s)

    def _site(self, pv: dict[str, float], dt_s: float) -> None:
        now_s, delay, o2 = self.now_s, self._delay, pv["AT-113"]
        self.impure.judge(now_s, ("AT-104<95", delay["he"](pv["AT-104"] < 95.0, 60.0, dt_s)))
        self.impure.clear_when(pv["AT-104"] > 96.0, 60.0, now_s, dt_s)
        self.receiver.judge(
            now_s,
            ("LT-115>95", delay["level"](pv["LT-115"] > 95.0, 30.0, dt_s)),
            ("PT-116>250", delay["pressure"](pv["PT-116"] > 250.0, 10.0, dt_s)),
        )
        self.receiver.clear_when(pv["LT-115"] < 90.0 and pv["PT-116"] < 200.0, 0.0, now_s, dt_s)
        self.oxygen.judge(now_s, ("AT-113<19.5", delay["o2"](o2 < 19.5, 3.0, dt_s)))
        self.oxygen.clear_when(o2 > 20.0, 60.0, now_s, dt_s)
        self.evacuate.judge(now_s, ("AT-113<18", delay["o2 low"](o2 < 18.0, 3.0, dt_s)))
        if self.evacuate.clear_when(o2 > 19.5, 0.0, now_s, dt_s) and self.button:
            self.evacuate.reset(now_s)

    def _publish(self) -> None:
        out = self.out
        out["XS-109"] = float(self.booster.state)
        out["XA-110"] = 1.0 if self.booster.state == s.ERROR else 0.0
        lamp = self.cold.tripped or self.impure.tripped or self.receiver.tripped
        out["XA-120"] = 1.0 if lamp else 0.0
        out["XA-122"] = 1.0 if self.oxygen.tripped or self.evacuate.tripped else 0.0
