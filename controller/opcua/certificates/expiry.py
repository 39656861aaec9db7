"""What runs out soon: the own certificate, those trusted, CAs and their revocation lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from controller.opcua.certificates.certificate import Unreadable
from controller.opcua.certificates.store import Store

WARN_DAYS: Final = 60  # time enough to have a PLC's certificate renewed at a shutdown
URGENT_DAYS: Final = 14


@dataclass(frozen=True, slots=True)
class Expiring:
    """One thing that runs out. whose: 'own' | 'trusted' | 'issuer'. days: left, negative when it is over."""

    whose: str
    name: str
    thumbprint: str
    not_after: datetime
    days: float

    @property
    def is_over(self) -> bool:
        return self.days <= 0

    @property
    def severity(self) -> int:
        """OPC UA's 1..1000."""
        if self.is_over:
            return 700
        return 500 if self.days <= URGENT_DAYS else 300

    @property
    def fix(self) -> str:
        if self.whose == "own":
            return "`heloop certs renew`, restart, then have PLCs and clients trust the new one"
        return "have it renewed by its owner, then `heloop certs trust` the new one"

    @property
    def text(self) -> str:
        who = "our own certificate" if self.whose == "own" else f"the {self.whose} certificate '{self.name}'"
        when = f"{self.not_after:%Y-%m-%d}"
        return (
            f"{who} expired on {when}"
            if self.is_over
            else f"{who} expires on {when}, in {self.days:.0f} days"
        )

    @property
    def data(self) -> dict[str, Any]:
        """For the journal."""
        return {
            "whose": self.whose,
            "name": self.name,
            "thumbprint": self.thumbprint,
            "not_after": self.not_after.isoformat(),
            "days": round(self.days, 1),
            "fix": self.fix,
        }


def expiring(store: Store, now: datetime, within_days: float = WARN_DAYS) -> tuple[Expiring, ...]:
    """Everything that ends within so many days or has ended, soonest first."""
    lists = store.lists()
    whose = [*(("trusted", one) for one in lists.trusted), *(("issuer", one) for one in lists.issuers)]
    try:
        own = store.own()
    except Unreadable:
        own = None  # the doctor names it; here only time counts
    if own is not None:
        whose.insert(0, ("own", own))
    found = [
        Expiring(role, one.name, one.thumbprint, one.not_after, one.days_left(now)) for role, one in whose
    ]
    return tuple(sorted((one for one in found if one.days <= within_days), key=lambda one: one.days))
