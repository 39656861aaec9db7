"""Who a client's user is: the user identity token against the accounts (Part 4, 5.7.3 and 7.40).

Every failure looks the same to the client, whether the user is unknown, the password wrong, the account
locked or locked out; the journal has the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import ua

from controller.core.roles import at_least
from controller.doors.accounts import Account, AccountError, Accounts
from controller.doors.logins import Logins, NotLetIn, Why
from controller.opcua.certificates import Certificate, Unreadable
from controller.opcua.gateway.services import Fault
from controller.opcua.gateway.session import NOBODY, Caller, Session

NAME_MAX: Final = 64  # signs of a user name that the journal repeats
_Codes: Final = ua.StatusCodes
_TOLD: Final = {
    Why.WRONG_SIGNATURE: _Codes.BadUserSignatureInvalid,
    Why.UNKNOWN_CERTIFICATE: _Codes.BadIdentityTokenRejected,
    Why.CERTIFICATE_TIME: _Codes.BadIdentityTokenRejected,
    Why.BUSY: _Codes.BadServerTooBusy,
}


@dataclass(frozen=True, slots=True)
class Login:
    """One try, for audit. user: as claimed; why: '' when let in. begins: a lock-out began with it."""

    user: str
    role: str
    how: str  # 'password' | 'certificate' | 'anonymous'
    peer: str
    application: str
    session: ua.NodeId
    why: str = ""
    code: int = 0
    begins: bool = False


class Authentication:
    """Asks the accounts. tell: hears of every try by a name; must not block."""

    def __init__(self, logins: Logins, tell: Callable[[Login], None] = lambda _: None) -> None:
        self._logins = logins
        self._tell = tell
        self._stamp = logins.accounts.stamp

    @property
    def accounts(self) -> Accounts:
        return self._logins.accounts

    async def authenticate(
        self,
        token: Any | None,
        *,
        session: Session,
        peer: str,
        encrypted: bool,
        certificate: bytes | None,
        verify: Callable[[bytes], bool],
    ) -> Caller:
        """The caller behind a token: None is anonymous; a password is in clear by now.

        certificate: the client application's, None without security; verify: whether the peer holds the key
        of this user certificate (DER). Raises Fault.
        """
        if token is None:
            return Caller("", NOBODY.role, session.id.to_string(), session.application, encrypted)
        if certificate is None:
            raise Fault(_Codes.BadIdentityTokenRejected, "a login needs a secured channel")
        try:
            if isinstance(token, ua.UserNameIdentityToken):
                how, claimed = "password", str(token.UserName or "")
                account = await self._by_password(claimed, token.Password or b"", peer)
            elif isinstance(token, ua.X509IdentityToken):
                shown = _readable(token.CertificateData or b"")
                how, claimed = "certificate", shown.name
                account = self._by_certificate(shown, peer, verify)
            else:
                raise Fault(_Codes.BadIdentityTokenRejected, "no such kind of login is offered")
        except NotLetIn as refused:
            code = _TOLD.get(refused.why, _Codes.BadUserAccessDenied)
            who = claimed[:NAME_MAX]
            here = (peer, session.application, session.id)
            self._tell(Login(who, "", how, *here, why=str(refused), code=code, begins=refused.begins))
            raise Fault(code, str(refused)) from refused
        self._tell(Login(account.name, account.role, how, peer, session.application, session.id))
        return Caller(account.name, account.role, session.id.to_string(), session.application, encrypted)

    async def _by_password(self, name: str, secret: bytes, peer: str) -> Account:
        try:
            password = secret.decode("utf-8")
        except UnicodeDecodeError:
            password = ""  # nobody's: it is counted as a wrong one
        return await self._logins.by_password(name, password, peer)

    def _by_certificate(self, shown: Certificate, peer: str, verify: Callable[[bytes], bool]) -> Account:
        account = self._logins.by_certificate(shown.fingerprint, peer, lambda: verify(shown.der))
        if not shown.not_before <= datetime.now(UTC) <= shown.not_after:
            raise NotLetIn(Why.CERTIFICATE_TIME)
        return account

    def stands(self, caller: Caller) -> bool:
        """Whether the accounts still have the caller with what they were let in with.

        Somebody anonymous stands always. A users file that cannot be read takes nobody's session away.
        """
        if not caller.user:
            return True
        try:
            account = self._logins.accounts.find(caller.user)
        except AccountError:
            return True
        return account is not None and not account.locked and at_least(account.role, caller.role)

    def changed(self) -> bool:
        """Whether the accounts have changed since it was asked last."""
        before, self._stamp = self._stamp, self._logins.accounts.stamp
        return before != self._stamp


def _readable(data: bytes) -> Certificate:
    try:
        return Certificate.read(data)
    except Unreadable as error:
        raise Fault(_Codes.BadIdentityTokenInvalid, str(error)) from error
