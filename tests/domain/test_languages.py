"""The table of languages: whole, in order, and every one of them good for a post."""

from linnet.domain.languages import NAMES
from linnet.mastodon import drafts


def test_every_language_has_one_name_and_may_be_a_posts():
    assert list(NAMES) == sorted(NAMES)
    assert len(NAMES) == 183
    assert len(set(NAMES.values())) == len(NAMES)
    for code, name in NAMES.items():
        assert drafts.language({"language": code}) == code
        assert name.strip() == name
        assert name[:1].isupper()
