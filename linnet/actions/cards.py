"""Preview cards: one for each address that a status links to, fetched as a job, shown by all that link there."""

import msgspec

from linnet.domain import cards as rules
from linnet.domain import files, times
from linnet.domain.cards import CardView, Page
from linnet.domain.errors import Invalid, RemoteFailed, Unavailable
from linnet.domain.site import Site
from linnet.domain.times import DAY_MS
from linnet.ports import Blobs, Chance, Images, RemoteAnswer, RemoteRequest, RemoteServers
from linnet.storage import cards, changes, jobs, statuses
from linnet.storage.cards import CardRow
from linnet.storage.database import Database, Reader, Writer
from linnet.storage.jobs import Job, LeaseLost

KEPT_MS = 21 * DAY_MS
"""So long a card is shown before the next post that links there has it fetched again."""
NOTHING_MS = 3 * DAY_MS
"""And so long nothing is, where there was nothing, or nobody answered."""
TRIES = 3
PAGE_BYTES = 1 << 20
OEMBED_BYTES = 1 << 16
IMAGE_BYTES = 8 << 20
BATCH = 100
UNUSED_MS = 30 * DAY_MS


async def shown(tx: Reader, site: Site, text: str, *, bare: bool) -> CardView | None:
    """What ``attach`` would find to show, but nothing is fetched or counted."""
    link = rules.link_of(text, site) if bare else None
    return None if link is None else await cards.shown(tx, link)


async def attach(
    tx: Writer, site: Site, author: int, text: str, *, bare: bool, public: bool, at: int | None = None
) -> tuple[int | None, CardView | None]:
    """The card of a status that is being written, by id, and what it shows by now; what is not there is fetched.

    ``bare`` says that nothing else is attached: a card is shown only then, as on Mastodon. A ``public`` status counts
    as a use of the link on the day of ``at`` (ms since 1970; None: now).
    """
    link = rules.link_of(text, site) if bare else None
    if link is None:
        return None, None
    row = await cards.of_url(tx, link)
    if row.expires_at <= tx.now:
        await jobs.add(tx, "card.fetch", {"card_id": row.id}, once=f"card:{row.id}")
    if public:
        day = (tx.now if at is None else at) // times.DAY_MS
        await tx.run(cards.SQL.count_use, card_id=row.id, day=day, account_id=author)
    return row.id, row.card


class Fetched(msgspec.Struct, frozen=True):
    """What came back: a card, or that there is none. ``files`` are its picture's, by key."""

    card: CardView | None = None
    files: dict[str, bytes] = {}


async def fetch(
    database: Database, remote: RemoteServers, images: Images, blobs: Blobs, chance: Chance, job: Job
) -> None:
    """Job ``card.fetch``: asks for the page and its picture, keeps the card, and renews the statuses that show it."""
    card_id, after = job.payload["card_id"], job.payload.get("after")
    if after is not None:
        return await database.write(lambda tx: _spread(tx, job, card_id, after), heavy=True)

    async def read(tx: Reader) -> tuple[CardRow | None, bool]:
        row = await cards.one(tx, card_id)
        return row, row is not None and row.expires_at > tx.now

    before, fresh = await database.read(read)
    if before is None or fresh:
        return await database.write(lambda tx: jobs.finish(tx, job))
    try:
        found = await _look(remote, images, chance, before)
    except RemoteFailed as failure:
        tries = job.payload.get("tries", 0) + 1
        if failure.passing and tries < TRIES:
            again = {**job.payload, "tries": tries}
            return await database.write(lambda tx: jobs.proceed(tx, job, again, run_at=tx.now + 60_000 * tries**3))
        found = Fetched(before.card)  # what was seen once is better than nothing
    return await _keep(database, blobs, job, before, found)


async def _keep(database: Database, blobs: Blobs, job: Job, before: CardRow, found: Fetched) -> None:
    for key, data in found.files.items():
        await blobs.put(key, data)

    async def write(tx: Writer) -> None:
        await cards.keep(tx, before.id, found.card, tx.now + (KEPT_MS if found.card else NOTHING_MS))
        old = before.card.image_key if before.card else None
        if old and (found.card is None or found.card.image_key != old):
            # Pages that were sent a moment ago still show it.
            await jobs.add(tx, "files.delete", {"keys": [old]}, run_at=tx.now + DAY_MS)
        if found.card == before.card:
            await jobs.finish(tx, job)
        else:
            await _spread(tx, job, before.id, 0)

    try:
        await database.write(write, heavy=True)
    except LeaseLost:
        for key in found.files:
            await blobs.delete(key)
        raise


async def _spread(tx: Writer, job: Job, card_id: int, after: int) -> None:
    """Some of the statuses that show the card get a new version, and the rest a turn later."""
    rows = await tx.all(cards.SQL.statuses, card_id=card_id, after=after, limit=BATCH)
    for status_id, author in rows:
        await statuses.renew(tx, status_id)
        await changes.append(tx, "status.card", author, status_id)
    if len(rows) == BATCH:
        await jobs.proceed(tx, job, {"card_id": card_id, "after": rows[-1][0]})
    else:
        await jobs.finish(tx, job)


async def _look(remote: RemoteServers, images: Images, chance: Chance, row: CardRow) -> Fetched:
    """Raises RemoteFailed where the page itself could not be had."""
    answer = await remote.ask(_for_page(row.url))
    if answer.passing:
        raise RemoteFailed(f"The page answered {answer.status}", passing=True)
    page = _read(answer)
    if page is None:
        return Fetched()
    if page.oembed_url:
        more = await _more(remote, RemoteRequest(page.oembed_url, bytes_max=OEMBED_BYTES))
        page = rules.with_oembed(page, more.body) if more else page
    return await _pictured(remote, images, chance, row, page)


def _for_page(url: str) -> RemoteRequest:
    return RemoteRequest(
        url, headers={"Accept": "text/html, application/xhtml+xml;q=0.9"}, bytes_max=PAGE_BYTES, beginning=True
    )


def _read(answer: RemoteAnswer) -> Page | None:
    if not answer.ok:
        return None
    get = answer.headers.get
    return rules.read(answer.body, get("content-type", ""), get("x-robots-tag", ""), answer.url)


async def _more(remote: RemoteServers, request: RemoteRequest) -> RemoteAnswer | None:
    """What makes a card nicer, and is left out where it cannot be had."""
    try:
        answer = await remote.ask(request)
    except RemoteFailed:
        return None
    return answer if answer.ok else None


async def _pictured(remote: RemoteServers, images: Images, chance: Chance, row: CardRow, page: Page) -> Fetched:
    """With the page's picture as one of ours: no reader's device asks the other server for anything."""
    answer = None
    if page.image_url:
        answer = await _more(
            remote, RemoteRequest(page.image_url, headers={"Accept": "image/*"}, bytes_max=IMAGE_BYTES)
        )
    if answer is None:
        return Fetched(page.card)
    try:
        picture = await images.process(answer.body, "attachment")
    except (Invalid, Unavailable):
        return Fetched(page.card)
    name = picture.name("small")
    if name is None:
        return Fetched(page.card)
    key = files.key(files.folder("cards", row.id, chance.secret(files.SECRET_BYTES)), name)
    size = picture.meta["small"]
    # The frame of a film has a size of its own.
    width, height = (page.card.width, page.card.height) if page.card.html else (size.width, size.height)
    card = msgspec.structs.replace(page.card, image_key=key, blurhash=picture.blurhash, width=width, height=height)
    if row.card and msgspec.structs.replace(card, image_key=row.card.image_key) == row.card:
        return Fetched(row.card)  # nothing is new, and nobody needs another version
    return Fetched(card, {key: picture.files[name]})


async def sweep(tx: Writer, limit: int) -> int:
    """Takes away cards that nobody shows, and their pictures; how many were looked at."""
    before = tx.now - UNUSED_MS
    old = [row[0] for row in await tx.all(cards.SQL.unused_since, before=before, limit=limit)]
    if old:
        gone = await tx.all(cards.SQL.expire, ids=old, before=before)
        if keys := [row[0] for row in gone if row[0]]:
            await jobs.add(tx, "files.delete", {"keys": keys})
        await tx.run(cards.SQL.use, ids=old, now=tx.now)
    return len(old)
