"""Pictures made anew: sizes, colours, rotation, motion, and nothing of the upload that was hidden in it."""

import subprocess
import sys

import pytest
import pyvips

from linnet.domain.errors import Invalid
from linnet.media import frames as film_frames
from linnet.media.messages import EMOJI_BYTES_MAX, Limits, Processed
from linnet.media.process import process
from tests.support import films, pictures
from tests.support.heic import heic
from tests.support.pictures import opened


def made(data: bytes, kind="attachment") -> Processed:
    return process(data, kind, Limits())


def original(result: Processed) -> pyvips.Image:
    return opened(result.files[result.name("original") or ""])


def near(image: pyvips.Image, x: int, y: int, colour: tuple[int, int, int], slack: int = 30) -> bool:
    return all(abs(a - b) <= slack for a, b in zip(image.getpoint(x, y), colour, strict=False))


WHITE, RED, BLUE = (255, 255, 255), (220, 30, 30), (20, 40, 200)


@pytest.mark.parametrize(
    ("mime", "kept_as"),
    [
        ("image/jpeg", "image/jpeg"),
        ("image/png", "image/png"),
        ("image/gif", "image/png"),
        ("image/webp", "image/webp"),
        ("image/avif", "image/jpeg"),
        ("image/heic", "image/jpeg"),
    ],
)
def test_each_kind_is_made_anew(mime, kept_as):
    result = made(pictures.every_kind()[mime])
    assert result.mime == kept_as
    assert list(result.files) == [f"original.{kept_as.removeprefix('image/')}", "small.jpeg"]
    image = original(result)
    assert (image.width, image.height, image.bands) == (300, 200, 3)
    assert near(image, 5, 5, WHITE)
    assert near(image, 150, 100, RED)
    assert near(image, 290, 190, BLUE)
    assert result.meta["original"].size == "300x200"
    assert result.meta["original"].aspect == 1.5
    assert result.blurhash is not None
    assert len(result.blurhash) == 28


def test_the_blurhash_tells_pictures_apart():
    assert made(pictures.jpeg()).blurhash != made(pictures.jpeg(pictures.drawing().rot180())).blurhash


def test_a_large_picture_is_scaled_by_area():
    result = made(pictures.jpeg(pictures.drawing(5000, 4000)))
    first, small = result.meta["original"], result.meta["small"]
    assert 8_200_000 < first.width * first.height <= 3840 * 2160
    assert 225_000 < small.width * small.height <= 640 * 360
    assert first.aspect == pytest.approx(1.25, abs=0.01)
    assert opened(result.files["small.jpeg"]).width == small.width
    assert original(result).height == first.height


def test_position_camera_and_comments_are_gone():
    upload = pictures.with_exif(pictures.drawing())
    assert b"SecretCamera" in upload
    assert opened(upload).get_typeof("exif-ifd3-GPSLatitude") != 0
    for kind in ("attachment", "avatar", "header"):
        for data in made(upload, kind).files.values():
            assert b"Secret" not in data
            assert b"Exif" not in data
            assert opened(data).get_typeof("exif-data") == 0


def test_metadata_of_other_kinds_is_gone():
    tagged = pictures.drawing().copy()
    tagged.set_type(pyvips.GValue.blob_type, "xmp-data", b"<x:xmpmeta>Secret</x:xmpmeta>")
    tagged.set_type(pyvips.GValue.blob_type, "exif-data", b"Exif\0\0Secret")
    for upload in (pictures.png(tagged), pictures.webp(tagged), pictures.avif(tagged)):
        assert all(b"Secret" not in data for data in made(upload).files.values())


def test_hidden_programs_are_gone():
    program = b"PK\x03\x04<?php evil(); ?><script>evil()</script>"
    for mime, upload in pictures.every_kind().items():
        if mime not in ("image/avif", "image/heic"):
            assert all(b"evil" not in data for data in made(upload + program).files.values())
    commented = pictures.gif()
    commented = commented[:-1] + b"\x21\xfe" + bytes([len(program)]) + program + b"\x00\x3b"
    assert all(b"evil" not in data for data in made(commented).files.values())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotation_is_applied(orientation):
    upright = pictures.drawing(300, 200)
    stored = {
        1: upright,
        2: upright.fliphor(),
        3: upright.rot180(),
        4: upright.flipver(),
        5: upright.rot90().fliphor(),
        6: upright.rot270(),
        7: upright.rot270().fliphor(),
        8: upright.rot90(),
    }[orientation]
    result = made(pictures.with_exif(stored, orientation))
    assert result.meta["original"].size == "300x200"
    assert result.meta["small"].size == "300x200"
    image = original(result)
    assert near(image, 5, 5, WHITE)
    assert near(image, 290, 190, BLUE)
    assert image.get_typeof("orientation") == 0 or image.get("orientation") == 1


def test_rotation_counts_for_crops_too():
    result = made(pictures.with_exif(pictures.drawing(900, 3000).rot270(), 6), "header")
    assert result.meta["original"].size == "900x300"


def test_cmyk_becomes_srgb():
    upload = pictures.jpeg(pictures.drawing().colourspace("cmyk"))
    assert opened(upload).bands == 4
    image = original(made(upload))
    assert image.bands == 3
    assert near(image, 5, 5, WHITE)
    assert image(150, 100)[0] > 150 > image(150, 100)[2]


def test_a_wide_profile_is_turned_into_srgb_and_dropped():
    wide = pictures.drawing().icc_transform("p3", input_profile="srgb")
    upload = pictures.jpeg(wide, profile="p3")
    plain = original(made(pictures.jpeg(wide, keep="none")))
    image = original(made(upload))
    assert image.get_typeof("icc-profile-data") == 0
    assert near(image, 150, 100, RED, 12)
    assert not near(plain, 150, 100, RED, 12)


def test_sixteen_bits_grey_and_one_pixel():
    deep = (pictures.drawing().cast("ushort") * 257).cast("ushort").copy(interpretation="rgb16")
    image = original(made(pictures.png(deep)))
    assert image.format == "uchar"
    assert near(image, 150, 100, RED)
    grey = original(made(pictures.png(pictures.drawing().colourspace("b-w"))))
    assert near(grey, 5, 5, WHITE)
    result = made(pictures.png(pictures.drawing(1, 1)))
    assert result.meta["original"].size == result.meta["small"].size == "1x1"
    for kind in ("avatar", "header", "emoji"):
        assert made(pictures.png(pictures.drawing(1, 1)), kind).meta["original"].size == "1x1"


def test_extreme_shapes():
    for shape in ((16_384, 1), (1, 16_384), (16_384, 40)):
        for kind in ("attachment", "avatar", "header", "emoji"):
            result = made(pictures.png(pictures.drawing(*shape)), kind)
            image = original(result)
            assert result.meta["original"].size == f"{image.width}x{image.height}"


def test_transparency_is_kept_and_needless_alpha_dropped():
    result = made(pictures.png(pictures.transparent()))
    assert list(result.files) == ["original.png", "small.webp"]
    assert original(result)(10, 100)[3] == 255
    assert original(result)(290, 100)[3] == 0
    assert opened(result.files["small.webp"]).hasalpha()
    opaque = made(pictures.png(pictures.drawing().bandjoin(255)))
    assert not original(opaque).hasalpha()
    assert made(pictures.avif(pictures.transparent())).mime == "image/webp"


def test_a_photograph_sent_as_png_becomes_jpeg_and_a_drawing_stays():
    assert made(pictures.png(pictures.photo(1000, 800))).mime == "image/jpeg"
    assert made(pictures.png(pictures.drawing(1000, 800))).mime == "image/png"
    ghost = pictures.photo(1000, 800).bandjoin(pictures.transparent(1000, 800)[3])
    assert made(pictures.png(ghost)).mime == "image/webp"


def test_a_heic_of_tiles_is_put_together_and_turned_as_a_telephone_says():
    picture = pictures.drawing(320, 192)
    upright = original(made(heic(picture, columns=2, rows=2)))
    assert (upright.width, upright.height) == (320, 192)
    assert near(upright, 2, 2, WHITE)
    assert near(upright, 160, 96, RED)
    assert near(upright, 317, 189, BLUE)
    turned = original(made(heic(picture, quarters=1)))
    assert (turned.width, turned.height) == (192, 320)
    assert near(turned, 2, 317, WHITE)
    assert near(turned, 189, 2, BLUE)


def test_a_heic_that_lies_is_refused():
    data = heic(pictures.drawing(128, 64), columns=2)
    for name, at, value in ((b"ispe", 28, 9_000), (b"dimg", 6, 0xFFFFFFFF), (b"iloc", 8, 0xFFFFFFFF)):
        changed = bytearray(data)
        place = changed.index(name) + at
        changed[place : place + 4] = value.to_bytes(4, "big")
        with pytest.raises(Invalid):
            made(bytes(changed))
    for end in range(0, len(data) - 1, max(1, len(data) // 40)):
        with pytest.raises(Invalid):
            made(data[:end])


@pytest.mark.parametrize("make", [pictures.moving_gif, pictures.moving_webp])
def test_what_moves_becomes_a_silent_film_that_goes_on_moving(make):
    result = made(make(6))
    assert (result.type, result.mime, result.name("small")) == ("gifv", "video/mp4", "small.jpeg")
    film = films.opened(result.files["original.mp4"])
    assert [stream.type for stream in film.streams] == ["video"]
    frames = [frame.reformat(format="rgb24") for frame in film.decode(video=0)]
    assert [round(frame.time * 1000) for frame in frames] == [0, 70, 140, 210, 280, 350]
    assert (frames[0].width, frames[0].height) == (60, 40)
    first, last = (film_frames.picture_of(frame, 0) for frame in (frames[0], frames[-1]))
    assert last(30, 20)[0] > first(30, 20)[0] + 40
    assert result.meta["original"].size == "60x40"
    assert result.measures is not None
    assert (result.measures.duration, result.measures.frame_rate, result.measures.width) == (0.42, "100/7", 60)


@pytest.mark.parametrize("encode", ["gifsave_buffer", "webpsave_buffer"])
def test_what_moves_and_is_transparent_stays_a_picture_that_moves(encode):
    strip = pictures.strip(6)
    alpha = (strip.extract_band(0) * 0 + 255).draw_rect([0], 0, 0, 30, 240, fill=True).cast("uchar")
    clear = strip.bandjoin(alpha)
    result = made(bytes(getattr(clear, encode)()))
    assert result.type == "image"
    moving = opened(result.files[result.name("original") or ""], "n=-1")
    assert (moving.get("n-pages"), moving.get("delay"), moving.get("loop")) == (6, [70] * 6, 0)
    assert (moving.width, moving.get("page-height")) == (60, 40)
    assert result.mime == ("image/gif" if encode == "gifsave_buffer" else "image/webp")


def test_many_frames_are_made_smaller():
    result = made(pictures.gif_of_frames(320, 500, 400))
    first = result.meta["original"]
    assert first.width * first.height <= 48_000_000 // 320
    assert first.aspect == pytest.approx(1.25, abs=0.02)
    assert sum(1 for _ in films.opened(result.files["original.mp4"]).decode(video=0)) == 320


@pytest.mark.parametrize(
    ("shape", "avatar", "header"),
    [
        ((1000, 1000), "400x400", "1000x333"),
        ((2000, 1000), "400x400", "1500x500"),
        ((300, 200), "200x200", "300x100"),
        ((4000, 500), "400x400", "1500x500"),
        ((100, 800), "100x100", "100x33"),
    ],
)
def test_avatars_and_headers_fill_their_shape_from_the_middle(shape, avatar, header):
    upload = pictures.png(pictures.drawing(*shape))
    for kind, size in (("avatar", avatar), ("header", header)):
        result = made(upload, kind)
        image = original(result)
        assert result.meta["original"].size == f"{image.width}x{image.height}" == size
        assert near(image, image.width // 2, image.height // 2, RED)
        assert list(result.files) == ["original.png"]
        assert result.blurhash is None


@pytest.mark.parametrize("make", [pictures.moving_gif, pictures.moving_webp])
def test_a_moving_avatar_has_a_static_twin(make):
    result = made(make(5, 900, 450), "avatar")
    moving = opened(result.files[result.name("original") or ""], "n=-1")
    assert (moving.width, moving.get("page-height"), moving.get("n-pages")) == (400, 400, 5)
    assert moving.get("delay") == [70] * 5
    for at in range(0, 2000, 400):
        assert moving(200, at + 200)[0] > 100 > moving(200, at + 200)[2]
    still = opened(result.files["static.png"])
    assert (still.width, still.height) == (400, 400)
    assert still(200, 200)[0] > 100 > still(200, 200)[2]


def test_emoji():
    assert made(pictures.png(pictures.transparent(500, 250)), "emoji").meta["original"].size == "128x64"
    assert made(pictures.webp(pictures.transparent(40, 20)), "emoji").mime == "image/png"
    moving = made(pictures.moving_gif(4, 256, 128), "emoji")
    assert list(moving.files) == ["original.gif", "static.png"]
    assert moving.meta["original"].size == moving.meta["static"].size == "128x64"
    assert opened(moving.files["original.gif"]).get("n-pages") == 4


def test_emoji_are_refused_when_large_or_of_another_kind():
    with pytest.raises(Invalid, match="PNG, GIF or WebP"):
        made(pictures.jpeg(), "emoji")
    with pytest.raises(Invalid, match=r"larger than 0\.25 MiB"):
        made(pictures.png() + bytes(EMOJI_BYTES_MAX), "emoji")


@pytest.mark.parametrize("mime", ["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"])
def test_damage_behind_the_headers_is_refused_or_harmless(mime):
    """The reader lets it pass where lengths are right; then the decoder must either refuse or make a whole picture."""
    data = pictures.every_kind()[mime]
    refused = 0
    for at in range(len(data) // 4, len(data) - 8, max(1, len(data) // 23)):
        try:
            result = made(data[:at] + bytes(8) + data[at + 8 :])
        except Invalid:
            refused += 1
        else:
            assert result.meta["original"].size == "300x200"
    if mime == "image/png":
        assert refused


def test_a_picture_cut_off_inside_its_data_is_refused_though_its_end_is_there():
    data = pictures.png(pictures.photo())
    at = data.index(b"IDAT") + 4
    shorter = pictures.png_chunk(b"IDAT", data[at : at + 1000])
    with pytest.raises(Invalid, match="incomplete or damaged"):
        made(data[: at - 8] + shorter + pictures.png_chunk(b"IEND", b""))


def test_only_five_decoders_are_open():
    """In a process of its own, because closing them cannot be undone."""
    code = """
import sys, pyvips
from linnet.media.process import lock_decoders
from tests.support import pictures
kinds = pictures.every_kind()
tiff = bytes(pictures.drawing().tiffsave_buffer())
svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
assert pyvips.Image.new_from_buffer(tiff, "").width == 300
lock_decoders()
kinds.pop("image/heic")  # by another library, in this process as well
for data in kinds.values():
    assert pyvips.Image.new_from_buffer(data, "").avg() > 0
for load in (lambda: pyvips.Image.new_from_buffer(tiff, ""), lambda: pyvips.Image.svgload_buffer(svg),
             lambda: pyvips.Image.new_from_file("/etc/passwd")):
    try:
        load().avg()
    except pyvips.Error:
        continue
    sys.exit("an unwanted decoder is open")
"""
    ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
