"""A client that goes away stops its job if it asked for that, and has a minute to come back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from sqlalchemy import bindparam, insert, literal, select, update

from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import DatabaseAgo, DatabaseLater, abandoned_jobs
from dalston.db.statements import Connection
from tests.support.deployment import Deployment
from tests.support.gate import ENGINES, Gate
from tests.support.keys import in_database
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

ASKED = {"Prefer": "cancel-on-disconnect", "X-Stainless-Retry-Count": "0"}
AGAIN = ASKED | {"X-Stainless-Retry-Count": "1"}
_A_MINUTE_LATER = compile_statement(update(abandoned_jobs).values(due_at=DatabaseAgo(1)))
_NOTE = compile_statement(
    insert(abandoned_jobs).values(job_id=bindparam("by_id"), due_at=DatabaseLater(literal(60.0)))
)
_NOTED = compile_statement(select(abandoned_jobs.c.job_id))


async def note(connection: Connection, job_id: str) -> None:
    await connection.run_many(_NOTE, [{"by_id": job_id}])


async def let_a_minute_pass(connection: Connection) -> None:
    await connection.fetch(_A_MINUTE_LATER)


def post(stack: Stack, data: bytes, headers: dict[str, str], **fields: str) -> httpx.Response:
    return httpx.post(
        f"{stack.url}{TRANSCRIPTIONS}",
        files={"file": ("a.wav", data)},
        data={"model": "whisper-1", **fields},
        headers=headers,
        timeout=60,
        trust_env=False,
    )


def leave(stack: Stack, data: bytes, headers: dict[str, str], **fields: str) -> str:
    """Send a recording, go away before the answer, and return the job's id."""
    before = {job["id"] for job in stack.client.get(TRANSCRIPTIONS).json()["jobs"]}
    with (
        pytest.raises(httpx.ReadTimeout),
        httpx.stream(
            "POST",
            f"{stack.url}{TRANSCRIPTIONS}",
            files={"file": ("a.wav", data)},
            data={"model": "whisper-1", **fields},
            headers=headers,
            timeout=httpx.Timeout(30, read=1),
            trust_env=False,
        ) as answer,
    ):
        answer.read()
    jobs = stack.client.get(TRANSCRIPTIONS).json()["jobs"]
    [job_id] = {job["id"] for job in jobs} - before
    return str(job_id)


def noticed(stack: Stack, job_id: str) -> None:
    [gateway] = [role for role in stack.roles if role.logged("job_accepted")]
    until(
        lambda: any(line["job_id"] == job_id for line in gateway.logged("job_abandoned")),
        "the gateway to note that its client is gone",
    )


def test_a_job_is_stopped_a_minute_after_its_client_went_away(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with running(deployment, *ENGINES, **gate.settings()) as stack:
        for_nobody = leave(stack, b"first", ASKED)
        streamed = leave(stack, b"second", ASKED, stream="true")
        kept = leave(stack, b"third", {})
        for job_id in (for_nobody, streamed):
            noticed(stack, job_id)
        assert stack.read(for_nobody)["status"] == "running"

        in_database(deployment, let_a_minute_pass)
        for job_id in (for_nobody, streamed):
            assert stack.ended(job_id)["status"] == "cancelled"
        gate.open()
        assert stack.ended(kept)["status"] == "completed"
        # Whoever has it go on wants it.
        in_database(deployment, lambda connection: note(connection, streamed))
        assert not in_database(deployment, nobody_noted)
        assert stack.client.post(f"{TRANSCRIPTIONS}/{streamed}/retry").status_code == 202
        assert in_database(deployment, nobody_noted)


def test_whoever_comes_back_in_time_or_never_left_keeps_the_job(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with running(deployment, *ENGINES, **gate.settings()) as stack, ThreadPoolExecutor(2) as pool:
        job_id = leave(stack, b"same", ASKED)
        noticed(stack, job_id)
        again = pool.submit(post, stack, b"same", AGAIN)
        joined = until(
            lambda: [role for role in stack.roles if role.logged("job_replayed")],
            "the retry to join",
        )
        assert joined[0].logged("job_replayed")[0]["job_id"] == job_id
        # One of two who wait goes away: the other is asked about each second.
        leave_joined(stack)
        until(lambda: len(joined[0].logged("job_abandoned")) == 2, "the other to be gone")
        until(lambda: in_database(deployment, nobody_noted), "the one who waits to be seen")
        in_database(deployment, let_a_minute_pass)
        gate.open()
        answer = again.result()
        assert answer.status_code == 200
        assert answer.headers["x-dalston-job-id"] == job_id
        assert answer.headers["preference-applied"] == "cancel-on-disconnect"


def leave_joined(stack: Stack) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(
            f"{stack.url}{TRANSCRIPTIONS}",
            files={"file": ("a.wav", b"same")},
            data={"model": "whisper-1"},
            headers=AGAIN,
            timeout=httpx.Timeout(30, read=1),
            trust_env=False,
        )


async def nobody_noted(connection: Connection) -> bool:
    return not await connection.fetch(_NOTED)
