"""A real mosquitto on a free port, which tests start and kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller.plant.notification import Broker

START_S = 30.0


class Mosquitto:
    """tls: file with key and certificate. user: (name, password) that it asks for."""

    def __init__(self, folder: Path, *, tls: Path | None = None, user: tuple[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as trial:
            trial.bind(("127.0.0.1", 0))
            self.port = int(trial.getsockname()[1])
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        if os.geteuid() == 0:
            lines.append("user root")
        if user is None:
            lines.append("allow_anonymous true")
        else:
            passwords = folder / "passwords"
            passwords.touch(mode=0o600)
            subprocess.run(["mosquitto_passwd", "-b", str(passwords), *user], check=True, capture_output=True)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        if tls is not None:
            lines += [f"certfile {tls}", f"keyfile {tls}"]
        self._config, self._log = folder / "mosquitto.conf", folder / "log"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it listens."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(["mosquitto", "-c", str(self._config)], stdout=log, stderr=log)
        until_s = time.monotonic() + START_S
        while True:
            assert self._process.poll() is None, self._log.read_text()
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert time.monotonic() < until_s, "mosquitto did not listen in time"
            time.sleep(0.02)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    def settings(self, **others: Any) -> Broker:
        return replace(Broker("127.0.0.1", self.port, timeout_s=2.0), **others)
