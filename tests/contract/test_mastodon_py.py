"""Mastodon.py, the client library that most bots are written with, does its whole work against a running server."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, get_type_hints

import mastodon
import pytest
from mastodon import Mastodon
from mastodon import return_types as types

from tests.contract.conftest import PASSWORD
from tests.support import pictures
from tests.support.browser import Browser, consent
from tests.support.server import Server, until

SCOPES = ["read", "write", "follow", "push"]
BACK = "https://bots.example/back"
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"


def parsed(value: Any, kind: Any = None) -> Any:
    """Asserts that the library made its own types of everything in an answer, to its depth; the answer."""
    if kind is not None:
        assert isinstance(value, kind), f"{type(value)} and not {kind}: {value}"
    if isinstance(value, list):
        for item in value:
            parsed(item)
    elif isinstance(value, dict):
        hints = get_type_hints(type(value)) if type(value).__module__ == types.__name__ else {}
        for name, item in value.items():
            # An id may stand for a time, too, and is left as it is.
            if item is not None and "datetime" in (hint := str(hints.get(name))) and "str" not in hint:
                assert isinstance(item, datetime), f"{type(value).__name__}.{name} is no time: {item!r}"
            parsed(item)
    return value


@pytest.fixture(scope="module")
def app(server: Server) -> tuple[str, str]:
    """A registered app: its id and its secret."""
    made = Mastodon.create_app(
        "Bots", scopes=SCOPES, redirect_uris=[BACK, OUT_OF_BAND], website="https://bots.example",
        api_base_url=server.origin,
    )  # fmt: skip
    return (str(made[0]), str(made[1]))


@pytest.fixture(scope="module")
def client(server: Server, app: tuple[str, str]) -> Callable[[], Mastodon]:
    """A client that nobody has signed in with yet; it does not wait where a limit is reached."""

    def make() -> Mastodon:
        return Mastodon(*app, api_base_url=server.origin, ratelimit_method="throw")

    return make


@pytest.fixture(scope="module")
def bert(client: Callable[[], Mastodon]) -> Mastodon:
    """Signed up by the library itself."""
    api = client()
    api.create_account("bert", PASSWORD, "bert@example.org", agreement=True, locale="en", scopes=SCOPES)
    return api


@pytest.fixture(scope="module")
def carla(client: Callable[[], Mastodon]) -> Mastodon:
    api = client()
    api.create_account("carla", PASSWORD, "carla@example.org", agreement=True, scopes=SCOPES)
    api.account_update_credentials(locked=True)
    return api


@pytest.fixture(scope="module")
def anna(server: Server, client: Callable[[], Mastodon]) -> Iterator[Mastodon]:
    """Signed up by the library, then let in anew by the code flow, as a browser does it."""
    client().create_account("anna", PASSWORD, "anna@example.org", agreement=True, scopes=SCOPES)
    api = client()
    address = api.auth_request_url(redirect_uris=BACK, scopes=SCOPES, state="here", allow_http=True)
    code = consent(Browser(server.origin), address, "anna", PASSWORD)
    api.log_in(code=code, redirect_uri=BACK, scopes=SCOPES, allow_http=True)
    yield api
    token = api.access_token
    api.revoke_access_token(allow_http=True)
    api.access_token = token
    with pytest.raises(mastodon.MastodonUnauthorizedError):
        api.me()


def test_the_code_flow_hands_back_state_and_refuses_a_second_use(
    server: Server, client: Callable[[], Mastodon], bert: Mastodon
):
    browser = Browser(server.origin)
    api = client()
    address = api.auth_request_url(redirect_uris=BACK, scopes=["read"], state="a b&c", allow_http=True)
    page = browser.sign_in(browser.go(address), "bert", PASSWORD)
    answer = browser.submit(page, page.form("/oauth/authorize"), ("answer", "yes"))
    assert answer.address.startswith(f"{BACK}?")
    assert answer.parameters["state"] == "a b&c"
    code = answer.parameters["code"]
    api.log_in(code=code, redirect_uri=BACK, scopes=["read"], allow_http=True)
    assert api.me().username == "bert"
    with pytest.raises(mastodon.MastodonAPIError):
        api.status_post("not with read alone")
    with pytest.raises(mastodon.MastodonIllegalArgumentError):
        client().log_in(code=code, redirect_uri=BACK, scopes=["read"], allow_http=True)
    refused = browser.go(address)
    denied = browser.submit(refused, refused.form("/oauth/authorize"), ("answer", "no"))
    assert denied.parameters["error"] == "access_denied"


def test_the_code_is_shown_where_there_is_no_address_to_go_back_to(
    server: Server, client: Callable[[], Mastodon], bert: Mastodon
):
    api = client()
    code = consent(Browser(server.origin), api.auth_request_url(scopes=SCOPES, allow_http=True), "bert", PASSWORD)
    api.log_in(code=code, scopes=SCOPES, allow_http=True)
    known = parsed(api.app_verify_credentials(), types.Application)
    assert (known.name, known.website) == ("Bots", "https://bots.example")
    assert api.me().username == "bert"


def test_the_instance_is_read(anna: Mastodon):
    new = parsed(anna.instance_v2(), types.InstanceV2)
    old = parsed(anna.instance_v1(), types.Instance)
    assert new.domain == old.uri
    assert new.configuration.statuses.max_characters == 500
    assert anna.verify_minimum_version("4.5.0")
    assert not anna.verify_minimum_version("5.0.0")
    assert parsed(anna.instance_rules()) == []
    assert parsed(anna.custom_emojis()) == []
    assert {"code": "de", "name": "German"} in [dict(one) for one in anna.instance_languages()]
    assert isinstance(parsed(anna.instance_activity()), list)
    assert anna.oauth_authorization_server_info().scopes_supported


def test_a_profile_is_changed_with_its_pictures(anna: Mastodon):
    me = parsed(
        anna.account_update_credentials(
            display_name="Anna", note="Writes #letters", avatar=pictures.png(), avatar_mime_type="image/png",
            header=pictures.jpeg(), header_mime_type="image/jpeg", bot=False, discoverable=True, indexable=True,
            fields=[("Site", "https://example.org"), ("Town", "Turin")], default_privacy="public",
            default_language="en", avatar_description="Me", header_description="Hills",
        )
    )  # fmt: skip
    assert (me.display_name, [field.name for field in me.fields]) == ("Anna", ["Site", "Town"])
    assert "/avatars/" in me.avatar
    assert "/headers/" in me.header
    assert anna.me().source.language == "en"
    choices = parsed(anna.preferences(), types.Preferences)
    assert choices["posting:default:language"] == "en"


def test_posts_with_everything_are_read_back(anna: Mastodon, bert: Mastodon):
    picture = parsed(
        anna.media_post(pictures.png(), mime_type="image/png", description="A disc", focus=(0.5, -0.5)),
        types.MediaAttachment,
    )
    assert parsed(anna.media(picture)).meta.focus.y == -0.5
    changed = anna.media_update(picture, description="A red disc", focus=(0.1, 0.2))
    assert changed.description == "A red disc"
    options = {"spoiler_text": "Look", "visibility": "unlisted", "language": "en", "sensitive": True}
    words = "Hello @bert https://example.org #letters"
    posted = parsed(anna.status_post(words, media_ids=[picture], idempotency_key="key", **options), types.Status)
    again = anna.status_post(words, media_ids=[picture], idempotency_key="key", **options)
    assert again.id == posted.id
    read = parsed(bert.status(posted), types.Status)
    assert (read.spoiler_text, read.visibility, read.language, read.sensitive) == ("Look", "unlisted", "en", True)
    assert read.media_attachments[0].description == "A red disc"
    assert [read.mentions[0].acct, read.tags[0].name, read.application.name] == ["bert", "letters", "Bots"]
    assert [one.id for one in parsed(bert.statuses([posted.id]))] == [posted.id]
    for visibility in ("private", "direct"):
        hidden = anna.status_post("not for all", visibility=visibility)
        with pytest.raises(mastodon.MastodonNotFoundError):
            bert.status(hidden)


def test_edits_have_a_source_and_a_history(anna: Mastodon):
    picture = anna.media_post(pictures.png(), mime_type="image/png", description="before")
    posted = anna.status_post("frist", media_ids=[picture])
    change = anna.generate_media_edit_attributes(picture.id, description="after")
    edited = parsed(anna.status_update(posted, "first", spoiler_text="typo", media_attributes=[change]), types.Status)
    assert edited.edited_at is not None
    assert edited.media_attachments[0].description == "after"
    history = parsed(anna.status_history(posted))
    assert [entry.media_attachments[0].description for entry in history] == ["before", "after"]
    assert parsed(anna.status_source(posted)).text == "first"
    gone = parsed(anna.status_delete(posted))
    assert gone.text == "first"
    with pytest.raises(mastodon.MastodonNotFoundError):
        anna.status(posted)


def test_threads_and_what_is_done_to_them(anna: Mastodon, bert: Mastodon):
    root = anna.status_post("Who is there?")
    reply = bert.status_reply(anna.status(root), "I am")
    context = parsed(anna.status_context(root), types.Context)
    assert [one.id for one in context.descendants] == [reply.id]
    assert [one.id for one in anna.status_context(reply).ancestors] == [root.id]
    assert parsed(bert.status_favourite(root)).favourited is True
    assert parsed(bert.status_bookmark(root)).bookmarked is True
    boost = parsed(bert.status_reblog(root))
    assert boost.reblog.id == root.id
    assert [one.username for one in parsed(anna.status_favourited_by(root))] == ["bert"]
    assert [one.username for one in parsed(anna.status_reblogged_by(root))] == ["bert"]
    assert [one.id for one in parsed(bert.favourites())] == [root.id]
    assert [one.id for one in parsed(bert.bookmarks())] == [root.id]
    assert parsed(anna.status_pin(root)).pinned is True
    assert [one.id for one in anna.account_statuses(anna.me(), pinned=True)] == [root.id]
    assert parsed(anna.status_mute(root)).muted is True
    assert parsed(anna.status_unmute(root)).muted is False
    assert parsed(anna.status_unpin(root)).pinned is False
    assert parsed(bert.status_unfavourite(root)).favourites_count == 0
    assert parsed(bert.status_unbookmark(root)).bookmarked is False
    assert parsed(bert.status_unreblog(root)).reblogs_count == 0


def test_people_follow_and_read_home_public_and_tags(anna: Mastodon, bert: Mastodon, carla: Mastodon):
    stands = parsed(bert.account_follow(anna.me(), reblogs=True, notify=True), types.Relationship)
    assert (stands.following, stands.notifying) == (True, True)
    posted = anna.status_post("For all who follow #readers")
    until(lambda: posted.id in [one.id for one in bert.timeline_home()], what="the post on bert's home")
    assert posted.id in [one.id for one in parsed(bert.timeline_public())]
    assert posted.id in [one.id for one in parsed(bert.timeline_local())]
    assert [one.id for one in parsed(bert.timeline_hashtag("readers"))] == [posted.id]
    assert [one.id for one in parsed(bert.account_following(bert.me()))] == [anna.me().id]
    assert [one.id for one in parsed(anna.account_followers(anna.me()))] == [bert.me().id]
    waiting = anna.account_follow(carla.me())
    assert waiting.requested is True
    assert [one.username for one in parsed(carla.follow_requests())] == ["anna"]
    assert carla.follow_request_authorize(anna.me()).followed_by is True
    assert bert.account_follow(carla.me()).requested is True
    assert carla.follow_request_reject(bert.me()).followed_by is False
    assert parsed(bert.account_familiar_followers(carla.me()))[0].id == carla.me().id
    assert anna.account_remove_from_followers(bert.me()).followed_by is False
    assert bert.account_follow(anna.me()).following is True


def test_polls_are_asked_and_voted_in(anna: Mastodon, bert: Mastodon):
    asked = anna.make_poll(["ink", "lead", "keys"], expires_in=600, multiple=True, hide_totals=True)
    posted = parsed(anna.status_post("What do you write with?", poll=asked), types.Status)
    assert [option.votes_count for option in posted.poll.options] == [None, None, None]
    voted = parsed(bert.poll_vote(posted.poll, [0, 2]), types.Poll)
    assert (voted.voted, voted.own_votes, voted.votes_count, voted.voters_count) == (True, [0, 2], 2, 1)
    with pytest.raises(mastodon.MastodonAPIError, match="already voted"):
        bert.poll_vote(posted.poll, 1)
    shown = anna.make_poll(["ink", "lead", "keys"], expires_in=600, multiple=True)
    edited = parsed(anna.status_update(posted, "What do you write with, then?", poll=shown), types.Status)
    assert [option.votes_count for option in edited.poll.options] == [1, 0, 1]
    assert parsed(anna.poll(posted.poll)).expires_at == edited.poll.expires_at
    limits = anna.instance_v2().configuration.polls
    assert (limits.max_options, limits.min_expiration) == (4, 300)


def test_posts_are_scheduled_moved_and_cancelled(anna: Mastodon):
    tomorrow = datetime.fromisoformat("2126-01-31T12:00:00+00:00")
    poll = anna.make_poll(["yes", "no"], expires_in=600)
    kept = parsed(anna.status_post("In a hundred years", scheduled_at=tomorrow, poll=poll), types.ScheduledStatus)
    assert (kept.scheduled_at, kept.params.text) == (tomorrow, "In a hundred years")
    assert parsed(anna.scheduled_statuses()) == [kept]
    later = tomorrow.replace(month=2, day=1)
    assert parsed(anna.scheduled_status_update(kept, later)).scheduled_at == later
    assert parsed(anna.scheduled_status(kept)).scheduled_at == later
    anna.scheduled_status_delete(kept)
    assert anna.scheduled_statuses() == []


def test_lists_are_kept_and_read(anna: Mastodon, bert: Mastodon):
    anna.account_follow(bert.me())
    made = parsed(anna.list_create("Bots", replies_policy="none", exclusive=True), types.UserList)
    assert (made.title, made.replies_policy, made.exclusive) == ("Bots", "none", True)
    anna.list_accounts_add(made, [bert.me()])
    assert [one.username for one in parsed(anna.list_accounts(made))] == ["bert"]
    assert [one.id for one in parsed(anna.account_lists(bert.me()))] == [made.id]
    posted = bert.status_post("For a list")
    assert next(one.id for one in parsed(anna.timeline_list(made))) == posted.id
    assert posted.id not in [one.id for one in anna.timeline_home()]
    changed = parsed(anna.list_update(made, "Programs", replies_policy="list", exclusive=False))
    assert anna.list(made) == changed
    assert [one.title for one in anna.lists()] == ["Programs"]
    until(lambda: posted.id in [one.id for one in anna.timeline_home()], what="the post on anna's home")
    with pytest.raises(mastodon.MastodonAPIError):
        anna.list_accounts_add(made, [bert.me()])
    anna.list_accounts_delete(made, [bert.me()])
    assert anna.list_accounts(made) == []
    anna.list_delete(made)
    assert anna.lists() == []


def test_hashtags_are_followed_and_featured(anna: Mastodon, bert: Mastodon):
    assert parsed(anna.tag_follow("pistons"), types.Tag).following is True
    posted = bert.status_post("All about #pistons")
    until(lambda: posted.id in [one.id for one in anna.timeline_home()], what="the hashtag's post on anna's home")
    assert [one.name for one in parsed(anna.followed_tags())] == ["pistons"]
    assert parsed(anna.tag("pistons")).following is True
    assert anna.tag_unfollow("pistons").following is False
    assert "pistons" in [one.name for one in parsed(bert.featured_tag_suggestions())]
    shown = parsed(bert.featured_tag_create("pistons"), types.FeaturedTag)
    assert str(shown.statuses_count) == "1"
    assert [one.name for one in parsed(anna.account_featured_tags(bert.me()))] == ["pistons"]
    bert.featured_tag_delete(shown)
    assert bert.featured_tags() == []


def test_people_are_endorsed_suggested_and_servers_kept_away(anna: Mastodon, bert: Mastodon):
    anna.account_follow(bert.me())
    assert parsed(anna.account_endorse(bert.me()), types.Relationship).endorsed is True
    assert [one.username for one in parsed(anna.endorsements())] == ["bert"]
    assert anna.account_unpin(bert.me()).endorsed is False
    found = parsed(bert.suggestions_v2())
    assert all(one.account.id != bert.me().id for one in found)
    for one in found:
        bert.suggestion_delete(one.account)
    assert parsed(bert.suggestions_v1()) == []
    anna.domain_block("far.example")
    assert list(anna.domain_blocks()) == ["far.example"]
    anna.domain_unblock("far.example")
    assert list(anna.domain_blocks()) == []


def test_people_are_kept_away(anna: Mastodon, carla: Mastodon):
    other = anna.account_lookup("carla")
    assert parsed(anna.account_mute(other, notifications=True, duration=60)).muting is True
    assert [one.id for one in parsed(anna.mutes())] == [other.id]
    assert anna.account_unmute(other).muting is False
    assert parsed(anna.account_block(other)).blocking is True
    assert [one.id for one in parsed(anna.blocks())] == [other.id]
    assert anna.account_relationships(other)[0].blocking is True
    assert anna.account_unblock(other).blocking is False
    assert parsed(anna.account_note_set(other, "Quiet")).note == "Quiet"
    assert anna.account_unfollow(other).following is False


def test_search_and_the_directory_find_people_tags_and_posts(anna: Mastodon, bert: Mastodon):
    posted = anna.status_post("A rare marmoset #findings")
    until(lambda: bert.search("marmoset", result_type="statuses").statuses, what="the post among what is found")
    found = parsed(bert.search("findings"), types.SearchV2)
    assert [tag.name for tag in found.hashtags] == ["findings"]
    assert [one.id for one in parsed(bert.search("marmoset", result_type="statuses")).statuses] == [posted.id]
    assert [one.username for one in parsed(bert.search("anna", result_type="accounts")).accounts] == ["anna"]
    assert [one.username for one in parsed(bert.account_search("ann"))] == ["anna"]
    assert parsed(bert.account(anna.me())).username == "anna"
    assert len(parsed(bert.accounts([anna.me().id, bert.me().id]))) == 2
    assert "anna" in [one.username for one in parsed(bert.directory(order="active", local=True, limit=10))]
    assert bert.search(posted.url).statuses[0].id == posted.id


def test_notifications_come_and_go(anna: Mastodon, bert: Mastodon):
    posted = anna.status_post("Like this")
    bert.account_follow(anna.me())
    bert.status_favourite(posted)
    bert.status_post("@anna and this")
    kinds = {"mention", "favourite", "follow"}
    until(lambda: kinds <= {one.type for one in anna.notifications()}, what="three kinds of notifications")
    told = parsed(anna.notifications())
    assert kinds <= {one.type for one in told}
    only = parsed(anna.notifications(types=["favourite"], account_id=bert.me()))
    assert {one.type for one in only} == {"favourite"}
    assert parsed(anna.notifications(id=told[0].id), types.Notification) == told[0]
    assert parsed(anna.notifications_unread_count()).count >= 2
    anna.notifications_dismiss(told[0])
    assert told[0].id not in [one.id for one in anna.notifications()]
    marked = parsed(anna.markers_set(["home", "notifications"], [posted.id, told[1].id]))
    assert marked["home"].last_read_id == posted.id
    assert parsed(anna.markers_get(["home", "notifications"]))["notifications"].last_read_id == told[1].id
    assert anna.notifications_unread_count().count == 0
    anna.notifications_clear()
    assert anna.notifications() == []


def test_pages_lead_on_and_back(anna: Mastodon, bert: Mastodon):
    ids = [bert.status_post(f"page {number}").id for number in range(7)]
    newest_first = ids[::-1]
    me = bert.me()
    first = bert.account_statuses(me, limit=3, exclude_replies=True, exclude_reblogs=True)
    assert [one.id for one in first] == newest_first[:3]
    second = parsed(anna.fetch_next(first), list)
    assert [one.id for one in second] == newest_first[3:6]
    assert [one.id for one in parsed(anna.fetch_previous(second), list)] == newest_first[:3]
    rest = [one.id for one in bert.fetch_remaining(first)]
    assert rest[:7] == newest_first
    assert len(rest) == len(set(rest))
    walked = [one.id for one in bert.pagination_iterator(bert.account_statuses(me, limit=2))]
    assert walked[:7] == newest_first
    assert [one.id for one in bert.account_statuses(me, min_id=ids[1], limit=2)] == [ids[3], ids[2]]
    assert [one.id for one in bert.account_statuses(me, since_id=ids[4])] == [ids[6], ids[5]]
    assert bert.fetch_next(bert.account_statuses(me, max_id="1")) is None


def test_what_goes_wrong_is_told_in_the_librarys_own_errors(server: Server, anna: Mastodon):
    with pytest.raises(mastodon.MastodonNotFoundError) as missing:
        anna.status("1")
    assert missing.value.args[1:] == (404, "Not Found", "Record not found")
    with pytest.raises(mastodon.MastodonUnauthorizedError):
        Mastodon(access_token="no such token", api_base_url=server.origin).me()
    with pytest.raises(mastodon.MastodonAPIError) as wrong:
        anna.status_post("x" * 501)
    assert wrong.value.args[1] == 422
    with pytest.raises(mastodon.MastodonAPIError):
        anna.media_post(b"no picture at all", mime_type="image/png")


def test_a_limit_is_told_with_its_end(anna: Mastodon, bert: Mastodon):
    posted = anna.status_post("Boost me often")
    anna.status(posted)
    assert anna.ratelimit_limit > anna.ratelimit_remaining >= 0
    assert anna.ratelimit_reset is not None
    with pytest.raises(mastodon.MastodonRatelimitError):  # noqa: PT012 - which of them is refused is not the point
        for _ in range(31):
            bert.status_unreblog(posted)


def test_quotes_trends_and_translations(anna: Mastodon, bert: Mastodon):
    status = parsed(anna.status_post("to be quoted", quote_approval_policy="public"), types.Status)
    quote = parsed(bert.status_post("quoting", quoted_status_id=status), types.Status)
    assert (quote.quote.state, quote.quote.quoted_status.id) == ("accepted", status.id)
    assert [one.id for one in parsed(anna.status_quotes(status))] == [quote.id]
    assert anna.status_update_quote_approval_policy(status, "nobody").quote_approval.automatic == []
    assert parsed(anna.status_quote_revoke(status, quote), types.Status).quote.state == "revoked"
    for found in (anna.trending_tags(), anna.trending_statuses(), anna.trending_links()):
        assert isinstance(parsed(found), list)
    assert anna.instance_translation_languages() == {}
    with pytest.raises(mastodon.MastodonNotFoundError):
        anna.status_translate(status, lang="de")
