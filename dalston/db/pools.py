"""What a pool of connections is, whatever the database; each kind has a module of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from dalston.common.errors import DatabaseUnavailableError
from dalston.db.statements import Connection


class Pool(Protocol):
    """Connections, opened when they are needed."""

    def lend(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection."""

    def lend_for_reading(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection all of whose questions are answered as of one moment."""

    def lend_for_writing(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection inside a transaction."""

    async def wipe(self) -> bool:
        """Have nothing of deleted rows left in the database's files; tell whether that is done."""

    async def close(self) -> None:
        """Close all connections."""

    @staticmethod
    def is_passing(error: Exception) -> bool:
        """Tell whether an error is of the moment: the same statement may work later."""


class translated:  # noqa: N801 - reads as a verb in `with translated(…):`
    """Turns a driver's ways to say that the database is gone into one error.

    Args:
        is_passing: The pool's, which knows the driver's errors.
    """

    def __init__(self, is_passing: Callable[[Exception], bool]) -> None:
        self._is_passing = is_passing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and self._is_passing(error):
            raise DatabaseUnavailableError(
                "The database can't be used now. Try again later; /health/ready says which "
                "part is down."
            ) from error
