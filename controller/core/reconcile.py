"""After a restart: what the intent ring knows and the journal does not.

A service that was killed between a write and its journal row has left the write's context in the
ring. Its trip is latched again, its numbers are taken into account, and its fate is found by the PLC's
echo and by read-back (handshake.judge, `again`). Nothing is sent for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from controller.core.logic import facts
from controller.core.step import Decisions
from controller.plant.plant import Plant


def reconciled(plant: Plant, decisions: Decisions, intents: Iterable[Mapping[str, Any]]) -> None:
    """Says what the journal lacks: trips that were lost with it, then the intents themselves."""
    known = decisions.durable.intent
    for context in sorted(intents, key=lambda one: int(one["intent"])):
        if int(context["intent"]) <= known:
            continue
        for trip in context.get("trips", ()):
            _latch(plant, decisions, trip)
        _register(plant, decisions, context)


def _latch(plant: Plant, decisions: Decisions, trip: Mapping[str, Any]) -> None:
    rule = next((rule for rule in plant.interlocks if rule.name == trip["interlock"]), None)
    if rule is None or decisions.durable.interlock(rule.name).trips >= trip["number"]:
        return
    causes = {cause.id: cause.text for cause in rule.causes}
    decisions.say(
        "interlock.tripped",
        rule.name,
        f"{rule.name} had tripped before the restart: {trip['first_out']}",
        {
            "number": trip["number"],
            "kind": rule.kind,
            "by": rule.by.value,
            "reason": trip["reason"],
            "first_out": trip["first_out"],
            "at_s": trip["at_s"],
            "causes": [{"id": name, "text": causes.get(name, ""), "values": {}} for name in trip["causes"]],
            "effects": [facts(plant, rule, index) for index in trip["effects"] if index < len(rule.effects)],
            "latched": trip["latched"],
            "parent": "",
            "restored": True,
            "tripped_utc_ns": trip["utc_ns"],
        },
    )


def _register(plant: Plant, decisions: Decisions, context: Mapping[str, Any]) -> None:
    name = str(context["command"])
    if all(command.name != name for command in plant.commands):
        return
    keys = ("intent", "word", "value", "sequence", "epoch", "settles", "user")
    data = {key: context[key] for key in keys}
    text = f"{name} '{context['word']}' (sequence {context['sequence']}) was on its way at the restart"
    decisions.say("intent.reconciled", name, text, data, 500)
