"""Where a running service keeps what must not outlive a reboot, and how others find it.

The runtime directory is a tmpfs: the two sockets, the intent ring and `service.json` (what runs,
with which data directory). One directory per data directory, so several plants share a machine.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SERVICE_FILE: Final = "service.json"
SOCKET_PATH_MAX: Final = 107  # bytes, unix(7)


class NotFound(Exception):
    """No running service, or more than one; the text says what to give."""


class Unusable(Exception):
    """The runtime directory cannot be made or trusted; the text says what would help."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """The runtime directory of one data directory."""

    directory: Path

    @property
    def feed(self) -> Path:
        return self.directory / "feed.sock"

    @property
    def commands(self) -> Path:
        return self.directory / "commands.sock"

    @property
    def intents(self) -> Path:
        return self.directory / "intents.ring"

    def announce(self, plant: str, data: Path, folder: str = "") -> None:
        """folder: where the plant's files are."""
        about = {"plant": plant, "data": str(data), "folder": folder, "pid": os.getpid()}
        target = self.directory / SERVICE_FILE
        draft = target.with_suffix(".new")
        draft.write_text(json.dumps(about))
        draft.replace(target)

    def withdraw(self) -> None:
        (self.directory / SERVICE_FILE).unlink(missing_ok=True)

    def about(self) -> dict[str, Any] | None:
        """What runs here, or None when nothing does (a killed service leaves its file behind)."""
        try:
            about: dict[str, Any] = json.loads((self.directory / SERVICE_FILE).read_text())
        except (OSError, ValueError):
            return None
        return about if _lives(int(about["pid"])) else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # under another account, as for an operator of the group; its door decides what we may
    except ProcessLookupError:
        return False
    return True


def root() -> Path:
    """HELOOP_RUNTIME, systemd's RUNTIME_DIRECTORY, XDG_RUNTIME_DIR, or shared memory."""
    for name in ("HELOOP_RUNTIME", "RUNTIME_DIRECTORY"):
        if value := os.environ.get(name):
            return Path(value)
    if value := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(value) / "heloop"
    return Path("/dev/shm") / f"heloop-{os.getuid()}"  # noqa: S108 - a tmpfs on every Linux; 0700 below


def of(data: Path) -> Runtime:
    """The runtime directory that belongs to a data directory; not created."""
    name = hashlib.sha256(str(data.resolve()).encode()).hexdigest()[:16]
    return Runtime(root() / name)


def create(data: Path) -> Runtime:
    """The runtime directory, made if need be. Raises Unusable."""
    runtime = of(data)
    hint = "; name another by HELOOP_RUNTIME"
    if len(os.fsencode(runtime.commands.absolute())) > SOCKET_PATH_MAX:
        raise Unusable(f"the runtime directory {runtime.directory} is too long for a socket's name{hint}")
    try:
        for directory in (runtime.directory.parent, runtime.directory):
            directory.mkdir(mode=0o711, parents=True, exist_ok=True)
            if directory.stat().st_uid not in {0, os.getuid()}:
                raise Unusable(f"the runtime directory {directory} belongs to another account{hint}")
    except OSError as error:
        raise Unusable(f"the runtime directory {runtime.directory} cannot be used: {error}{hint}") from error
    return runtime


def running() -> list[Runtime]:
    """Every service that runs on this machine and that this account can see."""
    if not root().is_dir():
        return []
    found = (Runtime(path) for path in sorted(root().iterdir()) if path.is_dir())
    return [runtime for runtime in found if runtime.about() is not None]


def locate(data: Path | None) -> Runtime:
    """The service with this data directory, or the only one that runs here. Raises NotFound."""
    if data is not None:
        runtime = of(data)
        if runtime.about() is None:
            raise NotFound(f"no service runs with the data directory {data}")
        return runtime
    found = running()
    if not found:
        raise NotFound("no service runs on this machine: start one with `heloop run PLANT` or `heloop demo`")
    if len(found) > 1:
        choices = ", ".join(f"--data {(runtime.about() or {}).get('data')}" for runtime in found)
        raise NotFound(f"more than one service runs here; say which: {choices}")
    return found[0]
