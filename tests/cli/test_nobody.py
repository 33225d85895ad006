"""What commands say about a server that isn't there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.cli.conftest import Shell

NOBODY = ("--server", "http://127.0.0.1:1")
SAID = "No Dalston server answers at http://127.0.0.1:1 ("


@pytest.mark.parametrize(
    "given",
    [
        ("jobs", "list"),
        ("jobs", "show", "job_1"),
        ("jobs", "rm", "job_1"),
        ("jobs", "export", "job_1"),
        ("engines",),
    ],
)
def test_nobody_at_the_address_is_said_in_words(shell: Shell, given: tuple[str, ...]) -> None:
    done = replace(shell, command=given[0]).run(*given[1:], *NOBODY)
    assert (done.status, done.out) == (1, "")
    assert done.err.startswith(f"Error: {SAID}")
    assert "ConnectError" not in done.err
    assert "dalston serve" in done.err


def test_watching_says_at_once_that_it_waits(shell: Shell) -> None:
    call = replace(shell, command="jobs").begin("watch", "job_1", *NOBODY)
    assert f"job_1: waiting for the server: {SAID}" in call.read_until("job_1")
