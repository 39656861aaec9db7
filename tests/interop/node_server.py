"""A node-opcua server in a process of its own, steered by a test, and the plant that maps it."""

from __future__ import annotations

import json
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from controller.plant.plant import Plant, Plc
from controller.plant.tags import Kind, NodeSource, Raw, Tag

HERE = Path(__file__).parent
URI = "urn:interop"
USER, PASSWORD = "operator", "helium 4"
_ROWS: tuple[tuple[str, str, Raw, dict[str, Any]], ...] = (
    ("COUNT", "COUNT", Raw.UINT16, {}),
    ("PRESSURE", "PRESSURE", Raw.FLOAT, {}),
    ("LEVEL", "LEVEL", Raw.INT16, {"scale": 0.1}),
    ("SWITCH", "SWITCH", Raw.BOOLEAN, {}),
    ("METER", "METER", Raw.UINT32, {}),
    ("ENERGY", "ENERGY", Raw.DOUBLE, {}),
    ("HOURS", "HOURS", Raw.INT32, {}),
    ("SMALL", "SMALL", Raw.SBYTE, {}),
    ("BYTE", "BYTE", Raw.BYTE, {}),
    ("LABEL", "LABEL", Raw.STRING, {}),
    ("SECOND", "WORDS", Raw.UINT16, {"element": 1}),
    ("LONG", "WORDS", Raw.UINT16, {"words": 2, "low_word_first": True}),
    ("BIT", "WORDS", Raw.UINT16, {"element": 2, "bit": 1}),
    ("WORD", "WORD", Raw.UINT16, {}),
    ("EPOCH", "EPOCH", Raw.UINT32, {}),
    ("SEQUENCE", "SEQUENCE", Raw.UINT16, {}),
)
FAST = frozenset(("COUNT", "PRESSURE", "SWITCH"))


def interop_plant() -> Plant:
    tags = tuple(
        Tag(
            index=at,
            name=name,
            text=name,
            kind=Kind.TEXT if raw is Raw.STRING else Kind.ANALOG,
            unit="",
            area="",
            low=0,
            high=1,
            source=NodeSource(0, URI, f"s={node}", raw, **where),
            fast=name in FAST,
        )
        for at, (name, node, raw, where) in enumerate(_ROWS)
    )
    plc = Plc(
        index=0,
        name="N",
        text="node-opcua",
        endpoint="",
        namespaces=(URI,),
        alive=0,
        alive_after_s=5,
        heartbeat=None,
        epoch=None,
        remote=None,
        fast_ms=50,
        normal_ms=100,
        budget_ms=1000,
    )
    index = {tag.name: tag.index for tag in tags}
    return Plant("n", "", "UTC", "turbine", 30, (), (plc,), tags, (), (), (), "", index)


class NodeServer:
    """The running process; it takes anonymous users and USER. Commands take effect in the order told.

    secured: it takes nothing but Basic256Sha256 SignAndEncrypt, USER, and clients in folder/trusted/certs.
    """

    def __init__(self, folder: Path, *, secured: bool = False) -> None:
        self.process = subprocess.Popen(
            ["node", "server.js", str(folder), USER, PASSWORD, *(["secured"] if secured else [])],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        self.endpoint = next((line.strip() for line in self.process.stdout if line.startswith("opc.tcp")), "")
        assert self.endpoint, "the node-opcua server did not start"

    def tell(self, *words: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(words) + "\n")
        self.process.stdin.flush()

    def put(self, name: str, value: Any) -> None:
        self.tell("set", name, json.dumps(value))

    def as_at_first(self) -> None:
        """Every value as it was when the server started."""
        self.tell("reset")

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
