"""The load generator tells what became of each request; a backlog is work like any other."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from bench import backlog
from bench.backlog import STUB, fan, insert_jobs, some_audio
from bench.database import PostgresTables, SqliteTables, Tables
from bench.load import load_generator
from bench.peers.inline_sqlite import inline_sqlite_server
from bench.peers.uploadfile import uploadfile_server
from bench.roles import ROUTE
from bench.waiting import COUNT_COMPLETED, MeasureError, watch_count, watch_job
from bench.width import watch_first
from dalston.common.access import LOCAL_OWNER
from tests.support.stack import Stack

OK = 200
COMPLETED_TASKS = "SELECT count(*) FROM tasks WHERE status = 'completed'"
UNFINISHED_TASKS = "SELECT count(*) FROM tasks WHERE status <> 'completed'"


def test_all_submitters_share_the_jobs(tmp_path: Path) -> None:
    database = tmp_path / "inline.db"
    with (
        inline_sqlite_server(database, tmp_path) as server,
        load_generator(server.url, server.path, OK, 5000) as generator,
        closing(SqliteTables(database)) as tables,
    ):
        submitted = generator.submit(40, 16)
        single = generator.submit(1, 1)

        assert submitted.errors == {}
        assert len(set(submitted.ids)) == len(submitted.milliseconds) == 40
        assert watch_job(tables, single.ids[0]) > single.begin > submitted.begin
        assert watch_count(tables, 41) > submitted.begin
        sizes = {path.stat().st_size for path in tmp_path.rglob("*.wav")}
        assert sizes == {5000}


def test_every_failure_is_counted(tmp_path: Path) -> None:
    with uploadfile_server(tmp_path) as server:
        with load_generator(server.url, server.path, 202, 100) as generator:
            assert generator.submit(6, 3).errors == {"200": 6}
        with load_generator(server.url, "/elsewhere", OK, 100) as generator:
            assert generator.submit(4, 4).errors == {"404": 4}
    with load_generator(server.url, server.path, OK, 100) as generator:
        refused = generator.submit(5, 2)

    assert refused.errors == {"ConnectionRefusedError": 5}
    assert refused.ids == []


def test_inserted_jobs_are_brought_to_their_end(
    stub_server: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the one owner whose jobs can be read without a key.
    monkeypatch.setattr(backlog, "OWNER", LOCAL_OWNER)
    with (
        closing(tables_of(stub_server)) as tables,
        load_generator(stub_server.url, ROUTE, 202, 1000) as generator,
    ):
        watch_job(tables, generator.submit(1, 1).ids[0])
        audio = some_audio(tables)
        done = tables.value(COMPLETED_TASKS)
        chains = insert_jobs(tables, STUB, 5, audio)
        [wide] = insert_jobs(tables, fan(8), 1, audio)
        tables.settle()
        begin, first = watch_first(tables, done)
        assert 1 <= first <= 5 * 2 + 10
        assert watch_count(tables, 7) >= begin

        assert len(stub_server.read(wide)["tasks"]) == 10
        assert tables.value(COUNT_COMPLETED) == 7
        assert tables.value(UNFINISHED_TASKS) == 0
        assert stub_server.read(chains[0])["text"].startswith("This is a stub transcript")


def tables_of(server: Stack) -> Tables:
    url = server.deployment.database_url
    if url.startswith("postgresql"):
        return PostgresTables(url)
    return SqliteTables(Path(url.removeprefix("sqlite:///")))


class Unfinished:
    """A database whose jobs never end, and how often it was asked."""

    asked = 0

    def value(self, _statement: str, *_values: str) -> bool:
        self.asked += 1
        return False


def test_a_long_job_is_looked_at_seldom() -> None:
    rows = Unfinished()
    with pytest.raises(MeasureError, match="still waiting for job_1"):
        watch_job(rows, "job_1", seconds=0.1, pause=0.05)
    assert 2 <= rows.asked <= 4
