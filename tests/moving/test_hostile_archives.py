"""Archives that were made to do harm, or made badly: refused as a whole in one sentence, or a line for each item."""

import io
import json
import struct
import tarfile
import time
import zipfile
import zlib
from typing import Any

import pytest

from linnet.actions import imports
from linnet.archives import json_items, mastodon, untarring, unzipping, zipping
from linnet.archives.bounds import Bounds, Refusal
from linnet.domain.errors import Invalid
from linnet.queries import imports as queries
from tests.support import archives
from tests.support.client import World

SMALL = Bounds(item_bytes=2_000, depth=10, line_bytes=200)


async def _report(world: World, data: bytes, kind: str = "archive", **options: Any) -> Any:
    ada = await world.person("ada")
    report = await archives.imported(world, ada.id, data, kind, **options)
    posts = (await ada.get(f"/api/v1/accounts/{ada.id}/statuses?limit=40")).json()
    return report, [post["content"] for post in posts]


async def test_what_is_good_is_taken_in_and_the_rest_has_a_line_each(world: World):
    files = {
        "actor.json": archives.actor(), "../../etc/passwd": "x", "/etc/shadow": "x", "a\\..\\b": "x",
        "outbox.json": archives.outbox(
            archives.note(1, "good"), {"type": "Announce", "object": "https://x.example/1"}, [7],
            archives.note(2, "x", published="never"),
            archives.note(3, "y", attributedTo="https://evil.example/users/eve"), archives.note(4, "z" * 20_000),
            archives.note(5, ""), archives.note(6, "also good", published="2020-01-01T00:00:00+02:00"),
        ),
    }  # fmt: skip
    report, posts = await _report(world, archives.zipped(files))
    assert report.row.state == "done"
    assert posts == ["<p>also good</p>", "<p>good</p>"]
    assert (report.row.imported, report.row.refused) == (3, 9)
    whys = {line.why for line in report.lines}
    assert "has a name that leads out of the archive" in whys
    assert "was written by somebody else" in whys
    assert "is a boost, which is not taken in" in whys


@pytest.mark.parametrize(
    "data",
    [
        b"", b"PK\x03\x04 and nothing more", b"\x1f\x8b\x08\x00broken", b"no archive at all", archives.zipped({})[:-4],
        archives.tarred({"outbox.json": "x" * 90_000})[:-300], archives.zipped({"outbox.json": "{}"})[30:],
    ],
    ids=["empty", "beginning", "gzip", "words", "cut", "cut tar", "end"],
)  # fmt: skip
async def test_what_is_no_archive_is_said_in_one_sentence(world: World, data: bytes):
    if not data:
        with pytest.raises(Invalid, match="is empty"):
            await _report(world, data)
        return
    report, posts = await _report(world, data)
    assert (report.row.state, posts) == ("failed", [])
    assert report.row.error.startswith("archive ")
    assert [key async for key in world.parts.blobs.keys()] == []  # noqa: SIM118  # not a dictionary


def _bomb(size: int) -> bytes:
    """A zip whose one file unpacks to ``size`` zeros."""
    return archives.zipped({"outbox.json": b"\0" * size})


async def test_a_bomb_is_not_unpacked(world: World):
    report, posts = await _report(world, _bomb(64 << 20))
    assert [line.why for line in report.lines] == ["unpacks to far more than it is"]
    assert posts == []


async def test_a_bomb_in_a_tar_ends_the_import(world: World):
    report, _ = await _report(world, archives.tarred({"junk.bin": b"\0" * (64 << 20)}))
    assert (report.row.state, report.row.error) == ("failed", "archive unpacks to far more than it is")


async def test_a_file_that_is_larger_than_it_says_ends_the_import(world: World):
    data = bytearray(archives.zipped({"outbox.json": archives.outbox(*(archives.note(n, "x" * 50) for n in range(9)))}))
    end = data.rfind(b"PK\x01\x02")
    data[end + 24 : end + 28] = struct.pack("<L", 100)
    report, _ = await _report(world, bytes(data))
    assert report.row.error == "archive has a file that is larger than it says"


async def test_too_many_entries_are_not_read(world: World):
    ada = await world.person("ada")
    data = archives.zipped({f"f{number}": "" for number in range(50)})
    new = await archives.handed_in(world, ada.id, data)
    assert await imports.step(archives.tools(world, entries=20), new)
    found = await queries.one(world.database, ada.id, new, 10)
    assert found.row.error == "archive has 50 entries; 20 are read at most"


async def test_text_is_bounded_over_all_files(world: World):
    ada = await world.person("ada")
    data = archives.zipped(
        {"actor.json": archives.actor(), "outbox.json": archives.outbox(archives.note(1, "x" * 5_000))}
    )
    new = await archives.handed_in(world, ada.id, data)
    assert await imports.step(archives.tools(world, text_bytes=3_000), new)
    found = await queries.one(world.database, ada.id, new, 10)
    assert found.row.error == "archive unpacks to far more than is read"


@pytest.mark.parametrize("text", ["<a ", "<a>", "<a><b", "&", "<p", "<a href=", "</a", "@a", '<a href="x">@b'])
def test_words_that_were_made_to_take_long_do_not(text: str):
    html = text * (90_000 // len(text))
    note = archives.note(1, html, tag=[{"type": "Mention", "href": "x", "name": "@b@far.example"}])
    began = time.process_time()
    assert not isinstance(mastodon.post_of(note, "x", ""), Refusal)
    assert time.process_time() - began < 5


def test_links_and_devices_are_no_files():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, kind in (("link", tarfile.SYMTYPE), ("hard", tarfile.LNKTYPE), ("fifo", tarfile.FIFOTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        archive.addfile(tarfile.TarInfo("x" * 300))
    found = list(untarring.entries(buffer, Bounds()))
    assert [bool(one.why) for one in found] == [True, True, True, False]
    assert found[3].name == b"x" * 300
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    assert [one.why for one in unzipping.entries(buffer, Bounds())] == ["is no file, but a link or a device"]


def test_a_header_of_a_tar_may_not_be_huge():
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 8 << 30
    with pytest.raises(Invalid, match="header that is too long"):
        list(untarring.entries(io.BytesIO(entry.tobuf(tarfile.GNU_FORMAT)), Bounds()))


@pytest.mark.parametrize("key", ["orderedItems", None])
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_items_are_found_wherever_the_pieces_end(key: str | None, size: int):
    values = [{"a": ["]", {"b": '\\" } ]'}]}, 'text \\ " [', {"": "ü"}, {"deep": [[[]]]}]
    text = json.dumps(values if key is None else {"x": [1, "orderedItems"], "orderedItems": values, "z": []})
    raw = (b"window.x = " if key is None else b"") + text.encode()
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert list(json_items.items(pieces, "f", key, SMALL)) == values


@pytest.mark.parametrize(
    ("text", "whys"),
    [
        ("[" + "[" * 100_000 + "]" * 100_000 + ', {"a": 1}]', ["is nested too deeply", None]),
        ('[{"a": "' + "x" * 5_000 + '"}, {"a": 1}]', ["is larger than 1 KiB", None]),
        ('[{"a": }, {"a": 1}]', ["is not valid JSON", None]),
        ('[{"a": 1}, {"a', [None, "ends in the middle, after 1 items"]),
        ('{"a": 1}', ["is not JSON of the form that was expected"]),
        ("\ufeff[{}]".encode("utf-16").decode("latin-1"), None),
    ],
)
def test_json_that_is_too_much_costs_a_line(text: str, whys: list[str | None] | None):
    found = list(json_items.items([text.encode("latin-1", "replace")], "f", None, SMALL))
    if whys is None:
        assert all(isinstance(one, Refusal) for one in found)
    else:
        assert [one.why if isinstance(one, Refusal) else None for one in found] == whys


ODD = (
    (archives.note(1, "x", id="https://old.example/\0"), "has a character or a number that cannot be kept"),
    (archives.note(1, "x", attachment=[{"url": "/a.png", "focalPoint": [int("9" * 400), 1]}]), "has a character or a"),
    (archives.note(1, "x", to={"a": 1}, cc=7), ""),
    (archives.note(1, "x", published="0001-01-01T00:00:00+23:59"), "has no date"),
    (archives.note(1, "x", published="9999-12-31T23:59:59-23:59"), "has no date"),
    (archives.note(1, "x", updated="9999-12-31T23:59:59-23:59"), ""),
    (archives.note(1, "x", type="Question", oneOf=[{"name": "a"}, {"name": "b"}], endTime="0001-01-01T00:00Z"), ""),
)


@pytest.mark.parametrize(("item", "why"), ODD)
async def test_what_no_database_keeps_and_no_page_can_show_is_left_out(any_world: World, item: Any, why: str):
    ada, bob = await any_world.people("ada", "bob")
    files: dict[str, bytes | str] = {"actor.json": archives.actor(), "outbox.json": archives.outbox(item)}
    report = await archives.imported(any_world, ada.id, archives.zipped(files))
    assert report.row.state == "done"
    assert [line.why.startswith(why) for line in report.lines] == [True] * bool(why)
    shown = await bob.get(f"/api/v1/accounts/{ada.id}/statuses")
    assert (shown.status, bool(shown.body != b"[]")) == (200, item["object"].get("to") != {"a": 1} and not why)


async def test_numbers_and_lists_beyond_all_bounds(any_world: World):
    ada, _ = await any_world.people("ada", "bob")
    row = {"acct": "bob", "expires_at": 2**63 - 1, "title": "x", "contexts": ["home"], "keywords": [{"keyword": "a"}]}
    large = {**row, "expires_at": 2**63}
    files: dict[str, bytes | str] = {"linnet.json": json.dumps({"origin": archives.ELSEWHERE})}
    files |= {f"linnet/{noun}.jsonl": f"{json.dumps(row)}\n{json.dumps(large)}" for noun in ("mutes", "filters")}
    report = await archives.imported(any_world, ada.id, archives.zipped(files))
    assert (report.row.state, report.row.imported, report.row.refused) == ("done", 2, 2)
    for path in ("/api/v1/mutes", "/api/v2/filters"):
        assert len((await ada.get(path)).json()) == 1
    csv = await archives.imported(any_world, ada.id, b"bo\0b\n", "blocks")
    assert [line.why for line in csv.lines] == ["has a character that cannot be kept"]
    film = {"video_info": {"variants": [{"bitrate": "1" * 5_000, "content_type": "video/mp4", "url": "https://x/y"}]}}
    tweets = archives.tweets(
        archives.tweet(1, "film", extended_entities={"media": [film]}),
        archives.tweet(2, "long ago", "Mon Jan 01 00:00:00 +2359 0001"),
    )
    report = await archives.imported(any_world, ada.id, archives.zipped({"data/tweets.js": tweets}))
    assert (report.row.state, report.row.imported) == ("done", 1)
    assert (await ada.get(f"/api/v1/accounts/{ada.id}")).status == 200


@pytest.mark.parametrize(("records", "name"), [(90, b"told.txt"), (100, b"a.txt"), (20_000, b"a.txt")])
def test_of_a_tar_header_a_hundred_records_are_read(records: int, name: bytes):
    told = b"3 \n" * records + b"17 path=told.txt\n"
    head = tarfile.TarInfo("header")
    head.type, head.size = tarfile.XHDTYPE, len(told)
    data = head.tobuf(tarfile.USTAR_FORMAT) + told + b"\0" * (-len(told) % 512) + tarfile.TarInfo("a.txt").tobuf()
    assert [one.name for one in untarring.entries(io.BytesIO(data), Bounds())] == [name]


async def test_the_report_is_bounded(world: World):
    report, _ = await _report(world, b"\xff\xfe,\n" * 3_000 + b"nobody@there.example\n", "following")
    assert (report.row.refused, len(report.lines)) == (3_001, 1_000)


def test_what_is_packed_in_pieces_is_one_file():
    head, made = zipping.begin("a.txt", 0, 1_780_000_000_000)
    data = (
        head + b"".join(zipping.more(made, piece) for piece in (b"one ", b"", b"two ", b"one two")) + zipping.end(made)
    )
    body, stored = zipping.stored("b/ü.bin", b"\0\1", len(data), 1_780_000_000_000)
    data += body
    listed = b"".join(zipping.listed(one, 1_780_000_000_000) for one in (made, stored))
    whole = data + listed + zipping.closing(2, len(listed), len(data))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert archive.read("a.txt") == b"one two one two"
        assert archive.read("b/ü.bin") == b"\0\1"
    found = list(unzipping.entries(io.BytesIO(whole), Bounds()))
    assert b"".join(unzipping.read(io.BytesIO(whole), found[0].place)) == b"one two one two"
    assert zlib.crc32(b"\0\1") == found[1].place.crc
