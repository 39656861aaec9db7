"""A real mosquitto on a free port, which tests start and kill."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from controller.plant.notification import Broker
from tests.daemon import Daemon, free_port


class Mosquitto(Daemon):
    """tls: file with key and certificate. user: (name, password) that it asks for."""

    def __init__(self, folder: Path, *, tls: Path | None = None, user: tuple[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        config = folder / "mosquitto.conf"
        super().__init__(["mosquitto", "-c", str(config)], folder / "log")
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
        config.write_text("\n".join(lines) + "\n")

    def answers(self) -> bool:
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", self.port)) == 0

    def settings(self, **others: Any) -> Broker:
        return replace(Broker("127.0.0.1", self.port, timeout_s=2.0), **others)
