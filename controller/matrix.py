"""The cause-and-effect matrix of a plant as one HTML page (phone, paper) and as CSV. Pure.

Rows are causes, columns are what the effects touch. T: the service sends a word that trips, W: it
withholds a permission, C: the PLC acts and the service checks. IEC 61511-1, 10.3.2 asks for such a
listing of safety functions; heloop is none, and the page says so.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from controller.core.wording import in_unit, number, rule, span
from controller.plant.plant import (
    By,
    CheckedEffect,
    CommandEffect,
    Compare,
    Condition,
    Effect,
    Interlock,
    Not,
    Plant,
    Reset,
    ResetBy,
    State,
    Tripped,
    Vote,
    WithholdEffect,
)
from controller.plant.tags import Derived, Tag

SERVICE: Final = "service"
MARKS: Final = {CommandEffect: "T", WithholdEffect: "W", CheckedEffect: "C"}
SWITCHES: Final = (".ZSO", ".ZSC")
ACTING: Final = "The service writes a stop, shut or divert, or withholds a permission."
MIRRORED: Final = (
    "PLC or wire act by themselves. The service writes nothing: it keeps the first-out and checks that the "
    "effect came in time. Bypasses are the PLC's own; an unknown input gives no first-out and no check."
)
RESET_BY: Final = {
    ResetBy.AUTOMATIC: "by itself",
    ResetBy.OPERATOR: "by an operator",
    ResetBy.LOCAL: "at the machine",
}


@dataclass(frozen=True, slots=True)
class Column:
    """What an effect touches: a machine, valve or permission; group: its PLC, or the service."""

    key: str
    text: str
    group: str


@dataclass(frozen=True, slots=True)
class CauseRow:
    """limit, unit, delay_s: of a cause that is one plain comparison, else empty."""

    id: str
    text: str
    condition: str
    limit: str
    unit: str
    delay_s: str
    latched: bool
    columns: dict[str, str]  # column key -> mark
    effects: dict[int, str]  # position of the effect (from 1) -> mark


@dataclass(frozen=True, slots=True)
class EffectLine:
    mark: str
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One interlock, in words."""

    name: str
    text: str
    kind: str
    acts: str
    vote: str
    causes: tuple[CauseRow, ...]
    effects: tuple[EffectLine, ...]
    while_: str
    latch: str
    reset: str
    bypass: str
    on_unknown: str
    hard_wired: bool
    parent: str
    test: str
    help: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rules of one kind (acting or mirrored) with the columns that they need."""

    title: str
    id: str
    explanation: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]

    @property
    def groups(self) -> list[tuple[str, int]]:
        return [(name, len(list(found))) for name, found in groupby(self.columns, lambda c: c.group)]


def matrix_html(plant: Plant) -> str:
    """One self-contained page: overview tables, then every rule in words."""
    environment = Environment(
        loader=PackageLoader("controller", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("matrix.html").render(plant=plant, sheets=sheets(plant))


def matrix_csv(plant: Plant) -> str:
    """One line per cause: the rule in columns of words, then one column per thing an effect touches."""
    found = sheets(plant)
    columns = [column for sheet in found for column in sheet.columns]
    columns = list({(c.group, c.key): c for c in columns}.values())
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    head = "interlock,text,kind,acts,vote,cause,cause_text,condition,limit,unit,delay_s,while,latched,reset"
    tail = "bypass,on_unknown,hard_wired,parent,test,help"
    writer.writerow([*head.split(","), *tail.split(","), *(f"{c.group}: {c.key}" for c in columns)])
    for sheet in found:
        for one in sheet.rules:
            for cause in one.causes:
                first = [one.name, one.text, one.kind, one.acts, one.vote, cause.id, cause.text]
                middle = [cause.condition, cause.limit, cause.unit, cause.delay_s, one.while_]
                last = ["yes" if cause.latched else "no", one.reset, one.bypass, one.on_unknown]
                more = ["yes" if one.hard_wired else "no", one.parent, one.test, one.help]
                marks = [cause.columns.get(column.key, "") for column in columns]
                writer.writerow([_cell(text) for text in (*first, *middle, *last, *more, *marks)])
    return "\ufeff" + out.getvalue()  # spreadsheets take UTF-8 for UTF-8 only with the mark


def _cell(text: str) -> str:
    """A text that a spreadsheet would run as a formula is kept a text."""
    number_like = text.lstrip("+-").replace(".", "", 1).replace("e-", "", 1).isdigit()
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not number_like else text


def sheets(plant: Plant) -> list[Sheet]:
    """Acting rules first: they are the ones that write."""
    acting = [one for one in plant.interlocks if one.by is By.SERVICE]
    mirrored = [one for one in plant.interlocks if one.by is By.PLC]
    parts = (
        ("Acting: the service sends", "acting", ACTING, acting),
        ("Mirrored: the PLC acts", "mirrored", MIRRORED, mirrored),
    )
    return [
        Sheet(title, key, text, _columns(plant, rules), tuple(_rule(plant, one) for one in rules))
        for title, key, text, rules in parts
        if rules
    ]


def _columns(plant: Plant, rules: Iterable[Interlock]) -> tuple[Column, ...]:
    """Each thing once, by PLC and then in the order of the tags; permissions last."""
    found = {c.key: c for rule in rules for effect in rule.effects for c in _touched(plant, effect)}
    order = {plc.name: plc.index for plc in plant.plcs}
    places = {c.key: n for n, c in enumerate(found.values())}
    return tuple(sorted(found.values(), key=lambda c: (order.get(c.group, len(order)), places[c.key])))


def _touched(plant: Plant, effect: Effect) -> Iterator[Column]:
    match effect:
        case CommandEffect(command=index):
            command = plant.commands[index]
            yield Column(
                command.name.removesuffix(".CMD"), command.text.split(",")[0], plant.plcs[command.plc].name
            )
        case WithholdEffect(permissive=index):
            name = plant.permissives[index].name.replace("_", " ")
            yield Column(name, name, SERVICE)
        case CheckedEffect():
            for tag_index in _tags(effect.condition):
                tag = plant.tags[tag_index]
                key = tag.name
                for switch in SWITCHES:
                    key = key.removesuffix(switch)
                yield Column(key, tag.text.split(":")[0], _group(plant, tag))


def _group(plant: Plant, tag: Tag) -> str:
    """The PLC of a tag; of a derived one, that of what it is first computed from."""
    while isinstance(tag.source, Derived):
        tag = plant.tags[tag.source.inputs[0]]
    return plant.plcs[tag.source.plc].name


def _tags(condition: Condition) -> Iterator[int]:
    match condition:
        case Compare(tag=tag) | State(tag=tag):
            yield tag
        case Vote(terms=terms):
            for term in terms:
                yield from _tags(term)
        case Not(term=term):
            yield from _tags(term)
        case Tripped():
            return


def _rule(plant: Plant, one: Interlock) -> Rule:
    acts = "service" if one.by is By.SERVICE else "PLC"
    return Rule(
        name=one.name,
        text=one.text,
        kind=one.kind,
        acts=f"{acts} + wire" if one.hard_wired else acts,
        vote=_vote(one.needed, len(one.causes)),
        causes=tuple(_causes(plant, one)),
        effects=tuple(_effect(plant, effect) for effect in one.effects),
        while_="" if one.while_ is None else words(plant, one.while_),
        latch=_latch(one),
        reset=_reset(plant, one.reset),
        bypass=_bypass(one),
        on_unknown=_on_unknown(one),
        hard_wired=one.hard_wired,
        parent="" if one.parent is None else plant.interlocks[one.parent].name,
        test="" if one.test_interval_days is None else f"every {one.test_interval_days} days",
        help=one.help,
    )


def _vote(needed: int, causes: int) -> str:
    if causes == 1:
        return "the one cause"
    return f"any of {causes} causes" if needed == 1 else f"{needed} of {causes} causes"


def _causes(plant: Plant, one: Interlock) -> Iterator[CauseRow]:
    for cause in one.causes:
        which = cause.effects or tuple(range(len(one.effects)))
        marks = {index + 1: MARKS[type(one.effects[index])] for index in which}
        keys = {c.key: marks[index + 1] for index in which for c in _touched(plant, one.effects[index])}
        limit = unit = delay = ""
        if isinstance(cause.condition, Compare):
            limit = f"{cause.condition.op} {number(cause.condition.limit)}"
            unit = plant.tags[cause.condition.tag].unit
            delay = number(cause.condition.for_s)
        latched = one.latch if cause.latch is None else cause.latch
        condition = words(plant, cause.condition)
        yield CauseRow(cause.id, cause.text, condition, limit, unit, delay, latched, keys, marks)


def _effect(plant: Plant, effect: Effect) -> EffectLine:
    mark = MARKS[type(effect)]
    match effect:
        case CommandEffect(command=index, word=word):
            command = plant.commands[index]
            sent = command.named(word)
            proof = "echo of the PLC" if sent.proof is None else words(plant, sent.proof)
            detail = f"PLC {plant.plcs[command.plc].name}, proved by {proof} within {span(sent.within_s)}"
            what = f"{word} {command.name.removesuffix('.CMD')} ({command.text.split(',')[0]})"
            return EffectLine(mark, what, detail)
        case WithholdEffect(permissive=index):
            permissive = plant.permissives[index]
            guards = ", ".join(f"{word} {plant.commands[at].name}" for at, word in permissive.guards)
            return EffectLine(mark, f"permission withheld: {permissive.text}", f"refuses {guards}")
        case CheckedEffect(condition=condition, within_s=within_s, text=text):
            return EffectLine(mark, text, f"{words(plant, condition)} within {span(within_s)}")


def _latch(one: Interlock) -> str:
    own = {cause.latch for cause in one.causes} - {None, one.latch}
    if own:
        return "some causes latch"
    return "latches" if one.latch else "does not latch"


def _reset(plant: Plant, reset: Reset) -> str:
    parts = [RESET_BY[reset.by]]
    parts.append(
        "when the cause is gone" if reset.condition is None else f"when {words(plant, reset.condition)}"
    )
    if reset.for_s:
        parts.append(f"for {span(reset.for_s)}")
    if reset.at_least_s:
        parts.append(f"and not before {span(reset.at_least_s)}")
    return " ".join(parts)


def _bypass(one: Interlock) -> str:
    if one.by is By.PLC:
        return "none here: the PLC's own"
    if one.bypass is None:
        return "refused"
    persons = ", two persons" if one.bypass.two_persons else ""
    return f"at most {span(one.bypass.max_s)}, {one.bypass.role}{persons}"


def _on_unknown(one: Interlock) -> str:
    if one.by is By.PLC:
        return "no first-out, no check"
    return f"{one.on_unknown.value} after {span(one.unknown_delay_s)}"


def words(plant: Plant, condition: Condition) -> str:
    """As events and `explain` say it, but with long lists of states cut to what one can read."""
    match condition:
        case State(tag=index, values=values) if len(values) > 2:
            tag = plant.tags[index]
            named = dict(tag.states)
            rest = [text for value, text in tag.states if value not in values]
            listed = ", ".join(named.get(value, number(value)) for value in values)
            text = f"{tag.name} is {listed}"
            if 0 < len(rest) < len(values):
                text = f"{tag.name} is not {', '.join(rest)}"
            return text + (f" for {span(condition.for_s)}" if condition.for_s else "")
        case State(tag=index, values=(value,)):
            tag = plant.tags[index]
            text = dict(tag.states).get(value, in_unit(tag, value))
            return f"{tag.name} is {text}" + (f" for {span(condition.for_s)}" if condition.for_s else "")
        case Vote(terms=terms, needed=needed):
            parts = [words(plant, term) for term in terms]
            parts = [f"({part})" if " and " in part or " or " in part else part for part in parts]
            if needed not in (1, len(parts)):
                text = f"{needed} of {len(parts)}: {', '.join(parts)}"
            else:
                text = (" and " if needed == len(parts) else " or ").join(parts)
            return f"({text}) for {span(condition.for_s)}" if condition.for_s else text
        case Not(term=term):
            return f"not ({words(plant, term)})"
        case _:
            return rule(plant, condition)
