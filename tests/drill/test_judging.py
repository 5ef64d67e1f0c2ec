"""Whether promises were kept: each kind of breach is planted into a run that was in order, and found as what it is."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from linnet.drill import judging
from linnet.drill.findings import Finding, broken, none_of, unshown
from linnet.drill.judging import DOUBLED, EFFECTS, FAILED, LOST, MISSED, POST_PAUSE, READ_PAUSE, TWICE
from linnet.drill.records import Deed, Evidence, Failure, Heard, Mark, Plan, Record
from linnet.drill.shown import Found, Shown, Walked, key_in, shown
from tests.support.ledgers import ENDPOINTS, PEOPLE, acknowledged, evidence, plan, read, refused, steady

ADA, BERT = PEOPLE
LISTENERS = {"ada (websocket 1)": ADA.id, "bert (events 2)": BERT.id}


def _as_shown(one: Plan, id: str, **changed: Any) -> Shown:
    return msgspec.structs.replace(
        Shown(
            id, one.key, one.author, one.text, one.warning, one.visibility, one.answers,
            (one.mentions,) if one.mentions else (), one.options, one.media, 0,
        ),
        **changed,
    )  # fmt: skip


class Told:
    """A run of six posts of all kinds, and a server that shows and tells everything as it should."""

    def __init__(self) -> None:
        self.plans = [
            plan(0, 100.0),
            plan(1, 100.5, kind="reply", answers="1000"),
            plan(2, 101.0, kind="mention", mentions=BERT.id),
            plan(3, 101.5, kind="poll", options=("Yes", "No")),
            plan(4, 102.0, kind="media", media=("77",)),
            plan(5, 102.5, kind="warning", warning="Weather", visibility="private"),
        ]
        self.records: list[Record] = []
        self.found = Found()
        ids = []
        for number, one in enumerate(self.plans):
            id = str(1000 + number)
            ids.append(id)
            self.records += [one, acknowledged(number, one.at)]
            there = _as_shown(one, id, replies=1 if number == 0 else 0)
            self.found.by_key[one.key] = [there]
            self.found.by_id[id] = there
        for person in PEOPLE:
            self.found.homes[person.id] = Walked(Counter(ids), len(ids))
            self.found.mentions[person.id] = Walked(Counter(["1002"] if person is BERT else []))
        for listener, whose in LISTENERS.items():
            self.records += [self.heard(listener, "update", id) for id in ids]
            if whose == BERT.id:
                self.records.append(self.heard(listener, "notification", "mention:1002"))

    @staticmethod
    def heard(listener: str, event: str, about: str) -> Heard:
        return Heard(103.0, listener, event, about, "p", ENDPOINTS[0])

    def without(self, gone: Callable[[Record], bool]) -> None:
        self.records = [record for record in self.records if not gone(record)]

    def change(self, number: int, **changed: Any) -> None:
        """The server shows a post otherwise, wherever it is shown."""
        key, id = self.plans[number].key, str(1000 + number)
        there = msgspec.structs.replace(self.found.by_key[key][0], **changed)
        self.found.by_key[key] = [there]
        self.found.by_id[id] = there

    @property
    def evidence(self) -> Evidence:
        return evidence(self.records, listeners=LISTENERS)

    def findings(self) -> dict[str, Finding]:
        found = [
            *judging.posts(self.evidence, self.found),
            judging.effects(self.evidence, self.found),
            judging.requests(self.evidence),
            *judging.streams(self.evidence, self.found),
        ]
        return {finding.promise: finding for finding in found}


@pytest.fixture
def told() -> Told:
    return Told()


def _only(told: Told, promise: str, *words: str, value: int = 1) -> None:
    """This promise is broken and no other, and the evidence says so."""
    findings = told.findings()
    assert {name for name, finding in findings.items() if finding.kept is False} == {promise}
    assert findings[promise].value == value
    assert all(word in findings[promise].evidence[0] for word in words), findings[promise].evidence


def test_a_run_in_order_breaks_nothing(told: Told) -> None:
    findings = told.findings()
    assert all(finding.kept for finding in findings.values()), findings
    assert set(findings) == {LOST, DOUBLED, EFFECTS, FAILED, MISSED, TWICE}
    assert findings[LOST].measured == "0 of 6"
    assert not broken(findings.values())
    assert not unshown(findings.values())


def test_a_post_that_is_gone_is_lost(told: Told) -> None:
    told.found.by_id["1003"] = None
    del told.found.by_key["run-000003"]
    _only(told, LOST, "run-000003", "1003", "is not there", "acknowledged +1.52 s by http://a")


def test_a_post_with_another_text_is_lost(told: Told) -> None:
    told.change(3, text="Something else run-000003")
    _only(told, LOST, "has another text", "Something else")


def test_a_post_that_its_author_does_not_see_is_lost(told: Told) -> None:
    told.found.by_key["run-000004"] = []
    _only(told, LOST, "is not among its author's posts")


def test_a_post_that_is_there_twice_is_doubled(told: Told) -> None:
    told.found.by_key["run-000002"].append(_as_shown(told.plans[2], "5000"))
    _only(told, DOUBLED, "run-000002 is there 2 times: 1002, 5000")


def test_a_post_that_was_never_acknowledged_may_be_there_but_not_twice(told: Told) -> None:
    unasked = plan(9, 103.0)
    told.records += [unasked, refused(9, 103.0), Failure(163.0, unasked.key, ENDPOINTS[0], "no answer")]
    told.found.by_key[unasked.key] = [_as_shown(unasked, "1009")]
    findings = told.findings()
    assert findings[LOST].kept
    assert findings[LOST].evidence == (
        "1 more are there that were never acknowledged (as a client that gives up must expect)",
    )
    assert findings[FAILED].kept is False
    assert findings[FAILED].evidence[0] == "+63.00 s run-000009 at http://a: no answer"
    told.found.by_key[unasked.key].append(_as_shown(unasked, "1010"))
    assert told.findings()[DOUBLED].kept is False


def test_an_id_that_was_told_first_may_lead_to_the_post_under_another_one(told: Told) -> None:
    there = msgspec.structs.replace(told.found.by_key["run-000004"][0], id="6000")
    told.found.by_key["run-000004"] = [there]
    told.found.by_id["1004"] = there
    for lists in (told.found.homes,):
        for walked in lists.values():
            walked.times["6000"] = walked.times.pop("1004")
    told.records = [
        msgspec.structs.replace(record, about="6000")
        if isinstance(record, Heard) and record.about == "1004"
        else record
        for record in told.records
    ]
    findings = told.findings()
    assert all(finding.kept for finding in findings.values()), findings
    assert findings[LOST].evidence == ("1 are listed under another id than the client was told first",)


@pytest.mark.parametrize(
    ("number", "changed", "word"),
    [
        (5, {"warning": ""}, "warning"),
        (5, {"visibility": "public"}, "visibility"),
        (1, {"answers": None}, "parent"),
        (3, {"options": ("Yes",)}, "poll"),
        (4, {"media": ()}, "media"),
        (2, {"mentions": ()}, "mentions"),
    ],
)
def test_a_part_that_is_missing_is_an_effect_lost(told: Told, number: int, changed: Any, word: str) -> None:
    if word == "parent":
        told.change(0, replies=0)
    told.change(number, **changed)
    _only(told, EFFECTS, f"its {word} is")


def test_a_count_of_answers_that_is_wrong_is_an_effect_lost(told: Told) -> None:
    told.change(0, replies=0)
    _only(told, EFFECTS, "1000 says that it has 0 answers; there are 1")


def test_a_favourite_that_was_answered_and_is_not_there(told: Told) -> None:
    told.records.append(Deed(101.0, 101.5, BERT.id, "1003", ENDPOINTS[0], 1, 200))
    told.records.append(Deed(101.0, 101.5, ADA.id, "1003", ENDPOINTS[0], 1, 200))
    told.found.favourited = {ADA.id: {"1003"}}
    _only(told, EFFECTS, "the favourite of 1003 (+1.50 s) is lost")


def test_a_favourite_that_failed_need_not_be_there(told: Told) -> None:
    told.records.append(Deed(101.0, 161.5, BERT.id, "1003", ENDPOINTS[0], 9, 503, "503 no primary"))
    _only(told, FAILED, "+61.50 s a favourite of 1003 at http://a: 503 no primary")


def test_requests_that_were_not_begun_are_told(told: Told) -> None:
    found = told.evidence
    found.not_begun = 1_200
    found.records.append(read(1, 101.0, 60, why="503"))
    finding = judging.requests(found)
    assert finding.measured == "1 of 7"
    assert finding.evidence[-1] == "1,200 were not begun, because too many waited"


def test_a_place_on_a_home_timeline_that_is_missing(told: Told) -> None:
    del told.found.homes[BERT.id].times["1003"]
    _only(told, EFFECTS, "1003 (+1.52 s) is missing from @bert's home")


def test_a_home_timeline_that_was_never_seen(told: Told) -> None:
    del told.found.homes[BERT.id]
    _only(told, EFFECTS, "1000 (+0.02 s) is missing", value=6)


def test_what_a_full_home_timeline_has_no_room_for_is_told_and_not_blamed() -> None:
    walked = Walked(Counter(["1004", "1005"]), 2)
    assert judging.absent({"1000", "1003", "1004", "1005"}, walked, 2) == ([], 2)
    assert judging.absent({"1000", "1003", "1004", "1005"}, walked, 3) == (["1000", "1003"], 0)
    assert judging.absent({"1006"}, walked, 2) == (["1006"], 0)


def test_a_mention_that_nobody_was_notified_of(told: Told) -> None:
    told.found.mentions[BERT.id].times.clear()
    _only(told, EFFECTS, "@bert was not notified of the mention in 1002 (+1.02 s)")


@pytest.mark.parametrize("where", ["homes", "mentions"])
def test_what_stands_somewhere_twice_is_an_effect_doubled(told: Told, where: str) -> None:
    getattr(told.found, where)[BERT.id].times["1002"] += 1
    _only(told, EFFECTS, "1002 stands in @bert's", "more than once")


def test_an_event_that_a_stream_did_not_tell(told: Told) -> None:
    told.without(lambda record: isinstance(record, Heard) and record.about == "1003" and "ada" in record.listener)
    _only(told, MISSED, "ada (websocket 1) was not told of update 1003 (+1.52 s)")


def test_a_notification_that_a_stream_did_not_tell(told: Told) -> None:
    told.without(lambda record: isinstance(record, Heard) and record.event == "notification")
    _only(told, MISSED, "bert (events 2) was not told of notification mention:1002 (+1.02 s)")


def test_an_event_that_a_stream_told_twice(told: Told) -> None:
    told.records.append(told.heard("bert (events 2)", "update", "1003"))
    _only(told, TWICE, "bert (events 2) was told 2 times of update 1003")


def test_other_events_may_come_as_often_as_they_like(told: Told) -> None:
    told.records += [told.heard("bert (events 2)", "status.update", "1003")] * 3
    assert told.findings()[TWICE].kept


def test_a_reset_is_told(told: Told) -> None:
    told.records.append(told.heard("bert (events 2)", "stream.reset", ""))
    assert told.findings()[MISSED].evidence == ("bert (events 2) was reset 1 times",)


def test_what_could_not_be_asked_for_is_not_called_kept(told: Told) -> None:
    told.found.trouble.append("GET http://a/api/v1/timelines/home: 503")
    findings = told.findings()
    assert [findings[name].kept for name in (LOST, DOUBLED, EFFECTS)] == [None] * 3
    assert unshown(findings.values())


def test_without_streams_nothing_is_said_of_them() -> None:
    found = judging.streams(evidence([]), Found())
    assert [finding.kept for finding in found] == [None, None]
    assert not unshown(found)


# ------------------------------------------------------------------------------------------------------------ pauses


def _paused(seconds: float, mark: Mark | None, **more: Any) -> dict[str, Finding]:
    """Nobody acknowledges or serves anything for so long from second 104 on."""

    def answered(number: int, at: float) -> list[Any]:
        began = max(at, 104 + seconds) if at >= 104 else at
        return [acknowledged(number, at, began - at + 0.02), read(number, at, began - at + 0.02)]

    records = steady(20, 30, answered, *([mark] if mark else ()))
    return {finding.promise: finding for finding in judging.pauses(evidence(records, 20, **more))}


def test_a_pause_is_measured_against_the_bar_of_its_fault() -> None:
    promise = f"{POST_PAUSE}: kill"
    good = _paused(0.7, Mark("kill", 104, 106, pause_max=2.0))
    assert good[promise].kept
    assert good[promise].bar == "<= 2 s"
    assert good[READ_PAUSE].kept
    bad = _paused(2.5, Mark("kill", 104, 106, pause_max=2.0))
    assert bad[promise].kept is False
    assert bad[READ_PAUSE].kept is False
    assert 2.4 < bad[promise].value < 2.7
    assert "from +4.00 s on" in bad[promise].evidence[0]


def test_without_a_fault_a_pause_is_told_and_nothing_is_promised() -> None:
    found = _paused(2.5, None)
    assert found[POST_PAUSE].kept is None
    assert found[READ_PAUSE].kept is None
    assert not unshown(found.values())


def test_a_thin_load_cannot_tell_a_pause_from_its_own_intervals() -> None:
    promise = f"{POST_PAUSE}: switchover"
    found = _paused(0.9, Mark("switchover", 104, 106, pause_max=0.5), rate=3.0)
    assert found[promise].kept is None
    assert unshown(found.values())
    # Longer than the bar even without the interval: that is a pause, however thin the load.
    found = _paused(2.5, Mark("switchover", 104, 106, pause_max=0.5), rate=3.0)
    assert found[promise].kept is False


# ------------------------------------------------------------------------------------------------------ what is shown


def test_a_status_of_the_api_is_read_without_its_markup() -> None:
    status = {
        "id": "9", "account": {"id": "11"}, "spoiler_text": "", "visibility": "public", "in_reply_to_id": None,
        "content": '<p><span class="h-card"><a href="x">@<span>bert</span></a></span> Tea &amp; cake. run-000007</p>',
        "mentions": [{"id": "12"}], "media_attachments": [{"id": "5"}], "replies_count": 2,
        "poll": {"options": [{"title": "Yes"}, {"title": "No"}]},
    }  # fmt: skip
    assert shown("run", status) == Shown(
        "9", "run-000007", "11", "@bert Tea & cake. run-000007", "", "public", None, ("12",), ("Yes", "No"), ("5",), 2
    )


@pytest.mark.parametrize(
    ("text", "key"),
    [("a run-000001 b", "run-000001"), ("run-1234567", "run-1234567"), ("xrun-000001", ""), ("other-000001", "")],
)
def test_a_key_is_found_in_a_text(text: str, key: str) -> None:
    assert key_in("run", text) == key


def test_evidence_is_shortened() -> None:
    found = none_of("x", "of 20", [str(number) for number in range(20)])
    assert found.evidence[-1] == "and 8 more"
    assert found.value == 20
