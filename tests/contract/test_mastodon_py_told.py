"""Mastodon.py reads groups of notifications, decides who is let through, and subscribes to pushes."""

from mastodon import Mastodon
from mastodon import return_types as types

from tests.contract.test_mastodon_py import anna, app, bert, client, parsed  # noqa: F401  # fixtures
from tests.support.server import until

STRICT = {"for_not_following": "filter", "for_not_followers": "accept", "for_new_accounts": "accept"}


def test_groups_are_read_counted_and_dismissed(anna: Mastodon, bert: Mastodon):  # noqa: F811
    posted = anna.status_post("Group this")
    bert.status_favourite(posted)
    page = parsed(
        anna.grouped_notifications(types=["favourite"], grouped_types=["favourite"]), types.GroupedNotificationsResults
    )
    group = page.notification_groups[0]
    assert (group.type, group.status_id) == ("favourite", posted.id)
    assert [str(id) for id in group.sample_account_ids] == [str(bert.me().id)]
    assert posted.id in [one.id for one in page.statuses]
    alone = parsed(anna.grouped_notification(group.group_key), types.GroupedNotificationsResults)
    assert alone.notification_groups[0].notifications_count == group.notifications_count
    assert [one.id for one in parsed(anna.grouped_notification_accounts(group.group_key))] == [bert.me().id]
    assert anna.unread_grouped_notifications_count() >= 1
    anna.dismiss_grouped_notification(group.group_key)
    rest = anna.grouped_notifications().notification_groups
    assert group.group_key not in [one.group_key for one in rest]


def test_strangers_wait_and_are_let_through(anna: Mastodon, bert: Mastodon):  # noqa: F811
    anna.account_unfollow(bert.me())
    assert parsed(anna.update_notifications_policy(**STRICT), types.NotificationPolicy).for_not_following == "filter"
    bert.status_post("@anna may I?")
    assert parsed(anna.notifications_policy()).summary.pending_requests_count == 1
    (request,) = parsed(anna.notification_requests())
    assert request.account.username == "bert"
    assert parsed(anna.notification_request(request.id), types.NotificationRequest).last_status.id
    anna.accept_notification_request(request.id)
    until(anna.notifications_merged, what="what waited to be among the notifications")
    assert anna.notification_requests() == []
    anna.update_notifications_policy(for_not_following="accept")


def test_pushes_are_subscribed_to(anna: Mastodon):  # noqa: F811
    _, public = anna.push_subscription_generate_keys()
    made = parsed(
        anna.push_subscription_set("https://push.example/anna", public, mention_events=True, favourite_events=True),
        types.WebPushSubscription,
    )
    assert made.endpoint == "https://push.example/anna"
    assert made.server_key == anna.instance_v2().configuration.vapid.public_key
    assert (made.alerts.mention, made.alerts.favourite, made.alerts.follow) == (True, True, False)
    assert parsed(anna.push_subscription()).id == made.id
    changed = parsed(anna.push_subscription_update(follow_events=True))
    assert (changed.alerts.follow, changed.alerts.mention) == (True, False)
    anna.push_subscription_delete()
