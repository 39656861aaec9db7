"""User identity tokens on the wire: decrypted and checked before anybody judges them (Part 4, 7.40)."""

from __future__ import annotations

import hmac
import struct
from typing import Any, Final

from asyncua import ua
from asyncua.crypto import uacrypto
from cryptography.exceptions import InvalidSignature

from controller.opcua.gateway.channel import Channel
from controller.opcua.gateway.discovery import ANONYMOUS, CERTIFICATE, USERNAME
from controller.opcua.gateway.security.policies import Policies, leaf_of, rsa_key_of
from controller.opcua.gateway.services import Fault

_INVALID: Final = ua.StatusCodes.BadIdentityTokenInvalid
SECRET_BYTES_MAX: Final = 2_048
_DECRYPT: Final = {
    "http://www.w3.org/2001/04/xmlenc#rsa-oaep": uacrypto.decrypt_rsa_oaep,
    "http://opcfoundation.org/UA/security/rsa-oaep-sha2-256": uacrypto.decrypt_rsa_oaep_sha256,
}
_VERIFY: Final = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256": uacrypto.verify_sha256,
    "http://opcfoundation.org/UA/security/rsa-pss-sha2-256": uacrypto.verify_pss_sha256,
}
_POLICY_OF: Final = {
    ua.AnonymousIdentityToken: ANONYMOUS,
    ua.UserNameIdentityToken: USERNAME,
    ua.X509IdentityToken: CERTIFICATE,
}


def token_of(parameters: ua.ActivateSessionParameters, channel: Channel) -> Any | None:
    """The token, None for an anonymous one. Raises Fault for what the channel's endpoint does not ask for."""
    token = parameters.UserIdentityToken
    if token is None or (isinstance(token, ua.ExtensionObject) and not token.TypeId.Identifier):
        return None
    policy = _POLICY_OF.get(type(token))
    if policy is None:
        raise Fault(ua.StatusCodes.BadIdentityTokenRejected, "no such kind of login is offered")
    if policy == ANONYMOUS:
        return None
    if not channel.secured:
        raise Fault(ua.StatusCodes.BadIdentityTokenRejected, "a login needs a secured channel")
    if token.PolicyId != policy:
        raise Fault(_INVALID, "the login names a policy that the endpoint does not have")
    return token


def reveal(token: ua.UserNameIdentityToken, channel: Channel, policies: Policies, nonce: bytes) -> None:
    """Replaces the password by what it says in clear. Raises Fault(BadIdentityTokenInvalid).

    It must be encrypted for our certificate with the nonce we gave last, even inside an encrypted channel:
    so it cannot be recorded and used again.
    """
    secret = token.Password or b""
    kind = policies.asymmetric(channel.policy_uri)
    identity = channel.identity
    if kind is None or identity is None or token.EncryptionAlgorithm != kind.AsymmetricEncryptionURI:
        raise Fault(_INVALID, "the password is not encrypted as the endpoint asks")
    try:
        plain = _decrypted(secret, _DECRYPT[kind.AsymmetricEncryptionURI], identity.key)
        (length,) = struct.unpack_from("<I", plain)
    except (ValueError, struct.error):
        raise Fault(_INVALID, "the password cannot be decrypted") from None
    content = plain[4 : 4 + length]
    if len(content) != length or not hmac.compare_digest(content[-len(nonce) :], nonce):
        raise Fault(_INVALID, "the password is not for this login")
    token.Password = content[: -len(nonce)]
    token.EncryptionAlgorithm = None


def _decrypted(secret: bytes, decrypt: Any, key: Any) -> bytes:
    block = key.key_size // 8
    if not 0 < len(secret) <= SECRET_BYTES_MAX or len(secret) % block:
        raise ValueError("not whole blocks")
    return b"".join(decrypt(key, secret[at : at + block]) for at in range(0, len(secret), block))


def holds_key(der: bytes, signature: ua.SignatureData, data: tuple[bytes, ...], channel: Channel) -> bool:
    """Whether the owner of a user certificate signed one of `data`. Raises Fault for no certificate."""
    certificate = leaf_of(der)
    rsa_key_of(certificate)
    verify = _VERIFY.get(signature.Algorithm or "")
    if verify is None or not channel.secured:
        return False
    for one in data:
        try:
            verify(certificate, one, signature.Signature or b"")  # type: ignore[no-untyped-call]
        except (InvalidSignature, ValueError):
            continue
        return True
    return False
