"""What must hold at the end of every world, whatever has happened in it."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from linnet.domain.ids import milliseconds
from linnet.jobs.drainer import DRAIN_SECONDS
from linnet.mastodon.cache import FragmentCache
from linnet.storage.journal import LOCK_SECONDS
from linnet.storage.postgres_primary import DIAL_SECONDS_MAX
from tests.simulation.machine import Process
from tests.simulation.node import STEPS

if TYPE_CHECKING:
    from tests.simulation.world import World

ORDER_SECONDS = 1.0
"""Who posts so long after somebody else was answered stands behind him."""

Row = tuple[Any, ...]


def rows(world: "World", sql: str) -> list[Row]:
    """Of the primary's database, as it is."""
    return world.cluster.primary.shown().connection.execute(sql).fetchall()


def waiting(world: "World") -> list[str]:
    """What is still to be done."""
    primary = world.cluster.primary
    found = []
    if not (primary.primary and primary.process.running):
        return ["there is no primary"]
    if count := rows(world, "select count(*) from jobs")[0][0]:
        found.append(f"{count} jobs wait")
    if any(server.follows is not primary for server in world.cluster.servers if server is not primary):
        found.append("a standby does not follow")
    entries = [key for key in world.etcd.store.keys if "/journal/entry/" in key]
    if entries:
        found.append(f"{len(entries)} posts wait in the journal")
    found += [f"{node.name} is not ready" for node in world.nodes if not node.ready]
    return found


async def settled(world: "World") -> None:
    """Returns when nothing waits, and streams had time to tell all: also those of a node that dialled when it was still
    cut off, which waits for that as long as for a slow machine."""
    world.quiet = True
    await world.until(lambda: not waiting(world))
    await asyncio.sleep(DIAL_SECONDS_MAX + 1.0)
    await world.until(lambda: not waiting(world))


def unsettled(world: "World") -> list[str]:
    """Why a healed world does not come to rest."""
    found = [f"{post.key} was never answered" for post in world.people.posts if not post.ids]
    return ["a healed world does not come to rest", *waiting(world), *found]


async def all_wrongs(world: "World") -> list[str]:
    return [
        *posts(world), *order(world), *mentions(world), *jobs(world), *counters(world), *streams(world),
        *await homes(world), *await caches(world),
    ]  # fmt: skip


def current_id(world: "World", id: int) -> int:
    """The id under which a post is kept that was once accepted under this one."""
    found = rows(world, f"select status_id from status_aliases where id = {id}")
    return found[0][0] if found else id


def posts(world: "World") -> list[str]:
    wrongs = []
    found = Counter[str]()
    ids: dict[str, list[int]] = {}
    firsts = {current_id(world, post.ids[0]): post.text for post in world.people.posts if post.ids}
    for status_id, text in rows(world, "select status_id, text from status_contents"):
        edited = world.people.edits.get(status_id, ())
        first = text
        if text in edited or text.startswith("edit "):
            first = firsts.get(status_id, text)
        found[first] += 1
        ids.setdefault(first, []).append(status_id)
    for post in world.people.posts:
        if len({current_id(world, id) for id in post.ids}) > 1:
            wrongs.append(f"{post.key} was answered as {post.ids}")
        if found[post.text] > 1:
            wrongs.append(f"{post.key} is there {found[post.text]} times: {ids[post.text]}")
        elif post.ids and current_id(world, post.ids[0]) not in ids.get(post.text, []):
            wrongs.append(f"{post.key} was accepted as {post.ids[0]} and is lost (there: {ids.get(post.text)})")
    for status_id, texts in world.people.edits.items():
        text = rows(world, f"select text from status_contents where status_id = {current_id(world, status_id)}")
        if text and text[0][0] not in texts:
            wrongs.append(f"{status_id} was edited and has the words {text[0][0]!r}")
    return wrongs


def order(world: "World") -> list[str]:
    """By id, as timelines are ordered, and in the log, as streams are told.

    Where several things go wrong at once, whoever drains may hang for as long as it is allowed to, and others post past
    it; but what comes in from the journal comes in its own order, always.
    """
    log = {
        row[0]: tuple(row[1:])
        for row in rows(
            world, "select subject_id, timeline, transaction_id, sequence from changes where kind = 'status.posted'"
        )
    }
    known = [(post, current_id(world, post.ids[0])) for post in world.people.posts if post.ids]
    drains = {
        (record.timeline, record.xid)
        for record in world.cluster.primary.log
        if any("insert into drain_epoch" in command[0] for command in record.commands or ())
    }
    several = len(world.happened) > 1 or world.happened[0].startswith("drain_interrupted")
    clocks = 2 * world.worst_clock_ms / 1000
    wrongs = []
    for earlier, first in known:
        # Asked again where nobody knew of it, it stands where it was stored: under an id of that time.
        again = max(0, milliseconds(first) - milliseconds(earlier.ids[0])) / 1000
        for later, second in known:
            apart = later.begun_at - max(earlier.done_at, earlier.begun_at + again)
            if apart <= ORDER_SECONDS:
                continue
            if apart > ORDER_SECONDS + clocks and first > second:
                wrongs.append(f"{later.key} has a lower id than {earlier.key}, which was there {apart:.2f} s before")
            if first not in log or second not in log:
                continue
            both = log[first][:2] in drains and log[second][:2] in drains
            bound = DRAIN_SECONDS + LOCK_SECONDS if several else ORDER_SECONDS
            if apart > (ORDER_SECONDS if both else bound) + clocks and log[first] > log[second]:
                wrongs.append(f"{later.key} is told before {earlier.key}, which was there {apart:.2f} s before")
    return wrongs


def mentions(world: "World") -> list[str]:
    told = Counter(
        (row[0], row[1])
        for row in rows(world, "select account_id, status_id from notifications where type = 'mention'")
    )
    wrongs = [f"account {to} was told {count} times of {of}" for (to, of), count in told.items() if count > 1]
    for post in world.people.posts:
        if post.ids and post.mentions and post.mentions != post.author:
            to = world.stage.accounts[post.mentions]
            if (to, current_id(world, post.ids[0])) not in told and post.ids[0] not in world.people.edits:
                wrongs.append(f"{post.mentions} was not told of {post.key}")
    return wrongs


def jobs(world: "World") -> list[str]:
    counted = Counter(
        (row[0], row[1]) for row in rows(world, "select subject_id, account_id from changes where kind = 'sim.counted'")
    )
    wrongs = [f"step {step} of job {job} was done {count} times" for (job, step), count in counted.items() if count > 1]
    for number in world.people.counts:
        missing = [step for step in range(1, STEPS + 1) if (number, step) not in counted]
        if missing:
            wrongs.append(f"steps {missing} of job {number} were never done")
    return wrongs


def counters(world: "World") -> list[str]:
    return [
        f"@{name} has {counted} posts, and {there} are counted there"
        for name, there, counted in rows(
            world,
            "select username, statuses, (select count(*) from statuses s where s.account_id = a.id) from accounts a",
        )
        if there != counted
    ]


def streams(world: "World") -> list[str]:
    """Everything since a listener's first position is told once; what a failover has undone may be told, too."""
    exposed = {
        value for record in world.cluster.exposed for command in record.commands or () for value in _values(command[1])
    }
    wrongs = []
    log = rows(
        world,
        "select subject_id, account_id, timeline || '.' || transaction_id || '.' || sequence from changes"
        " where kind = 'status.posted' and timeline > 0",
    )
    there: dict[int, int | None] = dict(rows(world, "select id, in_reply_to_account_id from statuses"))
    for name, heard in world.people.heard.items():
        times = Counter(id for kind, id, _ in heard.events if kind == "update")
        wrongs += [
            f"{name} heard {count} times of {id}" for id, count in times.items() if count > 1 and id not in exposed
        ]
        followed = world.stage.follows(name)
        since = max([heard.since, *heard.resets], key=_place)
        for id, author, position in log:
            answers = there[id]
            concerns = author == world.stage.accounts[name] or answers is None or answers in followed
            if author in followed and concerns and heard.since and _place(position) > _place(since) and not times[id]:
                wrongs.append(f"{name} never heard of {id} (at {position}, from {since} on)")
        wrongs += [f"{name} heard of {id}, which is not there" for id in times if id not in there.keys() | exposed]
        if heard.resets:
            wrongs.append(f"{name} was told of gaps at {heard.resets}")
    return wrongs


def _values(values: Any) -> set[Any]:
    """The numbers among a statement's values, or among all rows of them."""
    if isinstance(values, list):
        return {value for row in values for value in _values(row)}
    return {value for value in values if isinstance(value, int)} if isinstance(values, tuple) else set()


def _place(position: str) -> tuple[int, ...]:
    return tuple(map(int, position.split("."))) if position else ()


async def homes(world: "World") -> list[str]:
    """Every follower's home timeline has all that was posted, in order, on every node."""
    wrongs = []
    posted = rows(world, "select id, account_id, in_reply_to_account_id from statuses order by id desc")
    for name, account in world.stage.accounts.items():
        followed = world.stage.follows(name)
        wanted = [
            id for id, author, answers in posted
            if author == account or (author in followed and (answers is None or answers in followed))
        ]  # fmt: skip
        found = await _of(world, world.nodes[0].process, world.nodes[0].home(account))
        if found != wanted:
            wrongs.append(
                f"the home of {name} lacks {sorted(set(wanted) - set(found))}, has {sorted(set(found) - set(wanted))}"
                f" that do not belong there{' and is out of order' if found != sorted(found, reverse=True) else ''}"
            )
    return wrongs


async def caches(world: "World") -> list[str]:
    """What nodes answer from what they keep is what they would answer without."""
    wrongs = []
    reader = world.stage.identity("ada")
    for status_id in world.people.edits:
        if not rows(world, f"select 1 from statuses where id = {status_id}"):
            continue
        for node in world.nodes:
            kept = await _of(world, node.process, node.show(reader, status_id))
            node.rendering.cache, cache = FragmentCache(1 << 20), node.rendering.cache
            fresh = await _of(world, node.process, node.show(reader, status_id))
            node.rendering.cache = cache
            if kept != fresh:
                wrongs.append(f"{node.name} shows an old {status_id} from its cache")
    return wrongs


async def _of(world: "World", process: Process, asking: Any) -> Any:
    return await process.start(asking)
