"""Certificates: the application's own, those of others it trusts, and what is wrong with one in plain words.

In: a folder (`pki` in the data directory), certificates that peers show. Out: the own certificate and key,
verdicts with the StatusCode of Part 4, 6.1.3 and the command that helps. Nothing is trusted that a person
has not trusted: an unknown certificate lies in `rejected` until somebody does. `doctor` is imported by
who needs it: it talks to servers.
"""

from controller.opcua.certificates.certificate import Certificate, Unreadable, certificates_in, chain_of
from controller.opcua.certificates.expiry import WARN_DAYS, Expiring, expiring
from controller.opcua.certificates.making import (
    Made,
    application_uri,
    ensure,
    host_names,
    install,
    make,
    renew,
    request,
)
from controller.opcua.certificates.store import Store, StoreError
from controller.opcua.certificates.trust import Purpose, Verdict, judge, on_the_wire

__all__ = [
    "WARN_DAYS",
    "Certificate",
    "Expiring",
    "Made",
    "Purpose",
    "Store",
    "StoreError",
    "Unreadable",
    "Verdict",
    "application_uri",
    "certificates_in",
    "chain_of",
    "ensure",
    "expiring",
    "host_names",
    "install",
    "judge",
    "make",
    "on_the_wire",
    "renew",
    "request",
]
