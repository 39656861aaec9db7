"""The types of our objects: interlocks, bypasses, commands, PLCs and the service itself."""

from __future__ import annotations

from typing import Final

from asyncua import ua

from controller.opcua.gateway.space.parts import Method, ObjectType, Variable

_V: Final = ua.VariantType
_TEXT, _YES, _COUNT, _TIME, _NUMBER = _V.String, _V.Boolean, _V.UInt32, _V.DateTime, _V.Double

REASON: Final = ("Reason", _TEXT, "Why; it goes into the journal with your name.")
MINUTES: Final = ("Minutes", _NUMBER, "For how long; 0 takes the most that is allowed.")

INTERLOCK_STATES: Final = ("clear", "tripped", "bypassed", "unknown")
DEMANDS: Final = ("false", "true", "unknown")
BYPASS_STATES: Final = ("none", "asked", "bypassed")

BYPASS: Final = ObjectType(
    "BypassType",
    "Takes an interlock's effects by the service away for a limited time; the core decides who may.",
    (
        Variable(
            "State", _COUNT, "None, asked for and waiting for a second person, or in force.", BYPASS_STATES
        ),
        Variable("User", _TEXT, "Who asked."),
        Variable("ConfirmedBy", _TEXT, "The second person, where one is needed."),
        Variable("Reason", _TEXT, "Why, in the words of who asked."),
        Variable("Until", _TIME, "When it ends by itself."),
        Variable("RemainingTime", _NUMBER, "Until then.", duration=True),
        Variable("MaxTime", _NUMBER, "The most that is allowed.", fixed=True, duration=True),
        Variable("Role", _TEXT, "The least role that may ask.", fixed=True),
        Variable(
            "TwoPersons", _YES, "A second person has to confirm from a session of their own.", fixed=True
        ),
        Method("Request", "Ask for a bypass.", (REASON, MINUTES)),
        Method("Confirm", "Confirm what another person has asked for, within 10 min.", (REASON,)),
        Method("Remove", "End the bypass, or withdraw the request.", (REASON,)),
    ),
)
CHECK: Final = ObjectType(
    "EffectCheckType",
    "Whether what a PLC has to do after a trip is checked. Inhibited, the check is mute; the PLC still acts.",
    (
        Variable("Inhibited", _YES, "The check is muted."),
        Variable("User", _TEXT, "Who muted it."),
        Variable("Reason", _TEXT, "Why."),
        Variable("Until", _TIME, "When it ends by itself."),
        Method("Inhibit", "Mute the check for a time.", (REASON, MINUTES), role="supervisor"),
        Method("Allow", "Check again.", (REASON,)),
    ),
)
INTERLOCK: Final = ObjectType(
    "InterlockType",
    "Cause and effect with latch, first-out and reset. Supervisory: it is never the safety function.",
    (
        Variable("State", _COUNT, "What it is now.", INTERLOCK_STATES),
        Variable("Demand", _COUNT, "Whether its causes ask for a trip.", DEMANDS),
        Variable("FirstOut", _TEXT, "The cause that came first, while it stands."),
        Variable("LastFirstOut", _TEXT, "The cause that came first the last time."),
        Variable("TrippedAt", _TIME, "Since when it stands."),
        Variable("Reason", _TEXT, "Why it tripped, with the values."),
        Variable("Latched", _YES, "It stands until it is reset."),
        Variable("Acknowledged", _TEXT, "By whom the trip was acknowledged; empty when it was not."),
        Variable("Resettable", _YES, "A reset would be accepted now."),
        Variable("NotResettable", _TEXT, "Why a reset would be refused now."),
        Variable("TripCount", _COUNT, "How often it has tripped."),
        Variable("TripCount24h", _COUNT, "Of these, in the last 24 h."),
        Variable("Kind", _TEXT, "trip or permissive.", fixed=True),
        Variable("By", _TEXT, "Who acts: service, or plc (mirrored: its effects are checked).", fixed=True),
        Variable("ResetBy", _TEXT, "automatic, operator, or local (at the machine).", fixed=True),
        Variable("HardWired", _YES, "A hard-wired chain does the same without any computer.", fixed=True),
        Variable("Causes", _TEXT, "What trips it.", fixed=True, array=True),
        Variable("Effects", _TEXT, "What happens then.", fixed=True, array=True),
        Method("Reset", "Reset the trip; refused with the reason while its cause stands.", (REASON,)),
        Method("Acknowledge", "Take note of the trip.", (REASON,)),
    ),
    objects=(("Bypass", BYPASS), ("EffectCheck", CHECK)),
    notifier=True,
)
COMMAND: Final = ObjectType(
    "CommandType",
    "A command of a PLC with its handshake. The PLC decides; interlocks and permissives refuse first.",
    (
        Variable("Word", _TEXT, "The word sent last."),
        Variable("Result", _TEXT, "What became of it: done, refused, failed or unknown."),
        Variable("How", _TEXT, "How that is known."),
        Variable("OnItsWay", _TEXT, "The word that waits for its proof now."),
        Variable("SentAt", _TIME, "When the last word was sent."),
        Variable("Local", _YES, "The machine is switched to local: it takes no words."),
        Variable("Words", _TEXT, "The words it knows, the safest first.", fixed=True, array=True),
        Method("Send", "Send a word.", (("Word", _TEXT, "One of Words."), REASON)),
    ),
)
PERMISSIVE: Final = ObjectType(
    "PermissiveType",
    "A permission the service holds; withheld, it refuses the words it guards.",
    (
        Variable("Withheld", _YES, "It is withheld now."),
        Variable("WithheldBy", _TEXT, "By which interlocks.", array=True),
        Variable("Guards", _TEXT, "The commands and words it guards.", fixed=True, array=True),
    ),
)
PLC: Final = ObjectType(
    "PlcType",
    "A controller of the plant and the link to it.",
    (
        Variable("Connected", _YES, "The link to it is up."),
        Variable("Life", _TEXT, "Whether its counter moves."),
        Variable("Reason", _TEXT, "Why it is not alive."),
        Variable("Remote", _YES, "It accepts commands."),
        Variable("Fenced", _YES, "A newer service owns it: this one reads, and writes nothing."),
        Variable("FreshTime", _NUMBER, "Since the last notification.", duration=True),
        Variable("Changes", _V.UInt64, "Values received."),
        Variable("Notifications", _V.UInt64, "Notifications received."),
        Variable("QueueOverflows", _V.UInt64, "Queues of the PLC that were too short."),
        Variable("Gaps", _V.UInt64, "Notifications that were lost and not sent again."),
        Variable("Reconnects", _V.UInt64, "Times the link had to be made again."),
        Variable("BadNodes", _V.String, "Nodes the PLC does not have.", array=True),
        Variable("Writes", _V.UInt64, "Values written."),
        Variable("WritesFailed", _V.UInt64, "Writes the PLC refused."),
        Variable("Endpoint", _TEXT, "Its address.", fixed=True),
    ),
    notifier=True,
)
SERVICE: Final = ObjectType(
    "ServiceType",
    "The service behind this server: what it has received, decided and kept.",
    (
        Variable("FeedConnected", _YES, "The gateway receives values from the core."),
        Variable("Reason", _TEXT, "Why it does not."),
        Variable("Ready", _YES, "Every link has had its first confirmed values."),
        Variable("UpTime", _NUMBER, "Since the core started.", duration=True),
        Variable("JournalNumber", _V.UInt64, "The newest entry of the journal."),
        Variable("ValuesGood", _COUNT, "Tags by quality."),
        Variable("ValuesUncertain", _COUNT, "Tags by quality."),
        Variable("ValuesBad", _COUNT, "Tags by quality."),
        Variable("StepTimeP99", _NUMBER, "What a step of the core takes, 99 of 100.", duration=True),
        Variable("RowsDropped", _V.UInt64, "Samples the journal could not keep."),
        Variable("Connections", _COUNT, "Connections with a session now."),
        Variable("ConnectionsRefused", _COUNT, "That came when there was no room for them."),
        Variable("OverShare", _COUNT, "What addresses asked for that had their share already."),
        Variable("CutOff", _COUNT, "Connections that were too slow, or did not read their answers."),
        Variable("Malformed", _COUNT, "Requests that could not be decoded."),
        Variable("AuditLeftOut", _COUNT, "Records for the journal that were too many."),
        Variable("Version", _TEXT, "Software version.", fixed=True),
        Variable("PlantHash", _TEXT, "Of the plant's texts as the gateway has read them.", fixed=True),
    ),
)
PLANT: Final = ObjectType("PlantType", "A whole plant.", notifier=True)
AREA: Final = ObjectType("AreaType", "A part of the plant; tells the events of what is in it.", notifier=True)
EQUIPMENT: Final = ObjectType("EquipmentType", "A machine or valve: its tags, and its command if it has one.")

OWN_TYPES: Final = (
    *(PLANT, AREA, EQUIPMENT, PLC, INTERLOCK, BYPASS, CHECK),
    *(COMMAND, PERMISSIVE, SERVICE),
)
