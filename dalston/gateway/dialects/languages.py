"""Names of languages as vendors' clients write them.

Sources: ISO 639-3 (https://iso639-3.sil.org/) for codes of three letters, BCP 47 (RFC 5646) for a
code with a region, as in `en-US`.
"""

from __future__ import annotations

from dalston.common.languages import language_code

_TABLE = (
    "afr af|amh am|ara ar|asm as|aze az|bak ba|bel be|bul bg|ben bn|bod bo|bre br|bos bs|"
    "cat ca|ces cs|cym cy|dan da|deu de|ell el|eng en|spa es|est et|eus eu|fas fa|fin fi|"
    "fao fo|fra fr|glg gl|guj gu|hau ha|haw haw|heb he|hin hi|hrv hr|hat ht|hun hu|"
    "hye hy|ind id|isl is|ita it|jpn ja|jav jw|kat ka|kaz kk|khm km|kan kn|kor ko|lat la|"
    "ltz lb|lin ln|lao lo|lit lt|lav lv|mlg mg|mri mi|mkd mk|mal ml|mon mn|mar mr|msa ms|"
    "mlt mt|mya my|nep ne|nld nl|nno nn|nor no|oci oc|pan pa|pol pl|pus ps|por pt|ron ro|"
    "rus ru|san sa|snd sd|sin si|slk sk|slv sl|sna sn|som so|sqi sq|srp sr|sun su|swe sv|"
    "swa sw|tam ta|tel te|tgk tg|tha th|tuk tk|tgl tl|tur tr|tat tt|ukr uk|urd ur|uzb uz|"
    "vie vi|yid yi|yor yo|yue yue|zho zh"
)
_LONG = dict(entry.split(" ") for entry in _TABLE.split("|"))
"""The code that the server uses, by that of three letters."""
_SHORT = {short: long for long, short in _LONG.items()}


def plain_language(text: str) -> str:
    """Return the language that a client means, as a job names it.

    A region or script behind the code is left out: no engine here tells one from another.

    Args:
        text: `de`, `deu`, `de-CH`, `de_ch` or `German`. What isn't known stays as it is.
    """
    known = language_code(text)
    if known is not None:
        return known
    code = text.strip().replace("_", "-").partition("-")[0].lower()
    return _LONG.get(code, text)


def long_code(code: str | None) -> str | None:
    """Return a language's code of three letters."""
    return None if code is None else _SHORT.get(code, code)
