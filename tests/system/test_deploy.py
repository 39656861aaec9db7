"""What is shipped for a server: units that systemd accepts and rates, a compose file that can be used."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
EXPOSED_AT_MOST = 2.0  # of 10; systemd calls up to 4 'OK'


def compose() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    return found


# --- systemd ---------------------------------------------------------------------------------------


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_every_line_of_the_unit(unit: Path) -> None:
    command = ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    own = [line for line in done.stderr.splitlines() if unit.name in line or "Unknown" in line]
    # heloop is not installed under /opt on the machine that tests.
    assert not [line for line in own if "not executable" not in line and "No such file" not in line], own


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_rates_the_unit_as_hardly_exposed(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    (rating,) = re.findall(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert float(rating) <= EXPOSED_AT_MOST


def test_only_the_core_is_watched_and_nothing_else_can_take_it_along() -> None:
    texts = {unit.name: unit.read_text(encoding="utf-8") for unit in UNITS}
    assert "WatchdogSec=" in texts["heloop-core@.service"]
    assert not re.search(r"(Requires|BindsTo|PartOf)=", texts["heloop-core@.service"])
    for name, text in texts.items():
        assert "RuntimeDirectoryPreserve=yes" in text, f"{name} would take the intent ring along"
        assert "PrivateUsers=yes" not in text, f"{name}: the command socket could not tell accounts apart"


# --- compose ---------------------------------------------------------------------------------------


def test_every_image_is_pinned_to_one_version() -> None:
    for name, service in compose()["services"].items():
        if "build" not in service:
            assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+", service["image"]), (name, service["image"])


def test_every_file_that_is_mounted_is_there() -> None:
    for name, service in compose()["services"].items():
        for volume in service.get("volumes", []):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), (name, source)
    build = compose()["services"]["heloop"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_nothing_listens_beyond_this_machine_unless_asked_to() -> None:
    for name, service in compose()["services"].items():
        for port in service.get("ports", []):
            assert port.startswith(("127.0.0.1:", "${OPCUA_ADDRESS:-127.0.0.1}:")), (name, port)


def test_no_secret_stands_in_the_file() -> None:
    for name, service in compose()["services"].items():
        for key, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", key):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), (name, key)
    for line in (DEPLOY / "example.env").read_text(encoding="utf-8").splitlines():
        if re.search(r"(PASSWORD|TOKEN)=", line):
            assert line.endswith("="), "the example has no password that somebody could leave in"


def test_every_variable_of_the_file_is_in_the_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    example = (DEPLOY / "example.env").read_text(encoding="utf-8")
    for name in re.findall(r"\$\{(\w+)", text):
        assert re.search(rf"^#?{name}=", example, re.MULTILINE), name


@pytest.mark.needs("docker-compose")
def test_compose_itself_accepts_the_file(tmp_path: Path) -> None:
    """Debian's docker-compose is an old one, which knows everything in it but the project's name."""
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8").replace("name: heloop\n", "", 1)
    (tmp_path / "compose.yaml").write_text(text)
    values = (DEPLOY / "example.env").read_text(encoding="utf-8")
    (tmp_path / ".env").write_text(re.sub(r"^(\w+(?:PASSWORD|TOKEN))=$", r"\1=x", values, flags=re.MULTILINE))
    done = subprocess.run(
        ["docker-compose", "-f", "compose.yaml", "config", "--quiet"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
