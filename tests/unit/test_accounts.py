"""People with names and passwords: the file they are kept in, and who is let in how often."""

from __future__ import annotations

import asyncio
import json
import stat
import unicodedata
from pathlib import Path

import pytest

from controller.doors import accounts as accounts_module
from controller.doors.accounts import AccountError, Accounts, DemoAccounts, demo_passwords
from controller.doors.logins import Logins, NotLetIn, Why, is_loopback
from controller.doors.users import ROLES

GOOD = "liquid at 4.2 K"
OTHER = "two litres an hour"
PRINT = "ab" * 32


@pytest.fixture
def accounts(tmp_path: Path) -> Accounts:
    known = Accounts.of(tmp_path)
    known.add("sato", "operator", GOOD)
    return known


class Clock:
    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


# --- the file -------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_argon2id_in_a_file_that_is_nobody_elses(accounts: Accounts) -> None:
    text = accounts.path.read_text()
    assert "$argon2id$v=19$m=19456,t=2,p=1$" in text
    assert GOOD not in text
    assert stat.S_IMODE(accounts.path.stat().st_mode) == 0o600
    assert json.loads(text)["version"] == 1
    again = Accounts(accounts.path)
    sato = again.find("sato")
    assert sato is not None
    assert sato.accepts(GOOD)
    assert not sato.accepts(GOOD + " ")


def test_what_users_commands_do_counts_for_who_reads_the_file_afterwards(accounts: Accounts) -> None:
    reader = Accounts(accounts.path)
    assert list(reader.all()) == ["sato"]
    accounts.add("scada-7", "viewer", fingerprint=PRINT)
    accounts.set_role("sato", "engineer")
    accounts.set_password("sato", OTHER)
    accounts.lock("scada-7", locked=True)
    sato, machine = reader.find("sato"), reader.with_certificate(PRINT)
    assert sato is not None
    assert machine is not None
    assert (sato.role, sato.accepts(OTHER), sato.accepts(GOOD)) == ("engineer", True, False)
    assert (machine.name, machine.locked, machine.accepts("")) == ("scada-7", True, False)
    accounts.lock("scada-7", locked=False)
    accounts.add_certificate("sato", "cd" * 32)
    accounts.drop_certificate("scada-7", PRINT[:8])
    assert reader.with_certificate(PRINT) is None
    accounts.remove("sato")
    assert list(reader.all()) == ["scada-7"]
    assert reader.with_certificate("cd" * 32) is None


@pytest.mark.parametrize(
    ("do", "says"),
    [
        (lambda a: a.add("sato", "viewer", OTHER), "a user 'sato' already"),
        (lambda a: a.add("SATO", "viewer", OTHER), "a user 'sato' already"),
        (lambda a: a.add("mori via root", "viewer", OTHER), "no user name"),
        (lambda a: a.add("", "viewer", OTHER), "no user name"),
        (lambda a: a.add("mori", "boss", OTHER), "roles are viewer, operator"),
        (lambda a: a.add("mori", "viewer"), "password or a certificate"),
        (lambda a: a.add("mori", "viewer", "short"), "10 to 128"),
        (lambda a: a.add("mori", "viewer", "x" * 129), "10 to 128"),
        (lambda a: a.add("mori", "viewer", "aaaaaaaaaaaaa"), "too easy"),
        (lambda a: a.add("mori", "viewer", "Mori's helium"), "too easy"),
        (lambda a: a.add("operator", "operator", "demo-operator"), "known to all"),
        (lambda a: a.add("mori", "viewer", fingerprint="ab"), "no SHA-256"),
        (lambda a: a.set_role("mori", "viewer"), "no user 'mori'"),
        (lambda a: a.set_password("mori", OTHER), "no user 'mori'"),
        (lambda a: a.remove("mori"), "no user 'mori'"),
        (lambda a: a.drop_certificate("sato", "ab"), "no certificate ab"),
    ],
)
def test_what_cannot_be_is_refused_with_a_reason_and_the_file_stays(
    accounts: Accounts, do: object, says: str
) -> None:
    before = accounts.path.read_bytes()
    with pytest.raises(AccountError, match=says):
        do(accounts)  # type: ignore[operator]
    assert accounts.path.read_bytes() == before


def test_one_certificate_is_one_persons_and_nobody_has_too_many(accounts: Accounts) -> None:
    accounts.add_certificate("sato", PRINT)
    with pytest.raises(AccountError, match="that of 'sato'"):
        accounts.add("mori", "viewer", fingerprint=PRINT)
    for number in range(1, accounts_module.CERTIFICATES_MAX):
        accounts.add_certificate("sato", f"{number:064x}")
    with pytest.raises(AccountError, match="drop an old one"):
        accounts.add_certificate("sato", f"{99:064x}")


@pytest.mark.parametrize(
    "text",
    ["nonsense", '{"users": [{"name": "a", "role": "boss"}]}', '{"users": [{"name": "a"}]}', '{"user": []}'],
)
def test_a_file_that_is_none_lets_nobody_in_and_is_not_overwritten(accounts: Accounts, text: str) -> None:
    accounts.path.write_text(text)
    with pytest.raises(AccountError, match="cannot be used"):
        accounts.find("sato")
    with pytest.raises(AccountError, match="cannot be used"):
        accounts.add("mori", "viewer", OTHER)
    assert accounts.path.read_text() == text


def test_the_demos_users_are_five_and_are_found_out_where_they_do_not_belong(accounts: Accounts) -> None:
    demo = DemoAccounts()
    assert list(demo.all()) == list(ROLES)
    assert demo_passwords(demo) == list(ROLES)
    assert demo_passwords(accounts) == []
    accounts.add("operator", "operator", OTHER)
    assert demo_passwords(accounts) == []
    everybody = {name: dict(json.loads(accounts.path.read_text())["users"][0]) for name in ("operator",)}
    everybody["operator"] |= {"name": "operator", "password": demo.all()["operator"].password}
    accounts.path.write_text(json.dumps({"users": list(everybody.values())}))
    assert demo_passwords(accounts) == ["operator"]


# --- the door -------------------------------------------------------------------------------------------


async def refused(logins: Logins, name: str, password: str, peer: str = "192.0.2.7") -> NotLetIn:
    with pytest.raises(NotLetIn) as caught:
        await logins.by_password(name, password, peer)
    return caught.value


async def test_five_wrong_passwords_lock_out_for_five_minutes_and_only_that_user_at_that_address(
    accounts: Accounts,
) -> None:
    clock = Clock()
    accounts.add("mori", "viewer", OTHER)
    logins = Logins(accounts, now_s=clock)
    wrong = [await refused(logins, "sato", f"wrong {number}") for number in range(5)]
    assert [(one.why, one.begins) for one in wrong] == [(Why.WRONG, False)] * 4 + [(Why.WRONG, True)]
    assert (await refused(logins, "sato", GOOD)).why is Why.LOCKED_OUT
    assert (await logins.by_password("mori", OTHER, "192.0.2.7")).name == "mori"
    assert (await logins.by_password("sato", GOOD, "192.0.2.8")).name == "sato"
    clock.now_s += 299
    assert (await refused(logins, "sato", GOOD)).why is Why.LOCKED_OUT
    clock.now_s += 2
    assert (await logins.by_password("sato", GOOD, "192.0.2.7")).name == "sato"
    logins.close()


async def test_a_name_that_nobody_has_is_treated_as_a_wrong_password(accounts: Accounts) -> None:
    logins = Logins(accounts, now_s=Clock())
    for _ in range(5):
        assert (await refused(logins, "nobody", GOOD)).why is Why.WRONG
    assert (await refused(logins, "nobody", GOOD)).why is Why.LOCKED_OUT
    logins.close()


async def test_now_and_then_a_slip_locks_nobody_out(accounts: Accounts) -> None:
    clock = Clock()
    logins = Logins(accounts, now_s=clock)
    for _ in range(3):
        for _ in range(4):
            await refused(logins, "sato", "slip")
        await logins.by_password("sato", GOOD, "192.0.2.7")
    for _ in range(8):
        await refused(logins, "sato", "slip", "192.0.2.9")
        clock.now_s += 200
    logins.close()


async def test_an_address_that_tries_many_names_is_locked_out_as_a_whole(accounts: Accounts) -> None:
    logins = Logins(accounts, now_s=Clock(), limit=2)
    for number in range(8):
        await refused(logins, f"name {number}", GOOD)
    assert (await refused(logins, "sato", GOOD)).why is Why.LOCKED_OUT
    assert (await logins.by_password("sato", GOOD, "192.0.2.8")).name == "sato"
    logins.close()


async def test_a_host_with_many_ipv6_addresses_is_one_place(accounts: Accounts) -> None:
    logins = Logins(accounts, now_s=Clock(), limit=2)
    for number in range(2):
        await refused(logins, "sato", "guess", f"2001:db8::{number}")
    assert (await refused(logins, "sato", GOOD, "2001:db8::ffff:1")).why is Why.LOCKED_OUT
    assert (await logins.by_password("sato", GOOD, "2001:db8:0:1::1")).name == "sato"
    for _ in range(2):
        await refused(logins, "sato", "guess", "::ffff:192.0.2.7")
    assert (await refused(logins, "sato", GOOD, "192.0.2.7")).why is Why.LOCKED_OUT
    logins.close()


async def test_a_password_is_the_same_from_every_keyboard(accounts: Accounts) -> None:
    accounts.set_password("sato", "hélium-ガス-4K")
    logins = Logins(accounts, now_s=Clock())
    apart = unicodedata.normalize("NFD", "hélium-ガス-4K")
    assert apart != "hélium-ガス-4K"
    assert (await logins.by_password("sato", apart, "192.0.2.7")).name == "sato"
    assert (await refused(logins, "sato", "helium-カス")).why is Why.WRONG
    logins.close()


async def test_a_user_attacked_from_everywhere_still_comes_in_from_the_usual_place(
    accounts: Accounts,
) -> None:
    logins = Logins(accounts, now_s=Clock(), limit=2)
    await logins.by_password("sato", GOOD, "192.0.2.1")
    for number in range(12):
        await refused(logins, "sato", "guess", f"198.51.100.{number}")
    assert (await refused(logins, "sato", GOOD, "198.51.100.99")).why is Why.LOCKED_OUT
    assert (await logins.by_password("sato", GOOD, "192.0.2.1")).name == "sato"
    logins.close()


async def test_guesses_at_the_same_time_are_counted_one_by_one(accounts: Accounts) -> None:
    logins = Logins(accounts, now_s=Clock(), limit=3)
    guesses = [refused(logins, "sato", f"guess {number}") for number in range(10)]
    why = [one.why for one in await asyncio.gather(*guesses)]
    assert (why.count(Why.WRONG), why.count(Why.LOCKED_OUT)) == (3, 7)
    logins.close()


async def test_more_logins_at_once_than_can_wait_are_told_to_come_again(accounts: Accounts) -> None:
    logins = Logins(accounts, now_s=Clock(), limit=1000)
    tries = [logins.by_password("sato", GOOD, f"192.0.2.{number}") for number in range(40)]
    ended = await asyncio.gather(*tries, return_exceptions=True)
    busy = [one for one in ended if isinstance(one, NotLetIn)]
    assert {one.why for one in busy} == {Why.BUSY}
    assert len(busy) == 8
    logins.close()


async def test_a_locked_account_stays_out_with_the_right_password(accounts: Accounts) -> None:
    logins = Logins(accounts, now_s=Clock())
    accounts.lock("sato", locked=True)
    assert (await refused(logins, "sato", GOOD)).why is Why.LOCKED
    accounts.lock("sato", locked=False)
    assert (await logins.by_password("sato", GOOD, "192.0.2.7")).role == "operator"
    logins.close()


async def test_a_users_file_that_breaks_lets_nobody_in(accounts: Accounts) -> None:
    logins = Logins(accounts, now_s=Clock())
    accounts.path.write_text("nonsense")
    broken = await refused(logins, "sato", GOOD)
    assert broken.why is Why.UNUSABLE
    assert "users.json" in str(broken)
    logins.close()


async def test_the_demos_users_come_from_this_machine_only() -> None:
    logins = Logins(DemoAccounts(), here_only=True, now_s=Clock())
    assert (await refused(logins, "operator", "demo-operator")).why is Why.ELSEWHERE
    assert (await logins.by_password("operator", "demo-operator", "127.0.0.1")).role == "operator"
    assert (await refused(logins, "operator", "demo-admin", "127.0.0.1")).why is Why.WRONG
    logins.close()


def test_a_certificate_lets_in_who_can_prove_the_key(accounts: Accounts) -> None:
    accounts.add_certificate("sato", PRINT)
    logins = Logins(accounts, now_s=Clock(), limit=2)
    assert logins.by_certificate(PRINT, "192.0.2.7", lambda: True).name == "sato"
    for fingerprint, proved, why in (
        ("cd" * 32, True, Why.UNKNOWN_CERTIFICATE),
        (PRINT, False, Why.WRONG_SIGNATURE),
        (PRINT, False, Why.WRONG_SIGNATURE),
        (PRINT, True, Why.LOCKED_OUT),
    ):
        with pytest.raises(NotLetIn) as caught:
            logins.by_certificate(fingerprint, "192.0.2.7", lambda proved=proved: proved)  # type: ignore[misc]
        assert caught.value.why is why
    logins.close()


def test_what_remembers_tries_is_bounded(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.doors.logins.REMEMBERED_MAX", 100)
    logins = Logins(accounts, now_s=Clock())
    for number in range(300):
        with pytest.raises(NotLetIn):
            logins.by_certificate(f"{number:064x}", f"2001:db8:0:{number:x}::1", lambda: True)
    assert len(logins._lockout._tries) == 100
    logins.close()


def test_loopback_is_known_in_both_families() -> None:
    assert [is_loopback(peer) for peer in ("127.0.0.1", "127.9.9.9", "::1")] == [True] * 3
    assert [is_loopback(peer) for peer in ("192.0.2.1", "fe80::1%eth0", "", "localhost")] == [False] * 4
