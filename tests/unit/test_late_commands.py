"""A role's process has nothing of the commands for people in its memory."""

from __future__ import annotations

import subprocess
import sys

import click

from dalston.cli import cli
from dalston.late_commands import _LATE
from tests.support.commands import commands_of

LOADED = """
import sys
from dalston.cli import cli
cli(["engine", "run", "--help"], standalone_mode=False)
print(*sys.modules)
"""


def test_a_role_loads_no_command_for_people() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    loaded = set(shown.stdout.splitlines()[-1].split())
    assert "dalston.cli" in loaded
    assert not loaded & {module for module, _ in _LATE.values()}
    assert not [name for name in loaded if name.startswith("dalston.client")]


def test_each_command_is_there_by_its_name() -> None:
    found = dict(commands_of(cli))
    assert {"serve", "engine", *_LATE} <= set(found)
    assert {name: command.name for name, command in found.items()} == {name: name for name in found}
    assert cli.get_command(click.Context(cli), "evaluate") is None
