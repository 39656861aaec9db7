"""The folder `pki`: own certificate and key, whom we trust, whom we turned away (Part 12, F.1 in spirit).

    own/certificate.der  own/key.pem (mode 600)   trusted/  issuers/  crl/   rejected/ (newest 50)

Certificates are files that people may copy in and out, DER or PEM; what is read is cached until a
folder changes. A certificate in `trusted` that is a CA's makes those trusted that it has signed;
one in `issuers` only completes chains. `trusted/NAME.allow` holds what a person lets pass for it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from controller.doors.private import make_folder, write_whole
from controller.opcua.certificates.certificate import BYTES_MAX, Certificate, Unreadable

REJECTED_MAX: Final = 50
CRL_BYTES_MAX: Final = 4_000_000
EXPIRED: Final = "expired"  # the one thing that can be let pass: a PLC whose certificate has run out
_SUFFIXES: Final = (".der", ".crt", ".cer", ".pem")


class StoreError(Exception):
    """What a person asked of the folder cannot be done; the text says why and what would help."""


@dataclass(frozen=True, slots=True)
class Lists:
    """What the folders hold. allowed: fingerprint -> what is let pass. unreadable: files that are none."""

    trusted: tuple[Certificate, ...] = ()
    issuers: tuple[Certificate, ...] = ()
    crls: tuple[x509.CertificateRevocationList, ...] = ()
    allowed: frozenset[tuple[str, str]] = frozenset()
    unreadable: tuple[tuple[Path, str], ...] = ()


class Store:
    """One `pki` folder; it need not exist to be asked."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stamp: tuple[tuple[tuple[str, int, int], ...], ...] = ()
        self._lists = Lists()

    @classmethod
    def of(cls, data: Path) -> Store:
        """The one of a data directory."""
        return cls(data / "pki")

    @property
    def certificate(self) -> Path:
        return self.root / "own" / "certificate.der"

    @property
    def key(self) -> Path:
        return self.root / "own" / "key.pem"

    @property
    def chain(self) -> Path:
        """Those between ours and its CA's root, which peers may not have; only for a CA's certificate."""
        return self.root / "own" / "chain.der"

    @property
    def trusted(self) -> Path:
        return self.root / "trusted"

    @property
    def issuers(self) -> Path:
        return self.root / "issuers"

    @property
    def crl(self) -> Path:
        return self.root / "crl"

    @property
    def rejected(self) -> Path:
        return self.root / "rejected"

    def prepare(self) -> None:
        """Makes the folders. Raises StoreError."""
        try:
            for folder in (self.root, self.root / "own", self.trusted, self.issuers, self.crl, self.rejected):
                make_folder(folder)
        except OSError as error:
            raise StoreError(f"the folder of certificates cannot be made: {error}") from error

    def own(self) -> Certificate | None:
        """The application's certificate, None when there is none. Raises Unreadable."""
        try:
            return Certificate.read(self.certificate.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unreadable(f"{self.certificate} cannot be read: {error}") from error

    def own_chain(self) -> bytes:
        """What follows our certificate when we show it; b"" for one that is self-signed."""
        try:
            return self.chain.read_bytes()
        except OSError:
            return b""

    def lists(self) -> Lists:
        """Whom we trust, read anew only when a folder has changed."""
        stamp = tuple(_stamp(folder) for folder in (self.trusted, self.issuers, self.crl))
        if stamp != self._stamp:
            self._lists, self._stamp = self._read(), stamp
        return self._lists

    def _read(self) -> Lists:
        wrong: list[tuple[Path, str]] = []
        trusted = _certificates(self.trusted, wrong)
        issuers = _certificates(self.issuers, wrong)
        allowed = frozenset(
            (certificate.fingerprint, word)
            for path, certificate in trusted
            for word in _words(path.with_suffix(".allow"))
        )
        return Lists(
            tuple(certificate for _, certificate in trusted),
            tuple(certificate for _, certificate in issuers),
            tuple(_revocations(self.crl, wrong)),
            allowed,
            tuple(wrong),
        )

    def rejects(self) -> tuple[Certificate, ...]:
        """Those turned away, newest first."""
        found = _certificates(self.rejected, [])
        found.sort(key=lambda pair: _changed_ns(pair[0]), reverse=True)
        return tuple(certificate for _, certificate in found)

    # --- what changes the folder ---

    def turn_away(self, certificate: Certificate) -> None:
        """Keeps a certificate that was not trusted, for a person to look at; the oldest make room.

        What strangers send is bounded, and a folder that cannot be written stops nobody: it is no proof.
        """
        path = self.rejected / file_name(certificate)
        try:
            make_folder(self.rejected)
            if path.exists():
                os.utime(path)
                return
            there = sorted(self.rejected.glob("*.der"), key=_changed_ns)
            for oldest in there[: max(0, len(there) + 1 - REJECTED_MAX)]:
                oldest.unlink(missing_ok=True)
            write_whole(path, certificate.der, 0o600)
        except OSError:
            return

    def trust(self, certificate: Certificate, *, allow: Iterable[str] = ()) -> Path:
        """From now on it is trusted; `allow` is what may be wrong with it. Raises StoreError."""
        self.prepare()
        path = self._path_of(self.trusted, certificate) or self.trusted / file_name(certificate)
        words = sorted(set(allow))
        try:
            if words:
                write_whole(path.with_suffix(".allow"), ("\n".join(words) + "\n").encode(), 0o600)
            write_whole(path, certificate.der if path.suffix != ".pem" else path.read_bytes(), 0o600)
            for other in self._paths_of(self.rejected, certificate):
                other.unlink()
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error}") from error
        return path

    def add_issuer(self, certificate: Certificate) -> Path:
        """A CA that completes chains and is not trusted by itself. Raises StoreError."""
        if not certificate.is_authority:
            raise StoreError(f"'{certificate.name}' is no CA's certificate: trust it without --issuer")
        return self._put(self.issuers, file_name(certificate), certificate.der)

    def add_revocations(self, data: bytes) -> Path:
        """A CA's list of revoked certificates, DER or PEM. Raises StoreError."""
        try:
            found = _revocation_list(data)
        except ValueError as error:
            raise StoreError(f"no revocation list: {error}") from error
        return self._put(self.crl, f"{_safe(found.issuer.rfc4514_string())}.crl", data)

    def reject(self, certificate: Certificate) -> int:
        """Trusts it no longer; it lies with the rejected. Returns how many files went. Raises StoreError."""
        self.prepare()
        paths = [*self._paths_of(self.trusted, certificate), *self._paths_of(self.issuers, certificate)]
        try:
            for path in paths:
                path.with_suffix(".allow").unlink(missing_ok=True)
                path.unlink()
        except OSError as error:
            raise StoreError(f"{error.filename} cannot be removed: {error.strerror}") from error
        self.turn_away(certificate)
        return len(paths)

    def find(self, wanted: str) -> Certificate:
        """The one a person names, by thumbprint or name, in any folder. Raises StoreError."""
        lists = self.lists()
        known = {one.der: one for one in (*lists.trusted, *lists.issuers, *self.rejects())}
        found = [one for one in known.values() if one.answers_to(wanted)]
        if len(found) == 1:
            return found[0]
        if not found:
            raise StoreError(f"no certificate is known as '{wanted}': look with `heloop certs list`")
        choices = ", ".join(one.thumbprint[:12] for one in found)
        raise StoreError(f"'{wanted}' are {len(found)} certificates; say which by its thumbprint: {choices}")

    def _put(self, folder: Path, name: str, data: bytes) -> Path:
        self.prepare()
        try:
            write_whole(folder / name, data, 0o600)
        except OSError as error:
            raise StoreError(f"{folder / name} cannot be written: {error}") from error
        return folder / name

    def _path_of(self, folder: Path, certificate: Certificate) -> Path | None:
        return next(iter(self._paths_of(folder, certificate)), None)

    @staticmethod
    def _paths_of(folder: Path, certificate: Certificate) -> list[Path]:
        return [path for path, one in _certificates(folder, []) if one.der == certificate.der]


def file_name(certificate: Certificate) -> str:
    """Named for people, unique by its hash."""
    return f"{_safe(certificate.name)}-{certificate.thumbprint[:16]}.der"


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text).strip("_")[:60] or "unnamed"


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Changes whenever a file comes, goes or is written."""
    try:
        with os.scandir(folder) as files:
            return tuple(sorted((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in files))
    except OSError:
        return ()


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _certificates(folder: Path, wrong: list[tuple[Path, str]]) -> list[tuple[Path, Certificate]]:
    found: list[tuple[Path, Certificate]] = []
    for path in sorted(folder.glob("*")):
        if path.suffix.lower() not in _SUFFIXES or path.name.startswith("."):
            continue
        try:
            if path.stat().st_size > BYTES_MAX:
                raise Unreadable("too big for a certificate")
            found.append((path, Certificate.read(path.read_bytes())))
        except (OSError, Unreadable) as error:
            wrong.append((path, str(error)))
    return found


def _words(path: Path) -> tuple[str, ...]:
    try:
        return tuple(path.read_text(encoding="utf-8").split())
    except (OSError, UnicodeDecodeError):
        return ()


def _revocations(folder: Path, wrong: list[tuple[Path, str]]) -> list[x509.CertificateRevocationList]:
    found: list[x509.CertificateRevocationList] = []
    for path in sorted(folder.glob("*")):
        if path.name.startswith("."):
            continue
        try:
            if path.stat().st_size > CRL_BYTES_MAX:
                raise ValueError("too big for a revocation list")
            found.append(_revocation_list(path.read_bytes()))
        except (OSError, ValueError) as error:
            wrong.append((path, str(error)))
    return found


def _revocation_list(data: bytes) -> x509.CertificateRevocationList:
    if b"-----BEGIN X509 CRL-----" in data:
        return x509.load_pem_x509_crl(data)
    return x509.load_der_x509_crl(data)
