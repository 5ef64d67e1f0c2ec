"""New accounts: made by the operator, or by somebody who signs up in a browser or an app."""

from dataclasses import dataclass

import msgspec

from linnet.actions import letters
from linnet.domain import emails, passwords, secrets, usernames
from linnet.domain.errors import Invalid, Invalids, NotAllowed, NotFound
from linnet.domain.site import Site
from linnet.domain.times import DAY_MS
from linnet.ports import Guards, Mail
from linnet.storage import access, accounts, changes, notifications, relations
from linnet.storage.database import Database, Operation, Writer

REASON_LONGEST = 420
CONFIRM_MS = 7 * DAY_MS


@dataclass(frozen=True, slots=True)
class NewUser:
    """An account to be made. ``password_hash`` is from ports.Passwords; '' lets nobody sign in with a password."""

    username: str
    email: str
    password_hash: str = ""
    role: str = "user"
    confirmed: bool = True
    approved: bool = True
    reason: str = ""
    invite_code: str | None = None
    locale: str = "en"


@dataclass(frozen=True, slots=True)
class SignUp:
    """What somebody typed. ``address`` is the network they come from, for the throttle."""

    username: str
    email: str
    password: str
    agreement: bool
    locale: str = "en"
    reason: str = ""
    invite_code: str = ""
    address: str = ""


class SignedUp(msgspec.Struct, frozen=True):
    """``confirmed``: the e-mail address needs no confirmation; ``approved``: no moderator is asked first."""

    account_id: int
    confirmed: bool
    approved: bool


async def create_account(database: Database, new: NewUser, operation: Operation | None = None) -> int:
    """Makes an account whatever the registration mode, reserved names too; its id. Raises Invalid (ERR_TAKEN, …)."""
    return await database.write(lambda tx: insert(tx, new), operation, returns=int)


async def insert(tx: Writer, new: NewUser) -> int:
    """``create_account`` inside another transaction."""
    username, email = usernames.check(new.username), emails.check(new.email)
    account_id = tx.ids.next()
    if not await tx.run(
        accounts.SQL.insert,
        id=account_id,
        username=username,
        username_key=usernames.key(username),
        domain="",
        discoverable=1,
    ):
        raise Invalid("username", "has already been taken", "ERR_TAKEN")
    await tx.run(accounts.SQL.insert_profile, id=account_id)
    await accounts.file_terms(tx, account_id, username)
    if not await tx.run(
        access.SQL.insert_user,
        account_id=account_id,
        email=email,
        email_key=emails.key(email),
        password_hash=new.password_hash,
        role=new.role,
        confirmed_at=tx.now if new.confirmed else None,
        approved_at=tx.now if new.approved else None,
        reason=new.reason,
        invite_code=new.invite_code,
        locale=new.locale,
        now=tx.now,
    ):
        raise Invalid("email", "has already been taken", "ERR_TAKEN")
    await changes.append(tx, "account.created", account_id, account_id)
    return account_id


async def sign_up(
    database: Database, site: Site, guards: Guards, mail: Mail, form: SignUp, operation: Operation
) -> SignedUp:
    """Signs somebody up as the registration mode allows, and sends the confirmation where mail is configured.

    Raises Invalids (all that is wrong), NotAllowed (registrations are closed) or TooMany.
    """
    return await _sign_up(database, site, guards, mail, form, operation, None)


async def sign_up_by_app(
    database: Database, site: Site, guards: Guards, mail: Mail, form: SignUp, operation: Operation,
    app_id: int, scopes: tuple[str, ...],
) -> str:  # fmt: skip
    """Like ``sign_up``; the new user's token for that app. Until all is confirmed, it opens nothing."""
    token = secrets.as_text(guards.chance.secret(32))
    await _sign_up(database, site, guards, mail, form, operation, (token, app_id, " ".join(scopes)))
    return token


async def _sign_up(
    database: Database, site: Site, guards: Guards, mail: Mail, form: SignUp, operation: Operation,
    token: tuple[str, int, str] | None,
) -> SignedUp:  # fmt: skip
    """``token``: one to be made, its app and its scopes."""
    check(site, form)
    guards.throttle.spend("api_sign_up" if token else "sign_up", form.address)
    password_hash = await guards.passwords.hash(form.password)
    link = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> SignedUp:
        invited = await _use_invite(tx, site, form.invite_code)
        confirmed, approved = not mail.configured, invited or site.registrations != "approval"
        reason = form.reason.strip()
        if not approved and not reason:
            raise Invalids((Invalid("reason", "can't be blank", "ERR_BLANK"),))
        new = NewUser(
            form.username, form.email, password_hash, "user", confirmed, approved, reason,
            form.invite_code if invited else None, form.locale,
        )  # fmt: skip
        account_id = await insert(tx, new)
        if confirmed and approved:
            await notifications.tell_staff(tx, account_id)
        if not confirmed:
            await send_confirmation(tx, site, account_id, form.username.strip(), emails.check(form.email), link)
        if token is not None:
            await tx.run(
                access.SQL.insert_token, hash=secrets.fingerprint(token[0]), id=tx.ids.next(), app_id=token[1],
                account_id=account_id, scopes=token[2], now=tx.now,
            )  # fmt: skip
        return SignedUp(account_id, confirmed, approved)

    return await database.write(write, operation, returns=SignedUp)


def check(site: Site, form: SignUp) -> None:
    """All that can be said of a form without a database. Raises NotAllowed or Invalids."""
    if site.registrations == "closed":
        raise NotAllowed("This server takes no new accounts")
    found: list[Invalid] = []

    def collect(rule: object, *values: str) -> None:
        try:
            rule(*values)  # type: ignore[operator]
        except Invalid as error:
            found.append(error)

    collect(usernames.check, form.username)
    collect(usernames.refuse_reserved, form.username.strip())
    collect(emails.check, form.email)
    collect(passwords.check, form.password, form.username.strip(), form.email.strip())
    if not form.agreement:
        found.append(Invalid("agreement", "must be accepted", "ERR_ACCEPTED"))
    if len(form.reason) > REASON_LONGEST:
        found.append(Invalid("reason", f"is too long (maximum is {REASON_LONGEST} characters)", "ERR_TOO_LONG"))
    if site.registrations == "invite" and not form.invite_code:
        found.append(Invalid("invite_code", "is needed to sign up here", "ERR_BLANK"))
    if found:
        raise Invalids(tuple(found))


async def _use_invite(tx: Writer, site: Site, code: str) -> bool:
    """Whether a good invite was used up by this; where nothing depends on it, a bad one is no reason to refuse."""
    if not code:
        return False
    if await tx.run(access.SQL.use_invite, code=code, now=tx.now):
        return True
    if site.registrations == "open":
        return False
    raise Invalids((Invalid("invite_code", "is not valid, used up or expired", "ERR_INVALID"),))


async def send_confirmation(tx: Writer, site: Site, account_id: int, username: str, email: str, link: str) -> None:
    """Files the link's hash, and the message with the link."""
    expires_at = tx.now + CONFIRM_MS
    await tx.run(
        access.SQL.insert_email_token, hash=secrets.fingerprint(link), account_id=account_id, kind="confirm",
        email=email, expires_at=expires_at,
    )  # fmt: skip
    await letters.enqueue(tx, letters.confirmation(site, username, email, link), expires_at)


async def resend_confirmation(
    database: Database, site: Site, guards: Guards, mail: Mail, account_id: int, email: str, operation: Operation
) -> None:
    """Sends the link again; ``email`` is another address to send it to, or ''.

    Raises NotAllowed where nothing is left to confirm, Invalid for a wrong or taken address, TooMany.
    """
    guards.throttle.spend("confirmation_email", str(account_id))
    new = emails.check(email) if email else ""
    link = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(account_id,))
        known = await access.user(tx, account_id)
        if known is None:
            raise NotFound
        if known.user.confirmed_at is not None:
            raise NotAllowed("This method is only available while the e-mail is awaiting confirmation")
        if new and emails.key(new) != emails.key(known.user.email):
            changed = await tx.run(
                access.SQL.set_email, account_id=account_id, email=new, email_key=emails.key(new), confirmed_at=None
            )
            if not changed:
                raise Invalid("email", "has already been taken", "ERR_TAKEN")
            await tx.run(access.SQL.delete_email_tokens, account_id=account_id, kind="confirm")
        if mail.configured:
            await send_confirmation(tx, site, account_id, known.user.username, new or known.user.email, link)

    await database.write(write, operation, returns=None)
