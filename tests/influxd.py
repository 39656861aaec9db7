"""A real influxd 1.6.7 on a free port with a folder of its own, which tests start and kill."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from controller.plant.sinks import Influx

START_S = 30.0
CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "inmem"
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
  auth-enabled = {auth}
[monitor]
  store-enabled = false
[continuous_queries]
  run-interval = "1s"
  log-enabled = false
[subscriber]
  enabled = false
"""


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


class Influxd:
    """A server of its own; `kill` is -9, `start` goes on with the same folder and port."""

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "influxdb.conf"
        folder.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(folder=folder, port=self.port, rpc=free_port(), auth=str(auth).lower())
        self._config.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it answers."""
        command = ["influxd", "-config", str(self._config)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until_s = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < until_s, "influxd did not answer in time"
            time.sleep(0.02)

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self._process is not None:
            os.kill(self._process.pid, number)
            self._process.wait()
            self._process = None

    def settings(self, **others: Any) -> Influx:
        return Influx(**{"url": self.url, "database": "test", "timeout_s": 5.0, **others})

    def query(self, query: str, database: str = "test", **others: str) -> list[dict[str, Any]]:
        """The series of the first statement; raises AssertionError with the server's error."""
        asks = urllib.parse.urlencode({"db": database, "epoch": "ns", "q": query, **others})
        try:
            with urllib.request.urlopen(f"{self.url}/query", data=asks.encode(), timeout=30) as answer:
                document = json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        result = document["results"][0]
        assert "error" not in result, result
        return result.get("series", [])

    def values(self, query: str, database: str = "test") -> list[list[Any]]:
        series = self.query(query, database)
        return series[0]["values"] if series else []

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                return bool(answer.status == 204)
        except OSError:
            return False
