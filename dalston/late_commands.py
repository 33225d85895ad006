"""Commands that are loaded when they are called or listed.

Each role of a server is a command too, and has no use for what those for people bring along.
"""

from __future__ import annotations

from importlib import import_module

import click

_LATE = {
    "engines": ("dalston.client.jobs_command", "engines"),
    "eval": ("dalston.evaluation.command", "evaluate"),
    "jobs": ("dalston.client.jobs_command", "jobs"),
    "keys": ("dalston.access_tool", "keys"),
    "limits": ("dalston.access_tool", "limits"),
    "transcribe": ("dalston.client.command", "transcribe"),
}
"""The module of each such command, and what it is called there."""


class LateCommands(click.Group):
    """A group that has the commands above besides its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in alphabetical order."""
        return sorted({*super().list_commands(ctx), *_LATE})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None if there is none of that name."""
        if cmd_name not in _LATE:
            return super().get_command(ctx, cmd_name)
        module, name = _LATE[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command
