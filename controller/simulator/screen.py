"""What a link would see of one simulated PLC: each reading as the PLC's raw number tells it, if it differs.

Vectorised `to_raw` and `from_raw` (plant/scaling.py) over all tags of a PLC; a world asks twice a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from alarms.signal import BAD_SENSOR_FAILURE
from controller.core.inputs import Batch
from controller.plant.plant import Plant
from controller.plant.scaling import SENTINEL_TOLERANCE, factors, raw_bounds, to_raw
from controller.plant.tags import NodeSource, Raw, Tag

Row = tuple[int, float | str, int]
Floats = NDArray[np.float64]


class Screen:
    """rows: a first reading of the PLC; every later one has the same tags in the same order."""

    def __init__(self, plant: Plant, plc: int, rows: Sequence[Row]) -> None:
        self._plc = plc
        numbers = [place for place, row in enumerate(rows) if not isinstance(row[1], str)]
        self._texts = [place for place, row in enumerate(rows) if isinstance(row[1], str)]
        self._numbers = itemgetter(*numbers)
        self._tags = [plant.tags[rows[place][0]] for place in numbers]
        self._index = np.array([tag.index for tag in self._tags], np.int32)
        sources = [_source(tag) for tag in self._tags]
        self._scale = np.array([source.scale for source in sources])
        self._times, self._per, self._offset = np.array([factors(source) for source in sources]).T
        bounds = [raw_bounds(source.raw, source.words) for source in sources]
        self._whole = np.array([one is not None for one in bounds])
        self._low = np.array([-np.inf if one is None else one[0] for one in bounds])
        self._high = np.array([np.inf if one is None else one[1] for one in bounds])
        self._flag = np.array([source.raw is Raw.BOOLEAN or source.bit is not None for source in sources])
        width = max((len(source.sentinels) for source in sources), default=0)
        self._sentinels = np.full((width, len(sources)), np.nan)
        for column, source in enumerate(sources):
            self._sentinels[: len(source.sentinels), column] = source.sentinels
        self.forget()

    def forget(self) -> None:
        """A new session: everything is news."""
        self._shown_value = np.full(len(self._tags), np.nan)
        self._shown_code = np.full(len(self._tags), 0xFFFFFFFF, np.uint32)
        self._shown_texts: dict[int, tuple[str, int]] = {}

    def news(self, rows: Sequence[Row], source_ns: int) -> Batch | None:
        """What changed since it was last asked, as one notification."""
        _, values, codes = zip(*rows, strict=True)
        value, code = self._seen(np.array(self._numbers(values)), np.array(self._numbers(codes), np.uint32))
        same = (value == self._shown_value) | (np.isnan(value) & np.isnan(self._shown_value))
        places = np.flatnonzero(~same | (code != self._shown_code))
        texts = tuple(self._text_news(rows, source_ns)) if self._texts else ()
        if not len(places) and not texts:
            return None
        self._shown_value, self._shown_code = value, code
        times = np.full(len(places), source_ns, np.int64)
        return Batch(self._plc, self._index[places], value[places], code[places], times, texts)

    def _seen(self, values: Floats, codes: NDArray[np.uint32]) -> tuple[Floats, NDArray[np.uint32]]:
        """Through the PLC's integer and scale: the core never sees more than that."""
        raw = (values - self._offset) / self._scale
        beyond = (raw < self._low - 0.5) | (raw > self._high + 0.5)
        if beyond.any():
            place = int(np.flatnonzero(beyond)[0])
            to_raw(self._tags[place], float(values[place]))  # raises, and says what does not fit
        raw = np.where(self._whole, np.clip(np.rint(raw), self._low, self._high), raw)
        back = np.where(self._flag, values != 0.0, raw * self._times / self._per + self._offset)
        broken = ~np.isfinite(values)
        for sentinel in self._sentinels:
            largest = np.maximum(np.abs(raw), np.abs(sentinel))
            broken |= np.abs(raw - sentinel) <= SENTINEL_TOLERANCE * largest
        if broken.any():
            back[broken] = np.nan
            codes = np.where(broken & (codes == 0), np.uint32(BAD_SENSOR_FAILURE), codes)
        return back, codes

    def _text_news(self, rows: Sequence[Row], source_ns: int) -> list[tuple[int, str, int, int]]:
        found = []
        for place in self._texts:
            tag, text, code = rows[place]
            if self._shown_texts.get(tag) != (text, code):
                self._shown_texts[tag] = str(text), code
                found.append((tag, str(text), code, source_ns))
        return found


def _source(tag: Tag) -> NodeSource:
    assert isinstance(tag.source, NodeSource), f"{tag.name} is computed by the service"
    return tag.source
