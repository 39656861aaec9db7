"""Where things are in the plant's tree: areas, equipment and what stands alone. Pure, from the plant."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property

from controller.plant.plant import Plant

# Paths of nodes that are no tags; a tag's name has no '/'.
ROOT = "Plant"
AREA, EQUIPMENT, PLC = "Area", "Equipment", "PLC"
INTERLOCKS, INTERLOCK = "Interlocks", "Interlock"
COMMANDS, COMMAND = "Commands", "Command"
PERMISSIVES, PERMISSIVE = "Permissives", "Permissive"
AREAS, PLCS = "Areas", "PLCs"
SERVICE = "Service"


@dataclass(frozen=True)
class Layout:
    """Tags 'XV-111.CMD', 'XV-111.ZSO' are of the equipment XV-111; a tag alone in its group stands alone."""

    plant: Plant
    groups: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, plant: Plant) -> Layout:
        found: dict[str, list[int]] = defaultdict(list)
        for tag in plant.tags:
            found[tag.name.partition(".")[0]].append(tag.index)
        return cls(plant, {name: tags for name, tags in found.items() if len(tags) > 1})

    def equipment_of(self, tag: int) -> str | None:
        name = self.plant.tags[tag].name.partition(".")[0]
        return name if name in self.groups else None

    def area_of_equipment(self, name: str) -> str:
        return self.plant.tags[self.groups[name][0]].area

    def parent_of(self, tag: int) -> str:
        """The path a tag hangs below: its equipment, else its area."""
        equipment = self.equipment_of(tag)
        return f"{AREA}/{self.plant.tags[tag].area}" if equipment is None else f"{EQUIPMENT}/{equipment}"

    @cached_property
    def equipment_by_area(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for name in self.groups:
            found[self.area_of_equipment(name)].append(name)
        return found

    @cached_property
    def alone_by_area(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for tag in self.plant.tags:
            if self.equipment_of(tag.index) is None:
                found[tag.area].append(tag.index)
        return found

    @cached_property
    def commands_by_equipment(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for command in self.plant.commands:
            equipment = self.equipment_of(command.word)
            if equipment is not None:
                found[equipment].append(command.name)
        return found

    @cached_property
    def tags_by_plc(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for tag in self.plant.tags:
            if tag.plc is not None:
                found[tag.plc].append(tag.index)
        return found
