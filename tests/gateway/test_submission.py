"""Submissions by many clients at once, over HTTP, on each deployment."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from dalston.common.storage import original_path
from tests.support.deployment import Deployment
from tests.support.distributed import distributed, postgresql_server
from tests.support.relay import relay
from tests.support.stack import TRANSCRIPTIONS, Role, Stack, running, running_embedded
from tests.support.waiting import until

CLIENTS = 32
BOUNDARY = "a-boundary-as-long-as-the-usual-ones"
STATUS = Path("/proc/self/status")


@pytest.fixture
def stack(deployment: Deployment) -> Iterator[Stack]:
    with running(deployment, DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        yield stack


def submit(url: str, recording: bytes) -> httpx.Response:
    return httpx.post(
        f"{url}{TRANSCRIPTIONS}",
        files={"file": ("a.wav", recording)},
        timeout=60,
        trust_env=False,
    )


def submit_all(url: str, recordings: list[bytes]) -> list[httpx.Response]:
    with ThreadPoolExecutor(CLIENTS) as clients:
        return list(clients.map(lambda recording: submit(url, recording), recordings))


def test_each_of_many_gets_an_id_and_keeps_its_own_recording(
    stack: Stack, deployment: Deployment
) -> None:
    gateway = stack.gateway()
    recordings = [f"recording {number} ".encode() * 1000 for number in range(200)]

    answers = submit_all(stack.url, recordings)

    assert {answer.status_code for answer in answers} == {202}
    ids = [str(answer.json()["id"]) for answer in answers]
    assert len(set(ids)) == len(ids)
    assert deployment.jobs_in_store() == set(ids)

    async def stored() -> list[bytes]:
        store = deployment.store()
        return [await store.get(original_path(job_id, "wav")) for job_id in ids]

    assert asyncio.run(stored()) == recordings
    assert [stack.read(job_id)["status"] for job_id in ids] == ["pending"] * len(ids)
    assert {line["job_id"] for line in gateway.logged("job_accepted")} == set(ids)
    said = [line["request_id"] for line in gateway.logged("job_accepted")]
    assert sorted(said) == sorted(answer.headers["x-request-id"] for answer in answers)


def vanish(url: str) -> None:
    """Begin an upload and go away in the middle of it."""
    address = httpx.URL(url)
    head = (
        f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    )

    async def talk() -> None:
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(head.encode() + bytes(100_000))
        await writer.drain()
        writer.transport.abort()

    asyncio.run(talk())


def test_clients_that_vanish_leave_nothing_and_disturb_nobody(
    stack: Stack, deployment: Deployment
) -> None:
    stack.gateway()
    with ThreadPoolExecutor(CLIENTS) as clients:
        gone = [clients.submit(vanish, stack.url) for _ in range(20)]
        stays = [clients.submit(submit, stack.url, b"x" * 50_000) for _ in range(40)]
        for client in gone:
            client.result()
        answers = [client.result() for client in stays]
    assert {answer.status_code for answer in answers} == {202}
    ids = {str(answer.json()["id"]) for answer in answers}
    until(lambda: deployment.jobs_in_store() == ids, "what the others left to be removed")


def test_without_its_database_every_client_hears_so_and_nothing_is_stored(
    tmp_path: Path,
) -> None:
    with (
        distributed(tmp_path) as parts,
        relay(postgresql_server().port) as line,
        running(parts, DALSTON_PIPELINE="stub") as stack,
    ):
        stack.migrate()
        address = urlsplit(parts.database_url)
        port = f":{address.port}"
        gateway = stack.gateway(DATABASE_URL=parts.database_url.replace(port, f":{line.port}"))
        # With the first job the ids for the next ones are known: they get as far as the store.
        accepted = str(submit(stack.url, b"x").json()["id"])
        line.cut()
        answers = submit_all(stack.url, [b"x" * 10_000] * CLIENTS)
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["error"]["code"] for answer in answers} == {"database_unavailable"}
        assert parts.jobs_in_store() == {accepted}

        line.mend()
        until(lambda: submit(stack.url, b"x").status_code == 202, "the database to be used again")
        assert gateway.logged("unexpected_error") == []


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells a process's peak of memory")
def test_a_large_recording_passes_through_little_memory(stack: Stack) -> None:
    gateway = stack.gateway()
    submit(stack.url, b"x" * 100_000)
    before = megabytes(gateway, "VmRSS")
    assert send(stack.url, 256) == 202
    assert megabytes(gateway, "VmHWM") - before < 40


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells a process's peak of memory")
def test_many_large_recordings_at_once_take_little_memory() -> None:
    """Into a folder; a bucket wants parts of 5 MB, of which each upload holds three."""
    with running_embedded(DALSTON_PIPELINE="stub") as stack:
        stack.migrate()
        gateway = stack.gateway()
        submit(stack.url, b"x" * 100_000)
        before = megabytes(gateway, "VmRSS")
        with ThreadPoolExecutor(20) as clients:
            statuses = list(clients.map(lambda _: send(stack.url, 64), range(20)))
        assert set(statuses) == {202}
        assert (megabytes(gateway, "VmHWM") - before) * 1.024**2 < 64


def send(url: str, size: int) -> int:
    """Submit a recording of so many megabytes, piece by piece; return the answer's status."""
    megabyte = bytes(range(256)) * 4096
    start = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    ).encode()
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    answer = httpx.post(
        f"{url}{TRANSCRIPTIONS}",
        content=itertools.chain([start], itertools.repeat(megabyte, size), [end]),
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        timeout=120,
        trust_env=False,
    )
    return answer.status_code


def megabytes(role: Role, what: str) -> float:
    """Return a figure of the process's status; its unit there is the kibibyte."""
    lines = Path(f"/proc/{role.pid}/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{what}:")]
    return int(line.split()[1]) / 1024
