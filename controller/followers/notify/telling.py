"""Receipts and troubles on their way into the journal: from the database to the core, in order, for ever.

A record leaves the database when the core has it. A kill in between gives it twice, with the same
`record` number in its data.
"""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Final

from controller.followers.core_socket import CoreAway, CoreSocket
from controller.followers.notify.place import LOST, NotifyPlace

LOOK_S: Final = 0.3
AWAY_S: Final = 2.0
AT_ONCE: Final = 50


class Telling:
    """place: where records wait."""

    def __init__(self, place: NotifyPlace, core: CoreSocket) -> None:
        self._place, self._core = place, core

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            heard = await self.tell()
            await asyncio.sleep(LOOK_S if heard else AWAY_S)

    async def tell(self) -> bool:
        """What waits; False when the core does not answer, or the disk is full: then some are told twice."""
        try:
            return await self._tell()
        except sqlite3.Error:
            return False

    async def _tell(self) -> bool:
        while waiting := self._place.records(AT_ONCE):
            told = 0
            try:
                for one in waiting:
                    data = {**one.data, "record": one.number}
                    await self._core.record(one.kind, one.source, one.text, data)
                    told = one.number
            except CoreAway:
                return False
            finally:
                if told:
                    with self._place.turn():
                        self._place.told(told)
        return await self._tell_of_lost()

    async def _tell_of_lost(self) -> bool:
        """How many found no room while the core was away."""
        lost = int(self._place.note(LOST) or 0)
        if not lost:
            return True
        text = f"{lost} records of notification found no room while the core was away; people were told"
        try:
            await self._core.record("notify.records_lost", "notify", text, {"records": lost})
        except CoreAway:
            return False
        with self._place.turn():
            self._place.keep_note(LOST, "")
        return True
