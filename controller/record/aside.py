"""Moving a damaged journal out of the way, only when a person asks for it."""

from __future__ import annotations

import os
from pathlib import Path

from controller.record import tables
from controller.record.errors import Missing
from controller.record.lock import DirectoryLock


def set_aside(directory: Path) -> list[Path]:
    """Renames `journal.db` and its log; the next start makes a new journal, with a new id and number 1.

    Nothing is deleted. The new names are returned. Raises InUse while a service writes there.
    """
    files = [directory / (tables.FILE + ending) for ending in ("", "-wal", "-shm")]
    if not files[0].exists():
        raise Missing(f"there is no {tables.FILE} in {directory}")
    lock = DirectoryLock(directory, tables.LOCK, "heloop journal set-aside")
    try:
        number = 1
        while (directory / f"{tables.FILE}.aside-{number}").exists():
            number += 1
        moved: list[Path] = []
        for file in files[::-1]:  # the file itself last: a half-done move is seen and can be done again
            if file.exists():
                target = directory / file.name.replace(tables.FILE, f"{tables.FILE}.aside-{number}")
                file.rename(target)
                moved.append(target)
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(handle)
        os.close(handle)
        return moved[::-1]
    finally:
        lock.release()
