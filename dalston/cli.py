"""The command line: `dalston serve`, one command for each role, and tools for people."""

from __future__ import annotations

import asyncio
import io
import shlex
import socket
import sys
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any

import click

from dalston import __version__
from dalston.common.disk import NO_ROOM
from dalston.common.errors import ConfigurationError, DalstonError, DatabaseUnavailableError
from dalston.common.wording import counted
from dalston.config import Settings, read_settings, unknown_variables
from dalston.late_commands import LateCommands
from dalston.logs import get_logger, set_up_logs
from dalston.ownership import FOLDER, require_own, told_whose
from dalston.processes import die_with_parent, use_one_arena

log = get_logger(__name__)

_FAILED = 1
_MISCONFIGURED = 2


def main() -> None:
    """Run the command line; a known error is one line of text and a status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A letter that a terminal doesn't know is no reason to lose all that was to be shown.
        sys.stdout.reconfigure(errors="replace")
    try:
        cli(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except DalstonError as error:
        click.echo(f"dalston: {_told(error)}", err=True)
        sys.exit(_MISCONFIGURED if isinstance(error, ConfigurationError) else _FAILED)
    except OSError as error:
        where = "" if error.filename is None else f": {error.filename}"
        click.echo(f"dalston: {error.strerror or error}{where}{told_whose(error)}", err=True)
        sys.exit(_FAILED)


def _told(error: DalstonError) -> str:
    """Return what to say; of a database what the driver said: no words of it have passwords."""
    cause = error.__cause__
    if not isinstance(error, DatabaseUnavailableError) or cause is None:
        return error.message
    said = " ".join(str(cause).split())
    # The error's own advice is for clients: here there may be no server that could say more.
    return (
        f"The database can't be used now ({type(cause).__name__}{': ' if said else ''}{said}). See "
        f"whether it runs and DATABASE_URL is right; where that isn't set, it is dalston.db in the "
        f"data folder."
    )


def _run(main_coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a role to its end; of several errors at once the first is the one to tell."""
    use_one_arena()
    try:
        import uvloop
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    try:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main_coroutine)
    except ExceptionGroup as group:
        raise _first(group) from group


def _first(error: Exception) -> Exception:
    return _first(error.exceptions[0]) if isinstance(error, ExceptionGroup) else error


def _settings(role: str, **overrides: object) -> Settings:
    settings = read_settings(overrides)
    set_up_logs(role, settings.log_level, settings.log_format)
    for variable, meant in unknown_variables().items():
        log.warning("unknown_setting", variable=variable, **({"meant": meant} if meant else {}))
    return settings


def _own_settings(role: str, data_dir: Path | None, **overrides: object) -> Settings:
    """Return the settings of a command that makes files in the data folder."""
    settings = _settings(role, data_dir=data_dir, **overrides)
    require_own(settings.data_dir, named=data_dir is not None)
    return settings


_DATA_DIR = click.option(
    "--data-dir",
    type=FOLDER,
    help="Folder of the embedded stores (DALSTON_DATA_DIR).",
)


@click.group(cls=LateCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="dalston")
@click.option("--die-with", type=int, hidden=True)
def cli(die_with: int | None) -> None:
    """Dalston turns recordings into transcripts, on your own machine."""
    if die_with is not None:
        die_with_parent(die_with)


@cli.command()
@click.option("--host", help="Address to listen at; 127.0.0.1 unless set (DALSTON_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@_DATA_DIR
def serve(host: str | None, port: int | None, data_dir: Path | None) -> None:
    """Start everything: gateway, orchestrator, engines and what they stand on."""
    from dalston.server import Server

    settings = _own_settings("server", data_dir, host=host, port=port)
    try:
        _run(Server(settings, click.echo).run())
    except OSError as error:
        if error.errno in NO_ROOM and error.filename is None:
            # A write doesn't know its file's name.
            error.filename = str(settings.data_dir)
        raise


@cli.command()
@click.option("--host", help="Address to listen at (DALSTON_HOST).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (DALSTON_PORT).")
@click.option("--fd", type=int, hidden=True, help="A bound socket instead of host and port.")
def gateway(host: str | None, port: int | None, fd: int | None) -> None:
    """Start the HTTP gateway alone."""
    from dalston.listening import bind
    from dalston.runtime import run_gateway

    settings = _settings("gateway", host=host, port=port)
    listener = bind(settings.host, settings.port) if fd is None else socket.socket(fileno=fd)
    _run(run_gateway(settings, listener))


@cli.command()
@click.option("--take-back", hidden=True, help="Prefix of engine instances known to be dead.")
@click.option("--outlives-engines", hidden=True, is_flag=True, help="It is stopped after them.")
def orchestrator(take_back: str | None, *, outlives_engines: bool) -> None:
    """Start an orchestrator alone; any number may run side by side."""
    from dalston.runtime import run_orchestrator

    settings = _settings("orchestrator")
    _run(run_orchestrator(settings, take_back, outlives_engines=outlives_engines))


@cli.command()
@_DATA_DIR
def migrate(data_dir: Path | None) -> None:
    """Bring the database to the schema of this version."""
    from dalston.runtime import migrate as migrate_database

    settings = _settings("migrate", data_dir=data_dir)
    if settings.database_url is None:
        require_own(settings.data_dir, named=data_dir is not None)
    changed = asyncio.run(migrate_database(settings))
    click.echo("The database has been migrated." if changed else "The database is up to date.")


@cli.command()
@click.option("--dry-run", is_flag=True, help="Only say what there is to delete.")
@_DATA_DIR
def housekeeping(*, dry_run: bool, data_dir: Path | None) -> None:
    """Delete what has been kept long enough, and what belongs to no job.

    The orchestrator does the same by itself, once in a while.
    """
    from dalston.runtime import run_housekeeping

    settings = _settings("housekeeping", data_dir=data_dir)
    if settings.database_url is None:
        require_own(settings.data_dir, named=data_dir is not None)
        if not (settings.data_dir / "dalston.db").exists():
            # To look into it would make it.
            raise ConfigurationError(
                f"There is no database in the data folder {settings.data_dir}. Name the server's "
                f"folder with --data-dir."
            )
    done = asyncio.run(run_housekeeping(settings, dry=dry_run))
    click.echo(
        f"{'To delete' if dry_run else 'Deleted'}: {counted(done.jobs, 'job')}, the audio of "
        f"{counted(done.audio, 'job')}, {counted(done.orphans, 'orphaned folder')}, "
        f"{counted(done.unfinished, 'unfinished file')}."
    )
    if done.others:
        click.echo(
            f"Another database uses the store too, so what belongs to no job of this one stays "
            f"there. If that database is gone for good, delete its mark: {', '.join(done.others)}"
        )
    # Those of a server that runs may be others, and nothing here could ask it.
    days = counted(settings.retention_days, "day")
    after = "" if settings.retention == "keep" else f" after {days}"
    click.echo(
        f"Jobs that don't say so themselves: {settings.retention}{after} (DALSTON_RETENTION and "
        f"DALSTON_RETENTION_DAYS of this call)."
    )


_ENGINE = click.option("--engine", "engine_id", metavar="ID", help="Whose models.")


@cli.group()
def models() -> None:
    """List, bring, verify and remove the models of engines on this machine."""


@models.command("list")
@click.option("--all", "every", is_flag=True, help="Also those that could be brought.")
@_ENGINE
@_DATA_DIR
def models_list(engine_id: str | None, data_dir: Path | None, *, every: bool) -> None:
    """List the models that are here."""
    from dalston.model_tool import list_models

    sys.exit(list_models(_own_settings("models", data_dir), engine_id, every=every))


@models.command("pull")
@click.argument("name")
@_ENGINE
@_DATA_DIR
def models_pull(name: str, engine_id: str | None, data_dir: Path | None) -> None:
    """Bring a model onto this machine, unless it is here."""
    from dalston.model_tool import pull_model

    sys.exit(pull_model(_own_settings("models", data_dir), engine_id, name))


@models.command("verify")
@click.argument("name")
@_ENGINE
@_DATA_DIR
def models_verify(name: str, engine_id: str | None, data_dir: Path | None) -> None:
    """Compare a model's files with their published SHA-256."""
    from dalston.model_tool import verify_model

    sys.exit(verify_model(_own_settings("models", data_dir), engine_id, name))


@models.command("rm")
@click.argument("name")
@_ENGINE
@_DATA_DIR
def models_remove(name: str, engine_id: str | None, data_dir: Path | None) -> None:
    """Remove a model from this machine."""
    from dalston.model_tool import remove_model

    sys.exit(remove_model(_own_settings("models", data_dir), engine_id, name))


@cli.group()
def engine() -> None:
    """Run engines, write new ones, try them on a file."""


@engine.command("run")
@click.argument("engines", nargs=-1, metavar="ID_OR_FOLDER…")
@click.option("--all", "every", is_flag=True, help="Every engine that is found.")
@click.option("--instance-prefix", hidden=True)
@_DATA_DIR
def engine_run(
    engines: Sequence[str], *, every: bool, instance_prefix: str | None, data_dir: Path | None
) -> None:
    """Serve the queue of an engine, or of several, until told to stop."""
    from dalston.runtime import (
        choose_engines,
        engines_of_default_pipeline,
        find_engines,
        run_engines,
    )

    settings = _settings("engine", data_dir=data_dir)
    names = sorted(find_engines(settings)) if every else list(engines)
    if not names:
        raise click.UsageError("Name an engine, the folder of one, or --all.")
    at_once = engines_of_default_pipeline(settings) if every else None
    _run(run_engines(settings, choose_engines(settings, names), instance_prefix, at_once))


@engine.command("install")
@click.argument("name", metavar="ID_OR_FOLDER")
@click.option(
    "--python", help="The interpreter for it, 3.11 or newer; the server's own if not set."
)
@click.argument("pip_arguments", nargs=-1, metavar="[-- PIP_ARGUMENTS…]")
@_DATA_DIR
def engine_install(
    name: str, python: str | None, pip_arguments: Sequence[str], data_dir: Path | None
) -> None:
    """Give an engine a Python environment of its own, with what its requirements.txt asks for."""
    from dalston.config import engine_environment
    from dalston.engine_sdk.environments import install
    from dalston.runtime import choose_engines

    settings = _own_settings("engine", data_dir)
    [spec] = choose_engines(settings, [name])
    variables = engine_environment()
    folder = install(spec, settings.environments, variables, python, pip_arguments)
    click.echo(f"{spec.id} runs with {folder} from its next start on.")


@engine.command("list")
def engine_list() -> None:
    """List the engines that are found."""
    from dalston.runtime import find_engines

    found = find_engines(_settings("engine"))
    for spec in sorted(found.values(), key=lambda spec: (spec.stage, spec.id)):
        click.echo(f"{spec.stage:<12} {spec.id:<20} {spec.version:<8} {spec.description}")


@engine.command("new")
@click.argument("stage")
@click.argument("engine_id", metavar="ID")
@click.option(
    "--in",
    "parent",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("engines"),
    show_default=True,
    help="Folder in which <stage>/<id> is made.",
)
def engine_new(stage: str, engine_id: str, parent: Path) -> None:
    """Write the folder of a new engine that already passes its own test."""
    from dalston.demands import ships
    from dalston.engine_sdk.scaffold import create_engine

    folder = create_engine(stage, engine_id, parent)
    if ships(engine_id):
        click.echo(
            f"dalston: an engine {engine_id} ships with Dalston. A server that finds yours runs it "
            f"in place of that one. Choose another id if you don't mean that.",
            err=True,
        )
    click.echo(
        f"{folder} is a working engine. Try it:\n\n"
        f"  dalston engine test {shlex.quote(str(folder))} talk.wav\n\n"
        f"and let a server find it: DALSTON_ENGINES={shlex.quote(str(parent.absolute()))} "
        f"dalston serve"
    )


@engine.command("test")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("audio", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--previous",
    multiple=True,
    metavar="STAGE=FILE",
    help="An earlier stage's output, as JSON; may be repeated.",
)
@click.option("--config", multiple=True, metavar="NAME=VALUE", help="Part of its configuration.")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for the files that the engine keeps.",
)
def engine_test(
    folder: Path, audio: Path, previous: Sequence[str], config: Sequence[str], keep: Path | None
) -> None:
    """Run an engine on a file, with no server, and print its output."""
    from dalston.engine_tool import try_engine

    sys.exit(try_engine(folder, audio, previous, config, keep))
