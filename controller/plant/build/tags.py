"""Tags of the PLCs: kind, range, node, alarms."""

from __future__ import annotations

import re
from dataclasses import dataclass

from controller.plant.build.alarms import AlarmBlocks, build_alarms
from controller.plant.build.values import duration_or_none, limits, number
from controller.plant.document import Place
from controller.plant.draft import Draft, Item
from controller.plant.problems import did_you_mean
from controller.plant.scaling import BITS, FLOATS, raw_bounds
from controller.plant.schema.plcfile import ArchiveRule, Node, TagEntry
from controller.plant.tags import Archive, Kind, NodeSource, Raw, Tag
from controller.plant.units import UnitError, check_unit

COUNTED = frozenset(("pulse", "count"))
_IDENTIFIER = re.compile(r"[isgb]=.+", re.DOTALL)


def build_tag(item: Item[TagEntry], draft: Draft) -> Tag:
    """One tag of a PLC file."""
    entry, place = item.entry, item.place
    source = _source(item, draft)
    kind = _kind(entry.kind, source.raw, bool(entry.states), entry.unit, source.bit)
    check_unit_of(place, entry.unit, draft)
    low, high = _range(entry, place, kind, source, draft)
    _check_kind(entry, place, kind, source, draft)
    check_area(place, entry.area, draft)
    blocks = AlarmBlocks(entry.alarms, entry, entry.area)
    states = tuple(sorted(entry.states.items()))
    return Tag(
        index=len(draft.tags),
        name=entry.name,
        text=entry.text,
        kind=kind,
        unit=entry.unit,
        area=entry.area,
        low=low,
        high=high,
        source=source,
        normal=str(entry.normal),
        access=entry.access,
        stale_after_s=duration_or_none(place / "stale_after", entry.stale_after, draft.problems),
        frozen_after_s=duration_or_none(place / "frozen_after", entry.frozen_after, draft.problems),
        archive=archive(place / "archive", entry.archive, entry.unit, draft),
        states=states,
        alarms=build_alarms(blocks, place, entry.unit, kind, (low, high), states, draft),
        line=place.line,
    )


def check_unit_of(place: Place, unit: str, draft: Draft) -> None:
    try:
        check_unit(unit)
    except UnitError as error:
        draft.problems.error(place / "unit", str(error))


def check_area(place: Place, area: str, draft: Draft) -> None:
    if area and area not in draft.names("area"):
        hint = did_you_mean(area, draft.names("area"))
        draft.problems.error(place / "area", f"unknown area {area}{hint}; areas are listed in plant.yaml")


def archive(place: Place, rule: ArchiveRule | None, unit: str, draft: Draft) -> Archive:
    """The archive rule with its defaults."""
    standard = Archive()
    if rule is None:
        return standard
    deadband = standard.deadband
    if rule.deadband is not None:
        deadband = number(place / "deadband", rule.deadband, unit, draft.problems, difference=True) or 0.0
        if deadband < 0:
            draft.problems.error(
                place / "deadband", f"'{rule.deadband}' is negative; a deadband is 0 or more"
            )
    interval = duration_or_none(place / "max_interval", rule.max_interval, draft.problems)
    return Archive(deadband, interval or standard.max_interval_s)


def node(place: Place, written: Node, namespace: str, draft: Draft) -> tuple[str, str]:
    """Namespace URI and identifier of a node."""
    identifier = written if isinstance(written, str) else written.id
    at = place if isinstance(written, str) else place / "id"
    if identifier.startswith(("ns=", "nsu=")):
        bare = identifier.partition(";")[2] or "s=..."
        draft.problems.error(
            at, f"a namespace index moves between sessions: write `{bare}` here and the URI in `namespace:`"
        )
    elif not _IDENTIFIER.fullmatch(identifier):
        draft.problems.error(at, f"'{identifier}' is no node; it begins with s=, i=, g= or b=")
    elif identifier.startswith("i=") and not identifier[2:].isdigit():
        draft.problems.error(at, f"'{identifier}' is no node; after i= comes a whole number")
    return (namespace if isinstance(written, str) else written.namespace), identifier


@dataclass(slots=True)
class NodesSeen:
    """Which tag has which node, to find two on one."""

    owners: dict[tuple[int, str, str, int | None, int | None], tuple[str, Place]]
    types: dict[tuple[int, str, str], tuple[str, Raw]]

    def claim(self, tag: str, source: NodeSource, place: Place, draft: Draft) -> None:
        """Reports a second tag on one node, element or bit, and one node read as two types."""
        where = (source.plc, source.namespace, source.identifier)
        first = 0 if source.element is None else source.element
        elements = [source.element] if source.words == 1 else [first + i for i in range(source.words)]
        for element in elements:
            name, other = self.owners.setdefault((*where, element, source.bit), (tag, place))
            if name != tag:
                spot = "bit" if source.bit is not None else "element" if element is not None else "node"
                at = f"{other.document.name} line {other.position()[0]}"
                message = f"same {spot} as {name} ({at}); give each tag a {spot} of its own"
                draft.problems.error(place, message)
                break
        name, raw = self.types.setdefault(where, (tag, source.raw))
        if raw is not source.raw:
            draft.problems.error(
                place, f"the node is {raw.value} in {name} and {source.raw.value} here; it has one type"
            )


def _source(item: Item[TagEntry], draft: Draft) -> NodeSource:
    entry, place, problems = item.entry, item.place, draft.problems
    raw = Raw(entry.raw)
    heads = {head.plc: head.entry.namespace for head in draft.plcs}
    namespace, identifier = node(place / "node", entry.node, heads.get(item.plc, ""), draft)
    bits = BITS.get(raw, 0)
    if entry.bit is not None and not 0 <= entry.bit < bits:
        fix = f"0..{bits - 1}" if bits else "left out, or `raw` a whole-number type"
        problems.error(place / "bit", f"bit {entry.bit} of a {raw.value}; it must be {fix}")
    if entry.active_when is not None and (entry.bit is None and raw is not Raw.BOOLEAN):
        problems.error(place / "active_when", "`active_when` needs a `bit` or a Boolean")
    if entry.active_when not in (None, 0, 1):
        problems.error(
            place / "active_when", f"{entry.active_when} is not allowed; a bit is active when 0 or 1"
        )
    if entry.element is not None and entry.element < 0:
        problems.error(place / "element", f"{entry.element} is negative; elements count from 0")
    if entry.words not in (1, 2) or (entry.words == 2 and bits != 16):
        problems.error(
            place / "words", f"{entry.words} words of {raw.value}; only 2 of Int16 or UInt16 make one number"
        )
    if entry.words == 2 and entry.element is None:
        problems.error(place / "words", "two words come from an array node: give `element` of the first")
    if entry.scale == 0:
        problems.error(place / "scale", "0 loses the value; write the factor from raw to engineering units")
    if (entry.scale, entry.offset) != (1.0, 0.0) and (entry.bit is not None or not (bits or raw in FLOATS)):
        problems.error(place / "scale", "a bit, Boolean or String has no scale and offset; leave them out")
    if entry.sentinels and not (bits or raw in FLOATS):
        problems.error(place / "sentinels", f"a {raw.value} has no sentinel numbers; leave them out")
    return NodeSource(
        plc=max(item.plc, 0),
        namespace=namespace,
        identifier=identifier,
        raw=raw,
        scale=entry.scale,
        offset=entry.offset,
        element=entry.element,
        bit=entry.bit,
        active_when=1 if entry.active_when is None else entry.active_when,
        words=entry.words,
        low_word_first=entry.low_word_first,
        sentinels=tuple(entry.sentinels),
    )


def _kind(named: str | None, raw: Raw, has_states: bool, unit: str, bit: int | None) -> Kind:
    if named is not None:
        return Kind(named)
    if raw is Raw.STRING:
        return Kind.TEXT
    if raw is Raw.BOOLEAN or bit is not None:
        return Kind.DISCRETE
    if has_states:
        return Kind.STATE
    return Kind.COUNTER if unit in COUNTED else Kind.ANALOG


def _range(
    entry: TagEntry, place: Place, kind: Kind, source: NodeSource, draft: Draft
) -> tuple[float, float]:
    bounds = raw_bounds(source.raw, source.words) if source.bit is None else None
    if entry.range is not None:
        found = limits(place / "range", entry.range, draft.problems)
        if found and bounds and kind is not Kind.STATE and source.scale != 0:
            _check_fits(found, bounds, entry, place, source, draft)
        return found or (-1e300, 1e300)
    if kind is Kind.DISCRETE:
        return 0.0, 1.0
    if kind is Kind.STATE and entry.states:
        return float(min(entry.states)), float(max(entry.states))
    if kind is Kind.ANALOG:
        draft.problems.error(place, "`range` is missing; write what the instrument can show, such as 0..100")
        return -1e300, 1e300
    if bounds is None:
        return 0.0, 0.0
    ends = [b * source.scale + source.offset for b in bounds]
    return min(ends), max(ends)


def _check_fits(
    found: tuple[float, float],
    bounds: tuple[float, float],
    entry: TagEntry,
    place: Place,
    source: NodeSource,
    draft: Draft,
) -> None:
    """A range that the raw number cannot carry, by more than a step, is a wrong scale or type."""
    ends = sorted(b * source.scale + source.offset for b in bounds)
    step = abs(source.scale) * 1.001
    if found[0] < ends[0] - step or found[1] > ends[1] + step:
        draft.problems.error(
            place / "range",
            f"'{entry.range}' does not fit: {source.raw.value} with scale {source.scale:g} carries "
            f"{ends[0]:g}..{ends[1]:g}; correct range, raw or scale",
        )


def _check_kind(entry: TagEntry, place: Place, kind: Kind, source: NodeSource, draft: Draft) -> None:
    """What only fits other kinds of tag."""
    if entry.states and kind not in (Kind.STATE, Kind.DISCRETE):
        draft.problems.error(place / "states", f"a tag of kind {kind.value} has no states; leave `kind` out")
    if kind is Kind.STATE and not entry.states:
        draft.problems.error(place, "`states` is missing; name the values, such as `0: off`")
    if kind is Kind.DISCRETE and set(entry.states) - {0, 1}:
        draft.problems.error(place / "states", "a switch has the states 0 and 1 only")
    if kind is Kind.ANALOG and source.raw is Raw.BOOLEAN:
        draft.problems.error(place / "kind", "a Boolean is not analog; leave `kind` out")
    if (kind is Kind.TEXT) != (source.raw is Raw.STRING):
        draft.problems.error(
            place / "raw", f"kind {kind.value} and raw {source.raw.value} do not go together"
        )
    if entry.frozen_after is not None and kind is not Kind.ANALOG and kind is not Kind.COUNTER:
        draft.problems.error(
            place / "frozen_after", "only noisy instruments and counters may freeze; leave it out"
        )
