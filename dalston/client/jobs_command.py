"""The commands `dalston jobs …`: small things over the HTTP API, one request for each job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dalston.client.again_command import rerun, retry
from dalston.client.on_server import Where, ask, each, on_server
from dalston.client.options import fields_of, subtitle_options
from dalston.common.formats import FORMATS

if TYPE_CHECKING:
    from dalston.client.api import Api
    from dalston.client.views import JobView

_STATUSES = ("pending", "running", "completed", "failed", "cancelled")
_PAGE = 100


@click.group()
def jobs() -> None:
    """Look at the jobs of a server, stop them, have them go on, remove them."""


@jobs.command("list")
@click.option("--status", type=click.Choice(_STATUSES), help="Only such jobs.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True)
@on_server
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
        if left == limit:
            whose = " of this key's owner" if api.has_key else ""
            click.echo(f"no {f'{status} ' if status else ''}jobs{whose}", err=True)
        return True

    ask(call, where)


@jobs.command("show")
@click.argument("job_id", metavar="ID")
@click.option("--version", type=click.IntRange(1), help="An earlier result of it.")
@click.option("--history", is_flag=True, help="With each transition of it and its tasks.")
@on_server
def show_command(*, job_id: str, version: int | None, history: bool, where: Where) -> None:
    """Show all there is to know of a job, as JSON."""

    async def call(api: Api) -> bool:
        body = await api.whole_job(job_id, version=version, history=history)
        click.echo(json.dumps(body, indent=2, ensure_ascii=False))
        return True

    ask(call, where, job_id)


@jobs.command("watch")
@click.argument("job_id", metavar="ID")
@on_server
def watch_command(*, job_id: str, where: Where) -> None:
    """Print what is heard of a job while it runs; exit with 0 if it is completed, else with 1.

    Segments go to standard output, as they were heard; states and progress to standard error.
    """

    async def call(api: Api) -> bool:
        from dalston.client.watching import watch  # noqa: PLC0415 - as in `ask`

        return await watch(api, job_id)

    ask(call, where, job_id)


@jobs.command("export")
@click.argument("job_id", metavar="ID")
@click.option(
    "--format", "-f", "name", type=click.Choice(list(FORMATS)), default="txt", show_default=True
)
@click.option(
    "--version", type=click.IntRange(1), help="An earlier result; the newest if left out."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, writable=True, allow_dash=True),
    default="-",
    help="File to write, over one that is there; standard output if left out.",
)
@subtitle_options
@on_server
def export_command(
    *,
    job_id: str,
    name: str,
    version: int | None,
    output: Path,
    where: Where,
    **rules: Any,  # noqa: ANN401 - of subtitles
) -> None:
    """Write the transcript of a completed job."""

    async def call(api: Api) -> bool:
        data = await api.export(job_id, name, fields_of({**rules, "version": version}))
        _write(output, data)
        return True

    ask(call, where, job_id)


def _write(output: Path, data: bytes) -> None:
    """Write a transcript; nothing is left of one that can't be written whole.

    Half of one would be taken for a transcript, by people as by `dalston transcribe --resume`.
    """
    file = click.open_file(str(output), "wb")
    try:
        with file:
            file.write(data)
    except BrokenPipeError:
        raise
    except OSError as error:
        named = str(output) != "-"
        # A link may be /dev/stdout, behind which there may be more than this.
        if named and output.is_file() and not output.is_symlink():
            output.unlink()
        place = str(output) if named else "Standard output"
        raise click.ClickException(f"{place} can't be written: {error.strerror}.") from None


@jobs.command("cancel")
@click.argument("job_ids", nargs=-1, required=True, metavar="ID…")
@on_server
def cancel_command(*, job_ids: Sequence[str], where: Where) -> None:
    """Stop jobs; what is done of them is kept."""
    ask(lambda api: each(job_ids, api.cancel, "cancelled"), where)


@jobs.command("rm")
@click.argument("job_ids", nargs=-1, required=True, metavar="ID…")
@on_server
def remove_command(*, job_ids: Sequence[str], where: Where) -> None:
    """Stop jobs if they still run, and remove all there is of them."""
    ask(lambda api: each(job_ids, api.delete, "removed"), where)


jobs.add_command(retry)
jobs.add_command(rerun)


@click.command()
@click.option("--all", "every", is_flag=True, help="Also those that are not there.")
@on_server
def engines(*, every: bool, where: Where) -> None:
    """List the engines that are there, and what they are at."""

    async def call(api: Api) -> bool:
        known = await api.engines()
        if not known:
            # Without a valid key the route of the engines shows none, and doesn't say why: another
            # one is refused then, with the reason.
            await api.list_jobs(1)
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

    ask(call, where)


def _line(job: JobView) -> str:
    moment = "" if job.created_at is None else f"{job.created_at:%Y-%m-%d %H:%M:%S}"
    reason = f"  {job.error.code}" if job.error else ""
    return f"{job.id}  {job.status.value:<9}  {moment}  {job.filename or '-'}{reason}"
