"""The database's URL, as people write it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode

from dalston.common.errors import ConfigurationError

_KINDS = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite"}
_LAST_PORT = 65535
_IN_MEMORY = ("", ":memory:")
# A password may hold what would end a part elsewhere: people forget to escape it.
_URL = re.compile(
    r"""
    (?P<scheme>\w+) (?:\+[\w+]*)? ://
    (?: (?P<user>[^:/]*) (?: : (?P<password>[^@]*) )? @ )?
    (?P<host> \[[^/?]+\] | [^/:?]+ )? (?: : (?P<port>\d*) )?
    (?: / (?P<database>[^?]*) )?
    (?: \? (?P<query>.*) )?
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class DatabaseURL:
    """Where the database is.

    Attributes:
        kind: `postgresql` or `sqlite`.
        path: SQLite's file; empty for PostgreSQL.
        dsn: What PostgreSQL's driver is told, password and all.
    """

    kind: str
    path: str = ""
    dsn: str = field(default="", repr=False)


def read_url(text: str) -> DatabaseURL:
    """Return what a URL says.

    Args:
        text: `postgresql://user:password@host:5432/name` or `sqlite:///file`.

    Raises:
        ConfigurationError: Neither of these.
    """
    found = _URL.fullmatch(text)
    if found is None:
        raise ConfigurationError("DATABASE_URL is not a URL.")
    scheme = found["scheme"]
    if scheme not in _KINDS:
        raise ConfigurationError(
            f"DATABASE_URL begins with {scheme}://; use postgresql:// or sqlite:///."
        )
    if int(found["port"] or 0) > _LAST_PORT:
        raise ConfigurationError(f"DATABASE_URL has a port above {_LAST_PORT}. Correct it.")
    kind = _KINDS[scheme]
    if kind == "sqlite":
        return DatabaseURL(kind, path=_file(found))
    return DatabaseURL(kind, dsn=f"postgresql://{_login(found)}{_place(found)}")


def _file(found: re.Match[str]) -> str:
    path = unquote(found["database"] or "")
    if path in _IN_MEMORY:
        # Each connection of each process would have an empty database of its own.
        raise ConfigurationError(
            "DATABASE_URL names no file. Jobs can't be kept in memory alone: name one, such as "
            "sqlite:////srv/dalston.db, or unset it for a file in the data folder."
        )
    return path


def _login(found: re.Match[str]) -> str:
    if found["user"] is None:
        return ""
    password = "" if found["password"] is None else f":{_escaped(found['password'])}"
    return f"{_escaped(found['user'])}{password}@"


def _place(found: re.Match[str]) -> str:
    port = f":{found['port']}" if found["port"] else ""
    database = "" if found["database"] is None else f"/{_escaped(found['database'])}"
    query = urlencode(parse_qsl(found["query"] or ""))
    return f"{found['host'] or ''}{port}{database}{f'?{query}' if query else ''}"


def _escaped(part: str) -> str:
    return quote(unquote(part), safe="")
