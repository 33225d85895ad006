"""From what was measured to rows: which measure has which name, and against whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.deployments import DISTRIBUTED, EMBEDDED
from bench.depth import Depth
from bench.jobs import CROWD, Round
from bench.report import Row
from bench.roles import ENGINES, GATEWAY, ORCHESTRATOR
from bench.speech import Speech
from bench.speedup import Speedup
from bench.upload import UPLOADFILE, Upload
from bench.width import Width

INLINE_SQLITE = "inline-sqlite"
_PEERS = ("celery", "taskiq", "inline")
_THOUSAND = 1000


def peers_of(deployment: str) -> tuple[str, ...]:
    """Return whom a deployment's jobs are compared with: peers on the same kind of database."""
    return (INLINE_SQLITE,) if deployment == EMBEDDED else _PEERS


def job_rows(
    deployment: str, ours: Sequence[Round], peers: Mapping[str, Sequence[Round]]
) -> list[Row]:
    """Return the rows of a deployment's jobs, memory included."""
    rows = []
    mine = _by_measure([_compared(one) for one in ours])
    for peer in peers_of(deployment):
        against = "inline" if peer == INLINE_SQLITE else peer
        if not peers[peer]:
            continue  # It could not be measured, and that has been said.
        theirs = _by_measure([_compared(one) for one in peers[peer]])
        rows += [Row(deployment, name, against, mine[name], theirs[name]) for name in mine]
    own = _by_measure([_own(deployment, one) for one in ours])
    return rows + [Row(deployment, name, None, values) for name, values in own.items()]


def _by_measure(rounds: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, ...]]:
    return {name: tuple(one[name] for one in rounds) for name in rounds[0]}


def _compared(one: Round) -> dict[str, float]:
    """Return the figures that every server has."""
    return {
        "jobs_per_second": one.jobs_per_second,
        "idle_latency_ms": one.p50,
        "idle_latency_p95_ms": one.p95,
        "cpu_ms_per_job": one.cpu_per_job,
    }


def _own(deployment: str, one: Round) -> dict[str, float]:
    """Return the figures of ours alone."""
    figures = {
        f"errors_at_{CROWD}_submitters": float(one.errors),
        "idle_cpu_ms_per_second": one.idle_cpu,
    }
    figures |= {f"cpu_ms_per_job_{role}": ms for role, ms in sorted(one.cpu.items())}
    figures |= {
        f"cpu_ms_per_job_beside_{part.lower()}": ms for part, ms in sorted(one.cpu_beside.items())
    }
    for suffix, memory in (("", one.memory), ("_after_load", one.memory_after)):
        used = {GATEWAY: memory[GATEWAY], ORCHESTRATOR: memory[ORCHESTRATOR]}
        if deployment == EMBEDDED:
            # One supervisor and a child for each engine there is, the speech model among them.
            used["all_engines"] = memory["engine_supervisors"] + memory["engine_children"]
        else:
            used["engine"] = max(memory[f"engine {engine}"] for engine in ENGINES)
        figures |= {f"{name}_memory{suffix}_mb": megabytes for name, megabytes in used.items()}
    return figures


def depth_rows(deployment: str, depths: Sequence[Depth]) -> list[Row]:
    """Return the rows of a backlog; the first depth is that of an empty system."""
    empty, *deeper = depths
    rows = _of_depth(deployment, empty, None)
    for depth in deeper:
        rows += _of_depth(deployment, depth, empty)
    return rows


def _of_depth(deployment: str, depth: Depth, empty: Depth | None) -> list[Row]:
    label = f"{depth.depth // _THOUSAND}k" if depth.depth else "0"
    against = None if empty is None else "empty"
    rates = () if empty is None else empty.jobs_per_second
    rows = [Row(deployment, f"jobs_per_second_at_{label}", against, depth.jobs_per_second, rates)]
    if depth.submit_ms is not None:
        before = () if empty is None or empty.submit_ms is None else (empty.submit_ms,)
        rows.append(Row(deployment, f"submit_ms_at_{label}", against, (depth.submit_ms,), before))
    return rows


def width_rows(deployment: str, widths: Sequence[Width]) -> list[Row]:
    """Return the rows of wide jobs."""
    rows = []
    for width in widths:
        name = f"dag_width_{width.width}"
        for measure, values in (
            ("ms", width.milliseconds),
            ("tasks_per_second", (width.tasks_per_second,)),
            ("cpu_ms_per_task", (width.cpu_ms_per_task,)),
        ):
            rows.append(Row(deployment, f"{name}_{measure}", None, values))
    return rows


def speedup_rows(deployment: str, found: Sequence[Speedup]) -> list[Row]:
    """Return the rows of a recording that several runners share."""
    return [
        Row(deployment, f"efficiency_at_{one.runners}_runners", None, (one.efficiency,))
        for one in found
    ]


def speech_rows(
    deployment: str, ours: Mapping[int, Sequence[Speech]], alone: Sequence[Speech]
) -> list[Row]:
    """Return the rows of a long recording.

    Args:
        deployment: What was measured.
        ours: Of each round, by the number of runners: 1 and 2.
        alone: Of each round of the library.
    """
    seconds = {runners: tuple(one.seconds for one in found) for runners, found in ours.items()}
    rates = {runners: tuple(one.error_rate for one in found) for runners, found in ours.items()}
    theirs = tuple(one.seconds for one in alone), tuple(one.error_rate for one in alone)
    return [
        Row(deployment, "speech_seconds", "library", seconds[1], theirs[0]),
        Row(deployment, "speech_errors_percent", "library", rates[1], theirs[1]),
        Row(deployment, "speech_seconds_of_2_runners", "1 runner", seconds[2], seconds[1]),
        Row(deployment, "speech_errors_percent_of_2_runners", "1 runner", rates[2], rates[1]),
    ]


def upload_rows(
    deployment: str, ours: Sequence[Upload], theirs: Sequence[Upload], alone: Sequence[float]
) -> list[Row]:
    """Return the rows of a huge upload.

    Args:
        deployment: What was measured.
        ours: Of each round.
        theirs: Likewise, of `uploadfile`.
        alone: Megabytes per second that the S3 server takes by itself.
    """
    rows = [
        Row(
            deployment,
            "upload_mb_per_second",
            UPLOADFILE,
            tuple(one.mb_per_second for one in ours),
            tuple(one.mb_per_second for one in theirs),
        ),
        Row(deployment, "upload_memory_mb", None, tuple(one.growth_mb for one in ours)),
        Row(
            deployment,
            "upload_cpu_seconds_per_gb",
            UPLOADFILE,
            tuple(one.cpu_seconds_per_gb for one in ours),
            tuple(one.cpu_seconds_per_gb for one in theirs),
        ),
    ]
    if deployment == DISTRIBUTED and alone:
        rows.append(Row(deployment, "s3_server_alone_mb_per_second", None, tuple(alone)))
    return rows
