"""A real influxd 1.6.7 on a free port with a folder of its own, which tests start and kill."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from controller.plant.sinks import Influx
from tests.daemon import Daemon, free_port

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


class Influxd(Daemon):
    """A server of its own."""

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        config = folder / "influxdb.conf"
        super().__init__(["influxd", "-config", str(config)], folder / "log")
        folder.mkdir(parents=True, exist_ok=True)
        text = CONFIG.format(folder=folder, port=self.port, rpc=free_port(), auth=str(auth).lower())
        config.write_text(text)

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
        series: list[dict[str, Any]] = result.get("series", [])
        return series

    def values(self, query: str, database: str = "test") -> list[list[Any]]:
        series = self.query(query, database)
        return series[0]["values"] if series else []

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=1) as answer:
                return bool(answer.status == 204)
        except OSError:
            return False
