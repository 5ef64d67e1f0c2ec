"""What a page says of itself is read from any bytes, in bounded time, and nothing of it can run here."""

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import cards
from linnet.domain.site import Site

SITE = Site("https://linnet.example")
URL = "https://news.example/2026/engine"
PAGE = """<!doctype html><html lang="en-GB"><head><meta charset="utf-8">
<title>Plain title</title>
<meta property="og:title" content="An &amp; engine &gt; &lt;b&gt;">
<META content='Steam,
 at last' name='Description'/>
<meta property=og:site_name content="The News"><meta name=author content="Ada">
<meta property="og:image" content="/disc.png"><meta property="og:image:alt" content="A disc">
<meta property="article:published_time" content="2026-11-20T10:00:00+01:00">
<link rel="alternate nofollow" type="application/json+oembed" href="/oembed?a=b&amp;c=d">
<link rel=canonical href="https://news.example/engine"></head>
<body><meta property="og:title" content="not this"></body>"""


def read(text: str | bytes, kind: str = "text/html", robots: str = "") -> cards.Page | None:
    return cards.read(text.encode() if isinstance(text, str) else text, kind, robots, URL)


def test_a_page_is_read() -> None:
    page = read(PAGE)
    assert page is not None
    assert page == cards.Page(
        cards.CardView(
            url="https://news.example/engine", title="An & engine > <b>", description="Steam, at last", language="en",
            author_name="Ada", provider_name="The News", image_description="A disc", published_at=1795165200000,
        ),
        "https://news.example/disc.png",
        "https://news.example/oembed?a=b&c=d",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "robots"),
    [
        ("", "text/html", ""),
        ("<p>No title</p>", "text/html", ""),
        ("<title> </title>", "text/html", ""),
        (PAGE, "application/pdf", ""),
        (PAGE, "", ""),
        (PAGE, "text/html", "noindex, nosnippet"),
        (f'<meta name="robots" content="None">{PAGE}', "text/html", ""),
        ("</head><title>late</title>", "text/html", ""),
    ],
)
def test_what_has_no_title_or_wants_no_card_has_none(text: str, kind: str, robots: str) -> None:
    assert read(text, kind, robots) is None


@pytest.mark.parametrize(
    ("body", "kind", "title"),
    [
        ("<title>Grüße</title>".encode("latin-1"), "text/html; charset=ISO-8859-1", "Grüße"),
        ("<meta charset=shift_jis><title>日本</title>".encode("shift_jis"), "text/html", "日本"),
        (b"<meta charset=no-such><title>a\xff</title>", "text/html", "a\ufffd"),
        (b"<meta charset=base64><title>a</title>", "text/html", "a"),
        (b"<title>a\0b\x1bc</title>", "text/html", "a b c"),
        (f"<title>{'x' * 1000}</title>".encode(), "text/html", f"{'x' * 299}…"),
        (b"<title>&#55296;&#0;&amp</title>", "text/html", "\ufffd\ufffd&"),
    ],
)
def test_titles_in_all_kinds_of_bytes(body: bytes, kind: str, title: str) -> None:
    page = read(body, kind)
    assert page is not None
    assert page.card.title == title


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "//u:p@x/",
        "http://[",
        'http://a/"onload="x',
        "http://a/ b",
    ],
)
def test_addresses_that_are_none_of_the_web_are_left_out(address: str) -> None:
    quoted = address.replace('"', "&quot;")
    page = read(
        f'<title>a</title><meta property="og:image" content="{quoted}"><link rel=canonical href="{quoted}">'
        f'<link rel=alternate type="application/json+oembed" href="{quoted}">'
    )
    assert page is not None
    assert read('<title>a</title><link rel=canonical href="https://bank.example/">') == read("<title>a</title>")
    assert (page.card.url, page.image_url, page.oembed_url) == (URL, None, None)


def test_a_film_is_one_frame_that_is_shut_in() -> None:
    page = read("<title>a</title>")
    assert page is not None
    inner = (
        '<script>alert(1)</script><iframe onload="alert(1)" srcdoc="&lt;script&gt;" width="560" height="9999999"'
        ' src="https://film.example/embed?a=b&amp;c=d" allow="camera"></iframe><img src=x onerror=alert(1)>'
    )
    given = {"type": "video", "html": inner, "title": "Film", "width": 560, "height": "315", "author_name": "Bert",
             "author_url": "https://film.example/bert", "provider_name": "Films", "provider_url": "javascript:0",
             "thumbnail_url": "https://film.example/1.jpg"}  # fmt: skip
    found = cards.with_oembed(page, msgspec.json.encode(given))
    card = found.card
    assert (card.type, card.title, card.width, card.height, card.provider_url) == ("video", "Film", 560, 315, "")
    assert (card.embed_url, found.image_url) == ("https://film.example/embed?a=b&c=d", "https://film.example/1.jpg")
    assert card.html.startswith("<iframe ")
    assert card.html.count("<") == 2
    assert 'src="https://film.example/embed?a=b&amp;c=d"' in card.html
    assert "sandbox=" in card.html
    assert all(word not in card.html for word in ("onload", "srcdoc", "script>", "camera", "9999999"))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b"[" * 100_000, b'{"type": "rich", "html": "<b>"}', b'{"type": "video"}',
        b'{"type": "video", "html": "<iframe src=\'http://a/\'>"}',
        b'{"type": "video", "html": "<iframe src=javascript:a>"}',
        b'{"type": "photo", "url": "javascript:a"}', b'{"type": 1}', b'{"type": "photo", "url": 5}', b"\xff",
    ],
)  # fmt: skip
def test_an_oembed_document_that_is_none_adds_nothing(body: bytes) -> None:
    page = read("<title>a</title>")
    assert page is not None
    assert cards.with_oembed(page, body) == page


@given(st.text(alphabet=st.sampled_from("<>\"'=/ \nmetalinkhtitleog:-!&;x"), max_size=400))
def test_any_text_is_read_or_not(text: str) -> None:
    page = read(f"<title>a</title>{text}")
    assert page is not None
    assert cards.embedded(text)[1].startswith(("https://", "")) is True


@pytest.mark.parametrize(
    "text",
    [
        "<meta " * 160_000, "<meta a='" * 100_000, '<meta content="' + "a" * 900_000, "<title>" * 140_000,
        "<meta " + "a=b " * 240_000, "<link " + "'\"" * 400_000, "<" * 1_000_000, "<meta a" + "=" * 900_000 + ">",
        "<iframe " * 100_000, "<html " + "/ " * 400_000, "&" * 1_000_000, " " * 1_000_000,
    ],
)  # fmt: skip
def test_no_page_takes_long(text: str) -> None:
    begun = time.process_time()
    read(text)
    cards.embedded(text)
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("no link", None),
        ("see https://news.example/a#part and https://b.example/", "https://news.example/a"),
        ("https://linnet.example/@ada/1", None),
        ("https://linnet.example.org/", "https://linnet.example.org/"),
        ("xmpp:a@b.example", None),
        ("https://a.example/" + "a" * 2_100, None),
    ],
)
def test_the_first_link_that_leads_elsewhere_has_the_card(text: str, link: str | None) -> None:
    assert cards.link_of(text, SITE) == link
