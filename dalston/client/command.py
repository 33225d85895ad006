"""The command `dalston transcribe`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from dalston.common.formats import FORMATS

_EPILOG = """Exit status: 0 if every file has its transcript, 1 if one has not (the reason is on
standard error), 2 if the command is wrong, 130 after Ctrl-C, which also stops the jobs."""


@click.command(epilog=_EPILOG)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE…",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True),
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
    type=click.Path(path_type=Path, file_okay=False),
    help="Write talk.txt for talk.mp3 into this folder, not to standard output.",
)
@click.option("--server", metavar="URL", help="Use the server at this address.")
@click.option("--pipeline", help="Pipeline; the server's default if left out.")
@click.option("--language", help="Language of the recordings, such as en; else it is found out.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data folder of the server that is used without --server (DALSTON_DATA_DIR).",
)
def transcribe(
    *,
    files: Sequence[Path],
    output_format: str,
    output_dir: Path | None,
    server: str | None,
    pipeline: str | None,
    language: str | None,
    data_dir: Path | None,
) -> None:
    """Turn recordings into text.

    Without --server the server that runs on the data folder does it; if none runs, one is started
    for this command and stopped at its end. Progress goes to standard error.
    """
    # Imported here: other commands need neither these packages nor the time to load them.
    try:
        from dalston.client.api import server_url  # noqa: PLC0415
        from dalston.client.transcribe import transcribe_files  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"This command needs the package {error.name}: pip install 'dalston[cli]'"
        ) from None
    from dalston.config import read_settings  # noqa: PLC0415

    irregular = [path for path in files if not path.is_file()]
    if irregular:
        raise click.UsageError(f"{irregular[0]} is not a regular file.")
    if server is not None:
        try:
            server = server_url(server)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--server") from None
    status = transcribe_files(
        files,
        output_format=output_format,
        server=server,
        data_dir=read_settings({"data_dir": data_dir}).data_dir,
        pipeline=pipeline,
        language=language,
        output_dir=output_dir,
    )
    sys.exit(status)
