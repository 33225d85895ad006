"""What a receiver can check, when it is called again, and what is kept of secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dalston.common.errors import ConfigurationError
from dalston.common.webhooks import (
    GIVE_UP_SECONDS,
    Signer,
    WebhookPolicy,
    body_of,
    shown_secret,
    signed_headers,
    signer_of_owner,
)
from dalston.config import Settings
from dalston.orchestrator.webhooks import pause_seconds
from dalston.policies import webhook_policy

OWN = WebhookPolicy(secrets=("n" * 32,))
AT = datetime(2026, 11, 22, 17, 44, 53, tzinfo=UTC)


def expected(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def test_a_signature_is_over_id_time_and_body() -> None:
    signer = Signer("wh_1")
    body = body_of("transcription.completed", AT, {"id": "job_1"})
    headers = signed_headers(OWN, signer, "msg_1", 1700000000, body)
    assert headers == {
        "webhook-id": "msg_1",
        "webhook-timestamp": "1700000000",
        "webhook-signature": expected(shown_secret(OWN, signer), b"msg_1.1700000000." + body),
    }
    assert json.loads(body) == {
        "type": "transcription.completed",
        "timestamp": "2026-11-22T17:44:53Z",
        "data": {"id": "job_1"},
    }


def test_each_receiver_has_a_secret_of_its_own() -> None:
    signers = [
        Signer("wh_1"),
        Signer("wh_1", 2),
        Signer("wh_2"),
        signer_of_owner("ada"),
        signer_of_owner("bob"),
    ]
    shown = {shown_secret(OWN, signer) for signer in signers}
    shown |= {shown_secret(WebhookPolicy(secrets=("o" * 32,)), signer) for signer in signers}
    assert len(shown) == 2 * len(signers)
    assert all(len(base64.b64decode(secret.removeprefix("whsec_"))) == 32 for secret in shown)


def test_while_a_secret_is_exchanged_old_and_new_ones_sign() -> None:
    newer = WebhookPolicy(secrets=("o" * 32, *OWN.secrets))
    headers = signed_headers(newer, Signer("wh_1", 2, exchanging=True), "msg_1", 1, b"{}")
    signatures = headers["webhook-signature"].split(" ")
    for generation in (1, 2):
        for policy in (OWN, newer):
            secret = shown_secret(policy, Signer("wh_1", generation))
            assert expected(secret, b"msg_1.1.{}") in signatures
    assert len(signatures) == 4


def test_who_has_lost_a_new_secret_asks_for_another_and_is_still_believed() -> None:
    headers = signed_headers(OWN, Signer("wh_1", 3, exchanging=True), "msg_1", 1, b"{}")
    first = shown_secret(OWN, Signer("wh_1", 1))
    assert expected(first, b"msg_1.1.{}") in headers["webhook-signature"].split(" ")
    many = signed_headers(OWN, Signer("wh_1", 99, exchanging=True), "msg_1", 1, b"{}")
    assert len(many["webhook-signature"].split(" ")) == 5


def test_tries_go_over_three_days_ever_more_seldom() -> None:
    pauses = [pause_seconds(failures, 1.0) for failures in range(50)]
    assert pauses[:4] == [5.0, 15.0, 45.0, 135.0]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 12 * 3600
    tries = next(n for n in range(50) if sum(pauses[:n]) > GIVE_UP_SECONDS)
    assert 10 <= tries <= 20
    assert pause_seconds(1, 1.2) == pytest.approx(18.0)


def test_where_all_share_a_folder_a_secret_is_made_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new", webhook_timeout_seconds=3.0)
    made = webhook_policy(settings)
    assert made == webhook_policy(settings)
    [secret] = made.secrets
    assert len(secret) == 64
    assert (made.allow_private, made.timeout_seconds) == (False, 3.0)
    [kept] = (tmp_path / "new").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("cut")
    with pytest.raises(ConfigurationError, match="damaged"):
        webhook_policy(settings)


def test_where_they_do_not_it_must_be_set(tmp_path: Path) -> None:
    url = "postgresql://example.org/dalston"
    assert webhook_policy(Settings(data_dir=tmp_path, database_url=url)).secrets == ()
    both = f"{'n' * 32} {'o' * 32}"
    given = Settings(data_dir=tmp_path, database_url=url, webhook_secret=both)
    assert webhook_policy(given).secrets == ("n" * 32, "o" * 32)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigurationError, match="public or any"):
        webhook_policy(Settings(data_dir=tmp_path, webhook_addresses="false"))
    with pytest.raises(ConfigurationError, match="32 characters"):
        webhook_policy(Settings(data_dir=tmp_path, webhook_secret="too short"))
