"""`dalston models`: the models of all engines on this machine, for people.

Each engine answers for its own, in a process with its own interpreter. What changes something also
touches the folder of models, so that a server that runs looks again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from dalston.common.engine_spec import EngineSpec
from dalston.common.errors import ConfigurationError
from dalston.config import Settings, engine_environment
from dalston.demands import configure_engine
from dalston.engine_sdk.process import ChildProcess, SetupFailedError, SetupProgress
from dalston.engine_sdk.questions import LIST, PULL, REMOVE, VERIFY
from dalston.runtime import find_engines

_MEGABYTE = 1_000_000
_MISSING_SIZE = "-"


class ModelError(click.ClickException):
    """An engine said no."""


def list_models(settings: Settings, engine: str | None, *, every: bool) -> int:
    """Print which models are here, and with `every` those that could be brought."""
    rows: list[tuple[str, dict[str, Any]]] = []
    for spec in _engines(settings, engine):
        found = _ask(settings, spec, LIST, None, _silent)["models"]
        rows += [(spec.id, model) for model in found if model["present"] or every]
    click.echo(f"{'engine':<18} {'model':<24} {'here':<5} {'from':<8} {'size':>9}")
    for engine_id, model in rows:
        here = "yes" if model["present"] else "no"
        size = _megabytes(model["size"])
        click.echo(f"{engine_id:<18} {model['name']:<24} {here:<5} {model['source']:<8} {size:>9}")
    if not every:
        click.echo("\nWhat else can be brought: dalston models list --all", err=True)
    return 0


def pull_model(settings: Settings, engine: str | None, name: str) -> int:
    """Bring a model onto this machine."""
    spec = _only_engine(settings, engine)
    with _progress() as tell:
        model = _ask(settings, spec, PULL, name, tell)["result"]
    _touch(settings)
    click.echo(f"{name} is here ({model['source']}, {_megabytes(model['size'])}).")
    return 0


def verify_model(settings: Settings, engine: str | None, name: str) -> int:
    """Print what came of comparing a model's files with their published SHA-256."""
    spec = _only_engine(settings, engine)
    with _progress() as tell:
        found = _ask(settings, spec, VERIFY, name, tell)["result"]
    for file in found["files"]:
        verdict = file["problem"] or ("right" if found["reference"] else "not compared")
        click.echo(f"{file['sha256'] or 64 * '-'}  {file['name']}: {verdict}")
    if any(file["problem"] for file in found["files"]):
        click.echo(
            f"{name} is damaged. Remove it (dalston models rm {name}) and bring it again, or "
            f"replace its files.",
            err=True,
        )
        return 1
    if not found["reference"]:
        click.echo(
            f"{name} is complete, but nobody says what its files should be. A list in its folder "
            f"is compared with: sha256sum * > SHA256SUMS",
            err=True,
        )
        return 0
    click.echo(f"{name} is what it should be, by {found['reference']}.", err=True)
    return 0


def remove_model(settings: Settings, engine: str | None, name: str) -> int:
    """Remove a model from this machine."""
    spec = _only_engine(settings, engine)
    model = _ask(settings, spec, REMOVE, name, _silent)["result"]
    _touch(settings)
    rest = f" It is still here, from another place: {model['source']}." if model["present"] else ""
    click.echo(f"{name} is removed.{rest}")
    return 0


def _engines(settings: Settings, engine: str | None) -> list[EngineSpec]:
    """Return the engines that tell of models, or the one that is named."""
    known = find_engines(settings)
    if engine is not None and engine not in known:
        raise ConfigurationError(
            f"There is no engine '{engine}'. Known engines: {', '.join(sorted(known))}."
        )
    telling = {
        name: spec
        for name, spec in sorted(known.items())
        if spec.folder and (spec.folder / "models.py").is_file()
    }
    if not telling:
        raise ConfigurationError(
            "No engine on this machine has models to choose from. Run this where such an engine is."
        )
    if engine is None:
        return list(telling.values())
    if engine not in telling:
        raise ConfigurationError(
            f"The engine {engine} has no models to choose from. Engines that have some: "
            f"{', '.join(telling)}. Name one with --engine."
        )
    return [telling[engine]]


def _only_engine(settings: Settings, engine: str | None) -> EngineSpec:
    found = _engines(settings, engine)
    if engine is None and settings.transcribe_engine in {spec.id for spec in found}:
        return next(spec for spec in found if spec.id == settings.transcribe_engine)
    if len(found) > 1:
        raise ConfigurationError(
            f"Name the engine with --engine: {', '.join(spec.id for spec in found)}."
        )
    return found[0]


def _ask(
    settings: Settings, spec: EngineSpec, question: str, name: str | None, tell: SetupProgress
) -> dict[str, Any]:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    _models_folder(settings).mkdir(exist_ok=True)
    config = configure_engine(settings, spec)
    child = ChildProcess(spec, config, engine_environment(), settings.environments)
    try:
        return asyncio.run(child.ask(question, tell, name))
    except SetupFailedError as error:
        raise ModelError(f"{error.failure.code}: {error.failure.message}") from None


def _models_folder(settings: Settings) -> Path:
    return settings.data_dir / "models"


def _touch(settings: Settings) -> None:
    os.utime(_models_folder(settings))


def _megabytes(size: int | None) -> str:
    return _MISSING_SIZE if size is None else f"{size / _MEGABYTE:,.0f} MB"


def _silent(_message: str, _done: float | None, _total: float | None) -> None:
    """Progress that nobody looks at."""


@contextmanager
def _progress() -> Iterator[SetupProgress]:
    """Show a bar on a terminal, and else a line for each thing that is done."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    try:
        # An engine's container has no such library.
        from rich import progress as bar  # noqa: PLC0415 - not everywhere there
        from rich.console import Console  # noqa: PLC0415 - likewise
    except ModuleNotFoundError:
        yield _lines()
        return
    columns = (
        bar.TextColumn("{task.description}"),
        bar.BarColumn(),
        bar.DownloadColumn(),
        bar.TransferSpeedColumn(),
        bar.TimeRemainingColumn(),
    )
    with bar.Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None)

        def tell(message: str, done: float | None, total: float | None) -> None:
            bars.update(task, description=message, completed=done or 0, total=total)

        yield tell


def _lines() -> Callable[[str, float | None, float | None], None]:
    last = ""

    def tell(message: str, done: float | None, total: float | None) -> None:
        nonlocal last
        share = "" if done is None or not total else f" {100 * done / total:.0f} %"
        line = f"{message}{share}"
        if line != last:
            last = line
            click.echo(line, err=True)

    return tell
