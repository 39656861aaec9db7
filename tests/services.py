"""What some tests need from the machine, how to see whether it is there, how to install it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

INTEROP = Path(__file__).parent / "interop"


@dataclass(frozen=True, slots=True)
class Service:
    present: bool
    install: str


def services() -> dict[str, Service]:
    """Name of the marker `needs(name)` -> whether it is here, and the line that installs it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    return {
        "node-opcua": Service(
            shutil.which("node") is not None and (INTEROP / "node_modules/node-opcua-client").is_dir(),
            "apt-get install nodejs npm && npm ci --ignore-scripts --prefix tests/interop",
        ),
        "o6": Service(
            find_spec("o6") is not None, "make setup (open62541's client; Linux on x86_64 or aarch64)"
        ),
        "grafana-schema": Service(
            shutil.which("node") is not None and (INTEROP / "node_modules/@grafana/schema").is_dir(),
            "apt-get install nodejs npm && npm ci --ignore-scripts --prefix tests/interop",
        ),
        "systemd-analyze": Service(shutil.which("systemd-analyze") is not None, "apt-get install systemd"),
        "docker-compose": Service(
            shutil.which("docker-compose") is not None,
            "apt-get install --no-install-recommends docker-compose",
        ),
        "mosquitto": Service(
            all(map(shutil.which, ("mosquitto", "mosquitto_passwd"))), "apt-get install mosquitto"
        ),
        "influxd": Service(shutil.which("influxd") is not None, "apt-get install influxdb"),
        "victoria-metrics": Service(
            shutil.which("victoria-metrics") is not None, "apt-get install victoria-metrics"
        ),
        "chromium": Service(chromium is not None, "apt-get install chromium"),
    }
