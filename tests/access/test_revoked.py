"""A key that is revoked while its request is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from tests.bad_input import forms
from tests.support.deployment import Deployment
from tests.support.gate import ENGINES, Gate
from tests.support.keys import bearer, make_key, revoke
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until


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


def _jobs(stack: Stack) -> set[str]:
    paths = asyncio.run(stack.deployment.store().list("jobs"))
    return {path.split("/")[1] for path in paths}
