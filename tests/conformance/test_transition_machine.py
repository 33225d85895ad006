"""The transitions of `db/jobs.py` against a model, on every database: Hypothesis looks for a
sequence of messages, transactions, crashes and races after which they differ.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Coroutine, Iterator, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dalston.common.messages import Attempt
from dalston.common.models import (
    JOB_TRANSITIONS,
    TASK_TRANSITIONS,
    Cause,
    Failure,
    JobStatus,
    PlannedTask,
    TaskStatus,
    new_job_id,
    new_task_id,
)
from dalston.db import jobs as transitions
from dalston.db import reading
from dalston.db.locking import Locked, lock
from dalston.db.migrate import migrate
from dalston.db.reading import HistoryRow
from dalston.db.session import Database
from dalston.db.statements import Connection
from tests.support.board import new_job
from tests.support.deployment import Deployment
from tests.support.transition_model import Message, Model, ModelTask

TOKENS = ("a" * 12, "b" * 12)
KINDS = ("start", "complete", "fail", *(cause.value for cause in Cause))
NAMES = ("prepare", "left", "right", "merge", "aside")
STEPS = 20
"""Of one example."""
EXAMPLES = {"embedded": 60, "distributed": 40}


class CrashError(Exception):
    """Ends a transaction as the death of its process does."""


def crash(crashes: bool) -> None:
    if crashes:
        raise CrashError


class Side:
    """The database's side of one job."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.job_id = new_job_id()
        self.ids = {name: new_task_id() for name in NAMES}

    def plan(self) -> list[PlannedTask]:
        return [
            PlannedTask(
                self.ids[name],
                name,
                0,
                "engine",
                {},
                after=tuple(self.ids[other] for other in task.after),
                final=task.final,
                optional=task.optional,
            )
            for name, task in new_plan().items()
        ]

    def attempt(self, message: Message) -> Attempt:
        return Attempt(
            job_id=new_job_id() if message.foreign else self.job_id,
            task_id=self.ids[message.task],
            hand_out=message.hand_out,
            token=message.token,
            instance=f"engine-{message.token[0]}",
        )

    async def create(self) -> None:
        async with self.database.write() as connection:
            await transitions.create_jobs(connection, [new_job(self.job_id)])

    async def transaction(
        self, messages: Sequence[Message], then: Sequence[str], *, crashes: bool = False
    ) -> list[Any]:
        """Do all of it in one transaction, as an orchestrator does with a batch."""
        try:
            async with self.database.write() as connection:
                locked = await lock(connection, [self.job_id], self.ids.values())
                answers: list[Any] = []
                answers += [await self._hear(connection, locked, one) for one in messages]
                answers += [await self._do(connection, locked, name, messages) for name in then]
                crash(crashes)
        except CrashError:
            return []
        return answers

    async def _hear(self, connection: Connection, locked: Locked, message: Message) -> str:
        attempt = self.attempt(message)
        why = Failure(f"said_{message.token[0]}", "it broke", retryable=True)
        if message.kind == "start":
            [verdict] = await transitions.start_attempts(connection, locked, [attempt])
        elif message.kind == "complete":
            [verdict] = await transitions.complete_tasks(connection, locked, [attempt])
        elif message.kind == "fail":
            [verdict] = await transitions.fail_tasks(connection, locked, [(attempt, why)])
        else:
            cause = Cause(message.kind)
            [verdict] = await transitions.return_tasks(connection, locked, [(attempt, why)], cause)
        return verdict.value

    async def _do(
        self, connection: Connection, locked: Locked, name: str, messages: Sequence[Message]
    ) -> object:
        behind = [self.ids[message.task] for message in messages]
        if name == "plan":
            plans = {self.job_id: self.plan()}
            return bool(await transitions.start_jobs(connection, locked, plans))
        if name == "move on":
            await transitions.ready_dependents(connection, locked, behind)
        elif name == "repair":
            await transitions.ready_tasks_of(connection, locked, [self.job_id])
        elif name == "complete":
            return bool(await transitions.complete_jobs(connection, locked, [self.job_id]))
        elif name == "fail":
            failures = {self.job_id: Failure("gave_up", "it broke")}
            return bool(await transitions.fail_jobs(connection, locked, failures))
        elif name == "cancel":
            return bool(await transitions.cancel_jobs(connection, locked, [self.job_id]))
        return None

    async def state(self) -> dict[str, Any]:
        async with self.database.write() as connection:
            locked = await lock(connection, [self.job_id], self.ids.values())
        job = locked.jobs[self.job_id]
        rows = {name: locked.tasks[task_id] for name, task_id in self.ids.items() if locked.tasks}
        return {
            "job": job.status.value,
            "reason": None if job.error is None else job.error.code,
            "transcript": job.transcript_path is not None,
        } | {
            name: (
                *(row.status.value, row.hand_out, row.token),
                row.failures,
                row.losses,
                row.restarts,
            )
            for name, row in rows.items()
        }

    async def history(self) -> list[HistoryRow]:
        async with self.database.read() as connection:
            return list(await reading.history_of(connection, self.job_id))


def new_plan() -> dict[str, ModelTask]:
    return {
        "prepare": ModelTask(),
        "left": ModelTask(after=("prepare",)),
        "right": ModelTask(after=("prepare",), optional=True),
        "merge": ModelTask(after=("left", "right"), final=True),
        "aside": ModelTask(after=("prepare",)),
    }


def state_of(model: Model) -> dict[str, Any]:
    return {
        "job": model.job,
        "reason": model.reason,
        "transcript": model.job == "completed",
    } | {
        name: (task.status, task.hand_out, task.token, task.failures, task.losses, task.restarts)
        for name, task in model.tasks.items()
    }


def do_in_model(model: Model, messages: Sequence[Message], then: Sequence[str]) -> list[Any]:
    answers: list[Any] = [model.hear(message) for message in messages]
    for name in then:
        if name == "plan":
            answers.append(model.start_job())
        elif name in {"move on", "repair"}:
            behind = {message.task for message in messages}
            model.move_on(behind if name == "move on" else None)
            answers.append(None)
        elif name == "complete":
            answers.append(model.complete_job())
        elif name == "fail":
            answers.append(model.end_job("failed", "gave_up"))
        else:
            answers.append(model.end_job("cancelled"))
    return answers


# In the order in which an orchestrator takes them.
ENDINGS = st.sampled_from(
    [
        [],
        ["plan"],
        ["move on"],
        ["move on", "complete"],
        ["repair", "complete"],
        ["complete"],
        ["fail"],
        ["cancel"],
        ["complete", "cancel"],
        ["cancel", "complete"],
    ]
)
WISHES = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(NAMES),
    st.sampled_from([0, 0, 0, -1, 1]),
    st.sampled_from(TOKENS),
    st.sampled_from([False, False, False, True]),
)
"""Messages, whose hand-out is counted from the task's own."""


class TransitionMachine(RuleBasedStateMachine):
    """One job at a time; `run` and `database` are set by the test."""

    runner: asyncio.Runner
    database: Database

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize(planned=st.sampled_from([True, True, True, False]))
    def begin(self, planned: bool) -> None:
        self.side, self.model = Side(self.database), Model(new_plan())
        self.run(self.side.create())
        if planned:
            self.both([], ["plan"])

    def said(self, wishes: Sequence[tuple[str, str, int, str, bool]]) -> list[Message]:
        tasks = self.model.tasks
        return [
            Message(
                kind, name, (tasks[name].hand_out if name in tasks else 1) + off, token, foreign
            )
            for kind, name, off, token, foreign in wishes
        ]

    def both(self, messages: Sequence[Message], then: Sequence[str]) -> None:
        expected = do_in_model(self.model, messages, then)
        assert self.run(self.side.transaction(messages, then)) == expected

    @rule(wishes=st.lists(WISHES, max_size=3), then=ENDINGS)
    def anything(self, wishes: list[Any], then: list[str]) -> None:
        self.both(self.said(wishes), then)

    @rule(wishes=st.lists(WISHES, max_size=3), then=ENDINGS)
    def crash(self, wishes: list[Any], then: list[str]) -> None:
        """What isn't committed never was."""
        self.run(self.side.transaction(self.said(wishes), then, crashes=True))

    @precondition(lambda self: self.model.job == "running")
    @rule(token=st.sampled_from(TOKENS), started=st.booleans(), kind=st.sampled_from(KINDS))
    def go_on(self, token: str, started: bool, kind: str) -> None:
        """Let something happen to a task that is handed out, so that jobs come to an end."""
        found = [n for n, task in self.model.tasks.items() if task.status in {"ready", "running"}]
        if not found:
            return
        task = self.model.tasks[found[0]]
        own = task.token or token
        said = [Message("start", found[0], task.hand_out, own)] if started else []
        kind = "complete" if kind == "fail" and not task.optional else kind
        self.both([*said, Message(kind, found[0], task.hand_out, own)], ["move on", "complete"])

    @rule(first=WISHES, second=WISHES, then=st.tuples(ENDINGS, ENDINGS))
    def race(self, first: Any, second: Any, then: tuple[list[str], list[str]]) -> None:
        """Two orchestrators at once: as if one had come behind the other."""
        sides = list(zip(self.said([first, second]), then, strict=True))
        outcomes = []
        for order in ((0, 1), (1, 0)):
            model, answers = copy.deepcopy(self.model), [[], []]  # type: ignore[var-annotated]
            for which in order:
                message, ends = sides[which]
                answers[which] = do_in_model(model, [message], ends)
            outcomes.append((answers, state_of(model), model))

        async def at_once() -> list[list[Any]]:
            work = (self.side.transaction([message], ends) for message, ends in sides)
            return list(await asyncio.gather(*work))

        answers, state = self.run(at_once()), self.run(self.side.state())
        fitting = [model for said, found, model in outcomes if (said, found) == (answers, state)]
        assert fitting, (answers, state, [outcome[:2] for outcome in outcomes])
        self.model = fitting[0]

    @invariant()
    def rows_are_as_in_the_model(self) -> None:
        if hasattr(self, "side"):
            assert self.run(self.side.state()) == state_of(self.model)

    def teardown(self) -> None:
        if hasattr(self, "side"):
            check_history(self.run(self.side.history()), self.side, self.model)


def check_history(rows: Sequence[HistoryRow], side: Side, model: Model) -> None:
    """Each row goes on where the last one ended, no transition is forbidden, no end is left."""
    chains: dict[str | None, list[HistoryRow]] = {}
    for row in rows:
        chains.setdefault(row.task_id, []).append(row)
    last = {task_id: chain[-1].to_status for task_id, chain in chains.items()}
    expected: dict[str | None, str] = {None: model.job}
    expected |= {side.ids[name]: task.status for name, task in model.tasks.items()}
    assert last == expected
    for task_id, chain in chains.items():
        assert chain[0].from_status is None
        for before, row in pairwise(chain):
            assert row.from_status == before.to_status
            if task_id is None:
                allowed = {status.value for status in JOB_TRANSITIONS[JobStatus(row.from_status)]}
            else:
                allowed = {status.value for status in TASK_TRANSITIONS[TaskStatus(row.from_status)]}
            assert row.to_status in allowed


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def test_the_database_does_what_the_model_does(
    deployment: Deployment, runner: asyncio.Runner
) -> None:
    async def opened() -> Database:
        database = Database(deployment.database_url)
        await migrate(database)
        return database

    database = runner.run(opened())
    machine = type("Machine", (TransitionMachine,), {"runner": runner, "database": database})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=EXAMPLES[deployment.name],
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                derandomize=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        runner.run(database.close())
