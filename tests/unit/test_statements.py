"""Statements are compiled ahead: what runs is what the definitions say, and needs no SQLAlchemy."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from itertools import combinations

import msgspec
import pytest
from sqlalchemy import Interval, bindparam, select

from dalston.db import compiled, webhooks
from dalston.db.definitions.compiling import compile_statement
from dalston.db.definitions.conditions import any_of
from dalston.db.definitions.tables import DatabaseNow, jobs, tasks
from dalston.db.idempotency import IdempotencyKey
from dalston.db.locking import LockedTask
from dalston.db.reading import HistoryRow
from dalston.db.statements import SQL, Statement
from scripts import compile_statements

SERVING = """
import pkgutil, sys
import dalston.gateway.main, dalston.orchestrator.main, dalston.orchestrator.housekeeping
import dalston.access_tool, dalston.runtime, dalston.db
for found in pkgutil.iter_modules(dalston.db.__path__, "dalston.db."):
    if found.name not in {"dalston.db.definitions", "dalston.db.migrate", "dalston.db.migrations"}:
        __import__(found.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_what_serves_loads_no_sqlalchemy() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SERVING], capture_output=True, text=True, check=True
    )
    loaded = set(shown.stdout.split())
    assert {"aiosqlite", "asyncpg", "msgspec"} <= loaded
    assert not {"alembic", "sqlalchemy"} & loaded


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        (compiled.idempotency.KNOWN, IdempotencyKey),
        (compiled.locking.LOCK_TASKS, LockedTask),
        (compiled.reading.HISTORY, HistoryRow),
        (compiled.webhooks.LIST, webhooks.Webhook),
    ],
)
def test_rows_that_are_read_by_position_have_their_fields_in_order(
    statement: Statement, row: type[msgspec.Struct]
) -> None:
    assert tuple(column.name for column in statement.columns) == row.__struct_fields__


def test_there_is_a_page_for_every_choice_of_filters() -> None:
    filters = webhooks._FILTERS
    chosen = [names for size in range(len(filters) + 1) for names in combinations(filters, size)]
    assert list(compiled.webhooks.PAGES) == chosen


def test_the_compiled_statements_are_those_of_the_definitions() -> None:
    assert compile_statements.wanted() == compile_statements.present()


def test_a_compiled_file_that_is_out_of_date_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = {"rank.py": "a\n", "work.py": "b\n", "new.py": "c\n"}
    there = {"rank.py": "a\n", "work.py": "d\n", "old.py": "e\n"}
    monkeypatch.setattr(compile_statements, "wanted", lambda: written)
    monkeypatch.setattr(compile_statements, "present", lambda: there)

    assert compile_statements.main(["--check"]) == 1

    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["new.py", "old.py", "work.py"]


def test_a_type_that_has_no_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="Interval"):
        compile_statement(select(bindparam("pause", type_=Interval).label("pause")))


def test_a_value_is_given_as_its_kind_says() -> None:
    statement = compile_statement(
        select(DatabaseNow().label("now"), tasks.c.part)
        .join(jobs, jobs.c.id == tasks.c.job_id)
        .where(
            any_of(jobs.c.id, "job_ids"),
            jobs.c.created_at == bindparam("moment", type_=jobs.c.created_at.type),
            jobs.c.parameters == bindparam("data", type_=jobs.c.parameters.type),
            jobs.c.rerun == bindparam("rerun", type_=jobs.c.rerun.type),
            jobs.c.deadline_seconds == bindparam("seconds", type_=jobs.c.deadline_seconds.type),
            jobs.c.status == "failed",
        )
    )
    moment = datetime(2027, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1)))
    given = {"job_ids": ["a"], "moment": moment, "data": None, "rerun": None, "seconds": 1}

    in_utc = moment.astimezone(UTC)
    assert statement.postgresql.values(given) == [["a"], in_utc, "null", None, 1, "failed"]
    text = "2027-01-02 02:04:05.000000"
    assert statement.sqlite.values(given) == ['["a"]', text, "null", None, 1.0, "failed"]
    [row] = statement.sqlite.rows([(text, '{"start": 0}')])
    assert (row.now, row.part) == (in_utc, {"start": 0})
    with pytest.raises(KeyError):
        statement.sqlite.values({})


@pytest.mark.parametrize(
    "text", ['SELECT "a"', 'SELECT """a"""', "SELECT '\\n\\'", 'SELECT \\"', "SELECT 'ü'"]
)
def test_any_text_is_written_so_that_it_is_read_as_it_was(text: str) -> None:
    written = compile_statements.sql_source(SQL(text, ()))
    assert eval(written, {"SQL": SQL}) == (text, ())  # noqa: S307 - written just now
