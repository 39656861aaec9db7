"""The shell around the core: takes inputs, asks the core, carries out what it says.

One loop, one writer. Order within a step: trip writes leave first (intent into the ring, then the
link's queue; neither waits for a disk), then alarms are evaluated, then values go to the feed and
everything to the journal. A person's reply is sent after the commit of the step that decided it.

The inbox is bounded: beyond `INBOX_MAX` inputs a batch is dropped, counted, and reported to the
core as a gap of its link; requests and link changes are never dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from math import inf
from typing import Any, Final, Protocol, assert_never

from controller.core.clock import Due, Now
from controller.core.effects import Effect, Event, Reconnect, Reply, Step, Values, Write
from controller.core.inputs import Batch, Input, LinkReport, Request
from controller.doors.commands import Answer
from controller.doors.feed import Feed

INBOX_MAX: Final = 10_000
EVALUATE_TARGET_S: Final = 0.0008  # aimed at, so that hardly any slice takes 2 ms
# Looks in a slice. One costs 10 us, 40 us when its alarm turns: a storm that comes after a calm hour must
# find a budget that was made for storms.
BUDGET_MIN: Final = 8
BUDGET_MAX: Final = 40
IDLE_S: Final = 1.0
TURNS: Final = 5  # of the event loop between two steps


class Decides(Protocol):
    """The core, as the shell sees it."""

    def protect(self, now: Now, inputs: Sequence[Input]) -> Step: ...
    def evaluate(self, now: Now, inputs: Sequence[Input], budget: int) -> Step: ...


class Keeps(Protocol):
    """The journal, as the shell sees it. The future's result is the last event's number."""

    def append(
        self, events: Sequence[Event], samples: Sequence[Values] = (), now: Now | None = None
    ) -> Future[int]: ...


class Carries(Protocol):
    """A link, as the shell sees it; both calls only queue."""

    def write(self, write: Write) -> None: ...
    def reconnect(self, reason: str) -> None: ...


class Remembers(Protocol):
    """The intent ring."""

    def put(self, intent: int, context: Mapping[str, Any]) -> int: ...


class Records(Protocol):
    """The flight recorder."""

    def record(self, now: Now, inputs: Sequence[Input], budget: int) -> None: ...


class Clock:
    """Plant seconds, monotonic seconds and UTC. Held, plant seconds stand at 0 until `start`.

    In a running service they are never held: a PLC that is away must not stop the delays of the
    others. The demo holds them until its simulated plant starts, so that both count the same.
    """

    def __init__(self, speed: float = 1.0, *, held: bool = False) -> None:
        self.speed = speed
        self._started_mono_s: float | None = None if held else time.monotonic()

    def start(self) -> None:
        if self._started_mono_s is None:
            self._started_mono_s = time.monotonic()

    def now(self) -> Now:
        mono_s = time.monotonic()
        started = mono_s if self._started_mono_s is None else self._started_mono_s
        return Now((mono_s - started) * self.speed, mono_s, time.time_ns())

    def wait_s(self, due: Due) -> float:
        """Wall seconds until `due`, 0 when it has come, inf when nothing is due."""
        now = self.now()
        plant_wait_s = inf if self._started_mono_s is None else (due.plant_s - now.plant_s) / self.speed
        return max(0.0, min(plant_wait_s, due.mono_s - now.mono_s))


@dataclass(slots=True)
class Meters:
    """What the shell measures of itself; shown by `heloop status`."""

    steps: int = 0
    inputs: int = 0
    changes: int = 0
    writes: int = 0
    events: int = 0
    inbox_max: int = 0
    inbox_dropped: int = 0
    protect_s_max: float = 0.0
    evaluate_s_max: float = 0.0
    step_s: deque[float] = field(default_factory=lambda: deque(maxlen=2_000))
    evaluate_s: deque[float] = field(default_factory=lambda: deque(maxlen=2_000))

    def shown(self) -> dict[str, Any]:
        ordered = sorted(self.step_s) or [0.0]
        slices = sorted(self.evaluate_s) or [0.0]
        return {
            "steps": self.steps,
            "inputs": self.inputs,
            "changes": self.changes,
            "writes": self.writes,
            "events": self.events,
            "inbox_max": self.inbox_max,
            "inbox_dropped": self.inbox_dropped,
            "step_ms_p50": round(ordered[len(ordered) // 2] * 1e3, 3),
            "step_ms_p99": round(ordered[len(ordered) * 99 // 100] * 1e3, 3),
            "protect_ms_max": round(self.protect_s_max * 1e3, 3),
            "evaluate_ms_p99": round(slices[len(slices) * 99 // 100] * 1e3, 3),
            "evaluate_ms_max": round(self.evaluate_s_max * 1e3, 3),
        }


class Inbox:
    """Where links and doors put what the core is to know. `put` is synchronous and never blocks."""

    def __init__(self) -> None:
        self._items: deque[Input] = deque()
        self._wake = asyncio.Event()
        self._lost: dict[int, int] = {}
        self.dropped = 0

    def put(self, item: Input) -> None:
        if len(self._items) >= INBOX_MAX and isinstance(item, Batch):
            self.dropped += len(item.tags)
            self._lost[item.plc] = self._lost.get(item.plc, 0) + len(item.tags)
        else:
            self._items.append(item)
        self._wake.set()

    def __len__(self) -> int:
        return len(self._items)

    async def take(self, wait_s: float) -> list[Input]:
        """All that is there; waits for the first at most wait_s."""
        if not self._items and wait_s > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(wait_s, IDLE_S)):
                    await self._wake.wait()
        self._wake.clear()
        taken = list(self._items)
        self._items.clear()
        for plc, lost in self._lost.items():
            text = f"{lost} changes were dropped: the inbox was full"
            taken.append(LinkReport(plc, "gap", text, count=lost))
        self._lost.clear()
        return taken


class Loop:
    """Runs the core. `run` ends only by cancellation or by a bug, which ends the process."""

    def __init__(
        self,
        *,
        core: Decides,
        clock: Clock,
        inbox: Inbox,
        links: Mapping[int, Carries],
        plcs: Iterable[str],
        journal: Keeps,
        intents: Remembers,
        recorder: Records | None,
        feed: Feed,
    ) -> None:
        self._core = core
        self._clock = clock
        self._inbox = inbox
        self._links = links
        self._journal = journal
        self._intents = intents
        self._recorder = recorder
        self._feed = feed
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._commits: set[asyncio.Future[int]] = set()
        self._waiting = set(plcs)
        self._stepped: list[asyncio.Future[None]] = []
        self.ready = asyncio.Event()
        self.meters = Meters()
        self._budget = BUDGET_MAX // 2

    async def run(self, after_step: Callable[[float, float], None]) -> None:
        """after_step: told how long nothing is due, and the monotonic second."""
        due = Due(mono_s=0.0)
        while True:
            inputs = await self._inbox.take(self._clock.wait_s(due))
            due = self._step(inputs)
            after_step(0.0 if len(self._inbox) else self._clock.wait_s(due), time.monotonic())
            # Links and doors get their turns even when steps come back to back: it takes several until what
            # lies in a socket is in the inbox, and a slice of a storm between every two would delay a trip.
            for _ in range(TURNS):
                await asyncio.sleep(0)

    async def submit(self, request: Request) -> Answer:
        """Puts a person's request before the core; returns after the commit of its outcome."""
        if request.id in self._answers:
            raise ValueError(f"the request id '{request.id}' is in use")
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[request.id] = answer
        try:
            self._inbox.put(request)
            return await answer
        finally:
            self._answers.pop(request.id, None)

    def _step(self, inputs: list[Input]) -> Due:
        now = self._clock.now()
        started_s = time.perf_counter()
        protected = self._core.protect(now, inputs)
        self._send(protected.effects)
        protected_s = time.perf_counter()
        budget = self._budget
        evaluated = self._core.evaluate(now, inputs, budget)
        evaluated_s = time.perf_counter()
        self._send(evaluated.effects)
        if self._recorder is not None:
            self._recorder.record(now, inputs, budget)
        self._keep(now, (*protected.effects, *evaluated.effects))
        self._set_budget(evaluated_s - protected_s)
        self._measure(inputs, protected_s - started_s, evaluated_s - protected_s)
        self._note_ready(protected.effects)
        for waiting in self._stepped:
            waiting.set_result(None)
        self._stepped.clear()
        return protected.due.or_sooner(evaluated.due)

    def _send(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Write():
                    if effect.intent:
                        self._intents.put(effect.intent, effect.context)
                        self.meters.writes += 1
                    self._links[effect.plc].write(effect)
                case Reconnect():
                    self._links[effect.plc].reconnect(effect.reason)
                case Event() | Values() | Reply():
                    pass  # kept and answered below, after every write has left
                case _:
                    assert_never(effect)

    def _keep(self, now: Now, effects: Sequence[Effect]) -> None:
        events = [effect for effect in effects if isinstance(effect, Event)]
        values = [effect for effect in effects if isinstance(effect, Values)]
        replies = [effect for effect in effects if isinstance(effect, Reply)]
        for value in values:
            self._feed.publish(value.batch)
            self.meters.changes += len(value.batch.tags)
        self.meters.events += len(events)
        if not (events or values or replies):
            return
        commit = asyncio.wrap_future(self._journal.append(events, values, now))
        self._commits.add(commit)
        commit.add_done_callback(lambda done: self._committed(done, replies, events))

    def _committed(self, commit: asyncio.Future[int], replies: list[Reply], events: list[Event]) -> None:
        self._commits.discard(commit)
        if commit.cancelled():
            return
        error = commit.exception()
        number = 0 if error is not None else commit.result()
        if events and number:
            self._feed.journal_at(number)
        for reply in replies:
            answer = self._answers.get(reply.request)
            if answer is None or answer.done():
                continue
            if error is None:
                own = number - _after(reply, events)
                answer.set_result(Answer(reply.accepted, reply.reason, own, reply.data))
            else:
                text = f"decided, but not on disk ({error}): {reply.reason}"
                answer.set_result(Answer(reply.accepted, text, 0, reply.data))

    def _set_budget(self, evaluate_s: float) -> None:
        """Shrinks when a slice was too long, grows slowly while slices do work: an idle one says nothing."""
        if evaluate_s > EVALUATE_TARGET_S:
            self._budget = max(BUDGET_MIN, int(self._budget * max(0.5, EVALUATE_TARGET_S / evaluate_s)))
        elif evaluate_s > EVALUATE_TARGET_S / 2:
            self._budget = min(BUDGET_MAX, self._budget + 1)

    def _measure(self, inputs: Sequence[Input], protect_s: float, evaluate_s: float) -> None:
        meters = self.meters
        meters.steps += 1
        meters.inputs += len(inputs)
        meters.inbox_max = max(meters.inbox_max, len(inputs))
        meters.inbox_dropped = self._inbox.dropped
        meters.protect_s_max = max(meters.protect_s_max, protect_s)
        meters.evaluate_s_max = max(meters.evaluate_s_max, evaluate_s)
        meters.step_s.append(protect_s + evaluate_s)
        meters.evaluate_s.append(evaluate_s)

    def _note_ready(self, effects: Sequence[Effect]) -> None:
        """Ready is when every PLC has its first confirmed values and its counter moves."""
        if self.ready.is_set():
            return
        for effect in effects:
            if isinstance(effect, Event) and effect.kind == "link.restored":
                self._waiting.discard(effect.source)
        if not self._waiting:
            self.ready.set()

    async def settle(self, last: Input, within_s: float) -> int:
        """Puts a last input before the core and waits until all that was decided is on disk.

        Returns how many commits are not when the time is over: a full disk must not keep us from stopping.
        """
        stepped: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stepped.append(stepped)
        self._inbox.put(last)
        await stepped
        over_s = time.monotonic() + within_s
        while self._commits and (left_s := over_s - time.monotonic()) > 0:
            await asyncio.wait(self._commits, timeout=left_s)
        return len(self._commits)


def _after(reply: Reply, events: list[Event]) -> int:
    """How many of a step's events come after the one that records a request."""
    for count, event in enumerate(reversed(events)):
        if event.data.get("request") == reply.request:
            return count
    return 0
