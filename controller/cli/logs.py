"""Logs on standard error, text or JSON. What happened to the plant is in the journal, not here."""

from __future__ import annotations

import logging
import sys

import structlog

from controller.cli.options import fail


def set_up(log_format: str, verbose: bool) -> None:
    if log_format not in {"text", "json"}:
        fail(f"--log-format {log_format}: text or json", 2)
    level = logging.DEBUG if verbose else logging.INFO
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
