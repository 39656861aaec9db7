"""The steps of a route for one incident: who is told next, again, of more; and what ends it.

Whom a step means is asked when it is due, so that a change of duty during an incident reaches who has
the duty then. A step is counted from when the one before was taken, not from the raise: after an outage
of the process the steps do not come all at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from alarms.incidents import MOVED, REMOVED, Entry, Incident, Run, items_of
from alarms.kept import Digest, NotTold, digest_data, digest_of
from alarms.messages import Effect, Note, Why, Withdraw
from alarms.post import Draft, Post
from alarms.rota import SECOND_NS, in_times, next_instant_ns
from alarms.routes import Route, Routes, Step
from alarms.routing import Target, addresses_of, all_routes, is_quiet, recipient_named, spoken_s, targets


class Ended(Enum):
    """Why a route has nothing more to do in an incident: who was woken is told of the first two."""

    ANSWERED = "answered"
    RETURNED = "returned"
    GONE = "gone"  # a worse alarm speaks, suppressed by design, kept for the digest, not configured any more


@dataclass(frozen=True, slots=True)
class Cause:
    """because: in words. user: the account of who answered, ''."""

    ended: Ended
    because: str
    user: str = ""


class Escalation:
    def __init__(self, routes: Routes, post: Post) -> None:
        self._routes = routes
        self._post = post
        self.branches = {route.name: route for route in all_routes(routes) if route.steps}
        self.digests: dict[str, Digest] = {}
        self.not_told = NotTold()

    # --- beginning ---------------------------------------------------------------------------------

    def wake(self, run: Run, entry: Entry, now_ns: int) -> None:
        """An alarm calls: the route begins, or those who were reached are told of it as well."""
        if not run.running:
            run.running, run.step, run.due_ns, run.since_ns = True, 0, entry.due_ns, now_ns
            run.reached = False
        elif run.step == 0 and run.due_ns is not None:
            run.due_ns = min(run.due_ns, entry.due_ns)
        else:
            run.fresh_ns = entry.due_ns if run.fresh_ns is None else min(run.fresh_ns, entry.due_ns)

    # --- what is due -------------------------------------------------------------------------------

    def advance(self, incident: Incident, run: Run, now_ns: int) -> list[Effect]:
        """What of a run is due now."""
        route = self.branches[run.route]
        due_ns = run.next_ns()
        if due_ns is None or due_ns > now_ns:
            return []
        self._keep(incident, run, route, now_ns)
        effects: list[Effect] = []
        if run.calls:
            if run.due_ns is not None and run.due_ns <= now_ns:
                effects += self._step(incident, run, route, now_ns)
            if run.fresh_ns is not None and run.fresh_ns <= now_ns:
                run.fresh_ns = None
                effects += self._fresh(incident, run, route, now_ns)
            effects += self._repeat(incident, run, route, now_ns)
            self._settle(incident, run, route)
        if not run.calls:
            effects += self.stop(incident, run, Cause(Ended.GONE, "nothing is left to tell"), now_ns)
        return effects

    def _step(self, incident: Incident, run: Run, route: Route, now_ns: int) -> list[Effect]:
        if run.step == 0:
            due_ns = min(incident.entries[alarm].due_ns for alarm in run.calls)
            if due_ns > now_ns:  # what would have been told has returned, another has come since
                run.due_ns = due_ns
                return []
        effects: list[Effect] = []
        while run.step < len(route.steps):
            number = run.step
            step = route.steps[number]
            run.step += 1
            after_ns = self._after_ns(route, run.step)
            run.due_ns = None if after_ns is None else now_ns + after_ns
            if not in_times(self._routes, step.times, now_ns):
                if after_ns:
                    break
                continue
            told = targets(self._routes, step, now_ns)
            if step.repeat_s is not None:
                run.repeats.append([number, now_ns + round(step.repeat_s * SECOND_NS), step.repeats or -1])
            if told:
                effects += self._tell(incident, run, told, _why(number), _because(route, number), now_ns)
                run.reached = True
                if after_ns:
                    break
            else:
                effects.append(_hole(incident, route, number))
        else:
            run.due_ns = None
            effects += self._nobody(incident, run, route, now_ns)
        return effects

    @staticmethod
    def _after_ns(route: Route, number: int) -> int | None:
        return round(route.steps[number].after_s * SECOND_NS) if number < len(route.steps) else None

    def _nobody(self, incident: Incident, run: Run, route: Route, now_ns: int) -> list[Effect]:
        """The steps are over and no one was on duty."""
        if run.reached:
            return []
        because = f"nobody was on duty in any step of route {route.name}"
        effects: list[Effect] = [
            Note("notify.nobody", route.name, because, {"incident": incident.id, "alarms": len(run.calls)})
        ]
        return effects + self._last_resort(incident, run, because, now_ns)

    def _last_resort(self, incident: Incident, run: Run, because: str, now_ns: int) -> list[Effect]:
        """Of a priority 1 that reaches nobody, those in `trouble` are told."""
        if not run.urgent:
            return []
        people = [recipient_named(self._routes, name) for name in self._routes.trouble]
        told = [
            Target(person, addresses_of(person, ()))
            for person in people
            if person is not None and person.name not in run.told
        ]
        return self._tell(incident, run, told, Why.ESCALATED, because, now_ns)

    def _fresh(self, incident: Incident, run: Run, route: Route, now_ns: int) -> list[Effect]:
        """Whom the steps taken so far mean now, of what has come since they were told."""
        if route.delay_s or route.steps[0].after_s:
            waiting = [incident.entries[alarm].due_ns for alarm in run.untold if alarm in run.calls]
            later = [due_ns for due_ns in waiting if due_ns > now_ns]
            run.fresh_ns = max(min(later), now_ns + SECOND_NS) if later else None
        told = self._reached(run, route, now_ns)
        because = f"more alarms of an incident of route {route.name}"
        if not told and run.due_ns is None:
            return self._last_resort(incident, run, f"nobody is on duty in route {route.name}", now_ns)
        return self._tell(incident, run, told, Why.MORE, because, now_ns, whole=False)

    def _reached(self, run: Run, route: Route, now_ns: int) -> list[Target]:
        found: dict[str, Target] = {}
        for step in route.steps[: run.step]:
            if in_times(self._routes, step.times, now_ns):
                for target in targets(self._routes, step, now_ns):
                    name = target.recipient.name
                    before = found.get(name)
                    addresses = (*(before.addresses if before else ()), *target.addresses)
                    found[name] = Target(target.recipient, tuple(dict.fromkeys(addresses)), target.by)
        return list(found.values())

    def _repeat(self, incident: Incident, run: Run, route: Route, now_ns: int) -> list[Effect]:
        effects: list[Effect] = []
        for repeat in run.repeats:
            number, due_ns, left = repeat
            step = route.steps[number]
            if due_ns > now_ns or step.repeat_s is None:
                continue
            repeat[1], repeat[2] = now_ns + round(step.repeat_s * SECOND_NS), left - 1 if left > 0 else left
            if in_times(self._routes, step.times, now_ns):
                told = self._free(incident, targets(self._routes, step, now_ns))
                because = f"step {number + 1} of route {route.name} again: no answer yet"
                effects += self._tell(incident, run, told, Why.AGAIN, because, now_ns)
        run.repeats = [repeat for repeat in run.repeats if repeat[2] != 0]
        return effects

    def _free(self, incident: Incident, told: Iterable[Target]) -> list[Target]:
        """Without the addresses to which the last message of this incident is still under way."""
        found = []
        for target in told:
            calling = self._post.outgoing.calling
            addresses = tuple(one for one in target.addresses if not calling(incident.id, one.id))
            if addresses:
                found.append(Target(target.recipient, addresses, target.by))
        return found

    def _tell(
        self,
        incident: Incident,
        run: Run,
        told: Iterable[Target],
        why: Why,
        because: str,
        now_ns: int,
        *,
        whole: bool = True,
    ) -> list[Effect]:
        effects: list[Effect] = []
        for target in told:
            name = target.recipient.name
            addresses = tuple(one.id for one in target.addresses)
            if run.told.get(name) == [incident.n, now_ns]:
                addresses = tuple(one for one in addresses if one not in incident.opened)
                if not addresses:
                    continue  # the same person in two steps of the same moment
            draft = Draft(why, because, addresses, incident.id, run.route, whole)
            effects += self._post.offer(name, draft, now_ns)
        return effects

    def _settle(self, incident: Incident, run: Run, route: Route) -> None:
        """What returned before it could be told has been told now."""
        newest = max((told[0] for told in run.told.values()), default=0)
        for alarm in sorted(run.owed):
            entry = incident.entries[alarm]
            if entry.n <= newest:
                entry.owed = False
                run.review(entry, route)

    # --- quiet times -----------------------------------------------------------------------------------

    def _keep(self, incident: Incident, run: Run, route: Route, now_ns: int) -> None:
        """In quiet times what may wait goes to the digest."""
        quiet = {priority for priority in (2, 3) if is_quiet(self._routes, route, priority, now_ns)}
        if not quiet:
            return
        for alarm in sorted(run.calls):
            entry = incident.entries[alarm]
            if entry.priority in quiet and entry.due_ns <= now_ns:
                self.keep(entry, route, now_ns)
                run.untold.pop(alarm, None)
                run.review(entry, route)

    def keep(self, entry: Entry, route: Route, now_ns: int) -> None:
        entry.kept = True
        due_ns = next_instant_ns(self._routes, route.digest_min, now_ns)
        self.digests.setdefault(route.name, Digest(due_ns)).add(entry)

    def send_digests(self, now_ns: int) -> list[Effect]:
        effects: list[Effect] = []
        for name in [name for name, digest in self.digests.items() if digest.due_ns <= now_ns]:
            digest = self.digests.pop(name)
            route = self.branches.get(name)
            told = [] if route is None else targets(self._routes, Step(route.steps[0].to), now_ns)
            if not told:
                self.not_told.add(f"nobody is there for the digest of {name}", list(digest.entries), now_ns)
                continue
            items = items_of(digest.entries.values())
            because = f"digest of route {name}: {digest.count} alarms in quiet times"
            priority = min(item.priority for item in items)
            for target in told:
                addresses = tuple(one.id for one in target.addresses)
                draft = Draft(
                    Why.DIGEST, because, addresses, items=items, count=digest.count, priority=priority
                )
                effects += self._post.offer(target.recipient.name, draft, now_ns)
        return effects

    # --- the end ----------------------------------------------------------------------------------------

    def changed(self, incident: Incident, entry: Entry, cause: Cause, now_ns: int) -> list[Effect]:
        """An alarm has been answered, has returned or is covered: whether that ends its run."""
        run, route = incident.runs[entry.route], self.branches[entry.route]
        run.review(entry, route)
        effects: list[Effect] = []
        if run.running and not run.calls:
            effects += self.stop(incident, run, cause, now_ns)
        if route.tell_return and run.owes_return and not run.up:
            run.owes_return = False
            because = "everything in it has returned"
            effects += self._tell_those(incident, run, Why.RETURNED, because, list(run.told), now_ns)
        return effects

    def stop(self, incident: Incident, run: Run, cause: Cause, now_ns: int) -> list[Effect]:
        """Nothing is to be told any more: what has not left is withdrawn, who was woken hears of it."""
        route = self.branches[run.route]
        late = self._post.outgoing.withdraw(incident.id, run.route)
        unaware = {message.recipient for message in late if message.opens}
        self._post.drop(incident.id, run.route)
        self.not_told.add(cause.because, list(run.untold), now_ns)
        effects: list[Effect] = [Withdraw(message.id, cause.because) for message in late]
        woken = [name for name, told in run.told.items() if told[1] >= run.since_ns and name not in unaware]
        run.rest()
        if not woken:
            return effects
        text = f"{incident.first}: nobody is told any more: {cause.because}"
        data = {"incident": incident.id, "route": run.route, "told": woken, "user": cause.user}
        effects.append(Note("notify.stopped", incident.first, text, data))
        if cause.ended is Ended.ANSWERED and route.tell_answered:
            others = [name for name in woken if not self._is(name, cause.user)]
            effects += self._tell_those(incident, run, Why.ANSWERED, cause.because, others, now_ns)
        return effects

    def flood_over(self, incident: Incident, now_ns: int) -> list[Effect]:
        """One message of what a flood only counted, to those of the first step; quiet times keep it."""
        effects: list[Effect] = []
        for run in incident.runs.values():
            route = self.branches[run.route]
            entries = [one for one in incident.of_route(run.route) if one.alarm in run.untold and one.silent]
            if not entries or run.calls:
                continue  # who is called is told of them with the rest
            run.untold = {}
            priority = min(one.priority for one in entries)
            if is_quiet(self._routes, route, priority, now_ns):
                for entry in entries:
                    self.keep(entry, route, now_ns)
                continue
            told = targets(self._routes, route.steps[0], now_ns)
            if not told:
                names = [one.alarm for one in entries]
                self.not_told.add("nobody is there to be told of a flood", names, now_ns)
            because = f"the alarm flood is over: {len(entries)} alarms were counted in it, not announced"
            draft = Draft(Why.SUMMARY, because, (), incident.id, run.route, items=items_of(entries))
            for target in told:
                addresses = tuple(one.id for one in target.addresses)
                mine = replace(draft, addresses=addresses, count=len(entries), priority=priority)
                effects += self._post.offer(target.recipient.name, mine, now_ns)
        return effects

    def _is(self, name: str, user: str) -> bool:
        person = recipient_named(self._routes, name)
        return bool(user) and person is not None and person.user == user

    def _tell_those(
        self, incident: Incident, run: Run, why: Why, because: str, names: Iterable[str], now_ns: int
    ) -> list[Effect]:
        """By the addresses at which they have heard of it."""
        effects: list[Effect] = []
        for name in names:
            person = recipient_named(self._routes, name)
            if person is None:
                continue
            addresses = tuple(one.id for one in person.addresses if one.id in incident.opened)
            addresses = addresses or tuple(one.id for one in person.addresses[:1])
            draft = Draft(why, because, addresses, incident.id, run.route)
            effects += self._post.offer(name, draft, now_ns)
        return effects

    def unreachable(self, incident: Incident, route: str, name: str, now_ns: int) -> list[Effect]:
        """Nobody at any address of a person: when no one else was told, the next step does not wait."""
        run = incident.runs.get(route)
        if run is None or not run.running:
            return []
        if any(told[1] >= run.since_ns for other, told in run.told.items() if other != name):
            return []
        if run.due_ns is not None:
            run.due_ns = min(run.due_ns, now_ns)
            return []
        return self._last_resort(incident, run, f"{name} cannot be reached at any address", now_ns)

    # --- to data and back --------------------------------------------------------------------------------

    def shift(self, by_ns: int) -> None:
        """The clock has been set back. Digests have a time of day, and keep it."""
        self.not_told.shift(by_ns)

    def dump(self) -> dict[str, Any]:
        digests = {name: digest_data(digest) for name, digest in self.digests.items()}
        return {"digests": digests, "not_told": self.not_told.dump()}

    def load(self, data: dict[str, Any]) -> None:
        self.digests = {name: digest_of(one) for name, one in data["digests"].items()}
        self.not_told.load(data["not_told"])

    def adopt(self, incident: Incident, decide: Callable[[Entry], Route | None], now_ns: int) -> None:
        """After a load: what was under way goes on, alarms of routes that are gone begin anew in theirs."""
        for name in [name for name in incident.runs if name not in self.branches]:
            del incident.runs[name]
        for run in incident.runs.values():
            steps = len(self.branches[run.route].steps)
            run.step = min(run.step, steps)
            run.due_ns = run.due_ns if run.step < steps else None
            run.repeats = [repeat for repeat in run.repeats if repeat[0] < steps]
            run.told = {name: told for name, told in run.told.items() if self._post.knows(name)}
        for entry in incident.entries.values():
            if MOVED in entry.covers or REMOVED in entry.covers:
                continue
            gone = entry.route not in self.branches
            route = decide(entry) if gone else self.branches[entry.route]
            if route is None:
                self.not_told.add("no route of routes.yaml fits", [entry.alarm], now_ns)
                entry.cover(REMOVED)
                continue
            entry.route = route.name
            run = incident.run_of(route.name)
            run.review(entry, route)
            if gone:
                run.untold[entry.alarm] = None
                if entry.alarm in run.calls:
                    self.wake(run, entry, now_ns)


def _why(number: int) -> Why:
    return Why.FIRST if number == 0 else Why.ESCALATED


def _because(route: Route, number: int) -> str:
    step = f"step {number + 1} of route {route.name}"
    after_s = route.steps[number].after_s
    return f"{step}: no answer for {spoken_s(after_s)}" if number and after_s else step


def _hole(incident: Incident, route: Route, number: int) -> Note:
    names = ", ".join(route.steps[number].to)
    text = f"step {number + 1} of route {route.name}: nobody is on duty ({names}), so the next comes at once"
    return Note("notify.hole", route.name, text, {"incident": incident.id, "step": number + 1})
