"""The security policies that are offered, and the making of one for a channel and its peer (Part 7, 6.6)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, Final

from asyncua import ua
from asyncua.crypto import security_policies
from asyncua.crypto.security_policies import SecurityPolicy, SecurityPolicyNone
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    load_der_private_key,
    load_pem_private_key,
)

from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.settings import Settings

NONE_URI: Final = SecurityPolicyNone.URI
RSA_BITS: Final = range(2048, 4097)  # what all three policies allow
NONCE_BYTES: Final = 32
CERTIFICATE_BYTES_MAX: Final = 16_384  # with its chain
_CHECKS: Final = ua.StatusCodes.BadSecurityChecksFailed


def leaf_of(chain: bytes) -> x509.Certificate:
    """The first certificate of a DER chain. Raises Fault(BadCertificateInvalid)."""
    try:
        if 0 < len(chain) <= CERTIFICATE_BYTES_MAX:
            return x509.load_der_x509_certificate(chain[: _der_length(chain)])
    except (ValueError, IndexError, x509.InvalidVersion):
        pass
    raise Fault(ua.StatusCodes.BadCertificateInvalid, "not an X.509 certificate in DER")


def _der_length(der: bytes) -> int:
    """Bytes of the first DER element."""
    first = der[1]
    if first < 0x80:
        return 2 + first
    count = first & 0x7F
    return 2 + count + int.from_bytes(der[2 : 2 + count], "big")


def rsa_key_of(certificate: x509.Certificate) -> RSAPublicKey:
    """Its public key, when the policies allow it. Raises Fault(BadCertificateInvalid)."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or key.key_size not in RSA_BITS:
        raise Fault(ua.StatusCodes.BadCertificateInvalid, "not an RSA key of 2048 to 4096 bits")
    return key


def uris_of(der: bytes) -> list[str]:
    """The application URIs that a certificate is for."""
    try:
        names = leaf_of(der).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.UniformResourceIdentifier)
    except (
        Fault,
        ValueError,
        x509.ExtensionNotFound,
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
    ):
        return []


@dataclass(frozen=True, slots=True)
class Identity:
    """Our application certificate with its key; thumbprint: SHA-1, as peers name it."""

    leaf: x509.Certificate
    der: bytes
    chain: bytes
    key: RSAPrivateKey
    thumbprint: bytes


class Policies:
    """What is offered. identity is None where only channels without security are served.

    A channel keeps the identity it was opened with; `turn_to` is for those that are opened from then on.
    """

    def __init__(self, settings: Settings) -> None:
        self.identity = identity_of(settings.certificate, settings.key) if settings.certificate else None
        self.plain = settings.plain
        self._offered: dict[str, type[SecurityPolicy]] = {}
        self.modes: tuple[ua.MessageSecurityMode, ...] = ()
        if self.identity is not None:
            self.modes = tuple(ua.MessageSecurityMode[mode] for mode in settings.modes)
            for name in settings.policies:
                kind = getattr(security_policies, f"SecurityPolicy{name.replace('_', '')}")
                self._offered[kind.URI] = kind

    @property
    def uris(self) -> tuple[str, ...]:
        """The secured ones, in the order of the settings."""
        return tuple(self._offered)

    def check_mode(self, uri: str, mode: ua.MessageSecurityMode) -> None:
        """Raises Fault(BadSecurityModeRejected)."""
        allowed = (ua.MessageSecurityMode.None_,) if uri == NONE_URI else self.modes
        if mode not in allowed:
            raise Fault(ua.StatusCodes.BadSecurityModeRejected, f"mode {mode} is not offered")

    def turn_to(self, identity: Identity) -> None:
        """A renewed certificate of ours. Nothing but channels without security: they stay alone."""
        if self.identity is not None:
            self.identity = identity

    def make(
        self,
        uri: str,
        mode: ua.MessageSecurityMode | None,
        peer: x509.Certificate | None,
        identity: Identity | None,
    ) -> SecurityPolicy:
        """A policy with cryptography of its own; mode None: any, to read the request that says it.

        Raises Fault(BadSecurityPolicyRejected).
        """
        if uri == NONE_URI and peer is None:
            return SecurityPolicyNone()  # type: ignore[no-untyped-call]
        kind = self._offered.get(uri)
        if kind is None or identity is None or peer is None:
            raise Fault(ua.StatusCodes.BadSecurityPolicyRejected, f"the policy {uri[:80]!r} is not offered")
        wanted = self.modes[0] if mode is None else mode
        policy: SecurityPolicy = kind(peer, identity.leaf, identity.key, wanted)
        return policy

    def asymmetric(self, uri: str) -> type[Any] | None:
        """The policy class of a URI, for the secrets and signatures of user tokens."""
        return self._offered.get(uri)


def identity_of(chain: bytes, key_bytes: bytes) -> Identity:
    """chain: DER, ours first; key_bytes: PEM or DER. Raises Fault and ValueError when they are no pair."""
    leaf = leaf_of(chain)
    load = load_pem_private_key if key_bytes.lstrip().startswith(b"-----") else load_der_private_key
    key = load(key_bytes, password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("the gateway's key is no RSA key")
    if key.public_key() != leaf.public_key():
        raise ValueError("the gateway's key is another certificate's")
    der = leaf.public_bytes(Encoding.DER)
    return Identity(leaf, der, chain, key, thumbprint_of(der))


def thumbprint_of(der: bytes) -> bytes:
    return hashlib.sha1(der, usedforsecurity=False).digest()
