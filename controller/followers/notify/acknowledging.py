"""An acknowledgement on its way to the core, over the command socket, in the name of a person.

This process runs under the service's own account, so the core believes it whom it names; `door` and
`session` say in the journal how they came in.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controller.doors import frames
from controller.doors.accounts import Account
from controller.followers.notify.links import Link

DOOR: Final = "console"
ANSWER_S: Final = 17.0  # the core answers within 15 s, if only that it could not
ANSWERS: Final = {
    "BadConditionBranchAlreadyAcked": "already_somebody",
    "BadEventIdUnknown": "already_somebody",  # it waits for nobody any more
    "BadUserAccessDenied": "not_allowed",
    "BadNodeIdUnknown": "gone",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """what: a name of the texts' [answer]. reason: the core's sentence, where it is none of ours."""

    what: str
    reason: str = ""
    who: str = ""

    @property
    def done(self) -> bool:
        return self.what in {"done", "done_earlier"}


async def acknowledge(core: Path, account: Account, link: Link, comment: str) -> Answer:
    """Of the one activation that the link is for: a newer one goes on waiting. Never raises."""
    document = {
        "action": "acknowledge",
        "target": link.alarm,
        "args": {"event": link.event},
        "reason": comment,
        "user": account.name,
        "role": account.role,
        "door": DOOR,
        "session": f"link {link.id[:16]}",
    }
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await _asked(core, document)
    except (OSError, TimeoutError, frames.FrameError):
        return Answer("away")
    if not isinstance(answer, dict):
        return Answer("away")
    if answer.get("accepted"):
        return Answer("done", who=account.name)
    data = answer.get("data")
    codes = data.get("codes", ()) if isinstance(data, dict) else ()
    what = next((ANSWERS[code] for code in codes if code in ANSWERS), "refused")
    return Answer(what, str(answer.get("reason", "")), account.name)


async def _asked(core: Path, document: dict[str, Any]) -> Any:
    reader, writer = await asyncio.open_unix_connection(core, limit=frames.FRAME_BYTES_MAX)
    try:
        writer.write(frames.encode(document))
        await writer.drain()
        return await frames.read(reader)
    finally:
        writer.close()
