"""Who we are to a PLC and whom we trust: certificates by path, secrets by reference, never by value."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.crypto.security_policies import SecurityPolicy

from controller.opcua.certificates import Certificate, Purpose, Store, ensure, judge
from controller.opcua.link.errors import LinkLost
from controller.plant.plant import Security


@dataclass(frozen=True, slots=True)
class Identity:
    """Our application certificate and key (PEM or DER), and whose server certificates we trust.

    store None: any server certificate is taken, and the link reports that it was.
    """

    certificate: Path
    key: Path
    store: Store | None = None
    application_uri: str = "urn:heloop:link"

    @classmethod
    def of(cls, store: Store, plant: str) -> Identity:
        """That of a data directory, made if there is none yet. Raises StoreError and Unreadable."""
        made = ensure(store, plant)
        return cls(store.certificate, store.key, store, made.certificate.application_uri)


def secret(reference: str) -> str:
    """What 'env:NAME', 'file:PATH' or 'credential:NAME' (systemd) refers to; LinkLost if not there."""
    kind, _, name = reference.partition(":")
    try:
        if kind == "env":
            return os.environ[name]
        if kind == "file":
            return Path(name).read_text(encoding="utf-8").rstrip("\n")
        if kind == "credential":
            return (Path(os.environ["CREDENTIALS_DIRECTORY"]) / name).read_text(encoding="utf-8").rstrip("\n")
    except (KeyError, OSError) as error:
        raise LinkLost(f"the secret {reference} is not there: {error}") from None
    raise LinkLost(f"the secret {reference!r} must be env:NAME, file:PATH or credential:NAME")


async def secure(client: Client, security: Security, identity: Identity | None) -> str | None:
    """Sets policy, mode, certificates and user on a client that is not yet connected.

    Returns a warning for the operator, or None.
    """
    if security.user is not None:
        client.set_user(security.user)
        if security.password is not None:
            client.set_password(await asyncio.to_thread(secret, security.password))
    if security.policy == "None":
        return None
    if identity is None:
        raise LinkLost(f"policy {security.policy} needs a client certificate, and none is configured")
    client.application_uri = identity.application_uri
    policy: type[SecurityPolicy] | None = getattr(
        security_policies, f"SecurityPolicy{security.policy.replace('_', '')}", None
    )
    if policy is None or security.mode not in ("Sign", "SignAndEncrypt"):
        raise LinkLost(f"security policy {security.policy}, mode {security.mode} is not known")
    mode = ua.MessageSecurityMode[security.mode]
    await client.set_security(policy, identity.certificate, identity.key, mode=mode)
    offered = client.security_policy.peer_certificate or b""
    return await asyncio.to_thread(_judged, client, offered, identity)


def _judged(client: Client, offered: bytes, identity: Identity) -> str | None:
    """What is to be said of the server's certificate; LinkLost when it is not to be trusted."""
    if identity.store is None:
        name = Certificate.read(offered).thumbprint if offered else "none"
        return f"the server's certificate {name} was not checked: no folder of trusted ones is configured"
    verdict = judge(offered, identity.store, Purpose.SERVER, host=client.server_url.hostname)
    if not verdict.is_good:
        raise LinkLost(f"the server is not trusted: {verdict.sentence}")
    return "; ".join(verdict.remarks) or None
