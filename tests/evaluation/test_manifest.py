"""Manifests: what is read, and what is said of a line that can't be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dalston.evaluation.manifest import ManifestError, read_manifest
from dalston.evaluation.word_times import TimedWord
from scripts.eval_manifest import demo_manifest
from tests.support.recordings import SPEECH, needs_recordings

RTTM = "SPEAKER a 1 0.500 2.000 <NA> <NA> anna <NA> <NA>\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        (tmp_path / name).touch()
    (tmp_path / "a.rttm").write_text(RTTM)
    (tmp_path / "a.json").write_text(json.dumps([{"word": "hello", "start": 0.5, "end": 0.9}]))
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    path = folder / "manifest.tsv"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_what_is_known_of_a_clip(folder: Path) -> None:
    path = write(
        folder,
        "file\tlanguage\tspeakers\ttext\trttm\tword_times\treference_source",
        'a.wav\tEnglish\tanna\t[anna] Hello, "you".  [x y] Bye\ta.rttm\ta.json\tofficial',
        "sub/c.wav\t\t\t\t\t\tours: from a recogniser",
        "b.wav\tde\t\tHallo",
    )
    first, second, third = read_manifest(path, "fr")
    assert (first.name, first.path, first.language) == ("a.wav", folder / "a.wav", "en")
    assert first.text == 'Hello, "you". Bye'
    assert first.turns == [("anna", 0.5, 2.5)]
    assert first.times == [TimedWord("hello", 0.5)]
    assert first.verified
    assert (second.text, second.language, second.verified) == ("", "fr", False)
    assert (third.text, third.language, third.turns, third.times) == ("Hallo", "de", None, None)


def test_a_list_of_texts_as_librispeech_has_them(folder: Path) -> None:
    path = write(folder, "a HELLO THERE", "b\tyou and me", "")
    clips = read_manifest(path, "en")
    assert [(clip.path.name, clip.text, clip.language) for clip in clips] == [
        ("a.wav", "HELLO THERE", "en"),
        ("b.wav", "you and me", "en"),
    ]


def test_what_a_spreadsheet_writes_is_understood(folder: Path) -> None:
    path = folder / "manifest.tsv"
    path.write_bytes("\ufefffile\ttext\r\na.wav\tHello\r\n".encode())
    assert [clip.text for clip in read_manifest(path)] == ["Hello"]


HEADER = "file\tlanguage\ttext\trttm\tword_times"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([HEADER, "a.wav\ten\tHi", "\ten\tHi"], "line 3: no file is named"),
        ([HEADER, "none.wav\ten\tHi"], r"line 2: there is no file .*none\.wav"),
        ([HEADER, "sub\ten\tHi"], "line 2: there is no file"),
        ([HEADER, "a.wav\ten"], r"line 2: a\.wav has no cell `text`"),
        ([HEADER, "a.wav\telvish\tHi"], "line 2: 'elvish' is no language"),
        ([HEADER, "a.wav\ten\tHi\t\t\tmore"], "line 2: 6 cells, but the header has 5"),
        ([HEADER, "", "a.wav\ten\tHi\tno.rttm"], r"line 3: there is no file .*no\.rttm"),
        ([HEADER, "a.wav\ten\tHi\ta.json"], r"line 2: .*a\.json can't be used: it must hold"),
        ([HEADER, "a.wav\ten\tHi\tbad.rttm"], r"line 2: .*bad\.rttm can't be used"),
        ([HEADER, "a.wav\ten\tHi\t\ta.rttm"], r"line 2: .*a\.rttm can't be used"),
        ([HEADER, "a.wav\ten\tHi\t\tnegative.json"], r"line 2: .*negative\.json .* >= 0"),
        (["file\tlanguage", "a.wav\ten"], "line 1: no column `text`"),
        ([HEADER], "names no recording"),
        ([], "is empty"),
        (["a Hello", "d Hello"], r"line 2: there is no d\.flac"),
        (["name\ttext", "a.wav\tHi"], "line 1: .*The first line must name the columns"),
    ],
)
def test_a_line_that_can_not_be_used_is_named(folder: Path, lines: list[str], said: str) -> None:
    (folder / "bad.rttm").write_text("SPEAKER a 1 now 2\n")
    (folder / "negative.json").write_text('[{"word": "a", "start": -1}]')
    with pytest.raises(ManifestError, match=said):
        read_manifest(write(folder, *lines))


def test_a_file_that_is_no_text(folder: Path) -> None:
    (folder / "manifest.tsv").write_bytes(b"file\ttext\na.wav\t\xff\n")
    with pytest.raises(ManifestError, match="isn't text in UTF-8"):
        read_manifest(folder / "manifest.tsv")
    with pytest.raises(ManifestError, match="can't be read"):
        read_manifest(folder / "none.tsv")


def test_the_demo_has_a_manifest(folder: Path) -> None:
    (clip,) = read_manifest(demo_manifest(folder / "a.wav"))
    assert (clip.name, clip.language) == ("a.wav", "en")
    assert clip.text.startswith("It was the best of times, it was the worst")


@needs_recordings
def test_the_recordings_to_measure_with() -> None:
    clips = {clip.name: clip for clip in read_manifest(SPEECH / "manifest.tsv")}
    assert len(clips) == 32
    assert all(clip.text and "[" not in clip.text for clip in clips.values())
    assert sum(clip.turns is not None for clip in clips.values()) == 8
    assert sum(clip.times is not None for clip in clips.values()) == 10
    unverified = {name for name, clip in clips.items() if not clip.verified}
    assert unverified == {
        "en_call_2spk_google_8k.wav",
        "en_ibm_weather.wav",
        "en_stereo_call_2ch_google.wav",
    }
    short = read_manifest(SPEECH / "librispeech" / "manifest.tsv", "en")
    assert len(short) == 40
    assert {clip.language for clip in short} == {"en"}
