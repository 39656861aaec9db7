"""The application's own certificate: made at the first start, kept, renewed when a person says so.

As Part 6, 6.2.2 has it: one URI (the application's), host names and addresses, signing and key exchange,
client and server. Valid for five years, since every PLC and every client has to be told of a new one; the
alarm comes 60 days ahead.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from controller.doors.private import alone, make_folder, write_whole
from controller.opcua.certificates.certificate import Certificate, certificates_in
from controller.opcua.certificates.store import Store, StoreError

KEY_BITS: Final = (
    2048  # what every policy and every PLC takes; a longer one costs each connect four times as much
)
VALID_DAYS: Final = 5 * 365
BACKDATED: Final = timedelta(days=1)  # the clock of a PLC may be behind ours
_ROUTED: Final = ("192.0.2.1", 9)  # TEST-NET-1: nothing is sent, the kernel only chooses our address

_USES: Final = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])


@dataclass(frozen=True, slots=True)
class Made:
    """The own certificate as it is now. is_new: it was made just now, and nobody trusts it yet."""

    certificate: Certificate
    is_new: bool


def application_uri(plant: str, host: str | None = None) -> str:
    """What the application is called among all applications of the network (Part 6, 6.2.2)."""
    return f"urn:{(host or socket.gethostname()).lower()}:heloop:{plant}"


def host_names() -> tuple[str, ...]:
    """Under what names and addresses others reach this machine, as it knows them itself."""
    names = [socket.gethostname(), "localhost", "127.0.0.1"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ROUTED)
            names.append(str(probe.getsockname()[0]))
        except OSError:
            pass  # no network: the names above are all there is
    return tuple(dict.fromkeys(name.lower() for name in names))


def ensure(store: Store, plant: str) -> Made:
    """The own certificate, made if there is none. Safe to be called by core and gateway at once.

    Raises StoreError, and Unreadable when there is one that is none.
    """
    with _alone(store):
        there = store.own()
        if there is not None and store.key.exists():
            return Made(there, is_new=False)
        if there is not None or store.key.exists():
            missing = store.key if there is not None else store.certificate
            raise StoreError(
                f"{missing} is not there, its other half is: bring it back, or `heloop certs renew`"
            )
        return Made(_make(store, plant, host_names(), application_uri(plant)), is_new=True)


def make(store: Store, plant: str, hosts: Sequence[str] = (), uri: str = "") -> Made:
    """The first own certificate with names as a person gives them. Raises StoreError if there is one."""
    with _alone(store):
        if store.certificate.exists() or store.key.exists():
            raise StoreError(f"{store.certificate.parent} has a certificate or key: use `heloop certs renew`")
        names = tuple(dict.fromkeys((*hosts, *host_names())))
        return Made(_make(store, plant, names, uri or application_uri(plant)), is_new=True)


def renew(store: Store, plant: str, hosts: Sequence[str] = ()) -> Made:
    """A new key and certificate for the same application URI; the old pair goes to own/old-TIME.

    Host names are those of the old one, `hosts`, and the machine's present ones. Raises StoreError.
    """
    with _alone(store):
        old = store.own()
        if old is not None:
            plant = old.name.removeprefix("heloop ")
        uri = old.application_uri if old is not None else ""
        names = tuple(dict.fromkeys((*(old.hosts if old is not None else ()), *hosts, *host_names())))
        _put_aside(store)
        return Made(_make(store, plant, names, uri or application_uri(plant)), is_new=True)


def request(store: Store, plant: str, hosts: Sequence[str] = ()) -> bytes:
    """A signing request (PEM) for a CA of one's own: the present key, application URI and host names.

    Raises StoreError and Unreadable; makes a certificate first if there is none.
    """
    own = ensure(store, plant).certificate
    names = tuple(dict.fromkeys((*own.hosts, *hosts)))
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(own.x509.subject)
        .add_extension(_subject_names(own.application_uri, names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_itself=False), critical=True)
        .add_extension(_USES, critical=False)
        .sign(_key_of(store), hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def install(store: Store, data: bytes) -> Made:
    """Takes the certificate that a CA has made of our request, PEM or DER, with the CA's below it if need be.

    It must be for our key and our application URI. The old one goes to own/old-TIME. Raises StoreError and
    Unreadable.
    """
    leaf, *above = certificates_in(data)
    with _alone(store):
        old = store.own()
        if leaf.x509.public_key() != _key_of(store).public_key():
            raise StoreError("that certificate is for another key: it must come of `heloop certs request`")
        if old is not None and leaf.application_uri != old.application_uri:
            told = leaf.application_uri or "none"
            raise StoreError(
                f"that certificate's application URI is {told}, ours {old.application_uri}:"
                " ask the CA to keep it"
            )
        if leaf.days_left(datetime.now(UTC)) <= 0:
            raise StoreError(f"that certificate expired on {leaf.not_after:%Y-%m-%d}")
        _put_aside(store)
        try:
            write_whole(store.certificate, leaf.der, 0o644)
            if chain := b"".join(one.der for one in above if not one.is_self_signed):
                write_whole(store.chain, chain, 0o644)
        except OSError as error:
            raise StoreError(f"the certificate cannot be written: {error}") from error
    return Made(leaf, is_new=True)


def _put_aside(store: Store) -> None:
    """Keeps a copy of the present certificate and key in own/old-TIME; the chain was for the old one only."""
    try:
        aside = store.root / "own" / f"old-{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        make_folder(aside)
        for path in (store.certificate, store.chain, store.key):
            if path.exists():
                write_whole(aside / path.name, path.read_bytes())
        store.chain.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"the old certificate cannot be put aside: {error}") from error


def _key_of(store: Store) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(store.key.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise StoreError(f"{store.key} cannot be used: {error}; `heloop certs doctor`") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise StoreError(f"{store.key} is no RSA key: `heloop certs renew`")
    return key


def _make(store: Store, plant: str, hosts: Sequence[str], uri: str) -> Certificate:
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    certificate = _signed(key, plant, hosts, uri, datetime.now(UTC))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),  # a service starts without a person who could type a passphrase
    )
    der = certificate.public_bytes(serialization.Encoding.DER)
    try:
        write_whole(store.key, private, 0o600)
        write_whole(store.certificate, der, 0o644)
    except OSError as error:
        raise StoreError(f"the application's certificate cannot be written: {error}") from error
    return Certificate(der)


def _signed(
    key: rsa.RSAPrivateKey, plant: str, hosts: Sequence[str], uri: str, now: datetime
) -> x509.Certificate:
    public = key.public_key()
    name = x509.Name(
        (
            x509.NameAttribute(NameOID.COMMON_NAME, f"heloop {plant}"[:64]),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "heloop"),
            x509.NameAttribute(NameOID.DOMAIN_COMPONENT, socket.gethostname()),
        )
    )
    serial = x509.random_serial_number()
    key_id = x509.SubjectKeyIdentifier.from_public_key(public)
    issuer = x509.AuthorityKeyIdentifier(key_id.digest, [x509.DirectoryName(name)], serial)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(serial)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + timedelta(days=VALID_DAYS))
        .add_extension(_subject_names(uri, hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_itself=True), critical=True)
        .add_extension(_USES, critical=False)
        .add_extension(key_id, critical=False)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )


def _subject_names(uri: str, hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri), *_names(hosts)])


def _usage(*, signs_itself: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=True,
        data_encipherment=True,
        key_agreement=False,
        key_cert_sign=signs_itself,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(hosts: Sequence[str]) -> Iterator[x509.GeneralName]:
    for host in hosts:
        try:
            yield x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            try:
                yield x509.DNSName(host)
            except ValueError as error:
                raise StoreError(f"'{host}' is neither a host name nor an address") from error


@contextmanager
def _alone(store: Store) -> Iterator[None]:
    """One process at a time makes or renews."""
    store.prepare()
    try:
        with alone(store.root / "own" / ".lock"):
            yield
    except OSError as error:
        raise StoreError(f"{store.root} cannot be changed: {error}") from error
