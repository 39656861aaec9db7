"""One interlock at work: its compiled conditions and what is remembered between two looks at it.

What must survive the process is not here but in `durable.InterlockRecord`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

from alarms.signal import Tri, vote
from controller.core.clock import Now
from controller.core.conditions import LeafState, Sight, compiled
from controller.core.durable import Trip
from controller.core.firstout import Moment
from controller.core.image import Image
from controller.core.wording import reading
from controller.core.wording import rule as in_words
from controller.plant.plant import (
    CheckedEffect,
    CommandEffect,
    Compare,
    Condition,
    Interlock,
    Not,
    Plant,
    State,
    Tripped,
    Vote,
    WithholdEffect,
    tags_of,
)
from controller.plant.tags import Derived


@dataclass(slots=True)
class Live:
    """demand: the vote of the causes; masked: not asked for now. The deadlines are when it wants to be
    looked at next. stands: as the durable trip, for the gate.

    unknown_s: wall second since which the demand is unknown. reset_*: the delay of the reset rule.
    """

    demand: Tri = Tri.UNKNOWN
    answers: list[Tri] = field(default_factory=list)
    masked: bool = False
    stands: bool = False
    demand_told: bool = False
    unknown_s: float | None = None
    unknown_told: bool = False
    first_moment: Moment | None = None
    tripped_plant_s: float = 0.0
    tripped_mono_s: float = 0.0
    tripped_number: int = 0
    reset_verdict: bool = False
    reset_since_s: float | None = None
    resettable: bool = False
    due_plant_s: float = inf
    due_mono_s: float = inf

    def tripped(self, now: Now) -> None:
        self.tripped_plant_s, self.tripped_mono_s = now.plant_s, now.mono_s
        self.tripped_number = -1
        self.reset_verdict, self.reset_since_s, self.resettable = False, None, False

    def recall(self, trip: Trip, now: Now) -> None:
        """A trip from before a restart: how long ago it was is known by UTC only."""
        if self.tripped_number == -1:
            self.tripped_number = trip.number
        elif self.tripped_number != trip.number:
            age_s = max(0.0, (now.utc_ns - trip.utc_ns) / 1e9)
            self.tripped(Now(now.plant_s - age_s, now.mono_s - age_s, trip.utc_ns))
            self.tripped_number = trip.number

    def was_reset(self) -> None:
        self.resettable = False
        self.first_moment = None


class Logic:
    """The compiled form of one interlock. Its inputs are the tags after which it has to be looked at."""

    def __init__(self, plant: Plant, rule: Interlock) -> None:
        self.plant = plant
        self.rule = rule
        self.causes = [compiled(cause.condition, strict=False) for cause in rule.causes]
        self.while_ = None if rule.while_ is None else compiled(rule.while_, strict=True)
        self.reset = None if rule.reset.condition is None else compiled(rule.reset.condition, strict=True)
        self.live = Live(answers=[Tri.UNKNOWN] * len(rule.causes))
        self.reads = [tuple(dict.fromkeys(tags_of(cause.condition))) for cause in rule.causes]
        self.limits = [in_words(plant, cause.condition) for cause in rule.causes]
        self.cause_tags = tuple(dict.fromkeys(tag for node in self.causes for tag in node.tags()))
        nodes = [*self.causes, *(node for node in (self.while_, self.reset) if node is not None)]
        checked = [effect.condition for effect in rule.effects if isinstance(effect, CheckedEffect)]
        self.tags = frozenset(tag for node in nodes for tag in node.tags()) | frozenset(
            tag for condition in checked for tag in tags_of(condition)
        )
        self.others = frozenset(other for node in nodes for other in node.others())
        self._plcs = {tag: frozenset(plcs_of(plant, tag)) for tag in self.cause_tags}

    def judge(self, sight: Sight) -> Tri:
        """The demand: enough causes true, not enough, or not to be known. Masked causes are false."""
        masked = self.while_ is not None and self.while_.evaluate(sight) is Tri.FALSE
        if masked:
            if not self.live.masked:
                for node in self.causes:
                    node.reset()
            self.live.answers = [Tri.FALSE] * len(self.causes)
        else:
            self.live.answers = [node.evaluate(sight) for node in self.causes]
        self.live.masked = masked
        self.live.demand = vote(self.rule.needed, self.live.answers)
        return self.live.demand

    def evidence(self, number: int, image: Image) -> dict[str, Any]:
        """A cause with the values that it was judged by, JSON-able: a value that is not Good is null."""
        cause, limit = self.rule.causes[number], self.limits[number]
        values: dict[str, float | None] = {}
        shown = []
        for index in self.reads[number]:
            tag = self.plant.tags[index]
            values[tag.name] = image.value.item(index) if image.is_good(index) else None
            shown.append(f"{tag.name} {reading(tag, image)}")
        return {
            "id": cause.id,
            "text": cause.text,
            "rule": limit,
            "values": values,
            "shown": f"{', '.join(shown)} [{limit}]" if shown else limit,
        }

    def shown(self, numbers: Iterable[int], image: Image) -> str:
        """Causes in words: what each of them sees, and its rule."""
        return "; ".join(self.evidence(number, image)["shown"] for number in numbers)

    def blind_tags(self, sight: Sight) -> list[int]:
        return [tag for tag in self.cause_tags if not sight.image.is_good(tag)]

    def blind_plcs(self, sight: Sight) -> set[int]:
        return {plc for tag in self.blind_tags(sight) for plc in self._plcs[tag]}

    def states(self) -> Iterator[LeafState]:
        for node in (*self.causes, self.while_, self.reset):
            if node is not None:
                yield from node.states()


def plcs_of(plant: Plant, tag: int) -> Iterator[int]:
    """Where a tag comes from; a derived one from wherever its inputs come."""
    source = plant.tags[tag].source
    if isinstance(source, Derived):
        for one in source.inputs:
            yield from plcs_of(plant, one)
    else:
        yield source.plc


def engaged(rule: Interlock, causes: Iterable[int]) -> list[int]:
    """The effects that these causes ask for: their own, or all."""
    found: set[int] = set()
    for number in causes:
        found.update(rule.causes[number].effects or range(len(rule.effects)))
    return sorted(found)


def facts(plant: Plant, rule_: Interlock, index: int) -> dict[str, Any]:
    """An effect for the journal and the report: {index, kind, tag, value, by}."""
    effect = rule_.effects[index]
    match effect:
        case CommandEffect():
            command = plant.commands[effect.command].name
            return {"index": index, "kind": "command", "tag": command, "value": effect.word, "by": "service"}
        case WithholdEffect():
            name = plant.permissives[effect.permissive].name
            done = {"result": "done", "ms": 0.0}  # ours to withhold: nothing has to be proved
            about = {"index": index, "kind": "withhold", "tag": name, "value": "withheld", "by": "service"}
            return about | done
        case CheckedEffect():
            tag, value = subject(plant, effect.condition)
            return {"index": index, "kind": "check", "tag": tag, "value": value or effect.text, "by": "plc"}


def subject(plant: Plant, condition: Condition) -> tuple[str, str]:
    """The tag that a proof looks at first, and the state or limit it must show."""
    match condition:
        case State():
            tag = plant.tags[condition.tag]
            texts = dict(tag.states)
            return tag.name, " or ".join(texts.get(value, str(value)) for value in condition.values)
        case Compare():
            tag = plant.tags[condition.tag]
            return tag.name, f"{condition.op} {condition.limit:g} {tag.unit}".rstrip()
        case Tripped():
            return plant.interlocks[condition.interlock].name, "tripped"
        case Vote():
            return subject(plant, condition.terms[0])
        case Not():
            tag_name, value = subject(plant, condition.term)
            return tag_name, f"not {value}"
