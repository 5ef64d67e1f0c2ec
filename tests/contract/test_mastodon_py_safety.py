"""Mastodon.py on what one does not want to read: filters, conversations, reports, announcements."""

from collections.abc import Callable

import mastodon
import pytest
from mastodon import Mastodon
from mastodon import return_types as types

from tests.contract.test_mastodon_py import parsed
from tests.support.server import Server

EVERYWHERE = ["home", "notifications", "public", "thread", "account"]


@pytest.fixture(scope="module")
def client(server: Server) -> Callable[..., Mastodon]:
    """A client of a new account."""

    def make(name: str, role: str = "user") -> Mastodon:
        token = server.account(name, role=role)
        return Mastodon(access_token=token, api_base_url=server.origin, ratelimit_method="throw")

    return make


@pytest.fixture(scope="module")
def gus(client: Callable[..., Mastodon]) -> Mastodon:
    return client("gus")


@pytest.fixture(scope="module")
def hana(client: Callable[..., Mastodon]) -> Mastodon:
    return client("hana")


def test_filters_are_kept_and_met(gus: Mastodon, hana: Mastodon):
    said = hana.status_post("A turbine and a piston")
    keywords = [{"keyword": "turbine", "whole_word": True}]
    made = parsed(gus.create_filter_v2("Machines", EVERYWHERE, "warn", 3600, keywords), types.FilterV2)
    assert (made.title, made.filter_action) == ("Machines", "warn")
    assert [each.keyword for each in made.keywords] == ["turbine"]
    (met,) = parsed(gus.status(said)).filtered
    assert (met.filter.id, met.keyword_matches) == (made.id, ["turbine"])
    added = parsed(gus.add_filter_keyword_v2(made, "pist"), types.FilterKeyword)
    assert [each.keyword for each in parsed(gus.filter_keywords_v2(made))] == ["turbine", "pist"]
    assert gus.status(said).filtered[0].keyword_matches == ["turbine", "pist"]
    gus.delete_filter_keyword_v2(added)
    entry = parsed(gus.add_filter_status_v2(made, said), types.FilterStatus)
    assert [str(each.status_id) for each in parsed(gus.filter_statuses_v2(made))] == [str(said.id)]
    assert gus.filter_status_v2(entry).id == entry.id
    gus.delete_filter_status_v2(entry)
    changed = parsed(gus.update_filter_v2(made, title="Engines", filter_action="hide"), types.FilterV2)
    assert (changed.title, changed.filter_action, changed.context) == ("Engines", "hide", EVERYWHERE)
    assert [one.id for one in parsed(gus.filters_v2())] == [made.id]
    # The library leaves out by itself what a filter hides.
    assert gus.filters_apply(gus.timeline_local(), gus.filters(), "public") == [
        one for one in gus.timeline_local() if "turbine" not in one.content
    ]
    gus.delete_filter_v2(made)
    assert gus.status(said).filtered == []


def test_filters_of_the_old_version(gus: Mastodon):
    made = parsed(gus.filter_create("gear", ["home", "public"], irreversible=True, expires_in=60), types.Filter)
    assert (made.phrase, made.irreversible, made.whole_word) == ("gear", True, True)
    assert parsed(gus.filter(made)) == made
    assert parsed(gus.filter_update(made, phrase="gears", context=["home"])).phrase == "gears"
    assert [one.phrase for one in parsed(gus.filters())] == ["gears"]
    gus.filter_delete(made)
    assert gus.filters() == []


def test_conversations(gus: Mastodon, hana: Mastodon):
    gus.account_follow(hana.me())
    said = hana.status_post("@gus psst", visibility="direct")
    (one,) = parsed(gus.conversations())
    assert (one.unread, one.last_status.id, [each.username for each in one.accounts]) == (True, said.id, ["hana"])
    assert parsed(gus.conversations_read(one), types.Conversation).unread is False
    assert [each.last_status.id for each in hana.conversations()] == [said.id]


def test_reports(server: Server, client: Callable[..., Mastodon], gus: Mastodon, hana: Mastodon):
    iris = client("iris", role="moderator")
    rule = server.cli("rule", "add", "Be kind.")
    said = hana.status_post("Buy my engines")
    made = parsed(
        gus.report(hana.me(), [said], "again", forward=True, category="violation", rule_ids=[rule]), types.Report
    )
    assert (made.comment, made.category, made.action_taken) == ("again", "violation", False)
    (told,) = parsed(iris.notifications(types=["admin.report"]))
    assert (told.account.username, told.report.id) == ("gus", made.id)
    server.cli("rule", "remove", rule)
    with pytest.raises(mastodon.MastodonNotFoundError):
        gus.report(1)


def test_announcements(server: Server, gus: Mastodon):
    server.cli("announcement", "create", "Tea with @gus #tea")
    (one,) = parsed(gus.announcements())
    assert (one.read, one.mentions[0].username, one.tags[0]["name"]) == (False, "gus", "tea")
    gus.announcement_reaction_create(one, "👍")
    gus.announcement_dismiss(one)
    (again,) = gus.announcements()
    (given,) = again.reactions
    assert (again.read, given.name, given["count"], given.me) == (True, "👍", 1, True)
    gus.announcement_reaction_delete(one, "👍")
    assert gus.announcements()[0].reactions == []
    server.cli("announcement", "delete", str(one.id))
