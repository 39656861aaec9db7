"""All instruments of one PLC, sampled together, and what can be done to them (stick, freeze, spoil)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from alarms.signal import GOOD, UNCERTAIN_LAST_USABLE
from controller.simulator.instruments.channel import Channel, Getter, Spec

CALIBRATION_H: Final = 5.0 / 60.0
NOISE_EVERY_S: Final = 1.0


class Panel:
    """pv: measured values by tag name. status: only what is not Good. digital: tags without any error."""

    def __init__(
        self, specs: Iterable[Spec], digital: Iterable[tuple[str, Getter]], rng: np.random.Generator
    ) -> None:
        listed = list(specs)
        errors = np.clip(rng.standard_normal(len(listed)), -2.0, 2.0).tolist()
        self.channels = [Channel(spec, error) for spec, error in zip(listed, errors, strict=True)]
        self.digital = list(digital)
        self.pv: dict[str, float] = {}
        self.status: dict[str, int] = {}
        self._rng = rng
        self._plain = [channel for channel in self.channels if channel.delayed is None]
        self._slow = [channel for channel in self.channels if channel.delayed is not None]
        ordered = self._plain + self._slow
        self._names = [channel.name for channel in ordered]
        self._reads = [channel.read for channel in self._plain]
        self._delayed = [(channel.read, channel.delayed.step) for channel in self._slow if channel.delayed]
        self._gain = np.array([channel.gain for channel in ordered])
        self._bias = np.array([channel.bias for channel in ordered])
        self._sigma = np.array([channel.noise for channel in ordered])
        self._sigma_rel = np.array([channel.noise_rel for channel in ordered])
        self._low = np.array([channel.low for channel in ordered], float)
        self._high = np.array([channel.high for channel in ordered], float)
        self._calibrated = [
            (spec.name, spec.calibrated_h) for spec in listed if spec.calibrated_h is not None
        ]
        self._calibrating: set[str] = set()
        self._stuck: dict[str, float] = {}
        self._spoiled: dict[str, int] = {}
        self._offset: dict[str, float] = {}
        self._spikes: dict[str, tuple[float, float]] = {}
        self._noise = np.zeros(len(ordered))
        self._noise_age_s = NOISE_EVERY_S
        self.sample(0.0, 12.0)

    def names(self) -> set[str]:
        return {channel.name for channel in self.channels} | {name for name, _ in self.digital}

    def channel(self, name: str) -> Channel:
        return next(channel for channel in self.channels if channel.name == name)

    def sample(self, dt_s: float, hour: float) -> None:
        """Read everything once. hour: time of day, for the calibrations."""
        self._noise_age_s += dt_s
        if self._noise_age_s >= NOISE_EVERY_S - 1e-9:
            self._noise_age_s = 0.0
            self._noise = self._rng.standard_normal(len(self.channels))
        true = [read() for read in self._reads]
        true += [step(read(), dt_s) for read, step in self._delayed]
        exact = np.array(true)
        values = (
            exact * self._gain + self._bias + self._noise * (self._sigma + self._sigma_rel * np.abs(exact))
        )
        np.maximum(values, self._low, out=values)
        np.minimum(values, self._high, out=values)
        pv = self.pv
        pv.update(zip(self._names, values.tolist(), strict=True))
        for name, read in self.digital:
            pv[name] = read()
        self._spoil(dt_s, hour)

    def _spoil(self, dt_s: float, hour: float) -> None:
        pv = self.pv
        for name, offset in self._offset.items():
            pv[name] += offset
        for name, (height, left_s) in list(self._spikes.items()):
            pv[name] += height
            if left_s <= dt_s:
                del self._spikes[name]
            else:
                self._spikes[name] = height, left_s - dt_s
        for name, at_h in self._calibrated:
            self._calibrate(name, 0.0 <= hour - at_h < CALIBRATION_H)
        if self._stuck:
            pv.update(self._stuck)

    def _calibrate(self, name: str, busy: bool) -> None:
        """While it is being calibrated an analyser shows its last value and says so."""
        if busy and name not in self._calibrating:
            self._calibrating.add(name)
            self._stuck.setdefault(name, self.pv[name])
            self.status[name] = UNCERTAIN_LAST_USABLE
        elif not busy and name in self._calibrating:
            self._calibrating.discard(name)
            self._stuck.pop(name, None)
            self._restore(name)

    def _restore(self, name: str) -> None:
        if name in self._spoiled:
            self.status[name] = self._spoiled[name]
        else:
            self.status.pop(name, None)

    def stick(self, name: str, value: float | None = None) -> None:
        """The instrument stays at a value (None: where it is) and says Good."""
        self._stuck[name] = self.pv[name] if value is None else value

    def free(self, name: str) -> None:
        """Take stick, spike, offset and status off again."""
        for kept in (self._stuck, self._offset, self._spikes, self._spoiled):
            kept.pop(name, None)
        self.status.pop(name, None)

    def shift(self, name: str, offset: float) -> None:
        """A scale error: everything reads too high by `offset`."""
        self._offset[name] = offset

    def spike(self, name: str, height: float, for_s: float) -> None:
        self._spikes[name] = height, for_s

    def spoil(self, name: str, status: int) -> None:
        """Send the value with a StatusCode that is not Good."""
        if status == GOOD:
            self.free(name)
        else:
            self._spoiled[name] = status
            self.status[name] = status


def flag(read: Callable[[], bool]) -> Getter:
    """A contact: 1 when the truth is true."""
    return lambda: 1.0 if read() else 0.0
