"""Deeds on statuses, between accounts, and on profiles, each with something to do."""

import io
from functools import partial
from typing import Any

from linnet.actions import (
    blocks,
    edits,
    follows,
    interactions,
    markers,
    media,
    notification_requests,
    notifications,
    profiles,
    push,
    statuses,
)
from linnet.domain.edits import Revision
from linnet.domain.profiles import PictureKeys, ProfileChanges
from linnet.domain.push import Receiver, Wishes
from linnet.domain.quotes import Policy
from linnet.domain.relations import FollowOptions, Mute
from linnet.domain.statuses import Draft
from linnet.domain.views import Identity
from linnet.domain.visibility import Visibility
from linnet.queries.access import by_token
from tests.support import films
from tests.support.client import make_token
from tests.support.stage import Call, Pixel, Stage, deed

# -- statuses and what is done to them --------------------------------------------------------------------------------


@deed("statuses.post")
async def post(stage: Stage) -> Call:
    author, other = await stage.pair()
    name = (await stage.one("select username from accounts where id = :id", id=other))[0]
    parent = await stage.status(other)
    draft = Draft(
        f"hello @{name} #tag", in_reply_to_id=parent, media_ids=(await stage.upload(author),), quoted_status_id=parent,
        quote_policy=Policy.NOBODY,
    )  # fmt: skip
    return lambda operation: statuses.post(stage.database, stage.site, author, draft, operation)


@deed("edits.edit")
async def edit(stage: Stage) -> Call:
    author, other = await stage.pair()
    status = await stage.status(author)
    await stage.do(interactions.reblog, stage.site, other, status, Visibility.PUBLIC)
    await stage.status(other, quoted_status_id=status)
    words = f"other words #other http://outside.example:9/nobody-answers/{stage.number()}"
    revision = Revision(words, spoiler="careful", quote_policy=Policy.FOLLOWERS)
    return lambda operation: edits.edit(stage.database, stage.site, author, status, revision, operation)


@deed("edits.delete")
async def delete(stage: Stage) -> Call:
    author = await stage.person()
    status = await stage.status(author, in_reply_to_id=await stage.status(author))
    return lambda operation: edits.delete(stage.database, author, status, operation)


def _to_a_status(name: str, action: Any, *, undoes: Any = None) -> None:
    @deed(f"interactions.{name}")
    async def made(stage: Stage) -> Call:
        author, actor = await stage.pair()
        status = await stage.status(author)
        if undoes is interactions.reblog:
            await stage.do(undoes, stage.site, actor, status, Visibility.PUBLIC)
        elif undoes is not None:
            await stage.do(undoes, actor, status)
        return lambda operation: action(stage.database, actor, status, operation)


_to_a_status("favourite", interactions.favourite)
_to_a_status("unfavourite", interactions.unfavourite, undoes=interactions.favourite)
_to_a_status("bookmark", interactions.bookmark)
_to_a_status("unbookmark", interactions.unbookmark, undoes=interactions.bookmark)
_to_a_status("mute_thread", interactions.mute_thread)
_to_a_status("unmute_thread", interactions.unmute_thread, undoes=interactions.mute_thread)
_to_a_status("unreblog", interactions.unreblog, undoes=interactions.reblog)


@deed("interactions.reblog")
async def reblog(stage: Stage) -> Call:
    author, actor = await stage.pair()
    given = (stage.database, stage.site, actor, await stage.status(author), Visibility.PUBLIC)
    return partial(interactions.reblog, *given)


@deed("interactions.pin")
async def pin(stage: Stage) -> Call:
    author = await stage.person()
    status = await stage.status(author)
    return lambda operation: interactions.pin(stage.database, stage.site, author, status, operation)


@deed("interactions.unpin")
async def unpin(stage: Stage) -> Call:
    author = await stage.person()
    status = await stage.status(author)
    await stage.do(interactions.pin, stage.site, author, status)
    return lambda operation: interactions.unpin(stage.database, author, status, operation)


@deed("media.upload")
async def upload(stage: Stage) -> Call:
    parts, author = stage.world.parts, await stage.person()
    given = (parts.blobs, parts.ids, parts.chance, author, Pixel(), "a point", None)
    return lambda operation: media.upload(stage.database, *given, operation)


@deed("media.receive")
async def receive(stage: Stage) -> Call:
    parts, author = stage.world.parts, await stage.person()
    given = media.Received(io.BytesIO(films.film(frames=2)), "video", Pixel(), "a field", (0.5, 0.0))
    place = (parts.blobs, parts.ids, parts.chance, author)
    return lambda operation: media.receive(stage.database, *place, given, operation)


@deed("media.set_thumbnail")
async def set_thumbnail(stage: Stage) -> Call:
    parts, author = stage.world.parts, await stage.person()
    given = media.Received(io.BytesIO(films.film(frames=2)), "video")
    new = await stage.do(media.receive, parts.blobs, parts.ids, parts.chance, author, given)
    place = (parts.blobs, parts.chance, author, new)
    return lambda operation: media.set_thumbnail(stage.database, *place, Pixel(), operation)


@deed("media.describe")
async def describe(stage: Stage) -> Call:
    author = await stage.person()
    new = await stage.upload(author)
    return lambda operation: media.describe(stage.database, author, new, "words", (0.1, 0.2), operation)


@deed("media.delete")
async def delete_upload(stage: Stage) -> Call:
    author = await stage.person()
    new = await stage.upload(author)
    return lambda operation: media.delete(stage.database, stage.world.parts.blobs, author, new, operation)


# -- relations, notifications, profiles -------------------------------------------------------------------------------


@deed("follows.follow")
async def follow(stage: Stage) -> Call:
    actor, target = await stage.pair()
    await stage.status(target)
    return lambda operation: follows.follow(stage.database, stage.site, actor, target, FollowOptions(), operation)


async def following(stage: Stage) -> tuple[int, int]:
    actor, target = await stage.pair()
    await stage.do(follows.follow, stage.site, actor, target, FollowOptions(notify=True))
    return actor, target


@deed("follows.unfollow")
async def unfollow(stage: Stage) -> Call:
    return partial(follows.unfollow, stage.database, *await following(stage))


@deed("follows.remove_follower")
async def remove_follower(stage: Stage) -> Call:
    follower, actor = await following(stage)
    return partial(follows.remove_follower, stage.database, actor, follower)


async def _asking(stage: Stage) -> tuple[int, int]:
    """A locked account and who wants to follow it."""
    follower, actor = await stage.pair()
    await stage.do(profiles.update, stage.site, actor, ProfileChanges(locked=True), {})
    await stage.do(follows.follow, stage.site, follower, actor, FollowOptions())
    return actor, follower


@deed("follows.authorize")
async def authorize_follower(stage: Stage) -> Call:
    return partial(follows.authorize, stage.database, *await _asking(stage))


@deed("follows.reject")
async def reject_follower(stage: Stage) -> Call:
    return partial(follows.reject, stage.database, *await _asking(stage))


@deed("blocks.block")
async def block(stage: Stage) -> Call:
    return partial(blocks.block, stage.database, *await following(stage))


@deed("blocks.unblock")
async def unblock(stage: Stage) -> Call:
    actor, target = await stage.pair()
    await stage.do(blocks.block, actor, target)
    return partial(blocks.unblock, stage.database, actor, target)


@deed("blocks.mute")
async def mute(stage: Stage) -> Call:
    actor, target = await stage.pair()
    return partial(blocks.mute, stage.database, actor, target, Mute(duration_ms=60_000))


@deed("blocks.unmute")
async def unmute(stage: Stage) -> Call:
    actor, target = await stage.pair()
    await stage.do(blocks.mute, actor, target, Mute())
    return partial(blocks.unmute, stage.database, actor, target)


@deed("blocks.note")
async def note(stage: Stage) -> Call:
    actor, target = await stage.pair()
    return partial(blocks.note, stage.database, actor, target, "met at the fair")


async def _told(stage: Stage) -> tuple[int, int]:
    """Somebody with a notification, and its id."""
    author, actor = await stage.pair()
    await stage.do(interactions.favourite, actor, await stage.status(author))
    found = await stage.one("select id from notifications where account_id = :id", id=author)
    return author, int(found[0])


@deed("notifications.dismiss")
async def dismiss(stage: Stage) -> Call:
    return partial(notifications.dismiss, stage.database, *await _told(stage))


@deed("notifications.dismiss_group")
async def dismiss_group(stage: Stage) -> Call:
    author, new = await _told(stage)
    found = await stage.one("select group_key from notifications where id = :id", id=new)
    return partial(notifications.dismiss_group, stage.database, author, found[0])


@deed("notifications.clear")
async def clear(stage: Stage) -> Call:
    return partial(notifications.clear, stage.database, (await _told(stage))[0])


@deed("notification_requests.set_policy")
async def set_policy(stage: Stage) -> Call:
    return partial(notification_requests.set_policy, stage.database, await stage.person(), {"for_not_following": 2})


async def _waiting(stage: Stage) -> tuple[int, tuple[int]]:
    """Somebody to whom a stranger's mention is not shown, and the request that waits for it."""
    reader, stranger = await stage.pair()
    await stage.do(notification_requests.set_policy, reader, {"for_not_following": 1})
    name = (await stage.one("select username from accounts where id = :id", id=reader))[0]
    await stage.status(stranger, f"hello @{name}")
    found = await stage.one("select id from notification_requests where account_id = :id", id=reader)
    return reader, (int(found[0]),)


@deed("notification_requests.accept")
async def accept_request(stage: Stage) -> Call:
    return partial(notification_requests.accept, stage.database, *await _waiting(stage))


@deed("notification_requests.dismiss")
async def dismiss_request(stage: Stage) -> Call:
    return partial(notification_requests.dismiss, stage.database, *await _waiting(stage))


POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)
"""Of P-256."""


def _receiver() -> Receiver:
    """An address that nobody may ask, so that each message ends its subscription at once."""
    return Receiver("https://10.0.0.1/push", POINT, bytes(16), standard=True)


async def _subscriber(stage: Stage) -> tuple[Identity, str]:
    token = await make_token(stage.database, await stage.person())
    return await by_token(stage.database, token), token


async def _subscribed(stage: Stage) -> Identity:
    """Somebody who is subscribed, and of whom something has just been favourited."""
    who, token = await _subscriber(stage)
    await stage.do(push.subscribe, stage.guards.vault, who, token, _receiver(), Wishes(("favourite",)))
    await stage.do(interactions.favourite, await stage.person(), await stage.status(who.account_id))
    return who


@deed("push.subscribe")
async def subscribe(stage: Stage) -> Call:
    given = (stage.guards.vault, *await _subscriber(stage), _receiver(), Wishes(("mention",), "followed"))
    return partial(push.subscribe, stage.database, *given)


@deed("push.change")
async def change_subscription(stage: Stage) -> Call:
    return partial(push.change, stage.database, await _subscribed(stage), Wishes(("mention",), "none"))


@deed("push.unsubscribe")
async def unsubscribe(stage: Stage) -> Call:
    return partial(push.unsubscribe, stage.database, await _subscribed(stage))


@deed("markers.put")
async def put_marker(stage: Stage) -> Call:
    positions = {"home": stage.number(), "notifications": stage.number()}
    return partial(markers.put, stage.database, await stage.person(), positions)


@deed("profiles.update")
async def update_profile(stage: Stage) -> Call:
    actor = await stage.person()
    pictures = {"avatar": PictureKeys("one", "two")}
    await stage.do(profiles.update, stage.site, actor, ProfileChanges(locked=True), pictures)
    wanted = ProfileChanges(display_name="Ada", note="hello #tag", locked=False, fields=(("a", "b"),))
    given = (stage.database, stage.site, actor, wanted, {"avatar": PictureKeys("three", "four")})
    return partial(profiles.update, *given)
