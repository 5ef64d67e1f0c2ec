"""Translation through a service that speaks LibreTranslate's API (a real one, on loopback), and without any."""

import json
from typing import Any

import msgspec
import pytest

from linnet.domain.errors import Unavailable
from linnet.domain.site import Site
from linnet.http.translating import LibreTranslate, NoTranslator
from linnet.system import SystemClock
from tests.support import pictures
from tests.support.client import ORIGIN, Person, World
from tests.support.outside import Outside

LANGUAGES = [
    {"code": "en", "name": "English", "targets": ["de", "en", "fr"]},
    {"code": "de", "name": "German", "targets": ["de", "en"]},
]


def service(outside: Outside, texts: list[str] | None = None, detected: str = "de") -> None:
    """Answers as LibreTranslate does. It cannot translate: what it says stands in ``texts``."""
    outside.put("/languages", json.dumps(LANGUAGES), "application/json")
    body: dict[str, Any] = {"translatedText": texts or []}
    body["detectedLanguage"] = [{"confidence": 90.0, "language": detected} for _ in texts or []]
    outside.put("/translate", json.dumps(body), "application/json")


@pytest.fixture
async def world(open_sqlite_world: Any, outside: Outside) -> World:
    """A server whose operator has chosen the service outside."""
    translator = LibreTranslate(outside.origin, "key", ORIGIN, SystemClock())
    return await open_sqlite_world(site=Site(ORIGIN, translates=True), translator=translator)


async def post(person: Person, **draft: Any) -> str:
    return str((await person.post("/api/v1/statuses", json=draft)).json()["id"])


async def test_a_status_is_translated_with_all_its_words(world: World, outside: Outside) -> None:
    ada, bert = await world.people("ada", "bert")
    said = ["<p>Hello <b>world</b><script>alert(1)</script></p>", "Careful &amp; so", "A <i>disc</i>"]
    service(outside, said)
    files = {"file": ("disc.png", pictures.png(), "image/png")}
    media = await ada.post("/api/v2/media", form={"description": "Eine <Scheibe>"}, files=files)
    id = await post(
        ada, status="Hallo Welt", spoiler_text="Vorsicht & so", language="de", media_ids=[media.json()["id"]]
    )
    answer = await bert.post(f"/api/v1/statuses/{id}/translate", json={"lang": "en"})
    found = answer.json()
    assert answer.status == 200, found
    assert found["content"] == "<p>Hello <b>world</b></p>"
    assert (found["spoiler_text"], found["media_attachments"][0]["description"]) == ("Careful & so", "A disc")
    assert (found["language"], found["detected_source_language"]) == ("en", "de")
    assert found["provider"] == "LibreTranslate"
    asked = msgspec.json.decode(outside.asked[-1].body)
    assert asked == {
        "q": ["<p>Hallo Welt</p>", "Vorsicht &amp; so", "Eine &lt;Scheibe&gt;"],
        "source": "de", "target": "en", "format": "html", "api_key": "key",
    }  # fmt: skip
    before = len(outside.asked)
    again = await ada.post(f"/api/v1/statuses/{id}/translate", json={"lang": "en"})
    assert (again.json(), len(outside.asked)) == (found, before), "it is kept"


async def test_what_may_not_be_or_cannot_be_translated(world: World, outside: Outside) -> None:
    ada, bert = await world.people("ada", "bert")
    service(outside, ["x", ""])
    private = await post(ada, status="hush @bert", visibility="direct")
    assert (await bert.post(f"/api/v1/statuses/{private}/translate", json={"lang": "en"})).status == 403
    here = await post(ada, status="among us", local_only=True, language="de")
    assert (await bert.post(f"/api/v1/statuses/{here}/translate", json={"lang": "en"})).status == 403
    assert outside.asked == [], "nothing that is meant for few is told to the service"
    german = await post(ada, status="Hallo", language="de")
    for lang, status in (("de", 403), ("ja", 403), ("en", 200), ("<b>", 422)):
        assert (await bert.post(f"/api/v1/statuses/{german}/translate", json={"lang": lang})).status == status
    unknown = await post(ada, status="Saluton", language="eo")
    assert (await bert.post(f"/api/v1/statuses/{unknown}/translate", json={"lang": "en"})).status == 200
    assert msgspec.json.decode(outside.asked[-1].body)["source"] == "auto"
    assert (await world.client.post(f"/api/v1/statuses/{german}/translate")).status == 401
    assert (await bert.post("/api/v1/statuses/1/translate", json={"lang": "en"})).status == 404
    languages = await world.client.get("/api/v1/instance/translation_languages")
    assert languages.json() == {"en": ["de", "fr"], "de": ["en"]}
    assert (await world.client.get("/api/v2/instance")).json()["configuration"]["translation"] == {"enabled": True}


@pytest.mark.parametrize(
    "said",
    [
        "{", "[]", "null", '{"translatedText": "x"}', '{"translatedText": [1, 2]}', '{"translatedText": ["x"]}',
        '{"error": "no"}', "[" * 100_000,
    ],
)  # fmt: skip
async def test_a_service_that_makes_no_sense_is_told_as_passing(said: str, world: World, outside: Outside) -> None:
    ada = await world.person("ada")
    service(outside)
    outside.put("/translate", said, "application/json")
    id = await post(ada, status="Hallo", language="de")
    answer = await ada.post(f"/api/v1/statuses/{id}/translate", json={"lang": "en"})
    assert (answer.status, "error" in answer.json(), answer.header("retry-after")) == (503, True, "60")
    outside.put("/translate", "busy", status="429 Too Many Requests")
    assert (await ada.post(f"/api/v1/statuses/{id}/translate", json={"lang": "en"})).status == 503


@pytest.mark.parametrize("said", ["{}", "[1]", '[{"code": "en", "targets": 5}]', "x"])
async def test_a_list_of_languages_that_is_none(said: str, outside: Outside) -> None:
    outside.put("/languages", said, "application/json")
    translator = LibreTranslate(outside.origin, "", ORIGIN, SystemClock())
    if said == "{}":
        assert await translator.languages() == {}
    else:
        with pytest.raises(Unavailable):
            await translator.languages()
    await translator.close()


async def test_without_a_service_it_is_off_and_says_so(open_sqlite_world: Any) -> None:
    world: World = await open_sqlite_world()
    ada = await world.person("ada")
    id = await post(ada, status="Hallo", language="de")
    answer = await ada.post(f"/api/v1/statuses/{id}/translate", json={"lang": "en"})
    assert (answer.status, answer.json()) == (404, {"error": "Translation is not enabled on this server"})
    assert (await world.client.get("/api/v1/instance/translation_languages")).json() == {}
    assert (await world.client.get("/api/v2/instance")).json()["configuration"]["translation"] == {"enabled": False}
    with pytest.raises(Unavailable):
        await NoTranslator().translate(["x"], None, "en")
