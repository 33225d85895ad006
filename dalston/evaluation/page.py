"""The report: one page of HTML that needs nothing else, neither network nor files.

Its content security policy forbids it everything else, too. All that comes from a manifest, a
server or a transcript is escaped. Written so that it is XML as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from importlib import resources

from dalston.evaluation import figures
from dalston.evaluation.results import ClipResult, Evaluation, Piece, Total, WordScore
from dalston.evaluation.table import TOTALS
from dalston.evaluation.waveform import HEIGHT, WIDTH
from dalston.evaluation.word_times import summarize

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_SORTABLE = ("clip", "language", *figures.CLIP_HEADINGS)
_RATE_COLUMN = "error rate"
_FAILED_VALUE = 1e9
"""What a failed clip's error rate is sorted as: worst."""


def page(found: Evaluation, waves: Sequence[str | None]) -> str:
    """Return the report, the clips with most errors first.

    Args:
        found: What was measured.
        waves: For each clip the path of its waveform, if there is one.
    """
    order = sorted(range(len(found.clips)), key=lambda number: -_badness(found.clips[number]))
    title = f"Transcription quality: {found.circumstances.manifest}"
    body = "\n".join(
        [
            f"<h1>{escape(title)}</h1>",
            _facts(found),
            _totals(found.totals),
            _confidences(found),
            "".join(f"<p class='quiet'>{escape(note)}</p>" for note in figures.notes(found)),
            _overview(found.clips, order),
            "<h2>Clip by clip</h2>",
            _legend(),
            *(_clip(found.clips[number], number, waves[number]) for number in order),
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en" xmlns="http://www.w3.org/1999/xhtml">\n<head>\n'
        '<meta charset="utf-8"/>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(title)}</title>\n<style>\n{_part('report.css')}</style>\n</head>\n"
        f'<body>\n<main id="top">\n{body}\n</main>\n'
        f"<script>\n//<![CDATA[\n{_part('report.js')}//]]>\n</script>\n</body>\n</html>\n"
    )


def _part(name: str) -> str:
    return resources.files("dalston.evaluation").joinpath(name).read_text("utf-8")


def _badness(result: ClipResult) -> float:
    if result.failed:
        return _FAILED_VALUE
    return result.words.rate if result.words.rate is not None else float(result.words.errors)


def _facts(found: Evaluation) -> str:
    rows = (
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"
        for name, value in figures.facts(found.circumstances)
    )
    return f"<dl>{''.join(rows)}</dl>"


def _totals(totals: Sequence[Total]) -> str:
    heads = "".join(f'<th scope="col">{escape(column.heading)}</th>' for column in TOTALS)
    rows = []
    for total in totals:
        name, *cells = (escape(column.cell(total)) for column in TOTALS)
        rows.append(f'<tr><th scope="row">{name}</th>{_cells(cells)}</tr>')
    return _table("Totals, weighted by words", heads, rows)


def _confidences(found: Evaluation) -> str:
    if not found.confidences:
        return ""
    heads = "".join(f'<th scope="col">{name}</th>' for name in figures.CONFIDENCE_HEADINGS)
    rows = (
        f'<tr><th scope="row">{band}</th>{_cells(cells)}</tr>'
        for band, *cells in figures.confidences(found.confidences)
    )
    return _table("What confidences are worth", heads, rows)


def _cells(texts: Iterable[str]) -> str:
    return "".join(f"<td>{text}</td>" for text in texts)


def _table(caption: str, heads: str, rows: Iterable[str]) -> str:
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}"><table>'
        f"<caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>\n"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _overview(results: Sequence[ClipResult], order: Sequence[int]) -> str:
    heads = "".join(
        f'<th scope="col"{_sorted_by(name)}><button type="button">{escape(name)}</button></th>'
        for name in _SORTABLE
    )
    rows = [_overview_row(results[number], number) for number in order]
    caption = "Clips; press a heading to sort. The name leads to the clip below"
    return f"<h2>Clips</h2>{_table(caption, heads, rows)}"


def _sorted_by(name: str) -> str:
    return ' aria-sort="descending"' if name == _RATE_COLUMN else ""


def _overview_row(result: ClipResult, number: int) -> str:
    failed = ' class="failed"' if result.failed else ""
    cells = [
        f'<td data-value="{-1 if value is None else value:.6f}"{failed}>{escape(text)}</td>'
        for value, text in zip(_values(result), figures.clip(result), strict=True)
    ]
    return (
        f'<tr><th scope="row"><a href="#clip-{number}">{_name(result)}</a></th>'
        f'<td class="text">{escape(result.language or figures.NONE)}</td>{"".join(cells)}</tr>\n'
    )


def _values(result: ClipResult) -> list[float | None]:
    """Return what a clip's cells are sorted by."""
    times = None if result.times is None else summarize([result.times])
    return [
        result.audio_seconds,
        result.words.reference,
        result.words.errors,
        _badness(result),
        None if times is None else times.median,
        None if result.speakers is None else result.speakers.rate,
        result.real_time_factor,
    ]


def _name(result: ClipResult) -> str:
    mark = "" if result.verified else f' <abbr title="unverified">{figures.UNVERIFIED}</abbr>'
    return f"{escape(result.clip)}{mark}"


def _legend() -> str:
    return (
        '<p class="words">Signs: <del>≠ said</del> over <ins>heard</ins> is a wrong word, '
        "<del>- said</del> a missing one, <ins>+ heard</ins> one too many. Unmarked words are the "
        "same in both texts, in the spelling that is compared.</p>"
    )


def _clip(result: ClipResult, number: int, wave: str | None) -> str:
    name, cells = _name(result), figures.clip(result)
    line = ", ".join(
        f"{heading} {cell}"
        for heading, cell in zip(figures.CLIP_HEADINGS, cells, strict=True)
        if cell != figures.NONE
    )
    failed = f'<p class="failed">Failed: {escape(result.error or "")}</p>' if result.failed else ""
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in result.warnings)
    return (
        f'<article id="clip-{number}" aria-labelledby="name-{number}">'
        f'<h3 id="name-{number}">{name}</h3><p class="quiet">{escape(line)}</p>{failed}'
        f"{_wave(result, wave)}{_words(result.words)}"
        f"{f'<p>Warnings of the transcript:</p><ul>{warnings}</ul>' if warnings else ''}"
        f"<details><summary>Both texts as they are written</summary>"
        f"<p><strong>Reference:</strong> {escape(result.reference)}</p>"
        f"<p><strong>Transcript:</strong> {escape(result.text)}</p></details>"
        f'<p><a href="#top">Back to the table</a></p></article>'
    )


def _wave(result: ClipResult, wave: str | None) -> str:
    if wave is None:
        return '<p class="quiet">No waveform: the recording could not be decoded here.</p>'
    label = f"Waveform of {result.clip}, {figures.seconds(result.audio_seconds)}"
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'preserveAspectRatio="none" xmlns="http://www.w3.org/2000/svg"><path d="{wave}"/></svg>'
    )


def _words(words: WordScore) -> str:
    between = "" if words.unit == "character" else " "
    pieces = between.join(_piece(piece, between) for piece in words.pieces)
    return f'<p class="words">{pieces or "Nobody speaks, and nothing was heard."}</p>'


def _piece(piece: Piece, between: str) -> str:
    """Return a stretch of the alignment; each word that was replaced above what took its place."""
    if piece.change == "equal":
        return escape(between.join(piece.reference))
    if piece.change == "delete":
        return f"<del>{_aloud('missing:')}- {escape(between.join(piece.reference))}</del>"
    if piece.change == "insert":
        return f"<ins>{_aloud('added:')}+ {escape(between.join(piece.heard))}</ins>"
    return between.join(
        f'<span class="replaced"><del>{_aloud("wrong:")}≠ {escape(said)}</del> '
        f"<ins>{_aloud('heard')}{escape(heard)}</ins></span>"
        for said, heard in zip(piece.reference, piece.heard, strict=True)
    )


def _aloud(text: str) -> str:
    """Return a word for those who listen to the page; the colours and strokes say it to others."""
    return f'<span class="hidden">{text} </span>'
