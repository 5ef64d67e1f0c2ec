"""``--journal``: what it takes, and what it is told where it makes no sense."""

import pytest

from linnet.cli.ending import CONFIGURATION, Ending
from linnet.cli.opening import open_majority
from linnet.config import Config, Refused, load

POSTGRES = "postgresql://postgres@127.0.0.1/linnet"


def test_the_journal_is_the_etcd_that_was_named():
    majority = open_majority(Config(database=POSTGRES, journal="etcd://10.0.0.1:7001,10.0.0.2:7001?quota=4000000"))
    assert majority is not None
    assert majority.urls == ("http://10.0.0.1:7001", "http://10.0.0.2:7001")
    assert majority.quota_bytes == 4_000_000
    assert open_majority(Config(database=POSTGRES)) is None


@pytest.mark.parametrize(
    ("database", "journal", "why"),
    [
        ("", "etcd://10.0.0.1", "--database"),
        (POSTGRES, "etcd://10.0.0.1?color=red", "color"),
        (POSTGRES, "etcd://10.0.0.1?ca=/not/there", "not right"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(database: str, journal: str, why: str):
    with pytest.raises(Ending) as ended:
        open_majority(Config(database=database, journal=journal))
    assert ended.value.code == CONFIGURATION
    assert why in str(ended.value)


def test_an_address_of_something_else_is_refused_before_anything_starts(tmp_path):
    with pytest.raises(Refused, match="etcd://"):
        load({"data": str(tmp_path), "journal": "http://10.0.0.1"}, {})
