"""What of the published API is not served, and why: the tests assert that this is all of it, and no more than that."""

NAMED = frozenset(
    f"{method} {path}"
    for method, paths in {
        "GET": """
            /.well-known/oauth-authorization-server /oauth/authorize /oauth/userinfo /api/v1/apps/verify_credentials
            /api/v1/instance /api/v2/instance /api/v1/instance/rules /api/v1/custom_emojis
            /api/v1/accounts /api/v1/accounts/verify_credentials /api/v1/accounts/lookup /api/v1/accounts/search
            /api/v1/accounts/relationships /api/v1/accounts/familiar_followers /api/v1/accounts/{id}
            /api/v1/accounts/{id}/statuses /api/v1/accounts/{id}/followers /api/v1/accounts/{id}/following
            /api/v1/blocks /api/v1/mutes /api/v1/follow_requests /api/v1/directory /api/v1/preferences
            /api/v1/statuses /api/v1/statuses/{id} /api/v1/statuses/{id}/history /api/v1/statuses/{id}/source
            /api/v1/statuses/{id}/context /api/v1/statuses/{id}/favourited_by /api/v1/statuses/{id}/reblogged_by
            /api/v1/favourites /api/v1/bookmarks /api/v1/polls/{id} /api/v1/media/{id}
            /api/v1/scheduled_statuses /api/v1/scheduled_statuses/{id}
            /api/v1/timelines/home /api/v1/timelines/public /api/v1/timelines/tag/{hashtag}
            /api/v1/timelines/list/{list_id} /api/v1/lists /api/v1/lists/{id} /api/v1/lists/{id}/accounts
            /api/v1/accounts/{id}/lists /api/v1/tags/{name} /api/v1/followed_tags /api/v1/featured_tags
            /api/v1/featured_tags/suggestions /api/v1/accounts/{id}/featured_tags
            /api/v1/accounts/{id}/endorsements /api/v1/endorsements /api/v1/suggestions /api/v2/suggestions
            /api/v1/domain_blocks /api/v1/instance/activity /api/v1/instance/extended_description
            /api/v1/instance/privacy_policy /api/v1/instance/terms_of_service
            /api/v1/instance/terms_of_service/{date}
            /api/v1/notifications /api/v1/notifications/{id} /api/v1/notifications/unread_count
            /api/v2/notifications/policy /api/v1/notifications/requests /api/v1/notifications/requests/{id}
            /api/v1/notifications/requests/merged /api/v1/push/subscription
            /api/v2/notifications /api/v2/notifications/unread_count /api/v2/notifications/{group_key}
            /api/v2/notifications/{group_key}/accounts
            /api/v2/search /api/v1/markers
            /api/v2/filters /api/v2/filters/{id} /api/v2/filters/{filter_id}/keywords /api/v2/filters/keywords/{id}
            /api/v2/filters/{filter_id}/statuses /api/v2/filters/statuses/{id} /api/v1/filters /api/v1/filters/{id}
            /api/v1/conversations /api/v1/timelines/direct /api/v1/announcements
            /api/v1/timelines/link /api/v1/trends/tags /api/v1/trends/statuses /api/v1/trends/links
            /api/v1/statuses/{id}/quotes /api/oembed /api/v1/instance/translation_languages
        """,
        "POST": """
            /api/v1/tags/{name}/follow /api/v1/tags/{name}/unfollow /api/v1/tags/{id}/feature
            /api/v1/tags/{id}/unfeature /api/v1/featured_tags /api/v1/domain_blocks
            /api/v1/accounts/{id}/endorse /api/v1/accounts/{id}/unendorse /api/v1/accounts/{id}/pin
            /api/v1/accounts/{id}/unpin
            /api/v1/apps /oauth/token /oauth/revoke /api/v1/accounts /api/v1/emails/confirmations
            /api/v1/accounts/{id}/follow /api/v1/accounts/{id}/unfollow /api/v1/accounts/{id}/block
            /api/v1/accounts/{id}/unblock /api/v1/accounts/{id}/mute /api/v1/accounts/{id}/unmute
            /api/v1/accounts/{id}/note /api/v1/accounts/{id}/remove_from_followers
            /api/v1/follow_requests/{account_id}/authorize /api/v1/follow_requests/{account_id}/reject
            /api/v1/statuses /api/v1/statuses/{id}/favourite /api/v1/statuses/{id}/unfavourite
            /api/v1/statuses/{id}/reblog /api/v1/statuses/{id}/unreblog /api/v1/statuses/{id}/bookmark
            /api/v1/statuses/{id}/unbookmark /api/v1/statuses/{id}/pin /api/v1/statuses/{id}/unpin
            /api/v1/statuses/{id}/mute /api/v1/statuses/{id}/unmute /api/v1/polls/{id}/votes
            /api/v1/media /api/v2/media /api/v1/notifications/clear /api/v1/notifications/{id}/dismiss
            /api/v2/notifications/{group_key}/dismiss /api/v1/notifications/requests/{id}/accept
            /api/v1/notifications/requests/{id}/dismiss /api/v1/notifications/requests/accept
            /api/v1/notifications/requests/dismiss /api/v1/push/subscription /api/v1/markers
            /api/v1/lists /api/v1/lists/{id}/accounts
            /api/v2/filters /api/v2/filters/{filter_id}/keywords /api/v2/filters/{filter_id}/statuses /api/v1/filters
            /api/v1/conversations/{id}/read /api/v1/reports /api/v1/announcements/{id}/dismiss
            /api/v1/statuses/{id}/quotes/{quoting_status_id}/revoke /api/v1/statuses/{id}/translate
        """,
        "PUT": """
            /api/v1/statuses/{id}/interaction_policy
            /api/v1/push/subscription /api/v1/scheduled_statuses/{id}
            /api/v1/lists/{id} /api/v1/statuses/{id} /api/v1/media/{id}
            /api/v2/filters/{id} /api/v2/filters/keywords/{id} /api/v1/filters/{id}
            /api/v1/announcements/{id}/reactions/{name}
        """,
        "PATCH": "/api/v1/accounts/update_credentials /api/v2/notifications/policy",
        "DELETE": """
            /api/v1/push/subscription /api/v1/scheduled_statuses/{id}
            /api/v1/lists/{id} /api/v1/lists/{id}/accounts /api/v1/statuses/{id} /api/v1/media/{id}
            /api/v1/featured_tags/{id} /api/v1/suggestions/{account_id} /api/v1/domain_blocks
            /api/v2/filters/{id} /api/v2/filters/keywords/{id} /api/v2/filters/statuses/{id} /api/v1/filters/{id}
            /api/v1/conversations/{id} /api/v1/announcements/{id}/reactions/{name}
        """,
    }.items()
    for path in paths.split()
)
"""What this version promises to serve; more may be."""

SAME_AS = {"CredentialAccount": "Account", "MutedAccount": "Account"}
"""Entities that are another one and more: what was seen in that one is rendered by the same code."""

_ACCOUNT = {
    "group": "there are no groups",
    "moved": "accounts do not move yet",
    "memorial": "there are no memorials",
    "feature_approval": "newer than the version of the API that is served",
}
_LIMITS: dict[str, str] = {}

UNSERVED_FIELDS: dict[str, dict[str, str]] = {
    "Status": {
        "tagged_collections": "there are no collections",
    },
    "Account": _ACCOUNT,
    "CredentialAccount": {
        **_ACCOUNT,
    },
    "MutedAccount": _ACCOUNT,
    "Notification": {
        "collection": "there are no collections",
        "event": "no server is cut off yet",
        "fallback": "newer than the version of the API that is served",
        "moderation_warning": "moderators do not warn yet",
    },
    "NotificationGroup": {
        "event": "no server is cut off yet",
        "fallback": "newer than the version of the API that is served",
        "moderation_warning": "moderators do not warn yet",
    },
    "AccountRole": {"color": "roles have no colours here"},
    "Role": {"color": "roles have no colours here", "collection_limit": "there are no collections"},
    "CredentialApplication": {"client_secret_expires_at": "0 is the published word for never"},
    "Field": {"verified_at": "links are not fetched yet"},
    "MediaAttachment": {"remote_url": "nothing is taken from other servers yet"},
    "PreviewCard": {"missing_attribution": "no links have authors yet"},
    "PreviewCardAuthor": {"account": "no links have authors yet"},
    "TrendsLink": {"missing_attribution": "no links have authors yet"},
    "QuoteApproval": {"manual": "whoever may quote need not ask, and whoever may not cannot"},
    "Preferences": {"reading:expand:spoilers": "only the pages' settings change it"},
    "Report": {
        "collection_ids": "there are no collections",
        "forwarded": "there are no other servers yet that could be told",
    },
    "Rule": {"translations": "rules have one language"},
    "ScheduledStatus": {
        "params.idempotency": "kept as a receipt, which nobody is shown",
        "params.scheduled_at": "the document says that it is null",
        "params.with_rate_limit": "kept by the document for what was; nothing depends on it",
    },
    "Search": {"collections": "there are no collections"},
    "StatusEdit": {
        "quote": "a history tells of words, pictures and polls",
    },
    "TermsOfService": {"succeeded_by": "only the terms that hold are kept"},
    "Instance": {
        **_LIMITS,
        "configuration.urls.privacy_policy": "no such page yet",
        "configuration.urls.status": "no such page yet",
        "configuration.urls.terms_of_service": "no such page yet",
        "registrations.message": "closed registrations say nothing more",
        "registrations.min_age": "nobody's age is asked",
        "thumbnail.blurhash": "the instance's picture is a fixed one",
        "thumbnail.description": "newer than the version of the API that is served",
        "thumbnail.versions": "the instance's picture has one size",
        "thumbnail.versions.@1x": "the instance's picture has one size",
        "thumbnail.versions.@2x": "the instance's picture has one size",
        "wrapstodon": "newer than the version of the API that is served",
    },
    "V1Instance": {**_LIMITS, "stats.domain_count": "there are no other domains yet"},
}
"""Entity -> field -> why it was seen only as null, empty, false or zero."""

UNUSED_PARAMETERS: dict[str, dict[str, str]] = {
    "POST /api/v2/filters": {"keywords_attributes.id": "a new filter has no keywords that could be meant: 404"},
}
"""Operation -> parameter -> why the walk does not use it."""
