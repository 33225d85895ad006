"""Sums of clips: by language, and of all. Nothing is left out that the numbers don't tell."""

from __future__ import annotations

from collections.abc import Sequence

from dalston.evaluation.results import (
    ClipResult,
    SpeakerScore,
    Total,
    Unit,
    WordScore,
    share,
)
from dalston.evaluation.word_times import summarize

_ALL: dict[Unit, str] = {"word": "all", "character": "all, in characters"}


def totals(results: Sequence[ClipResult]) -> list[Total]:
    """Return a total for each language, and one for all that are counted in the same unit.

    Words and characters don't add up: languages that are counted in characters have a total of
    their own.
    """
    languages = sorted({result.language or "?" for result in results})
    groups = [
        (code, [result for result in results if (result.language or "?") == code])
        for code in languages
    ]
    for unit, name in _ALL.items():
        group = [result for result in results if result.words.unit == unit]
        if len({result.language for result in group}) > 1:
            groups.append((name, group))
    return [total(name, group) for name, group in groups]


def total(name: str, results: Sequence[ClipResult]) -> Total:
    """Sum up a group of clips, which must be counted in one unit."""
    counted = [result for result in results if result.verified]
    done = [result for result in results if not result.failed]
    words = add_words([result.words for result in counted])
    trusted = [result for result in counted if not result.failed]
    said = [result.speakers for result in counted if result.speakers is not None]
    timed = [result.times for result in trusted if result.times is not None]
    audio = [r for r in done if r.audio_seconds is not None and r.processing_seconds is not None]
    return Total(
        name=name,
        clips=len(results),
        failed=len(results) - len(done),
        unverified=len(results) - len(counted),
        words=words,
        rate=words.rate,
        completed_rate=add_words([result.words for result in trusted]).rate,
        diarized=len(said),
        diarization_rate=_diarization_rate(said),
        counted_right=sum(score.expected == score.found for score in said),
        times=summarize(timed),
        audio_seconds=round(sum(r.audio_seconds or 0.0 for r in done), 3),
        real_time_factor=share(
            sum(r.processing_seconds or 0.0 for r in audio),
            sum(r.audio_seconds or 0.0 for r in audio),
        ),
    )


def add_words(scores: Sequence[WordScore]) -> WordScore:
    """Return the sum of scores, without their alignments."""
    return WordScore(
        unit=scores[0].unit if scores else "word",
        reference=sum(score.reference for score in scores),
        substituted=sum(score.substituted for score in scores),
        missed=sum(score.missed for score in scores),
        added=sum(score.added for score in scores),
    )


def _diarization_rate(scores: Sequence[SpeakerScore]) -> float | None:
    wrong = sum(score.missed + score.false_alarm + score.confused for score in scores)
    return share(wrong, sum(score.scored for score in scores))
