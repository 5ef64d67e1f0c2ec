"""Markdown as posts have it: the usual marks, mentions and hashtags in words alone, and nothing dangerous."""

import random
import re
import time

import pytest

from linnet.domain.errors import Invalid
from linnet.domain.text import MentionTarget, linked, markdown_html, sanitize_html, spoken, to_html
from linnet.domain.text_markdown import DEPTH_MAX


def resolve(mention):
    return MentionTarget(f"https://linnet.test/@{mention.username}", mention.username)


def tag_url(name: str) -> str:
    return f"https://linnet.test/tags/{name}"


def html(text: str) -> str:
    return linked(markdown_html(text), resolve, tag_url)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>"),
        ("# Head\nwords", "<p><strong>Head</strong></p><p>words</p>"),
        ("- a\n- b", "<ul><li>a</li><li>b</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("> said\n\nanswered", "<blockquote><p>said</p></blockquote><p>answered</p>"),
        ("```py\nx < 1\n```", "<pre><code>x &lt; 1\n</code></pre>"),
        ("a & b &amp; c", "<p>a &amp; b &amp; c</p>"),
        ("<b>bold</b> <!-- no -->", "<p>&lt;b&gt;bold&lt;/b&gt; &lt;!-- no --&gt;</p>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
    ],
)
def test_what_is_written_is_shown(text: str, expected: str):
    assert html(text) == expected


def test_words_name_people_and_tags_as_in_every_other_post():
    text = "hello @bert and **@carla**, see #engines https://example.org/a"
    words = spoken(markdown_html(text))
    assert "@bert" in words
    assert html("hello @bert #engines https://example.org/a") == to_html(
        "hello @bert #engines https://example.org/a", resolve, tag_url
    )
    assert html(text).count("<a ") == 4


def test_code_and_links_name_nobody():
    text = "`@bert #code` [@carla #link](https://example.org/)\n\n    @dora"
    body = markdown_html(text)
    assert not re.search("bert|code|carla|link|dora", spoken(body))
    assert html(text) == body


@pytest.mark.parametrize(
    "text",
    [
        "[x](javascript:alert(1))",
        "<script>alert(1)</script>",
        "[x](data:text/html,<script>)",
        '<a href="javascript:x" onclick="y">z</a>',
        '[x](https://e.org "><script>alert(1)</script>")',
        "![x](javascript:alert(1))",
        "<https://e.org/?\"onmouseover='x'>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "@a<script>`</code><script>`",
    ],
)
def test_nothing_dangerous_comes_through(text: str):
    shown = html(text)
    assert "<script" not in shown
    assert not re.search(r"<[^>]*(?:javascript:|data:|\son\w+=)", shown)


def test_a_picture_becomes_a_link_to_it():
    assert html("![A *disc*](https://example.org/d.png)") == (
        '<p><a href="https://example.org/d.png" target="_blank" rel="nofollow noopener">A disc</a></p>'
    )


def test_what_is_too_deep_is_refused():
    deep = "> " * (DEPTH_MAX - 1) + "x"
    assert "x" in html(deep)
    with pytest.raises(Invalid, match="levels"):
        html("> " * DEPTH_MAX + "x")


def test_whatever_is_written_is_well_formed_and_stays_as_it_is_when_it_is_cleaned_again():
    dice = random.Random(7)
    pieces = [*"*_`[)&\n\\", "~~", "](", "https://e.org/", "@bert", "#tag", "<b>", "> ", "- ", " a "]
    for _ in range(400):
        text = "".join(dice.choices(pieces, k=25))
        shown = html(text)
        for element in ("p", "em", "strong", "del", "code", "a", "span", "ul", "li", "blockquote", "pre"):
            opened = len(re.findall(f"<{element}[ >]", shown))
            assert opened == shown.count(f"</{element}>"), (text, shown)
        # Our links say rel="tag"; all else is what the cleaning of other people's HTML leaves.
        bare = re.sub(r"</?(?:a|span)[^>]*>", "", shown)
        assert re.sub(r"</?(?:a|span)[^>]*>", "", sanitize_html(shown)) == bare, text


@pytest.mark.parametrize("text", ["[" * 10_000, "*a " * 3_000, "`" * 10_000, "<" * 10_000, "![[" * 3_000, "*_" * 5_000])
def test_no_text_takes_long(text: str):
    began = time.perf_counter()
    html(text)
    assert time.perf_counter() - began < 1
