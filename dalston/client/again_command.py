"""`dalston jobs retry` and `dalston jobs rerun`: jobs that go on after they had ended."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from dalston.client.on_server import Where, ask, each, on_server
from dalston.common.errors import RECORDING_CODES
from dalston.common.pipeline_checks import FETCH

if TYPE_CHECKING:
    from dalston.client.api import Api

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_PAGE = 100
_TEXTS = frozenset(
    {"model", "language", "language_detection", "channels", "task", "prompt", "hotwords"}
)
"""Options whose values are text even where they look like a number."""
_LISTS = frozenset({"temperatures"})
_WORDS = {"true": True, "false": False, "null": None}
"""Of JSON, which knows them in small letters only; a submission takes any."""


class Moment(click.ParamType[datetime]):
    """A moment: `2h` ago, `3d` ago, or an ISO 8601 time; without a zone it is UTC."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Return it."""
        text = str(value)
        if (ago := _AGO.fullmatch(text)) is not None:
            try:
                return datetime.now(UTC) - timedelta(seconds=int(ago[1]) * _UNITS[ago[2]])
            except OverflowError:
                return datetime.min.replace(tzinfo=UTC)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"'{text}' is neither like 2h nor like 2026-01-05T09:30.", param, ctx)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


class Changed(click.ParamType[tuple[str, Any]]):
    """An option and its new value: `num_speakers=2`; `null` takes the option away."""

    name = "option"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """Return its name and its value as JSON."""
        name, equals, text = str(value).partition("=")
        if not name or not equals:
            self.fail(f"'{value}' is not like num_speakers=2.", param, ctx)
        if name in _TEXTS:
            return name, None if text == "null" else text
        if name in _LISTS and text != "null" and not text.startswith("["):
            text = f"[{text}]"
        try:
            changed = json.loads(text)
            # NaN and what is too large for a number are Python's alone. They go as they were given.
            json.dumps(changed, allow_nan=False)
        except ValueError:
            return name, _WORDS.get(text.lower(), text)
        return name, changed


@click.command("retry")
@click.argument("job_ids", nargs=-1, metavar="ID…")
@click.option(
    "--failed-since",
    type=Moment(),
    metavar="TIME",
    help="All that have failed since then, unless their recording can't be used: 2h, 3d or "
    "2026-01-05T09:30 (UTC).",
)
@click.option(
    "--all", "every", is_flag=True, help="Of those, also the ones whose recording can't be used."
)
@on_server
def retry(
    *, job_ids: Sequence[str], failed_since: datetime | None, every: bool, where: Where
) -> None:
    """Have jobs that failed or were cancelled go on from what is done of them."""
    if not job_ids and failed_since is None:
        raise click.UsageError("Name jobs, or say --failed-since.")

    async def call(api: Api) -> bool:
        wanted = list(job_ids)
        if failed_since is not None:
            wanted += await _failed_since(api, failed_since, every=every)
        return await each(wanted, api.retry, "retried")

    ask(call, where)


async def _failed_since(api: Api, moment: datetime, *, every: bool) -> list[str]:
    """Return jobs that have failed since a moment; collected before any is retried."""
    found: list[str] = []
    skipped: Counter[str] = Counter()
    cursor: str | None = None
    while True:
        page, cursor = await api.list_jobs(_PAGE, "failed", cursor)
        for job in page:
            if job.completed_at is None or job.completed_at < moment:
                continue
            if job.error is not None and job.error.code in RECORDING_CODES and not every:
                skipped[job.error.code] += 1
            else:
                found.append(job.id)
        if cursor is None:
            break
    if skipped:
        reasons = ", ".join(f"{count} {code}" for code, count in sorted(skipped.items()))
        click.echo(
            f"{skipped.total()} skipped: their recordings can't be used, so they would fail again "
            f"({reasons}). --all retries them too.",
            err=True,
        )
    return found


@click.command("rerun")
@click.argument("job_id", metavar="ID")
@click.argument("options", nargs=-1, metavar="[OPTION=VALUE]…", type=Changed())
@click.option(
    "--from-stage",
    metavar="STAGE",
    help="The first stage that is done again; all of them if left out.",
)
@on_server
def rerun(
    *, job_id: str, options: Sequence[tuple[str, Any]], from_stage: str | None, where: Where
) -> None:
    """Make a new result of a job that has ended, with options changed: num_speakers=2.

    `null` takes an option away. The results until now are kept as versions.
    """

    async def call(api: Api) -> bool:
        stage = from_stage or await _first_stage(api, job_id)
        await api.rerun(job_id, stage, dict(options))
        click.echo(f"{job_id} is done again from {stage} on")
        return True

    ask(call, where, job_id)


async def _first_stage(api: Api, job_id: str) -> str:
    """Return the first stage of a job that works on the recording.

    Raises:
        click.UsageError: It has none yet.
    """
    view, _ = await api.job(job_id)
    for task in view.tasks:
        if task.stage != FETCH:
            return task.stage
    raise click.UsageError("The job has no stages yet. Name one with --from-stage.")
