"""A sign of life to somebody outside, only while the whole way is well: when it stays away, they call.

Well is: the core answers, its journal is followed to the end, and every way delivers. A sign that is
withheld is the point of it and is only logged; one that cannot be sent, twice in a row, is a trouble.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

import aiohttp
import structlog

from controller.followers.notify.apprise_chat import resolved
from controller.followers.notify.mail import MailWay
from controller.followers.notify.ways import DELIVERED, Outcome, reason
from controller.followers.secrets import NoSecret
from controller.plant.notification import Heartbeat

ASK_S: Final = 20.0
FAILURES: Final = 2


class Beating:
    """well: '' or why it is not. tell: hears why signs cannot be sent, and '' when they can again."""

    def __init__(
        self,
        settings: Heartbeat,
        plant: str,
        mail: tuple[MailWay, str] | None,
        well: Callable[[], Awaitable[str]],
        tell: Callable[[str], None],
    ) -> None:
        self._settings, self._plant, self._mail = settings, plant, mail
        self._well, self._tell = well, tell
        self.sent = self.withheld = self.failures = 0  # failures: in a row
        self._log = structlog.get_logger("notify")

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.beat()
            await asyncio.sleep(self._settings.every_s)

    async def beat(self) -> None:
        """One sign, by every way that there is."""
        amiss = await self._well()
        if amiss:
            self.withheld += 1
            self._log.warning(f"no heartbeat: {amiss}")
            return
        outcomes = [
            *([await self._ask()] if self._settings.url else []),
            *([await self._post()] if self._settings.mail else []),
        ]
        wrong = [one.reason for one in outcomes if not one.delivered]
        if not wrong:
            self.sent += 1
            if self.failures >= FAILURES:
                self._tell("")
            self.failures = 0
            return
        self.failures += 1
        if self.failures == FAILURES:
            self._tell("; ".join(wrong))

    async def _ask(self) -> Outcome:
        """The address is a secret: of an error only its kind is told."""
        try:
            url = resolved(self._settings.url)
            timeout = aiohttp.ClientTimeout(total=ASK_S)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
                if answer.status < 400:
                    return DELIVERED
                return Outcome(False, f"the heartbeat's address answers HTTP {answer.status}")
        except NoSecret as error:
            return Outcome(False, str(error))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Outcome(False, f"the heartbeat's address is not reached ({type(error).__name__})")

    async def _post(self) -> Outcome:
        assert self._mail is not None, "checked with the plant: a heartbeat by mail has a mail server"
        way, sender = self._mail
        letter = EmailMessage()
        letter["From"], letter["To"] = sender, self._settings.mail
        letter["Subject"] = f"{self._plant}: heloop is well"
        letter["Date"] = format_datetime(datetime.now(UTC))
        letter["Message-ID"] = make_msgid(domain="heloop")
        letter["Auto-Submitted"] = "auto-generated"
        every_min = self._settings.every_s / 60
        letter.set_content(
            f"Control and notification of {self._plant} run. The next sign comes in {every_min:g} min; "
            "when none comes, look at the machine it runs on.\n"
        )
        outcome = await way.post(letter, self._settings.mail)
        return (
            outcome if outcome.delivered else Outcome(False, f"heartbeat by mail: {reason(outcome.reason)}")
        )
