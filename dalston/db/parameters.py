"""What the transitions give to their statements."""

from __future__ import annotations

from typing import Any

from dalston.common.messages import Attempt
from dalston.common.models import Failure, clean_failure

Values = dict[str, Any]


def naming(attempt: Attempt) -> Values:
    """Return the parameters that name an attempt's task and hand-out."""
    return {"by_id": attempt.task_id, "by_hand_out": attempt.hand_out}


def binding(attempt: Attempt) -> Values:
    """Return the parameters that bind an attempt to its task."""
    return naming(attempt) | {"by_token": attempt.token, "by_instance": attempt.instance}


def reason(failure: Failure) -> Values:
    """Return the parameters that say why something failed."""
    clean = clean_failure(failure.code, failure.message, failure.retryable)
    return {"by_code": clean.code, "by_message": clean.message}
