"""The transcript of a completed job, checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from dalston.common.transcript import Transcript
from dalston.gateway.services.outcomes import JobFailedError

log = structlog.get_logger(__name__)


def transcript_of(job_id: str, fields: Mapping[str, Any]) -> Transcript:
    """Return what the last engine of a job's pipeline has returned as a transcript.

    Raises:
        JobFailedError: It is none: the engine of a pipeline of one's own may return anything.
    """
    try:
        return msgspec.json.decode(msgspec.json.encode(fields), type=Transcript)
    except msgspec.ValidationError as error:
        log.warning("not_a_transcript", job_id=job_id, reason=str(error))
        raise JobFailedError(
            "The pipeline's last engine has returned something else than a transcript. Ask for "
            "the job: it has all that was returned.",
            job_id,
            code="invalid_engine_output",
            by_recording=False,
        ) from None
