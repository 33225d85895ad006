"""The commands `dalston jobs …`: small things over the HTTP API, one request for each job."""

from __future__ import annotations

import asyncio
import functools
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dalston.client.command import API_KEY_FILE, not_installed, read_key
from dalston.client.options import fields_of
from dalston.common.formats import FORMATS

if TYPE_CHECKING:
    from dalston.client.api import Api
    from dalston.client.views import JobView

_STATUSES = ("pending", "running", "completed", "failed", "cancelled")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_PAGE = 100

_Call = Callable[["Api"], Awaitable[bool]]


class Moment(click.ParamType[datetime]):
    """A moment: `2h` ago, `3d` ago, or an ISO 8601 time; without a zone it is UTC."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return it."""
        text = str(value)
        if (ago := _AGO.fullmatch(text)) is not None:
            return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"'{text}' is neither like 2h nor like 2026-01-05T09:30.", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Where:
    """Which server is meant, and the file with its API key if there is one."""

    server: str | None
    api_key_file: Path | None
    data_dir: Path | None


def _on_server(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which server is meant; the command gets them as `where`."""

    @functools.wraps(command)
    def with_server(
        *, server: str | None, api_key_file: Path | None, data_dir: Path | None, **others: object
    ) -> None:
        command(where=Where(server, api_key_file, data_dir), **others)

    url = click.option("--server", metavar="URL", help="The server at this address.")
    folder = click.option(
        "--data-dir",
        type=click.Path(path_type=Path, file_okay=False),
        help="Data folder of the server that is used without --server (DALSTON_DATA_DIR).",
    )
    return url(API_KEY_FILE(folder(with_server)))


@click.group()
def jobs() -> None:
    """Look at the jobs of a server, stop them, have them go on, remove them."""


@jobs.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only such jobs.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@_on_server
def list_command(*, status: str | None, limit: int, where: Where) -> None:
    """List jobs, newest first."""

    async def call(api: Api) -> bool:
        cursor: str | None = None
        left = limit
        while left > 0:
            page, cursor = await api.list_jobs(min(left, _PAGE), status, cursor)
            for job in page:
                click.echo(_line(job))
            left -= len(page)
            if cursor is None:
                break
        return True

    _run(call, where)


@jobs.command("show")
@click.argument("job_id", metavar="ID")
@click.option("--version", type=click.IntRange(1), help="An earlier result of it.")
@click.option("--history", is_flag=True, help="With each transition of it and its tasks.")
@_on_server
def show_command(*, job_id: str, version: int | None, history: bool, where: Where) -> None:
    """Show all there is to know of a job, as JSON."""

    async def call(api: Api) -> bool:
        body = await api.whole_job(job_id, version=version, history=history)
        click.echo(json.dumps(body, indent=2, ensure_ascii=False))
        return True

    _run(call, where)


@jobs.command("watch")
@click.argument("job_id", metavar="ID")
@_on_server
def watch_command(*, job_id: str, where: Where) -> None:
    """Print what is heard of a job while it runs; exit with 0 if it is completed, else with 1.

    Segments go to standard output, as they were heard; states and progress to standard error.
    """

    async def call(api: Api) -> bool:
        from dalston.client.watching import watch  # noqa: PLC0415 - as in `_run`

        return await watch(api, job_id)

    _run(call, where)


@jobs.command("export")
@click.argument("job_id", metavar="ID")
@click.option(
    "--format", "-f", "name", type=click.Choice(list(FORMATS)), default="txt", show_default=True
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, writable=True, allow_dash=True),
    default="-",
    help="File to write, over one that is there; standard output if left out.",
)
@click.option("--line-length", type=click.IntRange(10, 500), help="Characters of a line.")
@click.option("--lines", type=click.IntRange(1, 10), help="Lines of a subtitle.")
@click.option("--speakers/--no-speakers", default=None, help="Subtitles say who speaks.")
@_on_server
def export_command(
    *,
    job_id: str,
    name: str,
    output: Path,
    where: Where,
    **rules: Any,  # noqa: ANN401 - of subtitles
) -> None:
    """Write the transcript of a completed job."""

    async def call(api: Api) -> bool:
        data = await api.export(job_id, name, fields_of(rules))
        with click.open_file(str(output), "wb") as file:
            file.write(data)
        return True

    _run(call, where)


@jobs.command("cancel")
@click.argument("job_ids", nargs=-1, required=True, metavar="ID…")
@_on_server
def cancel_command(*, job_ids: Sequence[str], where: Where) -> None:
    """Stop jobs; what is done of them is kept."""
    _run(lambda api: _each(job_ids, api.cancel, "cancelled"), where)


@jobs.command("retry")
@click.argument("job_ids", nargs=-1, metavar="ID…")
@click.option(
    "--failed-since",
    type=Moment(),
    metavar="TIME",
    help="All that have failed since then: 2h, 3d or 2026-01-05T09:30 (UTC).",
)
@_on_server
def retry_command(*, job_ids: Sequence[str], failed_since: datetime | None, where: Where) -> None:
    """Have jobs that failed or were cancelled go on from what is done of them."""
    if not job_ids and failed_since is None:
        raise click.UsageError("Name jobs, or say --failed-since.")

    async def call(api: Api) -> bool:
        wanted = list(job_ids)
        if failed_since is not None:
            wanted += await _failed_since(api, failed_since)
        return await _each(wanted, api.retry, "retried")

    _run(call, where)


@jobs.command("rm")
@click.argument("job_ids", nargs=-1, required=True, metavar="ID…")
@_on_server
def remove_command(*, job_ids: Sequence[str], where: Where) -> None:
    """Stop jobs if they still run, and remove all there is of them."""
    _run(lambda api: _each(job_ids, api.delete, "removed"), where)


async def _failed_since(api: Api, moment: datetime) -> list[str]:
    """Return all jobs that have failed since a moment; collected before any is retried."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        page, cursor = await api.list_jobs(_PAGE, "failed", cursor)
        found += [job.id for job in page if job.completed_at and job.completed_at >= moment]
        if cursor is None:
            return found


async def _each(job_ids: Sequence[str], act: Callable[[str], Awaitable[object]], done: str) -> bool:
    """Do something with each job; one that is refused doesn't keep the others from it."""
    from dalston.client.errors import RefusedError  # noqa: PLC0415 - as in `_run`

    good = True
    for job_id in dict.fromkeys(job_ids):
        try:
            await act(job_id)
        except RefusedError as error:
            click.echo(f"{job_id}: {error}", err=True)
            good = False
        else:
            click.echo(f"{job_id} {done}")
    return good


@click.command()
@click.option("--all", "every", is_flag=True, help="Also those that are not there.")
@_on_server
def engines(*, every: bool, where: Where) -> None:
    """List the engines that are there, and what they are at."""

    async def call(api: Api) -> bool:
        known = await api.engines()
        found = {name: one for name, one in known.items() if every or one.state != "absent"}
        for engine_id, engine in sorted(found.items()):
            share = "" if engine.progress is None else f"{100 * engine.progress:.0f} %"
            said = " ".join(part for part in (share, engine.message) if part)
            lacking = engine.state == "failed" and engine.code == "engine_not_installed"
            state = "not installed" if lacking else engine.state
            line = f"{engine_id:<24}  {state:<13}  {engine.slots:>3} at once  {said}"
            click.echo(line.rstrip())
        if not found:
            click.echo("No engine is there. Start one with `dalston engine run ENGINE`.", err=True)
        return bool(found)

    _run(call, where)


def _line(job: JobView) -> str:
    moment = "" if job.created_at is None else f"{job.created_at:%Y-%m-%d %H:%M:%S}"
    reason = f"  {job.error.code}" if job.error else ""
    return f"{job.id}  {job.status.value:<9}  {moment}  {job.filename or '-'}{reason}"


def _run(call: _Call, where: Where) -> None:
    """Make a call; the exit status is 0 if all of it was done, otherwise 1."""
    # Imported here: other commands need neither these packages nor the time to load them.
    try:
        from dalston.client.embedded import running_server  # noqa: PLC0415
        from dalston.client.errors import RefusedError, UnreachableError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise not_installed(error, "cli") from None
    from dalston.config import read_settings  # noqa: PLC0415

    settings = read_settings({"data_dir": where.data_dir})
    key = read_key(where.api_key_file, settings.api_key)
    url = where.server or running_server(settings.data_dir)
    if url is None:
        raise click.ClickException(
            "No server runs on the data folder. Start one with `dalston serve`, or name one with "
            "--server."
        )
    try:
        good = asyncio.run(_ask(url, key, call))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--server") from None
    except (RefusedError, UnreachableError, OSError) as error:
        raise click.ClickException(str(error)) from None
    sys.exit(0 if good else 1)


async def _ask(url: str, key: str | None, call: _Call) -> bool:
    from dalston.client.api import Api  # noqa: PLC0415 - as in `_run`

    api = Api(url, key)
    try:
        return await call(api)
    finally:
        await api.close()
