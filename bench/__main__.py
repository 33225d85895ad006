"""`make bench`: what Dalston's own work costs, beside doing it all inside one request."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import uvloop

from bench import processes, report
from bench.load import LoadError
from bench.measure import SUBMITTERS, Plan, Round, measure, warm_up
from bench.report import Row
from bench.targets import Dalston, Inline, Target

_AUDIO_BYTES = 100 * 1024


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each server (default 3)")
    parser.add_argument("--single", type=int, default=60, help="jobs one by one (default 60)")
    parser.add_argument("--many", type=int, default=200, help="jobs at once (default 200)")
    parser.add_argument(
        "--folder", type=Path, help="where the servers keep their data (default: a temporary one)"
    )
    return parser.parse_args()


async def run(options: argparse.Namespace) -> None:
    """Measure both servers in turns, print the table, write the file."""
    around = report.circumstances()
    plan = Plan(options.single, options.many)
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder))
        )
        audio = os.urandom(_AUDIO_BYTES)
        ours, theirs = Dalston(folder / "ours", audio), Inline(folder / "theirs", audio)
        found: dict[str, list[Round]] = {ours.name: [], theirs.name: []}
        for target in (ours, theirs):
            stack.callback(target.stop)
            await target.start()
            await warm_up(target)
        for number in range(1, options.rounds + 1):
            for target in (ours, theirs):
                print(f"round {number} of {options.rounds}: {target.name}", flush=True)
                found[target.name].append(await measure(target, plan))
        rows = compare(ours, theirs, found[ours.name], found[theirs.name])
    around = dataclasses.replace(around, load_after=os.getloadavg()[0])
    print(f"\n{report.table(rows, around)}\n")
    print(notes(plan))
    report.write(rows, around)
    print(f"Written to {report.OUTPUT}")


def compare(ours: Target, theirs: Target, mine: list[Round], others: list[Round]) -> list[Row]:
    """Return the figures of both, side by side, and then ours by role."""

    def row(measure_name: str, attribute: str) -> Row:
        return Row(
            ours.name,
            measure_name,
            theirs.name,
            tuple(getattr(one, attribute) for one in mine),
            tuple(getattr(one, attribute) for one in others),
        )

    rows = [
        row("idle: POST to transcript, p50, ms", "p50"),
        row("idle: POST to transcript, p95, ms", "p95"),
        row(f"{SUBMITTERS} submitters: jobs/s", "rate"),
    ]
    if not processes.AVAILABLE:
        print("No /proc here: processor time and memory are not measured.", file=sys.stderr)
        return rows
    rows.append(row("no jobs: CPU ms/s", "idle_cpu"))
    for unit, attribute in (("CPU ms/job", "cpu"), ("memory MB", "memory")):
        totals = [
            tuple(sum(getattr(one, attribute).values()) for one in rounds)
            for rounds in (mine, others)
        ]
        rows.append(Row(ours.name, f"{unit}, all", theirs.name, *totals))
        for role in sorted(getattr(mine[0], attribute)):
            values = tuple(getattr(one, attribute)[role] for one in mine)
            rows.append(Row(ours.name, f"{unit}, {role}", None, values))
    return rows


def notes(plan: Plan) -> str:
    """Return what a reader has to know about the figures."""
    return (
        f"Values are median (minimum-maximum) of the rounds; a ratio is ours over theirs.\n"
        f"A round: {plan.single} jobs one by one, then {plan.many} by {SUBMITTERS} clients, with "
        f"{_AUDIO_BYTES // 1024} KiB of upload each.\n"
        f"Load generator and both servers share the cores. Ours is polled for its transcripts.\n"
        f"Memory that processes share is counted in each of them; the engine children hold all\n"
        f"engines that `serve` starts, the speech model included."
    )


def main() -> int:
    """Run the bench."""
    try:
        uvloop.run(run(arguments()))
    except (LoadError, asyncio.IncompleteReadError, ConnectionError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
