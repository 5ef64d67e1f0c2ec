"""Servers with a past: accounts, follows, statuses and timelines, written straight into the schema in seconds.

A seeded data directory is kept under the cache folder, named after the schema and this file, and copied for each use.
"""

import hashlib
import random
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import msgspec

from bench import machine
from linnet.domain import ids, search_query
from linnet.domain import text as words
from linnet.domain.secrets import fingerprint
from linnet.domain.site import Site

ORIGIN = "https://linnet.example"
DAYS = 30
HOME = 800
FILLED = 260
TEXTS = 2_000
MIGRATIONS = machine.ROOT / "linnet" / "storage" / "migrations"
WORDS = [
    "morning",
    "coffee",
    "train",
    "river",
    "bicycle",
    "photograph",
    "garden",
    "weather",
    "question",
    "library",
    "window",
    "borrowed",
    "music",
    "kitchen",
    "mountain",
    "letter",
    "yesterday",
    "tomorrow",
    "quiet",
    "yellow",
    "street",
    "neighbour",
    "evening",
    "paper",
    "market",
    "bridge",
    "lantern",
    "island",
    "winter",
    "story",
    "puzzle",
    "harbour",
    "velvet",
    "ladder",
    "orchard",
    "signal",
    "whisper",
    "meadow",
    "copper",
]
JAPANESE = [
    "今日は", "東京", "天気が", "良い", "朝の", "コーヒー", "電車", "図書館で", "本を",
    "読んだ", "自転車", "川沿いの", "写真", "庭に", "鳥が", "来た", "質問", "音楽を",
    "聴く", "台所", "山へ", "手紙", "昨日", "明日は", "静かな", "黄色い", "通り",
    "夕方", "市場", "橋を", "渡る", "島の", "冬", "物語", "京都", "大阪",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server holds. The first ``readers`` accounts can sign in, have ``follows`` followees and write it all.

    ``large`` of further accounts have so many followers that their posts are merged when read; each of them wrote
    ``large_posts``, and reader 0 follows ``large_followed`` of them. ``crowd`` further accounts only follow:
    ``audience`` has (reader, how many of the crowd follow it). Reader ``wide[0]`` follows nobody but ``wide[1]`` of the
    crowd, ``narrow[0]`` nobody but ``narrow[1]``; the former wrote a status each, the latter 100. The first ``filled``
    of the crowd have timelines of more than a page of the database, so that a fan-out to them touches one page each.
    Where ``japanese`` is n, one text of n is Japanese.
    """

    name: str
    statuses: int
    readers: int = 200
    follows: int = 50
    search: bool = False
    japanese: int = 0
    large: int = 0
    large_posts: int = 100
    large_followed: int = 200
    crowd: int = 0
    filled: int = 0
    audience: tuple[tuple[int, int], ...] = ()
    wide: tuple[int, int] = (0, 0)
    narrow: tuple[int, int] = (0, 0)


def token(reader: int) -> str:
    return f"bench-{reader:037d}"


def account_id(number: int) -> int:
    return ids.pack(ids.EPOCH_MS + 86_400_000 + number, ids.place(1, 1), 0)


def data_directory(plan: Plan, cache: Path, target: Path, say: Callable[[str], None]) -> Path:
    """A fresh copy, under ``target``, of the server that ``plan`` describes."""
    made = hashlib.sha256(Path(__file__).read_bytes())
    for file in sorted(MIGRATIONS.glob("*.sql")):
        made.update(file.read_bytes())
    kept = cache / f"{plan.name}-{hashlib.sha256(repr(plan).encode() + made.digest()).hexdigest()[:16]}"
    if not kept.exists():
        say(f"seeding {plan.name}: {plan.statuses:,} statuses of {plan.readers} accounts")
        began = time.monotonic()
        unfinished = kept.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        machine.linnet(unfinished, origin=ORIGIN).stop()
        Seeding(plan, unfinished / "linnet.db").run()
        unfinished.rename(kept)
        say(f"seeded {plan.name} in {time.monotonic() - began:.0f} s")
    copy = target / plan.name
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(kept, copy)
    return copy


@dataclass(slots=True)
class _Text:
    text: str
    html: str
    tags: tuple[str, ...]
    mentions: tuple[int, ...]
    mentions_json: str
    terms: str
    language: str


class Seeding:
    """Writes one plan into one database."""

    def __init__(self, plan: Plan, file: Path) -> None:
        self.plan = plan
        self.chance = random.Random(1)
        self.latest: list[tuple[int, int]] = []
        self.posts: dict[int, int] = {}
        self.reblogs: set[tuple[int, int]] = set()
        self._db = apsw.Connection(str(file))

    def run(self) -> None:
        self._db.pragma("synchronous", "off")
        self._db.pragma("cache_size", -400_000)
        with self._db:
            self._accounts()
            self._follows()
            self._statuses()
            self._homes()
            self._crowded_homes()
            self._counts()
        self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.close()

    def _many(self, sql: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._db.executemany(sql, rows)

    def _accounts(self) -> None:
        plan, now = self.plan, int(time.time() * 1000)
        numbers = range(plan.readers + plan.large + plan.crowd)
        self._many(
            "insert into accounts (id, username, username_key, version, discoverable, indexable) values (?,?,?,?,1,1)",
            ((account_id(n), f"person{n}", f"person{n}", account_id(n)) for n in numbers),
        )
        self._many(
            "insert into profiles (account_id, display_name, note, note_html) values (?,?,?,?)",
            ((account_id(n), f"Person {n}", "I write here.", "<p>I write here.</p>") for n in numbers),
        )
        self._db.execute(
            "insert into apps (id, client_id, secret_hash, name, redirect_uris, scopes, created_at)"
            " values (1, 'bench', 'x', 'Bench', '', 'read write follow push', ?)", (now,),
        )  # fmt: skip
        for n in range(plan.readers):
            mail = f"person{n}@example.org"
            self._db.execute(
                "insert into users (account_id, email, email_key, password_hash, confirmed_at, approved_at, created_at)"
                " values (?,?,?,'x',?,?,?)", (account_id(n), mail, mail, now, now, now),
            )  # fmt: skip
            self._db.execute(
                "insert into tokens (hash, id, app_id, account_id, scopes, created_at) values (?,?,1,?,?,?)",
                (fingerprint(token(n)), account_id(n), account_id(n), "read write follow push", now),
            )

    def _follows(self) -> None:
        plan, readers = self.plan, range(self.plan.readers)
        pairs: list[tuple[int, int]] = []
        special = {who for who, many in (plan.wide, plan.narrow) if many}
        for reader in readers:
            if reader not in special:
                pairs += ((reader, other) for other in self._some(readers, plan.follows, reader))
        first = plan.readers + plan.large
        for author, many in plan.audience:
            pairs += ((first + n, author) for n in range(many))
        if plan.large:
            pairs += ((0, plan.readers + n) for n in range(min(plan.large, plan.large_followed)))
        for reader, many in (plan.wide, plan.narrow):
            pairs += ((reader, first + n) for n in range(many))
        self._many(
            "insert into follows (account_id, target_id, id) values (?,?,?)",
            sorted((account_id(a), account_id(b), ids.pack(ids.EPOCH_MS + n, 0, 0)) for n, (a, b) in enumerate(pairs)),
        )
        for count, whose in (("following", "account_id"), ("followers", "target_id")):
            self._db.execute(
                f"update accounts set {count} = (select count(*) from follows where {whose} = accounts.id)"
            )
        for table in ("blocks", "mutes"):
            self._many(
                f"insert into {table} (account_id, target_id, id) values (?,?,?)",
                (
                    (account_id(reader), account_id(other), account_id(reader))
                    for reader in readers[: plan.readers // 2] for other in self._some(readers, 1, reader)
                ),
            )  # fmt: skip

    def _some(self, among: range, many: int, but: int) -> list[int]:
        """Some others; a small plan has fewer than were asked for."""
        return [one for one in self.chance.sample(among, min(many + 1, len(among))) if one != but][:many]

    def _texts(self) -> list[_Text]:
        site, found = Site(ORIGIN), []
        for number in range(TEXTS):
            text = " ".join(self.chance.choices(WORDS, k=self.chance.randint(8, 35))).capitalize() + "."
            language = "en"
            if self.plan.japanese and number % self.plan.japanese == 0:
                text, language = "".join(self.chance.choices(JAPANESE, k=self.chance.randint(5, 20))) + "。", "ja"
            if number % 5 == 0:
                text += f" #topic{number % 200}"
            mentioned: tuple[int, ...] = ()
            if number % 10 == 0:
                who = self.chance.randrange(self.plan.readers)
                mentioned, text = (who,), f"@person{who} {text}"
            html = words.to_html(
                text, lambda one: words.MentionTarget(site.account_url(one.username), one.username), site.tag_url
            )
            named = [{"id": account_id(who), "username": f"person{who}"} for who in mentioned]
            found.append(
                _Text(text, html, tuple(words.hashtags(text)), mentioned, msgspec.json.encode(named).decode(),
                      words.search_terms(text) if self.plan.search else "", language)
            )  # fmt: skip
        return found

    def _statuses(self) -> None:
        plan, texts = self.plan, self._texts()
        authors = [self.chance.randrange(plan.readers) for _ in range(plan.statuses)]
        first = plan.readers
        authors += [first + n for n in range(plan.large) for _ in range(plan.large_posts)]
        authors += [first + plan.large + n for n in range(plan.wide[1])]
        authors += [first + plan.large + n for n in range(plan.narrow[1]) for _ in range(100)]
        if plan.large or plan.wide[1]:
            self.chance.shuffle(authors)
        start = int(time.time() * 1000) - DAYS * 86_400_000
        step = DAYS * 86_400_000 / len(authors)
        for begin in range(0, len(authors), 50_000):
            batch = [
                (ids.pack(start + int((begin + n) * step), 0, (begin + n) % 4096), author, self.chance.choice(texts))
                for n, author in enumerate(authors[begin : begin + 50_000])
            ]
            self._write(batch)

    def _write(self, batch: list[tuple[int, int, _Text]]) -> None:
        large = range(self.plan.readers, self.plan.readers + self.plan.large)
        rows = []
        for id, author, text in batch:
            self.posts[author] = self.posts.get(author, 0) + 1
            answered: tuple[int, int] | None = None
            reblogged = None
            dice = self.chance.random()
            if self.latest and author not in large and dice < 0.15:
                other = self.latest[self.chance.randrange(len(self.latest) // 2, len(self.latest))]
                if dice < 0.10:
                    answered = other
                elif other[1] != author and (other[0], author) not in self.reblogs:
                    reblogged = other[0]
                    self.reblogs.add((other[0], author))
            rows.append((
                id, account_id(author), id, 0, reblogged, answered and answered[0],
                account_id(answered[1]) if answered else None, answered[0] if answered else id, text.language,
                int(bool(text.mentions) and not reblogged), int(author in large),
            ))  # fmt: skip
            if reblogged is None:
                self.latest.append((id, author))
        del self.latest[:-2_000]
        self._many(
            "insert into statuses (id, account_id, version, visibility, reblog_of_id, in_reply_to_id,"
            " in_reply_to_account_id, thread_id, language, has_mentions, merged) values (?,?,?,?,?,?,?,?,?,?,?)", rows,
        )  # fmt: skip
        own = [(row[0], row[1], text) for row, (_, _, text) in zip(rows, batch, strict=True) if row[4] is None]
        self._many(
            "insert into status_contents (status_id, account_id, version, text, html, mentions, tags, app_name)"
            " values (?,?,?,?,?,?,?,'Bench')",
            ((id, by, id, t.text, t.html, t.mentions_json, msgspec.json.encode(t.tags).decode()) for id, by, t in own),
        )
        self._many(
            "insert into mentions (status_id, account_id) values (?,?)",
            ((id, account_id(who)) for id, _, t in own for who in t.mentions),
        )
        self._many(
            "insert into status_tags (tag, status_id, account_id) values (?,?,?)",
            ((words.hashtag_key(tag), id, by) for id, by, t in own for tag in t.tags),
        )
        self._many(
            "insert into favourites (account_id, status_id, id) values (?,?,?)",
            ((account_id(self.chance.randrange(self.plan.readers)), id, id) for id, _, _ in own[::20]),
        )
        self._db.executemany("update statuses set favourites = 1 where id = ?", ((id,) for id, _, _ in own[::20]))
        if self.plan.search:
            replies = {row[0] for row in rows if row[5] is not None}
            self._many(
                "insert into status_search (rowid, terms) values (?,?)",
                ((id, f"{t.terms} {' '.join(self._facets(by, t, reply=id in replies))}") for id, by, t in own),
            )

    def _facets(self, author: int, text: _Text, *, reply: bool) -> Iterator[str]:
        return search_query.facets(author, text.language, map(account_id, text.mentions), (), reply=reply)

    def _homes(self) -> None:
        """The newest candidates of every reader, as fan-out would have left them."""
        self._db.execute(
            "insert into home_entries (account_id, status_id) select u.account_id, s.id from users u join statuses s"
            " on s.id in (select x.id from (select f.target_id as who from follows f where f.account_id = u.account_id"
            " union select u.account_id) w join statuses x on x.account_id = w.who and x.merged = 0"
            " and x.id > (select max(id) from statuses) - ? order by x.id desc limit ?) where u.account_id <> 0",
            (self._reach(), HOME),
        )

    def _crowded_homes(self) -> None:
        first = self.plan.readers + self.plan.large
        self._db.execute(
            "insert into home_entries (account_id, status_id) select a.id, s.id from accounts a, (select id from"
            " statuses order by id desc limit ?) s where a.id >= ? and a.id < ? order by a.id, s.id",
            (FILLED, account_id(first), account_id(first + self.plan.filled)),
        )

    def _reach(self) -> int:
        """Ids this far back hold enough of anybody's followees' posts; all of them where little was written."""
        share = min(1.0, HOME * 2 / max(1, self.plan.statuses * self.plan.follows / self.plan.readers))
        if self.plan.wide[1] or self.plan.narrow[1]:
            share = 1.0
        return int(DAYS * 86_400_000 * share) << 22

    def _counts(self) -> None:
        now = int(time.time() * 1000)
        self._many(
            "update accounts set statuses = ?, last_status_at = ? where id = ?",
            ((many, now, account_id(author)) for author, many in self.posts.items()),
        )
        large = range(self.plan.readers, self.plan.readers + self.plan.large)
        self._many("update accounts set merged = 1, followers = 20000 where id = ?", ((account_id(n),) for n in large))


def newest_statuses(data: Path, many: int) -> list[int]:
    """Ids of the newest public statuses that nobody is kept from by a block."""
    with sqlite3.connect(data / "linnet.db") as db:
        found = db.execute(
            "select id from statuses where visibility = 0 and reblog_of_id is null"
            " and account_id not in (select account_id from blocks) order by id desc limit ?",
            (many,),
        )
        return [row[0] for row in found]
