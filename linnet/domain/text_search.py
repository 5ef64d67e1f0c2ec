"""The words of a text as a full-text index needs them: the same for both databases, whose own splitters differ."""

import re
from operator import add

from linnet.domain.text_characters import WORD, normalized, without_accents

MAX_TOKEN_CHARS = 64
MAX_QUERY_TERMS = 32

_TOKEN = re.compile(f"[{WORD}]+")
_ASCII_TOKEN = re.compile("[a-z0-9]+")
# Scripts written without spaces between words (and Hangul, whose particles stick to their word): Thai and Lao,
# Myanmar, Hangul jamo, Khmer, kana, ideographs, Hangul syllables.
_UNSPACED = re.compile(
    "([\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]+)"
)


def search_terms(text: str) -> str:
    """The text's distinct tokens, in order, with a space between: what is put into the index.

    Lower case, without accents; only letters, marks and digits, at most 64 characters each. A run of a script without
    spaces gives its single characters and its pairs of neighbours.
    """
    return " ".join(dict.fromkeys(_tokens(text, singles=True)))


def query_terms(text: str) -> tuple[str, ...]:
    """The tokens that all have to be in ``search_terms`` of a text for it to match; at most 32. Empty: no match."""
    return tuple(dict.fromkeys(_tokens(text, singles=False)))[:MAX_QUERY_TERMS]


def folded(text: str) -> str:
    """The text as searches compare it: lower case, without accents, one space between words."""
    return " ".join(_normalised(text).split())


def _tokens(text: str, *, singles: bool) -> list[str]:
    if text.isascii():
        return [word[:MAX_TOKEN_CHARS] for word in _ASCII_TOKEN.findall(text.lower())]
    tokens: list[str] = []
    for word in _TOKEN.findall(_normalised(text)):
        if word.isascii():
            tokens.append(word[:MAX_TOKEN_CHARS])
            continue
        # The split has the unspaced runs at its odd places.
        for index, run in enumerate(_UNSPACED.split(word)):
            if index % 2 == 0:
                tokens.append(run[:MAX_TOKEN_CHARS])
                continue
            if singles or len(run) == 1:
                tokens += run
            tokens += map(add, run, run[1:])
    return [token for token in tokens if token]


def _normalised(text: str) -> str:
    if not text.isascii():
        # Folding case can undo the normal form, and taking off accents can make a letter foldable.
        text = without_accents(normalized("NFKC", text).casefold())
        text = normalized("NFKC", text).casefold()
    return text.lower().replace("_", " ")
