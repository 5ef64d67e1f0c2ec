"""What is posted and read: some of everything, by everybody, with a key that is found in the text; and the ledger."""

import zlib
from collections import Counter
from pathlib import Path

import pytest
import pyvips

from linnet.drill import records
from linnet.drill.ledger import LEDGER, READS, STREAMS, Ledger
from linnet.drill.load import spread
from linnet.drill.machine import Busy, speed
from linnet.drill.posters import KINDS, Posters, picture, request
from linnet.drill.readers import Readers
from linnet.drill.records import Attempt, Deed, Failure, Heard, Mark, Person, Plan, Read, Record, Sample
from linnet.drill.shown import key_in

PEOPLE = [Person(str(number), f"person{number}", f"token{number}") for number in range(6)]


def _filled(people: list[Person]) -> Posters:
    posters = Posters("abcd1234", people)
    for uploads in posters.uploads.values():
        uploads.extend(str(number) for number in range(100))
    posters.saw("900")
    return posters


def test_everybody_posts_everything() -> None:
    posters = _filled(PEOPLE)
    plans = [posters.next(float(number)) for number in range(len(KINDS) * len(PEOPLE))]
    assert len({plan.key for plan in plans}) == len(plans)
    assert all(key_in("abcd1234", plan.text) == plan.key for plan in plans)
    assert Counter((plan.author, plan.kind) for plan in plans) == Counter(
        (person.id, kind) for person in PEOPLE for kind in KINDS
    )
    shown = [(plan.author, *plan.media) for plan in plans if plan.media]
    assert len(set(shown)) == len(shown) > len(PEOPLE)


def test_the_first_post_has_nothing_to_answer_and_no_upload_to_show() -> None:
    posters = Posters("abcd1234", PEOPLE)
    kinds = {posters.next(0.0).kind for _ in range(len(KINDS) * len(PEOPLE))}
    assert kinds == {"plain", "mention", "warning", "poll", "unlisted", "private"}


def test_one_person_alone_mentions_nobody() -> None:
    posters = _filled(PEOPLE[:1])
    assert all(posters.next(0.0).mentions is None for _ in KINDS)


def test_a_post_is_sent_as_an_app_sends_it() -> None:
    posters = _filled(PEOPLE[:2])
    plans = {plan.kind: plan for plan in (posters.next(0.0) for _ in range(len(KINDS) * 2))}
    assert request(plans["plain"], "t").key == plans["plain"].key
    assert request(plans["reply"], "t").body["in_reply_to_id"] == "900"
    assert request(plans["poll"], "t").body["poll"]["options"] == ["Yes", "No", "After tea"]
    assert request(plans["media"], "t").body["media_ids"] == list(plans["media"].media)
    assert request(plans["warning"], "t").body["spoiler_text"] == "About the weather"
    assert request(plans["private"], "t").body["visibility"] == "private"
    mention = plans["mention"]
    assert request(mention, "t").body["status"].startswith("@person")
    assert mention.mentions != mention.author


@pytest.mark.parametrize(("people", "endpoints"), [(2, 3), (3, 3), (6, 3), (4, 2), (1, 3), (5, 1), (2, 2)])
def test_everybody_comes_to_every_endpoint_and_each_has_its_share(people: int, endpoints: int) -> None:
    turns = [(number % people, spread(number, people, endpoints)) for number in range(12 * people * endpoints)]
    assert len(set(turns)) == people * endpoints
    shares = Counter(endpoint for _, endpoint in turns)
    assert max(shares.values()) == min(shares.values())
    # Never long without one: a pause at an endpoint would be the load's own.
    for first in range(len(turns) - 2 * endpoints):
        assert {endpoint for _, endpoint in turns[first : first + 2 * endpoints]} == set(range(endpoints))


@pytest.mark.parametrize("number", [0, 7, 12345])
def test_a_picture_is_one(number: int) -> None:
    image = pyvips.Image.new_from_buffer(picture(number), "")
    assert (image.width, image.height) == (16, 16)


def test_pictures_differ() -> None:
    assert len({zlib.crc32(picture(number)) for number in range(50)}) == 50


def test_everything_is_read_by_everybody() -> None:
    readers = Readers(PEOPLE)
    before = Counter(readers.next()[0] for _ in range(48))
    assert set(before) == {"home", "public", "account", "notifications"}
    readers.told(PEOPLE[2], "77")
    readers.saw(b'[{"id":"66","created_at"')
    kinds = [readers.next() for _ in range(48)]
    assert {what for what, _ in kinds} == {"home", "public", "own post", "post", "account", "notifications"}
    assert {wanted.token for _, wanted in kinds} == {person.token for person in PEOPLE}
    # Nobody but its author sees a post at once; what a timeline has shown is for all.
    assert {wanted.token for _, wanted in kinds if wanted.path.endswith("/77")} == {"token2"}
    assert len({wanted.token for _, wanted in kinds if wanted.path.endswith("/66")}) == len(PEOPLE)


def test_an_empty_timeline_shows_nothing_new() -> None:
    readers = Readers(PEOPLE)
    readers.saw(b'[{"id":"66","created_at"')
    readers.saw(b"[]")
    assert any(wanted.path.endswith("/66") for _, wanted in (readers.next() for _ in range(48)))


# ------------------------------------------------------------------------------------------------------------ ledger

WRITTEN: list[Record] = [
    Plan(1.5, "k-1", "1", "poll", "Tea. k-1", options=("Yes", "No"), media=("9",)),
    Attempt(1.5, 1.6, "k-1", "http://a", 503, None, "503 busy"),
    Attempt(1.6, 1.7, "k-1", "http://b", 200, "77"),
    Failure(61.0, "k-2", "http://b", "no answer"),
    Read(1.0, 1.25, "home", "http://a", 2, 200),
    Deed(1.0, 1.5, "1", "77", "http://a", 1, 200),
    Heard(2.0, "ada", "update", "77", "p1", "http://a"),
    Mark("kill", 1.0, 2.0, ("http://a",), 2.0, "all of it"),
    Sample(1.0, 0.5, 0.0),
]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run")
    for record in WRITTEN:
        ledger.write(record)
    # Posts are in their file at once; whoever kills the drill finds them there.
    assert records.parsed((tmp_path / "run" / LEDGER).read_bytes())[:3] == WRITTEN[:3]
    ledger.close()
    found = [
        record for name in (LEDGER, READS, STREAMS) for record in records.parsed((tmp_path / "run" / name).read_bytes())
    ]
    assert sorted(map(str, found)) == sorted(map(str, WRITTEN))
    assert ledger.records == WRITTEN


def test_a_line_that_was_cut_off_is_nothing() -> None:
    text = records.lines(WRITTEN)
    assert records.parsed(text[:-5]) == WRITTEN[:-1]
    assert records.parsed(b"") == []


def test_a_run_does_not_write_into_the_ledger_of_another(tmp_path: Path) -> None:
    Ledger(tmp_path).close()
    with pytest.raises(FileExistsError):
        Ledger(tmp_path)


def test_the_first_acknowledgement_counts() -> None:
    again = Attempt(3.0, 3.1, "k-1", "http://a", 200, "78")
    found = records.Evidence(0, 10, "k", ("http://a",), (), records=[*WRITTEN, again])
    assert found.acknowledged() == {"k-1": "77"}


# ----------------------------------------------------------------------------------------------------------- machine


def test_what_the_processors_did_since_it_was_asked_last(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3\n")
    busy = Busy(stat)
    stat.write_text("cpu  160 0 110 720 110 0 0 0 0 0\n")
    assert busy.part() == pytest.approx(0.7)
    assert busy.part() == 0.0


def test_how_fast_it_is() -> None:
    assert 0.05 < speed() < 5_000


def test_a_machine_that_does_not_tell_is_not_busy(tmp_path: Path) -> None:
    assert Busy(tmp_path / "none").part() == 0.0
