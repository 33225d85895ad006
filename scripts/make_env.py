"""Writes .env from .env.example, with a random secret for each variable that has no value there.

Usage: `make env`. An .env that exists is never touched; only its owner can read the new one.
"""

import os
import re
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

SECRET_BYTES = 24


def fill_in(example: str) -> str:
    """Returns the example with secrets of 192 random bits, in digits and lower case letters.

    Only these: the passwords become parts of URLs.
    """
    return re.sub(
        r"^([A-Z][A-Z0-9_]*)=[ \t]*$",
        lambda match: f"{match[1]}={secrets.token_hex(SECRET_BYTES)}",
        example,
        flags=re.MULTILINE,
    )


def write_new(path: Path, text: str) -> None:
    """Writes a file that only its owner can read, whole or not at all.

    Raises:
        FileExistsError: it is there already.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        # It would be taken for one that is to stay as it is.
        path.unlink()
        raise


def main(arguments: list[str]) -> int:
    """Writes .env, or the file that is named; returns the exit status."""
    path = Path(arguments[0]) if arguments else ROOT / ".env"
    text = fill_in((ROOT / ".env.example").read_text(encoding="utf-8"))
    try:
        write_new(path, text)
    except FileExistsError:
        sys.stderr.write(
            f"{path} is there already, and stays as it is. Edit it, or move it away.\n"
        )
        return 1
    except OSError as error:
        sys.stderr.write(f"{path} can't be written: {error.strerror}.\n")
        return 1
    sys.stdout.write(f"{path} is written, with secrets of its own. Next: docker compose up\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
