"""From tag names of a loaded plant to values of the model: made once, read every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from controller.plant.plant import Plant, Plc
from controller.plant.tags import NodeSource, Raw, Tag
from controller.simulator.instruments.panel import Panel
from controller.simulator.plc_logic.command import CommandPort
from controller.simulator.plc_logic.controller import PlcCore

if TYPE_CHECKING:
    from controller.simulator.simulated import Model

Value = float | str
Read = Callable[[], Value]
TEXTS: Final = {"XS-117": "PACK-07", "XS-117.SHIPMENT": "MRI-2026-001", "XS-117.SEAL": "481516"}


class Points:
    """readings of one PLC of the plant, and where its written values go.

    unknown: tags that the model does not have; they show a constant.
    """

    def __init__(self, plant: Plant, plc: Plc, model: Model, core: PlcCore) -> None:
        self._plant = plant
        self._plc = plc
        self._model = model
        self.core = core
        self.unknown: list[str] = []
        self.inputs: dict[int, Callable[[float], None]] = {}
        self._measured: list[tuple[int, str, Panel]] = []
        self._computed: list[tuple[int, str, dict[str, float]]] = []
        self._others: list[tuple[int, Read]] = []
        self._commands()
        for tag in plant.tags:
            if tag.plc == plc.index and tag.index not in self.inputs:
                self._place(tag)
        panels = {id(panel): panel for _, _, panel in self._measured}
        outputs = {id(out): out for _, _, out in self._computed}
        measured = [
            (panel, [(index, name) for index, name, one in self._measured if one is panel])
            for panel in panels.values()
        ]
        computed = [
            (out, [(index, name) for index, name, one in self._computed if one is out])
            for out in outputs.values()
        ]
        self._panels = [
            (_getter(rows), panel.pv, [name for _, name in rows], panel.status) for panel, rows in measured
        ]
        self._outputs = [(_getter(rows), out) for out, rows in computed]
        self._tags = [index for _, rows in measured for index, _ in rows]
        self._tags += [index for _, rows in computed for index, _ in rows]
        self._tags += [index for index, _ in self._others]

    def readings(self) -> list[tuple[int, Value, int]]:
        """(tag index, value, StatusCode) of every tag of the PLC."""
        values: list[Value] = []
        codes: list[int] = []
        for getter, pv, names, status in self._panels:
            values += getter(pv)
            codes += [status.get(name, 0) for name in names] if status else [0] * len(names)
        for getter, out in self._outputs:
            values += getter(out)
        values += [read() for _, read in self._others]
        codes += [0] * (len(values) - len(codes))
        return list(zip(self._tags, values, codes, strict=True))

    # --- what the service writes ------------------------------------------------------------------

    def _commands(self) -> None:
        for command in self._plant.commands:
            if command.plc != self._plc.index:
                continue
            port = self._model.port(command.name)
            if port is None:
                port = CommandPort(command.name, {})
                self.unknown.append(command.name)
            port.words = {word.value: word.name for word in command.words}
            self._command(port, command.word, command.sequence, command.epoch)
            self._others.append((command.echo, _number(port, "echo")))
            self._others.append((command.result, _number(port, "result")))
            for index in (command.echo, command.result):
                self.inputs[index] = _read_only
        watchdog = self.core.watchdog
        if self._plc.heartbeat is not None:
            self._input(self._plc.heartbeat, watchdog, "counter")
        if self._plc.epoch is not None:
            self._input(self._plc.epoch, watchdog, "written_epoch")

    def _command(self, port: CommandPort, word: int, sequence: int, epoch: int) -> None:
        self._input(word, port, "word")
        self._input(sequence, port, "sequence")
        self._input(epoch, port, "epoch")

    def _input(self, index: int, owner: object, field: str) -> None:
        self.inputs[index] = lambda value: setattr(owner, field, int(value))
        self._others.append((index, _number(owner, field)))

    # --- what the service reads -------------------------------------------------------------------

    def _place(self, tag: Tag) -> None:
        name, index = tag.name, tag.index
        own = self._own(tag)
        if own is not None:
            self._others.append((index, own))
            return
        for panel in self._model.panels.values():
            if name in panel.pv:
                self._measured.append((index, name, panel))
                return
        for core in self._model.plcs.values():
            if name in core.out:
                self._computed.append((index, name, core.out))
                return
        self._others.append((index, self._word(tag) or self._constant(tag)))

    def _own(self, tag: Tag) -> Read | None:
        """What belongs to the PLC itself rather than to the plant."""
        core, letter = self.core, self._plc.name
        if tag.index == self._plc.alive:
            return lambda: float(core.counter)
        if tag.index == self._plc.remote:
            return lambda: float(core.watchdog.remote)
        if tag.name == f"HS-391.{letter}":
            return lambda: float(core.button)
        if tag.name == f"XA-994.{letter}":
            return lambda: float(core.watchdog.stale)
        return None

    def _word(self, tag: Tag) -> Read | None:
        """Elements and bits of the alarm words: names end in the numbers, W-340.3 or XA-W340.0.12."""
        assert isinstance(tag.source, NodeSource)  # derived tags belong to no PLC
        stem = tag.name.removeprefix("XA-").replace("W-", "W").split(".")[0]
        words = self._model.words().get(stem)
        if words is None:
            return None
        element, bit, active = tag.source.element or 0, tag.source.bit, tag.source.active_when
        if element >= len(words):
            return None
        if bit is None:
            return lambda: float(words[element])
        return lambda: 1.0 if (words[element] >> bit) & 1 == active else 0.0

    def _constant(self, tag: Tag) -> Read:
        assert isinstance(tag.source, NodeSource)  # derived tags belong to no PLC
        if tag.source.raw is Raw.STRING:
            text = TEXTS.get(tag.name, "")
            return lambda: text
        self.unknown.append(tag.name)
        value = _usual(tag)
        return lambda: value


def _getter(rows: Sequence[tuple[int, str]]) -> Callable[[dict[str, float]], tuple[float, ...]]:
    """The values of these names, all at once."""
    names = [name for _, name in rows]
    if len(names) == 1:
        return lambda values: (values[names[0]],)
    return itemgetter(*names)


def _number(owner: object, field: str) -> Read:
    return lambda: float(getattr(owner, field))


def _read_only(value: float) -> None:
    """Echo and result are the PLC's; what a client writes there has no effect."""
    del value


def _usual(tag: Tag) -> float:
    """A value within the normal range of a tag that the model does not have."""
    numbers = []
    for part in tag.normal.replace("..", " ").replace("<", " ").split():
        try:
            numbers.append(float(part))
        except ValueError:
            continue
    if numbers:
        return sum(numbers) / len(numbers)
    return max(tag.low, 0.0)
