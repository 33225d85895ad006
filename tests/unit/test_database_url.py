"""What is taken for the URL of a database, and that no password is shown."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from dalston.common.errors import ConfigurationError
from dalston.db.migrate import engine_url
from dalston.db.session import Database
from dalston.db.url import read_url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://db/name",
        "postgresql://user@db/name",
        "postgresql://user:secret@db:5432/name",
        "postgres://user:secret@db:5432/name",
        "postgresql+asyncpg://user:secret@db:5432/name",
        "postgresql+psycopg2://user:secret@db/name",
        "postgresql://us%40er:s%2Fe%40c%25r+e t@db/na%20me",
        "postgresql://user:se/c#r?e[t@db/name",
        "postgresql://user:@db/name",
        "postgresql://:secret@db",
        "postgresql://[::1]:5432/name",
        "postgresql:///name?host=/run/postgresql",
        "postgresql://%2Frun%2Fpostgresql/name",
        "postgresql://db/name?sslmode=verify-full&sslrootcert=/a b/c%26d&application_name=",
        "postgresql://db/na#me",
        "postgresql://",
    ],
)
def test_a_url_of_postgresql_says_what_sqlalchemy_takes_it_for(url: str) -> None:
    found = read_url(url)
    assert found.kind == "postgresql"
    assert make_url(found.dsn) == make_url(url).set(drivername="postgresql")
    assert engine_url(found) == make_url(url).set(drivername="postgresql+asyncpg")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///dalston.db",
        "sqlite:////var/lib/dalston.db",
        "sqlite:////a b/c%20d/e@f:g.db",
        "sqlite+aiosqlite:///dalston.db",
    ],
)
def test_a_url_of_sqlite_names_a_file(url: str) -> None:
    found = read_url(url)
    assert (found.kind, found.path) == ("sqlite", make_url(url).database)
    assert engine_url(found).database == found.path


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing", "is not a URL"),
        ("", "is not a URL"),
        ("postgresql:/user:secret@db/name", "is not a URL"),
        ("postgresql://user:secret@db:port/name", "is not a URL"),
        ("postgresql://user:secret@db:65536/name", "has a port above 65535"),
        ("mysql+pymysql://user:secret@db/name", "begins with mysql://"),
        ("redis://:secret@db", "begins with redis://"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
    ],
)
def test_another_url_is_refused_and_its_password_is_not_shown(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=f"DATABASE_URL {said}") as refused:
        read_url(url)
    assert "secret" not in str(refused.value)


def test_a_password_is_not_shown_by_accident() -> None:
    assert "secret" not in f"{read_url('postgresql://user:secret@db/name')!r}"


async def test_a_host_that_can_be_no_name_is_a_wrong_setting() -> None:
    database = Database("postgresql://user:secret@db..example.org/name")
    with pytest.raises(ConfigurationError, match="DATABASE_URL has a host that is no name"):
        async with database.read():
            pass
    await database.close()
