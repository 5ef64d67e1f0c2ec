"""A bare loop that does what a post does to the database and nothing else: the ceiling of acknowledged posts.

``python -m bench.post_ceiling FILE SECONDS TOGETHER WHOLE``: TOGETHER posts share each commit, as so many connections
can at best; WHOLE (0 or 1) adds what their jobs do later: search index, the followers' timelines. The statements are
Linnet's own, on the same tables, with ``synchronous=FULL``. Prints posts and seconds as JSON.
"""

import json
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import Any

import apsw

from bench.poster import TEXTS
from bench.seeding import account_id
from linnet.domain import ids
from linnet.storage import changes, jobs, search, statuses, timelines
from linnet.storage.database import RECEIPTS
from linnet.storage.statements import Statement


class Loop:
    """One connection, one transaction after another."""

    def __init__(self, file: Path, whole: bool) -> None:
        self._db = apsw.Connection(str(file), statementcachesize=500)
        self._db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        self._db.pragma("journal_mode", "wal")
        self._db.pragma("synchronous", "FULL")
        self._db.pragma("cache_size", -16_000)
        self._db.pragma("wal_autocheckpoint", 8_000)
        self._whole = whole
        self._authors = cycle([account_id(n) for n in range(200)])
        self._now = int(time.time() * 1000)
        self._sequence = 0

    def run(self, seconds: float, together: int) -> int:
        done, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            self._db.execute("begin immediate")
            posts = [self._post() for _ in range(together)]
            self._db.execute("commit")
            if self._whole:
                self._db.execute("begin immediate")
                self._work(posts)
                self._db.execute("commit")
            done += together
        return done

    def _run(self, statement: Statement, **values: Any) -> list[tuple[Any, ...]]:
        return self._db.execute(statement.sqlite, statement.sqlite_places(values)).fetchall()

    def _id(self) -> int:
        self._sequence += 1
        return ids.pack(self._now + self._sequence // 4096, 0, self._sequence % 4096)

    def _post(self) -> tuple[int, str]:
        id, author, now = self._id(), next(self._authors), self._now
        text = TEXTS[self._sequence % len(TEXTS)]
        key, payload = f"once:{id}", json.dumps({"status_id": id, "author_id": author, "after": 0, "followers": 50})
        self._run(RECEIPTS.open, key=key, now=now)
        self._run(statuses.SQL.count_author, id=author, step=1, at=now, even_suspended=0)
        self._run(
            statuses.SQL.insert, id=id, account_id=author, visibility=0, reblog_of_id=None, in_reply_to_id=None,
            in_reply_to_account_id=None, thread_id=id, language="en", has_media=0, has_mentions=0,
            has_poll=0, local_only=0, merged=0,
        )  # fmt: skip
        self._run(
            statuses.SQL.insert_content, id=id, account_id=author, text=text, spoiler="", html=f"<p>{text}</p>",
            sensitive=0, mentions="[]", tags="[]", media="[]", app_name="Bench", app_website=None,
            poll=None, card_id=None, content_type="text/plain",
        )  # fmt: skip
        self._run(timelines.SQL.add_home, account_id=author, status_id=id)
        self._run(jobs.SQL.add, id=self._id(), kind="status.posted", payload=payload, once=None, run_at=now)
        self._run(changes.SQL.append, at=now, kind="status.posted", account_id=author, subject_id=id)
        self._run(RECEIPTS.close, key=key, result=str(id))
        return id, text

    def _work(self, posts: list[tuple[int, str]]) -> None:
        taken = self._run(jobs.SQL.take, now=self._now, kind="status.posted", limit=len(posts))
        for id, text in posts:
            self._run(search.SQL.index_status, id=id, terms=text)
        self._run(timelines.SQL.fan_out_together, ids=[id for id, _ in posts])
        self._run(jobs.SQL.done, ids=[job[0] for job in taken])


if __name__ == "__main__":
    file, seconds, together, whole = Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "1"
    loop = Loop(file, whole)
    began = time.perf_counter()
    posts = loop.run(seconds, together)
    print(json.dumps({"posts": posts, "seconds": time.perf_counter() - began}))
