"""What the commands share that ask a server: which one is meant, and what is said if it refuses."""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dalston.client.command import API_KEY_FILE, not_installed, read_key
from dalston.listening import server_on
from dalston.ownership import FOLDER
from dalston.processes import give_up_output

if TYPE_CHECKING:
    from dalston.client.api import Api

_SIGNAL_STATUS = 128
"""The exit status of what a signal ends is this and its number."""

Call = Callable[["Api"], Awaitable[bool]]
"""Asks a server; tells whether all of it was done."""


@dataclass(frozen=True)
class Where:
    """Which server is meant, and the file with its API key if there is one."""

    server: str | None
    api_key_file: Path | None
    data_dir: Path | None


def on_server(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which server is meant; the command gets them as `where`."""

    @functools.wraps(command)
    def with_server(
        *, server: str | None, api_key_file: Path | None, data_dir: Path | None, **others: object
    ) -> None:
        command(where=Where(server, api_key_file, data_dir), **others)

    url = click.option("--server", metavar="URL", help="The server at this address.")
    folder = click.option(
        "--data-dir",
        type=FOLDER,
        help="Data folder of the server that is used without --server (DALSTON_DATA_DIR).",
    )
    return url(API_KEY_FILE(folder(with_server)))


async def each(job_ids: Sequence[str], act: Callable[[str], Awaitable[object]], done: str) -> bool:
    """Do something with each job; one that is refused doesn't keep the others from it."""
    # Imported here: other commands need neither these packages nor the time to load them.
    from dalston.client.errors import RefusedError  # noqa: PLC0415
    from dalston.client.refusals import explained  # noqa: PLC0415

    good = True
    for job_id in dict.fromkeys(job_ids):
        try:
            await act(job_id)
        except RefusedError as error:
            click.echo(f"{job_id}: {explained(error, job_id)}", err=True)
            good = False
        else:
            click.echo(f"{job_id} {done}")
    return good


def ask(call: Call, where: Where, job_id: str | None = None) -> None:
    """Make a call; the exit status is 0 if all of it was done, otherwise 1.

    Args:
        call: Asks the server.
        where: Which one.
        job_id: The job that the call is about, if it is about one.
    """
    # Imported here: other commands need neither these packages nor the time to load them.
    try:
        from dalston.client.api import Api  # noqa: PLC0415
        from dalston.client.errors import RefusedError, UnreachableError  # noqa: PLC0415
        from dalston.client.refusals import explained  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise not_installed(error, "cli") from None
    from dalston.config import read_settings  # noqa: PLC0415

    settings = read_settings({"data_dir": where.data_dir})
    key = read_key(where.api_key_file, settings.api_key)
    found = None if where.server else server_on(settings.data_dir)
    url = where.server if found is None else found[0]
    if url is None:
        raise click.ClickException(
            f"No server runs on the data folder {settings.data_dir}. Start one with "
            f"`dalston serve`, or name one with --server, or its folder with --data-dir."
        )
    try:
        api = Api(url, key)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--server") from None
    try:
        good = asyncio.run(_ask(api, call))
    except RefusedError as error:
        raise click.ClickException(explained(error, job_id)) from None
    except BrokenPipeError:
        # Nobody reads standard output, as after `| head`.
        give_up_output()
        sys.exit(_SIGNAL_STATUS + signal.SIGPIPE)
    except (UnreachableError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    sys.exit(0 if good else 1)


async def _ask(api: Api, call: Call) -> bool:
    try:
        return await call(api)
    finally:
        await api.close()
