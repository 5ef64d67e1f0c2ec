"""What a text points at: mentions, hashtags, links and shortcodes, by Mastodon's rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import text
from linnet.domain.text import Mention
from linnet.domain.text_entities import Link, Tagged, ascii_host, entities


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("Hello to @alice from me", [("alice", None)]),
        ("@alice", [("alice", None)]),
        ("@alice@example.com", [("alice", "example.com")]),
        ("Hello @alice@example.com.", [("alice", "example.com")]),
        (".@alice I want everybody to see this", [("alice", None)]),
        ("(@alice)", [("alice", None)]),
        ("@al.ice-b_1!", [("al.ice-b_1", None)]),
        ("@alice. @bob...", [("alice", None), ("bob", None)]),
        ("@Bob@EXAMPLE.com and @bob@example.COM", [("Bob", "example.com")]),
        ("@a @A @a@example.com", [("a", None), ("a", "example.com")]),
        ("@a@münchen.de", [("a", "xn--mnchen-3ya.de")]),
        ("@a@にゃん", [("a", "xn--r9j5b5b")]),
        ("@a@ex_ample.com", [("a", "ex_ample.com")]),
        ("@alice日本", [("alice", None)]),
        ("mail alice@example.com", []),
        ("https://medium.com/@alice/some-article", []),
        ("https://example.com/?x=@alice", []),
        ("https://example.com/a,@alice", []),
        ("日本@alice", []),
        ("की@alice", []),
        ("@andré", []),
        ("@alice@", []),
        ("@alice@example.com@", []),
        ("@a://b", []),
        ("@", []),
        ("@-a", []),
        ("@a@" + "b" * 254, []),
    ],
)
def test_mentions(written: str, found: list[tuple[str, str | None]]) -> None:
    assert text.mentions(written) == tuple(Mention(*pair) for pair in found)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("hello #world", ["world"]),
        ("hello ＃world", ["world"]),
        ("a\n#b", ["b"]),
        ("test\u00a0#foo", ["foo"]),
        ("#3d", ["3d"]),
        ("#l33ts35k", ["l33ts35k"]),
        ("#world2016", ["world2016"]),
        ("#_test #test_ #one_two_three", ["_test", "test_", "one_two_three"]),
        ("#one·two·three", ["one·two·three"]),
        ("#one·two·three·", ["one·two·three"]),
        ("#·one·two", []),
        ("#ぼっち・ざ・ろっく", ["ぼっち・ざ・ろっく"]),
        ("#نرم\u200cافزار and", ["نرم\u200cافزار"]),
        ("#हिन्दी है", ["हिन्दी"]),
        ("#ไทยแลนด์ #เก่ง", ["ไทยแลนด์", "เก่ง"]),
        ("#ａｅｓｔｈｅｔｉｃ", ["ａｅｓｔｈｅｔｉｃ"]),
        ("#0123456", []),
        ("#1_2", ["1_2"]),
        ("#1·2", ["1·2"]),
        ("#1_ #_1 #__", []),
        ("#m²", ["m"]),
        ("#I❤NY", ["I"]),
        ("#️⃣ #1️⃣", []),
        ("#foo#bar", ["foo"]),
        ("#foo-bar", ["foo"]),
        ("#foo.", ["foo"]),
        ("Hello toß #ruby", ["ruby"]),
        ("a#b (#c) /#d", []),
        ("https://en.wikipedia.org/wiki/Ghostbusters_(song)#Lawsuit", []),
        ("https://example.org/?a=#foo", []),
        ("#", []),
        ("##a", []),
        ("#hashtag://", ["hashtag"]),
        ("#hashtaghttps://x.org", ["hashtag"]),
        ("#1https://x.org", []),
        ("#Cafe #CAFÉ #ｃａｆｅ #tea", ["Cafe", "tea"]),
    ],
)
def test_hashtags(written: str, found: list[str]) -> None:
    assert text.hashtags(written) == tuple(found)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Hello_World", "hello_world"),
        ("#hello world", "helloworld"),
        ("ａｅｓｔｈｅｔｉｃ", "aesthetic"),
        ("CAFÉ", "cafe"),
        ("cafe\u0301", "cafe"),
        ("Łódź", "lodz"),
        ("Straße", "strasse"),
        ("ΟΔΟΣ", "οδοσ"),
        ("οδος", "οδοσ"),
        ("İstanbul", "istanbul"),
        ("abcABCａｂｃＡＢＣやゆよ", "abcabcabcabcやゆよ"),
        ("हिन्दी", "हिन्दी"),
        ("one·two", "one·two"),
        ("Hello❤️World", "helloworld"),
        ("...", ""),
    ],
)
def test_hashtag_key(name: str, key: str) -> None:
    assert text.hashtag_key(name) == key


@given(st.text())
def test_a_hashtag_key_is_its_own_key(name: str) -> None:
    key = text.hashtag_key(name)
    assert text.hashtag_key(key) == key
    assert text.hashtag_key(name.upper().lower()) == text.hashtag_key(name.lower())


@pytest.mark.parametrize(
    ("written", "found"),
    [
        (":coolcat: hi", ["coolcat"]),
        ("hi (:a_1:)", ["a_1"]),
        ("x\n:aa:\n", ["aa"]),
        (":aa: :bb: :aa:", ["aa", "bb"]),
        (":Aa: :aa:", ["Aa", "aa"]),
        ("_:aa:_", ["aa"]),
        (":a:", []),
        ("x:aa:", []),
        (":aa:x", []),
        ("猫:aa:", []),
        (":aa::bb:", []),
        (":aa :bb", []),
        ("12:30:45", []),
        (":a-b:", []),
    ],
)
def test_shortcodes(written: str, found: list[str]) -> None:
    assert text.shortcodes(written) == tuple(found)


LINKS = [
    ("http://google.com", ["http://google.com"]),
    ("see http://example.gay now", ["http://example.gay"]),
    ("HTTPS://Example.COM/A", ["HTTPS://Example.COM/A"]),
    ("https://example.com:8443/x?y#z", ["https://example.com:8443/x?y#z"]),
    (
        "http://www.mcmansionhell.com/post/156408871451/50-states. ",
        ["http://www.mcmansionhell.com/post/156408871451/50-states"],
    ),
    ("(http://google.com/)", ["http://google.com/"]),
    ("http://www.google.com!", ["http://www.google.com"]),
    ("http://www.google.com'", ["http://www.google.com"]),
    ("http://www.google.com>", ["http://www.google.com"]),
    ("http://www.google.com...", ["http://www.google.com"]),
    ('"https://example.com/"', ["https://example.com/"]),
    ("<https://example.com/>", ["https://example.com/"]),
    ("「[https://example.org/」", ["https://example.org/"]),
    (
        "https://www.ruby-toolbox.com/search?utf8=%E2%9C%93&q=autolink",
        ["https://www.ruby-toolbox.com/search?utf8=%E2%9C%93&q=autolink"],
    ),
    ("https://www.ruby-toolbox.com/search?utf8=✓", ["https://www.ruby-toolbox.com/search?utf8=✓"]),
    ("https://example.com/?a=b.", ["https://example.com/?a=b"]),
    ("(https://example.com/?a=b)", ["https://example.com/?a=b"]),
    ("https://example.com/a.?b=c", ["https://example.com/a"]),
    ("https://example.com?a=b", ["https://example.com?a=b"]),
    ("https://example.com/?", ["https://example.com/"]),
    ("https://en.wikipedia.org/wiki/Diaspora_(software)", ["https://en.wikipedia.org/wiki/Diaspora_(software)"]),
    ("https://example.com/a_(b_(c)_d).", ["https://example.com/a_(b_(c)_d)"]),
    ("https://example.com/a(b", ["https://example.com/a"]),
    ("https://ja.wikipedia.org/wiki/日本", ["https://ja.wikipedia.org/wiki/日本"]),
    ("https://example.com/\u3000abc123", ["https://example.com/"]),
    ("https://example.comを見て", ["https://example.com"]),
    ("見て https://example.com、", ["https://example.com"]),
    ("日本https://example.com/", ["https://example.com/"]),
    ("https://nic.みんな/", ["https://nic.xn--q9jyb4c/"]),
    ("https://MÜNCHEN.de/Ü", ["https://xn--mnchen-3ya.de/Ü"]),
    ("https://उदाहरण.परीक्षा", ["https://xn--p1b6ci4b4b3a.xn--11b5bs3a9aj6g"]),
    ("https://xn--nic-5n4b.xn--q9jyb4c/", ["https://xn--nic-5n4b.xn--q9jyb4c/"]),
    ("http://example.com/b<del>b</del>", ["http://example.com/b"]),
    ("https://a.example/x https://b.example/y", ["https://a.example/x", "https://b.example/y"]),
    ("https://my_site.example.com", ["https://my_site.example.com"]),
    ("gopher://example.org/1 gemini://example.org/", ["gopher://example.org/1", "gemini://example.org/"]),
    ("xmpp:user@instance.com", ["xmpp:user@instance.com"]),
    ("please join xmpp:muc@instance.com?join right now", ["xmpp:muc@instance.com?join"]),
    ("a magnet:?xt=urn:btih:c12fe1c0.", ["magnet:?xt=urn:btih:c12fe1c0"]),
    ("#I❤https://foo.example/", ["https://foo.example/"]),
    ("http://www\\.google\\.com", []),
    ("example.com www.example.com", []),
    ("http://localhost:3000/ http://192.168.0.1/", []),
    ("https://example.com1", []),
    ("https://example.com-x", []),
    ("https://user:pass@example.com/", []),
    ("https://user.name@example.com/", []),
    ("https://example.com@evil.org/", []),
    ("xhttps://example.com/ @https://example.com/ 1http://example.com/", []),
    ("javascript:alert(1) data:text/html,x vbscript:x javascript://example.com/%0aalert(1)", []),
    ("ftp://example.com/ file:///etc/passwd", []),
    ("magnet:?.", []),
    ("https://" + "a" * 64 + ".com/", []),
    ("https://" + "a." * 130 + "com/", []),
    ("https://example.com/" + "a" * 4096, []),
    ("https://☃.example/", []),
    ("https://a\u2024com/", []),
]


@pytest.mark.parametrize(("written", "found"), LINKS)
def test_links(written: str, found: list[str]) -> None:
    links = [entity for entity in entities(written) if isinstance(entity, Link)]
    assert [link.href for link in links] == found
    # Shown as it was written, IDN in Unicode included.
    assert all(link.shown == written[link.start : link.end] for link in links)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("no link", None),
        (
            "xmpp:a@example.com gopher://example.org/ https://One.example/a, https://two.example/",
            "https://One.example/a",
        ),
        ("http://nic.みんな/x", "http://nic.xn--q9jyb4c/x"),
    ],
)
def test_first_link_is_the_first_that_a_browser_opens(written: str, found: str | None) -> None:
    assert text.first_link(written) == found


@pytest.mark.parametrize(
    ("host", "ascii_form"),
    [
        ("Example.com", "Example.com"),
        ("ＥＸＡＭＰＬＥ.com", "example.com"),
        ("a..é", None),
        ("é" * 60 + ".com", None),
        ("/é", None),
        ("é." * 200 + "com", None),
        ("", None),
    ],
)
def test_ascii_host(host: str, ascii_form: str | None) -> None:
    assert ascii_host(host) == ascii_form


FRAGMENTS = ["https://", "a.example", "@bob", "#tag", "é", "(", ")", "/", "?", ".", " ", "@", "#", ":", "x", "https"]


@given(st.lists(st.sampled_from(FRAGMENTS)).map("".join))
def test_entities_are_in_order_and_do_not_overlap(written: str) -> None:
    end = 0
    for entity in entities(written):
        assert end <= entity.start < entity.end <= len(written)
        end = entity.end
        if isinstance(entity, Tagged):
            assert written[entity.start + 1 : entity.end] == entity.name
