"""Trips as alarms: what an interlock has done, and what it could not do.

`S-05.TRIP` stands while an interlock of the service stands tripped. The machine is safe by then, so it is
an advisory: look why, and reset it. A trip by a PLC has the PLC's own common trip and the alarms of its
causes; only one whose causes no alarm reads gets its own. `S-05.EFFECT` stands while an effect of the
trip is missing: urgent where the service asked and was refused, for nobody else will do it; of a PLC's
effects the valves and machines have their own alarms. A rule of alarms.yaml takes the place of either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from alarms.limits import watch
from alarms.model import Alarm, Help, Told
from controller.plant.build.alarm_rules import AlarmRules
from controller.plant.build.alarm_tags import area_of
from controller.plant.draft import Draft
from controller.plant.plant import By, CheckedEffect, CommandEffect, Interlock, ResetBy, tags_of

CLASS: Final = "interlock"
NOT_OF_THE_PROCESS: Final = frozenset(("instrument", "link", CLASS))
_RESET: Final = {
    ResetBy.OPERATOR: "Then reset {}.",
    ResetBy.AUTOMATIC: "{} resets by itself.",
    ResetBy.LOCAL: "{} is reset at the machine.",
}
REPEATED_S: Final = 5.0  # wall: a command that was not taken is sent once more within this


def told_trip(rule: Interlock) -> Told:
    """The trip as a condition; it lives on the tags of its causes."""
    return Told(rule.trip_fact, rule.reads())


def told_effect(rule: Interlock) -> Told:
    """A missing effect as a condition. A lost link is no excuse for what was refused before it."""
    return Told(rule.effect_fact)


def add_trips(draft: Draft, interlocks: Iterable[Interlock], rules: AlarmRules) -> None:
    """Adds them to the alarms of the plant, where alarms.yaml has not done so itself."""
    spoken = {item.entry.name for item in draft.alarm_items}
    places = {item.entry.name: item.place for item in draft.interlock_items}
    watched = _watched(rules)
    for rule in interlocks:
        for alarm in _of(rule, draft, watched):
            if alarm.id not in rules.alarms and alarm.id not in spoken:
                rules.add(alarm, places[rule.name])
    draft.counts["alarms"] = len(rules.alarms)


def _of(rule: Interlock, draft: Draft, watched: set[int]) -> Iterator[Alarm]:
    if rule.kind == "trip" and (rule.by is By.SERVICE or not _covered(rule, watched)):
        yield Alarm(
            id=rule.trip_fact,
            condition=told_trip(rule),
            priority=3,
            source=rule.name,
            level="TRIP",
            text=f"{rule.name} tripped ({rule.text})",
            area=area_of(rule, draft),
            alarm_class=CLASS,
            help=_trip_help(rule),
        )
    if any(isinstance(effect, CommandEffect | CheckedEffect) for effect in rule.effects):
        yield Alarm(
            id=rule.effect_fact,
            condition=told_effect(rule),
            priority=2 if rule.by is By.SERVICE else 3,
            source=rule.name,
            level="EFFECT",
            text=f"an effect of {rule.name} is missing ({rule.text})",
            area=area_of(rule, draft),
            alarm_class=CLASS,
            on_delay_s=REPEATED_S if rule.by is By.SERVICE else 0.0,
            help=_effect_help(rule, draft),
        )


def _trip_help(rule: Interlock) -> Help:
    return Help(
        "; ".join(cause.text for cause in rule.causes),
        "it has acted already; what it stopped stays stopped until it is reset",
        f"{rule.help or 'Look at the first-out.'} {_RESET[rule.reset.by].format(rule.name)}",
        "before the next start",
    )


def _effect_help(rule: Interlock, draft: Draft) -> Help:
    commands = list(draft.commands.values())
    wanted = []
    for effect in rule.effects:
        if isinstance(effect, CommandEffect):
            wanted.append(f"{commands[effect.command].name.removesuffix('.CMD')} {effect.word}")
        elif isinstance(effect, CheckedEffect):
            wanted.append(effect.text)
    return Help(
        "PLC in local, valve or contactor stuck, air lost, feedback broken",
        f"the plant goes on in the state that {rule.name} forbids ({rule.text})",
        f"do at the machine what has not come: {'; '.join(dict.fromkeys(wanted))}. Then find out why",
        "5 min",
    )


def _covered(rule: Interlock, watched: set[int]) -> bool:
    """An alarm reads something of each of its causes."""
    return all(watched.intersection(tags_of(cause.condition)) for cause in rule.causes)


def _watched(rules: AlarmRules) -> set[int]:
    return {
        gate.tag
        for alarm in rules.alarms.values()
        if alarm.alarm_class not in NOT_OF_THE_PROCESS
        for gate in watch(alarm.condition).gates
    }
