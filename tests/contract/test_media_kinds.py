"""Media of every kind by Mastodon.py, on servers of their own: with a folder, and with a bucket."""

import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import mastodon
import pytest
from mastodon import Mastodon

from tests.support import films, pictures
from tests.support.s3 import BUCKET, CREDENTIALS
from tests.support.server import Server, until

KINDS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "png": (pictures.png, "image/png", "image"),
    "avif": (pictures.avif, "image/avif", "image"),
    "heic": (lambda: pictures.every_kind()["image/heic"], "image/heic", "image"),
    "gif": (pictures.moving_gif, "image/gif", "gifv"),
    "mp4": (films.film, "video/mp4", "video"),
    "webm": (lambda: films.film(*films.KINDS["webm"]), "video/webm", "video"),
    "mov": (lambda: films.film(*films.KINDS["mov"]), "video/quicktime", "video"),
    "silent": (lambda: films.film(audio=None), "video/mp4", "gifv"),
    **{
        name: (partial(films.sound, *films.SOUNDS[name]), mime, "audio")
        for name, mime in (
            ("mp3", "audio/mpeg"), ("ogg", "audio/ogg"), ("opus", "audio/opus"), ("flac", "audio/flac"),
            ("wav", "audio/wav"), ("m4a", "audio/x-m4a"),
        )
    },
}  # fmt: skip


@pytest.fixture(scope="module", params=["folder", "bucket"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, s3_server: str
) -> Iterator[Server]:
    place, environment = tmp_path_factory.mktemp(request.param) / "data", dict(CREDENTIALS)
    if request.param == "bucket":
        bucket = urllib.request.Request(f"{s3_server}/{BUCKET}", data=b"", method="PUT")
        with urllib.request.urlopen(bucket, timeout=30):
            environment["LINNET_BLOBS"] = f"s3://{BUCKET}/files?endpoint={s3_server}"
    with Server(place, "--rate-limits", "off", environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def anna(running: Server) -> Mastodon:
    return Mastodon(access_token=running.account("anna"), api_base_url=running.origin)


def taken(anna: Mastodon, data: bytes, mime: str, **more: Any) -> Any:
    """Uploaded and ready. The library's own way to wait looks only every ten seconds."""
    new = anna.media_post(data, mime_type=mime, **more)
    until(lambda: anna.media(new).get("url"), 60, "the file")
    return anna.media(new)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_taken_waited_for_and_posted(anna: Mastodon, kind: str):
    make, mime, means = KINDS[kind]
    media = taken(anna, make(), mime, description=f"A {kind}")
    assert (media.type, media.description) == (means, f"A {kind}")
    posted = anna.status_post(f"Here is a {kind}", media_ids=[media])
    (shown,) = posted.media_attachments
    with urllib.request.urlopen(shown.url, timeout=30) as answer:
        data, served = answer.read(), answer.headers["content-type"]
    expected = {"image": "image/", "gifv": "video/mp4", "video": "video/mp4", "audio": "audio/mpeg"}
    assert served.startswith(expected[means])
    assert answer.headers["accept-ranges"] == "bytes"
    part = urllib.request.Request(shown.url, headers={"Range": "bytes=10-19"})
    with urllib.request.urlopen(part, timeout=30) as answer:
        assert (answer.status, answer.read()) == (206, data[10:20])
    if means != "image":
        assert shown.meta.original.duration > 0


def test_a_thumbnail_goes_along(anna: Mastodon):
    media = taken(
        anna, films.sound(), "audio/mpeg", thumbnail=pictures.png(), thumbnail_mime_type="image/png"
    )  # fmt: skip
    assert media.preview_url.endswith("small.jpeg")


def test_what_is_not_ready_cannot_be_posted_and_what_fails_says_so(anna: Mastodon):
    media = anna.media_post(films.film("webm", "libvpx", None, frames=240), mime_type="video/webm")
    with pytest.raises(mastodon.MastodonAPIError, match="have not finished processing"):
        anna.status_post("too soon", media_ids=[media])
    until(lambda: anna.media(media).get("url"), 60, "the film")
    with pytest.raises(mastodon.MastodonAPIError, match="incomplete or damaged"):
        taken(anna, films.film(frames=120)[:-6_000], "video/mp4")
    assert anna.status_post("now", media_ids=[media]).media_attachments[0].type == "gifv"


def test_what_serves_does_not_decode(running: Server, anna: Mastodon):
    """The library that decodes is loaded by its child alone; that of buckets only where there is one."""
    taken(anna, films.film(), "video/mp4")
    assert anna.media_post(pictures.png(), mime_type="image/png").type == "image"
    for worker in running.workers():
        maps = Path(f"/proc/{worker}/maps").read_text()
        assert "libavcodec" not in maps
        assert ("_obstore" in maps) == ("LINNET_BLOBS" in running.environment)


def test_the_database_is_whole_with_its_files(running: Server, anna: Mastodon):
    media = taken(anna, films.film(), "video/mp4")
    anna.status_post("kept", media_ids=[media])
    said = running.cli("database", "check")
    assert "missing" not in said
