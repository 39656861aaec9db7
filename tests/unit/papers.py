"""Certificates of every kind, as tests need them: applications', CAs', revocation lists, and faulty ones."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.opcua.certificates import Certificate

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@cache
def key_number(number: int, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Always the same for a number: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


@dataclass(frozen=True)
class Paper:
    """A certificate with its key."""

    certificate: Certificate
    key: rsa.RSAPrivateKey

    @property
    def der(self) -> bytes:
        return self.certificate.der

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """As NAME.der and NAME.pem (the key)."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.der").write_bytes(self.der)
        (folder / f"{name}.pem").write_bytes(
            self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return folder / f"{name}.der", folder / f"{name}.pem"


def paper(
    name: str = "client",
    *,
    issuer: Paper | None = None,
    uri: str | None = "urn:test:client",
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1"),
    authority: bool = False,
    uses: tuple[x509.ObjectIdentifier, ...] = BOTH,
    signs: bool = True,
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + 365 * DAY,
    number: int = 0,
    bits: int = 2048,
    elliptic: bool = False,
    key: rsa.RSAPrivateKey | None = None,
) -> Paper:
    """An application's certificate, self-signed unless an issuer is named; authority: a CA's."""
    key = key or key_number(number, bits)
    public = ec.generate_private_key(ec.SECP256R1()).public_key() if elliptic else key.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri)] if uri and not authority else []
    for host in () if authority else hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.x509.subject if issuer else subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority, signs), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if uses and not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    signed = builder.sign(issuer.key if issuer else key, hashes.SHA256())
    return Paper(Certificate(signed.public_bytes(serialization.Encoding.DER)), key)


def _usage(authority: bool, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=signs,
        key_encipherment=not authority,
        data_encipherment=not authority,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def revocations(authority: Paper, *revoked: Paper, ends: datetime = NOW + 30 * DAY) -> bytes:
    """The list that a CA publishes."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.x509.subject)
        .last_update(NOW - DAY if ends > NOW else ends - DAY)
        .next_update(ends)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.x509.serial_number)
            .revocation_date(NOW - DAY)
            .build()
        )
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
