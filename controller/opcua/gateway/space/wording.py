"""What is configured about interlocks and permissives, in the words the service uses everywhere."""

from __future__ import annotations

from typing import Final

from asyncua import ua

from controller.core.wording import rule as words
from controller.core.wording import span
from controller.opcua.gateway.space.nodes import data_value
from controller.plant.plant import CheckedEffect, CommandEffect, Effect, Interlock, Permissive, Plant

_V: Final = ua.VariantType


def interlock_facts(plant: Plant, rule: Interlock) -> dict[str, ua.DataValue]:
    """The fixed parts of InterlockType and its BypassType."""
    facts = {
        "Kind": data_value(rule.kind, _V.String),
        "By": data_value(rule.by.value, _V.String),
        "ResetBy": data_value(rule.reset.by.value, _V.String),
        "HardWired": data_value(rule.hard_wired, _V.Boolean),
        "Causes": data_value([words(plant, cause.condition) for cause in rule.causes], _V.String),
        "Effects": data_value([effect_words(plant, effect) for effect in rule.effects], _V.String),
    }
    if rule.bypass is not None:
        facts["Bypass/MaxTime"] = data_value(rule.bypass.max_s * 1000.0, _V.Double)
        facts["Bypass/Role"] = data_value(rule.bypass.role, _V.String)
        facts["Bypass/TwoPersons"] = data_value(rule.bypass.two_persons, _V.Boolean)
    return facts


def effect_words(plant: Plant, effect: Effect) -> str:
    if isinstance(effect, CommandEffect):
        return f"{plant.commands[effect.command].name} {effect.word}"
    if isinstance(effect, CheckedEffect):
        return f"{effect.text} (by the PLC, within {span(effect.within_s)})"
    return f"{plant.permissives[effect.permissive].name} withheld"


def permissive_guards(plant: Plant, one: Permissive) -> ua.DataValue:
    return data_value([f"{plant.commands[command].name} {word}" for command, word in one.guards], _V.String)
