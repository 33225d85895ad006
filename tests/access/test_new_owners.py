"""Whoever makes a key hears whether its owner was there before."""

from __future__ import annotations

import pytest

from dalston.common.access import prefix_of
from tests.access.test_keys import command
from tests.support.deployment import Deployment
from tests.support.keys import make_key
from tests.support.stack import Stack


@pytest.mark.parametrize("deployment", ["embedded"], indirect=True)
def test_a_key_of_an_owner_that_was_not_there_is_told_to_be_such(
    stack: Stack, deployment: Deployment
) -> None:
    """Whoever replaces a key and misspells its owner would look for the jobs in vain."""
    del stack
    new_key = ("keys", "create", "--name", "x", "--owner")
    make_key(deployment, "ada")
    for owner in ("ada", "local"):
        assert "no owner" not in command(deployment, *new_key, owner).stderr
    misspelt = command(deployment, *new_key, "adda")
    assert misspelt.returncode == 0
    assert "There was no owner 'adda' before" in misspelt.stderr
    assert f"dalston keys revoke {prefix_of(misspelt.stdout.strip())}" in misspelt.stderr
    assert "no owner" not in command(deployment, *new_key, "adda").stderr
