"""Suppression by design: states, parents, lost links and cascades; members by id or pattern."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from alarms.check import problems as engine_problems
from alarms.model import Alarm, Condition, Frozen, Skew, Stale, Standing, parts
from alarms.suppression import FirstOutGroup, Of, Suppression, link_loss, parent
from controller.plant.build.alarm_conditions import AlarmConditions
from controller.plant.build.alarm_rules import AlarmRules
from controller.plant.build.alarm_tags import plcs_read
from controller.plant.build.values import duration_or_none, duration_s
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.plant import Plc
from controller.plant.problems import did_you_mean
from controller.plant.schema.alarmfile import FirstOutEntry, SuppressionEntry

PARENT_EXIT_S = 60.0
WILD = frozenset("*?[")


def build_suppressions(draft: Draft, rules: AlarmRules, plcs: Iterable[Plc]) -> tuple[Suppression, ...]:
    """Those of alarms.yaml, then those that go without saying."""
    seen: set[str] = set()
    built = []
    for item in draft.suppression_items:
        suppression = _suppression(item, rules, draft)
        if suppression is not None and suppression.name not in seen:
            seen.add(suppression.name)
            built.append(suppression)
    return (*built, *_of_links(rules, draft, plcs), *_of_signals(rules.alarms))


def _suppression(item: Item[SuppressionEntry], rules: AlarmRules, draft: Draft) -> Suppression | None:
    entry, place, problems = item.entry, item.place, draft.problems
    if (entry.when is None) == (entry.parent is None):
        problems.error(place, "a suppression has `when` (a state) or `parent` (an alarm); give one of them")
        return None
    condition: Condition | None
    if entry.when is not None:
        condition = AlarmConditions(draft).build(entry.when, place / "when")
        _check_standing(condition, place / "when", rules, draft)
    else:
        condition = Standing(str(entry.parent))
        _check_standing(condition, place / "parent", rules, draft)
    for number, area in enumerate(entry.areas):
        if area not in draft.names("area"):
            hint = did_you_mean(area, draft.names("area"))
            problems.error(place / "areas" / number, f"unknown area {area}{hint}")
    areas = [area for area in entry.areas if area in draft.names("area")]
    spared = set(_found(entry.except_, place / "except", rules, draft))
    members = []
    for number, pattern in enumerate(entry.alarms):
        at = place / "alarms" / number
        found = [one for one in _found([pattern], at, rules, draft, areas) if one not in spared]
        for alarm in found:
            if rules.alarms[alarm].priority == 1:
                fix = "leave it out" if alarm == pattern else "name it in `except`"
                problems.error(at, f"{alarm} has priority 1, which is never suppressed; {fix}")
            elif alarm not in members:
                members.append(alarm)
    at_most_s = duration_or_none(place / "at_most", entry.at_most, problems)
    exit_s = duration_s(place / "exit", entry.exit, problems, PARENT_EXIT_S if entry.parent else 0.0)
    if condition is None:
        return None
    return Suppression(
        entry.name,
        condition,
        tuple(members),
        entry.text,
        duration_s(place / "entry", entry.entry, problems),
        exit_s,
        at_most_s,
        duration_s(place / "unknown", entry.unknown, problems),
        Of.PARENT if entry.parent else Of.STATE,
    )


def _check_standing(condition: Condition | None, place: Place, rules: AlarmRules, draft: Draft) -> None:
    for part in parts(condition) if condition is not None else ():
        if isinstance(part, Standing) and part.alarm not in rules.alarms:
            _unknown(part.alarm, place, rules, draft)


def _unknown(name: str, place: Place, rules: AlarmRules, draft: Draft) -> None:
    written = draft.names("alarm")
    if name not in written:  # else it is broken, and reported where it stands
        draft.unknown(place, f"unknown alarm {name}{did_you_mean(name, {*rules.alarms, *written})}")


def _found(
    patterns: list[str], place: Place, rules: AlarmRules, draft: Draft, areas: Iterable[str] = ()
) -> list[str]:
    """The alarms meant; a pattern that finds none, and an id that nothing has, are reported."""
    found: list[str] = []
    areas = tuple(areas)
    for number, pattern in enumerate(patterns):
        at = place if len(patterns) == 1 else place / number
        if not WILD.intersection(pattern):
            if pattern in rules.alarms:
                found.append(pattern)
            else:
                _unknown(pattern, at, rules, draft)
            continue
        some = [
            one
            for one, alarm in rules.alarms.items()
            if fnmatchcase(one, pattern) and (not areas or alarm.area in areas)
        ]
        if not some:
            draft.unknown(at, f"no alarm fits {pattern}; correct or remove it")
        found += some
    return found


def build_groups(draft: Draft, rules: AlarmRules) -> tuple[FirstOutGroup, ...]:
    """First-out groups of alarms.yaml. An alarm has one place in one of them."""
    built: dict[str, FirstOutGroup] = {}
    taken: dict[str, str] = {}
    for item in draft.first_out_items:
        if item.entry.name not in built:
            built[item.entry.name] = _group(item, rules, draft, taken)
    return tuple(built.values())


def _group(
    item: Item[FirstOutEntry], rules: AlarmRules, draft: Draft, taken: dict[str, str]
) -> FirstOutGroup:
    entry, place = item.entry, item.place
    stages = []
    for number, stage in enumerate(entry.stages):
        members: list[str] = []
        for count, pattern in enumerate(stage.alarms):
            at = place / "stages" / number / "alarms" / count
            for alarm in _found([pattern], at, rules, draft):
                where = taken.setdefault(alarm, f"{entry.name}, {stage.name}")
                if alarm in members:
                    continue
                if where != f"{entry.name}, {stage.name}":
                    message = f"{alarm} stands in {where} already; an alarm has one place in a cascade"
                    draft.problems.error(at, message)
                members.append(alarm)
        stages.append(tuple(members))
    window_s = duration_or_none(place / "window", entry.window, draft.problems) or 60.0
    return FirstOutGroup(entry.name, tuple(stages), window_s, entry.text)


def _of_links(rules: AlarmRules, draft: Draft, plcs: Iterable[Plc]) -> Iterable[Suppression]:
    """One alarm for a lost PLC, none for what lives on its values."""
    tags = list(draft.tags.values())
    reads = {one: plcs_read(alarm.condition, tags) for one, alarm in rules.alarms.items()}
    for plc in plcs:
        members = tuple(
            one for one, found in reads.items() if plc.index in found and one != f"{plc.name}.LINK"
        )
        if members and 0 <= plc.alive < len(tags):
            yield link_loss(f"link_{plc.name}", plc.alive, members, text=f"link to {plc.name} lost")


def _of_signals(alarms: Mapping[str, Alarm]) -> Iterable[Suppression]:
    """A value that stands still turns Bad: that is one trouble, and so is a clock that is far off."""
    for one, alarm in alarms.items():
        stem, _, what = one.rpartition(".")
        broken = f"{stem}.BAD"
        if isinstance(alarm.condition, Frozen | Stale) and what in ("FROZEN", "STALE") and broken in alarms:
            if isinstance(alarm.condition, Frozen):
                yield parent(f"bad_{stem}", broken, (one,))
            elif not alarm.condition.codes:
                continue  # a rule of alarms.yaml: the value stays as it is
            yield parent(f"{what.lower()}_{stem}", one, (broken,))
        if what == "HH" and isinstance(alarm.condition, Skew) and f"{stem}.H" in alarms:
            yield parent(f"far_off_{stem}", one, (f"{stem}.H",))


def check_rules(
    draft: Draft,
    rules: AlarmRules,
    suppressions: tuple[Suppression, ...],
    groups: tuple[FirstOutGroup, ...],
) -> None:
    """What the alarm engine itself would refuse, at the place it is about."""
    for one, alarm in rules.alarms.items():
        _check_standing(alarm.condition, rules.places[one] / "when", rules, draft)
    if draft.problems.errors:
        return  # what follows from them is not told twice
    places = {item.entry.name: item.place for item in draft.suppression_items}
    places |= {item.entry.name: item.place for item in draft.first_out_items}
    places |= rules.places
    top = next(iter(rules.places.values()), None)
    alarms = list(rules.alarms.values())
    for sentence in engine_problems(alarms, suppressions, groups, len(draft.tags)):
        name, _, text = sentence.partition(": ")
        place = places.get(name, top)
        if place is not None:
            draft.problems.error(place, text if place.subject() else sentence)
