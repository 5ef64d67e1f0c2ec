"""Web Push from end to end: a real service receives over TLS, and an independent library opens what came."""

import base64
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import http_ece  # type: ignore[import-untyped]  # it has no types
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from linnet.domain.errors import RemoteFailed
from linnet.http.outbound import Outbound
from linnet.http.reach import Reach
from tests.doors.test_notifications import post
from tests.doors.test_outbound import _certificate
from tests.storage.queries import sql
from tests.support.client import ORIGIN, VirtualClock, make_token
from tests.support.outside import Asked, Outside, answer, lookup, outside_at

ADDRESS = "/api/v1/push/subscription"
CREATED = answer(b"", "201 Created")
HOUR_MS = 3_600_000
NAME = "outside.example"


def word(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def data(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Device:
    """A browser or an app: its keys, and what it can open with them."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.secret = os.urandom(16)

    def subscription(self, endpoint: str, *, standard: bool | None = True, **alerts: bool) -> dict[str, Any]:
        keys = {"p256dh": word(self.public), "auth": word(self.secret)}
        given: dict[str, Any] = {"endpoint": endpoint, "keys": keys}
        if standard is not None:
            given["standard"] = standard
        return {"subscription": given, "data": {"alerts": alerts}}

    def open(self, asked: Asked) -> dict[str, Any]:
        headers = asked.headers
        kept = {"private_key": self.private, "auth_secret": self.secret}
        if headers["content-encoding"] == "aesgcm":
            salt = data(headers["encryption"].removeprefix("salt="))
            dh = data(headers["crypto-key"].partition(";")[0].removeprefix("dh="))
            plain = http_ece.decrypt(asked.body, salt=salt, dh=dh, version="aesgcm", **kept)
        else:
            assert headers["content-encoding"] == "aes128gcm"
            plain = http_ece.decrypt(asked.body, version="aes128gcm", **kept)
        return json.loads(plain)


def proven(asked: Asked, key: str, endpoint: str, now_ms: int) -> None:
    """The proof is signed with ``key``, for this push service, and for less than a day."""
    scheme, _, rest = asked.headers["authorization"].partition(" ")
    if scheme == "vapid":
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert fields["k"] == key
        proof = fields["t"]
    else:
        assert scheme == "WebPush"
        assert f"p256ecdsa={key}" in asked.headers["crypto-key"].split(";")
        proof = rest
    signed, _, signature = proof.rpartition(".")
    raw = data(signature)
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), data(key))
    public.verify(der, signed.encode(), ec.ECDSA(SHA256()))
    header, claims = (json.loads(data(part)) for part in signed.split("."))
    assert header["alg"] == "ES256"
    parts = urlsplit(endpoint)
    assert claims["aud"] == f"{parts.scheme}://{parts.netloc}"
    assert claims["sub"].startswith("mailto:")
    assert now_ms < claims["exp"] * 1000 < now_ms + 24 * HOUR_MS


@dataclass
class Stage:
    """A server, its people, and the push service of somebody else's."""

    world: Any
    service: Outside
    alice: Any
    bob: Any

    def put(self, path: str = "/to/alice", said: bytes = CREATED) -> str:
        self.service.pages[path] = said
        return f"https://{NAME}:{self.service.port}{path}"

    async def subscribe(self, device: Device, endpoint: str = "", **wishes: Any) -> dict[str, Any]:
        given = device.subscription(endpoint or self.put(), **wishes)
        answered = await self.alice.post(ADDRESS, json=given)
        assert answered.status == 200, answered.body
        return answered.json()

    async def pushed(self) -> list[Asked]:
        """What comes because bob has favourited something new of alice's."""
        status = await post(self.alice, "like this")
        await self.bob.post(f"/api/v1/statuses/{status}/favourite")
        before = len(self.service.asked)
        await self.world.run_jobs()
        return self.service.asked[before:]

    async def count(self, table: str) -> int:
        return int((await self.world.database.read(lambda tx: tx.one(sql(f"select count(*) from {table}"))))[0])


@pytest.fixture
async def stage(open_any_world, tmp_path: Path):
    certificate, context = _certificate(tmp_path, NAME)
    remote = Outbound(ORIGIN, Reach(("127.0.0.0/8",)), str(certificate), lookup)
    world = await open_any_world(clock=VirtualClock(), remote=remote)
    async with outside_at(tls=context) as service:
        yield Stage(world, service, *await world.people("alice", "bob"))


@pytest.mark.parametrize("standard", [True, False, None])
async def test_a_message_is_opened_by_its_receiver_alone(stage, standard):
    device, endpoint = Device(), stage.put()
    made = await stage.subscribe(device, endpoint, standard=standard, favourite=True)
    assert made["standard"] is bool(standard)
    (asked,) = await stage.pushed()
    told = device.open(asked)
    notification = (await stage.alice.get("/api/v1/notifications")).json()[0]
    assert told == {
        "access_token": stage.alice.token,
        "preferred_locale": "en",
        "notification_id": int(notification["id"]),
        "notification_type": "favourite",
        "icon": notification["account"]["avatar_static"],
        "title": "bob favourited your post",
        "body": "like this",
    }
    assert (asked.method, asked.path) == ("POST", "/to/alice")
    assert asked.headers["ttl"] == str(48 * 3600)
    assert asked.headers["urgency"] == "normal"
    assert len(asked.body) <= 4096
    assert b"like this" not in asked.body
    key = (await stage.alice.get("/api/v2/instance")).json()["configuration"]["vapid"]["public_key"]
    assert made["server_key"] == key
    proven(asked, key, endpoint, stage.world.clock.now_ms())
    with pytest.raises(http_ece.ECEException):
        Device().open(asked)


async def test_words_are_shortened_and_warnings_come_first(stage):
    device = Device()
    await stage.subscribe(device, mention=True)
    await post(stage.bob, "@alice " + "long " * 90)
    await post(stage.bob, "@alice secret", spoiler_text="careful")
    await stage.world.run_jobs()
    bodies = [device.open(asked) for asked in stage.service.asked]
    assert [one["title"] for one in bodies] == ["You were mentioned by bob"] * 2
    assert sorted(len(one["body"]) for one in bodies) == [len("careful"), 140]


async def test_only_what_was_asked_for_is_told(stage):
    device = Device()
    await stage.subscribe(device, mention=True, follow=True)
    assert await stage.pushed() == []
    changed = await stage.alice.put(ADDRESS, json={"data": {"alerts": {"favourite": True}, "policy": "follower"}})
    alerts = changed.json()["alerts"]
    assert {kind for kind, wanted in alerts.items() if wanted} == {"favourite"}
    assert changed.json()["policy"] == "follower"
    assert await stage.pushed() == []
    await stage.bob.post(f"/api/v1/accounts/{stage.alice.id}/follow")
    assert len(await stage.pushed()) == 1
    await stage.alice.put(ADDRESS, json={"data": {"alerts": {"favourite": True}, "policy": "followed"}})
    assert await stage.pushed() == []
    await stage.alice.post(f"/api/v1/accounts/{stage.bob.id}/follow")
    assert len(await stage.pushed()) == 1
    await stage.alice.put(ADDRESS, json={"data": {"alerts": {"favourite": True}, "policy": "none"}})
    assert await stage.pushed() == []


async def test_what_a_policy_filters_wakes_nobody(stage):
    await stage.subscribe(Device(), favourite=True)
    await stage.alice.patch("/api/v2/notifications/policy", json={"for_not_following": "filter"})
    assert await stage.pushed() == []


async def test_a_subscription_belongs_to_its_token(stage):
    other = await make_token(stage.world.database, stage.alice.id)
    ask = stage.world.client.ask
    assert (await stage.alice.get(ADDRESS)).status == 404
    assert (await stage.alice.put(ADDRESS, json={})).status == 404
    first = await stage.subscribe(Device(), favourite=True)
    assert (await stage.alice.get(ADDRESS)).json() == first
    assert (await ask("GET", ADDRESS, token=other)).status == 404
    given = Device().subscription(stage.put("/to/other"), favourite=True)
    assert (await ask("POST", ADDRESS, token=other, json=given)).status == 200
    assert sorted(asked.path for asked in await stage.pushed()) == ["/to/alice", "/to/other"]
    second = await stage.subscribe(Device(), favourite=True)
    assert second["id"] != first["id"]
    assert await stage.count("push_subscriptions") == 2
    assert (await stage.alice.delete(ADDRESS)).json() == {}
    assert (await stage.alice.delete(ADDRESS)).json() == {}
    assert [asked.path for asked in await stage.pushed()] == ["/to/other"]
    revoked = sql("delete from tokens where account_id = :id")
    await stage.world.database.write(lambda tx: tx.run(revoked, id=stage.alice.id))
    status = await post(stage.bob, "no token is left to carry")
    assert status
    await stage.bob.post(f"/api/v1/statuses/{await _of_alice(stage)}/favourite")
    before = len(stage.service.asked)
    await stage.world.run_jobs()
    assert stage.service.asked[before:] == []


async def _of_alice(stage: Stage) -> int:
    found = sql("select min(id) from statuses where account_id = :id")
    await stage.world.database.write(lambda tx: tx.run(sql("delete from favourites")))
    await stage.world.database.write(lambda tx: tx.run(sql("delete from notifications")))
    return int((await stage.world.database.read(lambda tx: tx.one(found, id=stage.alice.id)))[0])


@pytest.mark.parametrize("status", ["404 Not Found", "410 Gone"])
async def test_a_subscription_that_is_gone_is_removed(stage, status):
    await stage.subscribe(Device(), stage.put("/gone", answer(b"", status)), favourite=True)
    assert len(await stage.pushed()) == 1
    assert await stage.count("push_subscriptions") == 0
    assert await stage.count("users where pushes = 1") == 0
    assert (await stage.alice.get(ADDRESS)).status == 404
    assert await stage.pushed() == []


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_service_that_is_busy_is_asked_again(stage, status):
    endpoint = stage.put("/busy", answer(b"", status))
    device = Device()
    await stage.subscribe(device, endpoint, favourite=True)
    with pytest.raises(AssertionError, match="a job failed") as failed:
        await stage.pushed()
    assert isinstance(failed.value.__cause__, RemoteFailed)
    assert await stage.count("jobs") == 1
    stage.put("/busy")
    stage.world.clock.advance(HOUR_MS)
    await stage.world.run_jobs()
    assert device.open(stage.service.asked[-1])["notification_type"] == "favourite"
    assert stage.service.asked[-1].headers["ttl"] == str(47 * 3600)
    assert await stage.count("jobs") == 0


async def test_what_is_two_days_old_wakes_nobody(stage):
    await stage.subscribe(Device(), favourite=True)
    status = await post(stage.alice, "like this")
    await stage.bob.post(f"/api/v1/statuses/{status}/favourite")
    stage.world.clock.advance(48 * HOUR_MS)
    await stage.world.run_jobs()
    assert stage.service.asked == []


async def test_what_was_taken_back_or_refused_is_not_sent(stage):
    await stage.subscribe(Device(), stage.put("/refuses", answer(b"", "400 Bad Request")), favourite=True)
    status = await post(stage.alice, "like this")
    for deed in ("favourite", "unfavourite"):
        await stage.bob.post(f"/api/v1/statuses/{status}/{deed}")
    await stage.world.run_jobs()
    assert stage.service.asked == []
    assert len(await stage.pushed()) == 1
    assert await stage.count("push_subscriptions") == 1
    assert await stage.count("jobs") == 0


async def test_nobody_is_pushed_to_inside_of_our_network(stage):
    await stage.subscribe(Device(), "https://10.0.0.1/push", favourite=True)
    assert await stage.pushed() == []
    assert await stage.count("push_subscriptions") == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("endpoint", "http://outside.example/push"),
        ("endpoint", "https://"),
        ("endpoint", "https://me@outside.example/"),
        ("endpoint", ""),
        ("endpoint", "https://outside.example/" + "x" * 2_000),
        ("p256dh", "short"),
        ("p256dh", "ü"),
        ("p256dh", word(b"\4" + bytes(64))),
        ("auth", word(bytes(15))),
        ("auth", "a"),
        ("policy", "friends"),
    ],
)
async def test_what_is_no_subscription_is_told_with_its_field(stage, field, value):
    given = Device().subscription("https://outside.example/push")
    holder = {"endpoint": given["subscription"], "policy": given["data"]}.get(field, given["subscription"]["keys"])
    holder[field] = value
    answered = await stage.alice.post(ADDRESS, json=given)
    assert answered.status == 422
    assert field in answered.json()["details"]


async def test_whoever_is_not_subscribed_costs_nothing(stage, monkeypatch):
    asked = []

    async def enqueue(*args: Any) -> None:
        asked.append(args)

    monkeypatch.setattr("linnet.storage.notifications.push.enqueue", enqueue)
    assert await stage.pushed() == []
    assert asked == []
    await stage.subscribe(Device(), favourite=True)
    await stage.pushed()
    assert len(asked) == 1
