"""Decoding of what strangers send: asyncua's codec over a buffer that knows bounds.

asyncua reads what a message announces. Here every read costs one step of a budget, a negative length and a
read beyond the end are errors, and structures nest only so deep; so time and memory are bounded by the
message's own size, whatever it announces (Part 6, 5.1.5 and 5.2.2.12 ask decoders for such limits).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua import ua_binary

from controller.opcua.gateway.services import Fault

_DECODING: Final = ua.StatusCodes.BadDecodingError
_LIMITS: Final = ua.StatusCodes.BadEncodingLimitsExceeded

DIMENSIONS_MAX: Final = 16  # of a matrix

# Everything the codec raises over bytes that are no message; found by fuzzing (tests/bench/fuzz.py).
MALFORMED: Final = (
    ua.UaError,
    struct.error,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    AssertionError,
)


class _CountedNull:
    """A Null takes no byte, so an array of 2**31 of them would fit into five; here each costs a step."""

    @staticmethod
    def pack(data: Any) -> bytes:  # noqa: ARG004  (the codec's signature)
        return b""

    @staticmethod
    def unpack(data: Any) -> None:
        data.read(0)


_reshape: Final = ua_binary._reshape  # noqa: SLF001  (there is no other place to look at what it is given)


def _reshaped(flat: list[Any], dims: list[int]) -> list[Any]:
    """Part 6, 5.2.2.16: dimensions that are not the array's are an error. asyncua fills up what is missing,
    a million elements at each level; some hundred bytes made it work for half a minute.
    """
    size = 1
    for count, dimension in enumerate(dims):
        if dimension < 0 or count >= DIMENSIONS_MAX:
            raise ua.UaError("no dimensions of an array")
        size *= dimension
        if size > len(flat):
            break
    if size != len(flat):
        raise ua.UaError("dimensions of another array")
    return _reshape(flat, dims) if flat else flat


_array_reader: Final = ua_binary._create_uatype_array_deserializer  # noqa: SLF001


@cache
def _list_reader(kind: ua.VariantType) -> Callable[[Any], list[Any]]:
    """Part 6, 5.1.11: null and empty arrays say the same, and some stacks send null for every empty one.
    asyncua reads such an array of structures as [], but one of strings, numbers or names as None.
    """
    read = _array_reader(kind)
    return lambda data: read(data) or []


ua_binary._reshape = _reshaped  # noqa: SLF001
ua_binary.Primitives.Null = _CountedNull()  # type: ignore[assignment]
ua_binary._create_uatype_array_deserializer = _list_reader  # noqa: SLF001
for _cached in (ua_binary._create_uatype_deserializer, _array_reader):  # noqa: SLF001  (made before the above)
    _cached.cache_clear()


class _Budget:
    __slots__ = ("steps",)

    def __init__(self, steps: int) -> None:
        self.steps = steps


class BoundedBuffer(Buffer):
    """A Buffer that raises Fault at its limits. Copies (bodies of structures) share its budget."""

    def __init__(self, data: bytes, budget: _Budget, depth: int, start_pos: int = 0, size: int = -1) -> None:
        super().__init__(data, start_pos, size)
        self._budget = budget
        self._depth = depth

    def read(self, size: int) -> bytes:
        budget = self._budget
        budget.steps -= 1
        if not 0 <= size <= self._size or budget.steps < 0:
            self._refuse(size)
        start = self._cur_pos
        self._cur_pos = end = start + size
        self._size -= size
        return self._data[start:end]

    def _refuse(self, size: int) -> None:
        if self._budget.steps < 0:
            raise Fault(_LIMITS, "more values than a message may have")
        raise Fault(_DECODING, "a negative length" if size < 0 else "shorter than it says")

    def copy(self, size: int = -1) -> BoundedBuffer:
        if self._depth <= 0:
            raise Fault(_LIMITS, "structures nest too deep")
        left = self._size if size == -1 or size > self._size else size
        return BoundedBuffer(self._data, self._budget, self._depth - 1, self._cur_pos, left)

    def skip(self, size: int) -> None:
        if size < 0:
            raise Fault(_DECODING, "a negative length")
        super().skip(size)


def bounded(data: bytes, steps: int, depth: int) -> BoundedBuffer:
    return BoundedBuffer(data, _Budget(steps), depth)


def decode(kind: type[Any], buffer: BoundedBuffer) -> Any:
    """A structure from the buffer. Raises Fault (BadDecodingError, BadEncodingLimitsExceeded)."""
    try:
        return ua_binary.struct_from_binary(kind, buffer)
    except RecursionError:
        raise Fault(_LIMITS, "values nest too deep") from None
    except MALFORMED as error:
        raise Fault(_DECODING, f"not a {kind.__name__}: {error}") from None


def decode_node_id(buffer: BoundedBuffer) -> ua.NodeId:
    """A node id, such as a message's type. Raises Fault."""
    try:
        return ua_binary.nodeid_from_binary(buffer)
    except MALFORMED as error:
        raise Fault(_DECODING, f"not a node id: {error}") from None
