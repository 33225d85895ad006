"""Places at which a role of a server can be made to fail: each call to database, Redis or store.

The package knows nothing of them, so no setting can switch them on in production: a role has them
only if it is started as `python -m tests.faults.process`, and they do nothing until `TEST_FAULTS`
names a folder in which a test has put a plan.

A call has a name, such as `database.COMMIT`, `redis.BRPOP`, `redis.take` (a script) or `store.put`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

_Result = TypeVar("_Result")

PLAN = "plan.json"
MODES = ("before", "after", "kill")


class Plan(msgspec.Struct, frozen=True):
    """One fault.

    Attributes:
        number: Tells it from every other plan.
        role: First word of the command line of the process that shall fail; empty means each.
        call: Begins the names of the calls that are counted.
        n: The first call that fails, counted from 1 since the plan was made.
        mode: `before`: the call has no effect, and an error; `after`: it has its effect, and an
            error; `kill`: the process is killed in its place; `kill after`: behind it.
        times: How many calls fail.
    """

    number: int
    role: str
    call: str
    n: int
    mode: str
    times: int = 1


class Failpoints:
    """The failpoints of one process.

    Args:
        folder: Where a plan may lie, and where a mark says that its fault has happened.
        role: Of this process.
    """

    def __init__(self, folder: Path, role: str) -> None:
        self._folder = folder
        self._role = role
        self._made_at = 0
        self._plan: Plan | None = None
        self._count = 0

    async def call(
        self,
        name: str,
        work: Callable[[], Awaitable[_Result]],
        error: Callable[[], Exception],
    ) -> _Result:
        """Do a call, or fail it as planned.

        Args:
            name: Of the call.
            work: What it does.
            error: What its caller sees when the part is gone.
        """
        mode = self._mode_of(name)
        if mode is None:
            return await work()
        if mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if mode == "before":
            raise error()
        result = await work()
        if mode == "kill after":
            os.kill(os.getpid(), signal.SIGKILL)
        del result
        raise error()

    def _mode_of(self, name: str) -> str | None:
        """Count a call; return how it fails, or None if it doesn't."""
        plan = self._read()
        if plan is None or plan.role not in {"", self._role} or not name.startswith(plan.call):
            return None
        self._count += 1
        if not plan.n <= self._count < plan.n + plan.times:
            return None
        mark = self._folder / f"{plan.number}.hit"
        # Also those of a process that has been killed: its successor shall not be.
        if mark.exists() and len(mark.read_text(encoding="utf-8").splitlines()) >= plan.times:
            return None
        with mark.open("a", encoding="utf-8") as file:
            file.write(f"{name}\n")
        return plan.mode

    def _read(self) -> Plan | None:
        try:
            made_at = (self._folder / PLAN).stat().st_mtime_ns
        except FileNotFoundError:
            return None
        if made_at != self._made_at:
            plan = msgspec.json.decode((self._folder / PLAN).read_bytes(), type=Plan)
            if self._plan is None or plan.number != self._plan.number:
                self._count = 0
            self._made_at, self._plan = made_at, plan
        return self._plan


class FaultPlans:
    """The test's side: makes one plan after the other for the processes of a server.

    Args:
        folder: An empty folder, which is the processes' `TEST_FAULTS`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._number = 0

    def settings(self) -> dict[str, str]:
        """Return what a process needs to know."""
        return {"TEST_FAULTS": str(self.folder)}

    def arm(self, role: str, call: str, mode: str, *, n: int = 1, times: int = 1) -> Plan:
        """Make a plan, in place of the last one."""
        self._number += 1
        plan = Plan(self._number, role, call, n, mode, times)
        new = self.folder / "plan.new"
        new.write_bytes(msgspec.json.encode(plan))
        new.replace(self.folder / PLAN)
        return plan

    def disarm(self) -> None:
        """Let nothing more fail."""
        (self.folder / PLAN).unlink(missing_ok=True)

    def hits(self, plan: Plan) -> list[str]:
        """Return the names of the calls that have failed."""
        path = self.folder / f"{plan.number}.hit"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def install(points: Failpoints) -> None:
    """Put the failpoints of this process around its calls."""
    _around_postgresql(points)
    _around_sqlite(points)
    _around_redis(points)
    _around_store(points)


def _around_postgresql(points: Failpoints) -> None:
    import asyncpg

    def wrapped(name: str) -> None:
        real = getattr(asyncpg.Connection, name)

        async def call(self: Any, query: str, *arguments: Any, **more: Any) -> Any:
            def gone() -> Exception:
                self.terminate()
                return ConnectionResetError("a planned fault")

            return await points.call(
                _of_statement(query), lambda: real(self, query, *arguments, **more), gone
            )

        setattr(asyncpg.Connection, name, call)

    # BEGIN and COMMIT go through `execute`.
    for name in ("execute", "executemany", "fetch"):
        wrapped(name)


def _around_sqlite(points: Failpoints) -> None:
    import aiosqlite

    def wrapped(name: str) -> None:
        real = getattr(aiosqlite.Connection, name)

        async def call(self: Any, sql: str, *arguments: Any) -> Any:
            return await points.call(
                _of_statement(sql),
                lambda: real(self, sql, *arguments),
                lambda: OSError("a planned fault"),
            )

        setattr(aiosqlite.Connection, name, call)

    for name in ("execute_fetchall", "executemany"):
        wrapped(name)


def _of_statement(sql: str) -> str:
    return f"database.{sql.split(maxsplit=1)[0].strip(';').upper()}"


def _around_redis(points: Failpoints) -> None:
    from redis.asyncio import Redis
    from redis.asyncio.client import Pipeline
    from redis.exceptions import ConnectionError as RedisGoneError

    from dalston.common.scripts import _sources

    scripts = {digest: name for name, (digest, _) in _sources().items()}
    real_command, real_pipeline = Redis.execute_command, Pipeline.execute

    def named(command: tuple[Any, ...]) -> str:
        name = scripts.get(command[1], "script") if command[0] == "EVALSHA" else command[0]
        return f"redis.{name}"

    def gone() -> Exception:
        return RedisGoneError("a planned fault")

    async def execute_command(self: Any, *arguments: Any, **more: Any) -> Any:
        def work() -> Any:
            return real_command(self, *arguments, **more)  # type: ignore[no-untyped-call]

        return await points.call(named(arguments), work, gone)

    async def execute(self: Any, *arguments: Any, **more: Any) -> Any:
        first = self.command_stack[0][0] if self.command_stack else ("nothing",)
        return await points.call(
            named(first), lambda: real_pipeline(self, *arguments, **more), gone
        )

    Redis.execute_command = execute_command  # type: ignore[method-assign]
    Pipeline.execute = execute  # type: ignore[method-assign]


def _around_store(points: Failpoints) -> None:
    from dalston.common.errors import StoreUnavailableError
    from dalston.common.storage import ObjectStore

    def wrapped(name: str) -> None:
        real = getattr(ObjectStore, name)

        async def call(self: Any, *arguments: Any, **more: Any) -> Any:
            return await points.call(
                f"store.{name}",
                lambda: real(self, *arguments, **more),
                lambda: StoreUnavailableError("a planned fault"),
            )

        setattr(ObjectStore, name, call)

    for name in (
        "put",
        "put_stream",
        "get",
        "size",
        "get_range",
        "download",
        "copy",
        "list",
        "delete",
    ):
        wrapped(name)
