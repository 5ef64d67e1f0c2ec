"""Lets a few people talk on a server inside this process, and takes pictures of its pages with Chromium.

``.venv/bin/python scripts/take_screenshots.py``: the best, into docs/images, for README and docs.
``.venv/bin/python scripts/take_screenshots.py FOLDER [NAME …]``: every page (or those named), light and dark, on a
desk and on a phone, for whoever works on them.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyvips
from playwright.async_api import Browser, BrowserContext, Route, async_playwright

HOUSE = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HOUSE), str(HOUSE / "scripts")]

import scenes  # noqa: E402

from linnet.actions import rules, sessions  # noqa: E402
from linnet.actions.sessions import Browser as Visitor  # noqa: E402
from linnet.domain.site import Site  # noqa: E402
from linnet.storage import schema  # noqa: E402
from linnet.storage.database import Operation  # noqa: E402
from tests.support.client import Person, VirtualClock, World, make_account, make_token, open_world  # noqa: E402
from tests.support.databases import open_sqlite  # noqa: E402
from tests.support.programs import chromium  # noqa: E402

ORIGIN = "https://flax.example"
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
BEST = (
    ("home", "home", DESK, "light"), ("home-dark", "home", DESK, "dark"), ("phone", "home", PHONE, "light"),
    ("phone-dark", "thread", PHONE, "dark"), ("profile", "profile", DESK, "light"), ("thread", "thread", DESK, "light"),
    ("sign-up", "sign-up", DESK, "light"), ("front", "front", DESK, "light"),
)  # fmt: skip


class Town:
    """The people, by name, and what they have said, by a word for it."""

    def __init__(self, world: World, pictures: dict[str, bytes]) -> None:
        self.world = world
        self.pictures = pictures
        self.people: dict[str, Person] = {}
        self.said: dict[str, str] = {}

    async def settle(self) -> None:
        """Everybody comes, shows who they are, and follows whom they follow."""
        for name, (title, note) in scenes.PEOPLE.items():
            account = await make_account(self.world.database, name, role="admin" if name == "ada" else "user")
            token = await make_token(self.world.database, account, app_name="Wren for phones")
            self.people[name] = Person(account, name, token, self.world.client)
            form = {"display_name": title, "note": note, "discoverable": "true"}
            for number, (label, value) in enumerate(scenes.FIELDS.get(name, ())):
                form[f"fields_attributes[{number}][name]"] = label
                form[f"fields_attributes[{number}][value]"] = value
            files = {"avatar": (f"{name}.png", self.pictures[f"face-{name}"], "image/png")}
            if name in scenes.BANNERS:
                files["header"] = ("banner.png", self.pictures[f"banner-{name}"], "image/png")
            answer = await self.people[name].patch("/api/v1/accounts/update_credentials", form=form, files=files)
            assert answer.status == 200, answer.body
        for follower, followed in scenes.FOLLOWS.items():
            for other in followed.split():
                await self.people[follower].post(f"/api/v1/accounts/{self.people[other].id}/follow")

    async def talk(self) -> None:
        """Everything is said, each thing at its time."""
        for said in scenes.TALK:
            self.world.clock.advance(said.after)
            form = {"status": said.text, "language": "en", "spoiler_text": said.warning}
            if said.answers:
                form["in_reply_to_id"] = self.said[said.answers]
            if said.picture:
                files = {"file": ("picture.png", self.pictures[said.picture], "image/png")}
                media = await self.people[said.who].post("/api/v2/media", form={"description": said.alt}, files=files)
                form["media_ids[]"] = media.json()["id"]
            answer = await self.people[said.who].post("/api/v1/statuses", form=form)
            assert answer.status == 200, answer.body
            self.said[said.word] = answer.json()["id"]
            for verb, names in (("favourite", said.favourites), ("reblog", said.boosts), ("bookmark", said.bookmarks)):
                for name in names.split():
                    await self.people[name].post(f"/api/v1/statuses/{self.said[said.word]}/{verb}")
            await self.world.run_jobs()
        self.world.clock.advance(4 * scenes.MINUTE)

    def pages(self) -> dict[str, tuple[str, str]]:
        """Who looks at what: '' is a stranger."""
        loaf = self.said["loaf"]
        return {
            "front": ("", "/"), "sign-up": ("", "/sign-up"), "sign-in": ("", "/sign-in"), "about": ("", "/about"),
            "public": ("", "/public"), "thread-stranger": ("", f"/@ada/{loaf}"), "home": ("ada", "/"),
            "thread": ("ada", f"/@ada/{loaf}"), "profile": ("tomas", "/@ada"), "own-profile": ("ada", "/@ada"),
            "media": ("ada", "/@ada/media"), "followers": ("ada", "/@ada/followers"), "tag": ("ada", "/tags/bread"),
            "notifications": ("ada", "/notifications"), "search": ("ada", "/search?q=ma"),
            "search-empty": ("ada", "/search"), "directory": ("mina", "/directory"), "bookmarks": ("ada", "/bookmarks"),
            "favourites": ("tomas", "/favourites"), "compose": ("ada", "/compose"), "settings": ("ada", "/settings"),
            "preferences": ("ada", "/settings/preferences"), "account": ("ada", "/settings/account"),
            "people": ("ada", "/settings/people"), "two-factor": ("ada", "/settings/two-factor"),
            "moderation": ("ada", "/moderation"), "moderation-people": ("ada", "/moderation/people"),
            "delete": ("ada", f"/statuses/{loaf}/delete"), "edit": ("ada", f"/statuses/{loaf}/edit"),
            "not-found": ("ada", "/nothing-here"), "empty-home": ("newcomer", "/"),
            "empty-notifications": ("newcomer", "/notifications"), "sign-out": ("ada", "/sign-out"),
        }  # fmt: skip


async def drawn(browser: Browser) -> dict[str, bytes]:
    """All drawings as PNG."""
    wanted = {"sea": scenes.sea(), "dawn": scenes.dawn(), "loaf": scenes.loaf(), "garden": scenes.garden()}
    wanted |= {f"face-{name}": text for name, text in scenes.FACES.items()}
    wanted |= {f"banner-{name}": text for name, text in scenes.BANNERS.items()}
    made = {}
    for name, text in wanted.items():
        width, height = (400, 400) if name.startswith("face") else (1200, 800)
        page = await browser.new_page(viewport={"width": width, "height": height})
        await page.set_content(f"<style>*{{margin:0}}svg{{display:block;width:{width}px}}</style>{text}")
        made[name] = await page.screenshot(type="png")
        await page.close()
    return made


async def visiting(browser: Browser, town: Town, name: str, size: dict[str, int], scheme: str) -> BrowserContext:
    """A browser in which somebody is signed in, whose requests are answered in this process."""
    context = await browser.new_context(
        viewport=size, color_scheme=scheme, device_scale_factor=2, java_script_enabled=False  # type: ignore[arg-type]
    )  # fmt: skip
    if name:
        if name not in town.people:
            town.people[name] = await town.world.person(name)
        person, parts = town.people[name], town.world.parts
        operation = Operation(f"once:{parts.ids.next()}")
        agent = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
        signed_in = await sessions.start(
            parts.database, parts.guards, person.id, Visitor("198.51.100.7", "198.51.100.7", agent), operation
        )
        await context.add_cookies(
            [{"name": "__Host-session", "value": signed_in.secret, "url": ORIGIN, "secure": True, "httpOnly": True}]
        )

    async def answer(route: Route) -> None:
        asked = route.request
        target = asked.url.removeprefix(ORIGIN) or "/"
        given = {key: value for key, value in (await asked.all_headers()).items() if not key.startswith(":")}
        found = await town.world.client.ask(asked.method, target, headers=given)
        await route.fulfill(status=found.status, headers=dict(found.headers), body=found.body)

    await context.route("**/*", answer)
    return context


async def take(browser: Browser, town: Town, page: str, size: dict[str, int], scheme: str, path: Path) -> None:
    who, address = town.pages()[page]
    context = await visiting(browser, town, who, size, scheme)
    opened = await context.new_page()
    await opened.goto(ORIGIN + address)
    await opened.screenshot(path=path, full_page=path.parent.name != "images")
    await context.close()
    # A palette keeps drawings as they are, in a third of the bytes.
    small = pyvips.Image.new_from_file(str(path)).pngsave_buffer(palette=True, Q=95, effort=7, dither=0.8)
    await asyncio.to_thread(path.write_bytes, small)


RULES = (("Be kind.", "Assume that the other one meant well."), ("Say what a picture shows.", "Not everybody sees it."))


async def shoot(browser: Browser, town: Town, folder: Path, names: list[str]) -> None:
    if folder == HOUSE / "docs/images":
        for name, page, size, scheme in BEST:
            await take(browser, town, page, size, scheme, folder / f"{name}.png")
        return
    for page in names or town.pages():
        for kind, size in (("desk", DESK), ("phone", PHONE)):
            for scheme in ("light", "dark"):
                await take(browser, town, page, size, scheme, folder / f"{page}-{kind}-{scheme}.png")


async def main(folder: Path, names: list[str], place: Path) -> None:
    """``place`` is for what the server keeps meanwhile."""

    async def database(clock: Any, ids: Any) -> Any:
        opened = open_sqlite(place / "linnet.db", clock, ids, synchronous="OFF")
        await schema.migrate(opened, clock)
        return opened

    site = Site(
        ORIGIN, title="Flax", description="A small, friendly place to say what is happening.",
        contact_email="ada@flax.example",
    )  # fmt: skip
    clock = VirtualClock(1_763_700_000_000)
    async with open_world(place, database, clock=clock, site=site) as world, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(chromium()), args=["--no-sandbox", "--disable-gpu"]
        )
        town = Town(world, await drawn(browser))
        for text, hint in RULES:
            await rules.add(world.database, text, hint, Operation(f"rule:{text}"))
        await town.settle()
        await town.talk()
        await shoot(browser, town, folder, names)
        await browser.close()


if __name__ == "__main__":
    wanted = Path(sys.argv[1]) if sys.argv[1:] else HOUSE / "docs/images"
    wanted.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        asyncio.run(main(wanted, sys.argv[2:], Path(place)))
