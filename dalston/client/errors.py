"""Why a server's client doesn't get what it asked for."""

from __future__ import annotations

TOO_BUSY = frozenset({429, 502, 503, 504})
"""Statuses after which the same request may succeed."""


class UnreachableError(Exception):
    """Nobody answers at the server's address, or the connection broke.

    Args:
        message: Which of them.
        broke: Whether there was a connection, and it broke.
    """

    def __init__(self, message: str, *, broke: bool = False) -> None:
        super().__init__(message)
        self.broke = broke


class RefusedError(Exception):
    """The server answered with an error.

    Args:
        code: The envelope's code, or `http_<status>` when there is no envelope.
        message: The envelope's message.
        status: The HTTP status.
        retry_after: Seconds to wait before the same request may succeed, if it may.
    """

    def __init__(
        self, code: str, message: str, status: int, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{message} [{code}]")
        self.code = code
        self.message = message
        self.status = status
        self.retry_after = retry_after


class JobEndedError(Exception):
    """A job has ended without a transcript.

    Args:
        job_id: The job.
        code: That of its error, or `job_cancelled`.
        message: Why.
    """

    def __init__(self, job_id: str, code: str, message: str) -> None:
        super().__init__(f"{message} [{code}] ({job_id})")
        self.job_id = job_id
        self.code = code
        self.message = message
