"""What is taken in: posts of Mastodon and Twitter at their own times, lists, and nobody who is told of any of it."""

import contextlib
from typing import Any

import pytest

from linnet.actions import deletions, import_clearing, import_posts, import_rows, imports, suspensions
from linnet.archives import mastodon, twitter
from linnet.archives.posts import Post
from linnet.domain import ids
from linnet.domain.errors import Conflict, NotFound
from linnet.queries import imports as queries
from linnet.queries import wholeness
from linnet.storage.database import Operation
from linnet.storage.jobs import LeaseLost
from tests.storage.queries import sql
from tests.support import archives, films, pictures
from tests.support.client import World


@pytest.mark.parametrize("form", ["zip", "tar.gz", "folder in a zip"])
async def test_posts_of_mastodon(any_world: World, form: str):
    ada, bob = await any_world.people("ada", "bob")
    await bob.post(f"/api/v1/accounts/{ada.id}/follow", json={"notify": True})
    await any_world.run_jobs()
    files = archives.mastodon()
    data = (
        archives.tarred(files)
        if form == "tar.gz"
        else archives.zipped({f"export/{name}": value for name, value in files.items()} if "folder" in form else files)
    )
    report = await archives.imported(any_world, ada.id, data)
    posts = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()
    assert [post["created_at"] for post in posts] == [
        "2019-01-01T00:00:00.000Z", "2018-05-01T10:00:00.000Z", "2018-04-01T10:00:00.250Z", "2017-04-01T10:00:00.000Z",
    ]  # fmt: skip
    assert [post["visibility"] for post in posts] == ["public", "unlisted", "private", "public"]
    assert posts[2]["in_reply_to_id"] == posts[3]["id"]
    assert (posts[2]["spoiler_text"], posts[3]["language"]) == ("careful", "fr")
    assert posts[1]["mentions"] == []
    assert "@bob@far.example &amp; all" in posts[1]["content"]
    assert [tag["name"] for tag in posts[1]["tags"]] == ["Tag"]
    media = posts[0]["media_attachments"]
    assert [one["description"] for one in media] == ["a disc"]
    assert media[0]["meta"]["focus"] == {"x": 0.5, "y": -0.5}
    assert [line.why for line in report.lines] == ["is not in the archive, or is of no kind that is taken"]
    assert [one["id"] for one in (await ada.get("/api/v1/bookmarks")).json()] == [posts[3]["id"]]
    me = (await ada.get("/api/v1/accounts/verify_credentials")).json()
    assert (me["display_name"], me["source"]["note"], me["statuses_count"]) == ("Ada", "I", 4)
    assert posts[3]["replies_count"] == 0
    # Nobody is told, and nobody's timeline has it.
    assert [one["type"] for one in (await bob.get("/api/v1/notifications")).json()] == []
    assert (await bob.get("/api/v1/timelines/home")).json() == []
    assert (await ada.get("/api/v2/search?q=careful&type=statuses")).json()["statuses"][0]["id"] == posts[2]["id"]


async def test_nothing_is_left_behind(world: World):
    ada = await world.person("ada")
    await archives.imported(world, ada.id, archives.tarred(archives.mastodon()))
    await world.run_jobs()
    left = [key async for key in world.parts.blobs.keys()]  # noqa: SIM118  # not a dictionary
    assert len(left) == 2
    assert all(key.startswith("media/") for key in left)


async def test_posts_of_twitter(world: World):
    ada = await world.person("ada")
    await world.person("bob")
    link = {"url": "https://t.co/abc", "expanded_url": "https://example.com/a?b=1&c=2"}
    medium = {
        "url": "https://t.co/pic",
        "media_url_https": "https://pbs.twimg.com/media/XY.png",
        "ext_alt_text": "a disc",
    }
    parts: dict[str, bytes | str] = {
        "data/tweets.js": archives.tweets(
            archives.tweet(20, "hello &amp; https://t.co/abc @bob", entities={"urls": [link]}),
            archives.tweet(21, "RT @bob: not mine", "Wed Oct 10 20:19:25 +0000 2018"),
            archives.tweet(22, "look https://t.co/pic", "Thu Oct 11 20:19:24 +0000 2018", possibly_sensitive=True,
                           extended_entities={"media": [medium]}),
        ),
        "data/tweets-part1.js": archives.tweets(
            archives.tweet(23, "a reply", "Fri Oct 12 20:19:24 +0000 2018", in_reply_to_status_id_str="20"), part=1,
        ),
        "data/account.js": "window.YTD.account.part0 = []",
        "data/tweets_media/22-XY.png": pictures.png(),
    }  # fmt: skip
    report = await archives.imported(world, ada.id, archives.zipped(parts), visibility=1)
    posts = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()
    assert [post["created_at"][:10] for post in posts] == ["2018-10-12", "2018-10-11", "2018-10-10"]
    assert posts[0]["in_reply_to_id"] == posts[2]["id"]
    assert 'href="https://example.com/a?b=1&amp;c=2"' in posts[2]["content"]
    assert "hello &amp; " in posts[2]["content"]
    assert (posts[2]["mentions"], posts[2]["visibility"]) == ([], "unlisted")
    assert (posts[1]["content"], posts[1]["sensitive"]) == ("<p>look</p>", True)
    assert posts[1]["media_attachments"][0]["description"] == "a disc"
    assert [(line.item, line.why) for line in report.lines] == [("tweet 21", "is a retweet, which is not taken in")]


async def test_films_and_what_cannot_stand_together(world: World):
    ada = await world.person("ada")
    attached = [
        {"type": "Document", "url": "/media_attachments/files/1/a.mp4", "name": "a tone"},
        {"type": "Document", "url": "/media_attachments/files/1/a.png", "name": None},
    ]
    files: dict[str, bytes | str] = {
        "outbox.json": archives.outbox(
            archives.note(1, "a film", attachment=attached[:1]), archives.note(2, "both", attachment=attached),
            archives.note(3, "words"),
        ),
        "media_attachments/files/1/a.mp4": films.film(), "media_attachments/files/1/a.png": pictures.png(),
    }  # fmt: skip
    report = await archives.imported(world, ada.id, archives.zipped(files))
    posts = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()
    assert [post["content"] for post in posts] == ["<p>words</p>", "<p>a film</p>"]
    assert [(one["type"], one["description"]) for one in posts[1]["media_attachments"]] == [("video", "a tone")]
    assert [line.why for line in report.lines] == ["Cannot attach a video to a post that already contains images"]


async def test_many_posts_of_one_moment_have_ids_of_their_own(any_world: World):
    ada, eve = await any_world.people("ada", "eve")
    notes = [archives.note(number, f"number {number}") for number in range(120)]
    data = archives.zipped({"outbox.json": archives.outbox(*notes)})
    for person in (ada, eve):
        assert (await archives.imported(any_world, person.id, data)).row.imported == 120
    found = set()
    for person in (ada, eve):
        found |= {post["id"] for post in (await person.get(f"/api/v1/accounts/{person.id}/statuses?limit=40")).json()}
    assert len(found) == 80
    assert {ids.milliseconds(int(one)) for one in found} == {1_556_712_000_000}
    assert {int(one) >> 16 & 63 for one in found} == {ids.IMPORT_NODE}


def test_times_are_as_exact_as_ids_tell():
    published = "2019-05-01T12:00:00Z"
    number = 1_556_712_000_123 << 16
    found = mastodon.post_of(archives.note(number, "x", published), "x", "")
    assert isinstance(found, Post)
    assert found.at == 1_556_712_000_123
    tweeted = twitter.post_of(archives.tweet(1050118621198921728, "x", "Wed Oct 10 20:19:24 +0000 2018"), "x")
    assert isinstance(tweeted, Post)
    assert tweeted.at == 1_539_202_764_211


async def test_one_that_was_deleted_comes_back_anew(world: World):
    ada = await world.person("ada")
    data = archives.zipped({"outbox.json": archives.outbox(archives.note(1, "once"))})
    await archives.imported(world, ada.id, data)
    post = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()[0]
    await ada.delete(f"/api/v1/statuses/{post['id']}")
    await world.run_jobs()
    changed = archives.zipped({"outbox.json": archives.outbox(archives.note(1, "twice"))})
    assert (await archives.imported(world, ada.id, changed)).row.imported == 1
    assert (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()[0]["content"] == "<p>twice</p>"


async def test_csv_lists_are_added_or_replace(any_world: World):
    ada, bob, eve, joe = await any_world.people("ada", "bob", "eve", "joe")
    await ada.post(f"/api/v1/accounts/{eve.id}/follow")
    here = any_world.site.domain
    head = "Account address,Show boosts,Notify on new posts,Languages"
    rows = f'{head}\nbob@{here},false,true,"de, fr"\nx@far.example,true\n'
    report = await archives.imported(any_world, ada.id, rows.encode(), "following")
    assert [(line.item, line.why) for line in report.lines] == [
        ("follows: x@far.example", "is not known on this server")
    ]

    async def following() -> dict[str, bool]:
        found = await ada.get(f"/api/v1/accounts/relationships?id[]={bob.id}&id[]={eve.id}&id[]={joe.id}")
        return {one["id"]: one["following"] for one in found.json()}

    assert await following() == {str(bob.id): True, str(eve.id): True, str(joe.id): False}
    relation = (await ada.get(f"/api/v1/accounts/relationships?id[]={bob.id}")).json()[0]
    assert (relation["showing_reblogs"], relation["notifying"], relation["languages"]) == (False, True, ["de", "fr"])
    await archives.imported(any_world, ada.id, f"@joe\nbob@{here}\n".encode(), "following", overwrite=True)
    assert await following() == {str(bob.id): True, str(eve.id): False, str(joe.id): True}
    await archives.imported(any_world, ada.id, b"\xef\xbb\xbfAccount address,Hide notifications\neve,false\n", "mutes")
    relation = (await ada.get(f"/api/v1/accounts/relationships?id[]={eve.id}")).json()[0]
    assert (relation["muting"], relation["muting_notifications"]) == (True, False)
    await archives.imported(any_world, ada.id, b"Friends,joe\nFriends,eve\n", "lists")
    made = (await ada.get("/api/v1/lists")).json()
    assert [one["title"] for one in made] == ["Friends"]
    assert {one["acct"] for one in (await ada.get(f"/api/v1/lists/{made[0]['id']}/accounts")).json()} == {"joe", "eve"}
    await archives.imported(any_world, ada.id, b"eve\n", "blocks")
    assert [one["acct"] for one in (await ada.get("/api/v1/blocks")).json()] == ["eve"]
    status = (await joe.post("/api/v1/statuses", json={"status": "hello"})).json()
    await archives.imported(any_world, ada.id, status["url"].encode(), "bookmarks")
    assert [one["id"] for one in (await ada.get("/api/v1/bookmarks")).json()] == [status["id"]]


async def test_one_that_is_killed_anywhere_goes_on(any_world: World):
    """Every step is begun twice: once by a process that dies when it has half done it, once by the next."""
    ada = await any_world.person("ada")
    notes = [archives.note(100 + n, f"number {n}", f"2019-05-01T12:00:{n % 60:02}Z") for n in range(100)]
    files = {**archives.mastodon(), "outbox.json": archives.outbox(*archives.NOTES, *notes)}
    new = await archives.handed_in(any_world, ada.id, archives.zipped(files))
    tools = archives.tools(any_world)
    finished, steps = False, 0
    while not finished:
        with contextlib.suppress(_Killed):
            await imports.step(tools._replace(database=_Dying(any_world.database)), new)  # type: ignore[arg-type]
        finished = await imports.step(tools, new)
        steps += 1
    found = await queries.one(any_world.database, ada.id, new, 10)
    assert (found.row.state, found.row.imported, found.row.done, found.row.total) == ("done", 106, 106, 106)
    assert steps > 4
    assert (await ada.get("/api/v1/accounts/verify_credentials")).json()["statuses_count"] == 104


class _Killed(Exception):
    pass


class _Dying:
    """A database whose process is killed at its second commit."""

    def __init__(self, database) -> None:
        self._database = database
        self._left = 1
        self.read = database.read

    async def write(self, fn, *given, **named):
        if not self._left:
            raise _Killed
        self._left -= 1
        return await self._database.write(fn, *given, **named)


async def test_one_at_a_time(world: World):
    ada = await world.person("ada")
    await archives.handed_in(world, ada.id, b"bob\n", "blocks")
    with pytest.raises(Conflict):
        await archives.handed_in(world, ada.id, b"bob\n", "blocks")
    await world.run_jobs()
    await archives.handed_in(world, ada.id, b"bob\n", "blocks")


TABLES = ("exports", "export_parts", "imports", "import_items", "import_files", "import_lines", "imported_statuses")


async def test_a_suspended_account_takes_nothing_in(world: World):
    ada = await world.person("ada")
    new = await archives.handed_in(world, ada.id, archives.zipped(archives.mastodon()))
    await suspensions.suspend(world.database, None, ada.id, Operation.once(world.parts.ids))
    await world.run_jobs()
    found = await queries.one(world.database, ada.id, new, 10)
    assert (found.row.state, found.row.imported, found.row.error) == ("failed", 0, "The account is suspended")


async def test_a_deleted_account_leaves_nothing(any_world: World):
    ada = await any_world.person("ada")
    await archives.imported(any_world, ada.id, archives.tarred(archives.mastodon()))
    await archives.exported(any_world, ada.id)
    await archives.handed_in(any_world, ada.id, b"bob\n", "blocks")
    await deletions.delete(any_world.database, None, ada.id, Operation.once(any_world.parts.ids))
    await any_world.run_jobs()
    for table in TABLES:
        assert await _all(any_world, f"select 1 from {table}") == [], table
    assert [key async for key in any_world.parts.blobs.keys()] == []  # noqa: SIM118  # not a dictionary


async def _all(world: World, text: str) -> list[Any]:
    return await world.database.read(lambda tx: tx.all(sql(text)))


async def test_one_row_that_nobody_has_thought_of_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    ada = await world.person("ada")
    take = import_posts.take

    async def broken(tx: Any, site: Any, origin: Any, post: Any, media_ids: Any) -> int | None:
        if "a reply" in post.text:
            raise ZeroDivisionError
        return await take(tx, site, origin, post, media_ids)

    async def worse(*_given: Any) -> int:
        raise OverflowError

    monkeypatch.setattr(import_posts, "take", broken)
    monkeypatch.setitem(import_rows.NOUNS, "bookmarks", worse)
    report = await archives.imported(world, ada.id, archives.zipped(archives.mastodon()))
    assert report.row.state == "done"
    assert (await ada.get("/api/v1/accounts/verify_credentials")).json()["statuses_count"] == 3
    assert [line.why for line in report.lines].count("could not be taken in") == 2


async def test_one_that_was_given_up_leaves_nothing_when_later_ones_take_its_place(
    world: World, monkeypatch: pytest.MonkeyPatch
):
    ada = await world.person("ada")
    old = await archives.handed_in(world, ada.id, archives.zipped(archives.mastodon()))
    await imports.step(archives.tools(world), old)
    assert await _all(world, "select 1 from import_items")
    monkeypatch.setattr(imports, "STALLED_MS", -1_000)
    for _ in range(imports.KEPT + 1):
        await archives.imported(world, ada.id, b"bob\n", "blocks")
    assert await _all(world, f"select 1 from imports where id = {old}") == []
    for table in ("import_items", "import_files"):
        assert await _all(world, f"select 1 from {table}") == [], table
    assert [key async for key in world.parts.blobs.keys() if key.startswith("imports/")] == []  # noqa: SIM118


async def test_a_large_one_is_cleared_away_turn_by_turn_without_a_pause(world: World, monkeypatch: pytest.MonkeyPatch):
    ada = await world.person("ada")
    new = await archives.handed_in(world, ada.id, archives.zipped(archives.mastodon()))
    await imports.step(archives.tools(world), new)
    monkeypatch.setattr(import_clearing, "ROWS", 2)
    later = (await queries.one(world.database, ada.id, new, 1)).row.moved_at + 1
    turns: list[int] = []
    while not turns or turns[-1]:
        turns.append(await world.database.write(lambda tx: import_clearing.expire(tx, later, 20)))
    assert turns[0] == 20
    assert turns[-2:] == [1, 0]
    assert await _all(world, "select 1 from import_items") == []


async def test_an_account_that_is_deleted_meanwhile_gets_nothing_more(any_world: World):
    world = any_world
    ada = await world.person("ada")
    new = await archives.handed_in(
        world, ada.id, archives.zipped({"outbox.json": archives.outbox(*archives.NOTES[:3])})
    )
    tools = archives.tools(world)
    await imports.step(tools, new)

    class Late:
        """A database that is so slow with a commit that the account is gone by then."""

        read = staticmethod(world.database.read)

        async def write(self, fn: Any, *given: Any, **named: Any) -> Any:
            await deletions.delete(world.database, None, ada.id, Operation.once(world.parts.ids))
            return await world.database.write(fn, *given, **named)

    with pytest.raises(LeaseLost):
        await imports.step(tools._replace(database=Late()), new)  # type: ignore[arg-type]
    await world.run_jobs()
    for table in ("statuses", *TABLES):
        assert await _all(world, f"select 1 from {table}") == [], table


async def test_a_list_also_replaces_what_cannot_be_seen_any_more(any_world: World):
    ada, joe = await any_world.people("ada", "joe")
    old, other, new = [(await joe.post("/api/v1/statuses", json={"status": str(n)})).json() for n in range(3)]
    for status in (old, other):
        await ada.post(f"/api/v1/statuses/{status['id']}/bookmark")
    await joe.delete(f"/api/v1/statuses/{old['id']}")
    report = await archives.imported(any_world, ada.id, new["url"].encode(), "bookmarks", overwrite=True)
    assert (report.row.state, report.row.imported) == ("done", 1)
    assert await _all(any_world, "select status_id from bookmarks") == [(int(new["id"]),)]


async def test_what_cannot_be_replaced_does_not_hold_up_an_import(world: World, monkeypatch: pytest.MonkeyPatch):
    ada, bob, eve = await world.people("ada", "bob", "eve")
    for person in (bob, eve):
        await ada.post(f"/api/v1/accounts/{person.id}/follow")
    undo = import_rows.OTHERS["following"]

    async def stuck(here: Any, target: int, operation: Operation) -> None:
        if target == bob.id:
            raise NotFound
        await undo.undo(here, target, operation)

    monkeypatch.setitem(import_rows.OTHERS, "following", undo._replace(undo=stuck))
    report = await archives.imported(world, ada.id, b"x@far.example\n", "following", overwrite=True)
    assert report.row.state == "done"
    assert await _all(world, "select target_id from follows") == [(bob.id,)]


async def test_a_check_knows_that_votes_of_elsewhere_have_no_rows_here(any_world: World):
    ada = await any_world.person("ada")
    options = [
        {"type": "Note", "name": name, "replies": {"totalItems": votes}} for name, votes in (("yes", 2), ("no", 1))
    ]
    asked = archives.note(1, "really?", type="Question", oneOf=options, votersCount=3, endTime="2019-05-02T12:00:00Z")
    await archives.imported(any_world, ada.id, archives.zipped({"outbox.json": archives.outbox(asked)}))
    (post,) = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses")).json()
    assert post["poll"]["voters_count"] == 3
    found = [one async for some, _ in wholeness.statuses(any_world.database, any_world.parts.blobs) for one in some]
    assert found == []
