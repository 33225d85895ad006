"""`make bench`: Dalston beside what people would use instead, in one run on one machine."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from bench import measures, report
from bench.deployments import DISTRIBUTED, DISTRIBUTED_FOLDER, Parts, new_site, shared_parts
from bench.depth import measure_depths
from bench.document import write_document
from bench.jobs import Round, measure_ours, measure_peer
from bench.peers.store_alone import measure_store
from bench.plan import Plan, read_plan
from bench.processes import AVAILABLE
from bench.report import Row, Surroundings
from bench.speech import Material, Speech, measure_library, measure_runners, write_material
from bench.speedup import measure_speedups
from bench.table import surroundings, terminal_table
from bench.upload import UPLOADFILE, Upload, measure_upload
from bench.waiting import MeasureError
from bench.width import measure_widths

Found = TypeVar("Found")
Arguments = ParamSpec("Arguments")


class Bench:
    """One run.

    Attributes:
        failures: What could not be measured, and why.
    """

    def __init__(self, plan: Plan, parts: Parts) -> None:
        self._plan = plan
        self._parts = parts
        self._begin = time.monotonic()
        self.failures: list[str] = []

    def rows(self) -> list[Row]:
        """Measure everything that the plan names."""
        subjects = {
            "jobs": self._jobs,
            "depth": self._depth,
            "width": self._width,
            "speedup": self._speedup,
            "speech": self._speech,
            "upload": self._upload,
        }
        return [row for name in self._plan.subjects for row in subjects[name]()]

    def _jobs(self) -> Iterable[Row]:
        plan, parts = self._plan, self._parts
        # The peers stand between the deployments, so that a busy minute hits both.
        names: list[str] = []
        for deployment in plan.deployments:
            names += [deployment, *measures.peers_of(deployment)]
        found: dict[str, list[Round]] = {name: [] for name in names}
        for number in range(1, plan.rounds + 1):
            for name, rounds in found.items():
                measure = measure_ours if name in plan.deployments else measure_peer
                what = f"jobs, round {number}: {name}"
                rounds.extend(self._try(what, measure, name, parts, plan.load))
        for deployment in plan.deployments:
            if found[deployment]:
                yield from measures.job_rows(deployment, found[deployment], found)

    def _depth(self) -> Iterable[Row]:
        plan = self._plan
        for name in plan.deployments:
            for found in self._try(f"depth: {name}", measure_depths, name, self._parts, plan.depth):
                yield from measures.depth_rows(name, found)

    def _width(self) -> Iterable[Row]:
        plan = self._plan
        for name in plan.deployments:
            for found in self._try(f"width: {name}", measure_widths, name, self._parts, plan.width):
                yield from measures.width_rows(name, found)

    def _speedup(self) -> Iterable[Row]:
        # One deployment is enough: what is measured is waiting, not work.
        name = DISTRIBUTED if DISTRIBUTED in self._plan.deployments else None
        if name is None:
            return
        chunks = self._plan.chunks
        for found in self._try(f"speedup: {name}", measure_speedups, name, self._parts, chunks):
            yield from measures.speedup_rows(name, found)

    def _speech(self) -> Iterable[Row]:
        # Where the store is doesn't matter to what takes minutes.
        name, plan = DISTRIBUTED_FOLDER, self._plan
        if name not in plan.deployments:
            return
        words = (self._parts.folder, plan.manifest, plan.repeats)
        for material in self._try("speech: the recording", write_material, *words):
            yield from self._speech_of(name, material)

    def _speech_of(self, name: str, material: Material) -> Iterable[Row]:
        alone: list[Speech] = []
        ours: dict[int, list[Speech]] = {1: [], 2: []}
        for number in range(1, self._plan.rounds + 1):
            what = f"speech, round {number}"
            alone += self._try(f"{what}: library", measure_library, material)
            for runners in ours:
                words = (name, self._parts, material, runners)
                ours[runners] += self._try(f"{what}: {runners} runners", measure_runners, *words)
        if alone and all(ours.values()):
            yield from measures.speech_rows(name, ours, alone)

    def _upload(self) -> Iterable[Row]:
        plan, parts = self._plan, self._parts
        found: dict[str, list[Upload]] = {name: [] for name in (*plan.deployments, UPLOADFILE)}
        alone: list[float] = []
        for number in range(1, plan.rounds + 1):
            for name, uploads in found.items():
                what = f"upload, round {number}: {name}"
                uploads.extend(self._try(what, measure_upload, name, parts, plan.upload_bytes))
            if DISTRIBUTED in plan.deployments:
                alone += self._try(f"upload, round {number}: S3 alone", self._store_alone)
        for deployment in plan.deployments:
            if found[deployment]:
                yield from measures.upload_rows(
                    deployment, found[deployment], found[UPLOADFILE], alone
                )

    def _store_alone(self) -> float:
        with new_site(DISTRIBUTED, self._parts) as site:
            return measure_store(site.environment, self._plan.upload_bytes)

    def _try(
        self,
        what: str,
        measure: Callable[Arguments, Found],
        *words: Arguments.args,
        **more: Arguments.kwargs,
    ) -> list[Found]:
        """Return what was measured, or nothing if it could not be."""
        print(f"[{time.monotonic() - self._begin:5.0f} s] {what}", flush=True)
        try:
            return [measure(*words, **more)]
        except MeasureError as error:
            self.failures.append(f"{what}: {error}")
            print(f"          failed: {error}", file=sys.stderr, flush=True)
            return []


def main() -> int:
    """Run the bench; the exit status is 1 if something could not be measured."""
    plan = read_plan()
    if not AVAILABLE:
        print("bench: processor time and memory are read from /proc, which isn't here: use Linux.")
        return 1
    # As Ctrl-C does: what was started is stopped, what was written is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    around = Surroundings(plan.options)
    with shared_parts(plan.folder) as parts:
        bench = Bench(plan, parts)
        rows = bench.rows()
    circumstances = around.now()
    print(f"\n{terminal_table(rows)}\n\n{surroundings(circumstances)}\n")
    print("Figures are medians, with the lowest and the highest of the rounds in brackets.")
    report.write(rows, circumstances)
    print(f"Written to {report.OUTPUT}")
    if plan.write_docs and not bench.failures:
        print(f"Written to {write_document(rows, circumstances)}")
    for failure in bench.failures:
        print(f"bench: could not be measured: {failure}", file=sys.stderr)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
