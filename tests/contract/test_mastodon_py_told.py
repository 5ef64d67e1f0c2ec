"""Mastodon.py reads groups of notifications, decides who is let through, and subscribes to pushes."""

import pytest
from mastodon import Mastodon
from mastodon import return_types as types

from tests.contract.test_mastodon_py import parsed
from tests.support.server import Server, until

STRICT = {"for_not_following": "filter", "for_not_followers": "accept", "for_new_accounts": "accept"}


def _client(server: Server, name: str) -> Mastodon:
    """A client of a new account."""
    return Mastodon(access_token=server.account(name), api_base_url=server.origin, ratelimit_method="throw")


@pytest.fixture(scope="module")
def nora(server: Server) -> Mastodon:
    return _client(server, "nora")


@pytest.fixture(scope="module")
def otto(server: Server) -> Mastodon:
    return _client(server, "otto")


def test_groups_are_read_counted_and_dismissed(nora: Mastodon, otto: Mastodon):
    posted = nora.status_post("Group this")
    otto.status_favourite(posted)
    page = parsed(
        nora.grouped_notifications(types=["favourite"], grouped_types=["favourite"]), types.GroupedNotificationsResults
    )
    group = page.notification_groups[0]
    assert (group.type, group.status_id) == ("favourite", posted.id)
    assert [str(id) for id in group.sample_account_ids] == [str(otto.me().id)]
    assert posted.id in [one.id for one in page.statuses]
    alone = parsed(nora.grouped_notification(group.group_key), types.GroupedNotificationsResults)
    assert alone.notification_groups[0].notifications_count == group.notifications_count
    assert [one.id for one in parsed(nora.grouped_notification_accounts(group.group_key))] == [otto.me().id]
    assert nora.unread_grouped_notifications_count() >= 1
    nora.dismiss_grouped_notification(group.group_key)
    rest = nora.grouped_notifications().notification_groups
    assert group.group_key not in [one.group_key for one in rest]


def test_strangers_wait_and_are_let_through(nora: Mastodon, otto: Mastodon):
    nora.account_unfollow(otto.me())
    assert parsed(nora.update_notifications_policy(**STRICT), types.NotificationPolicy).for_not_following == "filter"
    otto.status_post("@nora may I?")
    assert parsed(nora.notifications_policy()).summary.pending_requests_count == 1
    (request,) = parsed(nora.notification_requests())
    assert request.account.username == "otto"
    assert parsed(nora.notification_request(request.id), types.NotificationRequest).last_status.id
    nora.accept_notification_request(request.id)
    until(nora.notifications_merged, what="what waited to be among the notifications")
    assert nora.notification_requests() == []
    nora.update_notifications_policy(for_not_following="accept")


def test_pushes_are_subscribed_to(nora: Mastodon):
    _, public = nora.push_subscription_generate_keys()
    made = parsed(
        nora.push_subscription_set("https://push.example/nora", public, mention_events=True, favourite_events=True),
        types.WebPushSubscription,
    )
    assert made.endpoint == "https://push.example/nora"
    assert made.server_key == nora.instance_v2().configuration.vapid.public_key
    assert (made.alerts.mention, made.alerts.favourite, made.alerts.follow) == (True, True, False)
    assert parsed(nora.push_subscription()).id == made.id
    changed = parsed(nora.push_subscription_update(follow_events=True))
    assert (changed.alerts.follow, changed.alerts.mention) == (True, False)
    nora.push_subscription_delete()
