"""What a run measures, how much of it, and on which deployments."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.deployments import DEPLOYMENTS, DISTRIBUTED
from bench.depth import DepthLoad
from bench.jobs import Load
from bench.upload import GIBIBYTE
from bench.width import WidthLoad

SUBJECTS = {
    "jobs": "latency, throughput, processor time and memory, beside the peers",
    "depth": "submitting and completing with 0, 10,000 and 100,000 jobs queued",
    "width": "jobs with 1 and with 64 tasks side by side",
    "speedup": "one recording of many chunks with 1, 8 and 64 runners of an engine that sleeps",
    "speech": "a long recording with the real engine, beside its library, and with two runners",
    "upload": "a huge upload, beside FastAPI's UploadFile",
}


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        subjects: Some of `SUBJECTS`.
        deployments: Some of `DEPLOYMENTS`.
        rounds: How often each is measured, in turns with its peers.
        load: Of a round of jobs.
        depth: Of a backlog.
        width: Of wide jobs.
        chunks: That each runner gets of a recording whose chunks are done side by side.
        manifest: Recordings that are joined to the long one; None means the demo's.
        repeats: How often they come in it.
        upload_bytes: Size of the huge upload.
        folder: Where the servers keep their data; None means the system's temporary folder.
        write_docs: Write the document, too.
        options: The command line, for the record.
    """

    subjects: tuple[str, ...]
    deployments: tuple[str, ...]
    rounds: int
    load: Load
    depth: DepthLoad
    width: WidthLoad
    chunks: int
    manifest: Path | None
    repeats: int
    upload_bytes: int
    folder: Path | None
    write_docs: bool
    options: str


def read_plan(words: list[str] | None = None) -> Plan:
    """Read the command line; ends the process with a message if it can't be used."""
    parser = _parser()
    given = parser.parse_args(words)
    partial = given.quick or given.only or given.deployment
    if given.write_docs and partial:
        parser.error("--write-docs is for a full run: leave out --quick, --only and --deployment")
    deployments = given.deployment or ([DISTRIBUTED] if given.quick else list(DEPLOYMENTS))
    rounds = given.rounds or (1 if given.quick else 3)
    return Plan(
        subjects=tuple(given.only or SUBJECTS),
        deployments=tuple(deployments),
        rounds=rounds,
        load=Load(20, 200, 256) if given.quick else Load(40, 600, 512),
        depth=DepthLoad(20, 100, 1) if given.quick else DepthLoad(40, 300, rounds),
        width=WidthLoad(3, 200) if given.quick else WidthLoad(6, 600),
        chunks=4 if given.quick else 10,
        manifest=given.speech,
        repeats=1 if given.speech else 2 if given.quick else 10,
        upload_bytes=GIBIBYTE // 4 if given.quick else GIBIBYTE,
        folder=given.folder,
        write_docs=given.write_docs,
        options=" ".join(sys.argv[1:] if words is None else words),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Measures Dalston beside what people would use instead. "
        'Options are given as ARGS="…".',
        epilog="Subjects: "
        + "; ".join(f"{name}: {text}" for name, text in SUBJECTS.items())
        + ". Deployments: "
        + "; ".join(f"{name}: {text}" for name, text in DEPLOYMENTS.items())
        + ".",
    )
    parser.add_argument("--only", type=_names(SUBJECTS), metavar="SUBJECTS", help="jobs,upload …")
    parser.add_argument(
        "--deployment", type=_names(DEPLOYMENTS), metavar="NAMES", help="embedded,distributed …"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="about two minutes: one round, less of everything, the distributed deployment alone "
        "unless others are named; the huge upload is 256 MiB",
    )
    parser.add_argument("--rounds", type=int, help="rounds of each (3; quick: 1)")
    parser.add_argument("--write-docs", action="store_true", help="write docs/performance.md, too")
    parser.add_argument(
        "--speech",
        type=Path,
        metavar="MANIFEST",
        help="the long recording is made of the English ones of this manifest (docs/quality.md)",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where the servers keep their data (as root, where the user `nobody` gets in)",
    )
    return parser


class _names:  # noqa: N801 - reads as a type in `type=_names(...)`
    """Reads known names from a list with commas, in the order in which they are known."""

    def __init__(self, known: dict[str, str]) -> None:
        self._known = known

    def __call__(self, text: str) -> list[str]:
        given = {name.strip() for name in text.split(",")}
        if not given <= set(self._known):
            raise argparse.ArgumentTypeError(f"choose from {', '.join(self._known)}")
        return [name for name in self._known if name in given]
