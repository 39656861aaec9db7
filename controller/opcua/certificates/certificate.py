"""One certificate, read once: what it says, in the words this package needs (Part 6, 6.2.2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

CHAIN_MAX: Final = 8  # certificates; deeper hierarchies than three or four are not seen in plants
BYTES_MAX: Final = 65_536
_SEQUENCE: Final = 0x30

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


class Unreadable(Exception):
    """The bytes are no certificate that can be used; the text says why."""


@dataclass(frozen=True)
class Certificate:
    """A parsed certificate. Two are the same when their DER bytes are."""

    der: bytes

    @classmethod
    def read(cls, data: bytes) -> Certificate:
        """DER or PEM; of several in a PEM file the first. Raises Unreadable."""
        if len(data) > BYTES_MAX:
            raise Unreadable(f"{len(data)} bytes are no certificate")
        try:
            if b"-----BEGIN CERTIFICATE-----" in data:
                parsed = x509.load_pem_x509_certificate(data)
            else:
                parsed = x509.load_der_x509_certificate(data)
            found = cls(parsed.public_bytes(Encoding.DER))
            found.x509.extensions  # noqa: B018 - what is wrong there shall show here, not later
            found.x509.public_key()
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
            raise Unreadable(f"no X.509 certificate: {error}") from error
        return found

    @cached_property
    def x509(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.der)

    @cached_property
    def thumbprint(self) -> str:
        """SHA-1 of the DER form, in capitals: what OPC UA (Part 6, 6.2.2) and its tools call thumbprint."""
        return self.x509.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303 - a name, not a proof

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the DER form, in small letters."""
        return self.x509.fingerprint(hashes.SHA256()).hex()

    @cached_property
    def name(self) -> str:
        """The common name, else the whole subject."""
        found = self.x509.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(found[0].value) if found else self.x509.subject.rfc4514_string()

    @property
    def not_before(self) -> datetime:
        return self.x509.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        return self.x509.not_valid_after_utc

    @cached_property
    def is_self_signed(self) -> bool:
        return self.x509.subject == self.x509.issuer

    @cached_property
    def is_authority(self) -> bool:
        """It signs certificates of others: basicConstraints says CA, and keyUsage does not forbid it.

        Many applications' self-signed certificates say CA as well. Whoever trusts such an application does
        not mean whatever it signs, so one that names an application is never an authority.
        """
        constraints = self.extension(x509.BasicConstraints)
        usage = self.extension(x509.KeyUsage)
        is_ca = constraints is not None and constraints.ca and (usage is None or usage.key_cert_sign)
        return is_ca and not self.uris

    @cached_property
    def uris(self) -> tuple[str, ...]:
        names = self.extension(x509.SubjectAlternativeName)
        return tuple(names.get_values_for_type(x509.UniformResourceIdentifier)) if names else ()

    @property
    def application_uri(self) -> str:
        """The application's URI; '' when it has none or more than one (Part 6, 6.2.2 wants exactly one)."""
        return self.uris[0] if len(self.uris) == 1 else ""

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """DNS names and addresses it was made for."""
        names = self.extension(x509.SubjectAlternativeName)
        if names is None:
            return ()
        addresses = (str(address) for address in names.get_values_for_type(x509.IPAddress))
        return (*names.get_values_for_type(x509.DNSName), *addresses)

    @property
    def key_bits(self) -> int:
        """Length of its RSA key; 0 for a key of another kind."""
        key = self.x509.public_key()
        return key.key_size if isinstance(key, rsa.RSAPublicKey) else 0

    @property
    def hash_name(self) -> str:
        algorithm = self.x509.signature_hash_algorithm
        return algorithm.name if algorithm is not None else "none"

    def extension(self, kind: type[_Extension]) -> _Extension | None:
        try:
            return self.x509.extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    def days_left(self, now: datetime) -> float:
        return (self.not_after - now).total_seconds() / 86_400

    def answers_to(self, wanted: str) -> bool:
        """Whether a person means it: by the beginning (8 signs or more) of either hash, or by its name."""
        text = wanted.replace(":", "").replace(" ", "").lower()
        is_hash = len(text) >= 8 and (
            self.thumbprint.lower().startswith(text) or self.fingerprint.startswith(text)
        )
        return is_hash or wanted == self.name


def chain_of(data: bytes) -> tuple[Certificate, ...]:
    """The certificates of a SenderCertificate: the application's own first, then its issuers.

    Part 6, 6.2.6: the DER forms one after the other. Raises Unreadable.
    """
    if not data or len(data) > BYTES_MAX:
        raise Unreadable("no certificate" if not data else f"{len(data)} bytes are no certificate chain")
    found: list[Certificate] = []
    for part in _parts(data):
        if len(found) == CHAIN_MAX:
            raise Unreadable(f"a chain of more than {CHAIN_MAX} certificates")
        found.append(Certificate.read(part))
    return tuple(found)


def certificates_in(data: bytes) -> tuple[Certificate, ...]:
    """Those of a file: PEM blocks or DER forms, one after the other. Raises Unreadable."""
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", data, re.DOTALL)
    if not blocks:
        return chain_of(data)
    if len(blocks) > CHAIN_MAX:
        raise Unreadable(f"a file with more than {CHAIN_MAX} certificates")
    return tuple(Certificate.read(block) for block in blocks)


def _parts(data: bytes) -> Iterator[bytes]:
    """Cuts at the lengths that the outermost DER sequences give."""
    at = 0
    while at < len(data):
        if data[at] != _SEQUENCE or at + 2 > len(data):
            raise Unreadable("no X.509 certificate: it does not begin as one")
        first = data[at + 1]
        count = first & 0x7F if first & 0x80 else 0
        length = int.from_bytes(data[at + 2 : at + 2 + count], "big") if count else first
        end = at + 2 + count + length
        if count > 3 or end > len(data):
            raise Unreadable("no X.509 certificate: it is cut off")
        yield data[at:end]
        at = end
