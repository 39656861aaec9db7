"""People and rooms with their addresses, and the names that a step can mean."""

from __future__ import annotations

from typing import Final

from alarms.routes import Address, Recipient, Way
from controller.plant.build.addresses import (
    check_chat,
    check_mail,
    check_reference,
    check_topic,
    is_reference,
)
from controller.plant.build.values import duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.notification import Reference
from controller.plant.problems import did_you_mean
from controller.plant.schema.routefile import AddressEntry, PersonEntry, RoomEntry

EVERY_S: Final = (10.0, 86_400.0)


def build_recipients(draft: Draft, references: list[Reference]) -> tuple[Recipient, ...]:
    """People, then rooms. references: secrets that are somewhere else are added to it."""
    people = [_recipient(item, draft, references) for item in draft.people_items]
    return (*people, *(_recipient(item, draft, references) for item in draft.room_items))


def _recipient(
    item: Item[PersonEntry] | Item[RoomEntry], draft: Draft, references: list[Reference]
) -> Recipient:
    entry, place, problems = item.entry, item.place, draft.problems
    every_s = duration_s(place / "every", entry.every, problems, 60.0)
    if not EVERY_S[0] <= every_s <= EVERY_S[1]:
        problems.error(place / "every", "`every` is between 10 s and 1 d")
    addresses: list[Address] = []
    for number, one in enumerate(entry.addresses):
        at = place / "addresses" / number
        found = _way_of(one, at, draft)
        if found is None:
            continue
        way, target = found
        same = sum(address.way is way for address in addresses)
        name = f"{entry.name}.{way}{same + 1 if same else ''}"
        _check(way, target, at / way, draft)
        if way is Way.CHAT and is_reference(target):
            references.append(Reference(target, name, ":".join(map(str, (at / way).line)), is_chat=True))
        addresses.append(Address(name, way, target))
    common = (entry.name, tuple(addresses), entry.text, entry.language)
    if not isinstance(entry, PersonEntry):
        return Recipient(*common, room=True, every_s=every_s)
    if entry.link_acknowledges and not entry.user:
        message = "a link that acknowledges does so in somebody's name; add `user:`, the account in heloop"
        problems.error(place / "link_acknowledges", message, key=True)
    return Recipient(*common, user=entry.user, link_acknowledges=entry.link_acknowledges, every_s=every_s)


def _way_of(entry: AddressEntry, place: Place, draft: Draft) -> tuple[Way, str] | None:
    given = [(way, target) for way in Way if (target := getattr(entry, way)) is not None]
    if len(given) != 1:
        draft.problems.error(place, "an address is one of `mail`, `chat` and `mqtt`; write each as an item")
        return None
    return given[0]


def _check(way: Way, target: str, place: Place, draft: Draft) -> None:
    problems = draft.problems
    needed = {Way.MAIL: "mail", Way.MQTT: "mqtt"}.get(way)
    if needed and draft.routes is not None and needed not in draft.routes.place.value:
        what = "mail server" if way is Way.MAIL else "broker"
        problems.error(place, f"there is no {what} to send it by; add `{needed}:` to the file")
    if way is Way.MAIL:
        check_mail(target, place, problems)
    elif way is Way.MQTT:
        check_topic(target, place, problems)
    elif is_reference(target):
        check_reference(target, place, problems)
    else:
        check_chat(target, place, problems, thorough=draft.thorough)


# --- names -----------------------------------------------------------------------------------


def check_names(names: list[str], place: Place, draft: Draft, *, rotas: bool) -> None:
    """Reports names that nobody has; rotas: a rota will do as well."""
    of_rotas = {item.entry.name for item in draft.rota_items}
    for number, name in enumerate(names):
        at, known = place / number, draft.names("name")
        if name not in known:
            what = "person, room or rota" if rotas else "person or room"
            hint = did_you_mean(name, known) or "; list it under `people:` or `rooms:`"
            draft.problems.error(at, f"there is no {what} '{name}'{hint}")
        elif name in of_rotas and not rotas:
            draft.problems.error(at, f"{name} is a rota; name people or rooms")
        elif name in names[:number]:
            draft.problems.error(at, f"{name} is named twice; keep one")


def check_people(names: list[str], place: Place, draft: Draft) -> None:
    """Reports names that are no person's, or that are there twice."""
    for number, name in enumerate(names):
        if name in names[:number]:
            draft.problems.error(place / number, f"{name} is named twice; keep one")
        else:
            check_person(name, place / number, draft)


def check_person(name: str, place: Place, draft: Draft) -> None:
    """Reports a name that is no person's: only people have duty."""
    known = draft.names("name")
    if name not in known:
        people = [one for one, at in known.items() if at.path[0] == "people"]
        hint = did_you_mean(name, people) or "; list it under `people:`"
        draft.problems.error(place, f"there is no person '{name}'{hint}")
    elif known[name].path[0] != "people":
        draft.problems.error(place, f"{name} is no person, and only people have duty")
