"""The link: one session to one PLC, its values in, our writes out, and the truth about both.

In come OPC UA notifications and `Write`s of the core; out go `Batch`, `LinkUp`, `LinkDown`, `LinkReport` and
`WriteDone` through one callable that never blocks. Whatever goes wrong ends in a new connection with a
new client object; nothing is repaired in place but single nodes. The link decides nothing about the plant.
"""

from controller.opcua.link.counters import Counters
from controller.opcua.link.link import Link
from controller.opcua.link.security import Identity, secret
from controller.opcua.link.timing import Timing

__all__ = ["Counters", "Identity", "Link", "Timing", "secret"]
