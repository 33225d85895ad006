"""Why a task has no result, in the words that users read: for what more than one place finds."""

from __future__ import annotations

import signal

from dalston.common.errors import DalstonError
from dalston.common.models import Failure

UNREADABLE_INPUT = Failure(
    "object_unreadable",
    "The store answers, but does not give the recording, or what an earlier stage had made of it. "
    "Look who may read it there, whether it was moved to an archive, and at the disk; then retry "
    "the job.",
    retryable=True,
)

OTHER_STORE = Failure(
    "object_missing",
    "The store that this engine uses has nothing of the job, not even its recording. Look whether "
    "it is the server's store (S3_BUCKET, S3_ENDPOINT_URL, DALSTON_DATA_DIR), and who removes "
    "files there; then retry the job.",
)
"""Of an engine on its own, more often than not, that was started without the server's settings."""

OWN_FAULT = Failure(
    "engine_error",
    "A fault of the server's own ended this task; its log says which.",
    retryable=True,
)


def refused(engine_id: str, error: ValueError) -> Failure:
    """Return the failure of an engine whose output isn't what its stage promises."""
    text = f"The engine {engine_id} returned what its stage must not: {error}."
    return Failure("invalid_engine_output", text, retryable=True)


def not_stored(error: DalstonError) -> Failure:
    """Return the failure of a task whose output, or a file beside it, the store didn't take."""
    text = f"The result could not be stored: {error.message}"
    return Failure("output_store_failed", text, retryable=True)


def no_room(error: OSError) -> Failure:
    """Return the failure of a task whose temporary files have no room."""
    text = f"There is no room for the engine's temporary files ({error.strerror}). Free some."
    return Failure("no_temporary_space", text, retryable=True)


def died(engine_id: str, status: int) -> Failure:
    """Return the failure of an engine whose process has died, in words that help.

    Args:
        engine_id: The engine's.
        status: That of its process: what it exited with, or minus the signal that ended it.
    """
    if status == -signal.SIGKILL:
        text = (
            f"The engine {engine_id} was killed (SIGKILL), most often because memory ran out. "
            f"Give it more memory, or a smaller model."
        )
        return Failure("engine_out_of_memory", text, retryable=True)
    how = f"signal {_signal_name(-status)}" if status < 0 else f"exit status {status}"
    text = f"The engine {engine_id} crashed ({how}). Its log may say why."
    return Failure("engine_crashed", text, retryable=True)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Most of the real-time signals have none.
        return str(number)
