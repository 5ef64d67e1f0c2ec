"""The walk through notifications in groups, what is kept away from them, and where they are sent."""

from base64 import urlsafe_b64encode
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from linnet.domain.notifications import KINDS
from tests.contract.cast import Cast
from tests.support.walk import Walk

GROUPS = "GET /api/v2/notifications"


async def groups(walk: Walk, cast: Cast) -> None:
    """Groups in pages, with whole and partial accounts; one alone, its senders, counted, dismissed."""
    ada, bert, carla, dora = cast.ada, cast.bert, cast.carla, cast.dora
    status = (await walk("POST /api/v1/statuses", ada, json={"status": "liked by many"}))["id"]
    # "low" causes nothing later than these, so that it is no group's latest sender, and shown in part.
    low = {"bot": "true", "locked": "true", "avatar_description": "A portrait"}
    await walk("PATCH /api/v1/accounts/update_credentials", cast.low, form=low)
    await walk("POST /api/v1/statuses/{id}/favourite", cast.low, status)
    for fan in (bert, carla, dora):
        await walk("POST /api/v1/statuses/{id}/favourite", fan, status)
    page = await walk(GROUPS, ada)
    group = page["notification_groups"][0]
    assert (group["type"], group["notifications_count"], group["status_id"]) == ("favourite", 4, status)
    assert group["sample_account_ids"] == [str(fan.id) for fan in (dora, carla, bert, cast.low)]
    assert group["page_max_id"] == str(group["most_recent_notification_id"])
    ours = [one for one in await walk("GET /api/v1/notifications", ada) if one["group_key"] == group["group_key"]]
    assert [one["account"]["id"] for one in ours] == group["sample_account_ids"]
    assert group["page_min_id"] == ours[-1]["id"]
    assert status in [one["id"] for one in page["statuses"]]
    keys = [one["group_key"] for one in page["notification_groups"]]
    assert any(key.startswith("ungrouped-") for key in keys)
    await _pages(walk, cast, keys)
    partial = await walk(GROUPS, ada, query={"expand_accounts": "partial_avatars", "types[]": "favourite"})
    assert str(dora.id) in {one["id"] for one in partial["accounts"]}
    known = {one["id"] for one in partial["accounts"]} | {one["id"] for one in partial["partial_accounts"]}
    assert {str(bert.id), str(carla.id)} <= known
    assert str(cast.low.id) in {one["id"] for one in partial["partial_accounts"]}
    await walk(GROUPS, ada, query={"expand_accounts": "some"}, status=422)
    some = {"types[]": ["favourite", "reblog"], "exclude_types[]": ["reblog"], "account_id": dora.id}
    some |= {"include_filtered": "true", "supported_types[]": ["favourite"], "grouped_types[]": ["follow"]}
    alone = await walk(GROUPS, ada, query=some)
    assert alone["notification_groups"][0]["group_key"] == f"ungrouped-{ours[0]['id']}"
    count = {"limit": 50, "types[]": ["favourite"], "exclude_types[]": ["mention"], "account_id": bert.id}
    counted = await walk(f"{GROUPS}/unread_count", ada, query={**count, "grouped_types[]": ["favourite"]})
    assert counted["count"] >= 1
    key = group["group_key"]
    one = await walk(f"{GROUPS}/{{group_key}}", ada, key, query={"supported_types[]": ["favourite"]})
    assert one["notification_groups"][0]["sample_account_ids"] == group["sample_account_ids"]
    senders = await walk(f"{GROUPS}/{{group_key}}/accounts", ada, key)
    assert [sender["id"] for sender in senders] == group["sample_account_ids"]
    await walk(f"{GROUPS}/{{group_key}}", bert, key, status=404)
    dismiss = "POST /api/v2/notifications/{group_key}/dismiss"
    await walk(dismiss, bert, key, status=404)
    assert await walk(dismiss, ada, key) == {}
    assert key not in [one["group_key"] for one in (await walk(GROUPS, ada))["notification_groups"]]


REQUESTS = "GET /api/v1/notifications/requests"


async def requests(walk: Walk, cast: Cast) -> None:
    """The policy, who waits because of it, in pages, alone, let through and sent away."""
    ada, bert, carla, dora = cast.ada, cast.bert, cast.carla, cast.dora
    strict = {"for_new_accounts": "filter", "for_not_followers": "drop", "for_not_following": "filter"}
    strict |= {"for_private_mentions": "drop", "for_limited_accounts": "accept"}
    changed = await walk("PATCH /api/v2/notifications/policy", ada, json=strict)
    assert {name: changed[name] for name in strict} == strict
    await walk("PATCH /api/v2/notifications/policy", ada, json={"for_new_accounts": "often"}, status=422)
    await walk("PATCH /api/v2/notifications/policy", ada, json={"for_not_followers": "accept"})
    for person in (bert, carla, dora, cast.low):
        await walk("POST /api/v1/statuses", person, json={"status": "@ada from a stranger"})
    policy = await walk("GET /api/v2/notifications/policy", ada)
    assert policy["summary"] == {"pending_requests_count": 4, "pending_notifications_count": 4}
    found = await walk(REQUESTS, ada)
    ids = [one["id"] for one in found]
    assert [one["account"]["id"] for one in found] == [str(one.id) for one in (cast.low, dora, carla, bert)]
    await walk.pages(REQUESTS, ada, whole=ids)
    await walk.bounds(REQUESTS, ada, whole=ids)
    assert await walk(f"{REQUESTS}/{{id}}", ada, ids[0]) == found[0]
    assert await walk("POST /api/v1/notifications/requests/{id}/accept", ada, ids[0]) == {}
    assert await walk("POST /api/v1/notifications/requests/{id}/dismiss", ada, ids[1]) == {}
    assert (await walk(f"{REQUESTS}/merged", ada)) == {"merged": False}
    await walk.world.run_jobs()
    assert (await walk(f"{REQUESTS}/merged", ada)) == {"merged": True}
    assert await walk("POST /api/v1/notifications/requests/accept", ada, json={"id": [ids[2]]}) == {}
    assert await walk("POST /api/v1/notifications/requests/dismiss", ada, form={"id[]": [ids[3]]}) == {}
    await walk.world.run_jobs()
    assert await walk(REQUESTS, ada) == []
    await walk("PATCH /api/v2/notifications/policy", ada, json=dict.fromkeys(strict, "accept"))


async def _pages(walk: Walk, cast: Cast, keys: list[str]) -> None:
    """By ``next`` to the end and by ``prev`` back again."""
    page = await walk(GROUPS, cast.ada, query={"limit": 2})
    found, links = [], walk.links()
    while page["notification_groups"]:
        found += [one["group_key"] for one in page["notification_groups"]]
        links = walk.links()
        page = await walk.follow(GROUPS, cast.ada, links["next"])
    assert list(dict.fromkeys(found)) == keys
    back = await walk.follow(GROUPS, cast.ada, links["prev"])
    assert {one["group_key"] for one in back["notification_groups"]} <= set(keys)
    since = await walk(GROUPS, cast.ada, query={"since_id": back["notification_groups"][-1]["page_min_id"]})
    assert since["notification_groups"]
    assert (await walk(GROUPS, cast.ada, query={"max_id": 1}))["notification_groups"] == []


PUSH = "/api/v1/push/subscription"


async def push(walk: Walk, cast: Cast) -> None:
    """Subscribe for everything, look, wish for something else, end it."""
    carla = cast.carla
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    keys = {"p256dh": urlsafe_b64encode(point).decode(), "auth": urlsafe_b64encode(bytes(16)).decode()}
    given: dict[str, Any] = {"endpoint": "https://push.example/to/carla", "keys": keys, "standard": True}
    data: dict[str, Any] = {"alerts": dict.fromkeys(KINDS, True), "policy": "followed"}
    await walk(f"GET {PUSH}", carla, status=404)
    made = await walk(f"POST {PUSH}", carla, json={"subscription": given, "data": data})
    server = await walk("GET /api/v2/instance", None)
    assert made["server_key"] == server["configuration"]["vapid"]["public_key"]
    assert made["alerts"] == data["alerts"]
    assert await walk(f"GET {PUSH}", carla) == made
    fewer: dict[str, Any] = {"data": {"alerts": {**dict.fromkeys(KINDS, False), "poll": True}}, "policy": "all"}
    changed = await walk(f"PUT {PUSH}", carla, json=fewer)
    assert changed["alerts"] == fewer["data"]["alerts"]
    assert await walk(f"DELETE {PUSH}", carla) == {}
    form = {"subscription[endpoint]": given["endpoint"], "data[alerts][mention]": "true"}
    form |= {f"subscription[keys][{name}]": value for name, value in keys.items()}
    simple = await walk(f"POST {PUSH}", carla, form=form)
    assert [name for name, wanted in simple["alerts"].items() if wanted] == ["mention"]
    assert await walk(f"DELETE {PUSH}", carla) == {}
    await walk(f"POST {PUSH}", carla, json={"subscription": {**given, "endpoint": "http://push.example/"}}, status=422)
