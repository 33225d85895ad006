"""What the command line says when a server says no: its own commands, not routes over HTTP."""

from __future__ import annotations

from dalston.client.errors import RefusedError
from dalston.client.progress import printable

_SAID = {
    "job_not_found": "There is no job {job}. It may have been deleted; `dalston jobs list` lists "
    "what is there.",
    "job_finished": "The job has ended already. `dalston jobs rm {job}` removes it with all there "
    "is.",
    "job_not_finished": "The job has not ended. Wait until it has with `dalston jobs watch {job}`, "
    "or stop it first with `dalston jobs cancel {job}`.",
    "job_completed": "The job is completed, so there is nothing to retry. `dalston jobs rerun "
    "{job}` makes another result of it.",
    "job_not_completed": "The job has no transcript. `dalston jobs show {job}` says how far it is, "
    "or why it has none.",
    "version_not_found": "The job has no such version. They are counted from 1 to the `version` "
    "that `dalston jobs show {job}` has.",
}
"""By the error's code. The server's own words are for programs, and name routes."""


def explained(error: RefusedError, job_id: str | None = None) -> str:
    """Return what a person at a shell is told of a refusal.

    Args:
        error: The refusal.
        job_id: The job that it is about, if it is about one.
    """
    said = _SAID.get(error.code)
    if said is None or job_id is None:
        return str(error)
    return f"{said.format(job=printable(job_id))} [{error.code}]"
