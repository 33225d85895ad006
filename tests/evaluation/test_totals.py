"""Totals: weighted, and with everything in them that went wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from dalston.evaluation.figures import notes
from dalston.evaluation.jobs import in_their_language, not_transcribed, without_speakers
from dalston.evaluation.manifest import Clip
from dalston.evaluation.results import to_json
from dalston.evaluation.speakers import score_speakers
from dalston.evaluation.table import markdown, print_tables
from tests.evaluation.example import evaluation, result


def test_a_total_is_weighted_by_words() -> None:
    (total,) = evaluation(
        result("long.wav", "en", "a b c d e f g h i", "a b c d e f g h i"),
        result("short.wav", "en", "x", "y"),
    ).totals
    assert total.rate == pytest.approx(0.1)
    assert (total.words.reference, total.words.substituted) == (10, 1)


def test_a_failed_clip_counts_as_all_words_missed() -> None:
    total = next(total for total in evaluation().totals if total.name == "en")
    assert (total.clips, total.failed, total.unverified) == (5, 1, 1)
    assert total.words.missed >= 3
    assert total.rate is not None
    assert total.completed_rate is not None
    assert total.rate > total.completed_rate


def test_a_failed_clip_counts_in_the_language_that_all_others_are_in() -> None:
    clips = [Clip(name=name, path=Path(name), text="客観的") for name in ("heard.wav", "lost.wav")]
    lost = not_transcribed(clips[1], "No sound.")
    found = in_their_language(clips, [result("heard.wav", "ja", "客観的", "客観的"), lost])
    (total,) = evaluation(*found).totals
    assert (total.name, total.words.unit, total.rate) == ("ja", "character", 0.5)
    assert found[1].error == "No sound."
    assert not any("--language" in note for note in notes(evaluation(*found)))


def test_a_failed_clip_whose_language_nobody_knows_is_told_of() -> None:
    clips = [Clip(name=name, path=Path(name), text="two words") for name in ("a", "b", "c")]
    heard = [result("a", "en", "two words", "two words"), result("b", "de", "eins", "eins")]
    found = in_their_language(clips, [*heard, not_transcribed(clips[2], "No sound.")])
    made = evaluation(*found)
    assert ("?", 1) in [(total.name, total.failed) for total in made.totals]
    assert any("no known language: 1" in note and "--language" in note for note in notes(made))


def test_words_and_characters_are_never_added_up() -> None:
    found = evaluation(
        result("en.wav", "en", "one", "one"),
        result("de.wav", "de", "eins", "zwei"),
        result("ja.wav", "ja", "客観的", "客観"),
        result("zh.wav", "zh", "广州市", "广州市"),
    )
    assert {total.name: (total.words.unit, total.rate) for total in found.totals} == {
        "en": ("word", 0.0),
        "de": ("word", 1.0),
        "ja": ("character", pytest.approx(1 / 3)),
        "zh": ("character", 0.0),
        "all": ("word", 0.5),
        "all, in characters": ("character", pytest.approx(1 / 6)),
    }


def test_speakers_times_and_speed() -> None:
    total = next(total for total in evaluation().totals if total.name == "en")
    assert (total.diarized, total.counted_right) == (1, 1)
    assert total.diarization_rate == pytest.approx(0.1)
    assert total.times is not None
    assert (total.times.matched, total.times.median) == (3, 20.0)
    assert total.real_time_factor == pytest.approx(0.4)
    japanese = next(total for total in evaluation().totals if total.name == "ja")
    assert japanese.real_time_factor is None
    assert japanese.times is None
    assert japanese.diarization_rate is None


def test_a_clip_without_speakers_in_a_run_that_tells_them_has_missed_them_all() -> None:
    turns = [("anna", 0.0, 4.0), ("ben", 4.0, 8.0)]
    clips = [
        Clip(name=name, path=Path(name), text="one two", language="en", turns=turns)
        for name in ("told.wav", "untold.wav", "lost.wav")
    ]
    found = [
        result("told.wav", "en", "one two", "one two", speakers=score_speakers(turns, turns)),
        result("untold.wav", "en", "one two", ""),
        not_transcribed(clips[2], "No sound."),
    ]
    told = [without_speakers(clip, one) for clip, one in zip(clips, found, strict=True)]
    assert [one.speakers.rate if one.speakers else None for one in told] == [0.0, 1.0, 1.0]
    (total,) = evaluation(*told).totals
    assert (total.diarized, total.counted_right) == (3, 1)
    assert total.diarization_rate == pytest.approx(2 / 3)
    unknown = Clip(name="other.wav", path=Path("other.wav"), text="one two")
    assert without_speakers(unknown, found[1]).speakers is None


def test_invented_words_without_a_reference_count_in_the_total() -> None:
    (total,) = evaluation(
        result("noise.wav", "en", "", "thank you"), result("a.wav", "en", "a b", "a b")
    ).totals
    assert total.rate == 1.0


def test_the_tables_show_what_failed_and_why() -> None:
    stream = io.StringIO()
    print_tables(evaluation(), stream)
    text = stream.getvalue()
    assert "lost.wav failed: No sound." in text
    assert "5 (1 failed, 1†)" in text
    assert "own.wav †" in text
    assert "Peak memory: faster-whisper 600 MB" in text
    assert "The language was found out right in 5 of 5 clips." in text
    assert "10.0 %, 1/1 counted right" in text
    assert "\x1b" not in text


def test_markdown_stacks() -> None:
    totals, bands = markdown(evaluation()).split("\n\n")
    head, line, *rows = totals.splitlines()
    assert set(line) <= set("| -")
    assert [row.count("|") for row in rows] == [head.count("|")] * 2
    assert rows[0].startswith("| default | faster-whisper base | clips/")
    assert bands.splitlines()[2:] == ["| 0 to 0.5 | 1 | 0.0 % |", "| 0.5 to 1 | 3 | 100.0 % |"]


def test_json_has_everything() -> None:
    written = json.loads(to_json(evaluation()))
    clips = {clip["clip"]: clip for clip in written["clips"]}
    assert clips["lost.wav"]["status"] == "failed"
    assert clips["lost.wav"]["rate"] == 1.0
    assert clips["lost.wav"]["real_time_factor"] is None
    assert clips["wrong.wav"]["rate"] == 0.5
    assert clips["right.wav"]["diarization_rate"] == pytest.approx(0.1)
    assert written["circumstances"]["memory"]["engines"] == {"faster-whisper": 600_000_000}
    assert [total["name"] for total in written["totals"]] == ["en", "ja"]
