"""Talks to a server: submit a recording, look at its job, delete it.

The routes are those of `docs/api.md`. Nothing here decides when to try again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from httpx_sse import EventSource, aconnect_sse

from dalston.client.errors import RefusedError, UnreachableError
from dalston.client.upload import Upload
from dalston.client.views import EngineView, JobView, ModelView
from dalston.common.access import is_loopback
from dalston.common.models import JobStatus
from dalston.common.transcript import Transcript

_JOBS = "/v1/audio/transcriptions"
_ANSWER_SECONDS = 30.0
_STORED_SECONDS = 600.0
"""How long a server may take to store a large upload whose last byte it has."""
_ABSENT = (httpx.ConnectError, httpx.ConnectTimeout)
"""Errors after which nothing was sent: there is nobody at the address, or nobody to be trusted."""
_LAST_PORT = 65535
_SILENT = (*_ABSENT, httpx.ReadTimeout)
"""Errors that tell of no server: nobody answered, or not although all of the request was sent."""

_Answer = TypeVar("_Answer")

Sent = Callable[[int, int], None]
"""Is told bytes sent and bytes in all."""


class _Readiness(msgspec.Struct, frozen=True):
    engines: dict[str, EngineView] = {}


class _Models(msgspec.Struct, frozen=True):
    data: list[ModelView]


class _Page(msgspec.Struct, frozen=True):
    jobs: list[JobView]
    next_cursor: str | None = None


class Accepted(msgspec.Struct, frozen=True):
    """The answer to a submission."""

    id: str


class Api:
    """One server's API.

    Args:
        url: Where the server is; a missing scheme means http, and `/v1` at its end may be there.
        key: API key, if the server asks for one.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = server_url(url)
        self.has_key = key is not None
        known = {} if key is None else {"Authorization": f"Bearer {key}"}
        # A proxy of the environment is for the world outside, not for this machine.
        self._client = httpx.AsyncClient(
            # Each stream of events holds a connection for as long as its job runs.
            timeout=httpx.Timeout(_ANSWER_SECONDS, pool=None),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            trust_env=not is_loopback(httpx.URL(self.url).host),
            headers={"User-Agent": "dalston-transcribe", **known},
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def submit(
        self,
        path: Path,
        filename: str,
        fields: Mapping[str, str],
        on_sent: Sent,
        name: str | None = None,
    ) -> str:
        """Upload a recording piece by piece and return its job's id.

        Args:
            path: The recording.
            filename: What the server is to call it.
            fields: What is asked for.
            on_sent: Is told how far the upload is.
            name: Of this submission: sent again under the same one it is the same job.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no.
            OSError: The file can't be read, or was written to meanwhile.
        """
        with path.open("rb") as file:
            response = await self._request(
                "POST",
                _JOBS,
                data=dict(fields),
                files={"file": (filename, Upload(file, on_sent))},
                headers=_headers(name),
                timeout=httpx.Timeout(_ANSWER_SECONDS, read=_STORED_SECONDS, pool=None),
            )
        return _decoded(response, Accepted).id

    async def submit_address(
        self, url: str, fields: Mapping[str, str], name: str | None = None
    ) -> str:
        """Have the server fetch a recording from its address, and return the job's id.

        Args:
            url: The address.
            fields: What is asked for.
            name: As of `submit`.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no.
        """
        form = {name: (None, value) for name, value in {**fields, "source_url": url}.items()}
        response = await self._request("POST", _JOBS, files=form, headers=_headers(name))
        return _decoded(response, Accepted).id

    async def job(self, job_id: str) -> tuple[JobView, dict[str, Any]]:
        """Return a job and, once it is completed, its transcript (else an empty object).

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no, for example that there is no such job.
        """
        response = await self._request("GET", _job(job_id))
        view = _decoded(response, JobView)
        if view.status != JobStatus.COMPLETED:
            return view, {}
        fields = msgspec.json.decode(response.content)
        return view, {k: fields[k] for k in Transcript.__struct_fields__ if k in fields}

    async def whole_job(
        self, job_id: str, *, version: int | None = None, history: bool = False
    ) -> dict[str, Any]:
        """Return all that the server shows of a job.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no, for example that there is no such job.
        """
        asked = {"version": version, "include": "history" if history else None}
        parameters = {name: value for name, value in asked.items() if value is not None}
        response = await self._request("GET", _job(job_id), params=parameters)
        return _decoded(response, dict[str, Any])

    async def list_jobs(
        self, limit: int, status: str | None = None, cursor: str | None = None
    ) -> tuple[list[JobView], str | None]:
        """Return a page of jobs, newest first, and the cursor of the next one if there is one.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no.
        """
        asked = {"limit": limit, "status": status, "cursor": cursor}
        parameters = {name: value for name, value in asked.items() if value is not None}
        page = _decoded(await self._request("GET", _JOBS, params=parameters), _Page)
        return page.jobs, page.next_cursor

    async def cancel(self, job_id: str) -> None:
        """Stop a job.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no, for example that it has ended.
        """
        await self._request("POST", f"{_job(job_id)}/cancel")

    async def retry(self, job_id: str) -> None:
        """Have a failed or cancelled job go on from what is done of it.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no, for example that it still runs.
        """
        await self._request("POST", f"{_job(job_id)}/retry")

    async def rerun(self, job_id: str, from_stage: str, options: Mapping[str, Any]) -> None:
        """Have a stage of a job that has ended, and all after it, done again.

        Args:
            job_id: The job.
            from_stage: The first stage that is done again.
            options: What changes, by name, as JSON; None takes an option away.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no, for example that there is no such stage.
        """
        asked = {"from_stage": from_stage, "options": dict(options)}
        await self._request("POST", f"{_job(job_id)}/rerun", json=asked)

    async def delete(self, job_id: str) -> None:
        """Stop a job if it still runs, and remove all that there is of it.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no.
        """
        await self._request("DELETE", _job(job_id))

    async def export(self, job_id: str, name: str, rules: Mapping[str, str]) -> bytes:
        """Return the transcript of a completed job as a file.

        Args:
            job_id: The job.
            name: The format: `txt`, `json`, `srt`, `vtt`, `tsv` or `csv`.
            rules: How subtitles are to be, as `docs/api.md` has it.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no, for example that the job isn't completed.
        """
        path = f"{_job(job_id)}/export/{quote(name, safe='')}"
        return (await self._request("GET", path, params=dict(rules))).content

    async def models(self) -> list[ModelView]:
        """Return the names that `model` may have.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The server said no.
        """
        return _decoded(await self._request("GET", "/v1/models"), _Models).data

    @asynccontextmanager
    async def events(self, job_id: str, after: str | None) -> AsyncIterator[EventSource | None]:
        """Open the stream of a job's events; None stands for one that has nothing to add.

        Args:
            job_id: The job.
            after: The id of the last event that was heard.

        Raises:
            UnreachableError: The connection could not be made, or broke, also while it is read.
            RefusedError: The server said no, for example that there is no such job.
        """
        headers = {} if after is None else {"Last-Event-ID": after}
        path = f"{self.url}{_job(job_id)}/events"
        try:
            async with aconnect_sse(self._client, "GET", path, headers=headers) as source:
                if not source.response.is_success:
                    await source.response.aread()
                    raise _refusal(source.response)
                nothing = source.response.status_code == httpx.codes.NO_CONTENT
                yield None if nothing else source
        except httpx.TransportError as error:
            raise _unreachable(self.url, error) from error

    async def engines(self) -> dict[str, EngineView]:
        """Return the engines that the server knows to be there, ready or not.

        Raises:
            UnreachableError: The connection could not be made, or broke.
            RefusedError: The answer can't be read.
        """
        response = await self._send("GET", "/health/ready")
        return _decoded(response, _Readiness).engines

    async def alive(self, timeout_seconds: float) -> bool:
        """Tell whether a server answers there."""
        try:
            response = await self._send("GET", "/health", timeout=timeout_seconds)
        except UnreachableError:
            return False
        return response.is_success

    async def _request(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        response = await self._send(method, path, **more)
        if not response.is_success:
            raise _refusal(response)
        return response

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's own arguments
        try:
            return await self._client.request(method, f"{self.url}{path}", **more)
        except httpx.TransportError as error:
            raise _unreachable(self.url, error) from error


def _headers(name: str | None) -> dict[str, str]:
    # Some options are fields of OpenAI's clients too: a job is wanted all the same.
    headers = {"Prefer": "respond-async"}
    return headers if name is None else {**headers, "Idempotency-Key": name}


def _unreachable(url: str, error: httpx.TransportError) -> UnreachableError:
    reason = str(error) or type(error).__name__
    if isinstance(error, _ABSENT):
        said = (
            f"No Dalston server answers at {url} ({reason}). Start one with `dalston serve`, or "
            f"correct the address."
        )
    elif isinstance(error, httpx.ReadTimeout):
        said = f"The server at {url} does not answer ({reason})."
    else:
        said = f"The connection to {url} broke ({reason})."
    return UnreachableError(said, broke=not isinstance(error, _SILENT))


def _job(job_id: str) -> str:
    return f"{_JOBS}/{quote(job_id, safe='')}"


def server_url(text: str) -> str:
    """Return a server's address with scheme and without a slash or `/v1` at its end.

    OpenAI's clients are given the address with `/v1`, so people have it at hand in that form.

    Raises:
        ValueError: It can't be an address.
    """
    full = text.strip() if "://" in text else f"http://{text.strip()}"
    try:
        url = httpx.URL(full)
    except httpx.InvalidURL as error:
        raise ValueError(str(error)) from None
    if url.userinfo:
        raise ValueError("no key or password in it: DALSTON_API_KEY or --api-key-file is for that")
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise ValueError("expected something like http://127.0.0.1:8000")
    if (url.port or 0) > _LAST_PORT:
        raise ValueError(f"there is no port above {_LAST_PORT}")
    full = full.rstrip("/")
    return full.removesuffix("/v1").rstrip("/") if url.path.rstrip("/").endswith("/v1") else full


def _decoded(response: httpx.Response, kind: type[_Answer]) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise _stranger(response) from None


def _refusal(response: httpx.Response) -> RefusedError:
    try:
        envelope = msgspec.json.decode(response.content)["error"]
        code, message = str(envelope["code"]), str(envelope["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return _stranger(response)
    if response.status_code == httpx.codes.UNAUTHORIZED:
        message += " It is given with DALSTON_API_KEY, --api-key-file or, in Python, api_key."
    return RefusedError(code, message, response.status_code, _retry_after(response))


def _stranger(response: httpx.Response) -> RefusedError:
    message = (
        f"{response.url} answered {response.status_code} {response.reason_phrase} with something "
        f"that isn't Dalston's. Check the address."
    )
    status = response.status_code
    return RefusedError(f"http_{status}", message, status, _retry_after(response))


def _retry_after(response: httpx.Response) -> float | None:
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None
