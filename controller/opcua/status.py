"""StatusCodes in words, and their information bits (OPC UA Part 4, 7.39; values of Part 6, A.2)."""

from __future__ import annotations

from typing import Final

from asyncua.ua.status_codes import code_to_name_doc

GOOD: Final = 0x00000000
BAD: Final = 0x80000000
BAD_UNEXPECTED_ERROR: Final = 0x80010000
BAD_COMMUNICATION_ERROR: Final = 0x80050000
BAD_DECODING_ERROR: Final = 0x80070000
BAD_TIMEOUT: Final = 0x800A0000
BAD_TOO_MANY_OPERATIONS: Final = 0x80100000
BAD_SESSION_ID_INVALID: Final = 0x80250000
BAD_SESSION_CLOSED: Final = 0x80260000
BAD_SESSION_NOT_ACTIVATED: Final = 0x80270000
BAD_SECURE_CHANNEL_ID_INVALID: Final = 0x80220000
BAD_SECURE_CHANNEL_CLOSED: Final = 0x80860000
BAD_SUBSCRIPTION_ID_INVALID: Final = 0x80280000
BAD_NODE_ID_INVALID: Final = 0x80330000
BAD_NODE_ID_UNKNOWN: Final = 0x80340000
BAD_INDEX_RANGE_NO_DATA: Final = 0x80370000
BAD_NOT_SUPPORTED: Final = 0x803D0000
BAD_OUT_OF_RANGE: Final = 0x803C0000
BAD_TYPE_MISMATCH: Final = 0x80740000
BAD_TOO_MANY_PUBLISH_REQUESTS: Final = 0x80780000
BAD_NO_SUBSCRIPTION: Final = 0x80790000
BAD_CONFIGURATION_ERROR: Final = 0x80890000
BAD_NOT_CONNECTED: Final = 0x808A0000
BAD_SENSOR_FAILURE: Final = 0x808C0000
BAD_NO_DATA: Final = 0x809B0000

# 7.39.1: bits 10-11 = 01 say "these are the bits of a DataValue"; bit 7 then says that the queue of the
# monitored item overflowed and values between this one and its neighbour were lost.
OVERFLOW: Final = 0x480
_OVERFLOW_BIT: Final = 0x080
_DATA_VALUE_BITS: Final = 0x400
_ALL_INFORMATION_BITS: Final = 0x3FF

# After these the server no longer knows this client: nothing but a new connection helps.
SESSION_LOST: Final = frozenset(
    {
        BAD_SESSION_ID_INVALID,
        BAD_SESSION_CLOSED,
        BAD_SESSION_NOT_ACTIVATED,
        BAD_SECURE_CHANNEL_ID_INVALID,
        BAD_SECURE_CHANNEL_CLOSED,
        BAD_SUBSCRIPTION_ID_INVALID,
        BAD_NO_SUBSCRIPTION,
    }
)
# A value that carries one of these says that its node went away under a living monitored item.
NODE_LOST: Final = frozenset({BAD_NODE_ID_UNKNOWN, BAD_NODE_ID_INVALID})


def name(status: int) -> str:
    """'BadNodeIdUnknown', or the hexadecimal number where the standard has no name for it."""
    known = code_to_name_doc.get(status & 0xFFFF0000)
    return known[0] if known else f"0x{status:08X}"


def describe(status: int) -> str:
    """The name with the standard's own explanation, for people."""
    known = code_to_name_doc.get(status & 0xFFFF0000)
    return f"{known[0]} ({known[1].rstrip('.')})" if known else f"0x{status:08X}"


def overflowed(status: int) -> bool:
    return status & OVERFLOW == OVERFLOW


def without_overflow(status: int) -> int:
    """The status with the overflow bit taken out; the type bits go too when nothing else needs them."""
    if not overflowed(status):
        return status
    rest = status & ~_OVERFLOW_BIT
    return rest if rest & _ALL_INFORMATION_BITS else rest & ~_DATA_VALUE_BITS
