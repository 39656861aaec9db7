"""What counts as one address, for lock-outs, paces and shares: what a stranger cannot have many of.

In IPv6 that is the network of 64 bits, as every host there has 2**64 addresses; IPv4 written as IPv6 is IPv4.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address


@lru_cache(maxsize=1_024)
def origin_of(peer: str) -> str:
    """Whom a connection from this address counts to; what is no address is its own."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_loopback:
        return peer
    return str(IPv6Network((int(address), 64), strict=False))
