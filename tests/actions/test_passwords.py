"""Passwords and addresses: changed, forgotten, reset; the owner's link; moderators' and operators' powers."""

import asyncio
from typing import Any

import pytest

from linnet.actions import addresses, passwords, sessions, setup
from linnet.actions.sessions import Browser, SignedIn
from linnet.domain.errors import Conflict, Invalid, NotAllowed, NotFound, TooMany, Unauthenticated
from linnet.queries import sessions as session_queries
from linnet.queries import users
from tests.support.access import PASSWORD, Letters, once, rows, with_password
from tests.support.client import VirtualClock, World, make_token

NEW = "an even longer secret"
HOUR_MS = 3_600_000


async def sign_in(world: World, name: str, password: str) -> SignedIn:
    done = await sessions.sign_in(world.database, world.parts.guards, name, password, Browser(), once(world))
    assert isinstance(done, SignedIn)
    return done


async def change(world: World, account: int, current: str, new: str, secret: str = "") -> None:
    parts = world.parts
    await passwords.change_password(
        world.database, world.site, parts.guards, parts.mail, account, current, new, secret, once(world)
    )


async def ask_reset(world: World, email: str = "alice@example.org", address: str = "") -> None:
    parts = world.parts
    await passwords.request_reset(world.database, world.site, parts.guards, parts.mail, email, address, once(world))
    await world.run_jobs()


async def reset(world: World, token: str, password: str = NEW) -> int:
    parts = world.parts
    return await passwords.reset_password(
        world.database, world.site, parts.guards, parts.mail, token, password, once(world)
    )


async def test_a_change_ends_the_other_sessions_and_keeps_this_one(any_world: World) -> None:
    world = any_world
    alice = await with_password(world, "alice")
    token = await make_token(world.database, alice)
    this, other = await sign_in(world, "alice", PASSWORD), await sign_in(world, "alice", PASSWORD)
    with pytest.raises(Invalid, match="current_password"):
        await change(world, alice, "wrong", NEW)
    for bad in ("short", "password123", "alice@example.org"):
        with pytest.raises(Invalid, match=r"^password"):
            await change(world, alice, PASSWORD, bad)
    await change(world, alice, PASSWORD, NEW, this.secret)
    assert await session_queries.visit(world.database, this.secret)
    assert await session_queries.visit(world.database, other.secret) is None
    assert (await world.client.get("/api/v1/timelines/home", token=token)).status == 200
    with pytest.raises(Unauthenticated):
        await sign_in(world, "alice", PASSWORD)
    assert await sign_in(world, "alice", NEW)


async def test_two_changes_at_once_leave_one_password(any_world: World) -> None:
    world = any_world
    alice = await with_password(world, "alice")
    found = await asyncio.gather(
        change(world, alice, PASSWORD, NEW), change(world, alice, PASSWORD, NEW + "!"), return_exceptions=True
    )
    assert sum(one is None for one in found) == 1
    assert sum(isinstance(one, Conflict | Invalid) for one in found) == 1


async def test_guessing_the_current_password_is_bounded(open_sqlite_world: Any) -> None:
    world = await open_sqlite_world(rate_limits=True, clock=VirtualClock())
    alice = await with_password(world, "alice")
    for _ in range(10):
        with pytest.raises(Invalid):
            await passwords.check_password(world.database, world.parts.guards, alice, "wrong")
    with pytest.raises(TooMany):
        await passwords.check_password(world.database, world.parts.guards, alice, PASSWORD)


async def test_the_operator_sets_a_password_and_everything_ends(any_world: World) -> None:
    world = any_world
    alice = await with_password(world, "alice")
    token = await make_token(world.database, alice)
    session = await sign_in(world, "alice", PASSWORD)
    await passwords.set_password(world.database, world.parts.guards, alice, NEW)
    assert await session_queries.visit(world.database, session.secret) is None
    assert (await world.client.get("/api/v1/timelines/home", token=token)).status == 401
    assert await sign_in(world, "alice", NEW)
    with pytest.raises(NotFound):
        await passwords.set_password(world.database, world.parts.guards, 4711, NEW)


async def test_a_forgotten_password(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    alice = await with_password(world, "alice", confirmed=False)
    token = await make_token(world.database, alice)
    session = await sign_in(world, "alice", PASSWORD)
    await ask_reset(world, "ALICE@example.org")
    link = mail.link()
    assert mail.sent[-1].to == "alice@example.org"
    assert link not in str(await rows(world, "email_tokens"))
    with pytest.raises(Invalid, match=r"^password"):
        await reset(world, link, "short")
    with pytest.raises(Invalid, match=r"^password"):
        await reset(world, link, "alice@example.org")
    assert await reset(world, link) == alice
    with pytest.raises(Invalid, match="token"):
        await reset(world, link)
    assert await session_queries.visit(world.database, session.secret) is None
    # The link came to the mailbox, so the address is confirmed by it; the apps' tokens have ended.
    assert (await users.one(world.database, alice)).confirmed_at is not None
    assert (await world.client.get("/api/v1/timelines/home", token=token)).status == 401
    assert await sign_in(world, "alice", NEW)
    await world.run_jobs()
    assert mail.sent[-1].subject == "Your password was changed"


async def test_a_reset_link_is_good_once_though_two_come_at_once(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    await with_password(world, "alice")
    await ask_reset(world)
    link = mail.link()
    found = await asyncio.gather(reset(world, link), reset(world, link, NEW + "!"), return_exceptions=True)
    assert sum(isinstance(one, int) for one in found) == 1, found
    assert sum(isinstance(one, Invalid) for one in found) == 1, found


async def test_a_reset_link_ends_after_six_hours_and_with_a_newer_password(open_sqlite_world: Any) -> None:
    clock, mail = VirtualClock(), Letters()
    world = await open_sqlite_world(clock=clock, mail=mail)
    alice = await with_password(world, "alice")
    await ask_reset(world)
    late = mail.link()
    clock.advance(6 * HOUR_MS)
    assert not await users.link_is_good(world.database, late, "reset")
    with pytest.raises(Invalid, match="token"):
        await reset(world, late)
    await ask_reset(world)
    await change(world, alice, PASSWORD, NEW)
    with pytest.raises(Invalid, match="token"):
        await reset(world, mail.link(), PASSWORD)
    confirmation = "not a token at all"
    with pytest.raises(Invalid, match="token"):
        await reset(world, confirmation)


async def test_nobody_learns_whose_address_it_is(open_sqlite_world: Any) -> None:
    mail = Letters()
    world = await open_sqlite_world(mail=mail)
    await ask_reset(world, "nobody@example.org")
    assert mail.sent == []
    with pytest.raises(Invalid, match="email"):
        await ask_reset(world, "no address")


async def test_asking_for_links_is_bounded(open_sqlite_world: Any) -> None:
    mail = Letters()
    world = await open_sqlite_world(mail=mail, rate_limits=True, clock=VirtualClock())
    await with_password(world, "alice")
    for number in range(5):
        await ask_reset(world, address=f"192.0.2.{number}")
    with pytest.raises(TooMany):
        await ask_reset(world, "Alice@example.org", address="192.0.2.99")
    assert len(mail.sent) == 5


async def test_without_mail_there_is_no_reset(world: World) -> None:
    with pytest.raises(Conflict):
        await ask_reset(world)


# -- addresses -----------------------------------------------------------------------------------------------------


async def ask_change(world: World, account: int, email: str, password: str = PASSWORD) -> bool:
    parts = world.parts
    return await addresses.request_change(
        world.database, world.site, parts.guards, parts.mail, account, password, email, once(world)
    )


async def test_a_new_address_counts_when_it_is_confirmed_and_the_old_one_is_told(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    alice = await with_password(world, "alice")
    with pytest.raises(Invalid, match="current_password"):
        await ask_change(world, alice, "new@example.org", "wrong")
    assert await ask_change(world, alice, "mistyped@example.org") is True
    await world.run_jobs()
    mistyped = mail.link()
    assert await ask_change(world, alice, "new@example.org") is True
    await world.run_jobs()
    assert mail.sent[-1].to == "new@example.org"
    assert await users.waiting_email(world.database, alice) == "new@example.org"
    link = mail.link()
    await ask_reset(world)
    old_mailbox = mail.link()
    with pytest.raises(Invalid, match="token"):
        await addresses.confirm(world.database, world.site, mail, mistyped, once(world))
    await addresses.confirm(world.database, world.site, mail, link, once(world))
    assert (await users.one(world.database, alice)).email == "new@example.org"
    assert await users.waiting_email(world.database, alice) is None
    await world.run_jobs()
    assert (mail.sent[-1].to, mail.sent[-1].subject) == ("alice@example.org", "Your e-mail address was changed")
    assert "new@example.org" not in mail.sent[-1].text
    with pytest.raises(Invalid, match="token"):
        await reset(world, old_mailbox)


async def test_an_address_that_is_taken_meanwhile(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    alice = await with_password(world, "alice")
    await with_password(world, "carol")
    with pytest.raises(Invalid) as taken:
        await ask_change(world, alice, "Carol@example.org")
    assert taken.value.code == "ERR_TAKEN"
    await ask_change(world, alice, "bob@example.org")
    await world.run_jobs()
    await with_password(world, "bob")
    with pytest.raises(Invalid) as late:
        await addresses.confirm(world.database, world.site, mail, mail.link(), once(world))
    assert late.value.code == "ERR_TAKEN"


async def test_two_who_confirm_one_address_at_once(open_any_world: Any) -> None:
    mail = Letters()
    world = await open_any_world(mail=mail)
    links = []
    for name in ("alice", "bob"):
        await ask_change(world, await with_password(world, name), "both@example.org")
        await world.run_jobs()
        links.append(mail.link())
    found = await asyncio.gather(
        *(addresses.confirm(world.database, world.site, mail, link, once(world)) for link in links),
        return_exceptions=True,
    )
    assert sum(isinstance(one, addresses.Confirmed) for one in found) == 1, found
    assert sum(isinstance(one, Invalid) and one.code == "ERR_TAKEN" for one in found) == 1, found


async def test_without_mail_the_address_changes_at_once(world: World) -> None:
    alice = await with_password(world, "alice")
    assert await ask_change(world, alice, "new@example.org") is False
    assert (await users.one(world.database, alice)).email == "new@example.org"


# -- the owner's link ----------------------------------------------------------------------------------------------


async def create_owner(world: World, token: str, name: str = "olga", password: str = PASSWORD) -> int:
    return await setup.create_owner(
        world.database, world.parts.guards, token, name, f"{name}@example.org", password, once(world)
    )


async def test_the_owners_link_is_good_once(any_world: World) -> None:
    world = any_world
    first = await setup.owner_link(world.database, world.parts.guards)
    second = await setup.owner_link(world.database, world.parts.guards)
    assert first
    assert second
    assert second not in str(await rows(world, "settings"))
    assert [await users.owner_link_is_good(world.database, token) for token in (first, second, "")] == [
        False, True, False,
    ]  # fmt: skip
    for wrong in (first, "guess", ""):
        with pytest.raises(NotAllowed):
            await create_owner(world, wrong)
    with pytest.raises(Invalid):
        await create_owner(world, second, password="short")
    with pytest.raises(Invalid):
        await create_owner(world, second, name="no/name")
    owner = await create_owner(world, second)
    user = await users.one(world.database, owner)
    assert (user.role, user.barred) == ("owner", "")
    assert await sign_in(world, "olga", PASSWORD)
    with pytest.raises(NotAllowed):
        await create_owner(world, second, name="other")
    assert await setup.owner_link(world.database, world.parts.guards) is None


async def test_two_owners_at_once(any_world: World) -> None:
    world = any_world
    token = await setup.owner_link(world.database, world.parts.guards)
    assert token
    found = await asyncio.gather(
        create_owner(world, token), create_owner(world, token, "oscar"), return_exceptions=True
    )
    assert sum(isinstance(one, int) for one in found) == 1, found
    assert sum(isinstance(one, NotAllowed) for one in found) == 1, found


async def test_a_link_that_is_older_than_the_first_admin(world: World) -> None:
    token = await setup.owner_link(world.database, world.parts.guards)
    await with_password(world, "root", role="admin")
    assert token
    with pytest.raises(Conflict):
        await create_owner(world, token)
