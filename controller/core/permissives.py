"""Permissives: permissions that the service holds, withheld while a trip stands that names them.

Withheld is a function of the standing trips, not a state of its own; the events only tell of changes.
"""

from __future__ import annotations

from controller.core.interlocks import Interlocks
from controller.plant.plant import Plant, WithholdEffect


class Permissives:
    """Which permissives are withheld, and by which interlocks."""

    def __init__(self, plant: Plant, interlocks: Interlocks) -> None:
        self.plant = plant
        self.interlocks = interlocks
        self._users: list[list[tuple[int, int]]] = [[] for _ in plant.permissives]
        for rule in plant.interlocks:
            for index, effect in enumerate(rule.effects):
                if isinstance(effect, WithholdEffect):
                    self._users[effect.permissive].append((rule.index, index))
        self.told: list[bool] = [False] * len(plant.permissives)

    def begin(self) -> None:
        """What is withheld from before a restart has been told already."""
        self.told = [bool(self.withheld_by(index)) for index in range(len(self.told))]

    def withheld_by(self, permissive: int) -> list[str]:
        names = []
        for interlock, index in self._users[permissive]:
            trip = self.interlocks.record(interlock).trip
            if trip is not None and index in trip.effects and self.interlocks.stands(interlock):
                names.append(self.plant.interlocks[interlock].name)
        return names

    def users(self, permissive: int) -> list[int]:
        """The interlocks that may withhold it."""
        return [interlock for interlock, _ in self._users[permissive]]

    def settle(self) -> None:
        for permissive in self.plant.permissives:
            names = self.withheld_by(permissive.index)
            if bool(names) == self.told[permissive.index]:
                continue
            self.told[permissive.index] = bool(names)
            kind = "permissive.withheld" if names else "permissive.granted"
            by = f" by {', '.join(names)}" if names else ""
            text = f"{permissive.text or permissive.name}: {kind.split('.')[1]}{by}"
            self.interlocks.decisions.say(kind, permissive.name, text, {"by": names})
