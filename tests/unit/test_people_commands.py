"""`heloop users` and `heloop certs` as a person types them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from typer.testing import CliRunner, Result

from controller.cli import app
from controller.doors.accounts import Accounts, DemoAccounts
from controller.opcua.certificates import Certificate, Purpose, Store, judge
from tests.unit.papers import DAY, NOW, paper, revocations

GOOD = "liquid at 4.2 K"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "plant"
    monkeypatch.setenv("HELOOP_DATA", str(place))
    return place


def heloop(*words: str, typed: str = "", code: int = 0) -> str:
    result: Result = CliRunner().invoke(app, list(words), input=typed)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


# --- people ---------------------------------------------------------------------------------------------


def test_a_users_life(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "heloop users add" in heloop("users", "list")
    said = heloop("users", "add", "sato", "--role", "operator", typed=f"{GOOD}\n{GOOD}\n")
    assert "added as operator" in said
    assert GOOD not in said
    monkeypatch.setenv("NEW", "two litres an hour")
    heloop("users", "passwd", "sato", "--password", "env:NEW")
    heloop("users", "role", "sato", "engineer")
    shown, _ = paper("sato").write(tmp_path, "sato")
    heloop("users", "certificate", "sato", str(shown))
    heloop("users", "lock", "sato")
    fingerprint = paper("sato").certificate.fingerprint
    assert fingerprint not in heloop("users", "list")
    listed = heloop("users", "list")
    assert "engineer" in listed
    assert "password, certificate " in listed
    assert "locked" in listed
    sato = Accounts.of(data).find("sato")
    assert sato is not None
    assert sato.accepts("two litres an hour")
    heloop("users", "unlock", "sato")
    heloop("users", "certificate", "sato", "--drop", sato.certificates[0][:12])
    assert heloop("users", "list").split() == ["sato", "engineer", "password"]
    heloop("users", "remove", "sato")
    assert Accounts.of(data).all() == {}


def test_a_client_application_comes_in_with_its_certificate_and_no_password(
    data: Path, tmp_path: Path
) -> None:
    shown, _ = paper("scada").write(tmp_path, "scada")
    heloop("users", "add", "scada", "--role", "viewer", "--certificate", str(shown))
    scada = Accounts.of(data).find("scada")
    assert scada is not None
    assert (scada.password, scada.certificates) == ("", (paper_print(shown),))


def paper_print(path: Path) -> str:
    return Certificate.read(path.read_bytes()).fingerprint


@pytest.mark.parametrize(
    ("words", "typed", "code", "says"),
    [
        (("add", "sato", "--role", "boss"), f"{GOOD}\n{GOOD}\n", 1, "roles are"),
        (("add", "sato", "--role", "viewer"), "short\nshort\n", 1, "10 to 128"),
        (("add", "sato", "--role", "viewer", "--password", "secret"), "", 2, "must be env:NAME"),
        (("add", "sato", "--role", "viewer", "--certificate", "/nowhere"), "", 1, "/nowhere"),
        (("passwd", "mori"), f"{GOOD}\n{GOOD}\n", 1, "no user 'mori'"),
        (("certificate", "mori"), "", 2, "--drop"),
        (("lock", "mori"), "", 1, "no user 'mori'"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    data: Path, words: tuple[str, ...], typed: str, code: int, says: str
) -> None:
    assert says in heloop("users", *words, typed=typed, code=code)


def test_without_a_service_and_a_directory_the_directory_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("HELOOP_DATA", raising=False)
    assert "--data" in heloop("users", "list", code=2)
    assert "--data" in heloop("certs", "list", code=2)


def test_run_does_not_start_with_a_password_of_the_demo(data: Path) -> None:
    accounts = Accounts.of(data)
    accounts.add("operator", "operator", GOOD)
    text = accounts.path.read_text()
    start = text.index("$argon2id")
    demo = DemoAccounts().all()["operator"].password
    accounts.path.write_text(text[:start] + demo + text[text.index('"', start) :])
    said = heloop("run", "tutorial", "--data", str(data), code=2)
    assert "heloop users passwd operator" in said
    assert "--demo-users" not in heloop("run", "--help")


# --- certificates -----------------------------------------------------------------------------------------


def test_our_own_certificate_from_first_to_next(data: Path, tmp_path: Path) -> None:
    assert "none yet" in heloop("certs", "list")
    assert "heloop certs create" in heloop("certs", "doctor", code=1)
    assert "heloop certs create" in heloop("certs", "export", str(tmp_path / "x.der"), code=1)
    made = heloop("certs", "create", "--host", "opc.example", "--plant", "university")
    assert "opc.example" in made
    assert ":heloop:university" in made
    assert "heloop certs renew" in heloop("certs", "create", code=1)
    assert heloop("certs", "doctor").strip() == "nothing is wrong"
    own = Store.of(data).own()
    assert own is not None
    heloop("certs", "export", str(tmp_path / "x.pem"))
    heloop("certs", "export", str(tmp_path / "x.der"))
    assert (tmp_path / "x.der").read_bytes() == own.der
    assert Certificate.read((tmp_path / "x.pem").read_bytes()) == own
    assert heloop("certs", "request", str(tmp_path / "x.csr")).strip().endswith("x.csr")
    assert b"BEGIN CERTIFICATE REQUEST" in (tmp_path / "x.csr").read_bytes()
    assert "next connect" in heloop("certs", "install", str(tmp_path / "x.der"))  # our own once more
    stranger, _ = paper("stranger").write(tmp_path, "stranger")
    assert "another key" in heloop("certs", "install", str(stranger), code=1)
    renewed = heloop("certs", "renew")
    assert "opc.example" in renewed
    assert "next connect" in renewed
    assert Store.of(data).own() != own


def test_others_are_trusted_by_file_name_or_thumbprint_and_no_longer(data: Path, tmp_path: Path) -> None:
    store = Store.of(data)
    plc, expired, authority = (
        paper("plc"),
        paper("old", ends=NOW - DAY, begins=NOW - 9 * DAY),
        paper("ca", authority=True),
    )
    judge(plc.der, store, Purpose.SERVER)
    assert "rejected" in heloop("certs", "list")
    assert "heloop certs trust" in heloop("certs", "doctor", code=1)  # as an own one is missing as well
    heloop("certs", "trust", plc.certificate.thumbprint[:10])
    file = tmp_path / "old.pem"
    file.write_bytes(expired.certificate.x509.public_bytes(Encoding.PEM))
    heloop("certs", "trust", str(file), "--expired")
    heloop("certs", "trust", str(authority.write(tmp_path, "ca")[0]), "--issuer")
    (tmp_path / "ca.crl").write_bytes(revocations(authority))
    heloop("certs", "trust", str(tmp_path / "ca.crl"), "--crl")
    listed = heloop("certs", "list")
    assert [line.split()[0] for line in listed.splitlines()] == ["trusted", "trusted", "issuer"]
    assert "let pass when expired" in listed
    assert judge(expired.der, store, Purpose.CLIENT).is_good
    assert "trusted no longer" in heloop("certs", "reject", "plc")
    assert "nothing has changed" in heloop("certs", "reject", "plc")
    for words, says in (
        (("trust", "nobody"), "heloop certs list"),
        (("trust", str(tmp_path / "ca.crl")), f"{tmp_path / 'ca.crl'}: no X.509"),
        (("trust", str(file), "--crl"), f"{file}: no revocation list"),
        (("trust", str(file), "--issuer"), "no CA"),
        (("trust", "opc.tcp://127.0.0.1:9"), "get endpoints"),
        (("reject", "nobody"), "heloop certs list"),
    ):
        assert says in heloop("certs", *words, code=1)


def what_root_writes_belongs_to_the_services_account(data: Path, tmp_path: Path) -> None:
    data.mkdir()
    os.chown(data, 65534, 65534)
    heloop("users", "add", "sato", "--role", "operator", typed=f"{GOOD}\n{GOOD}\n")
    heloop("certs", "create")
    heloop("certs", "trust", str(paper("plc").write(tmp_path, "plc")[0]))
    heloop("certs", "renew")
    written = [*data.rglob("*"), data / "users.json"]
    assert len(written) > 10
    assert {path.stat().st_uid for path in written} == {65534}
    assert {path.stat().st_mode & 0o077 for path in written if path.suffix != ".der"} == {0}


if os.geteuid() == 0:  # nobody else can give files away
    test_what_root_writes_belongs_to_the_services_account = what_root_writes_belongs_to_the_services_account
