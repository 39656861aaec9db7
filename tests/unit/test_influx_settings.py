"""Where the record goes on to: what the plant file says is checked, and the environment is on top of it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from controller.followers.influx.settings import BadSettings, settings_of
from controller.followers.secrets import NoSecret, secret
from controller.plant.config import find_plant, load
from controller.plant.sinks import Influx
from tests.journalled import plant_of


def loaded(tmp_path: Path, block: str) -> tuple[Influx | None, list[str]]:
    """The tutorial plant with this block at the end of plant.yaml; errors as (line relative to it) text."""
    folder = tmp_path / "tutorial"
    shutil.copytree(find_plant("tutorial"), folder, dirs_exist_ok=True)
    file = folder / "plant.yaml"
    before = file.read_text().rstrip("\n") + "\n"
    file.write_text(before + block)
    found = load(folder)
    first = before.count("\n")
    errors = [f"{problem.line - first}: {problem.message}" for problem in found.errors]
    return (found.plant.influx if found.plant is not None else None), errors


def test_a_block_with_everything(tmp_path: Path) -> None:
    settings, errors = loaded(
        tmp_path,
        "influx:\n  mode: v2\n  url: https://db.example:8086/\n  database: heloop\n  org: lab\n"
        "  token: file:/etc/heloop/token\n  timeout: 20 s\n  heartbeat: 2 min\n",
    )
    assert errors == []
    assert settings == Influx(
        mode="v2",
        url="https://db.example:8086",
        org="lab",
        token="file:/etc/heloop/token",
        timeout_s=20,
        heartbeat_s=120,
    )


@pytest.mark.parametrize(
    ("block", "line", "words"),
    [
        ("influx:\n  token: hunter2\n  mode: v3\n", 2, "a secret does not belong in a plant file"),
        ("influx:\n  url: db.example:8086\n", 2, "is no address"),
        ("influx:\n  url: http://me:secret@db\n", 2, "a secret does not belong in an address"),
        ("influx:\n  mode: v2\n", 2, "v2 wants `org`"),
        ("influx:\n  mode: v1\n  token: env:T\n", 3, "`token` belongs to v2 or v3"),
        ("influx:\n  password: env:P\n", 2, "a password without `user`"),
        ("influx:\n  mode: v3\n  user: me\n", 3, "`user` belongs to v1"),
        ("influx:\n  heartbeat: 1 s\n", 2, "between 10 s and 1 h"),
        ("influx:\n  database: a b\n", 2, "no proper name"),
        ("influx:\n  buckett: x\n", 2, "unknown key `buckett`"),
        ("influx:\n  mode: v4\n", 2, "use v1, v2, v3"),
    ],
)
def test_what_does_not_go_together_is_named_with_its_line(
    tmp_path: Path, block: str, line: int, words: str
) -> None:
    settings, errors = loaded(tmp_path, block)
    assert settings is None
    assert len(errors) == 1
    assert errors[0].startswith(f"{line}: ")
    assert words in errors[0]


def test_the_environment_is_on_top_and_its_secrets_are_only_referred_to() -> None:
    plant = replace(plant_of("tutorial"), influx=Influx(mode="v2", org="lab", database="a"))
    given = {
        "HELOOP_INFLUX_URL": "https://x/",
        "HELOOP_INFLUX_TOKEN": "hunter2",
        "HELOOP_INFLUX_DATABASE": "b",
    }
    settings = settings_of(plant, given)
    assert (settings.url, settings.database, settings.org) == ("https://x", "b", "lab")
    assert settings.token == "env:HELOOP_INFLUX_TOKEN"
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    "given",
    [{"HELOOP_INFLUX_MODE": "v4"}, {"HELOOP_INFLUX_URL": "x:1"}, {"HELOOP_INFLUX_MODE": "v2"}],
)
def test_an_environment_that_makes_no_sense_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(BadSettings):
        settings_of(replace(plant_of("tutorial"), influx=None), given)


def test_secrets_come_from_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("t0p\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("A_TOKEN", "t1p")
    assert secret(f"file:{tmp_path}/token") == secret("credential:token") == "t0p"
    assert secret("env:A_TOKEN") == "t1p"
    assert secret("") == ""
    for missing in ("env:NO_SUCH_NAME", "file:/no/such/file", "plain"):
        with pytest.raises(NoSecret):
            secret(missing)
