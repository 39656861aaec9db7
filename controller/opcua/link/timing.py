"""The link's times and limits. Wall seconds throughout; no PLC is asked for more than it can give."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """step_s: each step of a connect and each request, at most. close_s: a polite good-bye.

    backoff_*: between attempts, doubled each time, multiplied by 0.5..1 at random; from the first again
    after a connection that stood for steady_s. keepalive_s: how often a silent subscription speaks; three
    silences in a row end the connection. session_s: small, so that a PLC with few sessions soon forgets a
    connection that was cut. retry_*: between attempts at a bad node.
    """

    step_s: float = 4.0
    close_s: float = 1.0
    backoff_first_s: float = 0.2
    backoff_cap_s: float = 4.0
    steady_s: float = 10.0
    keepalive_s: float = 1.0
    keepalives_missed: int = 3
    lifetime_s: float = 30.0
    session_s: float = 30.0
    channel_s: float = 3600.0
    retry_first_s: float = 1.0
    retry_cap_s: float = 8.0
    republish_s: float = 2.0
    chunk: int = 100
    outstanding: int = 3
    queue_size: int = 10
    writes_queued: int = 64
    writes_in_flight: int = 8
    report_every_s: float = 1.0
