"""Logins at a front door: is it who they say, and how often may they be wrong.

Wrong passwords are counted for each user at each address, for each address, and for each user. Whoever is
locked out is refused before anything is computed, whatever the password, and gets in again when the time
is over. A user under attack from many addresses still comes in from one where they have been before.
One password is checked at a time, in a thread: an attack costs one core's 30 ms after another, and
a login waits its turn.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum
from typing import Final

from controller.doors.accounts import NOBODY, Account, AccountError, Accounts
from controller.doors.origins import origin_of

PEER_FACTOR: Final = 4  # behind one address several people may sit
USER_FACTOR: Final = 6
WAITING_MAX: Final = 32
REMEMBERED_MAX: Final = 10_000
_ANYBODY: Final = "anybody"
_ANYWHERE: Final = "anywhere"


class Why(Enum):
    """Why somebody is not let in; the value is for the journal."""

    WRONG = "unknown user or wrong password"
    UNKNOWN_CERTIFICATE = "the certificate belongs to no user"
    WRONG_SIGNATURE = "the signature is not made with the certificate's key"
    CERTIFICATE_TIME = "the user's certificate is not valid at this time"
    LOCKED = "the account is locked"
    LOCKED_OUT = "locked out after too many wrong logins"
    BUSY = "too many logins at once"
    ELSEWHERE = "the demo's users come in from this machine only"
    UNUSABLE = "the users file cannot be used"


class NotLetIn(Exception):
    """why is for the journal; the person is told no more than that it failed."""

    def __init__(self, why: Why, *, begins: bool = False, detail: str = "") -> None:
        super().__init__(detail or why.value)
        self.why = why
        self.begins = begins  # with this one a lock-out began


@dataclass(slots=True)
class _Tries:
    count: int
    since_s: float
    until_s: float = 0.0


class LockOut:
    """Counts failures by key; `limit` of them within `window_s` lock the key for as long."""

    def __init__(self, limit: int, window_s: float, now_s: Callable[[], float]) -> None:
        self._limit = limit
        self._window_s = window_s
        self._now_s = now_s
        self._tries: dict[tuple[str, str], _Tries] = {}
        self._seen: dict[tuple[str, str], None] = {}

    def holds(self, user: str, peer: str) -> bool:
        """Whether this user at this address is locked out now."""
        now_s, peer = self._now_s(), origin_of(peer)
        keys = [(_user(user), peer), (_ANYBODY, peer)]
        if (user, peer) not in self._seen:
            keys.append((_user(user), _ANYWHERE))
        return any(key in self._tries and self._tries[key].until_s > now_s for key in keys)

    def failed(self, user: str, peer: str) -> bool:
        """True when a lock-out begins with this one."""
        begins, peer = False, origin_of(peer)
        for key, factor in (
            ((_user(user), peer), 1),
            ((_ANYBODY, peer), PEER_FACTOR),
            ((_user(user), _ANYWHERE), USER_FACTOR),
        ):
            begins |= self._count(key, self._limit * factor)
        return begins

    def succeeded(self, user: str, peer: str) -> None:
        peer = origin_of(peer)
        self._tries.pop((_user(user), peer), None)
        self._seen.pop((user, peer), None)
        self._seen[user, peer] = None
        while len(self._seen) > REMEMBERED_MAX:
            self._seen.pop(next(iter(self._seen)))

    def _count(self, key: tuple[str, str], limit: int) -> bool:
        now_s = self._now_s()
        tries = self._tries.pop(key, None)
        if tries is None or now_s - tries.since_s > self._window_s:
            tries = _Tries(0, now_s)
        self._tries[key] = tries  # the newest last: the oldest is forgotten first
        while len(self._tries) > REMEMBERED_MAX:
            self._tries.pop(next(iter(self._tries)))
        tries.count += 1
        if tries.count < limit:
            return False
        tries.count, tries.since_s, tries.until_s = 0, now_s, now_s + self._window_s
        return True


class Logins:
    """One per front door. here_only: for the demo's users, who exist on this machine only."""

    def __init__(
        self,
        accounts: Accounts,
        *,
        limit: int = 5,
        lockout_s: float = 300.0,
        here_only: bool = False,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.accounts = accounts
        self._lockout = LockOut(limit, lockout_s, now_s)
        self._here_only = here_only
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, "passwords")

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def by_password(self, name: str, password: str, peer: str) -> Account:
        """Raises NotLetIn. A name that nobody has takes as long as a wrong password."""
        self._check_place(name, peer)
        if self._waiting >= WAITING_MAX:
            raise NotLetIn(Why.BUSY)
        self._waiting += 1
        try:
            async with self._turn:
                if self._lockout.holds(name, peer):
                    raise NotLetIn(Why.LOCKED_OUT)
                account = self._find(name)
                right = await asyncio.get_running_loop().run_in_executor(
                    self._thread, (account or NOBODY).accepts, password
                )
        finally:
            self._waiting -= 1
        if account is None or not right:
            raise NotLetIn(Why.WRONG, begins=self._lockout.failed(name, peer))
        return self._let_in(account, name, peer)

    def by_certificate(self, fingerprint: str, peer: str, proved: Callable[[], bool]) -> Account:
        """proved: whether the peer holds the certificate's key. Raises NotLetIn."""
        self._check_place(fingerprint, peer)
        if self._lockout.holds(fingerprint, peer):
            raise NotLetIn(Why.LOCKED_OUT)
        account = self._certificates_owner(fingerprint)
        if account is None:
            raise NotLetIn(Why.UNKNOWN_CERTIFICATE, begins=self._lockout.failed(fingerprint, peer))
        if not proved():
            raise NotLetIn(Why.WRONG_SIGNATURE, begins=self._lockout.failed(fingerprint, peer))
        return self._let_in(account, fingerprint, peer)

    def _let_in(self, account: Account, shown: str, peer: str) -> Account:
        if account.locked:
            raise NotLetIn(Why.LOCKED)
        self._lockout.succeeded(shown, peer)
        return account

    def _check_place(self, name: str, peer: str) -> None:
        if self._here_only and not is_loopback(peer):
            raise NotLetIn(Why.ELSEWHERE)
        if self._lockout.holds(name, peer):
            raise NotLetIn(Why.LOCKED_OUT)

    def _find(self, name: str) -> Account | None:
        try:
            return self.accounts.find(name)
        except AccountError as error:
            raise NotLetIn(Why.UNUSABLE, detail=str(error)) from error

    def _certificates_owner(self, fingerprint: str) -> Account | None:
        try:
            return self.accounts.with_certificate(fingerprint)
        except AccountError as error:
            raise NotLetIn(Why.UNUSABLE, detail=str(error)) from error


def _user(name: str) -> str:
    return f"user {name}"  # so that no name is that of _ANYBODY


def is_loopback(peer: str) -> bool:
    try:
        return ipaddress.ip_address(peer.partition("%")[0]).is_loopback
    except ValueError:
        return False
