"""Prints the manifest that `make eval` measures, and makes the folder .cache/ for its report.

It is that of the recordings in ../shared/speech, where they are; else one of the demo's recording
alone, whose words are known, written into .cache/.
"""

import sys
from contextlib import redirect_stdout
from pathlib import Path

from scripts.demo_recording import CACHE, WORDS, RecordingError, recording

SPEECH = Path(__file__).resolve().parent.parent.parent / "shared" / "speech" / "manifest.tsv"


def demo_manifest(audio: Path) -> Path:
    """Writes a manifest of the demo's recording beside it, and returns the manifest."""
    path = audio.parent / "manifest.tsv"
    words = " ".join(WORDS.split())
    path.write_text(f"file\tlanguage\ttext\n{audio.name}\ten\t{words}\n", encoding="utf-8")
    return path


def main() -> int:
    """Prints the manifest's path; the exit status is 1 if the recording can't be had."""
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n", encoding="utf-8")
    if SPEECH.is_file():
        print(SPEECH)
        return 0
    try:
        with redirect_stdout(sys.stderr):
            audio = recording()
    except RecordingError as error:
        print(f"eval: {error}", file=sys.stderr)
        return 1
    print(demo_manifest(audio))
    return 0


if __name__ == "__main__":
    sys.exit(main())
