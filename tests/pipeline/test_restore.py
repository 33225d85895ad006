"""Back up as docs/operations.md and docs/deployment.md say, lose everything, and restore."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from bench.parts.postgresql import installed_programs
from tests.support.deployment import Deployment
from tests.support.stack import Stack, running
from tests.support.waiting import until

Restore = Callable[[], None]
STUBS = ("stub-transcriber", "stub-merger")


def test_what_was_backed_up_is_all_there_again(
    deployment: Deployment, tmp_path: Path, silence: Path
) -> None:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        gateway = stack.gateway()
        orchestrator = stack.start("orchestrator")
        engines = stack.start("engine", "run", *STUBS)
        finished = [stack.submit(silence) for _ in range(3)]
        shown = [shown_by(stack, job_id) for job_id in finished if stack.ended(job_id)]
        engines.stop()
        waiting = stack.submit(silence)
        until(lambda: stack.read(waiting)["tasks"], "the job to be planned")

        restore_database = back_up_database(deployment, tmp_path)
        restore_store = back_up_store(deployment)
        orchestrator.kill()
        gateway.kill()
        lose_everything(deployment)
        restore_database()
        restore_store()

        stack.gateway()
        assert [shown_by(stack, job_id) for job_id in finished] == shown
        stack.start("orchestrator")
        stack.start("engine", "run", *STUBS)
        assert stack.ended(waiting)["status"] == "completed"


def shown_by(stack: Stack, job_id: str) -> dict[str, object]:
    """Return all that is told of a job, and its recording with it."""
    [path] = asyncio.run(stack.deployment.store().list(f"jobs/{job_id}/audio"))
    recording = asyncio.run(stack.deployment.store().get(path))
    return {**stack.read(job_id, include="history"), "recording": recording}


def back_up_database(deployment: Deployment, folder: Path) -> Restore:
    """Copy the database while it is in use; return what puts it back."""
    if deployment.name == "embedded":
        path, copy = deployment.database_url.removeprefix("sqlite:///"), folder / "copy.db"
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    else:
        dumped = postgresql_program("pg_dump", deployment.database_url)

    def restore() -> None:
        if deployment.name == "embedded":
            shutil.copyfile(copy, path)
        else:
            halting = ("-v", "ON_ERROR_STOP=1")
            postgresql_program("psql", *halting, deployment.database_url, given=dumped)

    return restore


def postgresql_program(name: str, *arguments: str, given: str | None = None) -> str:
    """Run one of PostgreSQL's programs and return what it prints."""
    done = subprocess.run(
        [installed_programs() / name, *arguments],
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def back_up_store(deployment: Deployment) -> Restore:
    """Copy all objects; return what puts them back."""

    async def read() -> dict[str, bytes]:
        store = deployment.store()
        return {path: await store.get(path) for path in await store.list("jobs/")}

    async def write(objects: dict[str, bytes]) -> None:
        store = deployment.store()
        for path, content in objects.items():
            await store.put(path, content)

    copied = asyncio.run(read())
    assert copied
    return lambda: asyncio.run(write(copied))


def lose_everything(deployment: Deployment) -> None:
    """Lose the database, the objects and Redis."""
    asyncio.run(deployment.store().delete_below("jobs/"))
    deployment.redis().flushall()
    if deployment.name == "embedded":
        database = Path(deployment.database_url.removeprefix("sqlite:///"))
        for path in database.parent.glob(f"{database.name}*"):
            path.unlink()
    else:
        empty = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
        postgresql_program("psql", "-c", empty, deployment.database_url)
