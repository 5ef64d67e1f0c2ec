"""E-mail addresses of accounts: confirmed by the link that was sent there, and changed by their owner."""

import msgspec

from linnet.actions import letters
from linnet.actions.passwords import check_password
from linnet.domain import emails, secrets
from linnet.domain.errors import Invalid, NotFound
from linnet.domain.site import Site
from linnet.domain.times import DAY_MS
from linnet.ports import Guards, Mail
from linnet.storage import access, notifications, relations
from linnet.storage.access import Known
from linnet.storage.database import Database, Operation, Writer

CHANGE_MS = DAY_MS


class Confirmed(msgspec.Struct, frozen=True):
    """Whose address was confirmed; ``approved`` is False while a moderator is still waited for."""

    account_id: int
    email: str
    approved: bool


async def request_change(
    database: Database, site: Site, guards: Guards, mail: Mail, account_id: int, password: str, email: str,
    operation: Operation,
) -> bool:  # fmt: skip
    """Sends a link to the new address; True. Where no mail is configured it is changed at once; False.

    Raises Invalid (``current_password``, ``email``) or TooMany.
    """
    await check_password(database, guards, account_id, password)
    new = emails.check(email)
    guards.throttle.spend("confirmation_email", str(account_id))
    link = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> bool:
        # Of two wishes at once the later one must see the earlier one's link, to end it.
        await tx.all(relations.SQL.lock, ids=(account_id,))
        known = await _user(tx, account_id)
        if await tx.one(access.SQL.email_taken, email_key=emails.key(new), account_id=account_id):
            raise _taken()
        if not mail.configured:
            await _set(tx, known, new)
            return False
        expires_at = tx.now + CHANGE_MS
        # The latest wish counts: a link to an address that was mistyped must not work tomorrow.
        await tx.run(access.SQL.delete_email_tokens, account_id=account_id, kind="email")
        await tx.run(
            access.SQL.insert_email_token, hash=secrets.fingerprint(link), account_id=account_id, kind="email",
            email=new, expires_at=expires_at,
        )  # fmt: skip
        await letters.enqueue(tx, letters.new_address(site, known.user.username, new, link), expires_at)
        return True

    return await database.write(write, operation, returns=bool)


async def confirm(database: Database, site: Site, mail: Mail, token: str, operation: Operation) -> Confirmed:
    """Confirms the address that the link was sent to: that of a new account, or an account's new one.

    Raises Invalid for a link that is used up or expired, or for an address that somebody has taken meanwhile.
    """
    mark = secrets.fingerprint(token)

    async def write(tx: Writer) -> Confirmed:
        for kind in ("confirm", "email"):
            row = await tx.one(access.SQL.email_token, hash=mark, kind=kind)
            if row is not None and row[2] > tx.now and await tx.run(
                access.SQL.delete_email_token, hash=mark, kind=kind
            ):  # fmt: skip
                return await _confirm(tx, site, mail, kind, int(row[0]), str(row[1]))
        raise Invalid("token", "is not valid any more: ask for a new link", "ERR_INVALID")

    return await database.write(write, operation, returns=Confirmed)


async def _confirm(tx: Writer, site: Site, mail: Mail, kind: str, account_id: int, email: str) -> Confirmed:
    known = await _user(tx, account_id)
    await tx.run(access.SQL.delete_email_tokens, account_id=account_id, kind=kind)
    if kind == "confirm":
        if emails.key(email) != emails.key(known.user.email):
            raise Invalid("token", "belongs to an address that is this account's no more", "ERR_INVALID")
        if await tx.run(access.SQL.confirm, account_id=account_id, now=tx.now) and known.user.approved_at is not None:
            await notifications.tell_staff(tx, account_id)
    else:
        await _set(tx, known, email)
        # Whoever reads the old mailbox could still reset the password by a link that lies there.
        await tx.run(access.SQL.delete_email_tokens, account_id=account_id, kind="reset")
        if mail.configured:
            hidden = emails.hidden(email)
            await letters.enqueue(tx, letters.address_changed(site, known.user.username, known.user.email, hidden))
    return Confirmed(account_id, email, known.user.approved_at is not None)


async def _set(tx: Writer, known: Known, email: str) -> None:
    if not await tx.run(
        access.SQL.set_email, account_id=known.user.account_id, email=email, email_key=emails.key(email),
        confirmed_at=tx.now,
    ):  # fmt: skip
        raise _taken()


async def _user(tx: Writer, account_id: int) -> Known:
    known = await access.user(tx, account_id)
    if known is None:
        raise NotFound
    return known


def _taken() -> Invalid:
    return Invalid("email", "has already been taken", "ERR_TAKEN")
