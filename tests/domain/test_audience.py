"""Repeats on a page: the newest place of a status stays."""

from linnet.domain.audience import Entry, without_repeats


def test_of_several_places_of_one_status_the_first_stays():
    entries = [Entry(9, 3), Entry(8), Entry(7, 8), Entry(6, 3), Entry(3), Entry(2)]
    assert list(without_repeats(entries)) == [Entry(9, 3), Entry(8), Entry(2)]


def test_what_was_seen_on_the_same_page_before_counts():
    seen = {3}
    assert list(without_repeats([Entry(9, 3), Entry(1)], seen)) == [Entry(1)]
    assert seen == {1, 3}
