"""Alarm limits beside their tag: in its unit, in order, inside the range, and with help.

Levels LL L H HH belong to analogues and counters, ON to switches and states; alarms of other kinds
(rate, deviation, word bits) are rules of their own, elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from controller.plant.build.classes import class_options
from controller.plant.build.values import duration_s, number
from controller.plant.document import Place
from controller.plant.draft import Draft
from controller.plant.schema.plcfile import Alarm, AlarmOptions, Level
from controller.plant.tags import AlarmHelp, AlarmLimit, Kind

ORDER: Final[tuple[Level, ...]] = ("LL", "L", "H", "HH")
LEVELS: Final[tuple[Level, ...]] = (*ORDER, "ON")
DELAY_MAX_S = 7 * 86400.0
NUMERIC = frozenset((Kind.ANALOG, Kind.COUNTER))


@dataclass(frozen=True, slots=True)
class AlarmBlocks:
    """The alarm part of a tag's block, with the tag's defaults."""

    alarms: Mapping[Level, Alarm]
    defaults: AlarmOptions
    area: str


def build_alarms(
    blocks: AlarmBlocks,
    place: Place,
    unit: str,
    kind: Kind,
    range_: tuple[float, float],
    states: tuple[tuple[int, str], ...],
    draft: Draft,
) -> tuple[AlarmLimit, ...]:
    """The alarms of one tag, LL first."""
    built = []
    for level in LEVELS:
        alarm = blocks.alarms.get(level)
        if alarm is None:
            continue
        here = place / "alarms" / level
        if (level == "ON") == (kind in NUMERIC) or kind in (Kind.TEXT, Kind.WORD):
            fits = {Kind.DISCRETE: "ON", Kind.STATE: "ON"}.get(
                kind, "LL, L, H, HH" if kind in NUMERIC else "none"
            )
            draft.problems.error(
                here, f"{level} does not fit a tag of kind {kind.value}; use {fits}", key=True
            )
            continue
        made = _alarm(level, alarm, blocks, here, unit, draft)
        if made is not None:
            built.append(made)
            _check_limit(made, here, unit, kind, range_, states, draft)
    _check_order(built, place, unit, draft)
    return tuple(built)


def _alarm(
    level: str, alarm: Alarm, blocks: AlarmBlocks, place: Place, unit: str, draft: Draft
) -> AlarmLimit | None:
    problems = draft.problems
    limit = number(place / "limit", alarm.limit, unit, problems)
    tag = Place(place.document, place.path[:-2])  # where the tag's own deadband and delay stand
    own = alarm.deadband is not None
    at, written = (place if own else tag) / "deadband", alarm.deadband if own else blocks.defaults.deadband
    deadband = 0.0 if written is None else number(at, written, unit, problems, difference=True) or 0.0
    if alarm.priority not in (1, 2, 3):
        problems.error(place / "priority", f"priority {alarm.priority}; it is 1 (act now), 2 or 3 (advisory)")
    delay_at = (
        place / "delay" if alarm.delay is not None else Place(place.document, (*place.path[:-2], "delay"))
    )
    on_delay_s = duration_s(
        delay_at, alarm.delay if alarm.delay is not None else blocks.defaults.delay, problems
    )
    if on_delay_s > DELAY_MAX_S:
        problems.error(delay_at, "a delay of more than 7 days hides the alarm; shorten it")
    help_ = _help(alarm, blocks, place, draft)
    if limit is None:
        return None
    off_delay_s = duration_s(place / "off_delay", alarm.off_delay, problems)
    options = class_options(place, [(place, alarm), (tag, blocks.defaults)], draft)
    return AlarmLimit(
        level=level,
        limit=limit,
        priority=alarm.priority,
        deadband=deadband,
        on_delay_s=on_delay_s,
        off_delay_s=off_delay_s,
        help=help_,
        text=alarm.text or "",
        alarm_class=options.alarm_class,
        exclusive=bool(_option(alarm, blocks, "exclusive")),
        latching=options.latching,
        confirm=options.confirm,
        realarm_s=options.realarm_s,
        enabled=alarm.enabled,
        hold_uncertain=_option(alarm, blocks, "uncertain") == "hold",
    )


def _option(alarm: Alarm, blocks: AlarmBlocks, name: str) -> object:
    own = getattr(alarm, name)
    return getattr(blocks.defaults, name) if own is None else own


def _help(alarm: Alarm, blocks: AlarmBlocks, place: Place, draft: Draft) -> AlarmHelp:
    """The alarm's own words, else the tag's; for advisories else the area's."""
    layers = [alarm.help, blocks.defaults.help]
    if alarm.priority not in (1, 2):
        layers += [a.entry.help for a in draft.areas if a.entry.name == blocks.area]

    def first(field: str) -> str:
        return next((text for layer in layers if layer and (text := str(getattr(layer, field)).strip())), "")

    found = AlarmHelp(first("cause"), first("consequence"), first("action"), first("time"))
    if alarm.priority in (1, 2):
        lacking = [name for name in ("cause", "action") if not getattr(found, name)]
        if lacking:
            words = " and ".join(lacking)
            draft.problems.error(
                place,
                f"missing help: priority {alarm.priority} needs {words}; add `help:` here or to the tag",
            )
    return found


def _check_limit(
    alarm: AlarmLimit,
    place: Place,
    unit: str,
    kind: Kind,
    range_: tuple[float, float],
    states: tuple[tuple[int, str], ...],
    draft: Draft,
) -> None:
    if kind not in NUMERIC:
        values = [value for value, _ in states] or [0, 1]
        if alarm.limit not in values:
            known = ", ".join(str(v) for v in values)
            draft.problems.error(place / "limit", f"{alarm.limit:g} is no state of the tag; it has {known}")
        return
    low, high = range_
    if not low <= alarm.limit <= high:
        draft.problems.error(
            place / "limit",
            f"limit {alarm.limit:g} {unit} is outside the range {low:g}..{high:g}; "
            "correct the limit or the range",
        )
    deadband_at = place / "deadband"
    if deadband_at.path not in place.document.keys:
        deadband_at = Place(place.document, (*place.path[:-2], "deadband"))
    if alarm.deadband < 0:
        draft.problems.error(deadband_at, f"deadband {alarm.deadband:g} is negative; it is 0 or more")
    back = alarm.limit + alarm.deadband if alarm.level in ("LL", "L") else alarm.limit - alarm.deadband
    if alarm.deadband > 0 and low <= alarm.limit <= high and not low <= back <= high:
        draft.problems.error(
            deadband_at,
            f"deadband {alarm.deadband:g} {unit} is too large: the alarm would return only at {back:g}, "
            f"outside the range {low:g}..{high:g}",
        )


def _check_order(alarms: list[AlarmLimit], place: Place, unit: str, draft: Draft) -> None:
    """LL < L < H < HH, and no low alarm that returns only above a high one."""
    numeric = [a for a in alarms if a.level in ORDER]
    ordered = True
    for below, above in pairwise(numeric):
        if below.limit >= above.limit:
            ordered = False
            draft.problems.error(
                place / "alarms" / above.level / "limit",
                f"limit order: {above.level} {above.limit:g} is not above {below.level} {below.limit:g} "
                f"{unit}; it must be LL < L < H < HH",
            )
    lows = [a for a in numeric if a.level in ("LL", "L")]
    highs = [a for a in numeric if a.level in ("H", "HH")]
    if (
        ordered
        and lows
        and highs
        and lows[-1].limit + lows[-1].deadband >= highs[0].limit - highs[0].deadband
    ):
        draft.problems.error(
            place / "alarms" / highs[0].level,
            f"deadbands overlap: {lows[-1].level} returns at {lows[-1].limit + lows[-1].deadband:g}, "
            f"{highs[0].level} at {highs[0].limit - highs[0].deadband:g} {unit}; make them smaller",
        )
