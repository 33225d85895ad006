"""Settings from the environment and the command line."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dalston.common.errors import ConfigurationError
from dalston.common.redis import connect
from dalston.config import engine_environment, read_settings, role_environment, unknown_variables
from dalston.db.revision import SCHEMA_REVISION
from dalston.db.url import read_url
from dalston.server import _sqlite_is_current


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "S3_BUCKET", "DALSTON_PORT", "DALSTON_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DALSTON_DATA_DIR", str(tmp_path))


def test_nothing_set_means_embedded_parts_on_loopback(tmp_path: Path) -> None:
    settings = read_settings()

    assert settings.database == f"sqlite:///{tmp_path}/dalston.db"
    assert settings.redis == f"unix://{settings.redis_socket}"
    assert settings.store.bucket is None
    assert settings.store.folder == tmp_path / "objects"
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)


def test_urls_choose_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@db:5432/name")
    monkeypatch.setenv("REDIS_URL", "redis://queue:6379/0")
    monkeypatch.setenv("S3_BUCKET", "recordings")
    settings = read_settings()

    assert read_url(settings.database).dsn == "postgresql://user:secret@db:5432/name"
    assert settings.redis == "redis://queue:6379/0"
    assert settings.store.bucket == "recordings"


def test_the_end_of_a_secrets_line_is_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:secret@db/name\n")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret\r\n")
    monkeypatch.setenv("DALSTON_PORT", " 9000 ")
    monkeypatch.setenv("DALSTON_FETCH_PRIVATE_ADDRESSES", "true\t")
    monkeypatch.setenv("S3_BUCKET", " \n")
    settings = read_settings()

    assert settings.database_url == "postgresql://user:secret@db/name"
    assert (settings.aws_secret_access_key, settings.port) == ("secret", 9000)
    assert settings.fetch_private_addresses
    assert settings.s3_bucket is None


def test_a_folder_may_have_a_name_with_a_blank_at_its_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = read_settings({"data_dir": f"{tmp_path}/mine "})
    for name, value in role_environment(given).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", "sqlite:////srv/jobs.db ")
    settings = read_settings()

    assert settings.data_dir == given.data_dir == tmp_path / "mine "
    assert read_url(settings.database).path == "/srv/jobs.db "


def test_the_command_line_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALSTON_PORT", "9000")
    assert read_settings().port == 9000
    assert read_settings({"port": 9001, "host": None}).port == 9001


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("DALSTON_PORT", "many", "a whole number"),
        ("DALSTON_PORT", "-1", "a whole number of 0 or more"),
        ("DALSTON_PORT", "65536", "a whole number up to 65535"),
        ("DALSTON_ENGINE_MEMORY_MB", "4 GB", "a whole number"),
        ("DALSTON_ENGINE_MEMORY_MB", "0", "a whole number of 1 or more"),
        ("DALSTON_JOB_DEADLINE_SECONDS", "1h", "a number"),
        ("DALSTON_JOB_DEADLINE_SECONDS", "0", "a number above 0"),
        ("DALSTON_FETCH_SECONDS", "86401", "a number up to 86400"),
        ("DALSTON_WAIT_BASE_SECONDS", "nan", "a number of 0 or more"),
        ("DALSTON_FETCH_PRIVATE_ADDRESSES", "yes", "true or false"),
    ],
)
def test_a_wrong_value_names_its_setting_and_what_it_may_be(
    name: str, value: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as refused:
        read_settings()
    said = f"{name}: this must be {wanted}. See docs/configuration.md."
    assert refused.value.message == said


def test_web_sites_are_compared_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALSTON_CORS_ORIGINS", " https://Example.ORG  http://localhost:3000 ")
    assert read_settings().origins == ("https://example.org", "http://localhost:3000")


@pytest.mark.parametrize("url", ["mysql://host/name", "nothing", "redis://host"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        read_url(url)


def test_a_long_data_folder_gets_a_short_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALSTON_DATA_DIR", "/tmp/" + "long" * 40)
    assert len(str(read_settings().redis_socket)) < 100
    monkeypatch.setenv("DALSTON_DATA_DIR", "/tmp/" + "long" * 41)
    other = read_settings().redis_socket
    monkeypatch.setenv("DALSTON_DATA_DIR", "/tmp/" + "long" * 40)
    assert other != read_settings().redis_socket


def test_an_engine_sees_none_of_the_servers_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPASSWORD", "PGPASSFILE", "PGSERVICE", "PGSERVICEFILE", "REDISCLI_AUTH"):
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:hush@db/name")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    monkeypatch.setenv("HF_ENDPOINT", "http://mirror")

    environment = engine_environment()

    assert not [name for name, value in environment.items() if "hush" in value]
    assert environment["HF_ENDPOINT"] == "http://mirror"
    assert role_environment(read_settings())["DATABASE_URL"].endswith("@db/name")


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "50%20 ?#"
    settings = read_settings({"data_dir": folder})
    assert read_url(settings.database).path == str(folder / "dalston.db")
    folder.mkdir()
    with closing(sqlite3.connect(folder / "dalston.db")) as database, database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES (?)", [SCHEMA_REVISION])
    assert _sqlite_is_current(folder / "dalston.db")
    client = connect(settings.redis)
    assert client.connection_pool.connection_kwargs["path"] == str(settings.redis_socket)


@pytest.mark.parametrize("url", ["redis://:pa/ss#word@host:6379/0", "http://host", "host:6379"])
def test_a_url_of_redis_that_is_none_is_said_without_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL is not a URL") as refused:
        connect(url)
    assert "pa/ss" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "database"),
    [("redis://host", 0), ("rediss://host:6379/3", 3), ("redis://host/2/", 2)],
)
def test_a_url_of_redis_has_the_number_of_a_database(url: str, database: int) -> None:
    assert connect(url).connection_pool.connection_kwargs.get("db", 0) == database


@pytest.mark.parametrize("url", ["redis://host/dalston", "rediss://:secret@host:6379/db1"])
def test_a_database_of_redis_with_a_name_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="REDIS_URL ends in a name") as refused:
        connect(url)
    assert "secret" not in refused.value.message


def test_a_misspelt_variable_is_told_with_what_it_may_be_meant_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DALSTON_MODLE", "small")
    monkeypatch.setenv("DALSTON_QQQ", "1")
    assert unknown_variables() == {"DALSTON_MODLE": "DALSTON_MODEL", "DALSTON_QQQ": None}
