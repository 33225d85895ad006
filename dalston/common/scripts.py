"""Runs the scripts of `lua/` on Redis: one round trip for any number of commands."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

Command = tuple[Any, ...]
"""A Redis command: its name and its arguments."""


class Scripts:
    """The scripts on one server, which learns them when it first answers that it knows none."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sources = _sources()

    def command(self, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Command:
        """Return the command that runs a script."""
        return ("EVALSHA", self._sources[name][0], len(keys), *keys, *arguments)

    async def run(self, name: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:  # noqa: ANN401 - what the script answers
        """Run one script and return its answer."""
        command = self.command(name, keys, arguments)
        try:
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]
        except NoScriptError:
            await self._teach()
            return await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """Run commands in order, in one round trip, and return their answers.

        After a restart of the server, which forgets its scripts, the commands behind the first
        script are run twice: each must be one that may be.

        Raises:
            RedisError: The first error among the answers; the other commands have run.
        """
        if not commands:
            return []
        answers = await self._in_one(commands)
        unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            await self._teach()
            answers[unknown[0] :] = await self._in_one(commands[unknown[0] :])
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def _in_one(self, commands: Sequence[Command]) -> list[Any]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = await pipe.execute(raise_on_error=False)
            return answers

    async def _teach(self) -> None:
        async with self._redis.pipeline(transaction=False) as pipe:
            for _digest, source in self._sources.values():
                pipe.execute_command("SCRIPT LOAD", source)
            await pipe.execute()


@cache
def _sources() -> dict[str, tuple[str, str]]:
    """Return each script's digest, by which Redis knows it, and its text."""
    folder = resources.files("dalston.common").joinpath("lua")
    texts = {
        path.name.removesuffix(".lua"): path.read_text("utf-8")
        for path in folder.iterdir()
        if path.name.endswith(".lua")
    }
    return {
        name: (hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest(), text)
        for name, text in texts.items()
    }
