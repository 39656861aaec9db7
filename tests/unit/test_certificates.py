"""Whose certificate is trusted, and what the person reads whose certificate is not (Part 4, 6.1.3)."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from asyncua import ua
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from controller.opcua.certificates import (
    Certificate,
    Purpose,
    Store,
    StoreError,
    Unreadable,
    chain_of,
    ensure,
    expiring,
    host_names,
    install,
    judge,
    make,
    on_the_wire,
    renew,
    request,
)
from controller.opcua.certificates.doctor import diagnose
from controller.opcua.certificates.store import REJECTED_MAX
from tests.unit.papers import DAY, NOW, Paper, paper, revocations

Codes = ua.StatusCodes


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.of(tmp_path)


def code(store: Store, shown: bytes, **how: object) -> int:
    return judge(shown, store, Purpose.CLIENT, **how).code


# --- our own ------------------------------------------------------------------------------------------


def test_the_first_start_makes_a_certificate_as_part_6_wants_it_and_the_next_keeps_it(store: Store) -> None:
    made = ensure(store, "university")
    assert made.is_new
    assert made.certificate.application_uri.startswith("urn:")
    assert made.certificate.application_uri.endswith(":heloop:university")
    assert set(host_names()) <= set(made.certificate.hosts)
    assert made.certificate.key_bits == 2048
    assert not made.certificate.is_authority
    assert 4.9 * 365 < made.certificate.days_left(NOW) < 5.1 * 365
    assert stat.S_IMODE(store.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.root.stat().st_mode) == 0o700
    key = load_pem_private_key(store.key.read_bytes(), None)
    assert key.public_key() == made.certificate.x509.public_key()
    again = ensure(store, "university")
    assert (again.is_new, again.certificate) == (False, made.certificate)
    assert diagnose(store) == []


def test_half_a_pair_is_not_made_good_by_overwriting_the_other_half(store: Store) -> None:
    ensure(store, "p")
    store.certificate.unlink()
    with pytest.raises(StoreError, match="heloop certs renew"):
        ensure(store, "p")
    with pytest.raises(StoreError, match="heloop certs renew"):
        make(store, "p")
    assert renew(store, "p").is_new
    assert diagnose(store) == []


def test_renewal_keeps_the_applications_uri_and_puts_the_old_pair_aside(store: Store) -> None:
    old = make(store, "p", ["opc.example"], "urn:plant:p").certificate
    new = renew(store, "ignored", ["second.example"]).certificate
    assert (new.application_uri, new.name) == ("urn:plant:p", old.name)
    assert {"opc.example", "second.example"} <= set(new.hosts)
    assert new.x509.public_key() != old.x509.public_key()
    (aside,) = store.root.glob("own/old-*/certificate.der")
    assert aside.read_bytes() == old.der


def test_a_ca_of_ones_own_signs_our_request_and_the_result_is_shown_with_its_chain(store: Store) -> None:
    old = make(store, "p", ["opc.example"], "urn:plant:p").certificate
    asked = x509.load_pem_x509_csr(request(store, "p", ["second.example"]))
    assert asked.is_signature_valid
    names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:plant:p"]
    assert {"opc.example", "second.example"} <= set(names.get_values_for_type(x509.DNSName))
    root = paper("root", authority=True, number=1)
    middle = paper("middle", authority=True, issuer=root, number=2)
    ours = load_pem_private_key(store.key.read_bytes(), None)
    assert isinstance(ours, rsa.RSAPrivateKey)
    leaf = paper("heloop p", issuer=middle, uri="urn:plant:p", key=ours)
    bundle = b"".join(one.certificate.x509.public_bytes(Encoding.PEM) for one in (leaf, middle, root))
    assert install(store, bundle).certificate == leaf.certificate
    assert store.own() == leaf.certificate
    assert store.own_chain() == middle.der
    (aside,) = store.root.glob("own/old-*/certificate.der")
    assert aside.read_bytes() == old.der
    assert load_pem_private_key(store.key.read_bytes(), None).public_key() == old.x509.public_key()
    theirs = Store.of(store.root.parent / "theirs")
    theirs.trust(root.certificate)
    for authority in (root, middle):
        theirs.add_revocations(revocations(authority))
    assert code(theirs, leaf.der + store.own_chain()) == Codes.Good
    for wrong, says in (
        (paper("x", issuer=middle, uri="urn:plant:p", number=5), "another key"),
        (paper("x", issuer=middle, uri="urn:other", key=ours), "application URI"),
        (paper("x", uri="urn:plant:p", key=ours, ends=NOW - DAY, begins=NOW - 9 * DAY), "expired"),
    ):
        with pytest.raises(StoreError, match=says):
            install(store, wrong.der)
    assert store.own() == leaf.certificate
    assert renew(store, "p").is_new
    assert store.own_chain() == b""


def test_a_name_that_is_none_is_said_to_be(store: Store) -> None:
    with pytest.raises(StoreError, match="neither a host name"):
        make(store, "p", ["höst"])


# --- whom we trust --------------------------------------------------------------------------------------


def test_a_stranger_is_turned_away_kept_and_trusted_by_his_thumbprint(store: Store) -> None:
    shown = paper()
    verdict = judge(shown.der, store, Purpose.CLIENT)
    assert verdict.code == Codes.BadCertificateUntrusted
    assert f"heloop certs trust {shown.certificate.thumbprint[:16]}" in verdict.fix
    assert store.rejects() == (shown.certificate,)
    store.trust(store.find(shown.certificate.thumbprint[:8].lower()))
    assert store.rejects() == ()
    assert code(store, shown.der) == Codes.Good
    store.reject(store.find("client"))
    assert code(store, shown.der) == Codes.BadCertificateUntrusted


def test_the_same_name_with_another_key_is_another_certificate(store: Store) -> None:
    store.trust(paper().certificate)
    assert code(store, paper(number=1).der) == Codes.BadCertificateUntrusted


def test_a_stranger_learns_nothing_of_our_lists(store: Store) -> None:
    untrusted = (
        Codes.BadCertificateUntrusted,
        Codes.BadCertificateRevoked,
        Codes.BadCertificateChainIncomplete,
        Codes.BadCertificateInvalid,
    )
    assert {on_the_wire(one) for one in untrusted} == {Codes.BadSecurityChecksFailed}
    assert on_the_wire(Codes.BadCertificateTimeInvalid) == Codes.BadCertificateTimeInvalid
    assert on_the_wire(Codes.Good) == Codes.Good


def test_rejected_ones_make_room_for_newer_ones(store: Store) -> None:
    for number in range(REJECTED_MAX + 5):
        judge(paper(f"client {number}").der, store, Purpose.CLIENT)
    names = {one.name for one in store.rejects()}
    assert len(names) == REJECTED_MAX
    assert f"client {REJECTED_MAX + 4}" in names


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (paper(ends=NOW - DAY, begins=NOW - 9 * DAY), Codes.BadCertificateTimeInvalid),
        (paper(begins=NOW + DAY), Codes.BadCertificateTimeInvalid),
        (paper(bits=1024), Codes.BadCertificatePolicyCheckFailed),
        (paper(elliptic=True), Codes.BadCertificateInvalid),
        (paper(signs=False), Codes.BadCertificateUseNotAllowed),
        (paper(uses=(ExtendedKeyUsageOID.SERVER_AUTH,)), Codes.BadCertificateUseNotAllowed),
        (paper(uses=()), Codes.Good),
    ],
    ids=[
        "expired",
        "not yet valid",
        "short key",
        "not its own signature",
        "no signing",
        "server only",
        "any",
    ],
)
def test_what_is_wrong_with_a_trusted_certificate_still_counts(
    store: Store, shown: Paper, expected: int
) -> None:
    store.trust(shown.certificate)
    verdict = judge(shown.der, store, Purpose.CLIENT)
    assert verdict.code == expected
    assert (
        verdict.code == Codes.Good
        or "anew" in verdict.sentence
        or "renew" in verdict.sentence
        or ("signature" in verdict.text)
    )


def test_an_expired_one_passes_only_when_a_person_has_said_so_and_is_remarked_upon(store: Store) -> None:
    old = paper(ends=NOW - DAY, begins=NOW - 9 * DAY)
    store.trust(old.certificate, allow=("expired",))
    verdict = judge(old.der, store, Purpose.CLIENT)
    assert verdict.is_good
    assert "expired" in verdict.remarks[0]
    store.reject(old.certificate)
    store.trust(old.certificate)  # trusted anew without that word
    assert code(store, old.der) == Codes.BadCertificateTimeInvalid


def test_hosts_and_uris_are_remarks_for_one_trusted_itself_and_errors_for_a_cas(store: Store) -> None:
    authority, own = paper("ca", authority=True, number=1), paper("own")
    issued = paper("issued", issuer=authority, number=2)
    store.trust(own.certificate)
    store.trust(authority.certificate)
    store.add_revocations(revocations(authority))

    def server(shown: Paper, **how: str) -> int:
        return judge(shown.der, store, Purpose.SERVER, **how).code

    assert server(own, host="plc.example") == Codes.Good
    assert judge(own.der, store, Purpose.SERVER, host="plc.example").remarks
    assert server(issued, host="LOCALHOST") == Codes.Good
    assert server(issued, host="plc.example") == Codes.BadCertificateHostNameInvalid
    assert server(issued, application_uri="urn:another") == Codes.BadCertificateUriInvalid
    assert server(issued, application_uri="urn:test:client") == Codes.Good
    assert code(store, own.der, application_uri="urn:another") == Codes.BadCertificateUriInvalid


def test_bytes_that_are_no_certificate(store: Store) -> None:
    good = paper().der
    for shown in (
        b"",
        b"GET / HTTP/1.1",
        b"\x30\x82\xff\xff",
        good[:-5],
        good + b"x",
        good * 9,
        b"\x30" * 70_000,
    ):
        assert code(store, shown) == Codes.BadCertificateInvalid
    with pytest.raises(Unreadable):
        Certificate.read(b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    assert store.rejects() == ()


# --- authorities ----------------------------------------------------------------------------------------


def test_a_chain_is_followed_to_a_trusted_ca_with_its_revocation_lists(store: Store) -> None:
    root = paper("root", authority=True, number=1)
    middle = paper("middle", authority=True, issuer=root, number=2)
    shown = paper("shown", issuer=middle, number=3)
    assert code(store, shown.der) == Codes.BadCertificateChainIncomplete
    chain = shown.der + middle.der + root.der
    assert [one.name for one in chain_of(chain)] == ["shown", "middle", "root"]
    assert code(store, chain) == Codes.BadCertificateUntrusted
    store.trust(root.certificate)
    assert code(store, chain) == Codes.BadCertificateRevocationUnknown
    store.add_revocations(revocations(middle))
    assert code(store, chain) == Codes.BadCertificateIssuerRevocationUnknown
    store.add_revocations(revocations(root))
    assert code(store, chain) == Codes.Good
    assert code(store, shown.der) == Codes.BadCertificateChainIncomplete
    store.add_issuer(middle.certificate)
    assert code(store, shown.der) == Codes.Good
    store.add_revocations(revocations(middle, shown))
    assert code(store, chain) == Codes.BadCertificateRevoked
    store.add_revocations(revocations(middle))
    store.add_revocations(revocations(root, middle))
    assert code(store, chain) == Codes.BadCertificateIssuerRevoked


def test_an_issuer_alone_makes_nobody_trusted(store: Store) -> None:
    authority = paper("ca", authority=True, number=1)
    shown = paper(issuer=authority)
    store.add_issuer(authority.certificate)
    store.add_revocations(revocations(authority))
    assert code(store, shown.der) == Codes.BadCertificateUntrusted


def test_a_trusted_application_cannot_make_others_trusted(store: Store) -> None:
    """Many stacks mark an application's own certificate as CA; whoever has its key could sign anything."""
    other = paper("application", number=1)
    store.trust(other.certificate)
    forged = paper("forged", issuer=other, number=2)
    assert code(store, forged.der) == Codes.BadCertificateChainIncomplete
    assert code(store, forged.der + other.der) == Codes.BadCertificateChainIncomplete


def test_a_revocation_list_of_somebody_else_with_the_same_name_counts_for_nothing(store: Store) -> None:
    authority = paper("ca", authority=True, number=1)
    impostor = paper("ca", authority=True, number=2)
    shown = paper(issuer=authority)
    store.trust(authority.certificate)
    store.add_revocations(revocations(impostor))
    assert code(store, shown.der) == Codes.BadCertificateRevocationUnknown


# --- the folder, its doctor, its calendar ------------------------------------------------------------------


def test_files_that_people_copy_in_count_at_once_in_der_and_pem(store: Store) -> None:
    shown = paper()
    store.prepare()
    assert code(store, shown.der) == Codes.BadCertificateUntrusted
    (store.trusted / "mine.pem").write_bytes(shown.certificate.x509.public_bytes(Encoding.PEM))
    assert code(store, shown.der) == Codes.Good
    store.trust(shown.certificate)  # once more changes nothing
    assert [path.name for path in store.trusted.iterdir()] == ["mine.pem"]
    (store.trusted / "mine.pem").unlink()
    assert code(store, shown.der) == Codes.BadCertificateUntrusted


def test_two_of_one_name_must_be_told_apart(store: Store) -> None:
    for number in (0, 1):
        store.trust(paper(number=number).certificate)
    with pytest.raises(StoreError, match="say which"):
        store.find("client")
    with pytest.raises(StoreError, match="heloop certs list"):
        store.find("nobody")
    with pytest.raises(StoreError, match="no CA"):
        store.add_issuer(paper().certificate)
    with pytest.raises(StoreError, match="no revocation list"):
        store.add_revocations(b"nonsense")


def test_the_doctor_names_each_fault_with_its_fix(store: Store) -> None:
    (nothing,) = diagnose(store)
    assert nothing.is_error
    assert "heloop certs create" in nothing.fix
    ensure(store, "p")
    store.key.chmod(0o644)
    store.trust(paper("old", ends=NOW - DAY, begins=NOW - 9 * DAY).certificate)
    store.trust(paper("soon", ends=NOW + 10 * DAY).certificate)
    store.trust(paper("ca", authority=True, number=1).certificate)
    (store.trusted / "broken.der").write_bytes(b"nonsense")
    judge(paper("stranger").der, store, Purpose.CLIENT)
    found = {finding.text: finding for finding in diagnose(store)}
    for word, fix, is_error in (
        ("others can read", "chmod 600", True),
        ("'old' expired", "heloop certs trust", True),
        ("'soon' expires", "heloop certs trust", False),
        ("the CA 'ca' has no revocation list", "--crl", True),
        ("broken.der", "rm ", True),
        ("'stranger'", "heloop certs trust", False),
    ):
        (one,) = [finding for text, finding in found.items() if word in text]
        assert fix in one.fix
        assert one.is_error is is_error
    assert len(found) == 6


def test_the_doctor_sees_a_key_that_belongs_to_another_certificate_and_one_that_is_gone(store: Store) -> None:
    ensure(store, "p")
    other = Store(store.root.parent / "other")
    ensure(other, "q")
    store.key.write_bytes(other.key.read_bytes())
    assert [finding.fix for finding in diagnose(store)] == ["`heloop certs renew`"]
    store.key.unlink()
    assert "not there" in diagnose(store)[0].text
    store.certificate.write_bytes(b"nonsense")
    assert "no X.509" in diagnose(store)[0].text


def test_what_ends_within_sixty_days_is_told_soonest_first(store: Store) -> None:
    ensure(store, "p")
    store.trust(paper("later", ends=NOW + 61 * DAY).certificate)
    store.trust(paper("soon", ends=NOW + 59 * DAY).certificate)
    store.trust(paper("over", ends=NOW - DAY, begins=NOW - 9 * DAY).certificate)
    assert [(one.name, one.is_over, one.severity) for one in expiring(store, NOW)] == [
        ("over", True, 700),
        ("soon", False, 300),
    ]
    in_five_years = NOW + timedelta(days=5 * 365 - 10)
    own = next(one for one in expiring(store, in_five_years) if one.whose == "own")
    assert "heloop certs renew" in own.fix
    assert own.severity == 500
