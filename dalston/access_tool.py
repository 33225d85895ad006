"""`dalston keys` and `dalston limits`: who may use the server, and how much of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dalston.common.access import (
    LOCAL_OWNER,
    OWNER,
    PREFIX,
    Limits,
    Scope,
    digest_of,
    mint_key,
    prefix_of,
)
from dalston.common.wording import counted
from dalston.ownership import FOLDER, require_own

if TYPE_CHECKING:
    from dalston.config import Settings
    from dalston.db.keys import KeyRow

_AGE = re.compile(r"([1-9][0-9]{0,4})([hd])")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_OF_OWNERS = "small letters, digits, dots, dashes and underscores, 64 at most"
_EVERYBODY = "everybody"
_NO_LIMIT = "none"
_NUMBERS = {
    "upload_bytes": (r"[1-9][0-9]{0,14}", "a number of bytes, such as 1073741824 for 1 GiB"),
    "audio_hours_per_day": (r"[0-9]{1,6}(\.[0-9]{1,6})?", "a number of hours, such as 2.5"),
}
"""What a limit may be; the others are whole numbers."""
_DATA_DIR = click.option(
    "--data-dir",
    type=FOLDER,
    help="Folder of the embedded stores (DALSTON_DATA_DIR).",
)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command("create")
@click.option("--name", required=True, help="What you call it: who or what will use it.")
@click.option(
    "--owner", help="Whose jobs it sees and makes; left out: a new owner, called as the key is."
)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it allows; may be repeated. submit and read if left out.",
)
@click.option("--expires", help="When it ends: a date such as 2027-06-30, or 90d, or 12h.")
@_DATA_DIR
def create(
    name: str, owner: str | None, scopes: Sequence[str], expires: str | None, data_dir: Path | None
) -> None:
    """Make a key and print it: this once, for it is not kept."""
    if not _NAME.fullmatch(name):
        raise click.BadParameter("1 to 100 characters on one line.", param_hint="--name")
    is_new = owner is None
    owner = owner or _owner_called(name)
    if not OWNER.fullmatch(owner):
        raise click.BadParameter(f"{_OF_OWNERS}.", param_hint="--owner")
    if owner == _EVERYBODY:
        raise click.BadParameter(
            "'everybody' stands for all owners. Name another one.", param_hint="--owner"
        )
    allowed = {Scope(scope) for scope in scopes} or {Scope.SUBMIT, Scope.READ}
    ends = None if expires is None else _moment(expires)
    key = mint_key()
    row = {"name": name, "owner": owner, "scopes": allowed, "expires_at": ends}
    settings = _settings(data_dir)
    is_first, is_known = asyncio.run(_create(settings, key, row, is_new=is_new))
    click.echo(key)
    until = "for ever" if ends is None else f"until {_shown(ends)}"
    server = _server_of(settings)
    click.echo(
        f"This is the key '{name}' of the owner '{owner}', for {' and '.join(sorted(allowed))}, "
        f"{until}. It can't be shown again. "
        f"{f'From now on {server} asks for a key.' if is_first else f'It is for {server}.'}",
        err=True,
    )
    if is_new:
        click.echo(
            "It doesn't see the jobs from before the first key: those belong to the "
            "owner 'local', and --owner local makes a key that does.",
            err=True,
        )
    elif not is_known:
        click.echo(
            f"There was no owner '{owner}' before, so it has no jobs. If you meant another one "
            f"(`dalston limits list` shows all), revoke this key: dalston keys revoke "
            f"{prefix_of(key)}",
            err=True,
        )


def _server_of(settings: Settings) -> str:
    """Say which server has the database, for whoever has several, or meant another one."""
    from dalston.listening import server_on

    if settings.database_url is not None:
        return "each server on the database of DATABASE_URL"
    found = server_on(settings.data_dir)
    if found is not None:
        return f"the server at {found[0]} (data folder {settings.data_dir})"
    return (
        f"the server of the data folder {settings.data_dir} (none runs there now; another folder "
        f"is named with --data-dir)"
    )


async def _create(
    settings: Settings, key: str, row: dict[str, Any], *, is_new: bool
) -> tuple[bool, bool]:
    """Write a key; tell whether it is the first ever, and whether its owner was there already."""
    from dalston.db.keys import add_key, any_key
    from dalston.db.limits import all_limits
    from dalston.runtime import open_own_database

    async with open_own_database(settings) as database, database.write() as connection:
        is_known = row["owner"] in await all_limits(connection)
        if is_new and is_known:
            raise click.UsageError(
                f"There is an owner '{row['owner']}' already. To let the new key see the same "
                f"jobs, add --owner {row['owner']}; else name another one."
            )
        is_first = not await any_key(connection)
        await add_key(connection, prefix=prefix_of(key) or "", digest=digest_of(key), **row)
    return is_first, is_known


@keys.command("list")
@_DATA_DIR
def list_all(data_dir: Path | None) -> None:
    """List all keys by their prefixes, also those that have ended."""
    rows = asyncio.run(_list(_settings(data_dir)))
    table = [("PREFIX", "STATE", "OWNER", "SCOPES", "CREATED", "EXPIRES", "NAME")]
    table += [
        (
            row.prefix,
            _state(row),
            row.owner,
            ",".join(sorted(row.scopes)),
            _shown(row.created_at),
            "never" if row.expires_at is None else _shown(row.expires_at),
            row.name,
        )
        for row in rows
    ]
    widths = [max(len(line[place]) for line in table) for place in range(len(table[0]))]
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())


async def _list(settings: Settings) -> list[KeyRow]:
    from dalston.db.keys import list_keys
    from dalston.runtime import open_own_database

    async with open_own_database(settings) as database, database.read() as connection:
        return await list_keys(connection)


@keys.command("revoke")
@click.argument("prefix")
@_DATA_DIR
def revoke(prefix: str, data_dir: Path | None) -> None:
    """End a key, named by its PREFIX; within five seconds no gateway takes it any more."""
    if not PREFIX.fullmatch(prefix):
        raise click.BadParameter("the first 11 characters, as `dalston keys list` shows them.")
    asyncio.run(_revoke(_settings(data_dir), prefix))
    click.echo(f"{prefix} is revoked.")


async def _revoke(settings: Settings, prefix: str) -> None:
    from dalston.db.keys import revoke_key
    from dalston.runtime import open_own_database

    async with open_own_database(settings) as database, database.write() as connection:
        await revoke_key(connection, prefix)


@click.group()
def limits() -> None:
    """Say how much each owner may ask for."""


@limits.command("set")
@click.argument("owner")
@click.option("--requests-per-minute", metavar="N")
@click.option("--running-jobs", metavar="N", help="Jobs that have not ended, waiting ones too.")
@click.option("--audio-hours-per-day", metavar="HOURS", help="From midnight to midnight UTC.")
@click.option("--upload-bytes", metavar="N", help="Of one request.")
@_DATA_DIR
def set_some(owner: str, data_dir: Path | None, **given: str | None) -> None:
    """Set some limits of an OWNER; `none` takes one away.

    Each limit of `everybody` holds for all owners who have no such limit of their own.
    """
    if not OWNER.fullmatch(owner):
        raise click.BadParameter(
            f"'{owner}' can't be an owner: {_OF_OWNERS}. Did you mean '{_owner_called(owner)}'?",
            param_hint="OWNER",
        )
    changed = {name: _number(name, text) for name, text in given.items() if text is not None}
    if "audio_hours_per_day" in changed:
        hours = changed.pop("audio_hours_per_day")
        changed["audio_seconds_per_day"] = None if hours is None else 3600 * hours
    if not changed:
        raise click.UsageError("Name a limit to set.")
    now, is_known = asyncio.run(_set(_settings(data_dir), owner, changed))
    click.echo(_sentence(owner, now))
    if not is_known:
        click.echo(
            f"But no key is of an owner '{owner}', so nobody is limited by it yet: `dalston keys "
            f"list` shows who there is.",
            err=True,
        )


async def _set(
    settings: Settings, owner: str, changed: dict[str, float | None]
) -> tuple[Limits, bool]:
    from dalston.db.keys import list_keys
    from dalston.db.limits import set_limits
    from dalston.runtime import open_own_database

    async with open_own_database(settings) as database, database.write() as connection:
        known = {_EVERYBODY, LOCAL_OWNER, *(row.owner for row in await list_keys(connection))}
        return await set_limits(connection, _row_of(owner), changed), owner in known


@limits.command("list")
@_DATA_DIR
def list_limits(data_dir: Path | None) -> None:
    """List the limits of all owners, with those of everybody's that hold beside their own."""
    found = asyncio.run(_all(_settings(data_dir)))
    general = found.get(_EVERYBODY, Limits())
    for name, own in found.items():
        click.echo(_sentence(name, own, general))


async def _all(settings: Settings) -> dict[str, Limits]:
    from dalston.db.limits import EVERYBODY, all_limits
    from dalston.runtime import open_own_database

    async with open_own_database(settings) as database, database.read() as connection:
        found = await all_limits(connection)
    return {_EVERYBODY if name == EVERYBODY else name: own for name, own in found.items()}


def _row_of(owner: str) -> str:
    from dalston.db.limits import EVERYBODY

    return EVERYBODY if owner == _EVERYBODY else owner


def _settings(data_dir: Path | None) -> Settings:
    from dalston.config import read_settings
    from dalston.logs import set_up_logs

    settings = read_settings({"data_dir": data_dir})
    set_up_logs("keys", settings.log_level, settings.log_format)
    if settings.database_url is None:
        require_own(settings.data_dir, named=data_dir is not None)
    return settings


def _owner_called(name: str) -> str:
    """Return an owner's name that looks like a key's."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")[:64] or "owner"


def _moment(text: str) -> datetime:
    now = datetime.now(UTC)
    if age := _AGE.fullmatch(text):
        hours = int(age[1]) * (24 if age[2] == "d" else 1)
        return now + timedelta(hours=hours)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):
        moment = now
    if moment <= now:
        raise click.BadParameter(
            "a day to come, such as 2027-06-30, or 90d, or 12h.", param_hint="--expires"
        )
    return moment


def _number(name: str, text: str) -> float | None:
    if text == _NO_LIMIT:
        return None
    pattern, kind = _NUMBERS.get(name, (r"[1-9][0-9]{0,8}", "a whole number from 1 to 999999999"))
    if not re.fullmatch(pattern, text):
        option = f"--{name}".replace("_", "-")
        raise click.BadParameter(f"{kind}, or {_NO_LIMIT}.", param_hint=option)
    return float(text) if "." in text else int(text)


def _sentence(owner: str, own: Limits, general: Limits | None = None) -> str:
    """Say what limits an owner has; with those for everybody, what holds of them too."""
    given = _in_words(own)
    if not given:
        none = "no limits" if owner == _EVERYBODY else "no limits of its own; everybody's hold"
        return f"{owner}: {none}"
    beside = {} if general is None else _in_words(general)
    others = [words for name, words in beside.items() if name not in given]
    more = f"; everybody's: {', '.join(others)}" if others else ""
    return f"{owner}: {', '.join(given.values())}{more}"


def _in_words(limits: Limits) -> dict[str, str]:
    """Return the limits that are set, by their names."""
    seconds = limits.audio_seconds_per_day
    shown = {
        "requests_per_minute": (limits.requests_per_minute, "request", " per minute"),
        "running_jobs": (limits.running_jobs, "running job", ""),
        "audio_seconds_per_day": (
            None if seconds is None else seconds / 3600,
            "audio hour",
            " per day",
        ),
        "upload_bytes": (limits.upload_bytes, "byte", " per upload"),
    }
    return {
        name: f"{counted(value, noun)}{of}"
        for name, (value, noun, of) in shown.items()
        if value is not None
    }


def _state(row: KeyRow) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "usable" if row.usable else "expired"


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%MZ")
