"""The whole state of a core as plain data, and back: for the flight recorder and `heloop replay`.

Unlike the durable state this includes every delay, hysteresis and deadline, so that a core loaded
from it decides exactly what the recorded one decided. It is only good for the same software and the
same plant texts; the recorder keeps both beside it. Taken between two steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from alarms.signal import Tri
from controller.core import flights, handshake, liveness, logic
from controller.core.clock import Now
from controller.core.conditions import LeafState
from controller.core.durable import Durable
from controller.core.effect_check import Check
from controller.core.firstout import Moment
from controller.core.windows import Window

if TYPE_CHECKING:
    from controller.core.core import Core

T = TypeVar("T")
IMAGE: Final = (
    *("value", "status", "source_ns", "given_ns", "receive_s", "receive_utc_ns"),
    *("changed_s", "arrival", "still"),
)
WAITING: Final = ("present", "value", "status", "given_ns")
RINGS: Final = ("utc_ns", "value", "status")
COMMAND: Final = tuple(field.name for field in fields(flights.Live) if field.name != "proofs")


def taken(core: Core) -> dict[str, Any]:
    """Everything that `put` needs, as dicts, lists, numbers, strings and bytes."""
    plain = msgspec.to_builtins
    return {
        "durable": plain(core.durable, str_keys=True),
        "image": _arrays(core.image, IMAGE)
        | {"texts": dict(core.image.texts), "arrivals": core.image.arrivals},
        "waiting": _arrays(core.waiting, WAITING)
        | {"texts": {str(tag): list(text) for tag, text in core.waiting.texts.items()}},
        "slopes": core.formulas.memory(),
        "alarms": core.alarming.snapshot(),
        "sight": {
            "wall_per_plant": core.sight.wall_per_plant,
            "tripped": [int(tri) for tri in core.sight.tripped],
            "moments": {str(index): list(moment) for index, moment in core.sight.trip_moments.items()},
        },
        "liveness": {
            "started_s": core.liveness.started_s,
            "pulses": [plain(pulse) for pulse in core.liveness.pulses],
        },
        "windows": _arrays(core.windows, RINGS)
        | {"count": core.windows.count.tolist(), "waiting": [plain(one) for one in core.windows.waiting]},
        "interlocks": [plain(one.live) for one in core.interlocks.logics],
        "checks": [plain(check) for check in core.interlocks.checks.checks.values()],
        "leaves": [plain(state) for state in _leaves(core)],
        "commands": [
            {name: plain(getattr(live, name)) for name in COMMAND} for live in core.commands.flights.lives
        ],
        "fenced": sorted(core.commands.flights.fenced),
        "starts": {
            "seen": [int(tri) for tri in core.commands.starts.seen.values()],
            "started_s": list(core.commands.starts.started_s.values()),
        },
        "permissives": list(core.permissives.told),
        "until_s": [[what, name, until_s] for (what, name), until_s in core.bypasses.until_s.items()],
        "quality": {"told": sorted(core.quality.told), "due_s": core.quality.due_s},
        "heartbeat": {"counter": core.heartbeat.counter, "due_s": core.heartbeat.due_s},
        "last": None if core.last is None else list(core.last),
    }


def put(core: Core, state: Mapping[str, Any]) -> None:
    """Makes a fresh core of the same plant what the other one was."""
    _put_values(core, state)
    _put_logic(core, state)
    core.alarming.load(state["alarms"])
    core.commands.flights.fenced = set(state["fenced"])
    starts = core.commands.starts
    starts.seen = dict(zip(starts.nodes, map(Tri, state["starts"]["seen"]), strict=True))
    starts.started_s = dict(zip(starts.nodes, map(list, state["starts"]["started_s"]), strict=True))
    core.permissives.told = list(state["permissives"])
    core.bypasses.until_s = {(what, name): until_s for what, name, until_s in state["until_s"]}
    core.quality.told = set(state["quality"]["told"])
    core.quality.due_s = state["quality"]["due_s"]
    core.heartbeat.counter = state["heartbeat"]["counter"]
    core.heartbeat.due_s = state["heartbeat"]["due_s"]
    core.last = None if state["last"] is None else Now(*state["last"])
    core.interlocks.quiet()
    core.commands.quiet()


def _put_values(core: Core, state: Mapping[str, Any]) -> None:
    _fill(core.image, IMAGE, state["image"])
    core.image.texts = {int(tag): text for tag, text in state["image"]["texts"].items()}
    core.image.arrivals = state["image"]["arrivals"]
    _fill(core.waiting, WAITING, state["waiting"])
    core.waiting.texts = {
        int(tag): (int(text[0]), str(text[1]), int(text[2]), int(text[3]))
        for tag, text in state["waiting"]["texts"].items()
    }
    _fill(core.windows, RINGS, state["windows"])
    core.windows.count[:] = state["windows"]["count"]
    core.windows.waiting = [_as(Window, one) for one in state["windows"]["waiting"]]
    core.formulas.remember(state["slopes"])
    core.liveness.started_s = state["liveness"]["started_s"]
    core.liveness.pulses = [_as(liveness.Pulse, pulse) for pulse in state["liveness"]["pulses"]]


def _put_logic(core: Core, state: Mapping[str, Any]) -> None:
    core.adopt(_as(Durable, state["durable"]))
    core.sight.wall_per_plant = state["sight"]["wall_per_plant"]
    core.sight.tripped = [Tri(number) for number in state["sight"]["tripped"]]
    core.sight.trip_moments = {
        int(index): Moment(*moment) for index, moment in state["sight"]["moments"].items()
    }
    for one, live in zip(core.interlocks.logics, state["interlocks"], strict=True):
        one.live = _as(logic.Live, live)
    checks = core.interlocks.checks.checks
    for key, check in zip(list(checks), state["checks"], strict=True):
        checks[key] = _as(Check, check)
    for leaf, found in zip(_leaves(core), state["leaves"], strict=True):
        _copy(_as(LeafState, found), leaf)
    for live, found in zip(core.commands.flights.lives, state["commands"], strict=True):
        for name in COMMAND:
            value = found[name]
            live_value = _as(handshake.Progress, value) if name == "progress" and value is not None else value
            setattr(live, name, live_value)


def _leaves(core: Core) -> Iterator[LeafState]:
    for one in core.interlocks.logics:
        yield from one.states()
    yield from core.interlocks.checks.states()
    for live in core.commands.flights.lives:
        for node in live.proofs.values():
            yield from node.states()
    yield from core.commands.starts.states()


def _as(kind: type[T], data: object) -> T:
    return msgspec.convert(data, kind, str_keys=True)


def _copy(source: LeafState, target: LeafState) -> None:
    for field in fields(LeafState):
        setattr(target, field.name, getattr(source, field.name))


def _arrays(owner: object, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(owner, name).tobytes() for name in names}


def _fill(owner: object, names: Iterable[str], data: Mapping[str, bytes]) -> None:
    for name in names:
        array: NDArray[Any] = getattr(owner, name)
        array[...] = np.frombuffer(data[name], array.dtype).reshape(array.shape)
