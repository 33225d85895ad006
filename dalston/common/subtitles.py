"""From a transcript to what stands on the screen, and when. Pure.

Without rules each segment is a cue. With rules long segments are divided where a reader would
pause, lines are of about the same length, and cues stay long enough to be read.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise

import msgspec

from dalston.common.transcript import Segment, Transcript
from dalston.common.wording import between, words_in

SMALL_OVERLAP = 100
"""Milliseconds by which rough times may make two cues overlap; more is two people talking."""
_SENTENCE_ENDS = frozenset(
    ".?!…。？！｡"  # noqa: RUF001 - of other scripts
    "\u061f\u06d4\u0964\u0965"  # Arabic question mark, Urdu full stop, dandas of Indian scripts
    "\u0589\u104b\u1362\u1367\u17d4"  # Armenian, Burmese, Ethiopic (also a question), Khmer
)
_CLAUSE_ENDS = frozenset(
    ",;:–—、，；：､"  # noqa: RUF001 - of other scripts
    "\u060c\u061b\u104a\u1363\u1364"  # Arabic comma and semicolon, Burmese, Ethiopic
)
_MARKS = _SENTENCE_ENDS | _CLAUSE_ENDS
_CLOSING = "\"')]}”’»“‘«」』）】》"  # noqa: RUF001 - as printed; German closes where English opens
_SMALL_KANA = frozenset("ーゝゞヽヾ々〻ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ")
"""No line of Japanese begins with one: they go on with the sound of the letter before."""
_BEHIND = (_MARKS | _SMALL_KANA | frozenset("%‰°")) - frozenset(
    "\u2013\u2014"  # dashes, which may begin a line
)
"""What stands behind what it belongs to, besides brackets and quotation marks."""
_OPENED, _CLOSED = frozenset({"Ps", "Pi"}), frozenset({"Pe", "Pf"})
"""Unicode's categories of brackets and quotation marks."""
_PAUSE = 300
"""Milliseconds of silence at which a reader expects a break."""
_EARLIEST_BREAK = 0.4
"""Share of a full cue, or of a line, before which no break is looked for."""
_WIDE = frozenset("WF")
_NO_ROOM = frozenset({"Mn", "Me", "Cf"})
"""Unicode's categories of what stands above or below a letter, or isn't seen."""
_MARKED = 0.5
"""Share of segments with a mark, from which on those without one at their end don't end a sentence.
Whisper's Chinese has a question mark now and then, and nothing else."""
_LONGEST_RUN = 1000
"""Words that are divided as one stretch: where there are no marks, hours would be one."""


class Cue(msgspec.Struct, frozen=True):
    """What stands on the screen from one moment to another, in milliseconds."""

    start: int
    end: int
    text: str


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How subtitles are to be.

    Attributes:
        line_length: Characters of a line at most; one that takes the room of two counts as two.
            A single longer word stays whole.
        lines: Lines of a cue at most.
        shortest: Seconds that a cue stays at least, if the next one leaves it the time.
        longest: Seconds that a cue stays at most.
        speakers: Whether a cue begins with who speaks, where the speaker changes.
    """

    line_length: int = 42
    lines: int = 2
    shortest: float = 1.0
    longest: float = 7.0
    speakers: bool = False


class _Token(msgspec.Struct, frozen=True):
    """A piece of text that isn't divided: most often a word. Times are milliseconds."""

    text: str
    start: int
    end: int
    spaced: bool
    ends_segment: bool = False
    """And the sentence may go on in the next one."""


def cues(transcript: Transcript, rules: Rules | None = None) -> Iterator[Cue]:
    """Yield what to show in order: never empty, each ending after it starts."""
    found = _whole(transcript) if rules is None else _divided(transcript, rules)
    ordered = sorted((cue for cue in found if cue.text), key=lambda cue: cue.start)
    beyond_all = Cue(max((cue.end for cue in ordered), default=0) + 3_600_000, 0, "")
    shortest = 0 if rules is None else round(1000 * rules.shortest)
    for cue, following in pairwise([*ordered, beyond_all]):
        overlap = cue.end - following.start
        end = following.start if 0 < overlap <= SMALL_OVERLAP else cue.end
        if end - cue.start < shortest and following.start > end:
            end = min(cue.start + shortest, following.start)
        yield Cue(cue.start, max(end, cue.start + 1), cue.text)


def visible_lines(text: str) -> list[str]:
    """Return the lines that show something, without control characters."""
    visible = (
        "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in line).strip()
        for line in text.splitlines()
    )
    return [line for line in visible if line]


def labels_of(transcript: Transcript) -> dict[str, str]:
    """Return the speakers' names for people, by id."""
    return {speaker.id: speaker.label for speaker in transcript.speakers}


def prefixed(text: str, speaker: str | None, labels: Mapping[str, str]) -> str:
    """Return a text with who says it in front, if that is known."""
    if not text or not speaker:
        return text
    return f"{' '.join(visible_lines(labels.get(speaker) or speaker))}: {text}"


def milliseconds(seconds: float) -> int:
    """Round before splitting into units, so that no unit is ever full."""
    return round(max(seconds, 0.0) * 1000)


def _whole(transcript: Transcript) -> list[Cue]:
    labels = labels_of(transcript)
    return [
        Cue(
            milliseconds(segment.start),
            milliseconds(segment.end),
            prefixed("\n".join(visible_lines(segment.text)), segment.speaker, labels),
        )
        for segment in transcript.segments
    ]


def _divided(transcript: Transcript, rules: Rules) -> list[Cue]:
    """Divide segments into cues, in the order in which they are shown.

    Where people talk at the same time, what is left of one of them comes behind the other one, and
    says again who speaks.
    """
    labels = labels_of(transcript)
    found: list[Cue] = []
    shown_before: str | None = None
    runs = _runs(transcript, rules.line_length)
    left = [(tokens[0].start, place, tokens) for place, (_, tokens) in enumerate(runs)]
    heapify(left)
    while left:
        start, place, tokens = heappop(left)
        speaker = runs[place][0]
        least = 1
        if rules.speakers and speaker and speaker != shown_before:
            name = " ".join(visible_lines(labels.get(speaker) or speaker))
            first = msgspec.structs.replace(tokens[0], spaced=True)
            tokens = [_Token(f"{name}:", start, start, spaced=False), first, *tokens[1:]]
            # A name doesn't stand alone.
            least = 2
        count = max(_fitting(tokens, rules), least)
        shown, tokens = tokens[:count], tokens[count:]
        shown_before = speaker
        end = min(shown[-1].end, start + round(1000 * rules.longest))
        found.append(Cue(start, end, "\n".join(_wrapped(shown, rules))))
        if tokens:
            heappush(left, (tokens[0].start, place, tokens))
    return found


def _runs(transcript: Transcript, length: int) -> list[tuple[str | None, list[_Token]]]:
    """Return what is divided as one stretch, each with who says it.

    Most often that is a segment. Engines end one at a time limit too, in the middle of a sentence,
    which would tear the last words off, to be shown for a moment. Where few have any mark, as in
    Thai, their ends are all that tells of sentences.
    """
    found: list[tuple[str | None, list[_Token]]] = []
    last: dict[str | None, list[_Token]] = {}
    marked = [not _MARKS.isdisjoint(segment.text) for segment in transcript.segments]
    has_marks = sum(marked) >= _MARKED * len(marked)
    for segment in transcript.segments:
        tokens = _marks_joined(_tokens(segment), length)
        if not tokens:
            continue
        before = last.get(segment.speaker)
        if has_marks and before is not None and _goes_on(before, tokens):
            spaced = between(before[-1].text, tokens[0].text) == " "
            before[-1] = msgspec.structs.replace(before[-1], ends_segment=True)
            before += [msgspec.structs.replace(tokens[0], spaced=spaced), *tokens[1:]]
            continue
        last[segment.speaker] = tokens
        found.append((segment.speaker, tokens))
    return found


def _marks_joined(tokens: Sequence[_Token], length: int) -> list[_Token]:
    """Return tokens of which none begins with a mark that closes, or ends with one that opens.

    French has a space at some marks, and engines take those of Chinese and Japanese for words or
    put them to the wrong one. A row of marks that is longer than a line stays as it is.
    """
    found: list[_Token] = []
    for token in tokens:
        before = found[-1] if found else None
        if before is None or _width(f"{before.text} {token.text}") > length:
            found.append(token)
        elif _closes(token.text) or _opened(before.text) == before.text or _is_rest(token):
            text = before.text + " " * token.spaced + token.text
            found[-1] = _Token(text, before.start, token.end, before.spaced)
        elif (opened := _opened(before.text)) and not token.spaced:
            text = before.text.removesuffix(opened)
            found[-1] = msgspec.structs.replace(before, text=text)
            found.append(msgspec.structs.replace(token, text=opened + token.text))
        else:
            found.append(token)
    return found


def _is_rest(token: _Token) -> bool:
    """Tell whether a token begins with a mark that shapes the letter in front of it."""
    return not token.spaced and unicodedata.category(token.text[0]).startswith("M")


def _closes(text: str) -> bool:
    """Tell whether a text is nothing but marks that belong to what is in front of them."""
    is_ellipsis = text != "." and not text.strip(".…")
    return not is_ellipsis and all(
        letter in _BEHIND or unicodedata.category(letter) in _CLOSED for letter in text
    )


def _opened(text: str) -> str:
    """Return the marks at a text's end that belong to what is behind them."""
    count = len(text)
    while count and unicodedata.category(text[count - 1]) in _OPENED:
        count -= 1
    return text[count:]


def _goes_on(before: Sequence[_Token], after: Sequence[_Token]) -> bool:
    """Tell whether a sentence goes on in the next segment without a pause."""
    pause = after[0].start - before[-1].end
    is_end = _last_mark(before[-1].text) in _SENTENCE_ENDS
    return len(before) < _LONGEST_RUN and -SMALL_OVERLAP <= pause < _PAUSE and not is_end


def _tokens(segment: Segment) -> list[_Token]:
    """Return a segment's words with their times; without words, times by the letters before."""
    text = " ".join(visible_lines(segment.text))
    words = [(word.text.strip(), word.start, word.end) for word in segment.words or ()]
    timed = _found_in(text, words) if words else []
    if timed:
        return timed
    pieces = words_in(text)
    letters = sum(map(len, pieces))
    start, length = segment.start, segment.end - segment.start
    found: list[_Token] = []
    seen = place = 0
    for piece in pieces:
        begins = start + length * seen / letters
        seen += len(piece)
        ends = start + length * seen / letters
        stands = text.index(piece, place)
        spaced = stands > place and bool(found)
        place = stands + len(piece)
        found.append(_Token(piece, milliseconds(begins), milliseconds(ends), spaced))
    return found


def _found_in(text: str, words: Sequence[tuple[str, float, float]]) -> list[_Token]:
    """Return words as they stand in a text, or none if they don't make it up."""
    found: list[_Token] = []
    place = 0
    for word, start, end in words:
        spaced = text[place : place + 1] == " "
        place += spaced
        if not word or not text.startswith(word, place):
            return []
        found.append(_Token(word, milliseconds(start), milliseconds(end), spaced and bool(found)))
        place += len(word)
    return found if not text[place:].strip() else []


def _fitting(tokens: Sequence[_Token], rules: Rules) -> int:
    """Return how many tokens the next cue takes."""
    most = 0
    for token, line in zip(tokens, _lines_of(tokens, rules.line_length), strict=True):
        if line == rules.lines or token.end - tokens[0].start > 1000 * rules.longest:
            break
        most += 1
    most = max(most, 1)
    return most if most == len(tokens) else _best_break(tokens, most)


def _lines_of(tokens: Iterable[_Token], length: int) -> Iterator[int]:
    """Yield on which line each token stands if each is as full as it may be, counted from 0."""
    line = filled = 0
    for number, token in enumerate(tokens):
        alone = _width(token.text)
        # What stands there may take no room, and the space behind it does.
        longer = filled + (token.spaced and number > 0) + alone
        line, filled = (line + 1, alone) if number and longer > length else (line, longer)
        yield line


def _filled(tokens: Sequence[_Token], length: int) -> list[str]:
    """Return lines that are each as full as they may be."""
    lines: list[str] = []
    for token, line in zip(tokens, _lines_of(tokens, length), strict=True):
        if line == len(lines):
            lines.append(token.text)
        else:
            lines[-1] += " " * token.spaced + token.text
    return lines


def _wrapped(tokens: Sequence[_Token], rules: Rules) -> list[str]:
    """Return lines of about the same length: the narrowest that need no more lines."""
    lines = _filled(tokens, rules.line_length)
    if len(lines) == 1:
        return lines
    narrow, wide = 1, rules.line_length
    while narrow < wide:
        middle = (narrow + wide) // 2
        if len(_filled(tokens, middle)) <= len(lines):
            wide = middle
        else:
            narrow = middle + 1
    return _filled(tokens, wide)


def _best_break(tokens: Sequence[_Token], most: int) -> int:
    """Return after how many tokens to break: at the end of a sentence or less, or in a pause."""
    earliest = max(1, round(_EARLIEST_BREAK * most))
    return max(range(earliest, most + 1), key=lambda count: (_weight(tokens, count), count))


def _weight(tokens: Sequence[_Token], count: int) -> int:
    last = _last_mark(tokens[count - 1].text)
    if last in _SENTENCE_ENDS:
        return 3
    if last in _CLAUSE_ENDS:
        return 2
    pause = tokens[count].start - tokens[count - 1].end if count < len(tokens) else 0
    # Where a stretch has no marks, an engine ended its segments where a sentence may end.
    return int(pause >= _PAUSE or tokens[count - 1].ends_segment)


def _last_mark(text: str) -> str:
    return text.rstrip(_CLOSING)[-1:]


def _width(text: str) -> int:
    """Return the room that a text takes: some letters take that of two, and some marks none."""
    return len(text) if text.isascii() else sum(map(_room, text))


def _room(letter: str) -> int:
    if unicodedata.category(letter) in _NO_ROOM:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in _WIDE else 1
