"""Query strings, forms and JSON become dictionaries, and hostile ones an error of ours."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain.errors import Invalid, TooLarge
from linnet.http.params import parse_json, parse_query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("&&", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a", {"a": ""}),
        ("a=b=c", {"a": "b=c"}),
        ("q=caf%C3%A9+au+lait%21", {"q": "café au lait!"}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a%5B%5D=1", {"a": ["1"]}),
        ("a[b]=c&a[d][e]=f", {"a": {"b": "c", "d": {"e": "f"}}}),
        ("fields_attributes[0][name]=x&fields_attributes[0][value]=y&fields_attributes[1][name]=z",
         {"fields_attributes": {"0": {"name": "x", "value": "y"}, "1": {"name": "z"}}}),
        ("a[][x]=1&a[][y]=2&a[][x]=3", {"a": [{"x": "1", "y": "2"}, {"x": "3"}]}),
        ("poll[options][]=a&poll[options][]=b&poll[expires_in]=60",
         {"poll": {"options": ["a", "b"], "expires_in": "60"}}),
        ("a[b=1", {"a[b": "1"}),
        ("a]b=1&[c]=2", {"a]b": "1", "[c]": "2"}),
        ("x[]x=1", {"x[]x": "1"}),
    ],
)  # fmt: skip
def test_queries_nest_as_in_rack(text: str, expected: dict[str, Any]) -> None:
    assert parse_query(text.encode(), "query") == expected


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"a=%zz", "a"),
        (b"a=%", "a"),
        (b"a=%e", "a"),
        (b"%zz=1", "query"),
        (b"a=%ff", "a"),
        (b"a=\xff", "a"),
        (b"a=%ed%a0%80", "a"),  # a lone surrogate
        (b"a=%c0%80", "a"),  # an overlong NUL
        (b"a=x%00y", "a"),
        (b"a%00=1", "query"),
        (b"a=1&a[b]=2", "a"),
        (b"a[b]=2&a=1", "a"),
        (b"a=1&a[]=2", "a"),
        (b"a[]=1&a[b]=2", "a"),
        (b"a[b]=1&a[]=2", "a"),
        (b"a[]=1&a[][x]=2", "a"),
        (b"a[][x]=1&a[]=2", "a"),
        (b"a[][]=1", "a"),
        (b"a[b][c]=1&a[b]=2", "a"),
    ],
)
def test_wrong_queries_name_the_field(text: bytes, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_query(text, "query")
    assert caught.value.field == field


@pytest.mark.parametrize(
    "text",
    [
        b"&".join(b"k%d=1" % n for n in range(1_000_000)),
        b"&" * 1_000_000,
        b"a[]=1&" * 1001,
        b"a" + b"[b]" * 8 + b"=1",
        b"a" + b"[b]" * 100_000 + b"=1",
        b"a" + b"[]" * 100_000 + b"=1",
    ],
    ids=["a million keys", "a million separators", "1001 elements", "9 levels", "100000 levels", "100000 lists"],
)
def test_queries_are_bounded(text: bytes) -> None:
    with pytest.raises(TooLarge):
        parse_query(text, "query")


def test_the_bounds_themselves_are_allowed() -> None:
    assert len(parse_query(b"&".join(b"k%d=1" % n for n in range(1000)), "query")) == 1000
    value: Any = parse_query(b"a" + b"[b]" * 7 + b"=1", "query")["a"]
    for _ in range(7):
        value = value["b"]
    assert value == "1"


@given(st.binary(max_size=200))
def test_any_query_is_read_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(parse_query(raw, "query"), dict)
    except (Invalid, TooLarge):
        pass


@given(st.text(alphabet="ab[]=&%+0", max_size=60))
def test_any_nesting_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_query(text.encode(), "query"), dict)
    except (Invalid, TooLarge):
        pass


def test_json_objects_stand_as_they_are() -> None:
    value = {
        "status": "hé\u2028",
        "media_ids": ["1"],
        "poll": {"options": ["a"], "multiple": False},
        "n": 1.5,
        "x": None,
    }
    assert parse_json(json.dumps(value).encode()) == value
    assert parse_json(b"") == parse_json(b" \n") == {}
    assert parse_json(b'{"n": 9223372036854775807, "m": -9223372036854775808}')["n"] == 9223372036854775807
    assert parse_json(rb'{"a": "\\u0000"}') == {"a": r"\u0000"}
    assert parse_json(rb'{"a": "\ud83d\ude00"}') == {"a": "😀"}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"{", "body"),
        (b'{"a": 1,}', "body"),
        (b"{'a': 1}", "body"),
        (b'{"a": NaN}', "body"),
        (b'{"a": 1e999}', "body"),
        (b"[1]", "body"),
        (b'"text"', "body"),
        (b"null", "body"),
        (b'{"a": "\xff"}', "body"),
        (b'{"a": "\xed\xa0\x80"}', "body"),
        (rb'{"a": "\ud800"}', "body"),
        (rb'{"a": "\udc00\ud800"}', "body"),
        (rb'{"a": "x\u0000y"}', "a"),
        (rb'{"a": {"b": ["\u0000"]}}', "a"),
        (rb'{"a": {"x\u0000": 1}}', "a"),
        (rb'{"x\u0000": 1}', "body"),
        (b'{"a": 9223372036854775808}', "a"),
        (b'{"a": {"b": -9223372036854775809}}', "a"),
        (b'{"a": ' + b"9" * 500_000 + b"}", None),
        (b'{"a": 1' + b"0" * 4000 + b"}", None),
        (b"[" * 900_000, "body"),
        (b'{"a":' * 100_000, "body"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "body"),
        (b"\x00{}", "body"),
    ],
)
def test_wrong_json_is_refused(raw: bytes, field: str | None) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(raw)
    assert field is None or caught.value.field == field


@pytest.mark.parametrize(
    "value",
    [
        {str(n): 1 for n in range(1001)},
        {"a": [1] * 1000},
        {"a": [{"b": 1}] * 600},
        json.loads('{"a":' * 8 + "{}" + "}" * 8),
        json.loads('{"a":' + "[" * 8 + "]" * 8 + "}"),
    ],
)
def test_json_is_bounded(value: Any) -> None:
    with pytest.raises(TooLarge):
        parse_json(json.dumps(value).encode())


@given(st.binary(max_size=100) | st.text(max_size=50).map(lambda text: json.dumps({"a": [text]}).encode()))
def test_any_json_is_read_or_refused(raw: bytes) -> None:
    try:
        assert isinstance(parse_json(raw), dict)
    except (Invalid, TooLarge):
        pass
