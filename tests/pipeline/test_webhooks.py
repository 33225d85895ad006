"""Who wants to hear of a job's end hears of it: from the form to the receiver."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import bindparam, update
from standardwebhooks import Webhook, WebhookVerificationError

from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.tables import DatabaseAgo, DatabaseNow, deliveries
from dalston.db.statements import Connection, Statement
from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.keys import in_database
from tests.support.receiver import Received, Receiver, receiving
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

SECRET = "of-a-test-" * 4
DELIVERIES = "/v1/webhook-deliveries"
_DUE = compile_statement(
    update(deliveries).where(deliveries.c.id == bindparam("by_id")).values(due_at=DatabaseNow())
)
_LATE = compile_statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("by_id"))
    .values(due_at=DatabaseNow(), give_up_at=DatabaseAgo(1))
)


@pytest.fixture(scope="module")
def server(shared_deployment: Deployment) -> Iterator[Stack]:
    """A server that may call this machine."""
    settings = {"DALSTON_PIPELINE": "stub", "DALSTON_WEBHOOK_ADDRESSES": "any"}
    if shared_deployment.name == "distributed":
        settings["DALSTON_WEBHOOK_SECRET"] = SECRET
    with running(shared_deployment, *STUBS, **settings) as stack:
        yield stack


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def drive(server: Stack, statement: Statement, message_id: str) -> None:
    """Move the time of a delivery."""

    async def change(connection: Connection) -> None:
        await connection.fetch(statement, by_id=message_id)

    in_database(server.deployment, change)


def delivery(server: Stack, message_id: str) -> dict[str, Any]:
    answer = server.client.get(f"{DELIVERIES}/{message_id}")
    assert answer.status_code == httpx.codes.OK, answer.text
    found: dict[str, Any] = answer.json()
    return found


def tried(server: Stack, message_id: str) -> dict[str, Any]:
    """Wait until the outcome of the first attempt is written down, and return the delivery."""

    def written() -> dict[str, Any] | None:
        found = delivery(server, message_id)
        known = found["last_error"] is not None or found["state"] == "delivered"
        return found if known else None

    return until(written, "the outcome of the first attempt")


def delivered(server: Stack, message_id: str) -> dict[str, Any]:
    """Wait until a message is delivered, and return the delivery."""
    until(lambda: delivery(server, message_id)["state"] == "delivered", "it to be delivered")
    return delivery(server, message_id)


def verified(secret: str, received: Received) -> dict[str, Any]:
    found: dict[str, Any] = Webhook(secret).verify(received.body, received.headers)
    return found


def test_the_address_that_a_job_names_is_told_once_and_can_check_who_tells(
    server: Stack, receiver: Receiver, silence: Path
) -> None:
    job_id = server.submit(silence, callback_url=receiver.address("/a?b=c"))
    [received] = receiver.wait("/a?b=c")
    secret = server.client.get("/v1/webhook-secret").json()["secret"]
    said = verified(secret, received)
    assert said["type"] == "transcription.completed"
    path = f"{TRANSCRIPTIONS}/{job_id}"
    assert said["data"] == {"id": job_id, "status": "completed", "version": 1, "path": path}
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(received.body.replace(b"completed", b"cancelled"), received.headers)
    told = tried(server, received.message_id)
    assert (told["state"], told["last_status"], told["due_at"]) == ("delivered", 204, None)
    assert (told["job_id"], told["webhook_id"]) == (job_id, None)
    assert server.read(job_id)["status"] == "completed"
    assert len(receiver.at("/a?b=c")) == 1


def test_a_registered_endpoint_hears_of_each_job_and_can_be_given_another_secret(
    server: Stack, receiver: Receiver, silence: Path
) -> None:
    made = server.client.post("/v1/webhooks", json={"url": receiver.address("/own")})
    assert made.status_code == httpx.codes.CREATED, made.text
    old, where = made.json()["secret"], made.headers["location"]
    assert "secret" not in server.client.get(where).json()

    # Who names a registered endpoint as well is told there, and once.
    server.submit(silence, callback_url=receiver.address("/own"))
    server.submit(silence, callback_url=receiver.address("/other"))
    first, second = receiver.wait("/own", 2)
    assert first.message_id != second.message_id
    for received in (first, second):
        verified(old, received)
    receiver.wait("/other")

    new = server.client.post(f"{where}/secret").json()["secret"]
    assert new != old
    server.submit(silence)
    third = receiver.wait("/own", 3)[-1]
    # So that a receiver may take its time with the new one.
    assert verified(new, third) == verified(old, third)
    assert server.client.delete(where).status_code == httpx.codes.NO_CONTENT
    assert server.client.get(DELIVERIES, params={"webhook_id": made.json()["id"]}).json() == {
        "deliveries": [],
        "next_cursor": None,
    }


def test_what_was_not_accepted_is_sent_again_with_the_same_id_and_body(
    server: Stack, receiver: Receiver, silence: Path
) -> None:
    receiver.status["/broken"] = 500
    server.submit(silence, callback_url=receiver.address("/broken"))
    [first] = receiver.wait("/broken")
    told = tried(server, first.message_id)
    assert (told["state"], told["last_status"]) == ("pending", 500)
    assert told["last_error"] == "not_accepted"
    assert told["due_at"] > told["last_attempt_at"]
    receiver.status.clear()
    drive(server, _DUE, first.message_id)
    _, second = receiver.wait("/broken", 2)
    assert (second.message_id, second.body) == (first.message_id, first.body)
    told = delivered(server, first.message_id)
    assert (told["attempts"], told["last_status"], told["last_error"]) == (2, 204, None)


def test_it_is_given_up_after_three_days_and_can_still_be_sent_again(
    server: Stack, receiver: Receiver, silence: Path
) -> None:
    receiver.status["/gone"] = 503
    job_id = server.submit(silence, callback_url=receiver.address("/gone"))
    [first] = receiver.wait("/gone")
    tried(server, first.message_id)
    drive(server, _LATE, first.message_id)
    receiver.wait("/gone", 2)
    until(lambda: delivery(server, first.message_id)["state"] == "failed", "it to be given up")
    assert delivery(server, first.message_id)["due_at"] is None

    receiver.status.clear()
    again = server.client.post(f"{DELIVERIES}/{first.message_id}/resend")
    assert (again.status_code, again.json()["state"]) == (202, "pending")
    third = receiver.wait("/gone", 3)[-1]
    assert (third.message_id, third.body) == (first.message_id, first.body)
    assert delivered(server, first.message_id)["attempts"] == 3
    listed = server.client.get(DELIVERIES, params={"job_id": job_id, "state": "delivered"}).json()
    assert [one["id"] for one in listed["deliveries"]] == [first.message_id]


def test_a_redirection_is_not_followed(server: Stack, receiver: Receiver, silence: Path) -> None:
    receiver.status["/moved"] = 307
    server.submit(silence, callback_url=receiver.address("/moved"))
    [received] = receiver.wait("/moved")
    told = tried(server, received.message_id)
    assert (told["state"], told["last_error"]) == ("pending", "redirected")
    assert receiver.at("/elsewhere") == []


def test_an_endpoint_that_says_that_it_is_gone_is_told_nothing_more(
    server: Stack, receiver: Receiver, silence: Path
) -> None:
    receiver.status["/left"] = 410
    made = server.client.post("/v1/webhooks", json={"url": receiver.address("/left")}).json()
    where = f"/v1/webhooks/{made['id']}"
    server.submit(silence)
    [received] = receiver.wait("/left")
    assert until(lambda: server.client.get(where).json()["disabled_at"], "it to be disabled")
    told = delivery(server, received.message_id)
    assert (told["state"], told["last_error"]) == ("failed", "gone")
    job_id = server.submit(silence)
    server.ended(job_id)
    assert server.client.get(DELIVERIES, params={"job_id": job_id}).json()["deliveries"] == []
    server.client.delete(where)


def test_of_a_deleted_job_nothing_more_is_told(
    server: Stack, receiver: Receiver, silence: Path
) -> None:
    receiver.status["/deleted"] = 500
    job_id = server.submit(silence, callback_url=receiver.address("/deleted"))
    [received] = receiver.wait("/deleted")
    tried(server, received.message_id)
    assert server.client.delete(f"{TRANSCRIPTIONS}/{job_id}").status_code == 204
    for method, path in (("GET", ""), ("POST", "/resend")):
        gone = server.client.request(method, f"{DELIVERIES}/{received.message_id}{path}")
        assert (gone.status_code, gone.json()["error"]["code"]) == (404, "delivery_not_found")


def test_a_sender_that_dies_before_it_has_written_the_outcome_leaves_the_message_to_others(
    server: Stack, receiver: Receiver, silence: Path
) -> None:
    receiver.gate.clear()
    server.submit(silence, callback_url=receiver.address("/slow"))
    [first] = receiver.wait("/slow")
    server.roles[0].kill()
    receiver.gate.set()
    told = delivery(server, first.message_id)
    assert (told["state"], told["attempts"], told["last_error"]) == ("pending", 1, None)
    # Nobody else takes it before the dead one must have known.
    assert told["due_at"] > told["last_attempt_at"]
    drive(server, _DUE, first.message_id)
    server.roles[0] = server.start("orchestrator")
    _, second = receiver.wait("/slow", 2)
    assert (second.message_id, second.body) == (first.message_id, first.body)
    assert delivered(server, first.message_id)["attempts"] == 2
