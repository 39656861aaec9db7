"""Alarms of the service itself that go without saying: a certificate that ends soon.

One alarm for all certificates, the own one and those trusted: its text says which. It stands from 60 days
before the end, told by the housekeeping, until a new one is there or the old one is trusted no longer.
"""

from __future__ import annotations

from typing import Final

from alarms.model import Alarm, Help, Told
from controller.plant.build.alarm_rules import AlarmRules
from controller.plant.draft import Draft
from controller.plant.plant import CERTIFICATES, SERVICE_NAME

CLASS: Final = "certificate"


def add_service(draft: Draft, rules: AlarmRules) -> None:
    """Adds it, where alarms.yaml has not written one of that name itself."""
    spoken = {item.entry.name for item in draft.alarm_items}
    if draft.plant is None or CERTIFICATES in spoken:
        return
    alarm = Alarm(
        id=CERTIFICATES,
        condition=Told(CERTIFICATES),
        priority=3,
        source=SERVICE_NAME,
        level="CERTIFICATE",
        text="a certificate ends within 60 days",
        alarm_class=CLASS,
        help=Help(
            "certificates are made for some years",
            "from that day on the PLC or client it belongs to is refused, or everybody if it is our own",
            "`heloop certs doctor` names it and what to do",
            "before its day",
        ),
    )
    rules.add(alarm, draft.plant.place)
    draft.counts["alarms"] = len(rules.alarms)
