"""Which characters make a word, which only decorate one, and how many characters a person sees in a text."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Literal

# All combining marks lie in these stretches of Unicode (a test looks). To walk the whole of it would take ten times as
# long, at every start.
_MARK_BLOCKS = (
    *((0x300, 0x3100), (0xA600, 0xAC00), (0xFB00, 0xFE30), (0x10100, 0x10400), (0x10A00, 0x11F00), (0x16A00, 0x17000)),
    *((0x1BC00, 0x1BD00), (0x1CF00, 0x1D250), (0x1DA00, 0x1DB00), (0x1E000, 0x1E950), (0xE0100, 0xE01F0)),
)


def _char_class(members: Iterable[int]) -> str:
    """The inside of a regular expression's ``[...]`` for these code points, given in ascending order."""
    ranges: list[list[int]] = []
    for code in members:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in ranges)


def _across_letters(marks: list[int]) -> list[int]:
    """The marks, and whatever lies between two of them if it is letters, digits or unassigned: fewer, longer ranges."""
    joined = marks[:1]
    for code in marks[1:]:
        between = range(joined[-1] + 1, code)
        if all(chr(other).isalnum() or unicodedata.category(chr(other)) == "Cn" for other in between):
            joined += between
        joined.append(code)
    return joined


_MARK_CODES = [
    code for first, end in _MARK_BLOCKS for code in range(first, end) if unicodedata.category(chr(code)).startswith("M")
]

_ALL_MARKS = _char_class(_MARK_CODES) + "\uff9e\uff9f"
MARKS = _char_class(_across_letters(_MARK_CODES))
"""Combining marks (and letters next to them), for use inside ``[...]``: ``\\w`` lacks them and breaks Hindi words."""

WORD = r"\w" + MARKS
"""Letters, marks, digits and ``_``, for use inside ``[...]``: what Ruby, and so Mastodon, calls ``[[:word:]]``."""

TAG_SEPARATORS = "\u00b7\u30fb\u200c"
"""Middle dot, katakana middle dot and zero-width non-joiner: allowed within a hashtag, not at its ends."""


# --- grapheme clusters -----------------------------------------------------------------------------------------------
# The rules of Unicode Standard Annex #29 (extended clusters), but for GB9c (Indic conjuncts), which is younger than the
# counters of most clients: who sees "3 left" should not be refused.

# Myanmar and Tai Aiton vowels that are spacing marks by category and yet stand alone (UAX #29, table 2).
_STANDALONE = {0x102B, 0x102C, 0x1038, 0x1083, 0x108F, 0x1A61, 0x1A63, 0x1A64, 0xAA7B, 0xAA7D}.union(
    range(0x1062, 0x1065), range(0x1067, 0x106E), range(0x1087, 0x108D), range(0x109A, 0x109D)
)
_EXTEND_BMP = _char_class(code for code in _MARK_CODES if code <= 0xFFFF and code not in _STANDALONE)
_EXTEND_BMP += "\u0e33\u0eb3\u200c\u200d\uff9e\uff9f"
_EXTEND_ASTRAL = _char_class(code for code in _MARK_CODES if 0xFFFF < code < 0xE0000)
# Skin tones, the letters of flags of regions, further variation selectors: too common to wait behind a look-ahead.
_EXTEND_EMOJI = "\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\U000e0100-\U000e01ef"
# The marks of rarer scripts are many ranges, tried one by one, so a look-ahead asks first whether one can be there.
_EXTEND = f"(?:[{_EXTEND_BMP}{_EXTEND_EMOJI}]|(?=[\U00010100-\U0001e94f])[{_EXTEND_ASTRAL}])*"

_REGIONAL = "\U0001f1e6-\U0001f1ff"
_PICTURE = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714"
    "\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1"
    "\u27b0\u27bf\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff"
    "\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a"
    "\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a\U0001f23c-\U0001f23f"
    "\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f"
    "\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f\U0001f888-\U0001f88f"
    "\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff\U0001fc00-\U0001fffd"
)
_HANGUL_L = "\u1100-\u115f\ua960-\ua97c"
_HANGUL_V = "\u1160-\u11a7\ud7b0-\ud7c6"
_HANGUL_T = "\u11a8-\u11ff\ud7cb-\ud7fb"
# A syllable that has its final consonant (LVT) takes no further vowel; one without (LV) is every 28th.
_HANGUL_LV = "".join(chr(code) for code in range(0xAC00, 0xD7A4, 28))
_HANGUL = (
    f"(?:[{_HANGUL_L}]*(?:(?:[{_HANGUL_LV}]|[{_HANGUL_V}])[{_HANGUL_V}]*|[\uac00-\ud7a3])[{_HANGUL_T}]*"
    f"|[{_HANGUL_L}]+|[{_HANGUL_T}]+)"
)
_PREPEND = "\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\u0d4e\U000110bd\U000110cd"
# Controls, format characters and line separators end what stands before them and carry nothing.
_CONTROL = (
    "\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e001f\U000e0080-\U000e00ff"
)
_PICTURES = f"[{_PICTURE}](?:{_EXTEND}(?<=\u200d)[{_PICTURE}])*"
_CORE = f"(?:{_HANGUL}|[{_REGIONAL}]{{2}}|{_PICTURES}|[^{_CONTROL}])"
_CLUSTER = re.compile(f"\r\n|[{_CONTROL}]|[{_PREPEND}]*{_CORE}{_EXTEND}", re.DOTALL)

# Most texts need none of that. Without a joining character the length is the number of code points; and where only
# marks join (Hindi, Thai, an accent, an emoji's variation selector), it is what is left without them.
_ENTANGLING = f"\r\u200d{_HANGUL_L}{_HANGUL_V}{_HANGUL_T}{_PREPEND}{_REGIONAL}"
_SOME_ASTRAL_MARK = "\U00010100-\U0001e94f"
_ENTANGLED = re.compile(f"[{_ENTANGLING}{_SOME_ASTRAL_MARK}]")
_JOINS = re.compile(f"[{_ENTANGLING}{_SOME_ASTRAL_MARK}{_EXTEND_BMP}{_EXTEND_EMOJI}]")
_JOINED_MARKS = re.compile(f"(?<=[^{_CONTROL}])[{_EXTEND_BMP}{_EXTEND_EMOJI}]+")


def graphemes(text: str) -> int:
    """How many characters a person sees: extended grapheme clusters, as UAX #29 defines them. Linear in the text."""
    if text.isascii():
        return len(text) - text.count("\r\n")
    if _JOINS.search(text) is None:
        return len(text)
    if _ENTANGLED.search(text) is None:
        return len(_JOINED_MARKS.sub("", text))
    return len(_CLUSTER.findall(text))


# Marks above and below letters (combining class 200 and up), Hebrew points and Arabic vowel signs (10 to 35).
_ACCENT_CLASSES = {*range(10, 36), *range(200, 256)}
_ACCENT_CODES = (code for code in _MARK_CODES if code <= 0xFFFF and unicodedata.combining(chr(code)) in _ACCENT_CLASSES)
_ACCENTS = re.compile(f"[{_char_class(_ACCENT_CODES)}]+")


# Python sorts the marks behind a letter by insertion, which takes quadratic time: 40,000 of them a second. No language
# has more than a few; 30 is the bound of the Stream-Safe Text Format (UAX #15). Half-width voicing marks become marks.
_TOO_MANY_MARKS = re.compile(f"([{_ALL_MARKS}][{_ALL_MARKS}]{{29}})[{_ALL_MARKS}]+")
_MANY_MARKS = re.compile(f"[{_EXTEND_BMP}{_SOME_ASTRAL_MARK}][{_EXTEND_BMP}{_SOME_ASTRAL_MARK}]{{30}}")


def normalized(form: Literal["NFC", "NFD", "NFKC"], text: str) -> str:
    """The text in a Unicode normal form, in linear time: of more than 30 marks in a row the rest is dropped."""
    if text.isascii():
        return text
    # The rough look is quick where there are few marks; the exact one tries the many small ranges of rare scripts.
    if _MANY_MARKS.search(text):
        text = _TOO_MANY_MARKS.sub(r"\1", text)
    return unicodedata.normalize(form, text)


def without_accents(text: str) -> str:
    """The text with accents, Hebrew points and Arabic vowel signs taken off, so that ``cafe`` finds ``café``.

    Vowel signs, viramas and the voicing marks of kana stay: without them a word is another word.
    """
    return normalized("NFC", _ACCENTS.sub("", normalized("NFD", text)))
