"""Which client applications may open a secure channel: those whose certificate the store trusts."""

from __future__ import annotations

from asyncua import ua

from controller.opcua.certificates import Certificate, Purpose, Store, Unreadable, judge, on_the_wire
from controller.opcua.gateway.channel import Trust
from controller.opcua.gateway.security.limits import QuietLog
from controller.opcua.gateway.services import Fault


def trusting(store: Store, log: QuietLog) -> Trust:
    """Judges by the trust list of that moment; what is wrong is said to the log, not to the client."""

    def trust(shown: bytes) -> None:
        verdict = judge(shown, store, Purpose.CLIENT)
        if not verdict.is_good:
            log.tell("certificate", f"a client was turned away: {verdict.sentence}")
            raise Fault(on_the_wire(verdict.code), verdict.text)
        for remark in verdict.remarks:
            log.tell("certificate let pass", f"a client's certificate was let pass: {remark}")

    return trust


def trusting_anybody(shown: bytes) -> None:
    """For the demo, on loopback only: any certificate that is one."""
    try:
        Certificate.read(shown)
    except Unreadable as error:
        raise Fault(ua.StatusCodes.BadCertificateInvalid, str(error)) from error
