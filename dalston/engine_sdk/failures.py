"""Why a task has no result, in the words that users read: for what more than one place finds."""

from __future__ import annotations

from dalston.common.models import Failure


def refused(engine_id: str, error: ValueError) -> Failure:
    """Return the failure of an engine whose output isn't what its stage promises."""
    text = f"The engine {engine_id} returned what its stage must not: {error}."
    return Failure("invalid_engine_output", text, retryable=True)


def no_room(error: OSError) -> Failure:
    """Return the failure of a task whose temporary files have no room."""
    text = f"There is no room for the engine's temporary files ({error.strerror}). Free some."
    return Failure("no_temporary_space", text, retryable=True)
