"""Each rule of the house catches what breaks it, and lets pass what looks alike."""

import pytest

from scripts import check_rules
from scripts.check_source import Rule, Source, repository_files
from scripts.check_status import STATUS_WRITERS, check_status_writes

TABLES = (
    "from sqlalchemy import insert, update\nfrom dalston.db.definitions.tables import jobs, tasks\n"
)


def lines_found(rule: Rule, *files: tuple[str, str]) -> list[str]:
    sources = [Source(path, text) for path, text in files]
    return [f"{v.path}:{v.line}" for v in check_rules.violations(sources, [rule])]


def function_of(lines: int) -> str:
    return "def long() -> None:\n" + "    ...\n" * (lines - 1)


def file_of(lines: int) -> str:
    return "x = 1\n" * lines


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        (file_of(400), False),
        (file_of(401), True),
        (function_of(50), False),
        (function_of(51), True),
    ],
)
def test_size_limits(text: str, caught: bool) -> None:
    assert bool(lines_found(check_rules.check_sizes, ("dalston/a.py", text))) is caught


def test_compiled_statements_are_as_long_as_they_get_and_set_what_their_definitions_set() -> None:
    text = 'RUN = SQL("UPDATE jobs SET status=?", ())\n'
    for rule in (check_rules.check_sizes, check_status_writes):
        assert not lines_found(rule, ("dalston/db/compiled/jobs.py", 401 * text))
        assert lines_found(rule, ("dalston/db/other.py", 401 * text))


def test_a_method_and_a_nested_function_have_limits_too() -> None:
    method = "class A:\n    async def long(self) -> None:\n" + "        ...\n" * 50
    nested = "def outer() -> None:\n    def inner() -> None:\n" + "        ...\n" * 50
    assert lines_found(check_rules.check_sizes, ("dalston/a.py", method)) == ["dalston/a.py:2"]
    assert lines_found(check_rules.check_sizes, ("dalston/a.py", nested)) == [
        "dalston/a.py:1",
        "dalston/a.py:2",
    ]


@pytest.mark.parametrize(
    ("lines", "exception", "caught"),
    [
        (410, "dalston/a.py 410  # a reason", None),
        (411, "dalston/a.py 410", "dalston/a.py:1"),
        (409, "dalston/a.py 410", "scripts/size_exceptions.txt:1"),
        (400, "dalston/a.py 410", "scripts/size_exceptions.txt:1"),
        (10, "dalston/gone.py 410", "scripts/size_exceptions.txt:1"),
    ],
)
def test_an_exception_may_only_shrink(lines: int, exception: str, caught: str | None) -> None:
    found = lines_found(
        check_rules.check_sizes,
        ("dalston/a.py", file_of(lines)),
        (check_rules.SIZE_EXCEPTIONS, f"# files\n{exception}\n"),
    )
    assert found == ([caught] if caught else [])


@pytest.mark.parametrize(
    ("path", "caught"),
    [
        ("dalston/common/utils.py", True),
        ("engines/merge/a/helpers.py", True),
        ("tests/misc.py", True),
        ("dalston/util/words.py", True),
        ("dalston/common/storage.py", False),
        ("docs/helpers.md", False),
    ],
)
def test_names_without_a_subject(path: str, caught: bool) -> None:
    assert bool(lines_found(check_rules.check_names, (path, ""))) is caught


@pytest.mark.parametrize(
    "text",
    [
        "import os\nHOME = os.environ['HOME']",
        "import os as system\nHOME = system.getenv('HOME')",
        "from os import environ",
        "from os import getenv as read",
        "import os\n\ndef f() -> dict[str, str]:\n    return {**os.environ}",
        "import click\n\noption = click.option('--port', envvar='PORT')",
        "from os.path import expandvars",
    ],
)
def test_reading_the_environment(text: str) -> None:
    assert lines_found(check_rules.check_environment, ("dalston/gateway/a.py", text))
    assert lines_found(check_rules.check_environment, ("engines/merge/a/engine.py", text))
    assert not lines_found(check_rules.check_environment, ("dalston/config.py", text))
    assert not lines_found(check_rules.check_environment, ("tests/unit/test_a.py", text))


@pytest.mark.parametrize(
    "text",
    [
        TABLES + "s = update(jobs).where(jobs.c.id == 'a').values(status='running')",
        TABLES + "s = update(jobs).values({'status': 'running'})",
        TABLES + "s = update(jobs).values({jobs.c.status: 'running'})",
        TABLES + "s = update(tasks).values(**fields)",
        TABLES + "s = update(tasks).values(fields)",
        TABLES + "s = insert(jobs).values(id='a')",
        TABLES + "s = jobs.insert()",
        TABLES + "s = connection.execute(insert(tasks), rows)",
        "s = connection.execute(statement, [{'id': 'a', 'status': 'running'}])",
        "s = text('UPDATE jobs SET started_at = 1, status = :new WHERE id = :id')",
        "s = f'''update {table}\n set status = {new}'''",
        "s = text('INSERT INTO jobs (id, status) VALUES (1, 2)')",
        "job.status = 'running'",
        "row['status'] = 'running'",
        "row['status'], other = 'running', 1",
        "row['status'] = TaskStatus(new)",
        "setattr(job, 'status', 'running')",
        "job = msgspec.structs.replace(job, status='running')",
        "row.update(status='running')",
    ],
)
def test_writing_a_status(text: str) -> None:
    assert lines_found(check_status_writes, ("dalston/orchestrator/handlers.py", text))
    assert lines_found(check_status_writes, ("dalston/db/reading.py", text))
    for writer in STATUS_WRITERS:
        assert not lines_found(check_status_writes, (writer, text))


@pytest.mark.parametrize(
    "text",
    [
        "s = select(jobs).where(jobs.c.status == 'running')",
        TABLES + "s = update(jobs).values(rank=3)",
        "answer = JobResponse(id='a', status=job.status)",
        "answer = {'status': 'ok'}",
        "new = job.status",
        "row['status'] = TaskStatus(row['status'])",
        "class Row:\n    def __init__(self, status: str) -> None:\n        self.status = status",
        "'''Tells how to UPDATE a row and SET its status = 1.'''",
        "s = text('SELECT status FROM jobs')",
    ],
)
def test_reading_a_status_is_no_write(text: str) -> None:
    assert not lines_found(check_status_writes, ("dalston/gateway/services/jobs.py", text))


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("from dalston.common.errors import DalstonError", True),
        ("import dalston.db.jobs", True),
        ("from dalston import config", True),
        ("from dalston import engine_sdk, db", True),
        ("def setup() -> None:\n    from dalston.runtime import start", True),
        ("from dalston.engine_sdk_extra import Engine", True),
        ("from dalston.engine_sdk import Engine, TaskInput", False),
        ("from dalston.engine_sdk.types import TaskOutput", False),
        ("import dalston.engine_sdk", False),
        ("from dalston import engine_sdk", False),
        ("import numpy as np", False),
    ],
)
def test_engines_know_the_sdk_only(text: str, caught: bool) -> None:
    found = lines_found(check_rules.check_engine_imports, ("engines/merge/a/engine.py", text))
    assert bool(found) is caught
    assert not lines_found(check_rules.check_engine_imports, ("dalston/runtime.py", text))


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("import msgspec", True),
        ("from dalston.common.errors import DalstonError", True),
        ("try:\n    import uvloop\nexcept ImportError:\n    pass", True),
        ("def f() -> None:\n    import redis", True),
        ("from dalston.engine_sdk.heavy import Runner", True),
        ("def f() -> None:\n    from dalston.engine_sdk.heavy import Runner", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import msgspec", False),
        ("import json\nfrom dalston.engine_sdk.types import TaskInput", False),
    ],
)
@pytest.mark.parametrize("module", ["base", "types", "child", "__init__"])
def test_a_child_process_stays_light(module: str, text: str, caught: bool) -> None:
    found = lines_found(
        check_rules.check_child_imports,
        (f"dalston/engine_sdk/{module}.py", text),
        ("dalston/engine_sdk/heavy.py", "import redis"),
    )
    assert bool(found) is caught


@pytest.mark.parametrize(
    ("text", "caught"),
    [
        ("--index-url https://py" + "pi.org/simple", True),
        ("see files.python" + "hosted.org", True),
        ("registry=https://registry.npm" + "js.org", True),
        ("https://mirror.example/artifact" + "ory/api", True),
        ("open('/ro" + "ot/data.wav')", True),
        ("cd /wo" + "rk/main", True),
        ("/ho" + "me/ada/talk.mp3", True),
        ("file:///wo" + "rk/main", True),
        ("pip install dalston", False),
        ("/workspace and /rooted", False),
        ("docs/work/plan.md", False),
        ("${HOME}/work and ~/work", False),
    ],
)
def test_places_that_no_file_names(text: str, caught: bool) -> None:
    assert bool(lines_found(check_rules.check_places, ("docs/a.md", text))) is caught


@pytest.mark.parametrize(
    ("path", "caught"),
    [
        ("tests/unit/test_a.py", True),
        ("tests/conftest.py", True),
        ("tests/support/waiting.py", False),
        ("dalston/orchestrator/scheduler.py", False),
    ],
)
@pytest.mark.parametrize("text", ["time.sleep(1)", "await asyncio.sleep(1)", "sleep(0.1)"])
def test_sleeping_tests(path: str, text: str, caught: bool) -> None:
    body = f"async def f() -> None:\n    {text}\n"
    assert bool(lines_found(check_rules.check_waiting, (path, body))) is caught


def test_the_rules_read_the_repository() -> None:
    paths = {source.path for source in repository_files()}
    assert {"pyproject.toml", "scripts/check_rules.py", "tests/unit/test_check_rules.py"} <= paths
    assert not any(path.startswith(".venv/") for path in paths)
