"""Which client applications may open a secure channel: those whose certificate the store trusts."""

from __future__ import annotations

from asyncua import ua

from controller.opcua.certificates import Certificate, Purpose, Store, Unreadable, judge, on_the_wire
from controller.opcua.gateway.channel import Trust
from controller.opcua.gateway.security.limits import QuietLog
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.session import Session


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


class Vetting:
    """Whether applications that are in may stay, when the lists have changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seen = store.lists()

    def changed(self) -> bool:
        """Whether the lists have changed since it was asked last."""
        before, self._seen = self._seen, self._store.lists()
        return before is not self._seen

    def stands(self, session: Session) -> bool:
        """Judged with the chain that its channel showed; a session without a channel has the certificate."""
        if not session.certificate:
            return True
        shown = session.certificate if session.channel is None else session.channel.channel.chain
        return judge(shown, self._store, Purpose.CLIENT).is_good


def trusting_anybody(shown: bytes) -> None:
    """For the demo, on loopback only: any certificate that is one."""
    try:
        Certificate.read(shown)
    except Unreadable as error:
        raise Fault(ua.StatusCodes.BadCertificateInvalid, str(error)) from error
