"""Every cached answer against an uncached one: after each step of a random walk, byte for byte the same."""

import contextlib
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from linnet import app
from linnet.actions import deletions, edits, emojis, moderation, profiles, suspensions
from linnet.client_api.rendering import Rendering
from linnet.domain.cards import CardView
from linnet.domain.edits import Revision
from linnet.domain.errors import LinnetError
from linnet.domain.profiles import PictureKeys, ProfileChanges
from linnet.mastodon.cache import OVERHEAD, Fragment, FragmentCache, Key
from linnet.queries import statuses as queries
from linnet.queries.access import ANONYMOUS
from linnet.storage import cards, postgres_transaction, sqlite, statuses
from linnet.storage.statements import Statement
from tests.storage.queries import sql
from tests.support.client import Client, Person, VirtualClock, World
from tests.support.plans import every_statement
from tests.support.stage import Pixels, Stage

CODES = ("cat", "dog")


class Cold(FragmentCache):
    """Remembers nothing."""

    def get(self, key: Key) -> Fragment | None:
        return None


class Scene:
    """A server with a warm cache, and two over the same database: without a cache, and with one that is too small."""

    def __init__(self, world: World, warm: FragmentCache, cold: Any, tiny: Any) -> None:
        self.stage = Stage(world)
        self.world = world
        self.warm = warm
        self.cold = Client(cold)
        self.tiny = Client(tiny)
        self.people: list[Person] = []
        self.gone: set[int] = set()
        self.posted: list[str] = []

    async def differences(self, dice: random.Random) -> list[str]:
        """Where a cached answer is not what an uncached one is; asks at some addresses, not at all each time."""
        found = []
        for reader in (*self.people[:2], None):
            token = None if reader is None else reader.token
            for address in dice.sample(self._addresses(signed_in=reader is not None), 4):
                fresh = await self.cold.get(address, token=token)
                assert fresh.status < 500, fresh.body
                for name, client in (("warm", self.world.client), ("tiny", self.tiny)):
                    answer = await client.get(address, token=token)
                    if (answer.status, answer.body) != (fresh.status, fresh.body):
                        found.append(f"{name} {address}: {_apart(answer.body, fresh.body)}")
                    assert answer.header("link") == fresh.header("link")
        return found

    def _addresses(self, *, signed_in: bool) -> list[str]:
        ids = [person.id for person in self.people]
        found = ["/api/v1/timelines/public", "/api/v1/accounts?" + "&".join(f"id[]={id}" for id in ids)]
        found += [f"/api/v1/accounts/{id}" for id in ids] + [f"/api/v1/accounts/{id}/statuses" for id in ids]
        found += [f"/api/v1/statuses/{id}" for id in self.posted[-4:]]
        if self.posted:
            found += [
                f"/api/v1/statuses/{self.posted[-1]}/context",
                f"/api/v1/statuses/{self.posted[-1]}/favourited_by",
            ]
        if signed_in:
            found += ["/api/v1/conversations"]
            found += ["/api/v1/timelines/home"] * 3 + ["/api/v1/notifications", "/api/v1/favourites"]
            found += [
                "/api/v1/bookmarks",
                "/api/v1/accounts/verify_credentials",
                f"/api/v1/accounts/{ids[2]}/followers",
            ]
        return found


def _apart(one: bytes, other: bytes) -> str:
    """Where two bodies part."""
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    start = max(0, at - 60)
    return f"{one[start : at + 40]!r} instead of {other[start : at + 40]!r}"


@pytest.fixture
async def scene(open_any_world: Any, monkeypatch: pytest.MonkeyPatch) -> Scene:
    made: list[FragmentCache] = []

    def keep(cache: FragmentCache) -> FragmentCache:
        made.append(cache)
        return cache

    monkeypatch.setattr(app, "FragmentCache", lambda size: keep(FragmentCache(size)))
    world = await open_any_world()
    monkeypatch.setattr(app, "FragmentCache", Cold)
    cold = app.build(world.parts, runs_jobs=False)
    monkeypatch.setattr(app, "FragmentCache", lambda size: FragmentCache(4_000))
    tiny = app.build(world.parts, runs_jobs=False)
    found = Scene(world, made[0], cold, tiny)
    # They are not started: only the world's own application closes the database that all three share.
    found.people = [await world.person(f"p{number}") for number in range(4)]
    for one, other in ((0, 1), (0, 2), (1, 0), (3, 0)):
        await found.people[one].post(f"/api/v1/accounts/{found.people[other].id}/follow")
    return found


# -- the steps --------------------------------------------------------------------------------------------------------

Step = Callable[[Scene, random.Random], Any]
STEPS: list[Step] = []


def step(times: int) -> Callable[[Step], Step]:
    def file(made: Step) -> Step:
        STEPS.extend([made] * times)
        return made

    return file


PAGE = "http://outside.example:9/page"


@step(4)
async def quote_or_link(scene: Scene, dice: random.Random) -> None:
    """A status with a link, or one that quotes another."""
    person, draft = dice.choice(scene.people), {"status": f"see {PAGE}"}
    if scene.posted and dice.random() < 0.5:
        draft = {"status": "look", "quoted_status_id": dice.choice(scene.posted[-4:])}
    answer = await person.post("/api/v1/statuses", json=draft)
    if answer.status == 200:
        scene.posted.append(answer.json()["id"])


@step(2)
async def change_a_card(scene: Scene, dice: random.Random) -> None:
    """As the job does when a page says something new of itself."""

    async def write(tx: Any) -> None:
        row = await cards.of_url(tx, PAGE)
        await cards.keep(tx, row.id, CardView(PAGE, f"Page {dice.randrange(10**9)}"), 1 << 50)
        for status_id, _ in await tx.all(cards.SQL.statuses, card_id=row.id, after=0, limit=1000):
            await statuses.renew(tx, status_id)

    await scene.world.database.write(write)


@step(1)
async def change_a_quote(scene: Scene, dice: random.Random) -> None:
    """A quote is taken back, or quoting is allowed to others."""
    if scene.posted:
        person, status = dice.choice(scene.people), dice.choice(scene.posted[-4:])
        policy = {"quote_approval_policy": dice.choice(["public", "followers", "nobody"])}
        await person.put(f"/api/v1/statuses/{status}/interaction_policy", json=policy)
        await person.post(f"/api/v1/statuses/{status}/quotes/{dice.choice(scene.posted)}/revoke")


def _words(dice: random.Random) -> str:
    return " ".join(dice.choices([*(f":{code}:" for code in CODES), "hello", "#tag", "@p0", "@p1", "<b>", "ä😀"], k=3))


async def _to_a_status(scene: Scene, dice: random.Random, *deeds: str) -> None:
    if scene.posted:
        await dice.choice(scene.people).post(f"/api/v1/statuses/{dice.choice(scene.posted[-6:])}/{dice.choice(deeds)}")


@step(6)
async def post(scene: Scene, dice: random.Random) -> None:
    form = {"status": _words(dice), "visibility": dice.choice(["public", "public", "unlisted", "private", "direct"])}
    if scene.posted and dice.random() < 0.4:
        form["in_reply_to_id"] = dice.choice(scene.posted[-6:])
    answer = await dice.choice(scene.people).post("/api/v1/statuses", form=form)
    if answer.status == 200:
        scene.posted.append(answer.json()["id"])


@step(5)
async def edit(scene: Scene, dice: random.Random) -> None:
    if scene.posted:
        form = {"status": _words(dice), "language": dice.choice(["en", "de"]), "spoiler_text": dice.choice(["", "hm"])}
        place = f"/api/v1/statuses/{dice.choice(scene.posted[-4:])}"
        for person in scene.people:
            await person.put(place, form=form)


@step(4)
async def do_something_to_a_status(scene: Scene, dice: random.Random) -> None:
    await _to_a_status(scene, dice, "favourite", "favourite", "reblog", "reblog", "bookmark", "pin", "mute")


@step(2)
async def ask(scene: Scene, dice: random.Random) -> None:
    poll = {"options": dice.sample(["yes", "no", ":cat:", ":dog:"], 2), "expires_in": 300, "hide_totals": False}
    answer = await dice.choice(scene.people).post("/api/v1/statuses", json={"status": _words(dice), "poll": poll})
    if answer.status == 200:
        scene.posted.append(answer.json()["id"])


@step(4)
async def vote(scene: Scene, dice: random.Random) -> None:
    if scene.posted:
        place = f"/api/v1/polls/{dice.choice(scene.posted[-6:])}/votes"
        await dice.choice(scene.people).post(place, json={"choices": [dice.randrange(2)]})


@step(4)
async def answer_with_an_emoji(scene: Scene, dice: random.Random) -> None:
    await _to_a_status(scene, dice, "react/cat", "react/dog", "react/%F0%9F%91%8D", "unreact/cat", "unreact/dog")


@step(2)
async def undo_something(scene: Scene, dice: random.Random) -> None:
    await _to_a_status(scene, dice, "unfavourite", "unreblog", "unbookmark", "unpin", "unmute")


@step(2)
async def change_a_relation(scene: Scene, dice: random.Random) -> None:
    one, other = dice.sample(scene.people, 2)
    deed = dice.choice(["follow", "follow", "unfollow", "mute", "unmute", "block", "unblock", "remove_from_followers"])
    await one.post(f"/api/v1/accounts/{other.id}/{deed}")


@step(4)
async def change_a_filter(scene: Scene, dice: random.Random) -> None:
    """Made, met by a status of its own, or taken away; of those who look most."""
    person = dice.choice(scene.people[:2])
    answer = await person.get("/api/v2/filters")
    made = answer.json() if answer.status == 200 else []
    if len(made) > 2:
        await person.delete(f"/api/v2/filters/{dice.choice(made)['id']}")
    elif made and scene.posted:
        body = {"status_id": dice.choice(scene.posted[-6:])}
        await person.post(f"/api/v2/filters/{dice.choice(made)['id']}/statuses", json=body)
    keywords = [{"keyword": word} for word in dice.sample(["hello", "tag", "cat", "😀", "look"], 2)]
    await person.post("/api/v2/filters", json={"title": "t", "context": ["home"], "keywords_attributes": keywords})


@step(5)
async def change_a_profile(scene: Scene, dice: random.Random) -> None:
    form = {
        "display_name": dice.choice(["", "Ada", f":{dice.choice(CODES)}:"]), "note": _words(dice),
        "locked": dice.choice(["true", "false"]), "fields_attributes[0][name]": "x",
        "fields_attributes[0][value]": _words(dice), "bot": dice.choice(["true", "false"]),
    }  # fmt: skip
    await dice.choice(scene.people).patch("/api/v1/accounts/update_credentials", form=form)


@step(2)
async def change_a_picture(scene: Scene, dice: random.Random) -> None:
    key, who = f"avatars/{dice.random()}.png", dice.choice(scene.people)
    pictures = {dice.choice(["avatar", "header"]): dice.choice([PictureKeys(key, key), PictureKeys(None, None)])}
    await scene.stage.do(profiles.update, scene.world.site, who.id, ProfileChanges(), pictures)


@step(3)
async def change_an_emoji(scene: Scene, dice: random.Random) -> None:
    parts, code = scene.world.parts, dice.choice(CODES)
    if dice.random() < 0.3:
        await scene.stage.do(emojis.remove, code)
    else:
        await scene.stage.do(emojis.add, parts.blobs, Pixels(), parts.ids, parts.chance, code, b"", dice.choice("ab"))


@step(4)
async def moderate(scene: Scene, dice: random.Random) -> None:
    action = dice.choice([suspensions.suspend, suspensions.unsuspend, suspensions.silence, suspensions.unsilence])
    await scene.stage.do(action, None, dice.choice(scene.people[1:]).id)


@step(2)
async def let_everybody_back(scene: Scene, dice: random.Random) -> None:
    for person in scene.people:
        for action in (suspensions.unsuspend, suspensions.unsilence):
            with contextlib.suppress(LinnetError):
                await scene.stage.do(action, None, person.id)


@step(2)
async def delete_a_status(scene: Scene, dice: random.Random) -> None:
    if scene.posted:
        await scene.stage.do(moderation.delete_status, None, int(scene.posted.pop(dice.randrange(len(scene.posted)))))


@step(1)
async def delete_an_account(scene: Scene, dice: random.Random) -> None:
    if len(scene.gone) < 1 and dice.random() < 0.2:
        scene.gone.add(scene.people[3].id)
        await scene.stage.do(deletions.delete, None, scene.people[3].id)


@step(5)
async def run_jobs(scene: Scene, dice: random.Random) -> None:
    await scene.world.run_jobs()


@step(1)
async def empty_the_cache(scene: Scene, dice: random.Random) -> None:
    # By turns it is filled with rubbish, too.
    (scene.warm.litter if len(scene.posted) % 2 else scene.warm.clear)()


async def walk(scene: Scene, seed: int, steps: int, only: tuple[Step, ...] = ()) -> list[str]:
    """Goes until a cached answer differs; what differs, after which step."""
    dice, looks = random.Random(seed), random.Random(seed)
    choice = [made for made in STEPS if not only or made in only]
    for number in range(steps):
        made = dice.choice(choice)
        with contextlib.suppress(LinnetError):
            await made(scene, dice)
        found = await scene.differences(looks)
        if found:
            return [f"step {number}, {made.__name__}, of seed {seed}: {words}" for words in found[:5]]
    return []


@pytest.mark.parametrize("seed", [1])
async def test_a_cached_answer_is_what_an_uncached_one_is(scene: Scene, seed: int):
    found = await walk(scene, seed, 120 if scene.world.database.dialect == "sqlite" else 40)
    assert not found, "\n".join(found)
    # The walk proves something only where answers came out of the cache, and where there was something to see.
    assert scene.warm.hits > 4 * scene.warm.misses
    assert len(scene.posted) > 2


# -- the measure itself -----------------------------------------------------------------------------------------------

PLANTED: dict[str, tuple[tuple[str, ...], tuple[Step, ...]]] = {
    "an edit": (("statuses.set_version", "statuses.update_content"), (post, edit)),
    "a profile": (("accounts.set_flags",), (change_a_profile,)),
    "a suspension": (("deletions.suspend",), (moderate,)),
    "a return": (("deletions.unsuspend",), (moderate,)),
    "a silencing": (("deletions.silence",), (moderate,)),
    "a voice given back": (("deletions.unsilence",), (moderate,)),
    "a parent that is gone": (
        ("statuses.forget_parent", "statuses.touch_content"), (post, post, delete_a_status, run_jobs)
    ),
    "an emoji": (("emojis.touch",), (post, change_an_emoji)),
    "a card": (("statuses.renew", "statuses.touch_content"), (quote_or_link, change_a_card)),
}  # fmt: skip
"""Statements that give a fresh version -> the steps that must show it where they give the old one."""

UNSEEN = {
    "deletions.close": "a deleted account is shown nowhere",
    "imports.insert_content": "its id and its version are new: nothing can be kept of it",
    "imports.insert_status": "its id and its version are new: nothing can be kept of it",
    "statuses.insert_edit": "keeps a version and gives none",
    "statuses.renew_edit": "keeps a version and gives none",
}
"""Statements with a version that no answer depends on."""

_OLD = {
    "statuses": sql("select version from statuses where id = :id"),
    "accounts": sql("select version from accounts where id = :id"),
    "deletions": sql("select version from accounts where id = :id"),
    "emojis": sql("select value from settings where key = 'emojis.version'"),
}


def plant(monkeypatch: pytest.MonkeyPatch, forgotten: tuple[str, ...]) -> None:
    """From now on these statements leave the version as it is."""
    for transaction in (sqlite.SqliteTransaction, postgres_transaction.PostgresTransaction):

        async def forgetful(self: Any, statement: Statement, /, run: Any = transaction.run, **params: Any) -> int:
            if statement.name in forgotten:
                old = _OLD[statement.name.partition(".")[0]]
                found = await self.one(old, **({"id": params.get("id", params.get("status_id"))} if old.params else {}))
                params["version"] = found[0] if found else params["version"]
            return await run(self, statement, **params)

        monkeypatch.setattr(transaction, "run", forgetful)


@pytest.mark.parametrize("engine", ["sqlite"])
@pytest.mark.parametrize("forgotten", PLANTED, ids=lambda name: name.replace(" ", "-"))
async def test_a_version_that_is_forgotten_is_found(scene: Scene, forgotten: str, monkeypatch: pytest.MonkeyPatch):
    names, steps = PLANTED[forgotten]
    await walk(scene, 3, 4, (post, change_an_emoji, change_a_profile))
    plant(monkeypatch, names)
    assert await walk(scene, 3, 60, steps), f"nobody noticed that {forgotten} shows nowhere"


def test_every_statement_that_gives_a_version_is_planted():
    giving = {statement.name for statement in every_statement() if "version" in statement.params}
    assert giving == UNSEEN.keys() | {name for names, _ in PLANTED.values() for name in names}


# -- between two reads, and how much is kept --------------------------------------------------------------------------


async def test_what_is_edited_between_two_reads_is_not_kept_as_a_mixture(any_world: World):
    """A row of the old version with words of the new one: kept under the new one, it would be shown for ever."""
    stage = Stage(any_world)
    author = await stage.person()
    status = await stage.status(author, language="en")
    warm = Rendering(any_world.database, any_world.site, FragmentCache(100_000), VirtualClock())
    cold = Rendering(any_world.database, any_world.site, Cold(0), VirtualClock())
    before = await queries.one(any_world.database, status, 0)
    revision = Revision("other words", language="de", spoiler="hm")
    await stage.do(edits.edit, any_world.site, author, status, revision)
    await warm.status(before, ANONYMOUS)
    now = await queries.one(any_world.database, status, 0)
    assert await warm.status(now, ANONYMOUS) == await cold.status(now, ANONYMOUS)
    assert b'"language":"de"' in await warm.status(now, ANONYMOUS)


def test_a_cache_holds_no_more_bytes_than_it_may():
    dice = random.Random(5)
    most = 1024 * 1024
    bodies = [dice.randbytes(20_000)[: dice.choice([10, 200, 2_000, 20_000])] for _ in range(3_000)]
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cache = FragmentCache(most)
        for _ in range(8_000):
            number = dice.randrange(len(bodies))
            key = ((number + 1) << 30, (number + 2) << 30)
            if cache.get(key) is None:
                cache.put(key, Fragment(bytes(bytearray(bodies[number])), (number + 1) << 30))
            assert cache.size <= most
        used = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert used <= most * 1.1
    assert used <= cache.size * 1.1, "it holds more than it says"
    assert cache.size > most / 3
    assert cache.hits > 0
    cache.clear()
    assert cache.size == 0


def test_what_is_asked_for_stays_and_what_is_not_goes():
    cache = FragmentCache(20 * (OVERHEAD + 10))
    for number in range(100):
        cache.put((number, 1), Fragment(b"x" * 10))
        assert cache.get((0, 1)) == Fragment(b"x" * 10)
    assert cache.get((50, 1)) is None
    assert cache.get((99, 1)) is not None
    cache.put((0, 1), Fragment(b"y"))
    assert cache.get((0, 1)) == Fragment(b"y")
    before = cache.size
    cache.put((0, 1), Fragment(b"z"))
    assert cache.size == before
    cache.put((200, 1), Fragment(b"x" * 100_000))
    assert cache.size <= 20 * (OVERHEAD + 10)


def test_rubbish_fills_a_cache_under_no_key_that_was_true():
    cache, big = FragmentCache(400_000), 1 << 40
    true: list[Key] = [(big + 1, big + 2), ("figures", 490_000), ((big + 3, big + 4, 7), None, True, b"")]
    for key in true:
        cache.put(key, Fragment(b"true"))
    emptied = []
    cache.clears(lambda: emptied.append(cache.size))
    cache.litter()
    assert emptied == [0]
    assert 360_000 < cache.size <= 400_000
    assert [cache.get(key) for key in true] == [None, None, None]
    other = cache.get((big, big + 1))
    assert other is not None
    assert b"rubbish" in other.body
