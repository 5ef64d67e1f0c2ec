"""What an announcement may be, what it links to, and what may be given to it."""

import pytest

from linnet.domain import announcements
from linnet.domain.announcements import Announcement, Draft, check, check_reaction, linked
from linnet.domain.errors import Invalid
from linnet.domain.site import Site

SITE = Site("https://linnet.test")


@pytest.mark.parametrize("name", ["👍", "👍🏽", "👩‍👩‍👧", "🏳️‍🌈", "🇫🇮", "❤️", "❤", "3️⃣", "©️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "linnet", "a_1", "™"])
def test_emojis_and_shortcodes(name: str):
    assert check_reaction(name) == name


@pytest.mark.parametrize(
    "name", ["", "👍👍", "a b", ":linnet:", "é", "ä́", "<b>", "\u200d", "\ufe0f", "x" * 101, "👍a", "1", "\U000e0020"]
)
def test_what_is_none(name: str):
    if name == "1":
        # A digit may be a shortcode; whether there is such an emoji is asked later.
        assert announcements.custom(name)
        return
    with pytest.raises(Invalid):
        check_reaction(name)


def test_a_draft_has_words_and_an_end_after_its_start():
    assert check(Draft(" tea \r\n", 5)).text == "tea"
    assert not check(Draft("tea", 5, all_day=True)).all_day
    assert check(Draft("tea", 5, 1, 2, True)).all_day
    for text, times in ((" ", ()), ("x" * 10_001, ()), ("tea", (1,)), ("tea", (None, 1)), ("tea", (2, 2))):
        with pytest.raises(Invalid):
            check(Draft(text, 5, *times))


def test_our_own_statuses_are_found_in_the_text():
    at = f"{SITE.origin}/@ada/12"
    text = f"see {at} and {at}, not https://elsewhere.test/@ada/13 or {SITE.origin}/about"
    assert [one.id for one in linked(text, SITE)] == [12]


def test_when_it_is_seen():
    def one(published: int | None, ends: int | None) -> Announcement:
        return Announcement(1, "t", "<p>t</p>", (), (), (), 0, None, ends, published, 0)

    assert one(5, None).stands(5)
    assert one(5, 9).stands(8)
    assert not one(5, 9).stands(9)
    assert not one(6, None).stands(5)
    assert not one(None, None).stands(5)
