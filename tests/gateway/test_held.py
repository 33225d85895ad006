"""Uploads that wait for a job, while another job is made of the same one."""

from __future__ import annotations

import dataclasses

import httpx

from dalston.common.access import Caller
from dalston.config import read_settings
from dalston.gateway.main import create_app
from dalston.gateway.parts import Parts
from dalston.gateway.services.held import HeldRecordings
from dalston.gateway.services.jobs import JobService
from dalston.runtime import open_catalog

RECORDING = b"any bytes will do"


class Overtaken(HeldRecordings):
    """Whoever has found an upload here is overtaken by another job that takes it over."""

    def __init__(self, parts: Parts, jobs: JobService) -> None:
        super().__init__(parts.database, parts.store, jobs)
        self.other: str | None = None

    async def find(self, owner: str, name: str) -> str | None:
        found = await super().find(owner, name)
        if self.other is not None:
            await self.release(Caller(owner, frozenset()), name, self.other)
        return found


async def test_an_upload_that_another_job_takes_over_meanwhile_is_found_with_that_job(
    parts: Parts,
) -> None:
    app = create_app(dataclasses.replace(parts, catalog=open_catalog(read_settings())))
    app.state.held = held = Overtaken(parts, app.state.jobs)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://dalston") as client:
        sent = await client.post("/v2/upload", content=RECORDING)
        other = await client.post("/v2/transcript", json={"audio_url": sent.json()["upload_url"]})
        again = await client.post("/v2/upload", content=RECORDING)
        held.other = other.json()["id"]
        found = await client.post("/v2/transcript", json={"audio_url": again.json()["upload_url"]})
    assert (other.status_code, found.status_code) == (200, 200), found.text
    assert found.json()["id"] != held.other
