"""The form of Twitter's archives: a tweet of ``data/tweets.js`` as a post."""

import html
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from linnet.archives.bounds import Refusal
from linnet.archives.posts import Attached, Post, word
from linnet.domain.times import LAST_MS
from linnet.domain.visibility import Visibility

_FIRST_MS = 1_288_834_974_657
RETWEET = "is a retweet, which is not taken in"
_RETWEET = re.compile(r"RT @\w{1,20}:")
_SHORT = re.compile(r"https?://t\.co/\w{1,40}")
_DIGITS = re.compile(r"[0-9]{1,20}")
_UNKNOWN_LANGUAGES = ("und", "qme", "qst", "qht", "qam", "qct", "art", "zxx")
_FOLDERS = ("tweets_media", "tweet_media", "community_tweet_media")


def post_of(item: Any, where: str, names: Sequence[str] = _FOLDERS) -> Post | Refusal:
    """The post of one item; its media are looked for under each of the folders that Twitter has used."""
    tweet = item.get("tweet", item) if isinstance(item, Mapping) else None
    if not isinstance(tweet, Mapping):
        return Refusal(where, "is no tweet")
    number = tweet.get("id_str") or tweet.get("id")
    if not isinstance(number, str) or not _DIGITS.fullmatch(number):
        return Refusal(where, "has no id")
    text = tweet.get("full_text") or tweet.get("text")
    at = _time(tweet.get("created_at"))
    if not isinstance(text, str) or len(text) > 100_000:
        return Refusal(f"tweet {number}", "has no text")
    if at is None:
        return Refusal(f"tweet {number}", "has no date")
    if _RETWEET.match(text) or tweet.get("retweeted_status"):
        return Refusal(f"tweet {number}", RETWEET)
    parent = tweet.get("in_reply_to_status_id_str")
    language = word(tweet.get("lang"), 3)
    media = _media(tweet, number, names)
    return Post(
        source=source(number), at=_exactly(number, at), text=_text(text, tweet), visibility=Visibility.PUBLIC,
        sensitive=tweet.get("possibly_sensitive") is True and bool(media),
        language=None if language in _UNKNOWN_LANGUAGES else language or None,
        parent=source(parent) if isinstance(parent, str) and _DIGITS.fullmatch(parent) else None, media=media,
    )  # fmt: skip


def source(number: str) -> str:
    """What a tweet is remembered by."""
    return f"https://twitter.com/i/status/{number}"


def _time(value: Any) -> int | None:
    """``Wed Oct 10 20:19:24 +0000 2018``"""
    try:
        found = int(datetime.strptime(word(value, 40), "%a %b %d %H:%M:%S %z %Y").timestamp() * 1000)
    except ValueError:
        return None
    return found if 0 <= found <= LAST_MS else None


def _exactly(number: str, at: int) -> int:
    """The millisecond, which newer tweets have in their ids: threads were often posted within a second."""
    told = (int(number) >> 22) + _FIRST_MS
    return told if 0 <= told - at < 1000 else at


def _text(text: str, tweet: Mapping[str, Any]) -> str:
    """With short links made long, those to its own media left out, and nothing escaped."""
    links = {}
    for link in _rows(tweet, "entities", "urls"):
        long = word(link.get("expanded_url"))
        if long.startswith(("http://", "https://")):
            links[word(link.get("url"), 100)] = html.escape(long, quote=False)
    links |= {word(one.get("url"), 100): "" for one in _all_media(tweet)}
    # All at once: what was put in is not looked at again, however the links name each other.
    return html.unescape(_SHORT.sub(lambda match: links.get(match[0], match[0]), text)).strip()


def _rows(tweet: Mapping[str, Any], part: str, name: str) -> list[Mapping[str, Any]]:
    found = tweet.get(part)
    rows = found.get(name) if isinstance(found, Mapping) else None
    return [row for row in (rows if isinstance(rows, list) else ())[:50] if isinstance(row, Mapping)]


def _all_media(tweet: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _rows(tweet, "extended_entities", "media") or _rows(tweet, "entities", "media")


def _media(tweet: Mapping[str, Any], number: str, folders: Sequence[str]) -> tuple[Attached, ...]:
    """By the names that Twitter gives files: the tweet's number and the end of the medium's address."""
    found = []
    for one in _all_media(tweet):
        address = _film(one) or word(one.get("media_url_https")) or word(one.get("media_url"))
        name = address.partition("?")[0].rpartition("/")[2]
        if name:
            places = "|".join(f"data/{folder}/{number}-{name}" for folder in folders)
            found.append(Attached(places, word(one.get("ext_alt_text"), 10_000)))
    return tuple(found)


def _film(one: Mapping[str, Any]) -> str:
    """The address of the best film of a medium; '' for a picture."""
    variants = [
        (int(row["bitrate"]) if _DIGITS.fullmatch(str(row.get("bitrate", ""))) else 0, word(row.get("url")))
        for row in _rows(one, "video_info", "variants")
        if row.get("content_type") == "video/mp4"
    ]
    return max(variants)[1] if variants else ""
