"""How the servers of three vendors differ where a client notices it.

The figures are of the size found on such machines (docs/reference/plc-contract.md says which are
judgement); what matters is that no two styles agree, so that a link that serves all three relies on none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from asyncua import ua

OPC_DI: Final = "http://opcfoundation.org/UA/DI/"
PLC_OPEN: Final = "http://PLCopen.org/OpcUa/IEC61131-3/"


@dataclass(frozen=True, slots=True)
class Style:
    """The quirks of one vendor's server.

    between: namespaces that stand between the server's own (index 1) and the PLC's. values_only: a
    write that carries a timestamp or a status is refused with BadWriteNotSupported. read_only: what a
    write to a node that is not for writing gets. *_per_call: operation limits (BadTooManyOperations).
    Times in ms; session_ms is the longest session time-out granted.
    """

    name: str
    manufacturer: str
    product: str
    between: tuple[str, ...]
    separators: str
    values_only: bool
    read_only: int
    nodes_per_call: int
    items_per_call: int
    items_max: int
    sessions_max: int
    session_ms: float
    publishing_ms: float
    sampling_ms: float
    queue_max: int


STYLES: Final = {
    style.name: style
    for style in (
        Style(
            name="s7-1500",
            manufacturer="Simulated, in the manner of SIMATIC S7-1500",
            product="Simulated S7-1500",
            between=(OPC_DI,),
            separators='".',
            values_only=True,
            read_only=ua.StatusCodes.BadNotWritable,
            nodes_per_call=1000,
            items_per_call=1000,
            items_max=2000,
            sessions_max=5,
            session_ms=30_000,
            publishing_ms=100,
            sampling_ms=100,
            queue_max=20,
        ),
        Style(
            name="codesys",
            manufacturer="Simulated, in the manner of CODESYS Control",
            product="Simulated CODESYS runtime",
            between=(OPC_DI, PLC_OPEN),
            separators=".",
            values_only=False,
            read_only=ua.StatusCodes.BadUserAccessDenied,
            nodes_per_call=100,
            items_per_call=100,
            items_max=1000,
            sessions_max=5,
            session_ms=60_000,
            publishing_ms=50,
            sampling_ms=50,
            queue_max=50,
        ),
        Style(
            name="twincat",
            manufacturer="Simulated, in the manner of TwinCAT 3",
            product="Simulated TwinCAT OPC UA server",
            between=(OPC_DI, PLC_OPEN),
            separators=".",
            values_only=False,
            read_only=ua.StatusCodes.BadNotWritable,
            nodes_per_call=500,
            items_per_call=500,
            items_max=5000,
            sessions_max=10,
            session_ms=600_000,
            publishing_ms=50,
            sampling_ms=10,
            queue_max=100,
        ),
    )
}
