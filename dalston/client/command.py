"""The command `dalston transcribe`."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from dalston.client.options import fields_of, request_options, rules_of, subtitle_options
from dalston.client.recordings import Recording, find_recordings, is_address
from dalston.common.formats import FORMATS
from dalston.ownership import FOLDER

_EPILOG = """Exit status: 0 if every file has its transcript, 1 if one has not (the reason is on
standard error), 2 if the command is wrong, 130 after Ctrl-C, which also stops the jobs."""


API_KEY_FILE = click.option(
    "--api-key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True, allow_dash=False),
    help="File with the server's API key alone (else DALSTON_API_KEY).",
)
_PATH = click.Path(path_type=Path, exists=True, readable=True)
_KEY = re.compile(r"[!-~]{1,200}")


def read_key(path: Path | None, otherwise: str | None) -> str | None:
    """Return the API key of a call: from a file, else from the environment.

    Raises:
        click.BadParameter: It can't be one.
    """
    key = otherwise if path is None else path.read_text(encoding="utf-8", errors="replace")
    if key is None:
        return None
    if not _KEY.fullmatch(key.strip()):
        where = "DALSTON_API_KEY" if path is None else "--api-key-file"
        raise click.BadParameter("this is no API key: dk_ and 57 more.", param_hint=where)
    return key.strip()


def not_installed(error: ModuleNotFoundError, extras: str) -> click.ClickException:
    """Return the error of a command whose packages aren't there; says how they come."""
    return click.ClickException(
        f"This command needs the package {error.name}: pip install 'dalston[{extras}]', in a "
        f"checkout .venv/bin/pip install -e '.[{extras}]'"
    )


def _read_place(text: str) -> Path | str:
    """Return the address, or the path of what is there, that an argument names.

    Raises:
        click.BadParameter: Nothing is there, or the address can't be read.
    """
    if not is_address(text):
        return Path(_PATH.convert(text, None, None))
    try:
        urlsplit(text)
    except ValueError:
        raise click.BadParameter("this is no address that can be read.") from None
    return text


def _recordings(named: Sequence[Path | str]) -> list[Recording]:
    paths = [Path(one) for one in named if not is_address(one)]
    irregular = [path for path in paths if not path.is_file() and not path.is_dir()]
    if irregular:
        raise click.UsageError(f"{irregular[0]} is neither a file nor a folder.")
    try:
        found = find_recordings(named)
    except OSError as error:
        raise click.UsageError(f"{error.filename} can't be read: {error.strerror}.") from None
    if not found:
        raise click.UsageError(f"There are no recordings below {named[0]}.")
    return found


def _address(server: str) -> str:
    from dalston.client.api import server_url  # noqa: PLC0415 - as in `transcribe`

    try:
        return server_url(server)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--server") from None


@click.command(epilog=_EPILOG)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE|URL…",
    type=_read_place,
)
@click.option(
    "--format",
    "-f",
    "output_format",
    type=click.Choice(list(FORMATS)),
    default="txt",
    show_default=True,
    help="How the transcript is written.",
)
@click.option(
    "--output-dir",
    "-o",
    type=FOLDER,
    help="Write talk.txt for talk.mp3 into this folder, not to standard output.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Leave out recordings whose transcripts are in --output-dir, newer than they are.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 1000),
    default=8,
    show_default=True,
    help="How many files are on the server at a time.",
)
@subtitle_options
@click.option("--server", metavar="URL", help="Use the server at this address.")
@request_options
@API_KEY_FILE
@click.option(
    "--data-dir",
    type=FOLDER,
    help="Data folder of the server that is used without --server (DALSTON_DATA_DIR).",
)
def transcribe(
    *,
    files: Sequence[Path | str],
    output_format: str,
    output_dir: Path | None,
    resume: bool,
    at_once: int,
    line_length: int | None,
    lines: int | None,
    speakers: bool | None,
    server: str | None,
    api_key_file: Path | None,
    data_dir: Path | None,
    **options: Any,  # noqa: ANN401 - those of `request_options`
) -> None:
    """Turn recordings into text; of a folder, all that are below it.

    Of an address, what the server gets from there.

    Without --server the server that runs on the data folder does it; if none runs, one is started
    for this command and stopped at its end. Progress goes to standard error.
    """
    # Imported here: other commands need neither these packages nor the time to load them.
    try:
        from dalston.client.transcribe import transcribe_files  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise not_installed(error, "cli") from None
    from dalston.config import read_settings  # noqa: PLC0415
    from dalston.ownership import require_own  # noqa: PLC0415

    if resume and output_dir is None:
        raise click.UsageError("--resume looks into a folder: name it with --output-dir.")
    recordings = _recordings(files)
    settings = read_settings({"data_dir": data_dir})
    if server is None:
        require_own(settings.data_dir, named=data_dir is not None)
    status = transcribe_files(
        recordings,
        output_format=output_format,
        server=None if server is None else _address(server),
        key=read_key(api_key_file, settings.api_key),
        data_dir=settings.data_dir,
        fields=fields_of(options),
        output_dir=output_dir,
        at_once=at_once,
        resume=resume,
        rules=rules_of(line_length, lines, speakers=speakers),
    )
    sys.exit(status)
