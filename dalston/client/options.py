"""The options of `dalston transcribe` that become fields of the request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from dalston.common.subtitles import Rules

_Command = TypeVar("_Command", bound=Callable[..., Any])

_SUBTITLES = (
    click.option(
        "--line-length", type=click.IntRange(10, 500), help="Characters of a subtitle's line."
    ),
    click.option("--lines", type=click.IntRange(1, 10), help="Lines of a subtitle."),
    click.option(
        "--speakers/--no-speakers",
        default=None,
        help="Subtitles say who speaks, where that changes.",
    ),
)
_OPTIONS = (
    click.option("--pipeline", help="Pipeline; the server's default if left out."),
    click.option("--model", help="Model; the pipeline's if left out. GET /v1/models lists them."),
    click.option(
        "--language", help="Language of the recordings, such as en; else it is found out."
    ),
    click.option(
        "--language-detection",
        type=click.Choice(["recording", "chunk"]),
        help="Find the language out once, or for each chunk: several are spoken.",
    ),
    click.option(
        "--diarize/--no-diarize",
        default=None,
        help="Find out who speaks when; the pipeline decides if left out.",
    ),
    click.option("--num-speakers", type=click.IntRange(1, 100), help="How many people speak."),
    click.option("--min-speakers", type=click.IntRange(1, 100), help="How many at least."),
    click.option("--max-speakers", type=click.IntRange(1, 100), help="How many at most."),
    click.option(
        "--channels",
        type=click.Choice(["mix", "split"]),
        help="split: each channel is transcribed alone and is a speaker.",
    ),
    click.option(
        "--task",
        type=click.Choice(["transcribe", "translate"]),
        help="translate: write English, whatever is spoken.",
    ),
    click.option("--prompt", metavar="TEXT", help="Text that the recording may continue."),
    click.option("--hotwords", metavar="WORDS", help="Names and terms to expect."),
    click.option("--beam-size", type=click.IntRange(1), help="How many hypotheses are followed."),
    click.option(
        "--temperatures", metavar="NUMBERS", help="Tried one after the other, such as 0,0.4,0.8."
    ),
    click.option(
        "--drop-doubtful-text/--keep-doubtful-text",
        default=None,
        help="Leave out text over silence or music, and text that repeats itself.",
    ),
)


def request_options(command: _Command) -> _Command:
    """Give a command all options that a request may have."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def subtitle_options(command: _Command) -> _Command:
    """Give a command the options that say how subtitles are to be."""
    for option in reversed(_SUBTITLES):
        command = option(command)
    return command


def rules_of(line_length: int | None, lines: int | None, *, speakers: bool | None) -> Rules:
    """Return how subtitles are to be; None means that an option was not given."""
    given = {"line_length": line_length, "lines": lines, "speakers": speakers}
    return msgspec.convert({k: v for k, v in given.items() if v is not None}, Rules)


def fields_of(options: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields for the options that were given.

    Args:
        options: Values by name, as click hands them over; None means not given, and a list is
            what a field has with commas between.
    """
    return {name: _text(value) for name, value in options.items() if value is not None}


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
