"""The people who may come in by a front door: names, roles, passwords and certificates, in one file.

`users.json` in the data directory, mode 600, written whole or not at all, so that it can be edited while
the service runs; a change counts from the next login on. Passwords are kept as argon2id hashes, user
certificates by their SHA-256 fingerprint. Roles are the ladder of controller/doors/users.py.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from controller.doors.private import alone, make_folder, write_whole
from controller.doors.users import ROLES

FILE: Final = "users.json"
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
PASSWORD_LENGTHS: Final = range(10, 129)
CERTIFICATES_MAX: Final = 10
FILE_BYTES_MAX: Final = 4_000_000
DEMO: Final = "demo-"
# RFC 9106 leaves the numbers to the machine; these are OWASP's least memory (19 MiB), so that a gateway under
# attack, which checks one password at a time, stays small. About 30 ms.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class AccountError(Exception):
    """What was asked cannot be done, or the file cannot be used; the text says why and what would help."""


class Account(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One person, or one client application. password: argon2id in PHC form, '' for none.

    certificates: SHA-256 of the DER form, in small hexadecimal. locked: may not come in until unlocked.
    """

    name: str
    role: str
    password: str = ""
    certificates: tuple[str, ...] = ()
    locked: bool = False

    def accepts(self, password: str) -> bool:
        """Takes about 30 ms and 19 MiB, whatever the answer. Nobody without a password has this one."""
        try:
            return _HASHER.verify(self.password or _NOBODYS, _normal(password)) and bool(self.password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return False


class _File(msgspec.Struct, forbid_unknown_fields=True):
    users: list[Account]
    version: int = 1


_NOBODYS: Final = _HASHER.hash(os.urandom(16).hex())
NOBODY: Final = Account("", ROLES[0])


class Accounts:
    """Those of one file. Reading is cheap: the file is parsed only when it has changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stamp: tuple[int, int, int] | None = None
        self._known: dict[str, Account] = {}

    @classmethod
    def of(cls, data: Path) -> Accounts:
        """Those of a data directory."""
        return cls(data / FILE)

    @property
    def stamp(self) -> tuple[int, int, int]:
        """Another one whenever the file was written."""
        try:
            there = self.path.stat()
        except OSError:
            return (0, 0, 0)
        return (there.st_mtime_ns, there.st_ino, there.st_size)

    def all(self) -> Mapping[str, Account]:
        """By name; none when there is no file. Raises AccountError when it cannot be read."""
        stamp = self.stamp
        if stamp != self._stamp:
            self._known = _read(self.path)
            self._stamp = stamp
        return self._known

    def find(self, name: str) -> Account | None:
        return self.all().get(name)

    def with_certificate(self, fingerprint: str) -> Account | None:
        """Whose user certificate it is."""
        return next((one for one in self.all().values() if fingerprint in one.certificates), None)

    # --- what `heloop users` does -------------------------------------------------------------------

    def add(self, name: str, role: str, password: str | None = None, fingerprint: str | None = None) -> None:
        """A new person with a password, a certificate or both. Raises AccountError."""
        if not NAME.fullmatch(name):
            raise AccountError(f"'{name}' is no user name: letters, digits, and . _ @ - inside, at most 64")
        _check_role(role)
        if password is None and fingerprint is None:
            raise AccountError(f"'{name}' needs a password or a certificate to come in with")
        hashed = "" if password is None else hash_of(name, password)
        with self._changing() as known:
            if taken := next((one for one in known if one.lower() == name.lower()), None):
                raise AccountError(f"there is a user '{taken}' already: see `heloop users list`")
            account = Account(name, role, hashed)
            known[name] = account if fingerprint is None else _with(account, fingerprint, known)

    def set_password(self, name: str, password: str) -> None:
        hashed = hash_of(name, password)
        with self._changing() as known:
            known[name] = msgspec.structs.replace(_of(known, name), password=hashed)

    def set_role(self, name: str, role: str) -> None:
        _check_role(role)
        with self._changing() as known:
            known[name] = msgspec.structs.replace(_of(known, name), role=role)

    def lock(self, name: str, *, locked: bool) -> None:
        with self._changing() as known:
            known[name] = msgspec.structs.replace(_of(known, name), locked=locked)

    def add_certificate(self, name: str, fingerprint: str) -> None:
        with self._changing() as known:
            known[name] = _with(_of(known, name), fingerprint, known)

    def drop_certificate(self, name: str, fingerprint: str) -> None:
        """fingerprint: its beginning, 8 signs or more."""
        with self._changing() as known:
            account = _of(known, name)
            kept = tuple(one for one in account.certificates if not one.startswith(fingerprint.lower()))
            if len(fingerprint) < 8 or kept == account.certificates:
                raise AccountError(f"'{name}' has no certificate {fingerprint}: see `heloop users list`")
            known[name] = msgspec.structs.replace(account, certificates=kept)

    def remove(self, name: str) -> None:
        with self._changing() as known:
            del known[_of(known, name).name]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Account]]:
        """One program at a time reads, changes and writes; after an exception nothing is written."""
        try:
            make_folder(self.path.parent)
            with alone(self.path.with_suffix(".lock")):
                known = _read(self.path)
                yield known
                _write(self.path, known)
        except OSError as error:
            raise AccountError(f"{self.path} cannot be changed: {error.strerror}") from error


class DemoAccounts(Accounts):
    """viewer .. admin with the password demo-NAME, in memory. For a demo on this machine alone."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull))
        self._demo = {role: Account(role, role, _HASHER.hash(DEMO + role)) for role in ROLES}

    def all(self) -> Mapping[str, Account]:
        return self._demo


def demo_passwords(accounts: Accounts) -> list[str]:
    """The users whose password everybody knows who has seen the demo; `run` refuses to start with one."""
    known = accounts.all()
    return [name for name in ROLES if name in known and known[name].accepts(DEMO + name)]


def real_accounts(data: Path) -> Accounts:
    """The people of a data directory. Raises AccountError for a broken file and for the demo's passwords."""
    accounts = Accounts.of(data)
    if known := demo_passwords(accounts):
        names = ", ".join(known)
        raise AccountError(
            f"the password of {names} is the demo's, which everybody knows: "
            f"`heloop users passwd {known[0]}` or `heloop users remove {known[0]}`"
        )
    return accounts


def hash_of(name: str, password: str) -> str:
    """argon2id of a password that is good enough. Raises AccountError with what is wanted."""
    if len(password) not in PASSWORD_LENGTHS:
        least, most = PASSWORD_LENGTHS.start, PASSWORD_LENGTHS.stop - 1
        raise AccountError(f"a password has {least} to {most} characters; several words are best")
    if password.lower().startswith(DEMO):
        raise AccountError(f"a password does not begin with '{DEMO}': those of the demo are known to all")
    if name.lower() in password.lower() or len(set(password)) < 5:
        raise AccountError("this password is too easy to guess: leave out the name, use more signs")
    return _HASHER.hash(_normal(password))


def _normal(password: str) -> str:
    """One form for what looks the same (RFC 8265, 4.2): keyboards differ in how they write 'é' and 'ガ'."""
    return unicodedata.normalize("NFC", password)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise AccountError(f"'{role}' is no role; the roles are {', '.join(ROLES)}")


def _of(known: Mapping[str, Account], name: str) -> Account:
    if name not in known:
        raise AccountError(f"there is no user '{name}': see `heloop users list`")
    return known[name]


def _with(account: Account, fingerprint: str, known: Mapping[str, Account]) -> Account:
    if not FINGERPRINT.fullmatch(fingerprint):
        raise AccountError(f"'{fingerprint}' is no SHA-256 fingerprint")
    if owner := next((one.name for one in known.values() if fingerprint in one.certificates), None):
        raise AccountError(f"this certificate is that of '{owner}' already: one certificate, one person")
    if len(account.certificates) >= CERTIFICATES_MAX:
        raise AccountError(f"'{account.name}' has {CERTIFICATES_MAX} certificates: drop an old one first")
    return msgspec.structs.replace(account, certificates=(*account.certificates, fingerprint))


def _read(path: Path) -> dict[str, Account]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise AccountError(f"{path} is too big to be a users file")
        users = msgspec.json.decode(path.read_bytes(), type=_File).users
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise AccountError(f"{path} cannot be used: {error}; bring it back from the backup") from error
    known = {one.name: one for one in users}
    if len(known) != len(users) or any(one.role not in ROLES for one in users):
        raise AccountError(f"{path} cannot be used: a name twice, or a role that is none")
    return known


def _write(path: Path, known: Mapping[str, Account]) -> None:
    text = msgspec.json.format(msgspec.json.encode(_File(list(known.values()))), indent=1) + b"\n"
    write_whole(path, text)
