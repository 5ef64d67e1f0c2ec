"""The rules of getting in that need no computer: names, addresses, passwords, scopes, redirect addresses, secrets."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import emails, oauth, passwords, scopes, secrets, usernames
from linnet.domain.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("alice", "alice"), (" Alice_9 ", "Alice_9"), ("_", "_"), ("a" * 30, "a" * 30), ("0", "0")],
)
def test_usernames_that_are_good(typed: str, shown: str) -> None:
    assert usernames.check(typed) == shown


@given(st.text(max_size=40))
def test_a_username_that_passes_is_safe_in_an_address(typed: str) -> None:
    try:
        name = usernames.check(typed)
    except Invalid:
        return
    assert name.isascii()
    assert 1 <= len(name) <= 30
    assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("a@b.example", "a@b.example"),
        (" First.Last+tag@Example.ORG ", "First.Last+tag@example.org"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_addresses_that_are_good(typed: str, kept: str) -> None:
    assert emails.check(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "a@b", "@b.example", "a@", "a b@c.example", "a@b..example", ".a@b.example", "a.@b.example", "a@b.example.",
        "a@[127.0.0.1]", '"a b"@c.example', "a@b_c.example", "a@b.example>", "a@\u202eb.example", "ä@b.example",
        "a@xn--\u00fc.example", "a" * 65 + "@b.example", "a@" + "b" * 64 + ".example", "a@b.example\nx",
        "a\0@b.example",
    ],
)  # fmt: skip
def test_addresses_that_are_none(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        emails.check(typed)
    assert refused.value.code == "ERR_INVALID"


@given(st.text(max_size=80))
def test_an_address_that_passes_cannot_write_headers(typed: str) -> None:
    try:
        found = emails.check(typed)
    except Invalid:
        return
    assert found.isascii()
    assert found.isprintable()
    assert not set(found) & set(' \r\n<>,;:"()[]\\')


def test_hidden_addresses() -> None:
    assert emails.hidden("alice@example.org") == "a…@example.org"


def test_passwords() -> None:
    passwords.check("correct horse battery")
    passwords.check("ungewöhnlich")
    assert all(len(one) >= 8 and one == one.lower() for one in passwords.COMMON)
    for one in ("PASSWORD", "Qwertyuiop", "abababab"):
        with pytest.raises(Invalid):
            passwords.check(one)


def test_each_scope_of_the_client_api_is_known_once() -> None:
    assert len(set(scopes.KNOWN)) == len(scopes.KNOWN)
    assert {"profile", "admin:read:ip_blocks", "write:conversations", "read:search", "push"} <= set(scopes.KNOWN)


@pytest.mark.parametrize(
    ("granted", "needed", "is_allowed"),
    [
        ("read", "read:statuses", True),
        ("read:statuses", "read:statuses", True),
        ("read:statuses", "read", False),
        ("read:statuses", "read:accounts", False),
        ("read", "write:statuses", False),
        ("write", "read:statuses", False),
        ("read write", "admin:read", False),
        ("read write", "admin:read:accounts", False),
        ("admin:read", "admin:read:accounts", True),
        ("admin:read", "admin:write:accounts", False),
        ("admin:read", "read:accounts", False),
        ("follow", "write:follows", True),
        ("follow", "read:mutes", True),
        ("follow", "write:statuses", False),
        ("profile", "read:accounts", False),
        ("", "read", False),
        ("push", "push", True),
    ],
)
def test_what_scopes_allow(granted: str, needed: str, is_allowed: bool) -> None:
    assert scopes.allows(tuple(granted.split()), needed) is is_allowed


def test_scopes_are_parsed() -> None:
    assert scopes.parse("read  write\nread") == ("read", "write")
    assert scopes.parse("") == ("read",)
    assert scopes.unknown(("read", "Read", "write:everything")) == ("Read", "write:everything")
    assert scopes.contains(("read", "follow"), ("read:lists", "write:blocks"))
    assert not scopes.contains(("read",), ("read", "push"))


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/cb?x=1", "http://localhost:3000/", "http://127.0.0.1/", "myapp://callback",
        "com.example.app:/oauth", "urn:ietf:wg:oauth:2.0:oob", "https://[::1]:8080/",
    ],
)  # fmt: skip
def test_redirect_addresses_that_are_good(uri: str) -> None:
    assert oauth.check_redirect_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "", "callback", "//app.example/", "https://", "https://app.example/ x", "https://app.example/\r\nx: y",
        "java\tscript:alert(1)", "vbscript:x", "blob:https://app.example/1", "file:///etc/passwd", "about:blank",
        "https://app.example/#", "https://a@app.example/", "https://app.example:0/", "https://[::1/", "1a:b", "x:",
        "https://app.example\\@evil.example/", "https://app.example/<script>", "view-source:https://a.example",
    ],
)  # fmt: skip
def test_redirect_addresses_that_are_none(uri: str) -> None:
    with pytest.raises(Invalid):
        oauth.check_redirect_uri(uri)


def test_parameters_are_added_and_never_replace() -> None:
    assert oauth.with_params("https://a.example/?x=1", code="a&b", state=None) == "https://a.example/?x=1&code=a%26b"
    assert oauth.with_params("myapp://cb", code="c", state="é") == "myapp://cb?code=c&state=%C3%A9"


def test_pkce_as_in_the_rfc() -> None:
    # RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    challenge = oauth.check_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "S256")
    assert oauth.verifies(challenge, verifier)
    assert not oauth.verifies(challenge, verifier[:-1] + "l")
    assert not oauth.verifies(challenge, "")
    assert not oauth.verifies(None, verifier)
    assert oauth.verifies(None, "")


def test_secrets() -> None:
    assert secrets.as_text(bytes(32)) == "A" * 43
    # No command takes one for an option: `linnet invite revoke -Gb0` would be refused.
    assert secrets.as_text(b"\xf8" + bytes(2)) == "_AAA"
    assert secrets.fingerprint("a") == hashlib.sha256(b"a").hexdigest()
    assert secrets.same("é", "é")
    assert not secrets.same("a", "b")
    code = secrets.recovery_code(bytes(range(10)))
    assert code == "aaaq-eaye-auda-ocaj"
    assert secrets.recovery_fingerprint(code.upper().replace("-", "")) == secrets.recovery_fingerprint(f" {code} ")
