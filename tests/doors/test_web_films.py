"""Films and sounds on pages: players that play nothing by themselves, with words for those who cannot see or hear."""

from typing import Any

from tests.support import films, pictures
from tests.support.client import World
from tests.support.pages import Browser, person


def upload(data: bytes, name: str = "picture1") -> Any:
    return {name: ("upload.bin", data, "application/octet-stream")}


async def composed(world: World, data: bytes, description: str = "") -> tuple[Browser, Any]:
    """Sent by the form, which is sent again when the file is ready; the page with the post."""
    ada = await person(world, "ada")
    typed = {"status": "Look", "description1": description}
    waits = await ada.send(await ada.go("/"), "/compose", typed, files=upload(data))
    assert waits.status == 422
    assert "have not finished processing" in waits.text
    kept = waits.value("media_ids[]")
    assert (waits.value("status"), waits.value(f"alt[{kept}]")) == ("Look", description)
    await world.run_jobs()
    sent = await ada.send(waits, "/compose", {})
    assert sent.status == 303, sent.text
    return ada, await ada.go(sent.location)


async def test_a_film_is_shown_with_a_player_that_waits_to_be_asked(world: World):
    _, page = await composed(world, films.film(), "A field that grows red")
    (video,) = page.all("video")
    assert (video.get("aria-label"), video.get("preload")) == ("A field that grows red", "none")
    assert "controls" in video.attributes
    assert not any(name in video.attributes for name in ("autoplay", "loop"))
    assert (video.get("width"), video.get("height")) == ("64", "48")
    assert video.get("src").endswith("/original.mp4")
    assert (await world.client.get(video.get("poster"))).header("content-type") == "image/jpeg"
    assert (await world.client.get(video.get("src"))).header("content-type") == "video/mp4"


async def test_what_is_silent_loops_and_makes_no_noise(world: World):
    ada = await person(world, "ada")
    page = await ada.do("/", "/compose", {"status": "Look"}, files=upload(pictures.moving_gif()))
    (video,) = page.all("video")
    assert {"loop", "muted", "controls"} <= set(video.attributes)
    assert video.get("aria-label") == "Film without a description"


async def test_a_sound_is_shown_with_its_sleeve(world: World):
    ada, page = await composed(world, films.with_cover(), "A tone")
    (audio,) = page.all("audio")
    assert (audio.get("aria-label"), audio.get("preload")) == ("A tone", "none")
    assert any(one.get("src").endswith("/small.jpeg") for one in page.all("img"))
    gallery = await ada.go("/@ada/media")
    assert "A tone" in [one.get("alt") for one in gallery.all("img")]


async def test_a_sound_without_a_sleeve_has_a_sign_in_its_place(world: World):
    ada, _ = await composed(world, films.sound())
    (shown,) = [one for one in (await ada.go("/@ada/media")).all("img") if "playable" in one.get("src")]
    assert shown.get("alt") == "Sound without a description"
    assert (await world.client.get(shown.get("src"))).status == 200


async def test_what_cannot_be_played_is_said_and_the_words_stay(world: World):
    ada = await person(world, "ada")
    waits = await ada.send(await ada.go("/"), "/compose", {"status": "Look"}, files=upload(b"OggS" + bytes(400)))
    await world.run_jobs()
    wrong = await ada.send(waits, "/compose", {})
    assert (wrong.status, wrong.value("status")) == (422, "Look")


async def test_others_see_the_film_in_what_is_told_of_the_post(world: World):
    _, page = await composed(world, films.film(), "A field")
    post = next(one for one in page.all("a") if "/@ada/" in (one.get("href") or ""))
    thread = await Browser(world.client).go(post.get("href"))
    told = {one.get("property"): one.get("content") for one in thread.all("meta") if one.get("property")}
    assert told["og:video"].endswith("/original.mp4")
    assert told["og:image"].endswith("/small.jpeg")
