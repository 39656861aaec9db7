"""What the gateway offers and how much of it: endpoints, policies, and every limit with its reason.

A limit that is reached is answered with the StatusCode that Part 4 has for it, and counted; nothing that a
client sends makes the gateway keep more than these numbers say.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Final, Literal

from controller import __version__

NAMESPACE: Final = "urn:heloop:plant"
PRODUCT_URI: Final = "urn:heloop"
POLICIES: Final = ("Basic256Sha256", "Aes128_Sha256_RsaOaep", "Aes256_Sha256_RsaPss")

# What a channel without security may do: nothing but discovery, or reading as a viewer as well.
Plain = Literal["discovery", "read"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one gateway. Bytes, seconds (wall) and counts; the comment says what the number comes from."""

    # --- connections (Part 6, 7.1) ---
    connections: int = 300  # three times the sessions, so that a client may reconnect before its old one goes
    connections_per_peer: int = 200  # so one address, hostile or behind one router, leaves a third to others
    openings_per_s: float = 50.0  # RSA takes about 2 ms each: one peer can keep 10 % of a core busy, no more
    openings_burst: int = 300  # a terminal server's clients come back at once after a restart of ours
    chunk_bytes: int = 65_536
    message_bytes: int = 1024 * 1024  # 5,000 items of a CreateMonitoredItems request take 0.4 MB
    opening_bytes: int = 65_536  # without an activated session: certificates and tokens, nothing larger
    response_bytes: int = 16 * 1024 * 1024
    hello_s: float = 5.0
    channel_s: float = 10.0  # from the connection to its secure channel
    message_s: float = 20.0  # from the first byte of a message to its last: who is slower is stalling
    idle_s: float = 60.0  # a connection without an activated session; discovery takes a second
    stall_s: float = 20.0  # answers that nobody reads
    unsent_bytes: int = 1024 * 1024  # beyond this nothing more is read from the peer until it has read
    in_work: int = 16  # requests of one connection that are being answered; the next are not read meanwhile
    in_work_bytes: int = 16_384  # the same in bytes, before one more is begun: large requests go one by one
    token_s_min: float = 60.0
    token_s_max: float = 3_600.0
    # --- decoding ---
    decode_steps: int = 200_000  # values read from one message; 5,000 monitored items take about 100,000
    decode_opening_steps: int = 2_000
    decode_depth: int = 16  # structures in structures; a where-clause of a filter needs 4
    decode_inline_bytes: int = 4_096  # larger messages are decoded in a thread: 4 KB take about 5 ms
    # --- sessions (Part 4, 5.7) ---
    sessions: int = 100
    sessions_named_reserve: int = 10  # anonymous clients cannot take the last ones from those who log in
    sessions_per_peer: int = 60  # of one address, whoever they are: 50 clients behind a router, and some
    sessions_per_channel: int = 5
    session_s_min: float = 10.0
    session_s_max: float = 3_600.0
    activation_s: float = 30.0
    # --- operations of one request (OperationLimits, Part 5, 6.3.11) ---
    nodes_per_read: int = 5_000
    nodes_per_write: int = 100
    nodes_per_browse: int = 2_000
    nodes_per_translate: int = 2_000
    nodes_per_register: int = 2_000
    nodes_per_method_call: int = 200
    nodes_per_history_read: int = 100
    events_per_history_read: int = 10_000
    values_per_history_read: int = 10_000
    items_per_call: int = 5_000
    browse_references: int = 1_000  # per node and answer; the rest by BrowseNext
    browse_references_in_all: int = 20_000  # of one answer, about 2 MB; 2,000 nodes could have 100 times that
    continuation_points: int = 10  # of a session, each of browse and history
    # --- subscriptions (Part 4, 5.14) ---
    subscriptions_per_session: int = 20
    subscriptions: int = 500
    subscriptions_per_peer: int = 300  # those that wait for their client after its session's end count too
    items_per_peer: int = 120_000  # 60 sessions with 2,000 tags each
    items_per_subscription: int = 10_000
    items: int = 200_000
    queue_max: int = 1_000  # values of one item
    event_queue_max: int = 10_000
    publish_requests: int = 20  # of a session, waiting
    publishing_s_min: float = 0.1
    publishing_s_max: float = 3_600.0
    sampling_s_min: float = 0.1
    lifetime_s_max: float = 3_600.0
    # --- logins ---
    logins_failed: int = 5  # of a user or a peer within lockout_s, then nobody is let in for so long
    lockout_s: float = 300.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How to serve. certificate: DER, with its chain behind it; key: PEM or DER. Both or neither.

    host: where to listen; name: what endpoints say when a client's own URL names no host.
    port 0: any. anonymous: whether a client may come without a name, as viewer.
    """

    host: str = "127.0.0.1"
    port: int = 4840
    name: str = "localhost"
    application_uri: str = "urn:heloop:gateway"
    application_name: str = "heloop"
    certificate: bytes = b""
    key: bytes = b""
    policies: tuple[str, ...] = POLICIES
    modes: tuple[str, ...] = ("SignAndEncrypt", "Sign")
    plain: Plain = "discovery"
    anonymous: bool = True
    limits: Limits = field(default_factory=Limits)
    software_version: str = __version__


def settings_for(plant: str, host: str, port: int, *, reading: bool = False) -> Settings:
    """As the command line has it. host '0.0.0.0' or '::': endpoints then say this machine's name.

    reading: a channel without security may read; else it may only ask what endpoints there are.
    """
    name = socket.gethostname() if host in {"0.0.0.0", "::", ""} else host  # noqa: S104 - compared with
    plain: Plain = "read" if reading else "discovery"
    return Settings(host=host, port=port, name=name, application_name=f"heloop {plant}", plain=plain)
