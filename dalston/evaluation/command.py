"""The command `dalston eval`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dalston.client.command import API_KEY_FILE, not_installed, read_key
from dalston.common.languages import language_code
from dalston.ownership import FOLDER

_EPILOG = """Exit status: 0 if every clip has its transcript, 1 if one has not (it counts as all
words missed), 2 if the command or the manifest is wrong, 130 after Ctrl-C, which also stops the
jobs. docs/quality.md says how the figures are made and what they mean."""

_TARGET = click.Path(path_type=Path, dir_okay=False)


def _code(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    code = None if text is None else language_code(text)
    if text is not None and code is None:
        raise click.BadParameter(f"'{text}' is no language; write its code, such as en.")
    return code


@click.command("eval", epilog=_EPILOG)
@click.argument(
    "manifest", type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
)
@click.option("--server", metavar="URL", help="Use the server at this address.")
@API_KEY_FILE
@click.option("--pipeline", help="Pipeline; the server's default if left out.")
@click.option(
    "--language", callback=_code, help="Language of clips for which the manifest names none."
)
@click.option("--only-language", callback=_code, help="Measure the clips in this language alone.")
@click.option(
    "--detect-language",
    is_flag=True,
    help="Don't tell the server the clips' languages; count how often it finds them out.",
)
@click.option(
    "--at-once",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Clips that are sent at a time; real-time factors hold for one alone.",
)
@click.option("--report", type=_TARGET, help="Write a page of HTML with every error.")
@click.option("--json", "json_path", type=_TARGET, help="Write all figures.")
@click.option("--markdown", is_flag=True, help="Print the totals alone, as a Markdown table.")
@click.option(
    "--data-dir",
    type=FOLDER,
    help="Data folder of the server that is used without --server (DALSTON_DATA_DIR).",
)
def evaluate(manifest: Path, **options: Any) -> None:  # noqa: ANN401 - click's own values
    """Measure how well the recordings of a MANIFEST are transcribed.

    The manifest is a table, its columns separated by tabs, with a header: `file` and `text`, and
    where known `language`, `rttm`, `word_times`; or a list of texts as in LibriSpeech. Each
    recording becomes a job; jobs are removed from the server again.

    Without --server the server that runs on the data folder does it; if none runs, one is started
    for this command and stopped at its end. Progress goes to standard error.
    """
    # Imported here: other commands need neither these packages nor the time to load them.
    try:
        from dalston.client.api import server_url  # noqa: PLC0415
        from dalston.evaluation.run import Request  # noqa: PLC0415
        from dalston.evaluation.run import evaluate as measure  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise not_installed(error, "cli,eval") from None
    from dalston.config import read_settings  # noqa: PLC0415
    from dalston.ownership import require_own  # noqa: PLC0415

    server: str | None = options.pop("server")
    if server is not None:
        try:
            server = server_url(server)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--server") from None
    data_dir: Path | None = options.pop("data_dir")
    settings = read_settings({"data_dir": data_dir})
    if server is None:
        require_own(settings.data_dir, named=data_dir is not None)
    request = Request(
        manifest,
        server,
        data_dir=settings.data_dir,
        key=read_key(options.pop("api_key_file"), settings.api_key),
        tell_language=not options.pop("detect_language"),
        json=options.pop("json_path"),
        **options,
    )
    sys.exit(measure(request))
