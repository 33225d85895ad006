"""What `dalston jobs retry` and `rerun` make of their arguments."""

from __future__ import annotations

import click
import pytest

from dalston.client.again_command import Changed


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("num_speakers=2", ("num_speakers", 2)),
        ("diarize=false", ("diarize", False)),
        ("num_speakers=null", ("num_speakers", None)),
        ("prompt=2026", ("prompt", "2026")),
        ("prompt=null", ("prompt", None)),
        ("hotwords=a=b", ("hotwords", "a=b")),
        ("temperatures=0", ("temperatures", [0])),
        ("temperatures=0,0.4", ("temperatures", [0, 0.4])),
        ("temperatures=[0.2]", ("temperatures", [0.2])),
        ("temperatures=null", ("temperatures", None)),
        ("something=else", ("something", "else")),
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
