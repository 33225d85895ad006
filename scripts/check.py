"""Runs all checks: format, lint, rules of the house, import layers, types, compiled statements.

All of them run even when one fails; only what failed prints more than a line. Two at a time, since
the type checker takes most of the time and uses one processor.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
TYPED_FOLDERS = ("dalston", "tests", "bench", "scripts")


@dataclass(frozen=True)
class Step:
    """One check: its name and the commands that must all succeed."""

    name: str
    commands: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """What a check said, and how long it took in seconds."""

    step: Step
    passed: bool
    output: str
    seconds: float


def engine_commands() -> tuple[tuple[str, ...], ...]:
    """Returns one type check for each engine's folder.

    Each engine is a script named engine.py in a folder whose name may be no Python name, so they
    can't share one run. They share no cache either: mypy knows a file there by its module's name,
    which is the same for all of them.
    """
    options = ("--no-namespace-packages", "--no-explicit-package-bases")
    examples = sorted((ROOT / "examples").glob("*/engines"))
    roots = (ROOT / "engines", ROOT / "tests" / "support" / "engines", *examples)
    sources = sorted(path.relative_to(ROOT) for root in roots for path in root.glob("*/*/*.py"))
    return tuple(
        (str(BIN / "mypy"), *options, "--cache-dir", f".mypy_cache/{folder}", *map(str, files))
        for folder, files in groupby(sources, key=lambda path: path.parent)
    )


def steps() -> list[Step]:
    """Returns the checks, the slowest first."""
    ruff, mypy = str(BIN / "ruff"), str(BIN / "mypy")
    folders = [folder for folder in TYPED_FOLDERS if next((ROOT / folder).rglob("*.py"), None)]
    return [
        Step("types", ((mypy, *folders),)),
        Step("types of engines", engine_commands()),
        Step("import layers", ((str(BIN / "lint-imports"), "--no-logo"),)),
        Step("rules of the house", ((sys.executable, "-m", "scripts.check_rules"),)),
        Step("statements", ((sys.executable, "-m", "scripts.compile_statements", "--check"),)),
        Step("lint", ((ruff, "check", "--quiet", "--output-format", "concise", "."),)),
        Step("format", ((ruff, "format", "--check", "--quiet", "."),)),
    ]


def perform(step: Step) -> Outcome:
    """Runs a check's commands, all of them."""
    start = time.monotonic()
    results = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        for command in step.commands
    ]
    failed = [result for result in results if result.returncode != 0]
    output = "".join(result.stdout + result.stderr for result in failed)
    return Outcome(step, not failed, output, time.monotonic() - start)


def main() -> int:
    """Runs all checks and returns 1 if one failed."""
    failed = []
    with ThreadPoolExecutor(max_workers=2) as pool:
        for outcome in pool.map(perform, steps()):
            word = "ok" if outcome.passed else "FAILED"
            print(f"{outcome.step.name:<20} {word:<7}{outcome.seconds:5.1f} s", flush=True)
            if not outcome.passed:
                print(outcome.output, flush=True)
                failed.append(outcome.step.name)
    if failed:
        print(f"Failed: {', '.join(failed)}. `make format` repairs what can be repaired.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
