"""Keys, addresses and headers of files, and the parts of them that are asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain import files
from linnet.domain.files import RangeNotSatisfiable, parse_range

SECRET = bytes(range(15))


def test_a_folder_is_named_by_owner_and_chance():
    folder = files.folder("media", 1234, SECRET)
    room, owner, chance = folder.split("/")
    assert (room, owner, len(chance)) == ("media", "1234", 22)
    assert files.is_key(files.key(folder, "original.jpeg"))
    assert folder != files.folder("media", 1234, SECRET[::-1])


def test_too_little_chance_is_a_mistake():
    with pytest.raises(ValueError, match="15 bytes"):
        files.folder("media", 1, b"short")


@given(st.binary(min_size=15, max_size=15), st.sampled_from(["media", "avatars", "headers", "emoji"]), st.integers(0))
def test_every_folder_makes_keys(secret, room, owner):
    key = files.key(files.folder(room, owner, secret), "small.webp")
    assert files.is_key(key) or len(key) > 200


@pytest.mark.parametrize(
    "key",
    [
        "../secrets.json",
        "media/../../etc/passwd",
        "media/.temporary/x",
        ".temporary/x",
        "/etc/passwd",
        "media//x",
        "media/x/",
        "",
        "media/x\n",
        "media/x\0.png",
        "media/X.png",
        "media/%2e%2e/x",
        "media\\..\\x",
        "a" * 201,
    ],
)
def test_what_is_no_key(key):
    assert not files.is_key(key)


def test_headers_of_a_picture():
    assert files.content_type("media/1/abc/original.jpeg") == "image/jpeg"
    assert dict(files.content_headers("media/1/abc/original.jpeg")) == {
        b"content-disposition": b"inline",
        b"content-security-policy": b"default-src 'none'; form-action 'none'",
        b"cache-control": b"public, max-age=31536000, immutable",
        b"accept-ranges": b"bytes",
        b"etag": b'"media-1-abc-original.jpeg"',
    }


@pytest.mark.parametrize(
    ("header", "same"),
    [
        ('"media-1-a.png"', True), ('W/"media-1-a.png"', True), ('"x", "media-1-a.png"', True), ("*", True),
        ('"x"', False), ("", False), (None, False), ("media-1-a.png", False),
    ],
)  # fmt: skip
def test_what_a_client_has_already_is_known_by_its_mark(header, same):
    assert files.matches(header, files.etag("media/1/a.png")) is same


def test_what_was_uploaded_and_is_not_safe_yet_has_no_address():
    assert not files.is_served("uploads/1/abc/source")
    assert not files.is_served("media/../x")
    assert files.is_served("media/1/abc/original.mp4")


@pytest.mark.parametrize("name", ["x.html", "x.svg", "x.js", "x.php", "x", "html", "x.jpeg.html", "x.xml"])
def test_what_a_browser_could_run_is_offered_for_saving_only(name):
    assert files.content_type(f"media/1/a/{name}") == "application/octet-stream"
    assert dict(files.content_headers(f"media/1/a/{name}"))[b"content-disposition"] == b"attachment"


def test_all_names_that_processing_gives_have_their_type():
    assert [files.content_type(f"media/1/a/original.{kind}") for kind in ("jpeg", "png", "gif", "webp")] == [
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/webp",
    ]


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", (0, 0)),
        ("bytes=0-", (0, 99)),
        ("bytes=10-19", (10, 19)),
        ("bytes=90-1000", (90, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-1000", (0, 99)),
        ("Bytes= 5-6 ", (5, 6)),
        (None, None),
        ("", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=5-4", None),
        ("bytes=0-1,5-6", None),
        ("items=0-1", None),
        ("bytes=a-b", None),
        ("bytes=0x1-2", None),
        ("bytes=--1", None),
        ("bytes=٣-٤", None),
        ("bytes=" + "9" * 5000 + "-", None),
    ],
)
def test_ranges(header, part):
    assert parse_range(header, 100) == part


@pytest.mark.parametrize(
    ("header", "size"),
    [("bytes=100-", 100), ("bytes=100-200", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)],
)
def test_ranges_behind_the_end(header, size):
    with pytest.raises(RangeNotSatisfiable) as caught:
        parse_range(header, size)
    assert caught.value.size == size


@given(st.text(alphabet="bytes=-0123456789, ", max_size=30), st.integers(0, 1000))
def test_whatever_is_asked_the_part_lies_within_the_file(header, size):
    try:
        part = parse_range(header, size)
    except RangeNotSatisfiable:
        return
    assert part is None or 0 <= part[0] <= part[1] < size
