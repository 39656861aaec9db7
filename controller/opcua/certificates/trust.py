"""Whether a certificate is trusted: the steps of Part 4, 6.1.3 in their order, each with what helps.

A certificate that lies in `trusted` itself is trusted by a person who has seen it: a host name that does
not fit is then a remark, since the certificate is recognised byte for byte. One that is trusted because a
CA has signed it must also be made for the host, and the CA must publish what it has revoked.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from asyncua.ua import StatusCodes
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.opcua.certificates.certificate import CHAIN_MAX, Certificate, Unreadable, chain_of
from controller.opcua.certificates.store import EXPIRED, Lists, Store

KEY_BITS: Final = (2048, 4096)  # Part 7: Basic256Sha256, Aes128_Sha256_RsaOaep and Aes256_Sha256_RsaPss
HASHES: Final = frozenset(("sha256", "sha384", "sha512"))
GOOD: Final = 0
# What a stranger may be told without learning what our lists hold (Part 4, 5.6.2.3).
_TELLABLE: Final = frozenset(
    (
        StatusCodes.BadCertificateTimeInvalid,
        StatusCodes.BadCertificateUseNotAllowed,
        StatusCodes.BadCertificateRevocationUnknown,
    )
)


class Purpose(Enum):
    """What the other application is to us."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class Verdict:
    """code 0: trusted. text: for people and the log. fix: what to do, a command where there is one.

    remarks: what was let pass. certificate: the application's own of the chain, None if unreadable.
    """

    code: int
    text: str
    fix: str = ""
    remarks: tuple[str, ...] = ()
    certificate: Certificate | None = None

    @property
    def is_good(self) -> bool:
        return self.code == GOOD

    @property
    def sentence(self) -> str:
        return f"{self.text}; {self.fix}" if self.fix else self.text


class _Wrong(Exception):
    def __init__(self, code: int, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.code, self.text, self.fix = code, text, fix


@dataclass(slots=True)
class _Case:
    """One certificate under judgement."""

    lists: Lists
    purpose: Purpose
    now: datetime
    host: str | None
    uri: str | None
    remarks: list[str] = field(default_factory=list)

    def judge(self, leaf: Certificate, sent: tuple[Certificate, ...]) -> None:
        """Raises _Wrong at the first step that fails."""
        issuers = self._chain(leaf, sent)
        for one in (leaf, *issuers):
            _check_strength(one)
        is_pinned = leaf in self.lists.trusted
        if not is_pinned and not any(one in self.lists.trusted for one in issuers):
            raise _Wrong(
                StatusCodes.BadCertificateUntrusted,
                f"the certificate '{leaf.name}' ({leaf.thumbprint}) is not trusted",
                "compare the thumbprint with the other side's, then"
                f" `heloop certs trust {leaf.thumbprint[:16]}`",
            )
        for one in (leaf, *issuers):
            self._check_time(one)
        self._check_host(leaf, is_pinned)
        self._check_uri(leaf, is_pinned)
        self._check_use(leaf)
        if not is_pinned:
            for one, issuer in zip((leaf, *issuers), issuers, strict=False):
                self._check_revoked(one, issuer, is_leaf=one is leaf)

    def _chain(self, leaf: Certificate, sent: tuple[Certificate, ...]) -> list[Certificate]:
        """Its issuers up to the root, each signature verified."""
        known = (*self.lists.trusted, *self.lists.issuers, *sent)
        chain: list[Certificate] = []
        at = leaf
        while not at.is_self_signed:
            issuer = next((one for one in known if one.is_authority and _signed(at, one)), None)
            if issuer is None or len(chain) == CHAIN_MAX:
                if leaf in self.lists.trusted:
                    return chain  # a person has trusted the leaf itself; what stands above adds nothing
                raise _Wrong(
                    StatusCodes.BadCertificateChainIncomplete,
                    f"'{at.name}' was issued by '{at.x509.issuer.rfc4514_string()}', which is not known",
                    "`heloop certs trust FILE` with that CA's certificate",
                )
            chain.append(issuer)
            at = issuer
        if not _signed(at, at):
            raise _Wrong(StatusCodes.BadCertificateInvalid, f"the signature of '{at.name}' is not its own")
        return chain

    def _check_time(self, one: Certificate) -> None:
        if one.not_before <= self.now <= one.not_after:
            return
        if self.now < one.not_before:
            text = f"'{one.name}' is valid only from {one.not_before:%Y-%m-%d %H:%M} UTC"
            fix = "set the clocks of both machines; if they are right, make the certificate anew"
            raise _Wrong(StatusCodes.BadCertificateTimeInvalid, text, fix)
        text = f"'{one.name}' expired on {one.not_after:%Y-%m-%d}"
        if (one.fingerprint, EXPIRED) in self.lists.allowed:
            self.remarks.append(f"{text}, and is let pass")
            return
        fix = (
            f"renew it there, then trust the new one; or `heloop certs trust {one.thumbprint[:16]} --expired`"
        )
        raise _Wrong(StatusCodes.BadCertificateTimeInvalid, text, fix)

    def _check_host(self, leaf: Certificate, is_pinned: bool) -> None:
        if self.host is None or self.host.lower() in {name.lower() for name in leaf.hosts}:
            return
        text = f"'{leaf.name}' was made for {', '.join(leaf.hosts) or 'no host'}, not for {self.host}"
        if is_pinned:
            self.remarks.append(text)
            return
        fix = "use one of those names in the endpoint, or trust the certificate itself"
        raise _Wrong(StatusCodes.BadCertificateHostNameInvalid, text, fix)

    def _check_uri(self, leaf: Certificate, is_pinned: bool) -> None:
        if self.uri is None or self.uri == leaf.application_uri:
            return
        text = f"the application says it is {self.uri}, its certificate {', '.join(leaf.uris) or 'nothing'}"
        if is_pinned and self.purpose is Purpose.SERVER:
            self.remarks.append(text)
            return
        fix = "set the application's URI to that of its certificate, or make the certificate anew"
        raise _Wrong(StatusCodes.BadCertificateUriInvalid, text, fix)

    def _check_use(self, leaf: Certificate) -> None:
        usage = leaf.extension(x509.KeyUsage)
        if usage is not None and not (usage.digital_signature and usage.key_encipherment):
            text = f"'{leaf.name}' may not be used to sign and to exchange keys (keyUsage)"
            raise _Wrong(StatusCodes.BadCertificateUseNotAllowed, text, "make it anew as an OPC UA one")
        extended = leaf.extension(x509.ExtendedKeyUsage)
        wanted = {
            Purpose.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH,
            Purpose.SERVER: ExtendedKeyUsageOID.SERVER_AUTH,
        }[self.purpose]
        if extended is not None and not {wanted, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(extended):
            text = f"'{leaf.name}' is not meant for a {self.purpose.value} (extendedKeyUsage)"
            raise _Wrong(StatusCodes.BadCertificateUseNotAllowed, text, "make it anew with that use")

    def _check_revoked(self, one: Certificate, issuer: Certificate, *, is_leaf: bool) -> None:
        lists = [
            crl
            for crl in self.lists.crls
            if crl.issuer == one.x509.issuer and crl.is_signature_valid(issuer.x509.public_key())  # type: ignore[arg-type]
        ]
        if not lists:
            code = "BadCertificateRevocationUnknown" if is_leaf else "BadCertificateIssuerRevocationUnknown"
            text = f"the CA '{issuer.name}' has no revocation list here"
            raise _Wrong(getattr(StatusCodes, code), text, "`heloop certs trust --crl FILE` with its list")
        for crl in lists:
            if crl.next_update_utc is not None and crl.next_update_utc < self.now:
                self.remarks.append(f"the revocation list of '{issuer.name}' is old: fetch a new one")
            if crl.get_revoked_certificate_by_serial_number(one.x509.serial_number) is not None:
                code = "BadCertificateRevoked" if is_leaf else "BadCertificateIssuerRevoked"
                raise _Wrong(getattr(StatusCodes, code), f"'{one.name}' was revoked by '{issuer.name}'")


def judge(
    shown: bytes,
    store: Store,
    purpose: Purpose,
    *,
    now: datetime | None = None,
    host: str | None = None,
    application_uri: str | None = None,
) -> Verdict:
    """Judges a SenderCertificate (DER, or a chain). host, application_uri: what it must name; None: any.

    An untrusted one is kept in `rejected`. Reads a few small files when a folder has changed.
    """
    try:
        leaf, *above = chain_of(shown)
    except Unreadable as error:
        return Verdict(StatusCodes.BadCertificateInvalid, str(error))
    case = _Case(store.lists(), purpose, now or datetime.now(UTC), host, application_uri)
    try:
        case.judge(leaf, tuple(above))
    except _Wrong as wrong:
        if wrong.code in (StatusCodes.BadCertificateUntrusted, StatusCodes.BadCertificateChainIncomplete):
            store.turn_away(leaf)
        return Verdict(wrong.code, wrong.text, wrong.fix, tuple(case.remarks), leaf)
    return Verdict(GOOD, f"'{leaf.name}' is trusted", "", tuple(case.remarks), leaf)


def on_the_wire(code: int) -> int:
    """What the other side is told (Part 4, 6.1.3): mostly BadSecurityChecksFailed, to learn nothing."""
    return code if code == GOOD or code in _TELLABLE else StatusCodes.BadSecurityChecksFailed


def _check_strength(one: Certificate) -> None:
    if not KEY_BITS[0] <= one.key_bits <= KEY_BITS[1]:
        there = f"an RSA key of {one.key_bits} bits" if one.key_bits else "no RSA key"
        text = f"'{one.name}' has {there}; {KEY_BITS[0]} to {KEY_BITS[1]} bits are needed"
        raise _Wrong(StatusCodes.BadCertificatePolicyCheckFailed, text, "make it anew with 2048 bits or more")
    if one.hash_name not in HASHES:
        text = f"'{one.name}' is signed with {one.hash_name}, which is broken"
        raise _Wrong(StatusCodes.BadCertificatePolicyCheckFailed, text, "make it anew with SHA-256")


def _signed(one: Certificate, issuer: Certificate) -> bool:
    """Whether `issuer` has signed `one`: names and signature."""
    try:
        one.x509.verify_directly_issued_by(issuer.x509)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
