"""What `dalston jobs retry` and `rerun` make of their arguments, and which failures they skip."""

from __future__ import annotations

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from dalston.client.again_command import Changed, Moment
from dalston.common.errors import RECORDING_CODES

ROOT = Path(__file__).resolve().parent.parent.parent
MENDABLE = {
    # longest_seconds of the engine may be raised.
    "audio_too_long",
    # A package or a file that the engine needs can be brought.
    "engine_not_installed",
}
"""What the engine that reads recordings fails with though the recording is not to blame."""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("num_speakers=2", ("num_speakers", 2)),
        ("diarize=false", ("diarize", False)),
        ("diarize=True", ("diarize", True)),
        ("num_speakers=null", ("num_speakers", None)),
        ("prompt=True", ("prompt", "True")),
        ("prompt=2026", ("prompt", "2026")),
        ("prompt=null", ("prompt", None)),
        ("hotwords=a=b", ("hotwords", "a=b")),
        ("temperatures=0", ("temperatures", [0])),
        ("temperatures=0,0.4", ("temperatures", [0, 0.4])),
        ("temperatures=[0.2]", ("temperatures", [0.2])),
        ("temperatures=null", ("temperatures", None)),
        ("something=else", ("something", "else")),
        ("beam_size=NaN", ("beam_size", "NaN")),
        ("beam_size=-1e999", ("beam_size", "-1e999")),
        ("temperatures=0,Infinity", ("temperatures", "[0,Infinity]")),
    ],
)
def test_an_option_has_the_value_that_a_request_would_have(
    given: str, expected: tuple[str, object]
) -> None:
    assert Changed().convert(given, None, None) == expected


@pytest.mark.parametrize("given", ["num_speakers", "=2"])
def test_what_is_no_option_is_refused(given: str) -> None:
    with pytest.raises(click.BadParameter, match="not like num_speakers=2"):
        Changed().convert(given, None, None)


def test_more_days_than_there_have_been_are_all_of_them() -> None:
    since = Moment().convert("999999d", None, None)
    assert since < datetime(1900, 1, 1, tzinfo=UTC)


def test_what_lies_in_a_recording_is_what_its_engine_finds_there() -> None:
    """A new code of that engine has to be thought about here."""
    raised = {
        node.args[0].value
        for path in (ROOT / "engines" / "prepare" / "audio-prepare").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "TaskFailed"
        and isinstance(node.args[0], ast.Constant)
    }
    assert raised - MENDABLE == RECORDING_CODES


def test_what_is_skipped_is_what_the_page_says() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    found = re.search(r"reason lies in the recording itself\s\(([^)]*)\)", page)
    assert found
    assert set(re.findall(r"`(\w+)`", found[1])) == RECORDING_CODES
