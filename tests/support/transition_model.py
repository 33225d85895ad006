"""What the transitions of a job and its tasks must do, in plain Python without a database.

Written from docs/states.md and not from the code, so that the two can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field

LIVE_TASK = {"pending", "ready", "running"}
LIVE_JOB = {"pending", "running"}
COUNTERS = {"retry": "failures", "lost": "losses", "restart": "restarts"}
SAID_BY_THE_ENGINE = {"retry", "released"}
"""Causes that imply the start whose message was lost."""


@dataclass
class ModelTask:
    """One task; `after` names those that it waits for."""

    after: tuple[str, ...] = ()
    optional: bool = False
    final: bool = False
    status: str = "pending"
    hand_out: int = 1
    token: str | None = None
    failures: int = 0
    losses: int = 0
    restarts: int = 0
    result: str | None = None

    def is_done(self) -> bool:
        """Tell whether nothing has to wait for it any more."""
        return self.status in {"completed", "skipped"} or (
            self.status == "failed" and self.optional
        )


@dataclass(frozen=True)
class Message:
    """What is said about an attempt.

    Attributes:
        kind: `start`, `complete`, `fail`, or the cause of a return.
        foreign: Whether it names another job than the task's.
    """

    kind: str
    task: str
    hand_out: int
    token: str
    foreign: bool = False


@dataclass
class Model:
    """A job and its tasks by name."""

    plan: dict[str, ModelTask]
    job: str = "pending"
    reason: str | None = None
    tasks: dict[str, ModelTask] = field(default_factory=dict)

    def start_job(self) -> bool:
        """Plan it, once."""
        if self.job != "pending":
            return False
        self.job, self.tasks = "running", self.plan
        for task in self.tasks.values():
            task.status = "pending" if task.after else "ready"
        return True

    def hear(self, message: Message) -> str:
        """Judge a message: `applied`, `repeated` or `refused`."""
        task = self.tasks.get(message.task)
        if task is None or message.foreign or message.hand_out != task.hand_out:
            return "refused"
        own = task.token == message.token
        if message.kind in {"start", "complete", "fail"}:
            after = {"start": "running", "complete": "completed", "fail": "failed"}[message.kind]
            if own and task.status == after:
                return "repeated"
            counts = task.status == "ready" or (
                own and task.status == "running" and message.kind != "start"
            )
            if not counts:
                return "refused"
            task.status, task.token = after, message.token
            if after == "completed":
                task.result = message.token
            return "applied"
        return self._give_back(task, message, own=own)

    def _give_back(self, task: ModelTask, message: Message, *, own: bool) -> str:
        heard_of = own and task.status == "running"
        if not heard_of and not (task.status == "ready" and message.kind in SAID_BY_THE_ENGINE):
            return "refused"
        task.status, task.token = "ready", None
        task.hand_out += 1
        counter = COUNTERS.get(message.kind)
        if counter is not None:
            setattr(task, counter, getattr(task, counter) + 1)
        return "applied"

    def move_on(self, behind: set[str] | None) -> None:
        """Ready what waits for nothing: behind some tasks, or anywhere if None."""
        if self.job != "running":
            return
        for task in self.tasks.values():
            asked = behind is None or behind & set(task.after)
            waits = any(not self.tasks[name].is_done() for name in task.after)
            if asked and task.status == "pending" and not waits:
                task.status = "ready"

    def complete_job(self) -> bool:
        """End it if all its tasks are done."""
        done = self.tasks and all(task.is_done() for task in self.tasks.values())
        final = any(task.final and task.status == "completed" for task in self.tasks.values())
        if self.job != "running" or not done or not final:
            return False
        self.job = "completed"
        return True

    def end_job(self, after: str, reason: str | None = None) -> bool:
        """Fail or cancel it, and cancel what still lives of it."""
        if self.job not in LIVE_JOB:
            return False
        self.job, self.reason = after, reason
        for task in self.tasks.values():
            if task.status in LIVE_TASK:
                task.status = "cancelled"
        return True
