"""A message as its templates see it: everything in words of the reader's language, nothing left to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alarms.delivery import Item, Message, Why
from alarms.model import Help
from alarms.routes import Way
from controller.followers.notify.context import Context, Picture, Told
from controller.followers.notify.links import Link
from controller.followers.notify.reasons import answered_by, because
from controller.followers.notify.wording import Row, alarm_of, in_unit, plain, row_of, tag_of
from controller.followers.notify.words import Words
from controller.plant.plant import Plant, tags_of
from controller.plant.tags import Tag

SUBJECT_MAX: Final = 140
ROWS_MAX: Final = 10  # of the other alarms; the rest as a number
TOLD_MAX: Final = 8
HELP: Final = ("cause", "action", "consequence", "time_allowed")
LISTS: Final = frozenset({Why.SUMMARY, Why.DIGEST})  # many alarms that have nothing to do with each other
ITSELF: Final = frozenset({Why.TROUBLE, Why.TEST})  # about notification, not about the plant
OVER: Final = frozenset({Why.RETURNED, Why.ANSWERED})


@dataclass(frozen=True, slots=True)
class View:
    """main: the alarm that the message is about, None for a list and for what notification says of itself.

    mark: 'P1', or what it is where no priority applies. tone: which colour, by its name in the templates.
    more: how many alarms there are beside main and rows. link: '' without a page.
    """

    w: Words
    why: str
    mark: str
    tone: str
    subject: str
    headline: str
    lead: str
    plant: str
    because: str
    main: Row | None
    help: tuple[tuple[str, str], ...]
    first_out: str
    rows: tuple[Row, ...]
    more: int
    count: int
    held_back: int
    value_now: str
    picture: bool
    alt: str
    link: str
    link_label: str
    link_notes: tuple[str, ...]
    told: tuple[str, ...]
    automatic: str


def view_of(message: Message, context: Context) -> View:
    words, plant = context.templates.words(context.recipient.language), context.plant
    rows = [row_of(item, plant, words, message.at_ns) for item in message.items]
    main = rows[0] if rows and message.why not in LISTS | ITSELF else None
    others = rows[1:] if main is not None else rows
    count = max(message.count, len(rows))
    link, notes = _link(message, context, words) if main is not None else ("", ())
    tag = plant.tag(name) if (name := trend_tag(message, plant)) else None
    picture = context.picture if tag is not None else None
    return View(
        w=words,
        why=message.why.value,
        mark=_mark(message, words),
        tone=tone_of(message),
        subject=_subject(message, words, main, count, plant.name),
        headline=_title(message, words, main, count),
        lead=_lead(message, context, words),
        plant=plain(plant.text or plant.name),
        because="" if message.why in ITSELF else because(message, words.language),
        main=main,
        help=help_lines(message.items[0].alarm, plant, words)
        if main is not None and message.why not in OVER
        else (),
        first_out=_first_out(rows, words, main),
        rows=tuple(others[:ROWS_MAX]),
        more=count - min(len(others), ROWS_MAX) - (main is not None) if rows else 0,
        count=count,
        held_back=message.held_back if message.why in LISTS else 0,
        value_now=_value_now(main, tag, picture),
        picture=picture is not None,
        alt=_alt(tag, picture, words) if tag is not None and picture is not None else "",
        link=link,
        link_label=words.of("label", "show" if message.why is Why.ANSWERED else "acknowledge"),
        link_notes=notes,
        told=told_lines(context.told, context.recipient.name, words, plant.timezone),
        automatic=words.of("say", "automatic", at=words.when(message.at_ns, plant.timezone)),
    )


def told_lines(told: Sequence[Told], but: str, words: Words, timezone: str) -> tuple[str, ...]:
    """Who else knows, each once and as far as they were reached; the newest kept when there are many."""
    best: dict[str, Told] = {}
    order = ("withdrawn", "given_up", "waiting", "sent")
    for one in told:
        known = best.get(one.recipient)
        if one.recipient != but and (known is None or order.index(one.state) > order.index(known.state)):
            best[one.recipient] = one
    lines = [
        f"{plain(one.recipient)}: {words.of('told', one.state, at=words.clock(one.at_ns, timezone))}"
        for one in best.values()
    ]
    left_out = len(lines) - TOLD_MAX
    return tuple(lines) if left_out <= 0 else (words.of("say", "more", count=left_out), *lines[-TOLD_MAX:])


def trend_tag(message: Message, plant: Plant) -> str:
    """The tag whose last hour belongs into the message; '' where there is none to draw."""
    if not message.items or message.why in LISTS | ITSELF:
        return ""
    tag = _drawn_tag(message.items[0], plant)
    return tag.name if tag is not None else ""


def _drawn_tag(item: Item, plant: Plant) -> Tag | None:
    """The alarm's own; of an interlock that tripped the one that tripped it."""
    tag = tag_of(plant, alarm_of(plant, item.alarm))
    if tag is not None:
        return tag
    causes = [
        cause
        for interlock in plant.interlocks
        if interlock.name == item.data.get("interlock")
        for cause in interlock.causes
        if cause.id == item.data.get("first_out_cause")
    ]
    tags = [plant.tags[index] for cause in causes for index in tags_of(cause.condition)]
    return tags[0] if tags else None


def _mark(message: Message, words: Words) -> str:
    if message.why in ITSELF or message.priority < 1:
        return words.of("tag", message.why.value)
    return f"{words.of('label', 'priority')}{message.priority}"


def tone_of(message: Message) -> str:
    """How urgent it looks: a name of the templates' tones."""
    if message.why in OVER:
        return "calm"
    if message.why is Why.TROUBLE:
        return "p2"
    return "info" if message.why is Why.TEST else f"p{min(3, max(1, message.priority))}"


def _subject(message: Message, words: Words, main: Row | None, count: int, plant: str) -> str:
    """`[P1] LT-201.HH bag level 96.1 % (limit 95 %) university`."""
    mark = _mark(message, words)
    if message.why not in ITSELF | {Why.FIRST}:
        mark = f"{mark} {words.of('tag', message.why.value)}"
    what = _title(message, words, main, count)
    head, tail = f"[{mark}] ", f" {plain(plant)}"
    return f"{head}{plain(what, SUBJECT_MAX - len(head) - len(tail))}{tail}"


def _title(message: Message, words: Words, main: Row | None, count: int) -> str:
    if main is not None:
        more = f" (+{count - 1})" if count > 1 else ""
        return f"{main.alarm} {main.headline}{more}"
    if message.why in ITSELF:
        return because(message, words.language) or words.of("lead", message.why.value)
    return words.of("say", "alarms", count=count) if count > 1 else words.of("say", "alarm")


def _lead(message: Message, context: Context, words: Words) -> str:
    if who := answered_by(message):
        return words.of("lead", "answered_by", who=who)
    if message.why is Why.SUMMARY:
        return words.of("lead", "summary", every=words.span(context.recipient.every_s))
    return words.of("lead", message.why.value)


def _first_out(rows: Sequence[Row], words: Words, main: Row | None) -> str:
    """Of an incident with several alarms, or whose first-out is another one."""
    first = next((row for row in rows if row.first_out), None)
    if first is None or main is None:
        return ""
    if first is main:
        return words.of("label", "first_out_is")
    return f"{first.alarm} {first.headline} ({first.clock})"


def help_lines(alarm: str, plant: Plant, words: Words) -> tuple[tuple[str, str], ...]:
    """(label, text) of what the configuration says to do."""
    rule = alarm_of(plant, alarm)
    found = rule.help if rule is not None else Help()
    said = [(words.of("label", name), plain(getattr(found, name), 1_000)) for name in HELP]
    return tuple((label, text) for label, text in said if text)


def _value_now(main: Row | None, tag: Tag | None, picture: Picture | None) -> str:
    """Beside the value of the alarm, so of the same tag."""
    if main is None or tag is None or picture is None or main.tag != tag.name:
        return ""
    return in_unit(picture.last, tag)


def _alt(tag: Tag, picture: Picture, words: Words) -> str:
    low, high, last = (in_unit(value, tag) for value in (picture.low, picture.high, picture.last))
    return words.of("say", "alt", tag=tag.name, low=low, high=high, last=last)


def _link(message: Message, context: Context, words: Words) -> tuple[str, tuple[str, ...]]:
    """(address, what to know about it)"""
    item, links, recipient = message.items[0], context.links, context.recipient
    if links is None or not item.event:
        return "", ()
    until_ns = links.until_ns(message.at_ns)
    personal = (
        recipient.link_acknowledges
        and bool(recipient.user)
        and not recipient.room
        and context.address.way is Way.MAIL
    )
    address = links.sign(
        Link(
            alarm=item.alarm,
            event=item.event,
            recipient=recipient.name,
            way=context.address.way.value,
            personal=personal,
            incident=message.incident,
            raised_ns=item.raised_ns,
            until_ns=until_ns,
            message=message.id,
        )
    )
    if message.why is Why.ANSWERED:
        return address, ()
    notes = [words.of("say", "link_hours", until=words.when(until_ns, context.plant.timezone))]
    if personal:
        notes.append(words.of("say", "link_personal"))
    return address, tuple(notes)
