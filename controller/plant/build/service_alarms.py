"""Alarms of the service itself that go without saying: a certificate ends soon, a follower is not heard, a
rota has a hole.

One alarm for all certificates, the own one and those trusted: its text says which. It stands from 60 days
before the end, told by the housekeeping, until a new one is there or the old one is trusted no longer.
One for all followers: it stands while a database, broker or mail server does not take what is sent on.
One for all that followers have put aside, since it is refused for good: it stands until a person has sent it
again or dropped it (`heloop influx parked`).
One for all rotas of routes.yaml: it stands while one that a step names has a hole within 14 days, told by
the housekeeping too.
"""

from __future__ import annotations

from typing import Final

from alarms.model import Alarm, Help, Told
from controller.plant.build.alarm_rules import AlarmRules
from controller.plant.draft import Draft
from controller.plant.plant import CERTIFICATES, FOLLOWERS, PARKED, ROTAS, SERVICE_NAME

CLASS: Final = "certificate"
FOLLOWER_DELAY_S: Final = 60.0  # a database that is restarted is no trouble


OWN: Final = (
    Alarm(
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
    ),
    Alarm(
        id=FOLLOWERS,
        condition=Told(FOLLOWERS),
        priority=3,
        source=SERVICE_NAME,
        level="FOLLOWER",
        text="the record does not go on to others",
        on_delay_s=FOLLOWER_DELAY_S,
        alarm_class="service",
        help=Help(
            "the database, its network or its token",
            "nothing is lost while the disk has room; trends elsewhere stand still",
            "the text names it; `heloop status` and the follower's log say since when",
            "1 d",
        ),
    ),
    Alarm(
        id=PARKED,
        condition=Told(PARKED),
        priority=3,
        source=SERVICE_NAME,
        level="PARKED",
        text="a database refuses lines for good",
        alarm_class="service",
        help=Help(
            "somebody else writes there with fields of another type, or the database was changed",
            "these lines are missing there; the journal and the follower's file have them",
            "`heloop influx parked` shows them with their reason, and sends them again or drops them",
            "1 w",
        ),
    ),
)

OF_ROTAS: Final = Alarm(
    id=ROTAS,
    condition=Told(ROTAS),
    priority=3,
    source=SERVICE_NAME,
    level="ROTA",
    text="a rota has a hole within 14 days",
    alarm_class="service",
    help=Help(
        "a calendar ends, somebody left, a holiday falls between two shifts",
        "alarms at that time reach nobody before the next step",
        "the text names it; fill it in routes.yaml or its calendar, and restart the service",
        "before that time",
    ),
)


def add_service(draft: Draft, rules: AlarmRules) -> None:
    """Adds them, where alarms.yaml has not written one of that name itself."""
    if draft.plant is None:
        return
    spoken = {item.entry.name for item in draft.alarm_items}
    for alarm in (*OWN, OF_ROTAS) if draft.rota_items else OWN:
        if alarm.id not in spoken:
            rules.add(alarm, draft.plant.place)
    draft.counts["alarms"] = len(rules.alarms)
