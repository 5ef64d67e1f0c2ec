"""The judge is judged: what breaks the published API is found, and what proves nothing is not counted."""

import copy
from typing import Any

import pytest

from tests.support.openapi import Contract, Ledger, load

TAG = {
    "id": "engines", "name": "engines", "url": "https://linnet.test/tags/engines",
    "history": [{"day": "1700000000", "uses": "2", "accounts": "1"}],
}  # fmt: skip
FIELD = {"name": "Site", "value": "x", "verified_at": None}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return load()


def _problems(contract: Contract, entity: str, body: Any) -> list[str]:
    return contract.problems(contract.component(entity), body)


def test_a_good_body_breaks_nothing(contract: Contract):
    assert _problems(contract, "Tag", TAG) == []
    assert _problems(contract, "Field", FIELD) == []


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("id",), 7),
        (("id",), None),
        (("url",), "no address"),
        (("url",), "https://linnet.test/tags/Äpfel"),
        (("history", 0, "uses"), 2),
        (("history", 0), {"day": "1"}),
        (("history",), {}),
    ],
)
def test_a_wrong_value_is_found_where_it_is(contract: Contract, place: tuple[Any, ...], value: Any):
    body = copy.deepcopy(TAG)
    holder: Any = body
    for part in place[:-1]:
        holder = holder[part]
    holder[place[-1]] = value
    found = _problems(contract, "Tag", body)
    assert len(found) >= 1
    assert all(str(place[0]) in one for one in found)


def test_a_missing_field_is_found(contract: Contract):
    assert _problems(contract, "Tag", {"id": "x"}) != []


@pytest.mark.parametrize("time", ["2026-01-01", "2026-13-01T00:00:00.000Z", "2026-01-01T00:00:00", "yesterday", 5])
def test_a_time_that_is_none_is_found(contract: Contract, time: Any):
    assert _problems(contract, "Field", {**FIELD, "verified_at": time}) != []
    assert _problems(contract, "Field", {**FIELD, "verified_at": "2026-01-01T00:00:00.000Z"}) == []


def test_only_real_values_are_counted(contract: Contract):
    ledger = Ledger(contract)
    ledger.note(contract.component("Tag"), {**TAG, "history": [], "following": False})
    assert ledger.missing("Tag") == {"history", "following", "featuring"}
    ledger.note(contract.component("Tag"), {**TAG, "following": True})
    assert ledger.missing("Tag") == {"featuring"}
    assert ledger.missing("TagHistory") == set()


def test_what_stands_in_a_union_or_an_inner_object_is_counted_by_its_own_name(contract: Contract):
    ledger = Ledger(contract)
    picture = {"id": "1", "type": "image", "meta": {"focus": {"x": 0.5, "y": 0.0}, "small": {"width": 1}}}
    ledger.note(contract.component("MediaAttachment"), picture)
    assert "meta.focus.x" not in ledger.missing("MediaAttachment")
    assert "meta.focus.y" in ledger.missing("MediaAttachment")
    assert ledger.seen["MetaDetails"] == {"width"}
    assert ledger.words["MediaAttachmentTypeEnum"] == {"image"}


def test_every_operation_knows_its_parameters(contract: Contract):
    post = contract.operations["POST /api/v1/statuses"]
    assert {"status", "media_ids", "poll.options", "Idempotency-Key", "visibility"} <= post.parameters
    assert contract.operations["GET /api/v1/accounts"].parameters == {"id"}
    assert contract.operations["POST /api/v1/markers"].parameters == {"home.last_read_id", "notifications.last_read_id"}
    assert len(contract.operations) > 200
