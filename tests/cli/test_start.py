"""What a command says that can't start."""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dalston.cli import main
from tests.cli.conftest import Call, Shell
from tests.support.distributed import database, postgresql_server
from tests.support.peaks import only_to_be_read, small_disk

NOBODY = 65534
"""The number of a user that is not the one of the tests."""
SOMEBODY = 1
"""The number of one who has an account on each system."""
WITHOUT_ACCOUNT = 54321
"""The number of nobody."""

MISTAKES = (
    {"DALSTON_RETENTION": "delete-audio"},
    {"DALSTON_CORS_ORIGINS": "*"},
    {"DALSTON_WEBHOOK_SECRET": "hunter2"},
    {"DALSTON_WEBHOOK_ADDRESSES": "all"},
    {"DALSTON_DEVICE": "abacus"},
    {"DALSTON_TEMPORARY_DIR": "/proc/nowhere"},
    {"ENGINE_ID": "stub-transcriber"},
    {"S3_ENDPOINT_URL": "store:9000", "S3_BUCKET": "recordings"},
    {"S3_ENDPOINT_URL": "http://store:90000", "S3_BUCKET": "recordings"},
    {"S3_ENDPOINT_URL": "http://store:port/", "S3_BUCKET": "recordings"},
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_whose_file_it_is_is_told_that_may_not_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def denied(**_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "dalston.db"))

    os.chown(tmp_path, NOBODY, NOBODY)
    monkeypatch.setattr("dalston.cli.cli", denied)
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    file = tmp_path / "dalston.db"
    assert said.startswith(f"dalston: Permission denied: {file}. {tmp_path} be")
    assert f"runs as root: make {file}, give it to this user" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a folder somebody else's")
@pytest.mark.parametrize(
    "given",
    [
        ("keys", "create", "--name", "My laptop"),
        ("limits", "list"),
        ("serve", "--port", "0"),
        ("migrate",),
        ("housekeeping", "--dry-run"),
        ("models", "list"),
        ("engine", "install", "pyannote"),
        ("transcribe", __file__),
        ("eval", __file__),
    ],
)
@pytest.mark.parametrize("below", ["", "data"])
def test_root_makes_nothing_in_the_data_folder_of_another_user(
    shell: Shell, tmp_path: Path, given: tuple[str, ...], below: str
) -> None:
    """Nor where one of that user's would be."""
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    where = {"DALSTON_DATA_DIR": str(tmp_path / below)}
    done = Call(list(given), shell.environment | where).end(_SECONDS)
    assert done.status == 2
    whole = shlex.join(["dalston", *given, "--data-dir", str(tmp_path / below)])
    assert re.search(rf"sudo -u \S+ .*{re.escape(whole)}$", done.err.strip())
    assert len(done.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a folder somebody else's")
@pytest.mark.parametrize("owner", [WITHOUT_ACCOUNT, NOBODY])
def test_root_may_use_its_own_database_in_the_folder_of_another_user(
    shell: Shell, tmp_path: Path, owner: int
) -> None:
    """In a container, say, whose volume is a folder of somebody's home."""
    os.chown(tmp_path, owner, owner)
    for given in ("migrate",), ("keys", "list"):
        whole = [*given, "--data-dir", str(tmp_path)]
        assert Call(whole, shell.environment).end(_SECONDS).status == 0


def test_housekeeping_makes_no_database_where_none_is(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "mistyped"
    done = Call(["housekeeping", "--data-dir", str(folder)], shell.environment).end(_SECONDS)
    assert done.status == 2
    assert done.err.startswith(f"dalston: There is no database in the data folder {folder}. Name")
    assert not folder.exists()


@pytest.mark.parametrize("name", ["dalston.db", "objects", "objects/jobs", "run"])
def test_what_a_server_may_not_write_to_is_named(shell: Shell, tmp_path: Path, name: str) -> None:
    """As a folder has it that somebody else has restored; root is refused by what it is mounted."""
    folder = tmp_path / "data"
    assert Call(["migrate", "--data-dir", str(folder)], shell.environment).end(_SECONDS).status == 0
    place = folder / name
    if not place.exists():
        place.mkdir(parents=True)
    with only_to_be_read(place) as refuses:
        if not refuses:
            pytest.skip("only root may have a file refuse to be written")
        shell.command = "serve"
        done = replace(shell, data_dir=folder).begin("--port", "0").end(_SECONDS)
    assert (done.status, done.err) == (1, f"dalston: Read-only file system: {place}\n")


def test_a_disk_without_room_is_named(shell: Shell, tmp_path: Path) -> None:
    shell.command = "serve"
    folder = tmp_path / "small"
    with small_disk(folder, 1):
        if not folder.is_mount():
            pytest.skip("only root may make a disk that can be filled")
        with pytest.raises(OSError, match="No space left"):
            (folder / "filler").write_bytes(bytes(2_000_000))
        done = replace(shell, data_dir=folder).begin("--port", "0").end(_SECONDS)
    assert (done.status, done.err) == (1, f"dalston: No space left on device: {folder}\n")


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
    assert "DATABASE_URL is right" in done.err
    assert "/health" not in done.err


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """A database; a user of its server may use it, and not make a table in it."""
    with database() as url:
        server = postgresql_server()
        server.execute("DROP ROLE IF EXISTS guest")
        server.execute("CREATE ROLE guest LOGIN PASSWORD 'hunter2'")
        yield url
    server.execute("DROP ROLE guest")


@pytest.mark.parametrize(
    ("password", "place", "refusal"),
    [
        ("hunter3", "", (1, "password authentication failed")),
        ("hunter2", "_dropped", (1, "does not exist")),
        ("hunter2", "", (2, "permission denied")),
        ("hunter2", "?sslmode=always", (2, "sslmode")),
    ],
)
def test_what_postgresql_refuses_is_told_in_one_line(
    shell: Shell, postgresql: str, password: str, place: str, refusal: tuple[int, str]
) -> None:
    status, reason = refusal
    shell.command = "migrate"
    url = f"postgresql://guest:{password}@{postgresql.rpartition('@')[2]}{place}"
    done = shell.run(DATABASE_URL=url)
    assert done.status == status
    [line] = done.err.splitlines()
    assert reason in line
    assert "DATABASE_URL" in line
    assert "hunter" not in line
