"""What a picture is, by its bytes alone; and everything that is refused before a decoder sees it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linnet.domain.errors import Invalid
from linnet.domain.files import PICTURE_TYPES
from linnet.media.messages import Limits
from linnet.media.probe import Probe, probe
from tests.support import pictures


def refusal(data: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(Invalid) as caught:
        probe(data, limits)
    assert caught.value.field == "file"
    return caught.value.why


@pytest.fixture(scope="module")
def kinds() -> dict[str, bytes]:
    return pictures.every_kind()


def test_each_accepted_kind_is_recognised_with_its_size(kinds):
    assert {probe(data) for data in kinds.values()} == {Probe(mime, 300, 200, 1) for mime in PICTURE_TYPES}


@pytest.mark.parametrize("options", [{"interlace": True}, {"bitdepth": 1, "palette": True}])
def test_png_variants(options):
    assert probe(pictures.png(**options)) == Probe("image/png", 300, 200, 1)


def test_progressive_jpeg():
    assert probe(pictures.jpeg(interlace=True)) == Probe("image/jpeg", 300, 200, 1)


def test_lossless_and_transparent_webp():
    assert probe(pictures.webp(lossless=True)) == Probe("image/webp", 300, 200, 1)
    assert probe(pictures.webp(pictures.transparent(31, 17))) == Probe("image/webp", 31, 17, 1)


def test_frames_are_counted():
    assert probe(pictures.moving_gif(5)) == Probe("image/gif", 60, 40, 5)
    assert probe(pictures.moving_webp(5)) == Probe("image/webp", 60, 40, 5)


def test_an_animated_png_counts_as_its_first_picture():
    plain = pictures.png()
    animated = plain[:33] + pictures.png_chunk(b"acTL", struct.pack(">II", 3, 0)) + plain[33:]
    assert probe(animated) == Probe("image/png", 300, 200, 1)


@pytest.mark.parametrize("mime", PICTURE_TYPES)
def test_no_beginning_of_a_file_passes_for_the_file(kinds, mime):
    data = kinds[mime]
    for end in {*range(1, 80), *range(80, len(data), max(1, len(data) // 97)), len(data) - 2, len(data) - 1}:
        refusal(data[:end])


def test_the_beginnings_of_animations_are_refused():
    for data in (pictures.moving_gif(), pictures.moving_webp()):
        for end in range(1, len(data), 7):
            refusal(data[:end])


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty"),
        (b"hello, world", "unknown"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "SVG is not accepted"),
        (b"\n\n<SVG>", "SVG is not accepted"),
        (b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "incomplete or damaged"),
        (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00mp42isom", "film is not accepted yet"),
        (b"\x1a\x45\xdf\xa3\x00\x00", "WebM film is not accepted yet"),
        (b"%PDF-1.7", "PDF is not accepted yet"),
        (b"II*\x00\x08\x00", "TIFF is not accepted yet"),
        (b"<?php system($_GET['x']);", "unknown"),
        (b"PK\x03\x04", "unknown"),
    ],
)
def test_refusals_say_what_it_was(data, word):
    assert word in refusal(data)


def test_a_bomb_is_refused_by_its_header():
    bomb = bytearray(pictures.png_bomb(50_000, 50))
    struct.pack_into(">I", bomb, 20, 50_000)
    assert refusal(bytes(bomb)) == "is 50000x50000: no side may exceed 16384 pixels"


def test_pixels_are_bounded_as_mastodon_bounds_them():
    assert probe(pictures.png_bomb(8_192, 4_050)).width == 8_192
    assert "at most 33177600 pixels" in refusal(pictures.png_bomb(8_192, 4_051))


def test_bytes_are_bounded():
    data = pictures.png()
    assert probe(data, Limits(bytes_max=len(data))).mime == "image/png"
    assert "larger than" in refusal(data, Limits(bytes_max=len(data) - 1))
    assert refusal(bytes(16 * 1024 * 1024 + 1)) == "is larger than 16 MiB"


def test_frames_are_bounded():
    assert probe(pictures.gif_of_frames(1_000)).frames == 1_000
    assert refusal(pictures.gif_of_frames(100_000)) == "has more than 1000 frames"
    assert "too many pixels in its 1000 frames" in refusal(pictures.gif_of_frames(1_000, 1_000, 1_000))


@pytest.mark.parametrize("mime", ["image/png", "image/gif"])
def test_no_width_is_refused(kinds, mime):
    at, zero = {"image/png": (16, bytes(4)), "image/gif": (6, bytes(2))}[mime]
    data = kinds[mime]
    assert "no width" in refusal(data[:at] + zero + data[at + len(zero) :])


def test_bytes_behind_a_picture_do_not_hide_it(kinds):
    """Cameras and polyglot makers append things; only the picture is read, and only it is made anew."""
    for mime in ("image/jpeg", "image/png", "image/gif", "image/webp"):
        assert probe(kinds[mime] + b"PK\x03\x04<?php evil(); ?>").mime == mime


MAGICS = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    b"GIF89a",
    b"RIFF\x20\x00\x00\x00WEBP",
    b"\0\0\0\x18ftypavif",
]


@given(st.sampled_from(MAGICS), st.binary(max_size=300))
def test_random_bytes_never_break_the_reader(magic, rest):
    try:
        found = probe(magic + rest)
    except Invalid:
        return
    assert found.width > 0
    assert found.height > 0


@given(st.sampled_from(PICTURE_TYPES), st.data())
def test_a_flipped_byte_never_breaks_the_reader(kinds, mime, data):
    broken = bytearray(kinds[mime])
    broken[data.draw(st.integers(0, min(400, len(broken) - 1)))] = data.draw(st.integers(0, 255))
    try:
        found = probe(bytes(broken))
    except Invalid:
        return
    assert 0 < found.width <= 16_384
