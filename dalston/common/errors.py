"""The error tree: each class says its code, its HTTP status and whether a retry helps.

`gateway/errors.py` turns what reaches a user into the one envelope. Engines report failures
with `dalston.engine_sdk.TaskFailed`, which becomes a `Failure` in a message and in a row.
"""

from __future__ import annotations

from typing import ClassVar

RECORDING_CODES = frozenset(
    {"unsupported_media", "unsupported_container", "unsupported_codec", "undecodable_audio"}
    | {"no_audio", "no_audio_stream", "corrupt_audio", "encrypted_media"}
    | {"unsupported_sample_rate", "unsupported_channels"}
)
"""Reasons of failed jobs that lie in the recording: whatever is mended here, it fails again.
What a setting, another model, another pipeline or the server at an address could mend is none."""


class DalstonError(Exception):
    """Something went wrong that we have a name for.

    Args:
        message: For people: what is wrong, and what to do next.
        param: The request's field that is wrong, if one is.
    """

    code = "internal_error"
    http_status = 500
    retryable = False
    job_id: str | None = None
    """The job that it is about, where the request made one: it goes on, or shows what happened."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param


class RequestError(DalstonError):
    """The request is wrong; the same request will be wrong again."""

    code = "invalid_request"
    http_status = 400


class MalformedBodyError(RequestError):
    """The body is not the multipart form that its headers promise."""

    code = "malformed_body"


class TooManyFieldsError(RequestError):
    """The form has more fields, or longer ones, than any honest client sends."""

    code = "form_too_large"


class DuplicateFieldError(RequestError):
    """A field that may be given once is there twice."""

    code = "duplicate_field"


class UnknownFieldError(RequestError):
    """A field that this route doesn't know."""

    code = "unknown_field"


class InvalidTextError(RequestError):
    """Text that is not UTF-8 or has control characters."""

    code = "invalid_text"


class MissingFileError(RequestError):
    """No file was sent, or the field `file` is plain text."""

    code = "missing_file"


class EmptyFileError(RequestError):
    """The file has no bytes."""

    code = "empty_file"


class InvalidParameterError(RequestError):
    """A parameter is outside of what it may be."""

    code = "invalid_parameter"


class InvalidUrlError(RequestError):
    """An address that the server should call can't be read, or has what it may not have."""

    code = "invalid_url"


class ForbiddenAddressError(RequestError):
    """An address that the server should call leads to where it may not call."""

    code = "forbidden_address"


class UnresolvedHostError(RequestError):
    """The host that the server should call isn't found now."""

    code = "unresolved_host"
    retryable = True


class UnknownPipelineError(RequestError):
    """No pipeline of that name."""

    code = "unknown_pipeline"


class UnsupportedLanguageError(RequestError):
    """The pipeline's engine doesn't know that language."""

    code = "unsupported_language"


class UnsupportedOptionError(RequestError):
    """The pipeline, or its model, can't do what an option asks for."""

    code = "unsupported_option"


class UnsupportedValueError(RequestError):
    """A field of OpenAI's has a value that the engine can't do; the message says what it can."""

    code = "unsupported_value"


class ModelNotFoundError(RequestError):
    """No model of that name; the message lists those that there are."""

    code = "model_not_found"
    http_status = 404


class UnsupportedTaskError(RequestError):
    """The model can't translate."""

    code = "unsupported_task"


class ContradictoryOptionsError(RequestError):
    """Two options can't be true together."""

    code = "contradictory_options"


class InvalidIdempotencyKeyError(RequestError):
    """The header `Idempotency-Key` is not one that can be kept."""

    code = "invalid_idempotency_key"


class InvalidKeyError(RequestError):
    """There is no API key, or none that is valid: all such requests hear the same."""

    code = "invalid_api_key"
    http_status = 401


class InsufficientScopeError(RequestError):
    """The API key doesn't allow this."""

    code = "insufficient_scope"
    http_status = 403


class UnknownStageError(RequestError):
    """The job's pipeline has no stage of that name."""

    code = "unknown_stage"


class NotFoundError(RequestError):
    """Nothing is there."""

    code = "not_found"
    http_status = 404


class JobNotFoundError(NotFoundError):
    """No job of that id, or no longer."""

    code = "job_not_found"


class VersionNotFoundError(NotFoundError):
    """The job has no such version, or its transcript is gone."""

    code = "version_not_found"


class MethodNotAllowedError(RequestError):
    """The path exists, but not for that method."""

    code = "method_not_allowed"
    http_status = 405


class ModelMissingError(RequestError):
    """The job needs a model that isn't on the machine of any engine that could do it."""

    code = "model_missing"
    http_status = 409


class EngineNotUsableError(RequestError):
    """The job needs an engine that can't work until somebody has done something about it."""

    code = "engine_not_usable"
    http_status = 409


class BodyTimeoutError(RequestError):
    """The body stopped arriving."""

    code = "body_timeout"
    http_status = 408
    retryable = True


class IdempotentJobGoneError(RequestError):
    """The job that an idempotency key stands for has been deleted."""

    code = "idempotent_job_gone"
    http_status = 409


class ConflictError(RequestError):
    """The job isn't in a state in which this can be done."""

    code = "conflict"
    http_status = 409


class JobFinishedError(ConflictError):
    """The job has ended: there is nothing left to cancel."""

    code = "job_finished"


class JobNotFinishedError(ConflictError):
    """The job still waits or runs."""

    code = "job_not_finished"


class JobCompletedError(ConflictError):
    """The job has its result: there is nothing to retry."""

    code = "job_completed"


class ObjectsGoneError(ConflictError):
    """What the job would have to go on from has been deleted."""

    code = "objects_gone"


class FileTooLargeError(RequestError):
    """The body is larger than this server accepts."""

    code = "file_too_large"
    http_status = 413


class UnsupportedContentTypeError(RequestError):
    """The body is not multipart/form-data."""

    code = "unsupported_content_type"
    http_status = 415


class IdempotencyKeyReusedError(RequestError):
    """The same idempotency key came with another content before."""

    code = "idempotency_key_reused"
    http_status = 422


class LimitReachedError(RequestError):
    """The owner may not have more of something now.

    Args:
        message: For people.
        param: As of every error.
        most: The limit.
        retry_after: Seconds until a repeated request may succeed.

    Attributes:
        quota: Name of the limit in the headers.
        window: Seconds that the limit holds for; None where time doesn't matter.
    """

    code = "limit_reached"
    http_status = 429
    retryable = True
    quota: ClassVar[str] = "limit"
    window: ClassVar[int | None] = None

    def __init__(
        self, message: str, *, param: str | None = None, most: int = 0, retry_after: int = 1
    ) -> None:
        super().__init__(message, param=param)
        self.most = most
        self.retry_after = retry_after


class TooManyRequestsError(LimitReachedError):
    """More requests in a minute than the owner may send."""

    code = "too_many_requests"
    quota = "requests"
    window = 60


class TooManyJobsError(LimitReachedError):
    """As many of the owner's jobs are unfinished as may be."""

    code = "too_many_jobs"
    quota = "jobs"


class AudioLimitError(LimitReachedError):
    """The owner's hours of audio for this day are used up."""

    code = "audio_limit_reached"
    quota = "audio"
    window = 86400


class HeadersTooLargeError(RequestError):
    """The request's headers are larger than any honest client's."""

    code = "headers_too_large"
    http_status = 431


class UnavailableError(DalstonError):
    """A part that this server stands on does not answer now."""

    code = "unavailable"
    http_status = 503
    retryable = True

    def __repr__(self) -> str:  # for the log: the message, which is for users, has no cause
        cause = repr(self.__cause__).partition(r"\n\nDebug source")[0]  # then obstore's insides
        return super().__repr__() + (f" from {cause}" if self.__cause__ else "")


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer."""

    code = "database_unavailable"


class StoreUnavailableError(UnavailableError):
    """The object store does not answer, or is full."""

    code = "store_unavailable"
    full = False  # whether it has no room


class ObjectMissingError(DalstonError):
    """An object that should be in the store is not there."""

    code = "object_missing"


class ConfigurationError(DalstonError):
    """The server can't start as it is configured; the message says what to change."""

    code = "invalid_configuration"


class KeyNotFoundError(ConfigurationError):
    """No API key has that prefix."""

    code = "key_not_found"


class DataFolderInUseError(ConfigurationError):
    """Another `dalston serve` holds the data folder."""

    code = "data_folder_in_use"


class SchemaVersionError(ConfigurationError):
    """The database's schema is not the one that this version knows."""

    code = "unknown_schema"
