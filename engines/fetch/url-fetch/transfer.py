"""One download over HTTP: where it may go, how long it may take, how much may come.

No message names the address, which may hold a secret: only the host, of which none is made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urljoin

import httpcore

from dalston.engine_sdk import TaskFailed
from dalston.engine_sdk.addresses import (
    CalledUrl,
    ForbiddenAddressError,
    InvalidUrlError,
    UnresolvedHostError,
    check_url,
)
from network import PermittedNetwork

MOST_REDIRECTS = 5
_MOST_REDIRECT_CHARACTERS = 8192
"""Signed addresses, to which stores redirect, are longer than what people send."""
_IN_ADDRESSES = "%/:?#[]@!$&'()*+,;=~"
"""What has a meaning in an address, or is encoded already (RFC 3986, 2.2)."""
_CONNECT_SECONDS = 10.0
"""For one address of a host, TLS apart."""
_LEAST_BYTES_PER_SECOND = 1000
"""Slower than any speech that people send. A server that is slower is taken for gone: whoever waits
for it keeps others' recordings waiting."""
_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOR_NOW = frozenset({408, 425, 429})
"""Refusals that may be over soon, as those from 500 on may be."""
_FIRST_SERVER_ERROR = 500
_HEADERS = [
    (b"Accept", b"audio/*, video/*, */*;q=0.5"),
    # Bytes are kept as they come and never unpacked, so nothing small can become something large.
    (b"Accept-Encoding", b"identity"),
    (b"User-Agent", b"dalston"),
    (b"Connection", b"close"),
]


@dataclass(frozen=True)
class Limits:
    """What one attempt may use.

    Attributes:
        max_bytes: Of the recording.
        seconds: In all, from the first question for a host's address to the last byte.
        stall_seconds: For how long a server may be slower than that before it is given up.
        allow_private: Whether it may go into a private network or to this machine.
    """

    max_bytes: int
    seconds: float
    stall_seconds: float
    allow_private: bool


def bring(
    url: str,
    limits: Limits,
    write: Callable[[bytes], Any],
    progress: Callable[[float, float], None],
) -> dict[str, Any]:
    """Download what an address answers with.

    Args:
        url: The address.
        limits: What it may use.
        write: Takes the bytes as they come.
        progress: Is told bytes: done, total; if the server says how many there are.

    Returns:
        `bytes`, and `content_type` as the server calls it, if it does.

    Raises:
        TaskFailed: It can't be had, or may not.
    """
    return asyncio.run(_bring_in_time(url, limits, write, progress))


async def _bring_in_time(
    url: str,
    limits: Limits,
    write: Callable[[bytes], Any],
    progress: Callable[[float, float], None],
) -> dict[str, Any]:
    try:
        async with (
            asyncio.timeout(limits.seconds),
            _watched(limits.stall_seconds) as pace,
            _answer(url, limits, pace) as answer,
        ):
            return await _save(answer, limits, pace, write, progress)
    except TimeoutError:
        raise TaskFailed(
            "fetch_timeout",
            f"The recording did not arrive within {limits.seconds:g} s. Use a faster server, "
            f"upload the recording, or have DALSTON_FETCH_SECONDS raised.",
        ) from None
    except UnresolvedHostError as error:
        raise TaskFailed(error.code, error.message, retryable=True) from None
    except (ForbiddenAddressError, InvalidUrlError) as error:
        raise TaskFailed(error.code, error.message) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
        raise TaskFailed(
            "fetch_unreachable",
            f"The server that has the recording could not be reached, broke off, or sent "
            f"next to nothing ({type(error).__name__}). See whether the address works elsewhere "
            f"and its certificate is valid, then retry the job.",
            retryable=True,
        ) from None


class _Pace:
    """How fast a server is."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout = timeout
        self._seconds = seconds
        self._bytes = 0

    def pause(self) -> None:
        """Don't watch: nobody has answered yet."""
        self._timeout.reschedule(None)

    def begin(self) -> None:
        """Watch from now on."""
        self._bytes = 0
        self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def add(self, size: int) -> None:
        """Count bytes that have come."""
        self._bytes += size
        if self._bytes >= self._seconds * _LEAST_BYTES_PER_SECOND:
            self.begin()

    @contextmanager
    def excused(self) -> Iterator[None]:
        """Don't blame the server for what takes time here."""
        loop = asyncio.get_running_loop()
        begin, when = loop.time(), self._timeout.when()
        yield
        if when is not None:
            self._timeout.reschedule(when + loop.time() - begin)


@asynccontextmanager
async def _watched(seconds: float) -> AsyncIterator[_Pace]:
    """Give up what sends too little for so long.

    Raises:
        httpcore.ReadTimeout: It does.
    """
    timeout = asyncio.timeout(None)
    try:
        async with timeout:
            yield _Pace(timeout, seconds)
    except TimeoutError:
        raise httpcore.ReadTimeout from None


@asynccontextmanager
async def _answer(url: str, limits: Limits, pace: _Pace) -> AsyncIterator[httpcore.Response]:
    """Open the address, or what it redirects to: each of them is checked like the first one."""
    called = check_url(url, allow_private=limits.allow_private)
    for _ in range(MOST_REDIRECTS + 1):
        pace.pause()
        network = PermittedNetwork(called, allow_private=limits.allow_private, begun=pace.begin)
        pool = httpcore.AsyncConnectionPool(max_connections=1, network_backend=network)
        async with (
            pool,
            pool.stream(
                "GET",
                # Of a text httpcore would leave out what stands behind a `;` in it.
                httpcore.URL(
                    scheme=called.scheme, host=called.host, port=called.port, target=called.path
                ),
                headers=[(b"Host", called.authority.encode()), *_HEADERS],
                extensions={"timeout": {"connect": _CONNECT_SECONDS}},
            ) as answer,
        ):
            if answer.status not in _REDIRECTS:
                _require_success(answer.status)
                yield answer
                return
            location = _header(answer, b"location")
        called = _redirected(called, location, limits)
    raise TaskFailed(
        "fetch_failed",
        f"The server redirects more than {MOST_REDIRECTS} times. Name the address of the recording "
        f"itself.",
    )


def _redirected(called: CalledUrl, location: str, limits: Limits) -> CalledUrl:
    """Return where a redirection leads; what servers forget to encode is encoded, as browsers do.

    Raises:
        TaskFailed: It leads nowhere.
        InvalidUrlError: It leads to what is no address.
        ForbiddenAddressError: It leads where nobody may go.
    """
    if not location:
        raise TaskFailed(
            "fetch_failed",
            "The server redirects to nowhere. Name the address of the recording itself.",
        )
    try:
        url = urljoin(called.url, quote(location.encode("latin-1"), safe=_IN_ADDRESSES))
        return check_url(
            url, allow_private=limits.allow_private, most_characters=_MOST_REDIRECT_CHARACTERS
        )
    except (ValueError, InvalidUrlError) as error:
        why = f" {error.message}" if isinstance(error, InvalidUrlError) else ""
        raise InvalidUrlError(
            f"The server redirects to what can't be fetched. Name the address of the recording "
            f"itself.{why}"
        ) from None


def _require_success(status: int) -> None:
    if status == _OK:
        return
    for_now = status in _FOR_NOW or status >= _FIRST_SERVER_ERROR
    advice = (
        "Retry the job when it works again."
        if for_now
        else "The address must answer with the recording to anybody, without a login or a page in "
        "between."
    )
    raise TaskFailed(
        "fetch_failed",
        f"The server that has the recording answered with HTTP status {status}. {advice}",
        retryable=for_now,
    )


async def _save(
    answer: httpcore.Response,
    limits: Limits,
    pace: _Pace,
    write: Callable[[bytes], Any],
    progress: Callable[[float, float], None],
) -> dict[str, Any]:
    length = _header(answer, b"content-length")
    expected = int(length) if length.isdecimal() else 0
    if expected > limits.max_bytes:
        raise _too_large(limits)
    size = 0
    async for piece in answer.aiter_stream():
        pace.add(len(piece))
        size += len(piece)
        if size > limits.max_bytes:
            raise _too_large(limits)
        with pace.excused():
            write(piece)
        if expected:
            progress(size, max(expected, size))
    kind = _header(answer, b"content-type")
    return {"bytes": size} | ({"content_type": kind[:200]} if kind else {})


def _too_large(limits: Limits) -> TaskFailed:
    return TaskFailed(
        "fetch_too_large",
        f"The recording is larger than the {limits.max_bytes} bytes that this server accepts from "
        f"you. Name a smaller one, or have DALSTON_MAX_UPLOAD_BYTES or your key's limit raised.",
    )


def _header(answer: httpcore.Response, name: bytes) -> str:
    found = [value for key, value in answer.headers if key.lower() == name]
    return found[0].decode("latin-1").strip() if found else ""
