"""The processes of a run: started, killed, frozen, and started again."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tests.faults.breakable import Breakable
from tests.support.gate import is_alive
from tests.support.obedient import ENGINES, Obedient
from tests.support.stack import Role, Stack

ENGINE = ("engine", "run", *ENGINES)
_CHILD = b"dalston.engine_sdk.child"
MOST_HITS = 2
"""The third loss of a healthy task is final: nobody is killed who works on one that has had two."""


class Fleet:
    """Several processes of each role.

    Args:
        parts: What they stand on.
        obedient: The engine's marks.
        sizes: How many processes there are of each role.
    """

    def __init__(self, parts: Breakable, obedient: Obedient, sizes: dict[str, int]) -> None:
        self._obedient = obedient
        self.stacks = [self._stack(parts, number) for number in range(sizes["gateway"])]
        self.stacks[0].migrate()
        self.roles: list[tuple[str, Stack, Role]] = []
        for stack in self.stacks:
            self.roles.append(("gateway", stack, stack.gateway()))
        for name in ("orchestrator", "engine"):
            for _ in range(sizes[name]):
                self.roles.append((name, self.stacks[0], self._start(name, self.stacks[0])))
        self.done: Counter[str] = Counter()
        """What was done to them."""

    def _stack(self, parts: Breakable, number: int) -> Stack:
        folder = parts.deployment.folder / str(number)
        folder.mkdir()
        own = replace(parts.deployment, folder=folder)
        return Stack(own, **self._obedient.settings(), DALSTON_GRACE_SECONDS="1")

    def _start(self, name: str, stack: Stack) -> Role:
        if name == "gateway":
            return stack.start_gateway()
        return stack.start(*(ENGINE if name == "engine" else (name,)))

    def kill(self, name: str, draw: random.Random) -> bool:
        """End a process of a role as `kill -9` does, and start another in its place."""
        places = [place for place, role in enumerate(self.roles) if role[0] == name]
        place = draw.choice(places)
        _, stack, role = self.roles[place]
        if name == "engine" and any(map(self._is_spared, children(role.pid))):
            return False
        role.kill()
        self.roles[place] = (name, stack, self._start(name, stack))
        self.done[f"{name} killed"] += 1
        return True

    def revive(self) -> None:
        """Start again what could not start while a part was away, as whoever runs it would."""
        for place, (name, stack, role) in enumerate(self.roles):
            if not role.is_running():
                self.done[f"{name} ended at its start"] += 1
                self.roles[place] = (name, stack, self._start(name, stack))

    def kill_child(self, draw: random.Random) -> bool:
        """End an engine's child; its supervisor starts another."""
        supervisors = [role.pid for name, _, role in self.roles if name == "engine"]
        found = [child for pid in supervisors for child in children(pid)]
        victim = draw.choice(found) if found else None
        if victim is None or self._is_spared(victim):
            return False
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            self.done["child killed"] += 1
        return True

    def choose(self, draw: random.Random) -> int:
        """Return the process id of one of them."""
        name, _, role = draw.choice(self.roles)
        self.done[f"{name} frozen"] += 1
        return role.pid

    def _is_spared(self, child: int) -> bool:
        """Tell whether a child works on what has been hit often enough."""
        marks = [path.name.split(".") for path in self._obedient.folder.glob(f"*.{child}.*")]
        if not marks:
            return False
        task_id, _, _ = max(marks, key=lambda mark: int(mark[2]))
        return self._obedient.tries(task_id) >= MOST_HITS

    def kills(self) -> int:
        """Return how many processes were killed."""
        return sum(count for what, count in self.done.items() if what.endswith("killed"))

    def stop(self) -> list[int]:
        """End them all as a deploy does, and return their statuses."""
        order = ("gateway", "engine", "orchestrator")
        ordered = sorted(self.roles, key=lambda role: order.index(role[0]))
        return [role.stop(60) for _, _, role in ordered]

    def close(self) -> None:
        """Kill what still runs."""
        for stack in self.stacks:
            stack.close()

    def survivors(self) -> list[int]:
        """Return the process ids of engines' children that are still there."""
        marks = self._obedient.folder.iterdir()
        known = {int(path.name.split(".")[1]) for path in marks}
        # In a long run numbers are given away again, to programs that are not ours.
        return [pid for pid in known if is_alive(pid) and _CHILD in command_of(pid)]


def command_of(pid: int) -> bytes:
    """Return a process's command line, nothing if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in text.split()]
