"""The blocks of plant.yaml that say where the record goes on to."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from controller.plant.schema.fields import Duration, Model

Secret = Field(default="", max_length=300, description="env:NAME, file:PATH or credential:NAME")


class InfluxEntry(Model):
    """An InfluxDB; every key can be left out."""

    mode: Literal["v1", "v2", "v3"] = Field(default="v1", description="InfluxDB 1.x, 2.x or 3 Core")
    url: str = Field(default="http://127.0.0.1:8086", max_length=300)
    database: str = Field(
        default="heloop", min_length=1, max_length=60, description="1.x and 3 Core: database; 2.x: bucket"
    )
    retention: str = Field(default="", max_length=60, description="1.x: retention policy, if not the default")
    org: str = Field(default="", max_length=100, description="2.x: organization")
    user: str = Field(default="", max_length=100, description="1.x")
    password: str = Secret
    token: str = Secret
    ca: str = Field(default="", max_length=300, description="File with the certificates to trust")
    gzip: bool = Field(default=False, description="Worth it over a slow line only")
    timeout: Duration = 10.0
    heartbeat: Duration = Field(default=60.0, description="How often what stands still is written again")
    batch: int = Field(default=5_000, ge=1, le=50_000, description="Lines in a request, at most")
    keep_days: int = Field(default=730, ge=0, le=36_500, description="Raw values; 0: for ever")
    keep_hour_days: int = Field(default=0, ge=0, le=36_500, description="Hourly means; 0: for ever")
