"""Who a local person is: the operating system says the account, the person says the name.

The command socket knows its peer by SO_PEERCRED (unix(7)): pid, uid, gid, given by the kernel. The
service's own account and root may act as supervisor; members of the group `heloop` as operator.
On a shared account a person gives a name, which is recorded together with the account. Roles are a
ladder (OPC UA Part 18, 4.2, well-known roles in brackets).
"""

from __future__ import annotations

import grp
import os
import pwd
import socket
import struct
from dataclasses import dataclass
from typing import Final

# viewer (Observer) < operator < engineer < supervisor < admin (ConfigureAdmin, SecurityAdmin)
ROLES: Final = ("viewer", "operator", "engineer", "supervisor", "admin")
OPERATORS_GROUP: Final = "heloop"
DOORS: Final = ("opcua", "console", "mqtt")
_CREDENTIALS: Final = struct.Struct("3i")


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a Unix socket. session: its terminal session, one per login."""

    pid: int
    uid: int
    gid: int
    session: str

    @property
    def account(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"


@dataclass(frozen=True, slots=True)
class Person:
    """door: the front door that authenticated them; empty for the machine's own people."""

    user: str
    role: str
    session: str
    door: str = ""


class NotAllowed(Exception):
    """The account may not use this door; the text says why and what would help."""


def peer_of(connection: socket.socket) -> Peer:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(raw)
    try:
        session = f"local:{os.getsid(pid)}"
    except (ProcessLookupError, PermissionError):
        session = f"local:pid {pid}"
    return Peer(pid, uid, gid, session)


def role_of(peer: Peer, service_uid: int) -> str:
    """The highest role the account may take. Raises NotAllowed."""
    if peer.uid in (0, service_uid):
        return "supervisor"
    try:
        group = grp.getgrnam(OPERATORS_GROUP)
    except KeyError:
        group = None
    if group is not None and (peer.gid == group.gr_gid or peer.account in group.gr_mem):
        return "operator"
    raise NotAllowed(
        f"the account '{peer.account}' may not command this service: "
        f"use the service's own account, or add it to the group '{OPERATORS_GROUP}'"
    )


def vouched(peer: Peer, door: str, user: object, role: object, session: object, service_uid: int) -> Person:
    """The person whom a front door has authenticated: a process of the service's own account is believed.

    Raises NotAllowed. The session is the person's at that door, so that a second person is a second one.
    """
    if peer.uid not in {0, service_uid}:
        raise NotAllowed(f"the account '{peer.account}' is no front door of this service")
    if door not in DOORS:
        raise NotAllowed(f"'{door}' is no front door; there are {', '.join(DOORS)}")
    if role not in ROLES:
        raise NotAllowed(f"'{role}' is no role; the roles are {', '.join(ROLES)}")
    if not isinstance(user, str) or not isinstance(session, str):
        raise NotAllowed("a front door names the user and the session")
    return Person(user or "anonymous", str(role), f"{door}:{session}", door)


def identify(peer: Peer, name: str | None, role: str | None, service_uid: int, demo: bool) -> Person:
    """The person behind a request. name and role are what the person claims; role can only go down.

    In the demo the five role names are users of that role. Raises NotAllowed.
    """
    highest = role_of(peer, service_uid)
    user = peer.account if not name or name == peer.account else f"{name} via {peer.account}"
    if demo and name in ROLES:
        return Person(name, name, peer.session)
    wanted = role or highest
    if wanted not in ROLES:
        raise NotAllowed(f"'{wanted}' is no role; the roles are {', '.join(ROLES)}")
    if ROLES.index(wanted) > ROLES.index(highest):
        raise NotAllowed(f"the account '{peer.account}' may act as {highest} at most, not as {wanted}")
    return Person(user, wanted, peer.session)
