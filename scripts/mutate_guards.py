"""Weakens one guard after the other in a copy, and runs the tests that should notice.

`make mutations` prints each guard and what noticed it; the exit status is 1 if one was not noticed.
`python -m scripts.mutate_guards token lease` takes those whose name has one of the words.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from scripts.check_source import ROOT, repository_files

DEFINITIONS = "dalston/db/definitions/"
MODEL = "tests/conformance/test_transition_machine.py"
TRANSITIONS = "tests/conformance/test_transitions.py"
QUEUE = "tests/conformance/test_queue.py"
GATEWAY = "tests/faults/test_matrix_gateway.py"
ENGINE = "tests/faults/test_matrix_engine.py"
KILLS = "tests/pipeline/test_kills.py"
_LONGEST_SECONDS = 400


@dataclass(frozen=True)
class Guard:
    """A guard, how it is weakened, and who should notice.

    Attributes:
        name: As docs/reliability.md lists it.
        path: The file that has it.
        text: What it is; stands there once.
        weakened: What is put in its place.
        tests: Arguments of pytest.
    """

    name: str
    path: str
    text: str
    weakened: str
    tests: tuple[str, ...]


GUARDS = (
    Guard(
        "token of an attempt",
        "dalston/db/locking.py",
        "            and self.token == attempt.token\n",
        "",
        (TRANSITIONS,),
    ),
    Guard(
        "hand-out of an attempt that binds",
        "dalston/db/locking.py",
        "            and self.job_id == attempt.job_id\n"
        "            and self.hand_out == attempt.hand_out\n        )\n\n    def move",
        "            and self.job_id == attempt.job_id\n        )\n\n    def move",
        (TRANSITIONS,),
    ),
    Guard(
        "job of an attempt",
        "dalston/db/locking.py",
        "            self.job_id == attempt.job_id\n            and self.hand_out",
        "            self.hand_out == attempt.hand_out\n            and self.hand_out",
        (TRANSITIONS,),
    ),
    Guard(
        "status that an attempt may bind in",
        "dalston/db/locking.py",
        "            self.status is TaskStatus.READY\n            and",
        "            self.status is not TaskStatus.PENDING\n            and",
        (TRANSITIONS,),
    ),
    Guard(
        "a job is locked",
        "dalston/db/definitions/locking.py",
        ".order_by(jobs.c.id).with_for_update()",
        ".order_by(jobs.c.id)",
        ("tests/conformance/test_two_orchestrators.py", "-k", "distributed"),
    ),
    Guard(
        "a message is one sender's",
        "dalston/db/definitions/outbox.py",
        "    .with_for_update(skip_locked=True)\n",
        "",
        ("tests/conformance/test_outbox.py", "-k", "distributed"),
    ),
    Guard(
        "an outcome is its attempt's",
        "dalston/db/definitions/outbox.py",
        '    deliveries.c.attempts == bindparam("by_attempt", type_=Integer),\n',
        "",
        ("tests/conformance/test_outbox.py", "-k", "embedded"),
    ),
    Guard(
        "one transaction on PostgreSQL",
        "dalston/db/postgresql.py",
        "as driver, driver.transaction():",
        "as driver:",
        (MODEL, "-k", "distributed"),
    ),
    Guard(
        "one transaction on SQLite",
        "dalston/db/sqlite.py",
        "                await driver.rollback()\n                raise",
        "                await driver.commit()\n                raise",
        (MODEL, "-k", "embedded"),
    ),
    Guard(
        "history in the same transaction",
        "dalston/db/journal.py",
        "    connection.defer(sql.APPEND, entries)",
        "    connection.defer(sql.APPEND, entries[1:])",
        (MODEL, "-k", "embedded"),
    ),
    Guard(
        "a return is the next hand-out",
        "dalston/db/definitions/jobs.py",
        "hand_out=tasks.c.hand_out + 1",
        "hand_out=tasks.c.hand_out",
        (TRANSITIONS,),
    ),
    Guard(
        "only what runs is lost",
        "dalston/db/verdict.py",
        "cause in {Cause.RETRY, Cause.RELEASED} and",
        "",
        (TRANSITIONS,),
    ),
    Guard(
        "a job is planned once",
        "dalston/db/jobs.py",
        "if locked.job_status.get(job_id) is JobStatus.PENDING]",
        "if job_id in locked.job_status]",
        (TRANSITIONS,),
    ),
    Guard(
        "a job that has ended stays so",
        "dalston/db/jobs.py",
        "live = [job_id for job_id in job_ids if locked.is_live(job_id)]",
        "live = list(job_ids)",
        (TRANSITIONS,),
    ),
    Guard(
        "a job is completed when all its tasks are done",
        "dalston/db/definitions/work.py",
        "    ~exists(select(_sibling.c.id)"
        ".where(_sibling.c.job_id == tasks.c.job_id, ~done(_sibling))),\n)\nOVERLOOKED",
        ")\nOVERLOOKED",
        (TRANSITIONS,),
    ),
    Guard(
        "a failed job cancels its other tasks",
        "dalston/db/jobs.py",
        '    await _cancel_tasks(connection, locked, failing, "another task of the job failed")\n',
        "",
        (TRANSITIONS,),
    ),
    Guard(
        "tries are counted",
        "dalston/orchestrator/handlers.py",
        "(task is None or failures < limit)",
        "True",
        (ENGINE, "-k", "embedded and always"),
    ),
    Guard(
        "the sweep plans forgotten jobs",
        "dalston/orchestrator/sweep.py",
        "            self._plan_pending_jobs,\n",
        "",
        (GATEWAY, "-k", "embedded and between_commit"),
    ),
    Guard(
        "the sweep fills wiped queues",
        "dalston/orchestrator/sweep.py",
        "            self._fill_queues,\n",
        "",
        (ENGINE, "-k", "embedded and task_waits"),
    ),
    Guard(
        "the sweep ends leases",
        "dalston/orchestrator/sweep.py",
        "            self._end_leases,\n",
        "",
        (ENGINE, "-k", "embedded and lost_attempt"),
    ),
    Guard(
        "the sweep reads outcomes from leases",
        "dalston/orchestrator/sweep.py",
        "events += [] if event is None else [event]",
        "events += []",
        (ENGINE, "-k", "embedded and completion_is_lost"),
    ),
    Guard(
        "nothing expires unless Redis is steady",
        "dalston/orchestrator/sweep.py",
        "steady = await self._queue.steady_seconds() >= LEASE_SECONDS",
        "steady = await self._queue.steady_seconds() >= 0",
        (ENGINE, "-k", "embedded and supervisor_is_frozen"),
    ),
    Guard(
        "no engine is missed unless Redis is steady",
        "dalston/orchestrator/waits.py",
        "if await self._queue.steady_seconds() < LEASE_SECONDS:",
        "if await self._queue.steady_seconds() < 0:",
        ("tests/conformance/test_absent_engines.py", "-k", "embedded"),
    ),
    Guard(
        "finished work is looked for before it is charged",
        "dalston/orchestrator/sweep.py",
        "        if await self._is_whole(output_path(*place)):",
        "        if False:",
        ("tests/pipeline/test_serve.py", "-k", "finished_work"),
    ),
    Guard(
        "a claim refuses what is claimed",
        "dalston/common/lua/take.lua",
        "  if leased < decoded['hand_out'] then",
        "  if true then",
        (QUEUE, "-k", "embedded"),
    ),
    Guard(
        "nothing is published that is claimed",
        "dalston/common/lua/publish.lua",
        "  if leased >= hand_out then",
        "  if leased > hand_out then",
        (QUEUE, "-k", "embedded"),
    ),
    Guard(
        "a closed lease stays closed",
        "dalston/common/lua/renew.lua",
        "  elseif found[1] ~= ARGV[at + 1] or found[2] == 'closed' then",
        "  elseif found[1] ~= ARGV[at + 1] then",
        (QUEUE, "-k", "embedded"),
    ),
    Guard(
        "a lease is its holder's",
        "dalston/common/lua/renew.lua",
        "  elseif found[1] ~= ARGV[at + 1] or found[2] == 'closed' then",
        "  elseif found[2] == 'closed' then",
        (QUEUE, "-k", "embedded"),
    ),
    Guard(
        "a renewal keeps an outcome",
        "dalston/common/lua/renew.lua",
        "    if found[2] ~= 'done' or ARGV[at + 3] == 'done' then",
        "    if true then",
        (QUEUE, "-k", "embedded"),
    ),
    Guard(
        "a store that is away is waited for",
        "dalston/engine_sdk/patience.py",
        "            if loop.time() + pause > give_up_at and tries >= _LEAST_TRIES:",
        "            if True:",
        (ENGINE, "-k", "embedded and for_a_while"),
    ),
    Guard(
        "a recording is kept once its row may be there",
        "dalston/gateway/services/acceptance.py",
        "submission.keep = decisions.accepts(submission.job)",
        "submission.keep = False",
        ("tests/gateway/test_admission.py", "tests/gateway/test_acceptance.py"),
    ),
    Guard(
        "objects are on the disk before anybody is told",
        "dalston/common/disk.py",
        "    _flush(file)\n",
        "    return\n",
        ("tests/faults/test_power_cut.py", "tests/unit/test_disk.py"),
    ),
    Guard(
        "commits are on the disk before anybody is told",
        "dalston/db/sqlite.py",
        "synchronous=FULL",
        "synchronous=NORMAL",
        ("tests/faults/test_power_cut.py",),
    ),
    Guard(
        "the same key is the same job",
        "dalston/gateway/services/acceptance.py",
        "decisions = await decide(connection, [one.applicant for one in submissions])",
        "decisions = await decide(connection, [Applicant(one.job) for one in submissions])",
        (GATEWAY, "-k", "embedded and before_the_answer"),
    ),
    Guard(
        "what a stopping engine can't finish is handed back",
        "dalston/engine_sdk/slot.py",
        "        if self._grace_over.done():\n            await self._reporter.release(claim)\n",
        "        if self._grace_over.done():\n",
        (KILLS, "-k", "embedded and told_to_stop"),
    ),
    Guard(
        "temporary folders of the dead are removed",
        "dalston/engine_sdk/folders.py",
        "            _remove_if_dead(path)",
        "            continue",
        (ENGINE, "-k", "embedded and killed_engine"),
    ),
)


def copy_of_repository(folder: Path) -> None:
    """Write the repository's text files, and what of it is not text, to a folder."""
    for source in repository_files():
        (folder / source.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / source.path, folder / source.path)
    for name in ("engines", "tests", "dalston"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True, ignore=_no_caches)


def _no_caches(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__"}


def noticed(folder: Path, guard: Guard) -> str | None:
    """Weaken a guard and run the tests that should notice; return what they say, if anything."""
    whole = (folder / guard.path).read_text(encoding="utf-8")
    try:
        write(folder, guard.path, whole.replace(guard.text, guard.weakened))
        return failure_of(folder, guard.tests)
    finally:
        write(folder, guard.path, whole)


def write(folder: Path, path: str, text: str) -> None:
    """Write a file of a copy; a definition of statements is compiled as well."""
    (folder / path).write_text(text, encoding="utf-8")
    if path.startswith(DEFINITIONS):
        command = [sys.executable, "-B", "-m", "scripts.compile_statements"]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def failure_of(folder: Path, tests: tuple[str, ...]) -> str | None:
    """Run some tests in a copy; return how they fail, or None. One that hangs has failed."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            # The servers that the tests start shall be of this copy, too.
            env=os.environ | {"PYTHONPATH": str(folder)},
            capture_output=True,
            check=False,
            timeout=_LONGEST_SECONDS,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return f"nothing within {_LONGEST_SECONDS} s"
    if done.returncode not in {0, 1}:
        # Nothing was run, or pytest itself failed.
        raise RuntimeError(done.stdout[-2000:])
    if done.returncode == 0:
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith(("E  ", "FAILED"))]
    return " ".join(" ".join(lines[:1] + lines[-1:]).split())[:240]


def main(words: list[str]) -> int:
    """Weaken each guard in turn; the exit status is 1 if one was not noticed."""
    chosen = [guard for guard in GUARDS if not words or any(word in guard.name for word in words)]
    unnoticed = []
    with tempfile.TemporaryDirectory(prefix="dalston-guards-") as name:
        folder = Path(name)
        copy_of_repository(folder)
        for guard in chosen:
            began = time.monotonic()
            found = noticed(folder, guard)
            seconds = time.monotonic() - began
            said = "NOT NOTICED" if found is None else "noticed"
            print(f"{said:12} {guard.name} ({seconds:.0f} s)")
            print(f"             {found}" if found else "", flush=True)
            if found is None:
                unnoticed.append(guard.name)
    print(f"{len(chosen) - len(unnoticed)} of {len(chosen)} guards are noticed.")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
