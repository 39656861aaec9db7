"""What is wrong with certificates here or at another server, and the command that puts it right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from asyncua import Client, ua
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from controller.opcua.certificates.certificate import Certificate, Unreadable
from controller.opcua.certificates.expiry import WARN_DAYS, expiring
from controller.opcua.certificates.making import host_names
from controller.opcua.certificates.store import Store
from controller.opcua.certificates.trust import Purpose, judge
from controller.opcua.link.errors import FROM_THE_WIRE, LinkLost, sorted_out

REACH_S: Final = 5.0
_BROKEN: Final = ("Basic128Rsa15", "Basic256")  # Part 7: deprecated, SHA-1


@dataclass(frozen=True, slots=True)
class Finding:
    """is_error: something does not work as it stands. fix: what to do, a command where there is one."""

    is_error: bool
    text: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Remote:
    """What a server offers. certificate: None when it shows none. policies: (policy, mode) pairs."""

    endpoint: str
    certificate: Certificate | None
    policies: tuple[tuple[str, str], ...]
    tokens: frozenset[str]
    application_uri: str
    shown: bytes


def diagnose(store: Store, now: datetime | None = None) -> list[Finding]:
    """Looks at one `pki` folder. Nothing found: an empty list."""
    at = now or datetime.now(UTC)
    return [*_of_own(store), *_of_lists(store), *_of_time(store, at), *_of_rejects(store)]


def _of_own(store: Store) -> Iterator[Finding]:
    renew = "`heloop certs renew`"
    try:
        own = store.own()
    except Unreadable as error:
        yield Finding(True, f"{store.certificate}: {error}", renew)
        return
    if own is None:
        yield Finding(
            True, "there is no certificate of our own yet", "`heloop certs create`, or start the service"
        )
        return
    yield from _of_key(store, own)
    if not own.application_uri:
        yield Finding(True, "our certificate names no application URI, or several: clients refuse it", renew)
    missing = [name for name in host_names() if name not in {host.lower() for host in own.hosts}]
    if missing:
        names = " ".join(f"--host {name}" for name in missing)
        yield Finding(
            False,
            f"our certificate was not made for {', '.join(missing)}: a client that uses that name is warned",
            f"`heloop certs renew {names}`",
        )


def _of_key(store: Store, own: Certificate) -> Iterator[Finding]:
    renew = "`heloop certs renew`"
    try:
        key = load_pem_private_key(store.key.read_bytes(), None)
        mode = store.key.stat().st_mode & 0o077
    except FileNotFoundError:
        yield Finding(True, f"{store.key} is not there", f"bring it back from the backup, or {renew}")
        return
    except (OSError, ValueError, TypeError) as error:
        yield Finding(
            True, f"{store.key} cannot be used: {error}", f"`chown`/`chmod` it for the service, or {renew}"
        )
        return
    if key.public_key() != own.x509.public_key():
        yield Finding(True, f"{store.key} does not belong to {store.certificate.name}", renew)
    if mode:
        yield Finding(
            True, f"others can read {store.key}", f"`chmod 600 {store.key}`, then {renew}: it may be known"
        )


def _of_lists(store: Store) -> Iterator[Finding]:
    lists = store.lists()
    for path, why in lists.unreadable:
        yield Finding(True, f"{path}: {why}", f"bring it again as DER or PEM, or `rm {path}`")
    for one in (*lists.trusted, *lists.issuers):
        if one.is_authority and not any(crl.issuer == one.x509.subject for crl in lists.crls):
            text = f"the CA '{one.name}' has no revocation list here: what it has signed is refused"
            yield Finding(True, text, "`heloop certs trust --crl FILE` with its list")


def _of_time(store: Store, now: datetime) -> Iterator[Finding]:
    for one in expiring(store, now, WARN_DAYS):
        yield Finding(one.is_over, one.text, one.fix)
    for crl in store.lists().crls:
        if crl.next_update_utc is not None and crl.next_update_utc < now:
            whose = crl.issuer.rfc4514_string()
            text = f"the revocation list of {whose} ended on {crl.next_update_utc:%Y-%m-%d}"
            yield Finding(False, text, "`heloop certs trust --crl FILE` with a new one")


def _of_rejects(store: Store) -> Iterator[Finding]:
    for one in store.rejects():
        yield Finding(
            False,
            f"'{one.name}' ({one.thumbprint}) was turned away",
            f"if it is yours: `heloop certs trust {one.thumbprint[:16]}`; if not: find out who came",
        )


async def look(endpoint: str) -> Remote:
    """What a server shows to anybody: endpoints, its certificate. Raises LinkLost."""
    client = Client(endpoint, timeout=REACH_S)
    try:
        offered = await client.connect_and_get_server_endpoints()
    except FROM_THE_WIRE as error:
        failed = sorted_out("get endpoints", error)
        raise LinkLost(failed.reason) from error
    secure = [one for one in offered if one.ServerCertificate]
    shown = bytes(secure[0].ServerCertificate) if secure else b""
    try:
        certificate = Certificate.read(shown) if shown else None
    except Unreadable:
        certificate = None
    return Remote(
        endpoint=endpoint,
        certificate=certificate,
        policies=tuple(
            dict.fromkeys(
                (_policy(one), ua.MessageSecurityMode(one.SecurityMode).name.rstrip("_")) for one in offered
            )
        ),
        tokens=frozenset(
            ua.UserTokenType(token.TokenType).name
            for one in offered
            for token in one.UserIdentityTokens or ()
        ),
        application_uri=str(offered[0].Server.ApplicationUri or "") if offered else "",
        shown=shown,
    )


def _policy(offered: ua.EndpointDescription) -> str:
    return str(offered.SecurityPolicyUri or "").rpartition("#")[2]


def diagnose_remote(remote: Remote, store: Store, now: datetime | None = None) -> list[Finding]:
    """What stands between us and that server, and what to write into the PLC's file."""
    found: list[Finding] = []
    if remote.shown and remote.certificate is None:
        found.append(Finding(True, "its certificate cannot be read", "have it made anew at the server"))
    elif remote.certificate is not None:
        verdict = judge(
            remote.shown,
            store,
            Purpose.SERVER,
            now=now,
            host=urlsplit(remote.endpoint).hostname,
            application_uri=remote.application_uri or None,
        )
        if verdict.is_good:
            found.extend(Finding(False, remark) for remark in verdict.remarks)
        else:
            found.append(Finding(True, verdict.text, verdict.fix))
    if best(remote)[0] == "None":
        weak = [policy for policy, _ in remote.policies if policy in _BROKEN]
        text = f"it offers nothing better than {weak[0]}" if weak else "it offers no encryption"
        found.append(Finding(False, text, "switch Basic256Sha256, Sign & Encrypt on at the server"))
    if "UserName" not in remote.tokens:
        found.append(
            Finding(False, "it takes no user and password", "switch user authentication on at the server")
        )
    return found


def best(remote: Remote) -> tuple[str, str]:
    """Policy and mode of the best that the server offers; ("None", "None") when there is nothing good."""
    return next((pair for pair in _PREFERRED if pair in remote.policies), ("None", "None"))


def advice(remote: Remote) -> str:
    """The same as it is written into a PLC's file."""
    policy, mode = best(remote)
    return f"security:\n  policy: {policy}\n  mode: {mode}"


_PREFERRED: Final = tuple(
    (policy, mode)
    for mode in ("SignAndEncrypt", "Sign")
    for policy in ("Aes256_Sha256_RsaPss", "Basic256Sha256", "Aes128_Sha256_RsaOaep")
)
