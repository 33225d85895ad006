"""A key that is revoked while its request is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.bad_input import forms
from tests.support.deployment import Deployment
from tests.support.gate import ENGINES, Gate
from tests.support.keys import bearer, make_key, revoke
from tests.support.small_engines import SmallEngines
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

MEGABYTE = 1024 * 1024
TALKATIVE = """
from dalston.engine_sdk import Engine, TaskInput, TaskOutput


class Talkative(Engine):
    def process(self, input: TaskInput) -> TaskOutput:
        said = "word " * 50_000
        many = ({"start": n, "end": n + 1, "text": said} for n in range(120))
        return TaskOutput({"text": "much"}, segments=many)
"""
"""What it says is more than what a connection takes while nobody reads."""


def revoke_and_wait(stack: Stack, key: str) -> None:
    """Revoke a key, and wait until the gateway knows."""
    revoke(stack.deployment, key)
    until(
        lambda: stack.client.get(TRANSCRIPTIONS, headers=bearer(key)).status_code == 401,
        "the revoked key to be refused",
    )


def test_no_job_is_made_of_an_upload_whose_key_was_revoked_meanwhile(
    stack: Stack, deployment: Deployment
) -> None:
    key = make_key(deployment, "ada")
    stack.gateway()
    whole = forms.form(forms.file(data=bytes(200_000)))

    def body() -> Iterator[bytes]:
        yield whole[:100_000]
        revoke_and_wait(stack, key)
        yield whole[100_000:]

    headers = bearer(key) | {"Content-Type": forms.CONTENT_TYPE.partition(": ")[2]}
    answer = httpx.post(
        f"{stack.url}{TRANSCRIPTIONS}", content=body(), headers=headers, timeout=60, trust_env=False
    )

    assert answer.status_code == 401, answer.text
    assert asyncio.run(deployment.store().list("jobs")) == []


def test_who_waits_for_a_transcript_does_not_get_it_any_more(
    deployment: Deployment, tmp_path: Path
) -> None:
    gate = Gate(tmp_path)
    with running(deployment, *ENGINES, **gate.settings()) as stack:
        key = make_key(deployment, "ada")

        def ask(**more: str) -> httpx.Response:
            return httpx.post(
                f"{stack.url}{TRANSCRIPTIONS}",
                files={"file": ("a.wav", b"x")},
                data={"model": "gated"} | more,
                headers=bearer(key),
                timeout=60,
                trust_env=False,
            )

        with ThreadPoolExecutor(2) as clients:
            waiting, streaming = clients.submit(ask), clients.submit(ask, stream="true")
            gate.wait_for_runs(1)
            until(lambda: len(_jobs(stack)) == 2, "both jobs to be there")
            revoke_and_wait(stack, key)
            gate.open()
        assert waiting.result().status_code == 401
        assert "invalid_api_key" in streaming.result().text
        assert "transcript.text" not in streaming.result().text


def read_while_revoked(stack: Stack, key: str, path: str) -> int:
    """Revoke a key while an answer is read, and return how many bytes of it still came."""
    received = 0
    with httpx.stream(
        "GET", f"{stack.url}{path}", headers=bearer(key), timeout=60, trust_env=False
    ) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_bytes(MEGABYTE):
            if not received:
                revoke_and_wait(stack, key)
            received += len(piece)
    return received


def test_no_more_of_a_recording_is_sent(stack: Stack, deployment: Deployment) -> None:
    key = make_key(deployment, "ada")
    gateway = stack.gateway()
    stack.client.headers.update(bearer(key))
    job_id = stack.submit(bytes(64 * MEGABYTE))

    with pytest.raises(httpx.RemoteProtocolError, match="closed"):
        read_while_revoked(stack, key, f"{TRANSCRIPTIONS}/{job_id}/audio")

    until(lambda: gateway.logged("answer_cut_off"), "the log to say so")
    assert [line["code"] for line in gateway.logged("answer_cut_off")] == ["invalid_api_key"]
    # It is no fault of ours.
    assert gateway.logged("unexpected_error") == []


@pytest.mark.parametrize("more", ["", "/export/tsv"])
def test_no_more_of_a_long_transcript_is_sent(
    deployment: Deployment, tmp_path: Path, more: str
) -> None:
    small = SmallEngines(tmp_path)
    (small.add("talkative", 64) / "engine.py").write_text(TALKATIVE)
    with running(deployment, "talkative", **small.settings("talkative", 512)) as stack:
        key = make_key(deployment, "ada")
        stack.client.headers.update(bearer(key))
        job_id = stack.submit(b"x")
        assert stack.ended(job_id)["status"] == "completed"

        with pytest.raises(httpx.RemoteProtocolError, match="closed"):
            read_while_revoked(stack, key, f"{TRANSCRIPTIONS}/{job_id}{more}")


def _jobs(stack: Stack) -> set[str]:
    paths = asyncio.run(stack.deployment.store().list("jobs"))
    return {path.split("/")[1] for path in paths}
