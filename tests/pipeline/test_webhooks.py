"""Who wants to hear of a job's end hears of it: from the form to the receiver, on a running server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import bindparam, update
from standardwebhooks import Webhook, WebhookVerificationError

from dalston.db.statements import Connection, Statement
from dalston.db.tables import DatabaseAgo, DatabaseNow, deliveries
from tests.conftest import STUBS
from tests.support.deployment import Deployment
from tests.support.keys import in_database
from tests.support.receiver import Received, Receiver, receiving
from tests.support.stack import TRANSCRIPTIONS, Stack, running
from tests.support.waiting import until

SECRET = "of-a-test-" * 4
DELIVERIES = "/v1/webhook-deliveries"
_DUE = Statement(
    update(deliveries).where(deliveries.c.id == bindparam("by_id")).values(due_at=DatabaseNow())
)
_LATE = Statement(
    update(deliveries)
    .where(deliveries.c.id == bindparam("by_id"))
    .values(due_at=DatabaseNow(), give_up_at=DatabaseAgo(1))
)


@pytest.fixture(scope="module")
def server(shared_deployment: Deployment) -> Iterator[Stack]:
    """A server that may call this machine."""
    settings = {"DALSTON_PIPELINE": "stub", "DALSTON_WEBHOOK_PRIVATE_ADDRESSES": "true"}
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


def tried(server: Stack, message_id: str, attempts: int) -> dict[str, Any]:
    """Wait until the outcome of an attempt is written down, and return the delivery."""

    def written() -> dict[str, Any] | None:
        found = delivery(server, message_id)
        known = found["last_error"] is not None or found["state"] == "delivered"
        return found if known and found["attempts"] == attempts else None

    return until(written, f"the outcome of attempt {attempts}")


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
    told = tried(server, received.message_id, 1)
    assert (told["state"], told["last_status"], told["due_at"]) == ("delivered", 204, None)
    assert (told["job_id"], told["webhook_id"]) == (job_id, None)
    assert server.read(job_id)["status"] == "completed"
    assert len(receiver.at("/a?b=c")) == 1
