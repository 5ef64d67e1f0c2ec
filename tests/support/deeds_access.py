"""Deeds of getting in and of keeping house: sign-up, sessions, apps, moderation, each with something to do."""

from functools import partial
from typing import Any

import pyotp

from linnet.actions import (
    addresses,
    deletions,
    emojis,
    invites,
    moderation,
    oauth,
    passwords,
    rules,
    sessions,
    setup,
    sign_up,
    suspensions,
    two_factor,
)
from linnet.domain.oauth import OUT_OF_BAND
from tests.support.access import PASSWORD, form
from tests.support.deeds import following
from tests.support.stage import Call, Pixels, Stage, consented, deed

# -- people who want to get in ----------------------------------------------------------------------------------------


@deed("sign_up.create_account")
async def create_account(stage: Stage) -> Call:
    name = f"new{stage.number()}"
    return partial(sign_up.create_account, stage.database, sign_up.NewUser(name, f"{name}@example.org"))


@deed("sign_up.sign_up")
async def sign_up_here(stage: Stage) -> Call:
    given = (stage.database, stage.site, stage.guards, stage.mail, form(f"new{stage.number()}"))
    return partial(sign_up.sign_up, *given)


@deed("sign_up.sign_up_by_app")
async def sign_up_by_app(stage: Stage) -> Call:
    app, _ = await stage.app()
    given = (stage.database, stage.site, stage.guards, stage.mail, form(f"new{stage.number()}"))
    return lambda operation: sign_up.sign_up_by_app(*given, operation, app.id, ("read",))


@deed("sign_up.resend_confirmation")
async def resend_confirmation(stage: Stage) -> Call:
    waiting = await stage.user(confirmed=False)
    given = (stage.database, stage.site, stage.guards, stage.mail, waiting, f"other{stage.number()}@example.org")
    return partial(sign_up.resend_confirmation, *given)


@deed("setup.create_owner")
async def create_owner(stage: Stage) -> Call:
    link = await setup.owner_link(stage.database, stage.guards)
    assert link, "another scenario has made an owner"
    name = f"owner{stage.number()}"
    given = (stage.database, stage.guards, link, name, f"{name}@example.org", PASSWORD)
    return partial(setup.create_owner, *given)


@deed("addresses.request_change")
async def request_change(stage: Stage) -> Call:
    given = (await stage.user(), PASSWORD, f"other{stage.number()}@example.org")
    return partial(addresses.request_change, stage.database, stage.site, stage.guards, stage.mail, *given)


@deed("addresses.confirm")
async def confirm_address(stage: Stage) -> Call:
    await (await request_change(stage))(stage.operation())
    return partial(addresses.confirm, stage.database, stage.site, stage.mail, await stage.link())


@deed("passwords.change_password")
async def change_password(stage: Stage) -> Call:
    user = await stage.user()
    started = await stage.do(sessions.start, stage.guards, user, sessions.Browser())
    given = (user, PASSWORD, "another long secret", started.secret)
    return partial(passwords.change_password, stage.database, stage.site, stage.guards, stage.mail, *given)


@deed("passwords.set_password")
async def set_password(stage: Stage) -> Call:
    user = await stage.user()
    return partial(passwords.set_password, stage.database, stage.guards, user, "another long secret")


async def _forgetful(stage: Stage) -> Call:
    email = (await stage.one("select email from users where account_id = :id", id=await stage.user()))[0]
    given = (stage.database, stage.site, stage.guards, stage.mail, email, "192.0.2.1")
    return partial(passwords.request_reset, *given)


deed("passwords.request_reset")(_forgetful)


@deed("passwords.reset_password")
async def reset_password(stage: Stage) -> Call:
    await (await _forgetful(stage))(stage.operation())
    given = (stage.database, stage.site, stage.guards, stage.mail, await stage.link(), "another long secret")
    return partial(passwords.reset_password, *given)


# -- sessions and the second factor -----------------------------------------------------------------------------------


@deed("sessions.start")
async def start_session(stage: Stage) -> Call:
    return partial(sessions.start, stage.database, stage.guards, await stage.user(), sessions.Browser("::1"))


@deed("sessions.sign_in")
async def sign_in(stage: Stage) -> Call:
    email = (await stage.one("select email from users where account_id = :id", id=await stage.user()))[0]
    return partial(sessions.sign_in, stage.database, stage.guards, email, PASSWORD, sessions.Browser("::1"))


@deed("sessions.end_one")
async def end_session(stage: Stage) -> Call:
    user = await stage.user()
    await stage.do(sessions.start, stage.guards, user, sessions.Browser())
    session = (await stage.one("select id from sessions where account_id = :id", id=user))[0]
    return partial(sessions.end_one, stage.database, user, session)


async def _enrolling(stage: Stage, user: int) -> tuple[pyotp.TOTP, Call]:
    enrolment = two_factor.enrol(stage.site, stage.guards, user, "name")
    app = pyotp.TOTP(enrolment.secret)
    given = (user, enrolment.sealed, app.at(stage.world.clock.now_ms() // 1000), PASSWORD)
    return app, partial(two_factor.confirm, stage.database, stage.site, stage.guards, stage.mail, *given)


@deed("two_factor.confirm")
async def confirm_second_factor(stage: Stage) -> Call:
    return (await _enrolling(stage, await stage.user()))[1]


async def _with_second_factor(stage: Stage) -> tuple[int, tuple[str, ...]]:
    user = await stage.user()
    return user, await (await _enrolling(stage, user))[1](stage.operation())


@deed("two_factor.disable")
async def disable_second_factor(stage: Stage) -> Call:
    user, _ = await _with_second_factor(stage)
    return partial(two_factor.disable, stage.database, stage.site, stage.guards, stage.mail, user, PASSWORD)


@deed("two_factor.remove")
async def remove_second_factor(stage: Stage) -> Call:
    user, _ = await _with_second_factor(stage)
    return partial(two_factor.remove, stage.database, stage.site, stage.mail, await stage.moderator(), user)


@deed("two_factor.renew_recovery_codes")
async def renew_recovery_codes(stage: Stage) -> Call:
    user, _ = await _with_second_factor(stage)
    return partial(two_factor.renew_recovery_codes, stage.database, stage.guards, user, PASSWORD)


@deed("sessions.sign_in_with_code")
async def sign_in_with_code(stage: Stage) -> Call:
    user, codes = await _with_second_factor(stage)
    email = (await stage.one("select email from users where account_id = :id", id=user))[0]
    asked = await stage.do(sessions.sign_in, stage.guards, email, PASSWORD, sessions.Browser())
    given = (stage.database, stage.guards, asked.challenge, codes[0], sessions.Browser())
    return partial(sessions.sign_in_with_code, *given)


# -- apps -------------------------------------------------------------------------------------------------------------


@deed("oauth.register_app")
async def register_app(stage: Stage) -> Call:
    return partial(oauth.register_app, stage.database, stage.guards, oauth.NewApp("App", (OUT_OF_BAND,), "read"))


@deed("oauth.authorize")
async def authorize_app(stage: Stage) -> Call:
    app, _ = await stage.app()
    return partial(oauth.authorize, stage.database, stage.guards, consented(app), await stage.user())


@deed("oauth.exchange_code")
async def exchange_code(stage: Stage) -> Call:
    app, _ = await stage.app()
    code = await stage.consent(await stage.user(), app)
    return partial(oauth.exchange_code, stage.database, stage.guards, app, code, OUT_OF_BAND, "")


@deed("oauth.client_token")
async def client_token(stage: Stage) -> Call:
    app, _ = await stage.app()
    return partial(oauth.client_token, stage.database, stage.guards, app, "read")


@deed("oauth.revoke")
async def revoke(stage: Stage) -> Call:
    app, _ = await stage.app()
    made = await stage.do(oauth.client_token, stage.guards, app, "read")
    return partial(oauth.revoke, stage.database, app, made.access_token)


@deed("oauth.revoke_app")
async def revoke_app(stage: Stage) -> Call:
    user = await stage.user()
    app, _ = await stage.app()
    await stage.consent(user, app)
    return partial(oauth.revoke_app, stage.database, user, app.id)


# -- the house --------------------------------------------------------------------------------------------------------


@deed("invites.create")
async def create_invite(stage: Stage) -> Call:
    return partial(invites.create, stage.database, stage.guards, await stage.moderator(), max_uses=3)


@deed("invites.revoke")
async def revoke_invite(stage: Stage) -> Call:
    moderator = await stage.moderator()
    code = await invites.create(stage.database, stage.guards, moderator, stage.operation())
    return partial(invites.revoke, stage.database, moderator, code)


@deed("moderation.approve")
async def approve(stage: Stage) -> Call:
    given = (stage.site, stage.mail, await stage.moderator(), await stage.user(approved=False))
    return partial(moderation.approve, stage.database, *given)


@deed("moderation.reject")
async def reject(stage: Stage) -> Call:
    return partial(moderation.reject, stage.database, await stage.moderator(), await stage.user(approved=False))


@deed("moderation.delete_status")
async def delete_status(stage: Stage) -> Call:
    status = await stage.status(await stage.person())
    return partial(moderation.delete_status, stage.database, await stage.moderator(), status)


@deed("deletions.delete")
async def delete_account(stage: Stage) -> Call:
    author, _ = await following(stage)
    await stage.status(author)
    return partial(deletions.delete, stage.database, author, author)


def _decided(name: str, action: Any, *, undoes: Any = None) -> None:
    @deed(f"suspensions.{name}")
    async def made(stage: Stage) -> Call:
        moderator, account = await stage.moderator(), await stage.person()
        if undoes is not None:
            await stage.do(undoes, moderator, account)
        return partial(action, stage.database, moderator, account)


_decided("suspend", suspensions.suspend)
_decided("unsuspend", suspensions.unsuspend, undoes=suspensions.suspend)
_decided("silence", suspensions.silence)
_decided("unsilence", suspensions.unsilence, undoes=suspensions.silence)


@deed("emojis.add")
async def add_emoji(stage: Stage) -> Call:
    parts, name = stage.world.parts, f"emoji{stage.number()}"
    given: tuple[Any, ...] = (parts.blobs, Pixels(), parts.ids, parts.chance, name, b"", None)
    await stage.do(emojis.add, *given)
    return partial(emojis.add, stage.database, *given)


@deed("emojis.remove")
async def remove_emoji(stage: Stage) -> Call:
    parts, name = stage.world.parts, f"emoji{stage.number()}"
    await stage.do(emojis.add, parts.blobs, Pixels(), parts.ids, parts.chance, name, b"", None)
    return partial(emojis.remove, stage.database, name)


@deed("rules.add")
async def add_rule(stage: Stage) -> Call:
    return partial(rules.add, stage.database, "Be kind", "")


@deed("rules.remove")
async def remove_rule(stage: Stage) -> Call:
    return partial(rules.remove, stage.database, await stage.do(rules.add, "Be kind", ""))
