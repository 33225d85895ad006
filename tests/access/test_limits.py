"""Limits of an owner hold over all gateways, and answers tell what is left: case 34."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from dalston.db.removal import purge_jobs
from dalston.db.session import Database
from tests.bad_input import forms
from tests.bad_input.wire import ask, assert_refused, head
from tests.support.deployment import Deployment
from tests.support.gate import Gate
from tests.support.keys import bearer, limit, make_key
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.web import web_server

FILE = {"file": ("a.wav", b"x")}
CHUNKS = ("cutting-preparer", "part-transcriber", "failing-checker", "listing-merger")


@pytest.fixture
def two(stack: Stack, deployment: Deployment) -> Iterator[list[httpx.Client]]:
    """Two gateways on one database."""
    other = Stack(deployment, DALSTON_PIPELINE="stub")
    try:
        for one in (stack, other):
            one.gateway()
        yield [stack.client, other.client]
    finally:
        other.close()


def quotas(answer: httpx.Response) -> dict[str, tuple[int, int, int]]:
    """Return limit, what is left and the seconds until it is whole, by the limit's name."""
    policy = dict(re.findall(r'"(\w+)";q=(\d+)', answer.headers["ratelimit-policy"]))
    left = re.findall(r'"(\w+)";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    return {name: (int(policy[name]), int(r), int(t)) for name, r, t in left}


def test_34_requests_of_a_minute_are_counted_over_gateways(
    two: list[httpx.Client], deployment: Deployment
) -> None:
    limit(deployment, "ada", requests_per_minute=5)
    ada, bob = (bearer(make_key(deployment, name)) for name in ("ada", "bob"))
    answers = [two[number % 2].get(TRANSCRIPTIONS, headers=ada) for number in range(8)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert [quotas(answer)["requests"][:2] for answer in answers[:5]] == [
        (5, left) for left in (4, 3, 2, 1, 0)
    ]
    refused = answers[-1]
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 12
    assert quotas(refused)["requests"][:2] == (5, 0)
    assert "w=60" in refused.headers["ratelimit-policy"]
    # Others have their own, and what is public is not counted.
    assert two[0].get(TRANSCRIPTIONS, headers=bob).status_code == 200
    assert "ratelimit" not in two[0].get(TRANSCRIPTIONS, headers=bob).headers
    assert two[0].get("/health", headers=ada).status_code == 200


def test_34_too_many_requests_are_refused_before_their_bodies(
    two: list[httpx.Client], deployment: Deployment
) -> None:
    limit(deployment, "ada", requests_per_minute=1)
    key = make_key(deployment, "ada")
    assert two[0].get(TRANSCRIPTIONS, headers=bearer(key)).status_code == 200
    request = head(
        TRANSCRIPTIONS,
        forms.CONTENT_TYPE,
        "Content-Length: 209715200",
        f"Authorization: Bearer {key}",
    )
    refused = ask(str(two[0].base_url), request)
    assert_refused(refused, 429, "too_many_requests")
    assert int(refused.headers["retry-after"]) > 30


def test_many_at_once_get_no_more_than_there_are(
    two: list[httpx.Client], deployment: Deployment
) -> None:
    limit(deployment, "ada", requests_per_minute=20)
    ada = bearer(make_key(deployment, "ada"))
    with ThreadPoolExecutor(16) as clients:
        answers = list(
            clients.map(
                lambda number: two[number % 2].get(TRANSCRIPTIONS, headers=ada).status_code,
                range(60),
            )
        )
    # A few more may become free while they are being sent: one every three seconds.
    assert 20 <= answers.count(200) <= 25
    assert answers.count(200) + answers.count(429) == 60


def test_unfinished_jobs_are_counted_over_gateways(
    two: list[httpx.Client], deployment: Deployment
) -> None:
    limit(deployment, "ada", running_jobs=3)
    ada = bearer(make_key(deployment, "ada"))
    with ThreadPoolExecutor(10) as clients:
        answers = list(
            clients.map(
                lambda number: two[number % 2].post(TRANSCRIPTIONS, files=FILE, headers=ada),
                range(20),
            )
        )
    accepted = [answer for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(accepted), len(refused)) == (3, 17)
    left = {quotas(answer)["jobs"][1] for answer in accepted}
    assert 0 in left <= {0, 1, 2}
    assert {answer.json()["error"]["code"] for answer in refused} == {"too_many_jobs"}
    assert {int(answer.headers["retry-after"]) for answer in refused} == {10}
    assert {quotas(answer)["jobs"][:2] for answer in refused} == {(3, 0)}
    assert deployment.jobs_in_store() == {answer.json()["id"] for answer in accepted}

    path = accepted[0].headers["location"]
    assert two[0].delete(path, headers=ada).status_code == 204
    assert two[1].post(TRANSCRIPTIONS, files=FILE, headers=ada).status_code == 202


def test_a_submission_that_is_repeated_at_the_limit_gets_its_job(
    two: list[httpx.Client], deployment: Deployment
) -> None:
    limit(deployment, "ada", running_jobs=1)
    ada = bearer(make_key(deployment, "ada")) | {"Idempotency-Key": "k"}
    answers = [client.post(TRANSCRIPTIONS, files=FILE, headers=ada) for client in two]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_hours_of_audio_are_counted_by_size_and_then_by_length(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, *CHUNKS, **settings) as stack:
        limit(deployment, "local", audio_seconds_per_day=10.0)
        # Twenty seconds by its size; as the pipeline of this test has it, three in truth.
        first = _post(stack, b"3" + b" " * 320_000)
        assert first.status_code == 202
        most, left, reset = quotas(first)["audio"]
        assert (most, left) == (10, 0)
        assert 0 < reset <= 86400
        job = stack.ended(first.json()["id"])
        assert job["status"] == "completed"

        second = _post(stack, b"3")
        assert second.status_code == 202
        assert quotas(second)["audio"][:2] == (10, 6)


def test_a_job_that_is_removed_is_charged_what_it_was(
    deployment: Deployment, tmp_path: Path
) -> None:
    """Also if its owner has sent nothing since, so that nobody has asked."""
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, *CHUNKS, **settings) as stack:
        limit(deployment, "local", audio_seconds_per_day=100.0)
        # Twenty seconds each by their size; in truth three, and none, for nobody can decode it.
        jobs = [_post(stack, data + b" " * 320_000).json()["id"] for data in (b"3", b"x")]
        assert [stack.ended(job)["status"] for job in jobs] == ["completed", "failed"]
        for job in jobs:
            assert stack.client.delete(f"{TRANSCRIPTIONS}/{job}").status_code == 204
        asyncio.run(_purge(deployment, jobs))
        assert quotas(_post(stack, b"3"))["audio"][:2] == (100, 96)


async def _purge(deployment: Deployment, job_ids: list[str]) -> None:
    database = Database(deployment.database_url)
    async with database.write() as connection:
        await purge_jobs(connection, job_ids)
    await database.close()


def test_a_recording_at_an_address_counts_for_an_hour_until_it_is_known(
    two: list[httpx.Client], deployment: Deployment
) -> None:
    limit(deployment, "ada", audio_seconds_per_day=5000.0, upload_bytes=1234)
    ada = bearer(make_key(deployment, "ada"))
    form = {"source_url": (None, "https://example.org/talk.mp3")}
    first = two[0].post(TRANSCRIPTIONS, files=form, headers=ada)
    assert first.status_code == 202
    assert quotas(first)["audio"][:2] == (5000, 1400)
    # What is fetched may be as large as what is uploaded.
    order = f"jobs/{first.json()['id']}/audio/source.url"
    stored = json.loads(asyncio.run(deployment.store().get(order)))
    assert stored["max_bytes"] == 1234
    assert two[1].post(TRANSCRIPTIONS, files=form, headers=ada).status_code == 202
    refused = two[1].post(TRANSCRIPTIONS, files=form, headers=ada)
    assert refused.json()["error"]["code"] == "audio_limit_reached"
    assert len(deployment.jobs_in_store()) == 2


def test_a_day_that_is_used_up_is_said_so(two: list[httpx.Client], deployment: Deployment) -> None:
    limit(deployment, "ada", audio_seconds_per_day=10.0)
    ada = bearer(make_key(deployment, "ada"))
    client = two[0]
    first = client.post(TRANSCRIPTIONS, files={"file": ("a", bytes(320_000))}, headers=ada)
    assert first.status_code == 202
    refused = two[1].post(TRANSCRIPTIONS, files=FILE, headers=ada)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "audio_limit_reached"
    assert 0 < int(refused.headers["retry-after"]) <= 86401
    assert deployment.jobs_in_store() == {first.json()["id"]}
    # One that was cancelled before anybody knew its length was none.
    assert client.delete(first.headers["location"], headers=ada).status_code == 204
    assert client.post(TRANSCRIPTIONS, files=FILE, headers=ada).status_code == 202


def test_uploads_that_wait_for_their_jobs_have_the_limit_of_a_day(
    two: list[httpx.Client], deployment: Deployment
) -> None:
    limit(deployment, "ada", audio_seconds_per_day=10.0)
    ada = bearer(make_key(deployment, "ada"))

    def upload(number: int) -> httpx.Response:
        # Twenty seconds by its size.
        return two[number % 2].post("/v2/upload", content=bytes(320_000), headers=ada)

    with ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(upload, range(6)))
    assert sorted(answer.status_code for answer in answers) == [200, *[429] * 5]
    assert len(deployment.jobs_in_store()) == 1
    # They count apart from jobs, and no more once they are jobs.
    assert two[0].post(TRANSCRIPTIONS, files=FILE, headers=ada).status_code == 202
    assert upload(0).status_code == 429
    [url] = [answer.json()["upload_url"] for answer in answers if answer.status_code == 200]
    url = str(two[0].base_url.join(httpx.URL(url).path))
    made = two[0].post("/v2/transcript", json={"audio_url": url}, headers=ada)
    assert made.status_code == 200, made.text
    job = f"{TRANSCRIPTIONS}/{made.json()['id']}"
    assert two[0].delete(job, headers=ada).status_code == 204
    assert upload(0).status_code == 200


def _post(stack: Stack, data: bytes) -> httpx.Response:
    return stack.client.post(TRANSCRIPTIONS, files={"file": ("a.wav", data)})


def test_an_owner_has_its_own_upload_limit(stack: Stack, deployment: Deployment) -> None:
    limit(deployment, "ada", upload_bytes=1000)
    key = make_key(deployment, "ada")
    stack.gateway()
    announced = head(
        TRANSCRIPTIONS,
        forms.CONTENT_TYPE,
        "Content-Length: 1001",
        f"Authorization: Bearer {key}",
    )
    assert_refused(ask(stack.url, announced), 413, "file_too_large")
    answer = stack.client.post(
        TRANSCRIPTIONS,
        content=iter([forms.form(forms.file(bytes(2000)))]),
        headers=bearer(key) | {"Content-Type": forms.CONTENT_TYPE.partition(": ")[2]},
    )
    assert answer.status_code == 413
    assert deployment.jobs_in_store() == set()
    assert stack.client.post(TRANSCRIPTIONS, files=FILE, headers=bearer(key)).status_code == 202


def test_what_holds_for_everybody_holds_unless_an_owner_has_its_own(
    stack: Stack, deployment: Deployment
) -> None:
    limit(deployment, "*", requests_per_minute=7, running_jobs=2)
    limit(deployment, "bob", requests_per_minute=9)
    ada, bob = (bearer(make_key(deployment, name)) for name in ("ada", "bob"))
    stack.gateway()
    for caller, most in ((ada, 7), (bob, 9)):
        answer = stack.client.post(TRANSCRIPTIONS, files=FILE, headers=caller)
        assert quotas(answer)["requests"][:2] == (most, most - 1)
        assert quotas(answer)["jobs"][:2] == (2, 1)


def test_a_job_that_goes_on_counts_as_one_that_has_not_ended(
    stack: Stack, deployment: Deployment
) -> None:
    limit(deployment, "ada", running_jobs=1)
    stack.client.headers.update(bearer(make_key(deployment, "ada")))
    stack.gateway()
    first = stack.submit(b"first")
    assert stack.client.post(f"{TRANSCRIPTIONS}/{first}/cancel").status_code == 200
    second = stack.submit(b"second")
    for what, body in (("retry", None), ("rerun", {"from_stage": "merge"})):
        refused = stack.client.post(f"{TRANSCRIPTIONS}/{first}/{what}", json=body)
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "too_many_jobs"
    assert stack.client.post(f"{TRANSCRIPTIONS}/{second}/cancel").status_code == 200

    with ThreadPoolExecutor(8) as clients:
        answers = list(
            clients.map(
                lambda job_id: stack.client.post(f"{TRANSCRIPTIONS}/{job_id}/retry").status_code,
                [first, second] * 4,
            )
        )
    assert answers.count(202) == 1
    assert set(answers) == {202, 409, 429}


def test_audio_is_charged_once_however_often_its_job_goes_on(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, *CHUNKS, **settings) as stack:
        limit(deployment, "local", audio_seconds_per_day=10.0)
        job_id = _post(stack, b"3").json()["id"]
        assert stack.ended(job_id)["status"] == "completed"
        for stage in ("merge", "prepare"):
            path = f"{TRANSCRIPTIONS}/{job_id}/rerun"
            assert stack.client.post(path, json={"from_stage": stage}).status_code == 202
            assert stack.ended(job_id)["status"] == "completed"
        assert quotas(_post(stack, b"1"))["audio"][:2] == (10, 6)


def test_audio_that_was_given_back_is_charged_again(stack: Stack, deployment: Deployment) -> None:
    limit(deployment, "ada", audio_seconds_per_day=10.0)
    stack.client.headers.update(bearer(make_key(deployment, "ada")))
    stack.gateway()
    first = stack.submit(bytes(320_000))
    assert stack.client.post(f"{TRANSCRIPTIONS}/{first}/cancel").status_code == 200
    second = stack.submit(bytes(320_000))
    refused = stack.client.post(f"{TRANSCRIPTIONS}/{first}/retry")
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "audio_limit_reached"
    assert stack.client.post(f"{TRANSCRIPTIONS}/{second}/cancel").status_code == 200
    assert stack.client.post(f"{TRANSCRIPTIONS}/{first}/retry").status_code == 202
    assert _post(stack, b"x").status_code == 429
    # Not settled yet, and charged once all the same.
    assert stack.client.post(f"{TRANSCRIPTIONS}/{first}/cancel").status_code == 200
    assert stack.client.post(f"{TRANSCRIPTIONS}/{first}/retry").status_code == 202
    assert _post(stack, b"x").status_code == 429


def test_audio_is_charged_once_if_a_rerun_is_cancelled_and_retried(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Gate(tmp_path).settings() | {"DALSTON_PIPELINE": "chunks"}
    with running(deployment, *CHUNKS, **settings) as stack:
        limit(deployment, "local", audio_seconds_per_day=100.0)
        # Twenty seconds by its size.
        job_id = _post(stack, b"3" + b" " * 320_000).json()["id"]
        assert stack.ended(job_id)["status"] == "completed"
        _rerun_cancelled_and_retried(stack, job_id, "prepare")
        stack.start("orchestrator")
        assert stack.ended(job_id)["status"] == "completed"
        assert quotas(_post(stack, b"1"))["audio"][:2] == (100, 96)


def test_a_recording_that_is_fetched_again_is_charged_again(
    deployment: Deployment, tmp_path: Path
) -> None:
    settings = Gate(tmp_path).settings() | {
        "DALSTON_PIPELINE": "chunks",
        "DALSTON_FETCH_PRIVATE_ADDRESSES": "true",
    }
    with web_server() as web, running(deployment, "url-fetch", *CHUNKS, **settings) as stack:
        limit(deployment, "local", audio_seconds_per_day=10.0)
        web.files["/talk.wav"] = b"3"
        form = {"source_url": (None, f"{web.url}/talk.wav")}
        job_id = stack.client.post(TRANSCRIPTIONS, files=form).json()["id"]
        assert stack.ended(job_id)["status"] == "completed"
        web.files["/talk.wav"] = b"40"
        _rerun_cancelled_and_retried(stack, job_id, "fetch")
        # For an hour, until it is known what it is now.
        assert _post(stack, b"1").status_code == 429
        stack.start("orchestrator")
        assert stack.ended(job_id)["status"] == "completed"
        path = f"{TRANSCRIPTIONS}/{job_id}/rerun"
        refused = stack.client.post(path, json={"from_stage": "fetch"})
        assert refused.status_code == 429
        assert refused.json()["error"]["code"] == "audio_limit_reached"
        assert stack.client.post(path, json={"from_stage": "merge"}).status_code == 202


def _rerun_cancelled_and_retried(stack: Stack, job_id: str, from_stage: str) -> None:
    """Have a job go on so while nothing is done of it."""
    [orchestrator] = [role for role in stack.roles if "orchestrator" in role.log.name]
    orchestrator.kill()
    job = f"{TRANSCRIPTIONS}/{job_id}"
    assert stack.client.post(f"{job}/rerun", json={"from_stage": from_stage}).status_code == 202
    assert stack.client.post(f"{job}/cancel").status_code == 200
    assert stack.client.post(f"{job}/retry").status_code == 202
