"""Conditions in the tags' units and by index; what can never be true is an error."""

from __future__ import annotations

from dataclasses import dataclass

from controller.plant.build.values import duration_s, number
from controller.plant.document import Place
from controller.plant.draft import Draft
from controller.plant.plant import Compare, Condition, Not, State, Tripped, Vote
from controller.plant.problems import did_you_mean
from controller.plant.schema import conditions as written
from controller.plant.tags import Kind, Tag

OPERATORS = {"below": "<", "above": ">", "at_most": "<=", "at_least": ">="}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Builds conditions. interlocks: position of each interlock by name ({} where none may be named)."""

    draft: Draft
    interlocks: dict[str, int]

    def build(self, entry: written.Condition, place: Place) -> Condition | None:
        """The condition, or None after a problem was reported."""
        match entry:
            case written.TagTest():
                return self._test(entry, place)
            case written.TrippedTest(tripped=name):
                return self._tripped(name, place / "tripped")
            case written.AllOf(all=terms):
                return self._vote(len(terms), terms, entry.for_, place, "all")
            case written.AnyOf(any=terms):
                return self._vote(1, terms, entry.for_, place, "any")
            case written.VoteOf(vote=needed, of=terms):
                self._check_vote(needed, terms, place)
                return self._vote(needed, terms, entry.for_, place, "of")
            case written.NotOf():
                term = self.build(entry.not_, place / "not")
                return None if term is None else Not(term)
        raise AssertionError(f"{entry!r} is no condition")

    def tag(self, name: str, place: Place) -> Tag | None:
        """The tag, or None: unknown (reported here) or broken (reported where it stands)."""
        if name in self.draft.tags:
            return self.draft.tags[name]
        if name not in self.draft.names("tag") and name not in self.draft.names("command"):
            known = set(self.draft.names("tag")) | set(self.draft.tags)
            self.draft.unknown(place, f"unknown tag {name}{did_you_mean(name, known)}")
        return None

    def _tripped(self, name: str, place: Place) -> Condition | None:
        if name in self.interlocks:
            return Tripped(self.interlocks[name])
        if name not in self.draft.names("interlock"):
            hint = did_you_mean(name, self.draft.names("interlock"))
            self.draft.unknown(place, f"unknown interlock {name}{hint}")
        return None

    def _vote(
        self, needed: int, terms: list[written.Condition], for_: float | str | None, place: Place, key: str
    ) -> Condition | None:
        built = [self.build(term, place / key / i) for i, term in enumerate(terms)]
        for_s = duration_s(place / "for", for_, self.draft.problems)
        if any(term is None for term in built):
            return None
        return Vote(needed, tuple(term for term in built if term is not None), for_s)

    def _check_vote(self, needed: int, terms: list[written.Condition], place: Place) -> None:
        count = len(terms)
        if needed > count:
            message = f"unreachable vote: {needed}oo{count} can never be true; it needs at most {count}"
            self.draft.problems.error(place / "vote", message)
        elif needed < 1:
            self.draft.problems.error(
                place / "vote", f"a vote of {needed} is always true; it needs 1..{count}"
            )
        if any(term in terms[:i] for i, term in enumerate(terms)):
            self.draft.problems.error(
                place / "of", "one term votes twice; give each term a tag of its own", key=True
            )

    def _test(self, entry: written.TagTest, place: Place) -> Condition | None:
        tag = self.tag(entry.tag, place / "tag")
        given = [key for key in OPERATORS if getattr(entry, key) is not None]
        if entry.is_ is not None:
            given.append("is")
        if len(given) != 1:
            what = f"both {' and '.join(given)}" if given else "nothing"
            self.draft.problems.error(
                place, f"{entry.tag} is compared with {what}; use one of below, above, at_most, at_least, is"
            )
            return None
        if tag is None:
            return None
        if given == ["is"]:
            return self._state(entry, tag, place)
        return self._compare(entry, given[0], tag, place)

    def _state(self, entry: written.TagTest, tag: Tag, place: Place) -> Condition | None:
        problems = self.draft.problems
        for key in ("hysteresis", "hold"):
            if getattr(entry, key) is not None:
                problems.error(
                    place / key, f"`{key}` belongs to a comparison with a limit; leave it out", key=True
                )
        if tag.kind not in (Kind.DISCRETE, Kind.STATE, Kind.COUNTER, Kind.WORD):
            problems.error(
                place / "is",
                f"{tag.name} is of kind {tag.kind.value}; compare it with below or above",
                key=True,
            )
            return None
        values = tuple(entry.is_) if isinstance(entry.is_, list) else (entry.is_ or 0,)
        known = [value for value, _ in tag.states] or ([0, 1] if tag.kind is Kind.DISCRETE else [])
        for value in values:
            if known and value not in known:
                named = ", ".join(str(v) for v in known)
                problems.error(place / "is", f"{tag.name} never is {value}; it has the values {named}")
        if not values:
            problems.error(place / "is", "the list is empty, so this can never be true; name the values")
        return State(tag.index, values, duration_s(place / "for", entry.for_, problems))

    def _compare(self, entry: written.TagTest, key: str, tag: Tag, place: Place) -> Condition | None:
        problems = self.draft.problems
        if tag.kind not in (Kind.ANALOG, Kind.COUNTER):
            problems.error(
                place / key, f"{tag.name} is of kind {tag.kind.value}; compare it with `is`", key=True
            )
            return None
        limit = number(place / key, getattr(entry, key), tag.unit, problems)
        hysteresis = 0.0
        if entry.hysteresis is not None:
            at = place / "hysteresis"
            hysteresis = number(at, entry.hysteresis, tag.unit, problems, difference=True) or 0.0
            if hysteresis < 0:
                problems.error(at, f"hysteresis {hysteresis:g} is negative; it is 0 or more")
        for_s = duration_s(place / "for", entry.for_, problems)
        hold_s = duration_s(place / "hold", entry.hold, problems)
        if limit is None:
            return None
        never = limit <= tag.low if key == "below" else limit >= tag.high if key == "above" else False
        if never or not tag.low <= limit <= tag.high:
            problems.error(
                place / key,
                f"{tag.name} {OPERATORS[key]} {limit:g} {tag.unit}".rstrip()
                + f" lies outside its range {tag.low:g}..{tag.high:g}; correct the limit or the range",
            )
        return Compare(tag.index, OPERATORS[key], limit, for_s, hysteresis, hold_s)
