"""The error tree: each class says its code, its HTTP status and whether a retry helps.

`gateway/errors.py` turns what reaches a user into the one envelope. Engines report failures
with `dalston.engine_sdk.TaskFailed`, which becomes a `Failure` in a message and in a row.
"""

from __future__ import annotations

from typing import ClassVar


class DalstonError(Exception):
    """Something went wrong that we have a name for.

    Args:
        message: For people: what is wrong, and what to do next.
        param: The request's field that is wrong, if one is.
    """

    code: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

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


class UnknownPipelineError(RequestError):
    """No pipeline of that name."""

    code = "unknown_pipeline"


class UnsupportedLanguageError(RequestError):
    """The pipeline's engine doesn't know that language."""

    code = "unsupported_language"


class NotFoundError(RequestError):
    """Nothing is there."""

    code = "not_found"
    http_status = 404


class JobNotFoundError(NotFoundError):
    """No job of that id, or no longer."""

    code = "job_not_found"


class MethodNotAllowedError(RequestError):
    """The path exists, but not for that method."""

    code = "method_not_allowed"
    http_status = 405


class BodyTimeoutError(RequestError):
    """The body stopped arriving."""

    code = "body_timeout"
    http_status = 408
    retryable = True


class FileTooLargeError(RequestError):
    """The body is larger than this server accepts."""

    code = "file_too_large"
    http_status = 413


class UnsupportedContentTypeError(RequestError):
    """The body is not multipart/form-data."""

    code = "unsupported_content_type"
    http_status = 415


class HeadersTooLargeError(RequestError):
    """The request's headers are larger than any honest client's."""

    code = "headers_too_large"
    http_status = 431


class UnavailableError(DalstonError):
    """A part that this server stands on does not answer now."""

    code = "unavailable"
    http_status = 503
    retryable = True


class DatabaseUnavailableError(UnavailableError):
    """The database does not answer."""

    code = "database_unavailable"


class StoreUnavailableError(UnavailableError):
    """The object store does not answer, or is full."""

    code = "store_unavailable"


class ObjectMissingError(DalstonError):
    """An object that should be in the store is not there."""

    code = "object_missing"


class ConfigurationError(DalstonError):
    """The server can't start as it is configured; the message says what to change."""

    code = "invalid_configuration"


class DataFolderInUseError(ConfigurationError):
    """Another `dalston serve` holds the data folder."""

    code = "data_folder_in_use"


class SchemaVersionError(ConfigurationError):
    """The database's schema is not the one that this version knows."""

    code = "unknown_schema"
