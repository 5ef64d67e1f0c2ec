"""Signing up: the four modes, what is refused, confirmation by mail, and two who want the same name at once."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from linnet.actions import addresses, invites, moderation, sign_up
from linnet.actions.sign_up import NewUser
from linnet.domain.errors import Invalid, Invalids, NotAllowed, NotFound, TooMany
from linnet.queries import users
from tests.support.access import PASSWORD, Letters, form, once, rows, with_password
from tests.support.client import VirtualClock, World

WEEK_MS = 7 * 86_400_000


async def join(world: World, mode: str = "open", **changed: Any) -> sign_up.SignedUp:
    parts = world.parts
    return await sign_up.sign_up(
        parts.database, replace(world.site, registrations=mode), parts.guards, parts.mail, form(**changed), once(world)
    )


async def test_open_registration_without_mail_needs_nothing_more(any_world: World) -> None:
    world = any_world
    made = await join(world)
    assert (made.confirmed, made.approved) == (True, True)
    user = await users.one(world.database, made.account_id)
    assert (user.username, user.email, user.role, user.barred) == ("alice", "alice@example.org", "user", "")
    assert await users.called(world.database, "ALICE@example.org") == user
    assert await users.called(world.database, "@Alice") == user


async def test_the_password_is_kept_as_argon2id_only(world: World) -> None:
    await join(world)
    [row] = await rows(world, "users")
    assert PASSWORD not in str(row)
    assert any(str(value).startswith("$argon2id$") for value in row)


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"username": ""}, "username", "ERR_BLANK"),
        ({"username": "a b"}, "username", "ERR_INVALID"),
        ({"username": "../etc"}, "username", "ERR_INVALID"),
        ({"username": "ünal"}, "username", "ERR_INVALID"),
        ({"username": "١٢٣"}, "username", "ERR_INVALID"),
        ({"username": "a\n"}, "password", None),
        ({"username": "a" * 31}, "username", "ERR_TOO_LONG"),
        ({"username": "Admin"}, "username", "ERR_RESERVED"),
        ({"username": "__support__"}, "username", "ERR_RESERVED"),
        ({"email": ""}, "email", "ERR_BLANK"),
        ({"email": "nobody"}, "email", "ERR_INVALID"),
        ({"email": "a@b@c.example"}, "email", "ERR_INVALID"),
        ({"email": "a@example.org\r\nBcc: b@example.org"}, "email", "ERR_INVALID"),
        ({"email": "a..b@example.org"}, "email", "ERR_INVALID"),
        ({"email": "a@-bad-.example"}, "email", "ERR_INVALID"),
        ({"email": "a" * 250 + "@example.org"}, "email", "ERR_INVALID"),
        ({"password": ""}, "password", "ERR_BLANK"),
        ({"password": "short"}, "password", "ERR_TOO_SHORT"),
        ({"password": "x" * 257}, "password", "ERR_TOO_LONG"),
        ({"password": "Password123"}, "password", "ERR_INVALID"),
        ({"password": "aaaaaaaaaaaa"}, "password", "ERR_INVALID"),
        ({"password": "alice@example.org"}, "password", "ERR_INVALID"),
        ({"agreement": False}, "agreement", "ERR_ACCEPTED"),
        ({"reason": "r" * 421}, "reason", "ERR_TOO_LONG"),
    ],
)
async def test_what_is_refused(world: World, changed: dict[str, Any], field: str, code: str | None) -> None:
    if code is None:
        assert (await join(world, **changed)).account_id
        return
    with pytest.raises(Invalids) as refused:
        await join(world, **changed)
    assert [one.code for one in refused.value.all if one.field == field] == [code]
    assert await rows(world, "accounts") == []


async def test_names_and_addresses_are_taken_whatever_their_case(any_world: World) -> None:
    world = any_world
    await join(world)
    with pytest.raises(Invalid) as name:
        await join(world, username="ALICE", email="other@example.org")
    with pytest.raises(Invalid) as address:
        await join(world, username="other", email="Alice@EXAMPLE.org")
    assert (name.value.field, name.value.code) == ("username", "ERR_TAKEN")
    assert (address.value.field, address.value.code) == ("email", "ERR_TAKEN")
    assert len(await rows(world, "accounts")) == len(await rows(world, "profiles")) == 1


async def test_of_two_at_once_one_is_taken(any_world: World) -> None:
    world = any_world
    one_name = ({"email": "a@example.org"}, {"email": "b@example.org"})
    one_address = ({"username": "bob", "email": "c@example.org"}, {"username": "carla", "email": "c@example.org"})
    for first, second in (one_name, one_address):
        found = await asyncio.gather(join(world, **first), join(world, **second), return_exceptions=True)
        errors = [one for one in found if isinstance(one, BaseException)]
        assert len(errors) == 1
        assert all(isinstance(error, Invalid) and error.code == "ERR_TAKEN" for error in errors), errors
        assert len(await rows(world, "accounts")) == len(await rows(world, "users"))
    assert len(await rows(world, "accounts")) == 2


async def test_the_operator_may_give_reserved_names_and_roles(world: World) -> None:
    made = await sign_up.create_account(world.database, NewUser("admin", "a@localhost", role="admin"))
    assert (await users.one(world.database, made)).role == "admin"
    with pytest.raises(Invalid):
        await sign_up.create_account(world.database, NewUser("no/name", "b@localhost"))


async def test_closed_takes_nobody(world: World) -> None:
    with pytest.raises(NotAllowed):
        await join(world, mode="closed")


async def test_approval_asks_for_a_reason_and_a_moderator(any_world: World) -> None:
    world = any_world
    with pytest.raises(Invalid, match="reason"):
        await join(world, mode="approval")
    made = await join(world, mode="approval", reason=" I paint birds ")
    assert made.approved is False
    [waiting] = await users.pending(world.database)
    assert (waiting.account_id, waiting.reason) == (made.account_id, "I paint birds")
    assert "pending approval" in (await users.one(world.database, made.account_id)).barred
    moderator = await with_password(world, "mo", role="moderator")
    await moderation.approve(world.database, world.site, world.parts.mail, moderator, made.account_id, once(world))
    assert (await users.one(world.database, made.account_id)).barred == ""
    assert await users.pending(world.database) == ()
    [(_, who, action, target, _)] = await rows(world, "moderation_log")
    assert (who, action, target) == (moderator, "account.approve", "alice")
    with pytest.raises(NotFound):
        await moderation.approve(world.database, world.site, world.parts.mail, moderator, made.account_id, once(world))


async def test_whoever_is_rejected_leaves_nothing_behind(any_world: World) -> None:
    world = any_world
    made = await join(world, mode="approval", reason="Buy pills")
    await moderation.reject(world.database, None, made.account_id, once(world), reason="spam")
    for table in ("accounts", "users", "profiles", "tokens", "sessions", "email_tokens"):
        assert await rows(world, table) == []
    [(_, who, action, target, reason)] = await rows(world, "moderation_log")
    assert (who, action, target, reason) == (None, "account.reject", "alice", "spam")
    member = await join(world)
    with pytest.raises(NotFound):
        await moderation.reject(world.database, None, member.account_id, once(world))


async def test_an_invite_lets_in_as_often_as_it_says(any_world: World) -> None:
    world = any_world
    guards = world.parts.guards
    with pytest.raises(Invalid, match="invite_code"):
        await join(world, mode="invite")
    with pytest.raises(Invalid, match="invite_code"):
        await join(world, mode="invite", invite_code="guess")
    code = await invites.create(world.database, guards, None, once(world), max_uses=2)
    await join(world, mode="invite", invite_code=code)
    # Whoever fails uses nothing up.
    with pytest.raises(Invalid):
        await join(world, mode="invite", invite_code=code)
    # An invite takes the place of a moderator's word.
    assert (await join(world, "approval", username="bob", email="b@example.org", invite_code=code)).approved
    with pytest.raises(Invalid, match="invite_code"):
        await join(world, mode="invite", username="eve", email="e@example.org", invite_code=code)
    assert await users.good_invite(world.database, code) is None
    [view] = await users.invites(world.database)
    assert (view.uses, view.max_uses) == (2, 2)
    await invites.revoke(world.database, None, code, once(world))
    with pytest.raises(NotFound):
        await invites.revoke(world.database, None, code, once(world))


async def test_one_use_is_one_use_though_two_come_at_once(any_world: World) -> None:
    world = any_world
    code = await invites.create(world.database, world.parts.guards, None, once(world), max_uses=1)
    found = await asyncio.gather(
        join(world, mode="invite", invite_code=code),
        join(world, mode="invite", invite_code=code, username="bob", email="b@example.org"),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Invalid) for one in found) == 1
    assert len(await rows(world, "accounts")) == 1


async def test_an_invite_expires(open_sqlite_world: Any) -> None:
    clock = VirtualClock()
    world = await open_sqlite_world(clock=clock)
    code = await invites.create(world.database, world.parts.guards, None, once(world), lasts_ms=1000)
    assert await users.good_invite(world.database, code)
    clock.advance(1000)
    assert await users.good_invite(world.database, code) is None
    with pytest.raises(Invalid):
        await join(world, mode="invite", invite_code=code)


@pytest.mark.parametrize("bounds", [{"max_uses": 0}, {"max_uses": 10_001}, {"lasts_ms": 0}, {"lasts_ms": 1 << 60}])
async def test_absurd_invites_are_refused(world: World, bounds: dict[str, int]) -> None:
    with pytest.raises(Invalid):
        await invites.create(world.database, world.parts.guards, None, once(world), **bounds)


async def test_where_mail_is_configured_the_address_is_confirmed_first(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    made = await join(world)
    assert made.confirmed is False
    assert "confirmed e-mail" in (await users.one(world.database, made.account_id)).barred
    assert mail.sent == []
    await world.run_jobs()
    assert [letter.to for letter in mail.sent] == ["alice@example.org"]
    link = mail.link()
    assert await users.link_is_good(world.database, link, "confirm", "email")
    assert link not in str(await rows(world, "email_tokens"))
    # What was sent stands nowhere any more.
    assert await rows(world, "jobs") == []
    done = await addresses.confirm(world.database, world.site, mail, link, once(world))
    assert (done.account_id, done.approved) == (made.account_id, True)
    assert (await users.one(world.database, made.account_id)).barred == ""
    with pytest.raises(Invalid, match="token"):
        await addresses.confirm(world.database, world.site, mail, link, once(world))


async def test_a_confirmation_is_good_for_a_week_and_is_sent_again(open_sqlite_world: Any) -> None:
    clock, mail = VirtualClock(), Letters()
    world = await open_sqlite_world(clock=clock, mail=mail)
    made = await join(world, email="typo@example.org")
    await world.run_jobs()
    late = mail.link()
    clock.advance(WEEK_MS)
    with pytest.raises(Invalid, match="token"):
        await addresses.confirm(world.database, world.site, mail, late, once(world))

    async def again(email: str = "") -> str:
        await sign_up.resend_confirmation(
            world.database, world.site, world.parts.guards, mail, made.account_id, email, once(world)
        )
        await world.run_jobs()
        return mail.link()

    first = await again()
    second = await again("right@example.org")
    assert mail.sent[-1].to == "right@example.org"
    with pytest.raises(Invalid):
        await addresses.confirm(world.database, world.site, mail, first, once(world))
    await addresses.confirm(world.database, world.site, mail, second, once(world))
    assert (await users.one(world.database, made.account_id)).email == "right@example.org"
    with pytest.raises(NotAllowed):
        await again()


async def test_a_confirmation_to_a_taken_address_is_refused(open_sqlite_world: Any) -> None:
    mail = Letters()
    world = await open_sqlite_world(mail=mail)
    await with_password(world, "bob")
    made = await join(world)
    with pytest.raises(Invalid) as taken:
        await sign_up.resend_confirmation(
            world.database, world.site, world.parts.guards, mail, made.account_id, "BOB@example.org", once(world)
        )
    assert taken.value.code == "ERR_TAKEN"


async def test_an_address_signs_up_so_many_and_no_more(open_sqlite_world: Any) -> None:
    world = await open_sqlite_world(clock=VirtualClock(), rate_limits=True)
    for number in range(25):
        await join(world, username=f"u{number}", email=f"u{number}@example.org", address="192.0.2.1")
    with pytest.raises(TooMany) as refused:
        await join(world, username="last", email="last@example.org", address="192.0.2.1")
    assert 0 < refused.value.retry_after <= 300
    await join(world, username="last", email="last@example.org", address="192.0.2.2")
