"""PLC R, high-pressure storage: which bank is filled, which is emptied, I-10 (full) and I-12 (oil, water).

Bank A is good gas; B takes what is diverted. A bank is full at p35 = 14.1 MPa(G). The feed changes over
below 20 barg when the other bank has more than 40, below 15 barg to whichever has more.
"""

from __future__ import annotations

from typing import Final

from controller.simulator.physics.gas import p35_mpag
from controller.simulator.plc_logic.command import ACCEPTED, REFUSED_INTERLOCK
from controller.simulator.plc_logic.controller import PlcCore
from controller.simulator.plc_logic.trip import OnDelay

FULL_MPAG: Final = 14.1
ROOM_MPAG: Final = 13.6
SWAP_BELOW_BARG: Final = 20.0
SWAP_ABOVE_BARG: Final = 40.0
LAST_GAS_BARG: Final = 15.0
BANKS: Final = ("A", "B")


class BankValves:
    """fill, feed: the letter of the bank in use, None = both shut. stop_wanted: nowhere to put gas."""

    def __init__(self, plc: PlcCore, *, fill: str = "A", feed: str = "B") -> None:
        self._plc = plc
        self.high = plc.trip("I-10", latched=True)
        self.dirty = plc.trip("I-12", latched=False)
        self.preferred_fill = fill
        self.fill: str | None = fill
        self.feed: str | None = feed
        self.swapped = False
        self._shut = dict.fromkeys(("XV-411A", "XV-411B", "XV-412A", "XV-412B"), False)
        self._full = {"A": False, "B": False}
        self._high = OnDelay()
        self._oil = OnDelay()
        self._water = OnDelay()

    @property
    def full(self) -> bool:
        """Nowhere to fill."""
        return self.fill is None

    def command(self, valve: str, word: str, good_gas: bool) -> int:
        """XV-411x/412x.CMD. good_gas: the return is not diverted, so bank A may be filled."""
        if word == "shut":
            self._shut[valve] = True
            return ACCEPTED
        bank = valve[-1]
        if valve.startswith("XV-411"):
            if self._full[bank] or (bank == "A" and (not good_gas or self.dirty.tripped)):
                return REFUSED_INTERLOCK
            self.preferred_fill = bank
        else:
            self.feed = bank
        self._shut[valve] = False
        return ACCEPTED

    def scan(self, pv: dict[str, float], dt_s: float, *, good_gas: bool) -> None:
        self._trips(pv, dt_s)
        for bank in BANKS:
            p35 = p35_mpag(max(pv[f"PT-401{bank}"], 0.0), pv[f"TT-402{bank}"])
            self._full[bank] = p35 >= (ROOM_MPAG if self._full[bank] else FULL_MPAG)
        self._choose_fill(good_gas and not self.dirty.tripped)
        self._choose_feed(pv)

    def _trips(self, pv: dict[str, float], dt_s: float) -> None:
        now_s = self._plc.now_s
        high = self._high(pv["PT-316"] > 152.0, 1.0, dt_s)
        self.high.judge(now_s, ("PT-316>152", high))
        self.high.clear_when(pv["PT-316"] < 148.0, 0.0, now_s, dt_s)
        oil = self._oil(pv["AT-335"] > 1.0, 600.0, dt_s)
        water = self._water(pv["AT-334"] > 50.0, 600.0, dt_s)
        self.dirty.judge(now_s, ("AT-335>1", oil), ("AT-334>50", water))
        clean = pv["AT-335"] < 0.3 and pv["AT-334"] < 20.0
        self.dirty.clear_when(clean, 600.0, now_s, dt_s)

    def _choose_fill(self, good_gas: bool) -> None:
        usable = [
            bank
            for bank in BANKS
            if not self._shut[f"XV-411{bank}"] and not self._full[bank] and (bank == "B" or good_gas)
        ]
        before = self.fill
        if self.preferred_fill in usable:
            self.fill = self.preferred_fill
        else:
            self.fill = usable[0] if usable else None
        self.swapped = before is not None and self.fill is not None and before != self.fill

    def _choose_feed(self, pv: dict[str, float]) -> None:
        usable = [bank for bank in BANKS if not self._shut[f"XV-412{bank}"]]
        if self.feed not in usable:
            self.feed = None  # shut by command: the other bank does not take over by itself
        if self.feed is None or len(usable) < 2:
            return
        other = "B" if self.feed == "A" else "A"
        here, there = pv[f"PT-401{self.feed}"], pv[f"PT-401{other}"]
        last_gas = here < LAST_GAS_BARG and there > here + 3.0
        if last_gas or (here < SWAP_BELOW_BARG and there > SWAP_ABOVE_BARG):
            self.feed = other
