"""Filters against a plain reference: regular expressions over the same words, one keyword at a time."""

import random
import re
import time
from typing import Any

import pytest

from linnet.domain import filters
from linnet.domain.errors import Invalid
from linnet.domain.filters import CONTEXTS, Filter, FilteredStatus, Keyword, Matcher, searchable
from linnet.domain.polls import PollView
from linnet.domain.text_characters import WORD
from linnet.domain.views import MediaView, StatusContent

NOW = 1_780_000_000_000
SYLLABLES = (
    "cat",
    "Cat",
    "a",
    "é",
    "ß",
    "SS",
    "हि",
    "न्दी",
    "猫",
    "#",
    "@",
    " ",
    "\n",
    "-",
    "_",
    "1",
    ".*",
    "(",
    "\\b",
    "İ",
)


def one(*keywords: tuple[str, bool], statuses: tuple[int, ...] = (), **changed: object) -> Filter:
    given = {"id": 1, "title": "t", "contexts": ("home",), "action": "warn", "expires_at": None, **changed}
    return Filter(
        **given,  # type: ignore[arg-type]
        keywords=tuple(Keyword(n, word, whole) for n, (word, whole) in enumerate(keywords, 10)),
        statuses=tuple(FilteredStatus(n, id) for n, id in enumerate(statuses, 50)),
    )


def reference(text: str, keyword: str, *, whole_word: bool) -> bool:
    """What Mastodon does: the keyword as it stands, with word boundaries where its own edges are parts of words."""
    folded = keyword.casefold()
    word = re.compile(f"[{WORD}]")
    before = f"(?<![{WORD}])" if whole_word and word.match(folded[0]) else ""
    after = f"(?![{WORD}])" if whole_word and word.match(folded[-1]) else ""
    return re.search(before + re.escape(folded) + after, text.casefold()) is not None


def met(text: str, *keywords: tuple[str, bool]) -> set[str]:
    found = Matcher([one(*keywords)], NOW).results(text, ())
    return set(found[0].keywords) if found else set()


@pytest.mark.parametrize("seed", range(40))
def test_finds_what_the_reference_finds(seed: int):
    dice = random.Random(seed)

    def words(least: int, most: int) -> str:
        return "".join(dice.choices(SYLLABLES, k=dice.randint(least, most)))

    for _ in range(100):
        text = words(0, 25)
        keywords = {(words(1, 3).strip() or "x", dice.random() < 0.5) for _ in range(6)}
        expected = {word for word, whole in keywords if reference(text, word, whole_word=whole)}
        assert met(text, *keywords) == expected, (text, keywords)


@pytest.mark.parametrize(
    ("text", "keyword", "whole", "found"),
    [
        ("the CAT sat", "cat", True, True),
        ("concatenate", "cat", True, False),
        ("concatenate", "cat", False, True),
        ("concat cat", "cat", True, True),
        ("see #cats", "#cat", True, False),
        ("more#cat", "#cat", True, True),
        ("STRASSE", "straße", True, True),
        ("हिन्दी", "हिन्द", True, False),
        ("a.*b", ".*", True, True),
        ("axxb", "a.*b", False, False),
    ],
)
def test_words_and_their_edges(text: str, keyword: str, whole: bool, found: bool):
    assert met(text, (keyword, whole)) == ({keyword} if found else set())


def test_says_which_filter_was_met_and_by_what():
    matcher = Matcher([one(("cat", True), ("dog", True), statuses=(7, 8)), one(("bird", True), id=2)], NOW)
    (result,) = matcher.results("a Dog and a cat", (7, 9))
    assert (result.filter.id, result.keywords, result.status_ids) == (1, ("cat", "dog"), (7,))
    assert [each.filter.id for each in matcher.results("bird", (8,))] == [1, 2]
    assert matcher.results("nothing", (9,)) == ()


def test_a_context_can_be_chosen():
    matcher = Matcher([one(("cat", True), contexts=("public", "thread"))], NOW)
    assert [bool(matcher.results("cat", (), context)) for context in CONTEXTS] == [False, False, True, True, False]


def test_what_has_expired_does_nothing():
    matcher = Matcher([one(("cat", True), expires_at=NOW), one(("dog", True), id=2, expires_at=NOW + 5)], NOW)
    assert matcher.results("cat", ()) == ()
    assert matcher.results("dog", ()) != ()
    assert (matcher.until, matcher.expired(NOW + 4), matcher.expired(NOW + 5)) == (NOW + 5, False, True)
    assert not Matcher([one(("cat", True), expires_at=NOW)], NOW)
    assert not Matcher([one()], NOW)


def test_the_warning_the_text_and_all_that_belongs_to_it_is_searched():
    picture = MediaView(1, "image", "", "", "a disc", None, {})
    dull = MediaView(2, "image", "", "", None, None, {})
    poll = PollView(("oak", "elm"), 0, 0, None)
    assert searchable(content("t", "w", media=(picture, dull), poll=poll)) == "w\n\nt\n\noak\n\nelm\n\na disc"
    assert searchable(content("", html="<p>from <b>else</b>where</p>")) == "from elsewhere"


def content(text: str, spoiler: str = "", html: str = "<p>h</p>", **more: Any) -> StatusContent:
    return StatusContent(1, 1, 1, text, spoiler, html, 0, (), (), more.pop("media", ()), None, None, None, "a", **more)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("a" * 20_000, "a" * 256 + "b"),
        ("a" * 20_000, "a" * 512),
        ("#aab" * 5_000, "#aab" * 100 + "#aa"),
        ("(a+)+$" * 3_000, "(a+)+$"),
        ("\\b" * 10_000, "\\b\\b\\b"),
        ("\u0300" * 20_000, "\u0300\u0301"),
    ],
)
def test_no_keyword_takes_long(text: str, keyword: str):
    matcher = Matcher([one(*[(keyword, True)] * 20)], NOW)
    began = time.thread_time()
    matcher.results(text, ())
    assert time.thread_time() - began < 1.0


def test_what_stands_too_often_within_words_counts_as_found():
    assert met("xcat " * 499, ("cat", True)) == set()
    assert met("xcat " * 501, ("cat", True)) == {"cat"}


def test_what_may_be_kept():
    assert filters.check_contexts(["thread", " home "]) == ("home", "thread")
    assert filters.check_keyword(" two words ") == "two words"
    for refused in (
        lambda: filters.check_contexts([]),
        lambda: filters.check_contexts([""]),
        lambda: filters.check_contexts(["everywhere"]),
        lambda: filters.check_title(" "),
        lambda: filters.check_title("x" * 257),
        lambda: filters.check_keyword("x" * 513),
        lambda: filters.check_keyword("\0"),
        lambda: filters.check_action("burn"),
    ):
        with pytest.raises(Invalid):
            refused()
