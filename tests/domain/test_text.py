"""Texts cleaned and counted; and no text, however hostile, takes long."""

import time
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import text
from linnet.domain.errors import Invalid
from linnet.domain.text_characters import graphemes, normalized


@pytest.mark.parametrize(
    ("written", "cleaned"),
    [
        ("", ""),
        (" a\tb \n", " a\tb \n"),
        ("a\r\nb\rc\n\rd", "a\nb\nc\n\nd"),
        ("é e\u0301 👩‍👩‍👧 \u2028\u00a0", "é e\u0301 👩‍👩‍👧 \u2028\u00a0"),
        ("x" * 100, "x" * 100),
        ("\r\n" * 100, "\n" * 100),
    ],
)
def test_clean_changes_newlines_only(written: str, cleaned: str) -> None:
    assert text.clean("note", written, 100) == cleaned


@pytest.mark.parametrize(
    "char", ["\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1f", "\x7f", chr(0xD800), chr(0xDFFF)]
)
def test_clean_refuses_what_cannot_be_stored_or_shown(char: str) -> None:
    with pytest.raises(Invalid) as caught:
        text.clean("display_name", f"a{char}b", 100)
    assert caught.value.field == "display_name"
    assert caught.value.code == "ERR_INVALID"
    assert f"U+{ord(char):04X}" in caught.value.why


def test_clean_refuses_too_long_a_text() -> None:
    with pytest.raises(Invalid) as caught:
        text.clean("note", "x" * 101, 100)
    assert (caught.value.field, caught.value.code) == ("note", "ERR_TOO_LONG")
    assert "100" in caught.value.why


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\r\n\t\x00")))
def test_cleaning_twice_is_cleaning_once(written: str) -> None:
    try:
        cleaned = text.clean("text", written, 1000)
    except Invalid:
        assert any(unicodedata.category(char) == "Cc" for char in written)
    else:
        assert text.clean("text", cleaned, 1000) == cleaned
        assert "\r" not in cleaned
        cleaned.encode()


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("", 0),
        ("abc", 3),
        ("\r\n\n", 2),
        ("\n\r", 2),
        ("é", 1),
        ("e\u0301", 1),
        ("e\u0301\u0302\u0303", 1),
        ("\u0301", 1),
        ("\n\u0301\u0301", 2),
        ("日本語", 3),
        ("か\u3099", 1),
        ("हिन्दी", 3),
        ("நி", 1),
        ("กำ", 1),
        ("👍", 1),
        ("👍🏽", 1),
        ("❤️", 1),
        ("👨‍👩‍👧‍👦", 1),
        ("👨‍👩", 1),
        ("a\u200db", 2),
        ("☺\u0308\u200d☺", 1),
        ("🏳️‍🌈", 1),
        ("🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f", 1),
        ("1️⃣", 1),
        ("🇩🇪", 1),
        ("🇩🇪🇫🇷", 2),
        ("🇩🇪🇫", 2),
        ("🇩", 1),
        ("각", 1),
        ("가", 1),
        ("가각", 2),
        ("\u1100\u1161\u11a8", 1),
        ("가\u11a8", 1),
        ("각\u1161", 2),
        ("\u1100\u1100\u1161", 1),
        ("\u11a8\u1100", 2),
        ("\u06001", 1),
        ("\u200b\u0301", 2),
        ("\U0001e921\U0001e944", 1),
        ("\U00011103\U00011127", 1),
        ("မာ", 2),
    ],
)
def test_graphemes(written: str, length: int) -> None:
    assert graphemes(written) == length
    # The same among neighbours, which take other paths through the code.
    assert graphemes(f"x\u2028{written}\u2028🇩🇪") == length + 4


@given(st.text(), st.text())
def test_what_is_seen_is_never_more_than_what_is_there(left: str, right: str) -> None:
    both = graphemes(left + right)
    assert 0 <= both <= len(left) + len(right)
    assert max(graphemes(left), graphemes(right)) <= both <= graphemes(left) + graphemes(right)


@pytest.mark.parametrize(
    ("written", "spoiler", "length"),
    [
        ("a" * 500, "", 500),
        ("b" * 251, "a" * 250, 501),
        ("", "warning", 7),
        (" \n ", "", 0),
        (" \n ", "warning", 7),
        (" a ", "", 3),
        ("a" * 476 + " http://" + "b" * 30 + ".com/example", "", 500),
        ("https://a.bc", "", 23),
        ("http://nic.みんな/ gopher://example.org/", "", 47),
        ("(https://example.com/x)!", "", 26),
        ("example.com", "", 11),
        ("http://localhost/", "", 17),
        ("xmpp:user@instance.com", "", 22),
        ("magnet:?xt=x", "", 12),
        ("a" * 475 + " @alice@" + "b" * 30 + ".com", "", 482),
        ("@alice and @bob@example.com.", "", 16),
        ("alice@example.com", "", 17),
        ("@andré@example.com", "", 18),
        ("#tag 👨‍👩‍👧‍👦 https://a.bc/👨‍👩‍👧‍👦", "👍🏽", 31),
    ],
)
def test_count(written: str, spoiler: str, length: int) -> None:
    assert text.count(written, spoiler) == length


@given(st.text(), st.text())
def test_count_is_never_negative(written: str, spoiler: str) -> None:
    assert text.count(written, spoiler) >= 0


HOSTILE = [
    *("@", "@a", "@a.", "@a@", " @a@b.", "@.", " @a@é.c", "#", " #a", " #a·", " #1", "＃", "a#", ":", ":a", ":aa: "),
    *("https:", "https://", "https://a.", "https://a-", "a.1.", "https://a.bc", " https://a.bc", " https://é.bc", "é."),
    *("https://a.bc/", "https://a.bc/(", "https://a.bc/((", "(", "()", "(a", "https://a.bc/!", "https://a.bc/?", "?!"),
    *(
        "xmpp:",
        "xmpp:a@",
        "xmpp:a.",
        " xmpp:a@b.cd",
        "magnet:?",
        " magnet:?a",
        "<",
        "<a ",
        "<a>",
        "</p>",
        "<br>",
        "<!--",
    ),
    *(
        "<h1",
        "<h1>",
        "<a href='",
        '<a href="x">',
        "<b>",
        "&",
        "&#9",
        "&a",
        "9",
        "\n",
        " \n",
        '"',
        "a ",
        "_",
        "É",
        "-",
        "/",
    ),
    *("\u0301", "\u0301\u0323", "a\u0301", "\uff9e\u0301", "\U0001d165\U0001d16e", "👨\u200d", "☺\u0301", "🇩", "\r"),
    *("\u1100", "\u1161", "\u11a8", "가", "\u0600", "漢", "か\u3099", "हि", "\U00011127", "·", "\u200c"),
]
STARTS = ["https://a.bc/", "https://", " @a@", " #a", "xmpp:", "magnet:?", "<a ", "&#", ":aa", "☺"]

FUNCTIONS: dict[str, Callable[[str], object]] = {
    "clean": lambda written: text.clean("text", written.replace("\r", "\n"), 10**6),
    "count": text.count,
    "hashtag_key": text.hashtag_key,
    "shortcodes": text.shortcodes,
    "to_html": lambda written: text.to_html(written, lambda mention: None, lambda name: name),
    "to_plain": text.to_plain,
    "sanitize_html": text.sanitize_html,
    "search_terms": text.search_terms,
}
SECONDS_MAX = 2.0
"""Linear work on 100,000 characters takes 0.2 s at most; quadratic work takes from several seconds to minutes."""


def seconds_taken(name: str, written: str) -> float:
    began = time.perf_counter()
    FUNCTIONS[name](written)
    return time.perf_counter() - began


@pytest.mark.parametrize("name", FUNCTIONS)
def test_hostile_texts_take_linear_time(name: str) -> None:
    for part in HOSTILE:
        # First a tenth: if that is slow already, the whole would hang the test instead of failing it.
        for chars in (10_000, 100_000):
            assert seconds_taken(name, part * (chars // len(part)) + "\\") < SECONDS_MAX, (part, chars)


@pytest.mark.parametrize("start", STARTS)
def test_hostile_endings_take_linear_time(start: str) -> None:
    for part in HOSTILE:
        for name in ("to_html", "to_plain", "shortcodes"):
            assert seconds_taken(name, start + part * (30_000 // len(part)) + "\\") < SECONDS_MAX / 3, (name, part)


def test_every_character_that_normalising_sorts_is_known_as_a_mark() -> None:
    """Else a text of them could take quadratic time."""
    for code in range(0x110000):
        char = chr(code)
        if 0xD800 <= code < 0xE000 or char.isascii():
            continue
        if all(unicodedata.combining(part) for part in unicodedata.normalize("NFKC", char)):
            assert len(normalized("NFKC", char * 100)) < 100, f"U+{code:04X}"
