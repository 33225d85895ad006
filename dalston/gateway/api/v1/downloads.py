"""What is alike for all answers that are files to keep."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

from dalston.common.media import RECORDING_EXTENSIONS
from dalston.common.models import Job

_ASCII = 128


def attachment(job: Job, extension: str) -> str:
    """Return the header that names a file: as the recording, in both spellings of RFC 6266."""
    name = f"{_stem(job.filename or '') or job.id}.{extension}"
    plain = "".join(
        letter if ord(letter) < _ASCII and letter.isprintable() and letter not in '"\\%' else "_"
        for letter in name
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _stem(filename: str) -> str:
    """Return a recording's name without its extension; any other dot belongs to the name."""
    path = PurePosixPath(filename)
    known = path.suffix.removeprefix(".").lower() in RECORDING_EXTENSIONS
    return path.stem if known else path.name
