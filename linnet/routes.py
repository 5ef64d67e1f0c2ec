"""The map of the client API: every address, what answers it, and who may ask."""

from typing import NamedTuple

from linnet.client_api import (
    accounts,
    apps,
    filters,
    instance,
    interactions,
    lists,
    markers,
    media,
    notification_groups,
    notifications,
    oauth,
    polls,
    profiles,
    relations,
    search,
    sign_up,
    statuses,
    timelines,
)
from linnet.client_api.door import ANY_TOKEN, ANYBODY, EVEN_BARRED, UNASKED, Noun


class Client(NamedTuple):
    """A row of the client API: who may call it, and under which limit of its own, stands beside what is called.

    ``files``: whether it takes any. All other addresses refuse them unread, so that nobody fills our memory there.
    """

    method: str
    pattern: str
    noun: Noun
    scope: str = ANYBODY
    limit: str = ""
    files: bool = False


ROUTES: tuple[Client, ...] = (
    # apps, OAuth and signing up
    Client("POST", "/api/v1/apps", apps.register, UNASKED),
    Client("GET", "/api/v1/apps/verify_credentials", apps.verify_credentials, EVEN_BARRED),
    Client("POST", "/oauth/token", oauth.token, UNASKED),
    Client("POST", "/oauth/revoke", oauth.revoke, UNASKED),
    Client("GET", "/oauth/userinfo", oauth.userinfo, "profile|read:accounts"),
    Client("POST", "/oauth/userinfo", oauth.userinfo, "profile|read:accounts"),
    Client("GET", "/.well-known/oauth-authorization-server", oauth.metadata, UNASKED),
    Client("POST", "/api/v1/accounts", sign_up.create, ANY_TOKEN),
    Client("POST", "/api/v1/emails/confirmations", sign_up.resend_confirmation, EVEN_BARRED),
    Client("GET", "/api/v1/emails/check_confirmation", sign_up.check_confirmation, EVEN_BARRED),
    # accounts
    Client("GET", "/api/v1/accounts", accounts.show_many, "?read:accounts"),
    Client("GET", "/api/v1/accounts/lookup", accounts.lookup, "?read:accounts"),
    Client("GET", "/api/v1/accounts/search", accounts.search, "read:accounts"),
    Client("GET", "/api/v1/accounts/verify_credentials", profiles.verify_credentials, "profile|read:accounts"),
    Client("PATCH", "/api/v1/accounts/update_credentials", profiles.update_credentials, "write:accounts", files=True),
    Client("GET", "/api/v1/accounts/:id", accounts.show, "?read:accounts"),
    Client("GET", "/api/v1/accounts/:id/statuses", accounts.statuses, "?read:statuses"),
    Client("GET", "/api/v1/accounts/:id/lists", lists.of_account, "read:lists"),
    Client("GET", "/api/v1/accounts/:id/featured_tags", accounts.nothing, "?read:accounts"),
    Client("GET", "/api/v1/accounts/:id/endorsements", accounts.nothing, "?read:accounts"),
    Client("GET", "/api/v1/directory", accounts.directory),
    Client("GET", "/api/v1/profile", profiles.show, "profile|read:accounts"),
    Client("PATCH", "/api/v1/profile", profiles.update, "write:accounts", files=True),
    Client("DELETE", "/api/v1/profile/avatar", profiles.delete_avatar, "write:accounts"),
    Client("DELETE", "/api/v1/profile/header", profiles.delete_header, "write:accounts"),
    Client("GET", "/api/v1/preferences", profiles.preferences, "read:accounts"),
    # relations between accounts
    Client("GET", "/api/v1/accounts/relationships", relations.relationships, "read:follows"),
    Client("GET", "/api/v1/accounts/familiar_followers", relations.familiar_followers, "read:follows"),
    Client("GET", "/api/v1/accounts/:id/followers", relations.followers, "?read:accounts"),
    Client("GET", "/api/v1/accounts/:id/following", relations.following, "?read:accounts"),
    Client("POST", "/api/v1/accounts/:id/follow", relations.follow, "write:follows", "follows"),
    Client("POST", "/api/v1/accounts/:id/unfollow", relations.unfollow, "write:follows"),
    Client("POST", "/api/v1/accounts/:id/remove_from_followers", relations.remove_from_followers, "write:follows"),
    Client("POST", "/api/v1/accounts/:id/block", relations.block, "write:blocks"),
    Client("POST", "/api/v1/accounts/:id/unblock", relations.unblock, "write:blocks"),
    Client("POST", "/api/v1/accounts/:id/mute", relations.mute, "write:mutes"),
    Client("POST", "/api/v1/accounts/:id/unmute", relations.unmute, "write:mutes"),
    Client("POST", "/api/v1/accounts/:id/note", relations.note, "write:accounts"),
    Client("GET", "/api/v1/blocks", relations.list_blocks, "read:blocks"),
    Client("GET", "/api/v1/mutes", relations.list_mutes, "read:mutes"),
    Client("GET", "/api/v1/follow_requests", relations.list_requests, "read:follows"),
    Client("POST", "/api/v1/follow_requests/:account_id/authorize", relations.authorize, "write:follows"),
    Client("POST", "/api/v1/follow_requests/:account_id/reject", relations.reject, "write:follows"),
    # notifications and markers
    Client("GET", "/api/v1/notifications", notifications.index, "read:notifications"),
    Client("GET", "/api/v1/notifications/unread_count", notifications.unread_count, "read:notifications"),
    Client("GET", "/api/v1/notifications/:id", notifications.show, "read:notifications"),
    Client("POST", "/api/v1/notifications/clear", notifications.clear, "write:notifications"),
    Client("POST", "/api/v1/notifications/:id/dismiss", notifications.dismiss, "write:notifications"),
    Client("GET", "/api/v2/notifications", notification_groups.index, "read:notifications"),
    Client("GET", "/api/v2/notifications/unread_count", notification_groups.unread_count, "read:notifications"),
    Client("GET", "/api/v2/notifications/:group_key", notification_groups.show, "read:notifications"),
    Client(
        "GET", "/api/v2/notifications/:group_key/accounts", notification_groups.senders,
        "read:notifications|write:notifications",
    ),
    Client("POST", "/api/v2/notifications/:group_key/dismiss", notification_groups.dismiss, "write:notifications"),
    Client("GET", "/api/v1/markers", markers.show, "read:statuses"),
    Client("POST", "/api/v1/markers", markers.put, "write:statuses"),
    # filters
    Client("GET", "/api/v2/filters", filters.index, "read:filters"),
    Client("POST", "/api/v2/filters", filters.create, "write:filters"),
    Client("GET", "/api/v2/filters/:id", filters.show, "read:filters"),
    Client("PUT", "/api/v2/filters/:id", filters.update, "write:filters"),
    Client("DELETE", "/api/v2/filters/:id", filters.delete, "write:filters"),
    Client("GET", "/api/v2/filters/:filter_id/keywords", filters.keywords, "read:filters"),
    Client("POST", "/api/v2/filters/:filter_id/keywords", filters.add_keyword, "write:filters"),
    Client("GET", "/api/v2/filters/keywords/:id", filters.show_keyword, "read:filters"),
    Client("PUT", "/api/v2/filters/keywords/:id", filters.update_keyword, "write:filters"),
    Client("DELETE", "/api/v2/filters/keywords/:id", filters.delete_keyword, "write:filters"),
    Client("GET", "/api/v2/filters/:filter_id/statuses", filters.statuses, "read:filters"),
    Client("POST", "/api/v2/filters/:filter_id/statuses", filters.add_status, "write:filters"),
    Client("GET", "/api/v2/filters/statuses/:id", filters.show_status, "read:filters"),
    Client("DELETE", "/api/v2/filters/statuses/:id", filters.delete_status, "write:filters"),
    Client("GET", "/api/v1/filters", filters.index_v1, "read:filters"),
    Client("POST", "/api/v1/filters", filters.create_v1, "write:filters"),
    Client("GET", "/api/v1/filters/:id", filters.show_v1, "read:filters"),
    Client("PUT", "/api/v1/filters/:id", filters.update_v1, "write:filters"),
    Client("DELETE", "/api/v1/filters/:id", filters.delete_v1, "write:filters"),
    # search and hashtags
    Client("GET", "/api/v2/search", search.show, "?read:search"),
    Client("GET", "/api/v1/tags/:name", search.tag),
    # timelines
    Client("GET", "/api/v1/timelines/home", timelines.home, "read:statuses"),
    Client("GET", "/api/v1/timelines/public", timelines.public, "?read:statuses"),
    Client("GET", "/api/v1/timelines/tag/:hashtag", timelines.tag, "?read:statuses"),
    Client("GET", "/api/v1/timelines/list/:list_id", lists.timeline, "read:lists"),
    # lists of accounts
    Client("GET", "/api/v1/lists", lists.index, "read:lists"),
    Client("POST", "/api/v1/lists", lists.create, "write:lists"),
    Client("GET", "/api/v1/lists/:id", lists.show, "read:lists"),
    Client("PUT", "/api/v1/lists/:id", lists.update, "write:lists"),
    Client("DELETE", "/api/v1/lists/:id", lists.delete, "write:lists"),
    Client("GET", "/api/v1/lists/:id/accounts", lists.members, "read:lists"),
    Client("POST", "/api/v1/lists/:id/accounts", lists.add, "write:lists"),
    Client("DELETE", "/api/v1/lists/:id/accounts", lists.remove, "write:lists"),
    # the instance
    Client("GET", "/api/v1/instance", instance.v1),
    Client("GET", "/api/v2/instance", instance.v2),
    Client("GET", "/api/v1/instance/rules", instance.rules),
    Client("GET", "/api/v1/instance/peers", instance.nothing),
    Client("GET", "/api/v1/instance/domain_blocks", instance.nothing),
    Client("GET", "/api/v1/custom_emojis", instance.custom_emojis),
    # media
    Client("POST", "/api/v1/media", media.upload, "write:media", "media", True),
    Client("POST", "/api/v2/media", media.upload, "write:media", "media", True),
    Client("GET", "/api/v1/media/:id", media.show, "write:media"),
    Client("PUT", "/api/v1/media/:id", media.update, "write:media", files=True),
    Client("DELETE", "/api/v1/media/:id", media.delete, "write:media"),
    # statuses
    Client("POST", "/api/v1/statuses", statuses.post, "write:statuses", "posts"),
    Client("GET", "/api/v1/statuses", statuses.show_many, "?read:statuses"),
    Client("GET", "/api/v1/statuses/:id", statuses.show, "?read:statuses"),
    Client("PUT", "/api/v1/statuses/:id", statuses.edit, "write:statuses"),
    Client("DELETE", "/api/v1/statuses/:id", statuses.delete, "write:statuses", "delete"),
    Client("GET", "/api/v1/statuses/:id/context", statuses.context, "?read:statuses"),
    Client("GET", "/api/v1/statuses/:id/source", statuses.source, "read:statuses"),
    Client("GET", "/api/v1/statuses/:id/history", statuses.history, "?read:statuses"),
    Client("GET", "/api/v1/statuses/:id/favourited_by", statuses.favourited_by, "?read:statuses"),
    Client("GET", "/api/v1/statuses/:id/reblogged_by", statuses.reblogged_by, "?read:statuses"),
    Client("GET", "/api/v1/polls/:id", polls.show, "?read:statuses"),
    Client("POST", "/api/v1/polls/:id/votes", polls.vote, "write:statuses"),
    Client("GET", "/api/v1/favourites", statuses.favourites, "read:favourites"),
    Client("GET", "/api/v1/bookmarks", statuses.bookmarks, "read:bookmarks"),
    Client("POST", "/api/v1/statuses/:id/favourite", interactions.favourite, "write:favourites"),
    Client("POST", "/api/v1/statuses/:id/unfavourite", interactions.unfavourite, "write:favourites"),
    Client("POST", "/api/v1/statuses/:id/reblog", interactions.reblog, "write:statuses"),
    Client("POST", "/api/v1/statuses/:id/unreblog", interactions.unreblog, "write:statuses", "delete"),
    Client("POST", "/api/v1/statuses/:id/bookmark", interactions.bookmark, "write:bookmarks"),
    Client("POST", "/api/v1/statuses/:id/unbookmark", interactions.unbookmark, "write:bookmarks"),
    Client("POST", "/api/v1/statuses/:id/pin", interactions.pin, "write:accounts"),
    Client("POST", "/api/v1/statuses/:id/unpin", interactions.unpin, "write:accounts"),
    Client("POST", "/api/v1/statuses/:id/mute", interactions.mute, "write:mutes"),
    Client("POST", "/api/v1/statuses/:id/unmute", interactions.unmute, "write:mutes"),
)
