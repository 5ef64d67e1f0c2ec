"""Signing in and out: sessions, their ends, the second factor, throttling, and hashes that grow old."""

import asyncio
import re
from dataclasses import replace
from typing import Any

import pyotp
import pytest

from linnet.actions import maintenance, sessions, two_factor
from linnet.actions.passwords import set_password
from linnet.actions.sessions import Browser, CodeNeeded, SignedIn
from linnet.domain.access import Visit
from linnet.domain.errors import Conflict, Invalid, NotAllowed, NotFound, TooMany, Unauthenticated
from linnet.domain.secrets import form_key
from linnet.queries import sessions as queries
from linnet.queries import users
from linnet.secrecy import ArgonPasswords
from linnet.storage import access
from tests.support.access import PASSWORD, Letters, once, rows, with_password
from tests.support.client import VirtualClock, World

DAY_MS = 86_400_000
PHONE = Browser("192.0.2.9", "192.0.2.9", "A phone")


async def sign_in(world: World, name: str = "alice", password: str = PASSWORD, browser: Browser = PHONE) -> Any:
    return await sessions.sign_in(world.database, world.parts.guards, name, password, browser, once(world))


async def signed_in(world: World, **options: Any) -> SignedIn:
    done = await sign_in(world, **options)
    assert isinstance(done, SignedIn)
    return done


async def visit(world: World, done: SignedIn) -> Visit | None:
    return await queries.visit(world.database, done.secret)


async def test_by_name_or_address_and_out_again(any_world: World) -> None:
    world = any_world
    alice = await with_password(world, "alice", role="moderator")
    for name in ("alice", "Alice", "@alice", " alice@EXAMPLE.org "):
        done = await signed_in(world, name=name)
        seen = await visit(world, done)
        assert seen is not None
        assert (seen.identity.account_id, seen.identity.username, seen.identity.role) == (alice, "alice", "moderator")
        assert (seen.barred, seen.stale) == ("", False)
        assert done.secret not in str(await rows(world, "sessions"))
        await sessions.end(world.database, done.secret)
        assert await visit(world, done) is None


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "wrong"), ("alice", ""), ("alice", PASSWORD + "x"), ("alice", "x" * 100_000), ("nobody", PASSWORD),
        ("", PASSWORD), ("nobody@example.org", PASSWORD), ("%", PASSWORD), ("alice' or '1'='1", PASSWORD),
        ("without", ""), ("without", PASSWORD),
    ],
)  # fmt: skip
async def test_a_wrong_pair_is_wrong_in_one_way(world: World, name: str, password: str) -> None:
    await with_password(world, "alice")
    await world.person("without")
    with pytest.raises(Unauthenticated, match="The name or the password is wrong"):
        await sign_in(world, name, password)
    assert await rows(world, "sessions") == []


async def test_the_same_letters_typed_on_another_keyboard(world: World) -> None:
    await with_password(world, "alice", "Ångström und Käse")
    await signed_in(world, password="A\u030angstro\u0308m und Ka\u0308se")


async def test_an_unknown_name_costs_a_hash_as_a_known_one(world: World) -> None:
    looked_at: list[str | None] = []
    real = world.parts.guards.passwords.verify

    async def verify(stored: str | None, password: str) -> bool:
        looked_at.append(stored)
        return await real(stored, password)

    world.parts.guards.passwords.verify = verify  # type: ignore[method-assign]
    with pytest.raises(Unauthenticated):
        await sign_in(world, "nobody")
    assert looked_at == [None]


async def test_who_has_turned_a_second_factor_on_meanwhile_is_not_signed_in_without_it(world: World) -> None:
    alice = await with_password(world, "alice")
    real = world.parts.guards.passwords.verify

    async def verify(stored: str | None, password: str) -> bool:
        async def turn_on(tx: Any) -> None:
            await tx.run(access.SQL.set_totp, account_id=alice, totp_secret="sealed", totp_step=0, recovery_codes="[]")

        await world.database.write(turn_on)
        return await real(stored, password)

    world.parts.guards.passwords.verify = verify  # type: ignore[method-assign]
    with pytest.raises(Unauthenticated):
        await sign_in(world, "alice")
    assert await rows(world, "sessions") == []


async def test_whoever_waits_may_sign_in_and_is_told_so(world: World) -> None:
    await with_password(world, "alice", approved=False)
    seen = await visit(world, await signed_in(world))
    assert seen is not None
    assert "pending approval" in seen.barred
    with pytest.raises(NotAllowed):
        seen.check()


async def test_a_session_is_new_at_each_sign_in_and_takes_the_old_ones_place(world: World) -> None:
    await with_password(world, "alice")
    planted = await signed_in(world)
    done = await signed_in(world, browser=Browser(replaces=planted.secret))
    assert done.secret != planted.secret
    assert await visit(world, planted) is None
    assert await visit(world, done)


async def test_sessions_end_unused_after_30_days_and_in_any_case_after_90(open_any_world: Any) -> None:
    clock = VirtualClock()
    world = await open_any_world(clock=clock)
    await with_password(world, "alice")
    idle, used = await signed_in(world), await signed_in(world)
    clock.advance(29 * DAY_MS)
    seen = await visit(world, used)
    assert seen is not None
    assert seen.stale
    await sessions.touch(world.database, used.secret, "192.0.2.77")
    assert (await visit(world, used)).stale is False  # type: ignore[union-attr]
    clock.advance(DAY_MS)
    assert await visit(world, idle) is None
    [listed] = await queries.all(world.database, seen.identity.account_id, seen.session_id)
    assert (listed.client, listed.user_agent, listed.current) == ("192.0.2.77", "A phone", True)
    for _ in range(5):
        clock.advance(11 * DAY_MS)
        await sessions.touch(world.database, used.secret, "")
    clock.advance(5 * DAY_MS - 1)
    assert await visit(world, used)
    clock.advance(1)
    assert await visit(world, used) is None
    kept = maintenance.Keeping(0, 0, 30 * DAY_MS, 0, 0, 0)
    assert await world.database.write(lambda tx: maintenance.logins(tx, kept)) > 0
    assert await rows(world, "sessions") == []


async def test_one_ends_the_others(any_world: World) -> None:
    world = any_world
    alice = await with_password(world, "alice")
    await with_password(world, "bob")
    mine, other, third = [await signed_in(world) for _ in range(3)]
    bobs = await signed_in(world, name="bob")
    listed = {one.id: one for one in await queries.all(world.database, alice)}
    assert len(listed) == 3
    stranger = (await visit(world, bobs)).session_id  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        await sessions.end_one(world.database, alice, stranger, once(world))
    target = (await visit(world, other)).session_id  # type: ignore[union-attr]
    await sessions.end_one(world.database, alice, target, once(world))
    assert [bool(await visit(world, one)) for one in (mine, other, third, bobs)] == [True, False, True, True]


async def test_what_forms_send_back_belongs_to_the_session(world: World) -> None:
    await with_password(world, "alice")
    one, other = await signed_in(world), await signed_in(world)
    seen = await visit(world, one)
    assert seen is not None
    assert seen.form_key == form_key(one.secret) != form_key(other.secret)
    assert one.secret not in seen.form_key


async def test_guessing_is_bounded_by_name_and_by_address(open_sqlite_world: Any) -> None:
    clock = VirtualClock()
    world = await open_sqlite_world(clock=clock, rate_limits=True)
    await with_password(world, "alice")
    for number in range(25):
        with pytest.raises(Unauthenticated):
            await sign_in(world, password="guess", browser=Browser("", f"192.0.2.{number}"))
    with pytest.raises(TooMany) as refused:
        await sign_in(world, browser=Browser("", "198.51.100.1"))
    assert refused.value.retry_after > 60
    for number in range(25):
        with pytest.raises(Unauthenticated):
            await sign_in(world, f"nobody{number}", browser=Browser("", "203.0.113.5"))
    with pytest.raises(TooMany):
        await sign_in(world, "bob", browser=Browser("", "203.0.113.5"))
    clock.advance(3_600_000)
    assert await signed_in(world)


async def test_a_hash_with_old_parameters_is_renewed_at_sign_in(world: World) -> None:
    alice = await with_password(world, "alice")
    strong = ArgonPasswords(memory_kib=16, passes=2)
    guards = world.parts.guards
    before = [row for row in await rows(world, "users") if row[0] == alice]
    done = await sessions.sign_in(
        world.database, replace(guards, passwords=strong), "alice", PASSWORD, PHONE, once(world)
    )
    after = [row for row in await rows(world, "users") if row[0] == alice]
    assert isinstance(done, SignedIn)
    assert "m=8,t=1" in str(before)
    assert "m=16,t=2" in str(after)
    assert not strong.outdated(re.findall(r"\$argon2id\$[^']+", str(after))[0])
    strong.close()


async def test_a_password_that_changes_in_between_signs_nobody_in(world: World) -> None:
    alice = await with_password(world, "alice")
    real = world.parts.guards.passwords.verify

    async def slow(stored: str | None, password: str) -> bool:
        fits = await real(stored, password)
        await set_password(world.database, world.parts.guards, alice, "quite another one", once(world))
        return fits

    world.parts.guards.passwords.verify = slow  # type: ignore[method-assign]
    with pytest.raises(Unauthenticated):
        await sign_in(world)
    assert await rows(world, "sessions") == []


async def test_a_new_session_for_whoever_has_just_signed_up(world: World) -> None:
    alice = await with_password(world, "alice")
    done = await sessions.start(world.database, world.parts.guards, alice, PHONE, once(world))
    assert (await visit(world, done)).identity.account_id == alice  # type: ignore[union-attr]
    with pytest.raises(NotFound):
        await sessions.start(world.database, world.parts.guards, 12345, PHONE, once(world))


# -- the second factor ---------------------------------------------------------------------------------------------


async def enrolled(world: World, account: int) -> tuple[pyotp.TOTP, tuple[str, ...]]:
    offer = two_factor.enrol(world.site, world.parts.guards, account, "alice")
    assert offer.secret not in offer.sealed
    app = pyotp.parse_uri(offer.uri)
    assert isinstance(app, pyotp.TOTP)
    code = app.at(world.clock.now_ms() // 1000)
    recovery = await two_factor.confirm(
        world.database, world.site, world.parts.guards, world.parts.mail, account, offer.sealed, code, PASSWORD,
        once(world),
    )  # fmt: skip
    return app, recovery


async def second_step(world: World, challenge: str, code: str) -> SignedIn:
    return await sessions.sign_in_with_code(world.database, world.parts.guards, challenge, code, PHONE, once(world))


async def test_a_code_is_asked_for_and_counts_once(open_any_world: Any) -> None:
    clock = VirtualClock()
    world = await open_any_world(clock=clock)
    alice = await with_password(world, "alice")
    app, _ = await enrolled(world, alice)
    assert (await users.one(world.database, alice)).two_factor
    asked = await sign_in(world)
    assert isinstance(asked, CodeNeeded)
    assert await rows(world, "sessions") == []
    # The code that confirmed the enrolment has been used.
    with pytest.raises(Unauthenticated):
        await second_step(world, asked.challenge, app.at(clock.now_ms() // 1000))
    clock.advance(30_000)
    code = app.at(clock.now_ms() // 1000)
    assert await visit(world, await second_step(world, asked.challenge, f"{code[:3]} {code[3:]}"))
    for late in (
        code,
        app.at(clock.now_ms() // 1000 - 30),
        "000000" if code != "000000" else "111111",
        "",
        "x" * 10_000,
    ):
        with pytest.raises(Unauthenticated):
            await second_step(world, asked.challenge, late)
    assert app.secret not in str(await rows(world, "users"))


async def test_two_with_one_code_at_once(open_any_world: Any) -> None:
    clock = VirtualClock()
    world = await open_any_world(clock=clock)
    alice = await with_password(world, "alice")
    app, recovery = await enrolled(world, alice)
    asked = await sign_in(world)
    clock.advance(60_000)
    for code in (app.at(clock.now_ms() // 1000), recovery[0]):
        tries = [second_step(world, asked.challenge, code) for _ in range(2)]
        found = await asyncio.gather(*tries, return_exceptions=True)
        assert sum(isinstance(one, SignedIn) for one in found) == 1, found
        assert sum(isinstance(one, Unauthenticated) for one in found) == 1, found


async def test_recovery_codes_count_once_each(world: World) -> None:
    alice = await with_password(world, "alice")
    _, codes = await enrolled(world, alice)
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([a-z2-7]{4}-){3}[a-z2-7]{4}", code) for code in codes)
    asked = await sign_in(world)
    await second_step(world, asked.challenge, codes[3].upper().replace("-", " "))
    with pytest.raises(Unauthenticated):
        await second_step(world, asked.challenge, codes[3])
    fresh = await two_factor.renew_recovery_codes(world.database, world.parts.guards, alice, PASSWORD, once(world))
    with pytest.raises(Unauthenticated):
        await second_step(world, asked.challenge, codes[4])
    await second_step(world, asked.challenge, fresh[0])
    stored = str(await rows(world, "users"))
    assert all(code.replace("-", "") not in stored and code not in stored for code in fresh)


async def test_a_challenge_ends_and_cannot_be_made_up(open_sqlite_world: Any) -> None:
    clock = VirtualClock()
    world = await open_sqlite_world(clock=clock)
    alice, bob = await with_password(world, "alice"), await with_password(world, "bob")
    _, codes = await enrolled(world, alice)
    challenge = (await sign_in(world)).challenge
    claim, _, mark = challenge.rpartition(".")
    forged = (
        f"{bob}.{claim.partition('.')[2]}.{mark}", f"{alice}.99999999999999.{mark}", f"{claim}.",
        f"{claim}.{mark[:-1]}x", "", "..", f"{alice}", "é.1.2", challenge + "0",
    )  # fmt: skip
    for wrong in forged:
        with pytest.raises(Unauthenticated):
            await second_step(world, wrong, codes[0])
    clock.advance(10 * 60_000)
    with pytest.raises(Unauthenticated):
        await second_step(world, challenge, codes[0])
    challenge = (await sign_in(world)).challenge
    await set_password(world.database, world.parts.guards, alice, "quite another one", once(world))
    with pytest.raises(Unauthenticated):
        await second_step(world, challenge, codes[0])


async def test_enrolling_asks_for_the_password_and_a_code_of_that_secret(world: World) -> None:
    alice, bob = await with_password(world, "alice"), await with_password(world, "bob")
    guards, mail = world.parts.guards, world.parts.mail
    offer = two_factor.enrol(world.site, guards, alice, "alice")
    code = pyotp.TOTP(offer.secret).at(world.clock.now_ms() // 1000)

    async def confirm(account: int, sealed: str, code: str, password: str) -> None:
        await two_factor.confirm(world.database, world.site, guards, mail, account, sealed, code, password, once(world))

    with pytest.raises(Invalid, match="current_password"):
        await confirm(alice, offer.sealed, code, "wrong")
    with pytest.raises(Invalid, match="code"):
        await confirm(alice, offer.sealed, "12345", PASSWORD)
    with pytest.raises(Invalid, match="code"):
        await confirm(alice, "bm90IHNlYWxlZA==", code, PASSWORD)
    with pytest.raises(Invalid, match="code"):
        await confirm(bob, offer.sealed, code, PASSWORD)
    with pytest.raises(Conflict):
        await two_factor.renew_recovery_codes(world.database, guards, alice, PASSWORD, once(world))
    assert not (await users.one(world.database, alice)).two_factor


async def test_it_is_turned_off_with_the_password_and_by_mail_one_learns_of_it(open_sqlite_world: Any) -> None:
    mail = Letters()
    world = await open_sqlite_world(mail=mail)
    alice = await with_password(world, "alice")
    await enrolled(world, alice)
    guards = world.parts.guards
    with pytest.raises(Invalid, match="current_password"):
        await two_factor.disable(world.database, world.site, guards, mail, alice, "wrong", once(world))
    await two_factor.disable(world.database, world.site, guards, mail, alice, PASSWORD, once(world))
    assert isinstance(await sign_in(world), SignedIn)
    await world.run_jobs()
    assert [letter.subject for letter in mail.sent] == [
        "Two-factor authentication is on", "Two-factor authentication is off",
    ]  # fmt: skip


async def test_the_operator_takes_it_away_from_whoever_has_lost_everything(world: World) -> None:
    alice = await with_password(world, "alice")
    await enrolled(world, alice)

    async def remove() -> None:
        await two_factor.remove(world.database, world.site, world.parts.mail, None, alice, once(world))

    await remove()
    assert isinstance(await sign_in(world), SignedIn)
    assert [row[2:4] for row in await rows(world, "moderation_log")] == [("account.two_factor_off", "alice")]
    with pytest.raises(Conflict):
        await remove()
