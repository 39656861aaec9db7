"""Certificates as strangers send them: read, or refused, and never anything else."""

from __future__ import annotations

import contextlib
import random

import pytest
from asyncua import ua
from asyncua.crypto.cert_gen import generate_self_signed_app_certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from controller.opcua.gateway.security.policies import leaf_of, rsa_key_of, uris_of
from controller.opcua.gateway.services import Fault
from tests.system.gateway_rig import CLIENT_URI, credentials


def test_a_chain_is_read_by_its_first_certificate() -> None:
    one = credentials(CLIENT_URI).certificate
    assert leaf_of(one + credentials("urn:ca").certificate).public_bytes(Encoding.DER) == one
    assert uris_of(one) == [CLIENT_URI]


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 1024)]
)
def test_keys_that_no_policy_allows_are_refused(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> None:
    uri = [x509.UniformResourceIdentifier(CLIENT_URI)]
    made = generate_self_signed_app_certificate(key, "x", {}, uri, [])
    with pytest.raises(Fault) as refused:
        rsa_key_of(made)
    assert refused.value.code == ua.StatusCodes.BadCertificateInvalid


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("seed", range(4))
def test_bytes_that_are_nearly_a_certificate(seed: int) -> None:
    by, good = random.Random(seed), credentials(CLIENT_URI).certificate
    for _ in range(500):
        data = bytearray(good)
        for _ in range(by.randrange(1, 4)):
            data[by.randrange(len(data))] = by.randrange(256)
        shown = bytes(data[: by.choice((len(data), by.randrange(len(data))))])
        uris_of(shown)
        with contextlib.suppress(Fault):
            rsa_key_of(leaf_of(shown))
