"""Damages bytes as fuzzers do: at random, but with a liking for what has a meaning."""

from __future__ import annotations

from random import Random

from tests.bad_input.forms import BOUNDARY

_BOUNDARY = BOUNDARY.encode()
_MEANINGFUL = (
    *(b"\r\n", b"\r", b"\n", b"\r\n\r\n", b"--", b"\0", b'"', b"\\", b";", b":", b"=", b"%", b" "),
    *(_BOUNDARY, b"--" + _BOUNDARY, b"\r\n--" + _BOUNDARY, b"--" + _BOUNDARY + b"--\r\n"),
    *(b"Content-Disposition: form-data; ", b'name="file"', b'filename="x"', b"filename*=utf-8''%"),
    *(b"filename*0*=", b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    *(b"\xff", b"\xc3\x28", b"\xed\xa0\x80", "\u202e".encode(), b"HTTP/1.0", b"GET / HTTP/1.1\r\n"),
)


def seeded(seed: int) -> Random:
    """Return a source of damage that does the same each time."""
    return Random(seed)


def damage(data: bytes, random: Random, *, most: int = 4) -> bytes:
    """Return some bytes with a few of them deleted, doubled, exchanged or added."""
    for _ in range(random.randint(1, most)):
        start = random.randint(0, len(data))
        end = min(len(data), start + random.choice((0, 1, 1, 2, 5, 20, 100)))
        put = random.choice(
            (
                b"",
                data[start:end] * 2,
                random.randbytes(random.randint(1, 8)),
                random.choice(_MEANINGFUL),
                random.choice(_MEANINGFUL) * random.choice((1, 2, 50)),
            )
        )
        data = data[:start] + put + data[end:]
    return data


def pieces(data: bytes, random: Random) -> list[bytes]:
    """Return the same bytes in pieces, as a network may deliver them."""
    cuts = sorted(random.randint(0, len(data)) for _ in range(random.choice((0, 1, 3, 20))))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
