"""Structured logs: readable on a terminal, JSON elsewhere."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec

from dalston.common.errors import ConfigurationError


@contextmanager
def _hidden(*names: str) -> Iterator[None]:
    """Let an import within believe that some packages aren't installed."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # what the import system asks for
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


# structlog loads rich if it is there, for tracebacks that show the values of all variables: five
# megabytes in each process, and secrets in the log. And greenlet, of which nothing here has any.
with _hidden("rich", "greenlet"):
    import structlog
    from structlog.typing import Processor

get_logger = structlog.get_logger

_KEY = re.compile(r"(dk_[A-Za-z0-9]{8})[A-Za-z0-9]+")
_LEVELS = ("debug", "info", "warning", "error")
_FORMATS = ("auto", "text", "json")
_NOISY = ("uvicorn.error", "uvicorn.access", "alembic", "aiosqlite", "asyncio")
_TELLTALE = ("httpx", "httpcore")


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
        _on_one_line,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if as_text else "iso", utc=not as_text),
        _add_role(role),
    ]
    final: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
        if as_text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(_json)]
    )
    final.append(_without_keys)
    structlog.configure(
        processors=[*shared, *final],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        # Our own lines don't go through the standard library, which would make them five times
        # as dear: a gateway writes two for each job.
        logger_factory=_StandardError,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # Those of the HTTP clients name addresses, which may hold a secret.
    for noisy in (*_NOISY, *_TELLTALE):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class _StandardError:
    """Writes lines; one that can't be written is lost, because nothing may fail for a log."""

    def __init__(self, *_: object) -> None:
        self._stream = sys.stderr

    def msg(self, line: str) -> None:
        """Write a line."""
        with suppress(OSError, ValueError):
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = msg


def _on_one_line(
    _logger: object, _name: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Write what can't be seen as an escape: nobody begins a line of the log, or colours it."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(
                char if char.isprintable() else char.encode("unicode_escape").decode()
                for char in value
            )
    return event


def _without_keys(_logger: object, _name: str, line: Any) -> str:  # noqa: ANN401 - a line by now
    """Cut API keys off behind their prefix, wherever somebody may have put one."""
    return _KEY.sub(r"\1…", line) if "dk_" in line else str(line)


def _json(line: structlog.typing.EventDict, **_: object) -> str:
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except (ValueError, TypeError, OverflowError):
        # Half a character, or a number without end: the slower way writes anything.
        return json.dumps(line, default=repr)


def _add_role(role: str) -> Processor:
    def add(
        _logger: object, _name: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["role"] = role
        return event

    return add
