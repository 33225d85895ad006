"""Names of files as forms have them: RFC 5987, and the escapes of the HTML standard."""

from __future__ import annotations

import unicodedata
from email.message import Message
from email.utils import collapse_rfc2231_value
from typing import Any

MAX_FILENAME_BYTES = 255

_NOT_SHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories of control characters, of formatting (some turn the direction of text
around), of halves of characters, and of line and paragraph separators."""


def extended_filename(disposition: bytes, *, beside_another: bool) -> bytes | None:
    """Return the value of `filename*`, which RFC 7578 forbids and some clients send.

    It goes before `filename` (RFC 6266, section 4.3): .NET's client writes both, and there a name
    that isn't ASCII in a notation of mails.
    """
    if b"filename*" not in disposition:
        return None
    message = Message()
    message["Content-Disposition"] = disposition.decode("latin-1")
    try:
        # A value with a character set is a tuple. Beside `filename` only that is sure to be this.
        parameters: list[tuple[str, Any]] = message.get_params([], "Content-Disposition")
        values = [
            value
            for name, value in parameters
            if name == "filename" and (isinstance(value, tuple) or not beside_another)
        ]
        # The extended ones come last.
        filename = collapse_rfc2231_value(values[-1]) if values else ""
    except (ValueError, LookupError, TypeError):
        # It names a character set that decodes nothing, or numbers some of its pieces and others
        # not, which the parser can't sort. The file is welcome without its name.
        return b""
    return filename.encode("utf-8", errors="replace")


def clean_filename(data: bytes) -> str:
    """Return a file's name as data: one line, no folders, nothing that changes how it is shown.

    Args:
        data: What the client sent, in any encoding and of any length.
    """
    text = data.decode("utf-8", errors="replace")
    for escape, char in (("%22", '"'), ("%0D", " "), ("%0A", " ")):
        text = text.replace(escape, char).replace(escape.lower(), char)
    name = text.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in name if unicodedata.category(char) not in _NOT_SHOWN)
    cut = shown.strip().encode()[:MAX_FILENAME_BYTES].decode("utf-8", errors="ignore")
    return "" if cut in {".", ".."} else cut
