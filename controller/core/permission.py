"""Which words a person may send now: none that a standing trip, a withheld permissive or the dark forbids."""

from __future__ import annotations

from alarms.signal import Tri
from controller.core.commands import Commands
from controller.core.demand import rank_of
from controller.core.interlocks import Interlocks
from controller.core.permissives import Permissives
from controller.plant.plant import Command, CommandEffect, Plant, Unknown, Word


class Permission:
    """The rules for the words of people. The PLC decides after us, by its own."""

    def __init__(
        self, plant: Plant, interlocks: Interlocks, commands: Commands, permissives: Permissives
    ) -> None:
        self.plant = plant
        self.interlocks = interlocks
        self.commands = commands
        self.permissives = permissives

    def refusal(self, command: Command, word: Word) -> str:
        """Why a person may not send this word now; '' when they may."""
        rank = command.words.index(word)
        for logic in self.interlocks.logics:
            for effect in logic.rule.effects:
                if not isinstance(effect, CommandEffect) or effect.command != command.index:
                    continue
                if rank <= rank_of(command, effect.word):
                    continue
                if self.interlocks.stands(logic.rule.index):
                    return f"{logic.rule.name} stands and asks for '{effect.word}'"
                record = self.interlocks.record(logic.rule.index)
                blind = logic.live.demand is Tri.UNKNOWN and logic.rule.on_unknown is Unknown.TRIP
                if blind and record.bypass is None:
                    return f"{logic.rule.name} cannot see its causes, so '{word.name}' is not permitted"
        flight = self.commands.flights.record(command).flight
        if flight is not None:
            under_way = self.commands.flights.is_being_written(command)
            if under_way or rank >= rank_of(command, flight.word):
                return f"{command.name} is busy: '{flight.word}' is on its way"
        if refusal := self.commands.starts.refusal(command, word):
            return refusal
        if word.name == "reset" and (name := self._guarding_people(command)):
            return f"{name} stands and guards a priority 1 alarm: it is reset at the machine"
        return self._withheld(command, word)

    def _guarding_people(self, command: Command) -> str:
        """A standing trip of this PLC with a cause that is a priority 1 alarm: never reset from here."""
        for logic in self.interlocks.logics:
            if self.interlocks.record(logic.rule.index).trip is None:
                continue
            for tag in (self.plant.tags[index] for index in logic.cause_tags):
                if tag.plc == command.plc and any(alarm.priority == 1 for alarm in tag.alarms):
                    return logic.rule.name
        return ""

    def _withheld(self, command: Command, word: Word) -> str:
        for permissive in self.plant.permissives:
            if (command.index, word.name) not in permissive.guards:
                continue
            names = self.permissives.withheld_by(permissive.index)
            if names:
                return f"'{permissive.text or permissive.name}' is withheld by {', '.join(names)}"
            for interlock in self.permissives.users(permissive.index):
                logic, record = self.interlocks.logics[interlock], self.interlocks.record(interlock)
                if logic.live.demand is Tri.UNKNOWN and record.bypass is None:
                    return f"'{permissive.text or permissive.name}' is withheld: {logic.rule.name} cannot see"
        return ""
