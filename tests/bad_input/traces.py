"""What requests leave behind: jobs, objects, files."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.deployment import Deployment
from tests.support.files import files_below
from tests.support.stack import TRANSCRIPTIONS, Stack
from tests.support.waiting import until


@dataclass(frozen=True)
class Traces:
    """What there is at one moment."""

    newest_jobs: tuple[str, ...]
    objects: frozenset[str]
    files: frozenset[str]


def temporary_folder(deployment: Deployment) -> Path:
    """Return the folder that a gateway under test has for temporary files."""
    return deployment.folder / "temporary"


def traces(stack: Stack, known: Collection[str] = ()) -> Traces:
    """Look at everything that a request could have left.

    Args:
        stack: The server.
        known: Jobs whose objects don't count: those of earlier tests may still go on.
    """

    def counts(path: str) -> bool:
        return not any(job_id in path for job_id in known)

    objects = asyncio.run(stack.deployment.store().list("jobs"))
    folders = [temporary_folder(stack.deployment)]
    if stack.deployment.store_settings.folder is not None:
        # An object that is being written has a name that the store doesn't list. Beside them the
        # gateway writes now and then to see whether the store answers.
        folders.append(stack.deployment.store_settings.folder / "jobs")
    files = filter(counts, (str(path) for folder in folders for path in files_below(folder)))
    newest = stack.client.get(TRANSCRIPTIONS, params={"limit": "5"}).json()["jobs"]
    left = frozenset(filter(counts, objects))
    return Traces(tuple(job["id"] for job in newest), left, frozenset(files))


def job_ids(stack: Stack) -> list[str]:
    """Return the ids of all jobs, newest first."""
    found: list[str] = []
    parameters: dict[str, str] = {"limit": "100"}
    while True:
        page = stack.client.get(TRANSCRIPTIONS, params=parameters).json()
        found += [job["id"] for job in page["jobs"]]
        if page["next_cursor"] is None:
            return found
        parameters["cursor"] = page["next_cursor"]


@contextmanager
def nothing_left_by(stack: Stack) -> Iterator[None]:
    """Check that what happens inside leaves no trace, and a server that is alive."""
    known = job_ids(stack)
    before = traces(stack, known)
    yield
    until(lambda: traces(stack, known) == before, "everything to be as it was before")
    assert stack.client.get("/health").json() == {"status": "ok"}
