"""One writer per directory, held by the kernel: a killed process leaves no lock behind."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from controller.record.errors import InUse


class DirectoryLock:
    """An flock on `DIRECTORY/NAME`; the file says who holds it."""

    def __init__(self, directory: Path, name: str, purpose: str) -> None:
        self.path = directory / name
        self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._file, 200, 0).decode("utf-8", "replace").strip() or "another process"
            os.close(self._file)
            raise InUse(
                f"{directory} is in use by {holder}. Only one process may write there: "
                "stop the other one first, or give this one a directory of its own (--data DIR)"
            ) from error
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{purpose}, process {os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Idempotent. The file stays: removing it would let two processes lock two different files."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def is_locked(directory: Path, name: str) -> bool:
    """Whether some process holds the lock right now."""
    try:
        file = os.open(directory / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
