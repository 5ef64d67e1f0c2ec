"""Who asks is told by the peer, and by ``X-Forwarded-*`` only through proxies that are trusted."""

import pytest

from linnet.http.proxies import Proxies, network_of, valid_host
from linnet.http.request import Request
from tests.support.asgi import Headers, http_scope, messages

TRUSTED = Proxies(["10.0.0.0/8", "::1", "192.0.2.1"])


def request(peer: str | None, headers: Headers = (), proxies: Proxies = TRUSTED) -> Request:
    return Request(http_scope("GET", "/", headers, peer), messages(b""), proxies)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("::ffff:10.0.0.1", "203.0.113.5", "203.0.113.5"),
        ("::1", "2001:db8::5", "2001:db8::5"),
        ("198.51.100.9", "203.0.113.5", "198.51.100.9"),  # not a proxy of ours: what it says is not believed
        ("10.0.0.1", "127.0.0.1, 203.0.113.5", "203.0.113.5"),  # the left part was written by whoever asked
        ("10.0.0.1", "203.0.113.5, 10.2.2.2, 192.0.2.1", "203.0.113.5"),
        ("10.0.0.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("10.0.0.1", "203.0.113.5:4711", "203.0.113.5"),
        ("10.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"),
        ("10.0.0.1", "::ffff:203.0.113.5", "203.0.113.5"),
        ("10.0.0.1", "203.0.113.5, nonsense", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5, <script>, 10.2.2.2", "10.2.2.2"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("::ffff:198.51.100.9", "203.0.113.5", "198.51.100.9"),
        (None, "203.0.113.5", ""),
    ],
)
def test_the_client_is_the_right_most_untrusted(peer: str | None, forwarded: str | None, client: str) -> None:
    headers = [] if forwarded is None else [("X-Forwarded-For", forwarded)]
    assert request(peer, headers).client == client


def test_repeated_headers_are_one_list() -> None:
    headers = [("x-forwarded-for", "127.0.0.1"), ("x-forwarded-for", "203.0.113.5")]
    assert request("10.0.0.1", headers).client == "203.0.113.5"


def test_without_trusted_proxies_nothing_is_believed() -> None:
    headers = [("x-forwarded-for", "203.0.113.5"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "evil.example"),
               ("host", "linnet.example")]  # fmt: skip
    seen = request("10.0.0.1", headers, Proxies())
    assert (seen.client, seen.scheme, seen.host) == ("10.0.0.1", "http", "linnet.example")


@pytest.mark.parametrize(("peer", "scheme", "host"), [
    ("10.0.0.1", "https", "social.example:8443"),
    ("198.51.100.9", "http", "inner.example"),
])  # fmt: skip
def test_scheme_and_host(peer: str, scheme: str, host: str) -> None:
    headers = [("x-forwarded-proto", "http, HTTPS"), ("x-forwarded-host", "a.example, social.example:8443"),
               ("host", "inner.example")]  # fmt: skip
    seen = request(peer, headers)
    assert (seen.scheme, seen.host) == (scheme, host)


def test_malformed_scheme_and_host_are_not_taken() -> None:
    seen = request("10.0.0.1", [("x-forwarded-proto", "javascript"), ("x-forwarded-host", "a b<c>"), ("host", "x y")])
    assert (seen.scheme, seen.host) == ("http", "")
    assert [valid_host(text) for text in ("a.b", "[::1]:80", "a/b", "a\r\nb", "", "a:999999")] == [
        "a.b", "[::1]:80", "", "", "", ""]  # fmt: skip


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_one_household_is_one_key(client: str, network: str) -> None:
    assert network_of(client) == network


def test_a_network_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/99"):
        Proxies(["10.0.0.0/99"])
