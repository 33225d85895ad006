"""Figures as people read them: the same words and digits in the terminal, in Markdown, on the page.

A figure that isn't known is a dash, never a zero.
"""

from __future__ import annotations

from collections.abc import Sequence

from dalston.common.wording import counted
from dalston.evaluation.results import (
    Circumstances,
    ClipResult,
    ConfidenceBand,
    Evaluation,
    Memory,
    TimeSummary,
    Total,
    WordScore,
    share,
)
from dalston.evaluation.word_times import summarize

NONE = "—"
CONFIDENCE_HEADINGS = ("confidence of a word", "words", "right")
CLIP_HEADINGS = ("audio", "reference", "errors", "error rate", "word starts", "DER", "RTF")
"""What the cells of `clip` are."""
UNVERIFIED = "†"
_MEGABYTE = 1_000_000


def percent(rate: float | None) -> str:
    """Return a share as `12.3 %`."""
    return NONE if rate is None else f"{100 * rate:.1f} %"


def factor(value: float | None) -> str:
    """Return a real-time factor."""
    return NONE if value is None else f"{value:.2f}"


def seconds(value: float | None) -> str:
    """Return a length of time: `7.1 s`, `12:34`, `1:02:03`."""
    if value is None:
        return NONE
    if value < 60:  # noqa: PLR2004 - a minute
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def changes(words: WordScore) -> str:
    """Return how many words were wrong, missing and too many."""
    return f"{words.substituted}/{words.missed}/{words.added}"


def clips(total: Total) -> str:
    """Return how many clips there are, and what is the matter with some."""
    notes = [f"{total.failed} failed"] * bool(total.failed)
    notes += [f"{total.unverified}{UNVERIFIED}"] * bool(total.unverified)
    return f"{total.clips} ({', '.join(notes)})" if notes else str(total.clips)


def word_times(times: TimeSummary | None) -> str:
    """Return the median and the 90 % quantile of the words' start errors."""
    return NONE if times is None else f"{times.median:.0f}/{times.ninety_percent:.0f} ms"


def clip(result: ClipResult) -> list[str]:
    """Return a clip's audio, words, errors, error rate, word starts, diarization, real time."""
    times = summarize([result.times]) if result.times is not None else None
    return [
        seconds(result.audio_seconds),
        counted(result.words.reference, result.words.unit),
        changes(result.words),
        "failed" if result.failed else percent(result.words.rate),
        word_times(times),
        percent(None if result.speakers is None else result.speakers.rate),
        factor(result.real_time_factor),
    ]


def diarization(total: Total) -> str:
    """Return the diarization error rate and in how many clips the speakers were counted right."""
    if not total.diarized:
        return NONE
    rate = percent(total.diarization_rate)
    return f"{rate}, {total.counted_right}/{total.diarized} counted right"


def models(circumstances: Circumstances) -> str:
    """Return the engines that have a model, with it; all engines if none has."""
    engines = circumstances.engines
    named = [f"{engine} {facts['model']}" for engine, facts in engines.items() if "model" in facts]
    return ", ".join(named or engines) or "unknown"


def memory(known: Memory | None) -> str:
    """Return the most memory of each engine, and of all at one moment."""
    if known is None:
        return ""
    parts = [f"{engine} {size / _MEGABYTE:.0f} MB" for engine, size in known.engines.items()]
    together = f"all engines of the server together {known.together / _MEGABYTE:.0f} MB"
    return ", ".join([*parts, together])


def confidences(bands: Sequence[ConfidenceBand]) -> list[tuple[str, str, str]]:
    """Return for each band of confidence its bounds, its words, and how many of them are right."""
    return [
        (f"{b.low:g} to {b.high:g}", str(b.words), percent(share(b.right, b.words))) for b in bands
    ]


def facts(circumstances: Circumstances) -> list[tuple[str, str]]:
    """Return what the figures belong to, as names and values."""
    engines = "; ".join(
        f"{engine} ({', '.join(f'{name} {value}' for name, value in known.items())})"
        for engine, known in circumstances.engines.items()
    )
    found = [
        ("Manifest", circumstances.manifest),
        ("Pipeline", circumstances.pipeline),
        ("Engines", engines),
        ("Language", "told to the server" if circumstances.language_given else "found out"),
        ("Machine", circumstances.machine),
        ("Date", circumstances.date),
        ("Peak memory", memory(circumstances.memory)),
    ]
    return [(name, value) for name, value in found if value]


def notes(evaluation: Evaluation) -> list[str]:
    """Return what a reader must know about the totals."""
    found = evaluation.totals
    said = ["Errors are wrong/missing/added, out of the words (characters) of the reference."]
    if any(total.failed for total in found):
        said.append(
            "A failed clip has no transcript: all of its words are counted as missing. Without "
            "failed clips: "
            + ", ".join(f"{t.name} {percent(t.completed_rate)}" for t in found if t.failed)
            + "."
        )
    lost = sum(clip.failed and clip.language is None for clip in evaluation.clips)
    if lost:
        said.append(
            f"Clips that failed and are in no known language: {lost}. They are missing in their "
            "language's total: name it in the manifest or with --language."
        )
    if any(total.unverified for total in found):
        said.append(
            f"{UNVERIFIED} The reference was made by a recogniser and checked by nobody: shown, "
            "but not counted in totals of words, their times and speakers."
        )
    if not evaluation.circumstances.language_given:
        heard = [clip for clip in evaluation.clips if clip.language and clip.heard_language]
        right = sum(clip.language == clip.heard_language for clip in heard)
        said.append(f"The language was found out right in {right} of {len(heard)} clips.")
    return said
