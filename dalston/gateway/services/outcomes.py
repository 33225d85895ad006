"""Why a request doesn't get the transcript of a job that it is about."""

from __future__ import annotations

from dalston.common.errors import DalstonError, RequestError


class JobError(DalstonError):
    """A request that waited for its job's transcript doesn't get it. Sending it again won't help.

    Args:
        message: For people: what is wrong, and what to do next.
        job_id: The job.
    """

    code = "job_failed"

    def __init__(self, message: str, job_id: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class JobStillRunningError(JobError):
    """The job takes longer than a request may wait for it, and goes on."""

    code = "job_still_running"
    http_status = 504


class JobFailedError(JobError):
    """The job has failed.

    Args:
        message: Why.
        job_id: The job.
        code: That of the job's error.
        by_recording: Whether the recording is to blame, or what was asked about it.
    """

    def __init__(self, message: str, job_id: str, *, code: str, by_recording: bool) -> None:
        super().__init__(message, job_id)
        self.code = code
        if by_recording:
            self.http_status = RequestError.http_status
            self.param = "file"


class JobCancelledError(JobError):
    """Somebody stopped or deleted the job meanwhile."""

    code = "job_cancelled"
    http_status = 409


class NotCompletedError(JobError):
    """The job has no transcript: it still runs, has failed or was stopped."""

    code = "job_not_completed"
    http_status = 409


class AudioDeletedError(JobError):
    """The job's recording is not kept any more."""

    code = "audio_deleted"
    http_status = 410


class RangeError(JobError):
    """None of the bytes that were asked for are there.

    Args:
        message: How many there are.
        job_id: The job.
        size: Bytes of the recording.
    """

    code = "range_not_satisfiable"
    http_status = 416

    def __init__(self, message: str, job_id: str, size: int) -> None:
        super().__init__(message, job_id)
        self.size = size


class NotFetchedError(JobError):
    """The recording is named by its address, and has not been fetched: not yet, or in vain."""

    code = "recording_not_fetched"
    http_status = 409


class SpeakersNotFoundError(JobError):
    """The transcript is there, but the stage that finds the speakers has failed."""

    code = "speakers_not_found"
