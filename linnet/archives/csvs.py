"""The CSV lists that Mastodon writes and reads: whom one follows, mutes, blocks, one's lists, bookmarks and domains."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from linnet.archives.bounds import Bounds, Refusal
from linnet.archives.json_items import raw_lines

HEADS = {
    "following": b"Account address,Show boosts,Notify on new posts,Languages\n",
    "mutes": b"Account address,Hide notifications\n",
}
FILES = {
    "following_accounts.csv": "following", "muted_accounts.csv": "mutes", "blocked_accounts.csv": "blocks",
    "lists.csv": "lists", "bookmarks.csv": "bookmarks", "domain_blocks.csv": "domain_blocks",
    "blocked_domains.csv": "domain_blocks",
}  # fmt: skip
KINDS = ("following", "mutes", "blocks", "bookmarks", "lists", "domain_blocks")


def line(*values: Any) -> bytes:
    """One row, its end included. A text that a spreadsheet would take for a formula is only text here."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_shown(value) for value in values])
    return buffer.getvalue().encode("utf-8", "replace")


def _shown(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def rows(chunks: Iterable[bytes], kind: str, file: str, bounds: Bounds) -> Iterator[dict[str, Any] | Refusal]:
    """The rows as the items that `linnet` archives have, or refusals."""
    for number, raw in enumerate(raw_lines(chunks, bounds.line_bytes), 1):
        where = f"{file}, line {number}"
        if raw is None:
            yield Refusal(where, "is too long")
            continue
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            values = next(csv.reader([text]), [])
        except (UnicodeDecodeError, csv.Error):
            yield Refusal(where, "is not text in UTF-8")
            continue
        if "\0" in text:
            yield Refusal(where, "has a character that cannot be kept")
            continue
        if not any(values) or (number == 1 and values[0].strip().lower() in ("account address", "#domain", "#uri")):
            continue
        found = _row(kind, [value.strip() for value in values])
        yield found if found is not None else Refusal(where, "has too few columns")


def _row(kind: str, values: list[str]) -> dict[str, Any] | None:
    first = values[0].lstrip("@")
    if kind == "following":
        more = [*values[1:], "", "", ""]
        languages = [code.strip() for code in more[2].split(",") if code.strip()]
        return {"acct": first, "reblogs": _true(more[0], True), "notify": _true(more[1], False), "languages": languages}
    if kind == "mutes":
        return {"acct": first, "notifications": _true(values[1] if len(values) > 1 else "", True)}
    if kind == "blocks":
        return {"acct": first}
    if kind == "bookmarks":
        return {"status": values[0]}
    if kind == "lists":
        return {"list": values[0], "acct": values[1].lstrip("@")} if len(values) > 1 else None
    return {"domain": values[0].lower()}


def _true(value: str, otherwise: bool) -> bool:
    return value.lower() in ("true", "1", "yes") if value else otherwise
