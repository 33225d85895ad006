"""`dalston engine test`: an engine on a file, with no server, for its author."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

import click
import yaml

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.plain import as_json
from dalston.engine_sdk.testing import run_engine


def try_engine(
    folder: Path,
    audio: Path,
    previous: Iterable[str],
    config: Iterable[str],
    keep: Path | None,
) -> int:
    """Run an engine on a file and print its output as JSON.

    Args:
        folder: The engine's.
        audio: The file.
        previous: Earlier stages' outputs, each as `STAGE=FILE`.
        config: Parts of its configuration, each as `NAME=VALUE`; the value is YAML.
        keep: Where the files go that it keeps; thrown away if None.

    Returns:
        The exit status: 0, or 1 if the engine said no or has an error.
    """
    outputs = {name: _read_json(Path(file)) for name, file in _pairs(previous, "--previous")}
    asked = {name: _read_yaml(name, value) for name, value in _pairs(config, "--config")}
    with tempfile.TemporaryDirectory() as thrown_away:
        try:
            with _prints_in_the_log(), _fails_if_it_leaves():
                output = run_engine(
                    folder,
                    audio,
                    previous=outputs,
                    config=asked,
                    keep_files_in=keep or Path(thrown_away),
                    on_progress=_show_progress,
                )
        except TaskFailed as error:
            again = " A retry may help." if error.retryable else ""
            click.echo(f"{error.code}: {error.message}{again}", err=True)
            return 1
        except (Exception, SystemExit) as error:
            # What leaves with sys.exit(0) has no output all the same: a server calls it crashed.
            told = _without_our_frames(error, folder)
            if told is None:
                raise
            click.echo(told, nl=False, err=True)
            return 1
    click.echo(json.dumps(json.loads(as_json(output.data)), indent=2, ensure_ascii=False))
    if keep is not None:
        for name, path in output.files.items():
            click.echo(f"kept {name}: {path}", err=True)
    return 0


@contextmanager
def _prints_in_the_log() -> Iterator[None]:
    """Keep what the engine prints out of its output: a server has it in the log as well."""
    sys.stdout.flush()
    output = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(output, 1)
        os.close(output)


@contextmanager
def _fails_if_it_leaves() -> Iterator[None]:
    """Have an engine that ends the process by itself fail, as it would with a server.

    What ends in C, where Python isn't asked, still ends with the status that it gives.
    """
    leave, this = os._exit, os.getpid()

    def refuse(status: int) -> NoReturn:
        # What the engine forks ends this way as a matter of course.
        if os.getpid() == this:
            sys.stdout.flush()
            told = f"The engine ended its process with os._exit({status}), without an output."
            click.echo(f"{told} A server calls it crashed. Return a TaskOutput.", err=True)
        leave(status or (os.getpid() == this))

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave


def _without_our_frames(error: BaseException, folder: Path) -> str | None:
    """Return a traceback from the author's first line on; None if none of the author's is in it."""
    at, own = error.__traceback__, folder.resolve()
    while at is not None:
        if Path(at.tb_frame.f_code.co_filename).resolve().is_relative_to(own):
            return "".join(traceback.format_exception(error.with_traceback(at)))
        at = at.tb_next
    return None


def _pairs(given: Iterable[str], option: str) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in given]
    if not all(name and separator for name, separator, _ in pairs):
        raise click.UsageError(f"{option} wants NAME=VALUE.")
    return [(name, value) for name, _, value in pairs]


def _read_yaml(name: str, text: str) -> Any:  # noqa: ANN401 - whatever the engine takes
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        raise click.UsageError(f"--config {name}: '{text}' is no YAML.") from None


def _read_json(path: Path) -> dict[str, Any] | list[Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise click.UsageError(f"{path}: {error}") from None
    if not isinstance(data, dict | list):
        raise click.UsageError(f"{path}: expected a JSON object, or a list of them for chunks")
    return data


def _show_progress(done: float, total: float) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{100 * done / total:3.0f} %", nl=False, err=True)
