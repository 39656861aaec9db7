"""A message as an e-mail: text, HTML and the trend picture; one thread per incident and address."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any, Final

from alarms.delivery import Message
from controller.followers.notify.bare import bare
from controller.followers.notify.context import Context
from controller.followers.notify.view import View, tone_of, view_of
from controller.followers.notify.wording import plain
from controller.followers.notify.words import local

POLICY: Final = SMTP.clone(cte_type="7bit")  # not every relay takes 8 bits
PICTURE: Final = "trend"


def letter(message: Message, context: Context) -> EmailMessage:
    """Ready to be sent, but for the password. The same message gives the same letter, Message-ID included."""
    view = view_of(message, context)
    at = local(message.at_ns, context.plant.timezone)
    mail = _headed(message, view.subject, context.sender, context.address.target, at)
    values = template_values(view)
    mail.set_content(context.templates.render("letter.txt", values))
    picture = f"{PICTURE}.{_digest(message.id)}@{_domain(context.sender)}"
    html = context.templates.render("letter.html", {**values, "cid": picture})
    mail.add_alternative(html, subtype="html")
    if view.picture and context.picture is not None:
        part = mail.get_payload()[1]  # type: ignore[index]
        part.add_related(  # type: ignore[union-attr]
            context.picture.png,
            "image",
            "png",
            cid=f"<{picture}>",
            disposition="inline",
            filename="trend.png",
        )
    return mail


def bare_letter(message: Message, plant: str, sender: str, target: str) -> EmailMessage:
    """In its plainest form: text alone, under the headers of the full one. plant: its name."""
    said = bare(message, plant)
    at = datetime.fromtimestamp(message.at_ns // 1_000_000_000, UTC)
    mail = _headed(message, said.subject, sender, target, at)
    mail.set_content(said.text)
    return mail


def template_values(view: View) -> dict[str, Any]:
    """What templates may use, by name."""
    return {name: getattr(view, name) for name in View.__slots__}


def message_id(message: Message, domain: str) -> str:
    """The opening message of a thread is named by the thread, so that later ones need not know it."""
    if message.incident and message.opens:
        return thread_id(message, domain)
    return f"<{_digest(message.id)}@{domain}>"


def thread_id(message: Message, domain: str) -> str:
    return f"<{_digest(f'{message.incident} {message.address}')}.incident@{domain}>"


def _headed(message: Message, subject: str, sender: str, target: str, at: datetime) -> EmailMessage:
    """What a letter is recognised by, whatever stands in it: one that had left already is seen once."""
    mail = EmailMessage(POLICY)
    domain = _domain(sender)
    mail["Subject"] = subject
    mail["From"] = plain(sender)
    mail["To"] = plain(target)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = message_id(message, domain)
    if message.incident and not message.opens:
        mail["In-Reply-To"] = mail["References"] = thread_id(message, domain)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine replies
    mail["X-Auto-Response-Suppress"] = "All"
    if tone_of(message) == "p1":
        mail["Importance"] = "high"
        mail["X-Priority"] = "1"
    return mail


def _domain(sender: str) -> str:
    """The sender's; nobody asks a name server for it."""
    domain = parseaddr(sender)[1].rpartition("@")[2]
    good = domain and all(sign.isascii() and (sign.isalnum() or sign in ".-") for sign in domain)
    return domain if good else "heloop.invalid"


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]
