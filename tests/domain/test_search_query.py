"""Searches taken apart: words, phrases, minus and operators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import search_query
from linnet.domain.errors import Invalid
from linnet.domain.search_query import EVERY, MARK, SearchQuery, expression, parse

DAY = 86_400_000
MAY = 1_777_593_600_000
"""2026-05-01."""


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", SearchQuery()),
        ("- : \"\" from:", SearchQuery(terms=("from",))),
        ("Hello WORLD hello", SearchQuery(terms=("hello", "world"))),
        ("well-known", SearchQuery(terms=("well", "known"))),
        ("cats -dogs", SearchQuery(terms=("cats",), without=(("dogs",),))),
        ("-黒猫が", SearchQuery(without=(("黒猫", "猫が"),))),
        ('"The  Cat sat" on', SearchQuery(terms=("the", "cat", "sat", "on"), phrases=("the cat sat",))),
        ('-"the cat"', SearchQuery(not_phrases=("the cat",))),
        ('an "open phrase', SearchQuery(terms=("an", "open", "phrase"), phrases=("open phrase",))),
        ("from:@Anna@Example.org from:me", SearchQuery(authors=("anna@example.org", "me"))),
        ("-from:anna to:bert -to:carl", SearchQuery(not_authors=("anna",), named=("bert",), not_named=("carl",))),
        ("has:media -has:POLLS", SearchQuery(terms=(f"{MARK}media",), without=((f"{MARK}poll",),))),
        ("is:reply is:reblog -is:sensitive",
         SearchQuery(terms=(f"{MARK}reply",), without=((f"{MARK}sensitive",),), reblogs=True)),
        ("in:library", SearchQuery(public=False)),
        ("-in:library", SearchQuery(library=False)),
        ("in:public", SearchQuery(library=False)),
        ("in:all", SearchQuery()),
        ("lang:zh-TW", SearchQuery(terms=(f"{MARK}langzh",))),
        ("before:2026-05-01", SearchQuery(before_ms=MAY)),
        ("after:2026-05-01", SearchQuery(since_ms=MAY + DAY)),
        ("during:2026-05-01", SearchQuery(since_ms=MAY, before_ms=MAY + DAY)),
        ("before:2026-05-03 before:2026-05-01 after:2026-04-01", SearchQuery(since_ms=MAY - 29 * DAY, before_ms=MAY)),
        ("https://example.org/x note:this", SearchQuery(terms=("https", "example", "org", "x", "note", "this"))),
    ],
)  # fmt: skip
def test_a_search_is_taken_apart(text: str, query: SearchQuery) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("has:cats", "has:"), ("is:good", "is:"), ("in:there", "in:"), ("lang:1", "lang:"), ("before:soon", "before:"),
        ("after:0000-00-00", "after:"), ("during:9999-12-31", "during:"), ("-before:2026-05-01", "before:"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_said(text: str, word: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert refused.value.field == "q"
    assert word in refused.value.why


def test_the_expression_of_both_engines() -> None:
    assert expression((), ()) == f'"{EVERY}"'
    assert expression(("a", "b", "a"), (("c",), ("d", "e"))) == '"a" AND "b" NOT ("c") NOT ("d" AND "e")'


@given(st.text(alphabet=st.sampled_from(" -:\"'()ab猫\ue000") | st.characters(), max_size=60))
def test_whatever_is_typed_makes_a_harmless_expression(text: str) -> None:
    try:
        query = parse(text)
    except Invalid:
        return
    assert not any(set(term) & set(" \"'()&|!*:") for term in query.terms)
    assert len(query.terms) <= 32
    assert not any(term.startswith(MARK) for term in parse(text.replace(":", " ")).terms)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_a_text_holds_each_phrase_of_it(before: str, phrase: str, after: str) -> None:
    found = parse('"' + phrase.replace('"', " ") + '"')
    text = f"{before} {phrase.replace(chr(34), ' ')} {after}"
    assert search_query.holds(found, text)
    if found.phrases:
        assert not search_query.holds(SearchQuery(not_phrases=found.phrases), text)
