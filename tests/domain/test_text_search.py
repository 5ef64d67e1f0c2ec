"""The words of a text as both full-text indexes get them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import text


@pytest.mark.parametrize(
    ("written", "terms"),
    [
        ("", ""),
        ("!? 😀 ...", ""),
        ("Hello, World! hello", "hello world"),
        ("#FooBar @Alice@Example.com", "foobar alice example com"),
        ("foo_bar it's 3.14", "foo bar it s 3 14"),
        ("Café CAFE\u0301 cafe", "cafe"),
        ("Straße ΟΔΟΣ οδός", "strasse οδοσ"),
        ("Ёлка ёлка", "елка"),
        ("ｆｕｌｌ", "full"),
        ("हिन्दी", "हिन्दी"),
        ("مُحَمَّد محمد", "محمد"),
        ("שָׁלוֹם שלום", "שלום"),
        ("黒猫が", "黒 猫 が 黒猫 猫が"),
        ("猫", "猫"),
        ("がぎ か\u3099", "が ぎ がぎ"),
        ("한국어", "한 국 어 한국 국어"),
        ("iPhone買う", "iphone 買 う 買う"),
        ("x" * 100, "x" * 64),
        ("é" * 100, "e" * 64),
    ],
)
def test_search_terms(written: str, terms: str) -> None:
    assert text.search_terms(written) == terms


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("", ()),
        ("!", ()),
        ("Hello hello WORLD", ("hello", "world")),
        ("黒猫が", ("黒猫", "猫が")),
        ("猫", ("猫",)),
        ("x" * 100, ("x" * 64,)),
        (" ".join(f"w{number}" for number in range(100)), tuple(f"w{number}" for number in range(32))),
    ],
)
def test_query_terms(query: str, terms: tuple[str, ...]) -> None:
    assert text.query_terms(query) == terms


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("猫", True),
        ("黒猫", True),
        ("猫が好き", True),
        ("白猫", False),
        ("CAFE", True),
        ("caf", False),
        ("東京 café", False),
    ],
)
def test_a_query_finds_the_text(query: str, found: bool) -> None:
    index = text.search_terms("Café: 黒猫が好き").split(" ")
    assert (set(text.query_terms(query)) <= set(index)) is found


@given(st.text())
def test_a_text_finds_itself(written: str) -> None:
    terms = text.search_terms(written)
    assert set(text.query_terms(written)) <= set(terms.split())
    assert all(0 < len(term) <= 64 for term in terms.split())
    assert len(set(terms.split())) == len(terms.split())
    assert not re.search(r"[\x00-\x1f!-/:-@\[-`{-\x7f]", terms)


@given(st.text(), st.text(), st.text())
def test_every_word_of_a_text_finds_it(before: str, word: str, after: str) -> None:
    terms = set(text.search_terms(f"{before} {word} {after}").split())
    assert set(text.query_terms(word)) <= terms
