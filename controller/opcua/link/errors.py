"""The two ways in which a request to a PLC fails, by what must follow."""

from __future__ import annotations

import struct
from typing import Final

from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from controller.opcua.status import SESSION_LOST, describe

# Everything a peer's bytes, or the lack of them, can make asyncua raise.
FROM_THE_WIRE: Final = (
    OSError,
    TimeoutError,
    UaError,
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    InvalidSignature,
    UnsupportedAlgorithm,
)


class LinkLost(Exception):
    """This connection is of no more use; `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Exception):
    """The server lives and refused the request `what` with `status`."""

    def __init__(self, what: str, status: int) -> None:
        self.reason = f"{what}: {describe(status)}"
        super().__init__(self.reason)
        self.status = status


def sorted_out(what: str, error: BaseException) -> LinkLost | Refused:
    """Which of the two an exception of asyncua means."""
    if isinstance(error, UaStatusCodeError):
        if error.code in SESSION_LOST:
            return LinkLost(f"{what}: {describe(error.code)}")
        return Refused(what, error.code)
    if isinstance(error, TimeoutError):
        return LinkLost(f"{what}: no answer")
    return LinkLost(f"{what}: {error}" if str(error) else f"{what}: {type(error).__name__}")


def first_lost(group: BaseExceptionGroup[LinkLost]) -> LinkLost:
    """The first of the reasons that ended several tasks at once."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, LinkLost)
    return found
