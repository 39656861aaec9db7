"""The file of one PLC: how to reach it, its tags and its commands."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from controller.plant.schema.conditions import Condition
from controller.plant.schema.fields import (
    Difference,
    Duration,
    Help,
    Model,
    Name,
    Prose,
    Quantity,
    Range,
    Text,
)

RawName = Literal[
    "Boolean",
    "SByte",
    "Byte",
    "Int16",
    "UInt16",
    "Int32",
    "UInt32",
    "Int64",
    "UInt64",
    "Float",
    "Double",
    "String",
]
Level = Literal["LL", "L", "H", "HH", "ON"]
KindName = Literal["analog", "discrete", "state", "counter", "word", "text"]
Normal = Annotated[str | float, Field(description="What is usual, for people: 35..85, 9/12, +1/s")]


class NodeInNamespace(Model):
    """A node in another namespace than the file's."""

    namespace: Text = Field(description="Namespace URI")
    id: Text = Field(description="Identifier, e.g. s=MAIN.skid.PT101")


Node = Annotated[
    str | NodeInNamespace,
    Field(description="Identifier within the file's namespace: s=..., i=..., g=... or b=..."),
]


class ArchiveRule(Model):
    """What reaches the journal: changes beyond the deadband, and at least one value per max_interval."""

    deadband: Difference | None = None
    max_interval: Duration | None = None


class AlarmOptions(Model):
    """How alarms of a tag behave; beside the tag it is the default of them all."""

    deadband: Difference | None = Field(default=None, description="How far the value must come back")
    delay: Duration | None = Field(default=None, description="The condition must hold this long")
    help: Help | None = None
    class_: str | None = Field(default=None, alias="class", description="Class of alarms; default: process")
    exclusive: bool | None = Field(
        default=None, description="Of L and LL, and of H and HH, only the worse one is active"
    )
    latching: bool | None = Field(default=None, description="It stays until it is reset")
    confirm: bool | None = Field(default=None, description="Acknowledging takes a second step")
    realarm: Duration | None = Field(default=None, description="While it stands it speaks again (wall time)")
    uncertain: Literal["use", "hold"] | None = Field(
        default=None, description="Whether an Uncertain value counts, or is not usable"
    )


class Alarm(AlarmOptions):
    """One alarm of a tag. What is left out comes from the tag."""

    limit: Quantity
    priority: int = Field(description="1 act now, 2 within half an hour, 3 advisory")
    off_delay: Duration | None = Field(default=None, description="It must be gone this long")
    text: Text | None = Field(default=None, description="Default: the tag's text and the level in words")
    enabled: bool = True


class TagEntry(AlarmOptions):
    """One tag; `name` comes first on its line."""

    name: Name
    text: Text
    unit: str = Field(default="", description="Left out for switches, states and words")
    range: Range | None = Field(default=None, description="low..high of the instrument, in `unit`")
    normal: Normal = ""
    area: str = ""
    kind: KindName | None = Field(default=None, description="Default: from raw, states and unit")
    access: Literal["read", "command"] = "read"
    node: Node
    raw: RawName = Field(description="OPC UA type of the node")
    scale: float = Field(default=1.0, description="value = raw * scale + offset")
    offset: float = 0.0
    element: int | None = Field(default=None, description="Element of an array node, from 0")
    bit: int | None = Field(default=None, description="Bit of a word, from 0")
    active_when: int | None = Field(default=None, description="The tag is 1 when the bit has this value")
    words: int = Field(default=1, description="2: a 32-bit number in two elements")
    low_word_first: bool = False
    sentinels: list[float] = Field(default=[], description="Raw values that mean: sensor broken")
    states: dict[int, Text] = Field(default={}, description="Value: name")
    stale_after: Duration | None = Field(default=None, description="Bad when nothing was reported this long")
    frozen_after: Duration | None = Field(
        default=None, description="Bad when it stood still this long; noisy tags"
    )
    archive: ArchiveRule | None = None
    alarms: dict[Level, Alarm] = Field(default={})


class CommandNodes(Model):
    """The five nodes of the handshake (docs/reference/plc-contract.md)."""

    word: Node
    sequence: Node
    epoch: Node
    echo: Node | None = None
    result: Node | None = None


class AtMost(Model):
    """How often a machine may start."""

    times: int = Field(ge=1, le=50)
    within: Duration = Field(description="In this plant time")


class WordEntry(Model):
    """One word of a command."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=30)
    value: int = Field(ge=1, le=65535)
    origin: Literal["automatic", "operator"] = Field(description="Who may send it")
    proof: Condition | None = Field(default=None, description="What shows that it took effect")
    within: Duration | None = Field(
        default=None, description="The proof must come within this time (wall time)"
    )
    at_most: AtMost | None = Field(
        default=None, description="Refused to people when the proof has come true so often (starts per hour)"
    )


class CommandEntry(Model):
    """One command of a PLC; words from the safest to the least safe."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*\.CMD$", max_length=40)
    text: Text
    style: Literal["sequence", "toggle"] = "sequence"
    area: str = ""
    order: Literal["safest_first"] | None = Field(
        default=None, description="Needed when interlocks send different words: the list says which wins"
    )
    nodes: CommandNodes
    words: list[WordEntry] = Field(min_length=1)


class Publishing(Model):
    """Requested publishing intervals, and what a change may take to arrive."""

    fast: Duration = "50 ms"
    normal: Duration = "500 ms"
    budget: Duration = "1 s"


class SecurityEntry(Model):
    """How the link signs, encrypts and logs in. Secrets are references."""

    policy: Literal["None", "Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss"] = "None"
    mode: Literal["None", "Sign", "SignAndEncrypt"] = "None"
    user: str | None = None
    password: str | None = Field(default=None, description="env:NAME, file:PATH or credential:NAME")


class PlcHead(Model):
    """A PLC file without its tags and commands."""

    plc: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=20)
    text: Prose = ""
    style: Literal["s7-1500", "codesys", "twincat"] = Field(
        default="s7-1500", description="What the simulated PLC imitates"
    )
    endpoint: str = Field(description="opc.tcp://host:port")
    namespace: str = Field(min_length=1, description="URI of the nodes' namespace, never its index")
    alive: Name = Field(description="Tag that moves while the PLC lives")
    alive_after: Duration = Field(
        default="5 s", description="Its standing still for this long means: not reachable"
    )
    heartbeat: Name | None = Field(default=None, description="Counter written by the service")
    epoch: Name | None = Field(default=None, description="Owner's epoch, written by the service")
    remote: Name | None = Field(default=None, description="1 while the PLC takes commands")
    publishing: Publishing = Publishing()
    security: SecurityEntry = SecurityEntry()


class PlcFile(PlcHead):
    """plc_*.yaml"""

    tags: list[TagEntry] = Field(default=[])
    commands: list[CommandEntry] = Field(default=[])
