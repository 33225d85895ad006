"""What the benchmark makes of its figures: goals, tables, the file for programs, the document."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.deployments import DISTRIBUTED, DISTRIBUTED_FOLDER, EMBEDDED
from bench.depth import Depth
from bench.document import KEPT_BEGIN, KEPT_END, write_document
from bench.goals import GOALS, goal_of
from bench.jobs import Round
from bench.measures import depth_rows, job_rows, speech_rows, upload_rows, width_rows
from bench.plan import read_plan
from bench.report import Circumstances, Row, Surroundings, write
from bench.speech import Speech
from bench.table import terminal_table
from bench.upload import Upload
from bench.width import Width


def some_round(rate: float, latency: float = 10.0, errors: int = 0) -> Round:
    memory = {
        "gateway": 50.0,
        "orchestrator": 40.0,
        "engine stub-transcriber": 41.0,
        "engine stub-merger": 44.0,
        "engine_supervisors": 30.0,
        "engine_children": 300.0,
    }
    return Round(
        jobs_per_second=rate,
        p50=latency,
        p95=2 * latency,
        cpu={"gateway": 1.5, "engine_children": 0.5},
        cpu_beside={"PostgreSQL": 3.0},
        memory=memory,
        memory_after=memory,
        errors=errors,
    )


def all_rows() -> list[Row]:
    ours = [some_round(300.0), some_round(330.0, errors=1), some_round(310.0)]
    slow = [some_round(100.0, latency=20.0)] * 3
    peers = dict.fromkeys(("celery", "taskiq", "inline", "inline-sqlite"), slow)
    uploads = [Upload(600.0, 20.0, 1.5), Upload(500.0, 40.0, 1.5)]
    depths = [Depth(0, 2.0, (100.0,)), Depth(10_000, 3.0, (90.0,)), Depth(100_000, 4.0, (70.0,))]
    rows = []
    for deployment in (EMBEDDED, DISTRIBUTED, DISTRIBUTED_FOLDER):
        rows += job_rows(deployment, ours, peers)
        rows += depth_rows(deployment, depths)
        rows += width_rows(deployment, [Width(1, (5.0, 7.0, 6.0), 300.0, 1.0)])
        rows += upload_rows(deployment, uploads, [Upload(200.0, 1.0, 2.0)] * 2, [150.0])
    some, slower = Speech(11.0, 8.0), Speech(20.0, 9.0)
    rows += speech_rows(DISTRIBUTED_FOLDER, {1: [slower], 2: [some]}, [slower])
    return rows


def the(rows: list[Row], deployment: str, measure: str, against: str | None = None) -> Row:
    [row] = [
        row
        for row in rows
        if (row.deployment, row.measure, row.against) == (deployment, measure, against)
    ]
    return row


@pytest.fixture
def around() -> Circumstances:
    return Surroundings("--rounds 3").now()


def test_file_has_a_row_for_each_measure_and_opponent(
    tmp_path: Path, around: Circumstances
) -> None:
    write(all_rows(), around, tmp_path / "out" / "latest.json")
    content = json.loads((tmp_path / "out" / "latest.json").read_text())

    distributed = {
        (row["measure"], row["against"]): row
        for row in content["rows"]
        if row["deployment"] == "distributed"
    }
    assert distributed["jobs_per_second", "celery"]["ours"] == 310.0
    assert distributed["jobs_per_second", "celery"]["theirs"] == 100.0
    assert distributed["jobs_per_second", "celery"]["ratio"] == 3.1
    for measure in ("jobs_per_second", "idle_latency_ms", "cpu_ms_per_job"):
        assert {(measure, peer) for peer in ("celery", "taskiq", "inline")} <= set(distributed)
    assert ("jobs_per_second_at_100k", "empty") in distributed
    assert ("upload_mb_per_second", "uploadfile") in distributed
    for name in ("upload", "engine", "gateway", "orchestrator"):
        row = distributed[f"{name}_memory_mb", None]
        assert row["theirs"] is None
        assert row["ratio"] is None
    assert distributed["engine_memory_mb", None]["ours"] == 44.0
    assert distributed["errors_at_256_submitters", None]["ours"] == 1.0
    assert (tmp_path / "out" / ".gitignore").read_text() == "*\n"


def test_every_goal_has_its_row_and_only_where_it_holds() -> None:
    rows = all_rows()

    for goal in GOALS:
        for deployment in (EMBEDDED, DISTRIBUTED, DISTRIBUTED_FOLDER):
            found = [
                row
                for row in rows
                if (row.deployment, row.measure, row.against)
                == (deployment, goal.measure, goal.against)
            ]
            if deployment in goal.deployments:
                assert [goal_of(row) for row in found] == [goal], goal
            else:
                assert [goal_of(row) for row in found] in ([None], []), goal


@pytest.mark.parametrize(
    ("measure", "against", "reached"),
    [
        ("jobs_per_second", "celery", "aim"),  # 310 / 100 ≥ 3
        ("idle_latency_ms", "celery", "aim"),  # 10 / 20 ≤ 0.8
        ("cpu_ms_per_job", "celery", "must"),  # 2 / 2 ≤ 1
        ("errors_at_256_submitters", None, "no"),  # one in three rounds
        ("jobs_per_second_at_100k", "empty", "no"),  # 70 / 100 < 0.8
        ("gateway_memory_mb", None, "aim"),  # 50 ≤ 55
        ("upload_memory_mb", None, "aim"),  # 30 ≤ 32
    ],
)
def test_what_is_reached(measure: str, against: str | None, reached: str) -> None:
    row = the(all_rows(), DISTRIBUTED, measure, against)
    goal = goal_of(row)

    assert goal is not None
    assert goal.reached(row) == reached


def test_table_shows_goals_first_and_the_spread_of_the_rounds() -> None:
    lines = terminal_table(all_rows()).splitlines()

    first = next(line for line in lines if line.startswith("distributed ") and "celery" in line)
    assert first.split()[1:] == [
        *("jobs_per_second", "celery", "310", "(300-330)", "100", "3.1", "(3-3.3)"),
        *("≥", "1", "≥", "3", "aim"),
    ]
    assert [line.split()[-1] for line in lines[1:]].count("aim") > 10
    reached = [line.split()[-1] in {"aim", "must", "no"} for line in lines[1:]]
    assert reached == sorted(reached, reverse=True)


def test_document_keeps_what_was_written_by_hand(tmp_path: Path, around: Circumstances) -> None:
    path = tmp_path / "performance.md"
    write_document(all_rows(), around, path)
    text = path.read_text(encoding="utf-8")
    inside = text.partition(KEPT_BEGIN)[2].partition(KEPT_END)[0]
    by_hand = "## What each change gave\n\n| change | before | after |\n"
    path.write_text(text.replace(inside, f"\n{by_hand}\n"), encoding="utf-8")

    write_document(all_rows(), around, path)
    again = path.read_text(encoding="utf-8")

    assert by_hand in again
    assert again.count(KEPT_BEGIN) == again.count(KEPT_END) == 1
    assert "| jobs_per_second | celery | 310 (300-330) | 100 |" in again
    assert write_document(all_rows(), around, path).read_text(encoding="utf-8") == again


def test_plan_of_a_full_and_of_a_quick_run() -> None:
    full, quick = read_plan([]), read_plan(["--quick"])

    assert full.deployments == (EMBEDDED, DISTRIBUTED, DISTRIBUTED_FOLDER)
    assert full.rounds > quick.rounds
    assert quick.deployments == (DISTRIBUTED,)
    assert read_plan(["--only", "upload,jobs"]).subjects == ("jobs", "upload")
    assert read_plan(["--quick", "--deployment", "embedded"]).deployments == (EMBEDDED,)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--only", "uploads"], "choose from jobs, depth, width, speedup, speech, upload"),
        (["--write-docs", "--quick"], "--write-docs is for a full run"),
    ],
)
def test_plan_that_cannot_be_used(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        read_plan(words)

    assert message in capsys.readouterr().err
