"""Text to HTML and back: what clients expect, well-formed and harmless for every text."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import text
from linnet.domain.text import Mention, MentionTarget

PEOPLE = {
    ("alice", None): MentionTarget("https://here.example/@alice", "alice"),
    ("bob", "there.example"): MentionTarget("https://there.example/users/bob", "bob@there.example"),
    ("alice", "there.example"): MentionTarget("https://there.example/@alice?a=1&b=2", "alice@there.example"),
    ("mallory", None): MentionTarget("javascript:alert(1)", "mallory"),
    ("quote", None): MentionTarget('https://x.example/"><script>', "quote"),
}


def resolve(mention: Mention) -> MentionTarget | None:
    return PEOPLE.get((mention.username.lower(), mention.domain))


def tag_url(name: str) -> str:
    return f"https://here.example/tags/{name}?a=1&b=2"


def render(written: str) -> str:
    return text.to_html(written, resolve, tag_url)


def link(href: str, prefix: str, shown: str, rest: str = "") -> str:
    cut = "ellipsis" if rest else ""
    return (
        f'<a href="{href}" rel="nofollow noopener" target="_blank" translate="no">'
        f'<span class="invisible">{prefix}</span><span class="{cut}">{shown}</span>'
        f'<span class="invisible">{rest}</span></a>'
    )


def mention(url: str, name: str) -> str:
    return f'<span class="h-card" translate="no"><a href="{url}" class="u-url mention">@<span>{name}</span></a></span>'


ALICE = mention("https://here.example/@alice", "alice")


@pytest.mark.parametrize(
    ("written", "rendered"),
    [
        ("", ""),
        (" \n\n ", ""),
        ("text", "<p>text</p>"),
        ("one\ntwo", "<p>one<br />two</p>"),
        ("one\n\ntwo\n\n\n\nthree\n", "<p>one</p><p>two</p><p>three</p>"),
        ("\n\none", "<p>one</p>"),
        ('<script>alert("Hello")</script>', "<p>&lt;script&gt;alert(&quot;Hello&quot;)&lt;/script&gt;</p>"),
        ("it's &amp;", "<p>it&#39;s &amp;amp;</p>"),
        ("@alice hi", f"<p>{ALICE} hi</p>"),
        ("@bob@There.Example", f"<p>{mention('https://there.example/users/bob', 'bob')}</p>"),
        (
            "@alice @alice@there.example",
            "<p>" + ALICE + " " + mention("https://there.example/@alice?a=1&amp;b=2", "alice@there.example") + "</p>",
        ),
        ("@nobody @nobody@x.example", "<p>@nobody @nobody@x.example</p>"),
        ("@mallory", "<p>@mallory</p>"),
        ("@quote", f"<p>{mention('https://x.example/&quot;&gt;&lt;script&gt;', 'quote')}</p>"),
        (
            "＃Tag!",
            '<p><a href="https://here.example/tags/Tag?a=1&amp;b=2" class="mention hashtag" rel="tag">'
            "#<span>Tag</span></a>!</p>",
        ),
        (
            "https://a.example/?x=1&y=2",
            f"<p>{link('https://a.example/?x=1&amp;y=2', 'https://', 'a.example/?x=1&amp;y=2')}</p>",
        ),
        ("(http://www.a.example)", f"<p>({link('http://www.a.example', 'http://www.', 'a.example')})</p>"),
        ("https://nic.みんな/", f"<p>{link('https://nic.xn--q9jyb4c/', 'https://', 'nic.みんな/')}</p>"),
        (
            "https://a.example/" + "x" * 21,
            f"<p>{link('https://a.example/' + 'x' * 21, 'https://', 'a.example/' + 'x' * 21)}</p>",
        ),
        (
            "https://a.example/" + "x" * 22,
            f"<p>{link('https://a.example/' + 'x' * 22, 'https://', 'a.example/' + 'x' * 20, 'xx')}</p>",
        ),
        ("xmpp:a@b.example", f"<p>{link('xmpp:a@b.example', 'xmpp:', 'a@b.example')}</p>"),
        ("magnet:?xt=a'b", f"<p>{link('magnet:?xt=a&#39;b', '', 'magnet:?xt=a&#39;b')}</p>"),
        ("javascript:alert(1)", "<p>javascript:alert(1)</p>"),
        (
            'http://a.example/x<script>alert("Hello")</script>',
            f"<p>{link('http://a.example/x', 'http://', 'a.example/x')}"
            "&lt;script&gt;alert(&quot;Hello&quot;)&lt;/script&gt;</p>",
        ),
    ],
)
def test_to_html(written: str, rendered: str) -> None:
    assert render(written) == rendered


def test_a_note_is_rendered_like_a_post() -> None:
    note = "hi @alice\n#tag https://a.example/"
    assert text.profile_html(note, resolve, tag_url) == render(note)


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("", ""),
        ("they/them <3", "they/them &lt;3"),
        (
            "https://a.example",
            '<a href="https://a.example" rel="nofollow noopener me" target="_blank" translate="no">'
            '<span class="invisible">https://</span><span class="">a.example</span><span class="invisible"></span></a>',
        ),
        ("@bob@there.example #tag", "@bob@there.example #tag"),
    ],
)
def test_field_value_html(value: str, rendered: str) -> None:
    assert text.field_value_html(value) == rendered


def test_field_values_show_whole_accounts() -> None:
    rendered = text.field_value_html("@bob@there.example", resolve, tag_url)
    assert rendered == mention("https://there.example/users/bob", "bob@there.example")


# --- every text ------------------------------------------------------------------------------------------------------

PIECES = [
    *("<", ">", "&", '"', "'", "<script>", "</p>", "<a href=", "&lt;", "javascript:", "data:", "https://", "http://"),
    *("a.example", "/x", "?q=", "(", ")", "@", "@alice", "@bob@there.example", "@mallory", "@quote", "#tag", "＃", "#"),
    *(" ", "\n", "\n\n", "é", "みんな", "😀", "\u200b", "\u202e", "xmpp:a@b.example", "magnet:?x", ":", ".", "-"),
]
# What `clean` lets through, and XML can say: so an XML parser can be the judge of well-formedness.
CHARS = st.characters(codec="utf-8", exclude_categories=["Cc"], exclude_characters="\ufffe\uffff")
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(CHARS, max_size=5)).map("".join)
SHAPES = {
    "p": set(),
    "br": set(),
    "span": {"class", "translate"},
    "a": {"href", "rel", "target", "translate", "class"},
}


class Reader(HTMLParser):
    """Reads as a browser does, and notes all that would be alive in it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.hrefs: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= SHAPES[tag]
        assert not (tag == "a" and "a" in self.open)
        self.hrefs += [value or "" for name, value in attrs if name == "href"]
        if tag != "br":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag == "br"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(data)


@given(TEXTS)
def test_html_is_well_formed_and_harmless(written: str) -> None:
    rendered = render(written)
    ET.fromstring(f"<html>{rendered}</html>")
    reader = Reader()
    reader.feed(rendered)
    reader.close()
    assert reader.open == []
    assert all(re.match(r"(?:https?://|xmpp:|magnet:\?)", href) for href in reader.hrefs)
    # A browser's own parser (html5ever) and the allow-list for foreign HTML find nothing to take away.
    cleaned = text.sanitize_html(rendered)
    assert cleaned.count("<a ") == len(reader.hrefs)
    assert text.to_plain(cleaned) == text.to_plain(rendered)


@given(TEXTS)
def test_plain_text_survives_the_way_there_and_back(written: str) -> None:
    there_and_back = text.to_plain(text.to_html(written, lambda mention: None, tag_url))
    expected = "" if not written.strip() else re.sub(r"\n{3,}", "\n\n", written.strip("\n"))
    assert there_and_back.replace("＃", "#") == expected.replace("＃", "#")


@given(TEXTS)
def test_a_field_is_one_line_and_well_formed(written: str) -> None:
    field = ET.fromstring(f"<dd>{text.field_value_html(written, resolve, tag_url)}</dd>")
    assert {element.tag for element in field.iter()} <= {"dd", "a", "span"}


# --- from HTML -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        ("", ""),
        ("text", "text"),
        ("<p>one<br>two<BR/>three<br />four</p><p>five</p>", "one\ntwo\nthree\nfour\n\nfive"),
        ("<p>1 &lt; 2 &amp;&amp; &#39;x&#39; &eacute; &#x1F600;</p>", "1 < 2 && 'x' é 😀"),
        ("<p>&lt;b&gt;not bold&lt;/b&gt;</p>", "<b>not bold</b>"),
        ("<ul><li>a</li><li>b</li></ul><p>c</p>", "a\nb\n\nc"),
        (
            '<p><a href="https://a.example/?x&gt;y"><span class="invisible">https://</span>a.example</a></p>',
            "https://a.example",
        ),
        ("a < b > c", "a < b > c"),
        ("x <!-- hidden --> y", "x  y"),
        ("&#" + "9" * 5000 + ";", "\ufffd"),
        ("&#0;&#xD800;", "\ufffd\ufffd"),
        ("<p></p>", ""),
    ],
)
def test_to_plain(content: str, plain: str) -> None:
    assert text.to_plain(content) == plain


@pytest.mark.parametrize(
    ("content", "cleaned"),
    [
        ("<p>a<br>b</p>", "<p>a<br>b</p>"),
        ("<script>alert(1)</script><style>p{}</style>x", "x"),
        ("<p onclick='x' style='y' id='z' lang='de'>a</p>", '<p lang="de">a</p>'),
        ("<img src=x onerror=alert(1)>a<iframe src=x></iframe>", "a"),
        ("<h1>T</h1><H2 class='x'>U</H2>", "<p><strong>T</strong></p><p><strong>U</strong></p>"),
        ("<div><section>a</section></div>", "a"),
        (
            '<a href="https://a.example/?x&y" onclick="z" target="_self" rel="me">a</a>',
            '<a href="https://a.example/?x&amp;y" target="_blank" rel="nofollow noopener">a</a>',
        ),
        ('<a href="javascript:alert(1)">a <b>b</b></a> c', "a <b>b</b> c"),
        ('<a href="java\nscript:alert(1)">a</a>', "a"),
        ('<a href="/relative">a</a><a>b</a>', "ab"),
        (
            '<a href="data:x">a</a><a href="gemini://b.example/">b</a>',
            'a<a href="gemini://b.example/" target="_blank" rel="nofollow noopener">b</a>',
        ),
        ('<a href="bad:x" class=" href=">a</a>', "a"),
        (
            '<span class="h-card evil mention u-url ellipsis" translate="no">a</span>',
            '<span class="h-card mention u-url ellipsis" translate="no">a</span>',
        ),
        ('<span class="evil" translate="yes">a</span>', "<span>a</span>"),
        ("<ol start='3' reversed><li value='2'>a</li></ol>", '<ol start="3" reversed=""><li value="2">a</li></ol>'),
        (
            "<blockquote><pre><code>a &lt; b</code></pre></blockquote>",
            "<blockquote><pre><code>a &lt; b</code></pre></blockquote>",
        ),
        ("<p>open <b>bold", "<p>open <b>bold</b></p>"),
        ("a <!-- x --> b", "a  b"),
        ("<svg><script>alert(1)</script></svg><math><mi>y</mi></math>x", "x"),
    ],
)
def test_sanitize_html(content: str, cleaned: str) -> None:
    assert text.sanitize_html(content) == cleaned


MARKUP = [
    "<p>",
    "</p>",
    "<a href=",
    '"',
    "'",
    ">",
    "<",
    "javascript:",
    "https://a.example",
    "<b",
    "</a>",
    "<h1>",
    "</h1>",
]


@given(
    st.lists(st.sampled_from([*MARKUP, "<script>", "<!--", "-->", "<svg>", "<style>", " onclick=", "x", " ", "/"])).map(
        "".join
    )
)
def test_sanitised_html_stays_as_it_is(content: str) -> None:
    cleaned = text.sanitize_html(content)
    assert text.sanitize_html(cleaned) == cleaned
    assert not re.search(r"<[^>]*(?:script|onclick=|javascript:)", re.sub(r'"[^"]*"', '""', cleaned))
    assert 'href="javascript' not in cleaned
