"""Finding a job by the id that a client gives."""

from __future__ import annotations

from dalston.common.errors import JobNotFoundError
from dalston.common.models import JOB_ID, Job
from dalston.db import reading
from dalston.db.statements import Connection


async def found_job(connection: Connection, owner: str, job_id: str) -> Job:
    """Return a job of an owner; one that is somebody else's is as good as none.

    Raises:
        JobNotFoundError: The owner has none of that id, or no longer.
    """
    require_id(job_id)
    name = (owner, job_id)
    found = await reading.owned_jobs(connection, {name})
    if name not in found:
        raise not_found(job_id)
    return found[name]


def require_id(job_id: str) -> None:
    """Refuse what can't be an id, before a database sees it.

    Raises:
        JobNotFoundError: It is none.
    """
    if not JOB_ID.fullmatch(job_id):
        raise not_found(job_id)


def not_found(job_id: str) -> JobNotFoundError:
    """Return the error for an id that no job has."""
    shown = job_id if JOB_ID.fullmatch(job_id) else "of that id"
    return JobNotFoundError(
        f"There is no job {shown}. It may have been deleted; GET /v1/audio/transcriptions lists "
        f"what is there."
    )
