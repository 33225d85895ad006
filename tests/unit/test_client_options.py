"""What the client makes of addresses and options, and how long it bears to be refused."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest

from dalston.cli import cli
from dalston.client.api import server_url
from dalston.client.errors import RefusedError
from dalston.client.options import fields_of
from dalston.client.patience import Patience
from tests.support.commands import commands_of


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000"),
        ("https://example.org/dalston/v1/", "https://example.org/dalston"),
        ("http://v1", "http://v1"),
    ],
)
def test_an_address_may_be_the_one_of_openai_clients(given: str, address: str) -> None:
    assert server_url(given) == address


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("ftp://example.org", "expected something like"),
        ("http://127.0.0.1:65536", "no port above 65535"),
        ("127.0.0.1:80000", "no port above 65535"),
    ],
)
def test_what_can_not_be_an_address_is_refused(given: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        server_url(given)


def test_options_become_fields_as_forms_have_them() -> None:
    assert fields_of(
        {"temperatures": [0, 0.2], "hotwords": ("Ada", "Bob"), "diarize": True, "prompt": None}
    ) == {"temperatures": "0,0.2", "hotwords": "Ada,Bob", "diarize": "true"}


@pytest.mark.parametrize(
    ("status", "wait", "bears"),
    [(429, 10.0, True), (503, None, True), (429, 78_460.0, False), (400, None, False)],
)
def test_what_lasts_longer_than_patience_is_not_waited_for(
    status: int, wait: float | None, *, bears: bool
) -> None:
    assert Patience().bears(RefusedError("code", "Why.", status, wait)) is bears


def options(command: click.Command, path: str) -> Iterator[tuple[str, click.Parameter]]:
    """Yield each option of all commands below one, with the command's name."""
    if isinstance(command, click.Group):
        for word, below in commands_of(command):
            yield from options(below, f"{path} {word}")
    for option in command.params:
        yield path, option


def test_an_empty_name_of_a_folder_is_not_the_folder_that_one_is_in() -> None:
    found = {
        (path, name): option
        for path, option in options(cli, "dalston")
        for name in {"--data-dir", "--output-dir"} & set(option.opts)
    }
    assert {("dalston serve", "--data-dir"), ("dalston transcribe", "--output-dir")} <= set(found)
    for option in found.values():
        with pytest.raises(click.BadParameter, match="no folder is named"):
            option.type.convert("", option, None)
