"""Fair shares: what one address may hold of what there is for all, and who makes room when it is full.

An address is what a stranger cannot have many of. In IPv6 that is the network of 64 bits, as every host there
has 2**64 addresses; IPv4 written as IPv6 is IPv4.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TypeVar

Held = TypeVar("Held")


@lru_cache(maxsize=1_024)
def origin_of(peer: str) -> str:
    """Whose share a connection from this address counts to; what is no address is its own."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not isinstance(address, IPv6Address):
        return peer
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if address.is_loopback or address.is_link_local:
        return peer
    return str(IPv6Network((int(address), 64), strict=False))


def to_go(candidates: Iterable[Held], origin: Callable[[Held], str]) -> Held | None:
    """Who makes room: of the origin that has the most candidates the first; None without any.

    So a flood from one address pushes out its own, however fast it comes.
    """
    held = list(candidates)
    if not held:
        return None
    counts = Counter(origin(one) for one in held)
    greediest = max(counts, key=counts.__getitem__)
    return next(one for one in held if origin(one) == greediest)
