"""`dalston eval`: a manifest in, figures out, on a server that runs or on one of its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from dalston.client.embedded import StartError
from dalston.client.errors import UnreachableError
from dalston.client.progress import Display, display_for
from dalston.client.session import Session
from dalston.evaluation.confidence import add_bands
from dalston.evaluation.jobs import Jobs
from dalston.evaluation.machine import machine
from dalston.evaluation.manifest import Clip, ManifestError, read_manifest
from dalston.evaluation.memory import MemoryMeter
from dalston.evaluation.page import page
from dalston.evaluation.results import Circumstances, ClipResult, Evaluation, to_json
from dalston.evaluation.table import markdown, print_tables
from dalston.evaluation.totals import totals
from dalston.evaluation.waveform import waveform
from dalston.processes import ENDING_SIGNALS, give_up_output, on_signals

COMPLETED, SOME_FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
_SIGNAL_STATUS = 128


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        manifest: What is known of the clips.
        server: Where the server is; None means the one on the data folder, or a new one there.
        data_dir: The data folder.
        key: API key, if the server asks for one.
        pipeline: Name of a pipeline; the server's default unless given.
        language: Language of clips for which the manifest names none.
        only_language: Measure the clips in this language alone.
        tell_language: Whether the server is told the clips' language.
        at_once: Clips that are sent at a time.
        report: Where the page goes.
        json: Where the figures go.
        markdown: Whether the totals are printed as a table of Markdown, and nothing else.
    """

    manifest: Path
    server: str | None
    data_dir: Path
    key: str | None = None
    pipeline: str | None = None
    language: str | None = None
    only_language: str | None = None
    tell_language: bool = True
    at_once: int = 1
    report: Path | None = None
    json: Path | None = None
    markdown: bool = False


def evaluate(request: Request) -> int:
    """Measure, and write what was asked for.

    Returns:
        The exit status: 0 if every clip has its transcript, 1 if one has not, 2 if the call can't
        be carried out as it is, 130 after Ctrl-C.
    """
    try:
        clips = _clips(request)
        _check_targets(request)
    except ManifestError as error:
        click.echo(f"dalston: {error}", err=True)
        return USAGE
    display = display_for([clip.name for clip in clips], sys.stderr)
    try:
        return asyncio.run(_run(request, clips, display))
    except (StartError, UnreachableError) as error:
        display.say(str(error))
        return SOME_FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:
        display.close()


def _clips(request: Request) -> list[Clip]:
    clips = read_manifest(request.manifest, request.language)
    wanted = request.only_language
    kept = [clip for clip in clips if wanted in (None, clip.language)]
    if not kept:
        raise ManifestError(f"{request.manifest} has no clip in the language '{wanted}'.")
    return kept


def _check_targets(request: Request) -> None:
    """Look for what would stop the results from being written, before an hour of measuring."""
    for target in (request.report, request.json):
        if target is None:
            continue
        if target.is_dir() or not os.access(target.absolute().parent, os.W_OK):
            raise ManifestError(
                f"{target} can't be written. Name a file in a folder that is there."
            )


async def _run(request: Request, clips: Sequence[Clip], display: Display) -> int:
    """Measure all clips, write what was found and return the exit status."""
    main, stopped_by = asyncio.current_task(), 0

    def stop(number: int) -> None:
        nonlocal stopped_by
        stopped_by = number
        if main is not None:
            main.cancel()

    on_signals(ENDING_SIGNALS, stop)
    session = Session(request.server, request.data_dir, display.say, request.key)
    try:
        await session.open()
        found = await _measure(request, clips, session, display)
        # Others may use the server for long. What an hour has measured is safe before that.
        display.close()
        status = _hand_over(request, clips, found)
        await session.finish()
    except asyncio.CancelledError:
        if stopped_by:
            return _SIGNAL_STATUS + stopped_by
        raise
    finally:
        await session.close()
    return status


async def _measure(
    request: Request, clips: Sequence[Clip], session: Session, display: Display
) -> Evaluation:
    fields = {} if request.pipeline is None else {"pipeline": request.pipeline}
    jobs = Jobs(session, display, fields, tell_language=request.tell_language)
    server = _server_process(request.data_dir) if session.own else None
    meter = None if server is None else MemoryMeter(server)
    async with AsyncExitStack() as stack:
        if meter is not None:
            await stack.enter_async_context(meter.watching())
            await jobs.wait_until_loaded()
        results = await jobs.all(clips, request.at_once)
    circumstances = Circumstances(
        manifest=_name(request.manifest),
        pipeline=", ".join(sorted(jobs.pipelines)) or (request.pipeline or "the server's default"),
        engines=_engines(results),
        machine=machine(),
        date=dt.datetime.now(tz=dt.UTC).date().isoformat(),
        language_given=request.tell_language,
        memory=None if meter is None else meter.most(jobs.engine_ids),
    )
    confidences = add_bands(result.confidences for result in results if result.verified)
    return Evaluation(circumstances, totals(results), confidences, results)


def _name(manifest: Path) -> str:
    """Return a manifest's name with its folder's, which says more."""
    name = f"{manifest.absolute().parent.name}/{manifest.name}"
    # A file may be called what is no text; a page and JSON hold text alone.
    return name.encode("utf-8", "replace").decode("utf-8")


def _server_process(data_dir: Path) -> int | None:
    try:
        return int(json.loads((data_dir / "server.json").read_text(encoding="utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _engines(results: Sequence[ClipResult]) -> dict[str, dict[str, Any]]:
    """Return what the transcripts say of their engines; of differing values all."""
    found: dict[str, dict[str, list[str]]] = {}
    for result in results:
        for engine, facts in result.engines.items():
            known = found.setdefault(engine, {})
            for name, value in facts.items():
                values = known.setdefault(name, [])
                values += [] if str(value) in values else [str(value)]
    return {
        engine: {name: ", ".join(values) for name, values in facts.items()}
        for engine, facts in sorted(found.items())
    }


def _hand_over(request: Request, clips: Sequence[Clip], found: Evaluation) -> int:
    """Write what was found wherever it is wanted, and return the exit status.

    Files come first, and one place that takes nothing keeps nothing from the others.
    """
    good = not any(result.failed for result in found.clips)
    if request.json is not None:
        good &= _write(request.json, to_json(found))
    if request.report is not None:
        waves = [waveform(clip.path) for clip in clips]
        good &= _write(request.report, page(found, waves).encode())
    try:
        _print(request, found)
    except (BrokenPipeError, SystemExit):
        # Rich makes the second of the first, which would end the call before its server is let go.
        give_up_output()
        return _SIGNAL_STATUS + signal.SIGPIPE
    except OSError as error:
        give_up_output()
        click.echo(f"dalston: the tables can't be printed: {error.strerror}", err=True)
        good = False
    return COMPLETED if good else SOME_FAILED


def _write(target: Path, data: bytes) -> bool:
    """Write a file; tell whether that is done."""
    try:
        target.write_bytes(data)
    except OSError as error:
        click.echo(f"dalston: {target} can't be written: {error.strerror}", err=True)
        return False
    return True


def _print(request: Request, found: Evaluation) -> None:
    """Print the tables.

    Raises:
        OSError: Standard output takes nothing, or nobody reads it.
    """
    if request.markdown:
        click.echo(markdown(found))
    else:
        print_tables(found, sys.stdout)
