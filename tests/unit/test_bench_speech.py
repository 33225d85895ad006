"""The long recording of `make bench`: what it is joined from, and how it is transcribed."""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

import pytest

from bench.deployments import DISTRIBUTED_FOLDER, shared_parts
from bench.speech import measure_library, measure_runners, write_material
from bench.waiting import MeasureError
from tests.engines.sounds import encode, tone, write_wav

HEAD = "file\ttext\tlanguage\treference_source\n"


def manifest(folder: Path, *rows: str) -> Path:
    path = folder / "manifest.tsv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return path


def test_checked_english_recordings_become_one(tmp_path: Path) -> None:
    write_wav(tmp_path / "one.wav", tone(1.5))
    encode(tmp_path / "two.flac", "flac", "flac", samples=tone(2, 44_100), rate=44_100)
    rows = ("one.wav\tYes.\ten\tofficial", "two.flac\tNo.\ten\tofficial")
    others = ("one.wav\tEins.\tde\tofficial", "one.wav\tWhat?\ten\tours, unheard")

    material = write_material(tmp_path, manifest(tmp_path, *rows, *others), 2)

    assert material.text == "Yes. No. Yes. No."
    with wave.open(str(material.path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (16_000, 1)
        # A second of silence behind each.
        assert file.getnframes() / 16_000 == pytest.approx(2 * (1.5 + 2 + 2), abs=0.1)
    scored = material.scored(3.0, "Yes. No. Yes. Never.")
    assert (scored.seconds, scored.error_rate) == (3.0, 25.0)


@pytest.mark.parametrize(
    "row", ["missing.wav\tYes.\ten\tofficial", "one.wav\tEins.\tde\tofficial", "one.wav"]
)
def test_what_can_not_be_joined_is_said(tmp_path: Path, row: str) -> None:
    write_wav(tmp_path / "one.wav", tone(1))
    with pytest.raises(MeasureError):
        write_material(tmp_path, manifest(tmp_path, row), 1)


@pytest.mark.timeout(600)
def test_the_same_words_come_from_the_library_and_from_runners() -> None:
    folder = Path(tempfile.mkdtemp(prefix="dalston-bench-"))
    folder.chmod(0o755)
    with shared_parts(folder) as parts:
        material = write_material(parts.folder, None, 1)
        alone = measure_library(material)
        ours = measure_runners(DISTRIBUTED_FOLDER, parts, material, 2)
        material.path.unlink()
    folder.rmdir()

    for found in (alone, ours):
        assert found.seconds > 0
        assert found.error_rate < 5
