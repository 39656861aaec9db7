"""Our own certificate on disk, looked at now and then: a renewed one is taken while clients are served."""

from __future__ import annotations

from controller.opcua.certificates import Store
from controller.opcua.gateway.security.limits import QuietLog
from controller.opcua.gateway.security.policies import Identity, identity_of, uris_of
from controller.opcua.gateway.services import Fault

_Stamp = tuple[tuple[int, int, int], ...]


class OwnCertificate:
    """uri: the application's, which clients know us by; it cannot become another while we run."""

    def __init__(self, store: Store, uri: str, log: QuietLog) -> None:
        self._store = store
        self._uri = uri
        self._log = log
        self._seen = self._stamp()

    def renewed(self) -> Identity | None:
        """The new pair, once; None when it is still the same, or not whole.

        A certificate and a key that do not fit are looked at again next time: one is being written.
        """
        stamp = self._stamp()
        if stamp == self._seen:
            return None
        try:
            chain = self._store.certificate.read_bytes() + self._store.own_chain()
            identity = identity_of(chain, self._store.key.read_bytes())
        except (OSError, ValueError, Fault) as error:
            self._log.tell("own certificate", f"the renewed certificate cannot be used yet: {error}")
            return None
        self._seen = stamp
        if self._uri not in uris_of(identity.der):
            self._log.tell(
                "own certificate", f"the new certificate is not {self._uri}'s: it is taken after a restart"
            )
            return None
        return identity

    def _stamp(self) -> _Stamp:
        found = []
        for path in (self._store.certificate, self._store.chain, self._store.key):
            try:
                known = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((known.st_mtime_ns, known.st_size, known.st_ino))
        return tuple(found)
