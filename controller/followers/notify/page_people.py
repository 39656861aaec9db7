"""Who acknowledges at the page: the one whose mail it was, or who logs in with account and password."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from alarms.routes import Recipient
from controller.doors.accounts import Account, AccountError
from controller.doors.logins import Logins, NotLetIn, Why
from controller.followers.notify.acknowledging import DOOR, Answer
from controller.followers.notify.links import Link
from controller.followers.notify.page_door import Pace
from controller.followers.notify.wording import plain
from controller.plant.plant import Plant

NAME_MAX: Final = 64
PASSWORD_MAX: Final = 256
TOLD_EVERY_S: Final = 10.0  # refused logins of one address in the journal
NOT_LET_IN: Final = {Why.LOCKED_OUT: "locked_out", Why.BUSY: "busy", Why.UNUSABLE: "fault"}
Record = Callable[[str, str, str, dict[str, Any]], Awaitable[None]]
log = structlog.get_logger("notify")


class People:
    """Those of routes.yaml, and the service's users. record: puts an event into the journal."""

    def __init__(self, plant: Plant, logins: Logins, record: Record) -> None:
        routes = plant.notification.routes if plant.notification is not None else None
        self._named = {one.name: one for one in routes.recipients} if routes is not None else {}
        self._logins, self._record = logins, record
        self._refused = Pace(per_s=1 / TOLD_EVERY_S, burst=3)

    def named(self, name: str) -> Recipient | None:
        return self._named.get(name)

    def owner(self, link: Link) -> Recipient | None:
        """Whose link it is, when it needs no login: by the link, and still by the configuration."""
        person = self._named.get(link.recipient)
        if person is None or not link.personal or person.room or not person.link_acknowledges:
            return None
        return person if person.user else None

    async def account(self, link: Link, said: Mapping[str, str], peer: str) -> Account | Answer:
        """As whom it is asked, by the form's fields; or why as nobody."""
        name, password = said.get("account", "").strip(), said.get("password", "")
        owner = self.owner(link)
        try:
            if owner is not None and not name:
                account = self._logins.accounts.find(owner.user)
                return account if account is not None and not account.locked else Answer("login")
            if not name or not password:
                return Answer("login")
            return await self._logins.by_password(name[:NAME_MAX], password[:PASSWORD_MAX], peer)
        except AccountError as error:
            log.error("the users file cannot be used", why=str(error))
            return Answer("fault")
        except NotLetIn as refusal:
            await self._tell_refused(name, peer, refusal)
            return Answer(NOT_LET_IN.get(refusal.why, "wrong"))

    async def _tell_refused(self, name: str, peer: str, refusal: NotLetIn) -> None:
        """A record of it, though strangers cannot fill the journal."""
        if not refusal.begins and not self._refused.allows(peer):
            return
        user = plain(name, NAME_MAX)
        text = f"login of {user} on a message's page from {peer} refused: {refusal.why.value}"
        text += "; locked out now" if refusal.begins else ""
        data = {"user": user, "peer": peer, "why": refusal.why.value, "door": DOOR}
        await self._record("notify.login_refused", peer, text, data)
