"""The languages that a client may name: ISO 639 codes and their English names.

The list is that of the Whisper models' tokenizer, the widest of the engines that ship.
"""

from __future__ import annotations

import re

_TABLE = (
    "af afrikaans|am amharic|ar arabic|as assamese|az azerbaijani|ba bashkir|be belarusian|"
    "bg bulgarian|bn bengali|bo tibetan|br breton|bs bosnian|ca catalan|cs czech|cy welsh|"
    "da danish|de german|el greek|en english|es spanish|et estonian|eu basque|fa persian|"
    "fi finnish|fo faroese|fr french|gl galician|gu gujarati|ha hausa|haw hawaiian|he hebrew|"
    "hi hindi|hr croatian|ht haitian creole|hu hungarian|hy armenian|id indonesian|"
    "is icelandic|it italian|ja japanese|jw javanese|ka georgian|kk kazakh|km khmer|kn kannada|"
    "ko korean|la latin|lb luxembourgish|ln lingala|lo lao|lt lithuanian|lv latvian|"
    "mg malagasy|mi maori|mk macedonian|ml malayalam|mn mongolian|mr marathi|ms malay|"
    "mt maltese|my myanmar|ne nepali|nl dutch|nn nynorsk|no norwegian|oc occitan|pa punjabi|"
    "pl polish|ps pashto|pt portuguese|ro romanian|ru russian|sa sanskrit|sd sindhi|"
    "si sinhala|sk slovak|sl slovenian|sn shona|so somali|sq albanian|sr serbian|su sundanese|"
    "sv swedish|sw swahili|ta tamil|te telugu|tg tajik|th thai|tk turkmen|tl tagalog|"
    "tr turkish|tt tatar|uk ukrainian|ur urdu|uz uzbek|vi vietnamese|yi yiddish|yo yoruba|"
    "yue cantonese|zh chinese"
)

LANGUAGES: dict[str, str] = dict(entry.split(" ", 1) for entry in _TABLE.split("|"))
"""English name by code."""

_CODES = {name: code for code, name in LANGUAGES.items()}

_OTHERWISE = {
    "cmn": "zh",
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "jv": "jw",
    "nb": "no",
}
"""Codes of ISO 639 by which the tokenizer knows no language, though it knows theirs: those that it
has an older one for, those that old clients still send (Java's), and what a wider one stands for.
"""

_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})+")
"""A language with a region, a script and the like behind it, as BCP 47 (RFC 5646) has it."""


def language_code(text: str) -> str | None:
    """Return the code that a code, a tag or an English name stands for, or None if it is unknown.

    What a tag says besides the language is left out: no engine here tells one region from another.

    Args:
        text: `de`, `DE`, `de-CH`, `de_CH` or `German`.
    """
    key = text.strip().lower()
    key = _OTHERWISE.get(key, key)
    if key in LANGUAGES or key in _CODES:
        return _CODES.get(key, key)
    tag = key.replace("_", "-")
    if not _TAG.fullmatch(tag):
        return None
    first, second = tag.split("-")[:2]
    # A language may be named within its family: zh-yue is Cantonese, as yue is.
    code = second if len(second) == len("yue") and second in LANGUAGES else first
    code = _OTHERWISE.get(code, code)
    return code if code in LANGUAGES else None
