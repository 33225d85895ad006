"""What a command says that can't start."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Call, Shell

MISTAKES = (
    {"DALSTON_RETENTION": "delete-audio"},
    {"DALSTON_CORS_ORIGINS": "*"},
    {"DALSTON_WEBHOOK_SECRET": "hunter2"},
    {"DALSTON_WEBHOOK_ADDRESSES": "all"},
    {"DALSTON_DEVICE": "abacus"},
    {"DALSTON_TEMPORARY_DIR": "/proc/nowhere"},
    {"ENGINE_ID": "stub-transcriber"},
    {"S3_ENDPOINT_URL": "store:9000", "S3_BUCKET": "recordings"},
    {"AWS_ACCESS_KEY_ID": "name", "S3_BUCKET": "recordings"},
    {"DATABASE_URL": "mysql://user:hunter2@host/name"},
)
"""Each one's first variable is the wrong one."""
_SECONDS = 60
"""A server that does start would go on for ever."""


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: next(iter(mistake)))
def test_a_mistake_in_any_setting_is_told_before_a_role_starts(
    shell: Shell, mistake: dict[str, str]
) -> None:
    shell.command = "serve"
    done = shell.begin("--port", "0", **mistake).end(_SECONDS)
    assert_told(done.status, done.err, mistake)


@pytest.mark.parametrize(
    ("role", "mistakes"),
    [("gateway --port 0", MISTAKES[1:4]), ("orchestrator", (MISTAKES[0], *MISTAKES[2:4]))],
    ids=["gateway", "orchestrator"],
)
def test_a_role_alone_tells_a_mistake_before_it_needs_a_database(
    shell: Shell, role: str, mistakes: tuple[dict[str, str], ...]
) -> None:
    for mistake in mistakes:
        where = {"DALSTON_DATA_DIR": str(shell.data_dir)}
        done = Call(role.split(), shell.environment | where | mistake).end(_SECONDS)
        assert_told(done.status, done.err, mistake)


def test_an_engine_alone_tells_which_setting_it_refuses(shell: Shell) -> None:
    shell.command = "engine"
    for mistake in MISTAKES[4:7]:
        done = shell.begin("run", "faster-whisper", **mistake).end(_SECONDS)
        assert_told(done.status, done.err, mistake)


def assert_told(status: int, said: str, mistake: dict[str, str]) -> None:
    """Assert that a command ended because of a mistake, and told that and no secret."""
    assert status == 2, said
    [line] = said.splitlines()
    assert next(iter(mistake)) in line
    assert "hunter2" not in line


def test_why_the_database_can_not_be_reached_is_told_without_its_password(shell: Shell) -> None:
    shell.command = "migrate"
    done = shell.run(DATABASE_URL="postgresql://user:secret@127.0.0.1:1/name")
    assert done.status == 1
    assert "can't be used now" in done.err
    assert "ConnectionRefusedError" in done.err
    assert "secret" not in done.err
