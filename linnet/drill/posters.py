"""What is posted: a mixture of all that a post can be, chosen by its number alone, so that a run can be repeated."""

import struct
import zlib
from collections import deque
from collections.abc import Sequence

from linnet.drill.client import POST_SECONDS, Client, Wanted
from linnet.drill.records import Person, Plan

KINDS = (
    "plain", "mention", "plain", "reply", "warning", "plain", "media", "reply", "mention", "plain", "poll", "reply",
    "unlisted", "mention", "plain", "private", "reply", "plain", "media", "mention",
)  # fmt: skip
"""In turn, for each author: there are as many plain posts as people write, and some of everything else."""
WORDS = (
    "Tea is ready.", "The flax is in flower today.", "Who has seen the ferry?", "It rains, and the roof holds.",
    "Three loaves, still warm.", "A linnet sang on the wire.", "The tide is in.",
)  # fmt: skip
OPTIONS = ("Yes", "No", "After tea")
REMEMBERED = 50
UPLOADS_HELD = 12


class Posters:
    """Says what the next post is. ``run`` begins every key of it."""

    def __init__(self, run: str, people: Sequence[Person]) -> None:
        self.run = run
        self._people = people
        self._count = 0
        self._said: dict[str, str] = {}
        self._seen: deque[str] = deque(maxlen=REMEMBERED)
        self.uploads: dict[str, deque[str]] = {person.id: deque() for person in people}

    def author(self, number: int) -> Person:
        return self._people[number % len(self._people)]

    def said(self, author: str, id: str) -> None:
        """An author was told that this post is there: from now on they may go on from it, as nobody else can yet."""
        self._said[author] = id

    def saw(self, id: str) -> None:
        """A timeline has shown this post: from now on everybody may answer it."""
        if not self._seen or self._seen[-1] != id:
            self._seen.append(id)

    def _answered(self, number: int, author: str) -> str | None:
        """What somebody answers: in turn what others have said, and what they said themselves last."""
        if number % 2 and author in self._said:
            return self._said[author]
        return self._seen[(number * 7) % len(self._seen)] if self._seen else self._said.get(author)

    def next(self, at: float) -> Plan:
        number, self._count = self._count, self._count + 1
        author, other = self.author(number), self.author(number + 1)
        kind = KINDS[(number // len(self._people)) % len(KINDS)]
        uploads = self.uploads[author.id]
        answered = self._answered(number // len(self._people) // len(KINDS), author.id) if kind == "reply" else None
        if (
            (kind == "reply" and answered is None)
            or (kind == "media" and not uploads)
            or (kind == "mention" and other is author)
        ):
            kind = "plain"
        key = f"{self.run}-{number:06d}"
        words = WORDS[number % len(WORDS)]
        text = f"@{other.name} {words} {key}" if kind == "mention" else f"{words} {key}"
        return Plan(
            at, key, author.id, kind, text,
            warning="About the weather" if kind == "warning" else "",
            visibility=kind if kind in ("unlisted", "private") else "public",
            answers=answered,
            mentions=other.id if kind == "mention" else None,
            options=OPTIONS if kind == "poll" else (),
            media=(uploads.popleft(),) if kind == "media" else (),
        )  # fmt: skip


def request(plan: Plan, token: str) -> Wanted:
    """The post as an app sends it."""
    body: dict[str, object] = {"status": plan.text, "visibility": plan.visibility, "language": "en"}
    if plan.warning:
        body["spoiler_text"] = plan.warning
    if plan.answers:
        body["in_reply_to_id"] = plan.answers
    if plan.media:
        body["media_ids"] = list(plan.media)
    if plan.options:
        body["poll"] = {"options": list(plan.options), "expires_in": 86_400}
    return Wanted("POST", "/api/v1/statuses", token, body, plan.key, seconds=POST_SECONDS)


def picture(number: int) -> bytes:
    """A small PNG, of another colour for each number."""
    size = 16
    pixel = bytes(((number * 37) % 256, (number * 73) % 256, (number * 109) % 256))
    rows = (b"\0" + pixel * size) * size
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    pieces = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in pieces
    )


async def upload(client: Client, person: Person, number: int, endpoint: str) -> tuple[str | None, str]:
    """The upload's id, or why there is none."""
    file = (f"{number}.png", picture(number), "image/png")
    answer = await client.ask(
        Wanted("POST", "/api/v2/media", person.token, upload=file, seconds=POST_SECONDS), endpoint
    )
    return (str(answer.json()["id"]), "") if answer.good else (None, answer.why)
