"""One Idempotency-Key is one job, however often and wherever it comes: cases 30 to 33."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import func, select, update

from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import DatabaseAgo, idempotency_keys, jobs
from dalston.db.statements import Connection, Row, Statement
from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.keys import bearer, in_database, make_key
from tests.support.stack import TRANSCRIPTIONS, Stack
from tests.support.waiting import until

CLIENTS = 25
_JOBS = compile_statement(select(func.count().label("number")).select_from(jobs))
_KEYS = compile_statement(select(func.count().label("number")).select_from(idempotency_keys))
_AGE = compile_statement(update(idempotency_keys).values(created_at=DatabaseAgo(24 * 3600 + 5)))


def post(url: str, key: str, recording: bytes = b"recording", **more: str) -> httpx.Response:
    return httpx.post(
        f"{url}{TRANSCRIPTIONS}",
        files={"file": ("a.wav", recording)},
        data=more,
        headers={"Idempotency-Key": key},
        timeout=60,
        trust_env=False,
    )


def count(deployment: Deployment, statement: Statement) -> int:
    async def ask(connection: Connection) -> Row:
        [row] = await connection.fetch(statement)
        return row

    return int(in_database(deployment, ask).number)


def test_a_hundred_at_once_over_two_gateways_are_one_job(
    stack: Stack, deployment: Deployment
) -> None:
    other_stack = Stack(deployment, DALSTON_PIPELINE="stub")
    try:
        urls = [stack.url, other_stack.url]
        for one in (stack, other_stack):
            one.gateway()
        with ThreadPoolExecutor(CLIENTS) as clients:
            answers = list(
                clients.map(lambda number: post(urls[number % 2], "the-one"), range(100))
            )
    finally:
        other_stack.close()
    assert {answer.status_code for answer in answers} == {202}
    [job_id] = {answer.json()["id"] for answer in answers}
    assert {answer.headers["location"] for answer in answers} == {f"{TRANSCRIPTIONS}/{job_id}"}
    replayed = [answer for answer in answers if "idempotent-replayed" in answer.headers]
    assert len(replayed) == 99
    assert count(deployment, _JOBS) == count(deployment, _KEYS) == 1
    until(lambda: deployment.jobs_in_store() == {job_id}, "the other recordings to be removed")


def test_30_the_same_again_is_the_same_job_also_when_it_has_ended(
    stack: Stack, deployment: Deployment
) -> None:
    stack.everything(*STUBS)
    first = post(stack.url, "k", pipeline="stub").json()["id"]
    stack.ended(first)
    again = post(stack.url, "k", pipeline="stub")
    assert (again.status_code, again.json()["id"]) == (202, first)
    assert again.json()["status"] == "completed"
    assert count(deployment, _JOBS) == 1


def test_31_the_same_key_with_another_content_is_refused_and_leaves_nothing(
    stack: Stack, deployment: Deployment
) -> None:
    stack.gateway()
    first = post(stack.url, "k").json()["id"]
    for answer in (post(stack.url, "k", b"another"), post(stack.url, "k", pipeline="stub")):
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert deployment.jobs_in_store() == {first}
    assert count(deployment, _JOBS) == 1


def test_32_one_that_comes_while_the_first_is_under_way_gets_its_job(
    stack: Stack, deployment: Deployment
) -> None:
    stack.gateway()
    # Larger than what fits into one piece, so that the uploads overlap.
    recording = secrets.token_bytes(5_000_000)
    with ThreadPoolExecutor(2) as clients:
        both = list(clients.map(lambda _: post(stack.url, "k", recording), range(2)))
    [job_id] = {answer.json()["id"] for answer in both}
    until(lambda: deployment.jobs_in_store() == {job_id}, "one recording to be left")


@pytest.mark.parametrize("key", ["k" * 10_000, "k" * 256, "", "two words", "\xfc", "tab\tbed"])
def test_33_a_key_that_cannot_be_kept_is_refused(
    stack: Stack, deployment: Deployment, key: str
) -> None:
    stack.gateway()
    answer = httpx.post(
        f"{stack.url}{TRANSCRIPTIONS}",
        files={"file": ("a.wav", b"x")},
        headers=[(b"Idempotency-Key", key.encode("latin-1"))],
        trust_env=False,
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_idempotency_key"
    assert len(answer.text) < 1000
    assert deployment.jobs_in_store() == set()


def test_two_keys_in_one_request_are_refused(stack: Stack) -> None:
    stack.gateway()
    answer = stack.client.post(
        TRANSCRIPTIONS,
        files={"file": ("a.wav", b"x")},
        headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    )
    assert answer.json()["error"]["code"] == "invalid_idempotency_key"


def test_two_owners_may_use_the_same_key(stack: Stack, deployment: Deployment) -> None:
    stack.gateway()
    callers = [bearer(make_key(deployment, name)) for name in ("ada", "bob")]
    until(lambda: stack.client.get(TRANSCRIPTIONS).status_code == 401, "keys to be asked for", 5)
    ids = [
        stack.client.post(
            TRANSCRIPTIONS,
            files={"file": ("a.wav", b"x")},
            headers=caller | {"Idempotency-Key": "k"},
        ).json()["id"]
        for caller in callers
    ]
    assert len(set(ids)) == 2


def test_a_refused_submission_does_not_use_the_key_up(stack: Stack) -> None:
    stack.gateway()
    assert post(stack.url, "k", b"").status_code == 400
    assert post(stack.url, "k", b"x", language="klingon").status_code == 400
    assert post(stack.url, "k", b"x").status_code == 202


def test_a_deleted_job_does_not_come_back(stack: Stack, deployment: Deployment) -> None:
    stack.gateway()
    first = post(stack.url, "k").json()["id"]
    assert stack.client.delete(f"{TRANSCRIPTIONS}/{first}").status_code == 204
    answer = post(stack.url, "k")
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotent_job_gone"
    assert deployment.jobs_in_store() == set()


def test_a_key_goes_on_standing_for_a_job_that_goes_on(
    stack: Stack, deployment: Deployment
) -> None:
    stack.gateway()
    first = post(stack.url, "k").json()["id"]
    for what, status in (("cancel", "cancelled"), ("retry", "pending")):
        assert stack.client.post(f"{TRANSCRIPTIONS}/{first}/{what}").is_success
        again = post(stack.url, "k")
        assert (again.status_code, again.json()["id"]) == (202, first)
        assert again.json()["status"] == status
    assert deployment.jobs_in_store() == {first}


def test_after_a_day_a_key_is_forgotten(stack: Stack, deployment: Deployment) -> None:
    stack.gateway()
    first = post(stack.url, "k").json()["id"]
    in_database(deployment, lambda connection: connection.fetch(_AGE))
    assert post(stack.url, "k", b"another").json()["id"] != first
    assert count(deployment, _KEYS) == 1
