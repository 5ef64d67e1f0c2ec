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
def quentin(server: Server) -> Mastodon:
    return _client(server, "quentin")


@pytest.fixture(scope="module")
def ottilie(server: Server) -> Mastodon:
    return _client(server, "ottilie")


def test_groups_are_read_counted_and_dismissed(quentin: Mastodon, ottilie: Mastodon):
    posted = quentin.status_post("Group this")
    ottilie.status_favourite(posted)
    page = parsed(
        quentin.grouped_notifications(types=["favourite"], grouped_types=["favourite"]),
        types.GroupedNotificationsResults,
    )
    group = page.notification_groups[0]
    assert (group.type, group.status_id) == ("favourite", posted.id)
    assert [str(id) for id in group.sample_account_ids] == [str(ottilie.me().id)]
    assert posted.id in [one.id for one in page.statuses]
    alone = parsed(quentin.grouped_notification(group.group_key), types.GroupedNotificationsResults)
    assert alone.notification_groups[0].notifications_count == group.notifications_count
    assert [one.id for one in parsed(quentin.grouped_notification_accounts(group.group_key))] == [ottilie.me().id]
    assert quentin.unread_grouped_notifications_count() >= 1
    quentin.dismiss_grouped_notification(group.group_key)
    rest = quentin.grouped_notifications().notification_groups
    assert group.group_key not in [one.group_key for one in rest]


def test_strangers_wait_and_are_let_through(quentin: Mastodon, ottilie: Mastodon):
    quentin.account_unfollow(ottilie.me())
    assert parsed(quentin.update_notifications_policy(**STRICT), types.NotificationPolicy).for_not_following == "filter"
    ottilie.status_post("@quentin may I?")
    assert parsed(quentin.notifications_policy()).summary.pending_requests_count == 1
    (request,) = parsed(quentin.notification_requests())
    assert request.account.username == "ottilie"
    assert parsed(quentin.notification_request(request.id), types.NotificationRequest).last_status.id
    quentin.accept_notification_request(request.id)
    until(quentin.notifications_merged, what="what waited to be among the notifications")
    assert quentin.notification_requests() == []
    quentin.update_notifications_policy(for_not_following="accept")


def test_pushes_are_subscribed_to(quentin: Mastodon):
    _, public = quentin.push_subscription_generate_keys()
    made = parsed(
        quentin.push_subscription_set(
            "https://push.example/quentin", public, mention_events=True, favourite_events=True
        ),
        types.WebPushSubscription,
    )
    assert made.endpoint == "https://push.example/quentin"
    assert made.server_key == quentin.instance_v2().configuration.vapid.public_key
    assert (made.alerts.mention, made.alerts.favourite, made.alerts.follow) == (True, True, False)
    assert parsed(quentin.push_subscription()).id == made.id
    changed = parsed(quentin.push_subscription_update(follow_events=True))
    assert (changed.alerts.follow, changed.alerts.mention) == (True, False)
    quentin.push_subscription_delete()
