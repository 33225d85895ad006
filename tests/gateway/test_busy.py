"""What many ask for at once is done for a few at a time, or once for all."""

from __future__ import annotations

import asyncio
from itertools import cycle
from typing import Any

import httpx
import msgspec
import pytest
from anyio.lowlevel import checkpoint

from dalston.common.access import Caller, Scope
from dalston.common.models import JobStatus
from dalston.gateway import long_answers
from dalston.gateway.api.health import Checks
from dalston.gateway.long_answers import AT_ONCE
from dalston.gateway.main import create_app
from dalston.gateway.parts import Parts
from dalston.gateway.services.job_view import JobView
from tests.support.board import new_job


@pytest.mark.parametrize(("owners", "most"), [(1, 1), (5, AT_ONCE)])
async def test_only_a_few_exports_hold_their_transcripts_at_a_time(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, owners: int, most: int
) -> None:
    app = create_app(parts)
    callers = cycle(Caller(f"owner-{number}", frozenset(Scope)) for number in range(owners))
    monkeypatch.setattr(long_answers, "caller_of", lambda _: next(callers))
    job = msgspec.structs.replace(new_job("job_000000000000"), status=JobStatus.COMPLETED)
    transcript = {"text": msgspec.Raw(b'"Yes."'), "segments": msgspec.Raw(b"[]")}
    held: list[int] = [0]

    async def read(*_: object, **__: object) -> JobView:
        held.append(held[-1] + 1)
        await checkpoint()
        return JobView(job, [], {}, transcript)

    async def written(*_: object) -> str:
        await checkpoint()
        held.append(held[-1] - 1)
        return "Yes."

    monkeypatch.setattr(app.state.jobs, "read", read)
    monkeypatch.setattr(asyncio, "to_thread", written)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://dalston") as client:
        path = f"/v1/audio/transcriptions/{job.id}/export/srt"
        answers = await asyncio.gather(*(client.get(path) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert max(held) == most


async def test_whether_the_parts_answer_is_found_out_once_for_all_who_ask(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes: list[Any] = []
    check = parts.store.check

    async def counted() -> None:
        probes.append(None)
        await check()

    monkeypatch.setattr(parts.store, "check", counted)
    checks = Checks(parts)
    found = await asyncio.gather(*(checks.results() for _ in range(100)))
    assert all(one["store"] == {"status": "ok"} for one in found)
    assert len(probes) == 1
