"""Bytes of a PLC's answers -> struct of arrays, without one Python object per value.

In come the bodies of PublishResponse, RepublishResponse and ReadResponse (OPC UA Binary, Part 6, 5.2); out go
`Items`: handles, values, statuses, source times. Scalars of the numeric types take the fast lanes
(numpy when all items have one layout, struct otherwise); whatever is unusual is bounded by `extent`
and decoded by asyncua itself, item by item. Malformed bytes raise asyncua's UaStructParsingError.
"""

from controller.opcua.decoding.items import Items, Other, decode_items, filetime_to_ns
from controller.opcua.decoding.response import Published, decode_publish, decode_read, decode_republish

__all__ = [
    "Items",
    "Other",
    "Published",
    "decode_items",
    "decode_publish",
    "decode_read",
    "decode_republish",
    "filetime_to_ns",
]
