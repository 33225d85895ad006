"""Structured logs: readable on a terminal, JSON elsewhere."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from dalston.common.errors import ConfigurationError

_LEVELS = ("debug", "info", "warning", "error")
_FORMATS = ("auto", "text", "json")


def set_up_logs(role: str, level: str, log_format: str) -> None:
    """Send all logs, also those of libraries, to standard error.

    Args:
        role: Stands in each line: `gateway`, `orchestrator`, `engine` …
        level: `debug`, `info`, `warning` or `error`.
        log_format: `text`, `json`, or `auto`: text on a terminal.

    Raises:
        ConfigurationError: An unknown level or format.
    """
    if level not in _LEVELS:
        raise ConfigurationError(f"DALSTON_LOG_LEVEL is one of: {', '.join(_LEVELS)}.")
    if log_format not in _FORMATS:
        raise ConfigurationError(f"DALSTON_LOG_FORMAT is one of: {', '.join(_FORMATS)}.")
    as_text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if as_text else "iso", utc=not as_text),
        _add_role(role),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    final: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_text:
        final.append(structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()))
    else:
        final += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=final)
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.error", "uvicorn.access", "alembic", "aiosqlite", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _add_role(role: str) -> Processor:
    def add(
        _logger: object, _name: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["role"] = role
        return event

    return add
