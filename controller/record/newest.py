"""The newest row of each tag, found again at the start, so that times go on rising where they ended."""

from __future__ import annotations

from typing import Final

import numpy as np

from controller.record.reader import BLOCKS, Reader
from controller.record.samples import Samples, TextSample

LOOK_BLOCKS: Final = 3_000  # five minutes at the most there are in a second; read in a fraction of one


def newest_rows(reader: Reader, look_blocks: int = LOOK_BLOCKS) -> Samples:
    """One row of each tag that has one in the last blocks, by the journal's numbers. Raises RecordError."""
    size = max(reader.tags(), default=0) + 1
    seen = np.zeros(size, bool)
    values, status, time_ns = np.zeros(size, np.float64), np.zeros(size, np.uint32), np.zeros(size, np.int64)
    texts: dict[int, TextSample] = {}
    after = max(0, reader.last_block() - look_blocks)
    while blocks := reader.blocks(after, BLOCKS):
        after = blocks[-1].id
        for rows in (block.samples for block in blocks):
            seen[rows.tags] = True  # of one tag the last row stays
            values[rows.tags], status[rows.tags] = rows.values, rows.status
            time_ns[rows.tags] = rows.time_ns
            texts.update({text.tag: text for text in rows.texts})
    tags = np.flatnonzero(seen)
    none = np.zeros(len(tags), np.int64)
    return Samples(
        tags.astype(np.uint32),
        values[tags],
        status[tags],
        time_ns[tags],
        none.astype(np.uint8),
        none,
        tuple(texts.values()),
    )
