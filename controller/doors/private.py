"""Files that are the service's own and nobody else's: users, keys, certificates.

Written whole or not at all. What root writes belongs to whom the folder belongs to: an administrator's
`sudo heloop users add` must leave the service able to read its users.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """With its permissions and owner from the first byte; on the disk when it returns. Raises OSError."""
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            os.fchmod(file.fileno(), mode)
            _give(file.fileno(), path.parent)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(draft).replace(path)
    except OSError:
        Path(draft).unlink(missing_ok=True)
        raise


def make_folder(path: Path) -> None:
    """For the owner alone; those above it too when they are not there. Raises OSError."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
        number = os.open(one, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            _give(number, one.parent)
        finally:
            os.close(number)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time holds this lock file. Raises OSError."""
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _give(number, path.parent)
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _give(number: int, folder: Path) -> None:
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(number, owner.st_uid, owner.st_gid)
