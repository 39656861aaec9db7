"""What the gateway needs at its door, from one data directory: certificate, trust list, people."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from controller.doors.accounts import DemoAccounts, real_accounts
from controller.doors.logins import Logins
from controller.opcua.certificates import Store, StoreError, ensure
from controller.opcua.gateway.channel import Trust
from controller.opcua.gateway.security.authentication import Authentication, Login
from controller.opcua.gateway.security.limits import QuietLog
from controller.opcua.gateway.security.own import OwnCertificate
from controller.opcua.gateway.security.trust import Vetting, trusting, trusting_anybody
from controller.opcua.gateway.sessions import Sessions
from controller.opcua.gateway.settings import Limits


@dataclass(frozen=True, slots=True)
class Entrance:
    """certificate and key as Settings want them; uri: the application's, which is the certificate's.

    own: tells when they were renewed.

    vetting: who the applications are; None in the demo, where any will do.
    """

    certificate: bytes
    key: bytes
    uri: str
    trust: Trust
    authentication: Authentication
    vetting: Vetting | None
    own: OwnCertificate

    def send_away(self, sessions: Sessions) -> int:
        """Ends sessions of people who were removed, locked or put lower, and of applications that are not
        trusted any more; to be called now and then.

        Costs a few stats of files while none has changed.
        """
        gone = []
        if self.authentication.changed():
            gone += [
                one for one in sessions.all() if one.active and not self.authentication.stands(one.caller)
            ]
        if self.vetting is not None and self.vetting.changed():
            gone += [one for one in sessions.all() if not self.vetting.stands(one)]
        for session in dict.fromkeys(gone):
            sessions.end(session, delete_subscriptions=True)
        return len(set(gone))


@contextmanager
def entrance(
    plant: str,
    data: Path,
    limits: Limits,
    *,
    demo: bool = False,
    tell: Callable[[Login], None] = lambda _: None,
    now_s: Callable[[], float] = time.monotonic,
) -> Iterator[Entrance]:
    """Of one data directory; the certificate is made if there is none. tell: hears of each login.

    demo: viewer .. admin with the password demo-NAME from this machine, any client certificate.
    Raises StoreError, Unreadable and AccountError, which name what helps.
    """
    store = Store.of(data)
    made = ensure(store, plant)
    accounts = DemoAccounts() if demo else real_accounts(data)
    logins = Logins(
        accounts, limit=limits.logins_failed, lockout_s=limits.lockout_s, here_only=demo, now_s=now_s
    )
    try:
        yield Entrance(
            made.certificate.der + store.own_chain(),
            _key(store),
            made.certificate.application_uri,
            trusting_anybody if demo else trusting(store, QuietLog("opcua", now_s)),
            Authentication(logins, tell),
            None if demo else Vetting(store),
            OwnCertificate(store, made.certificate.application_uri, QuietLog("opcua", now_s)),
        )
    finally:
        logins.close()


def _key(store: Store) -> bytes:
    try:
        return store.key.read_bytes()
    except OSError as error:
        raise StoreError(f"{store.key} cannot be read: {error.strerror}; `heloop certs doctor`") from error
