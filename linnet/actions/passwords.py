"""Passwords: proven, changed by their owner, forgotten and chosen anew, or set by the operator."""

from linnet.actions import letters
from linnet.domain import emails, passwords, secrets
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.site import Site
from linnet.ports import Guards, Mail
from linnet.storage import access, notifications
from linnet.storage.access import Known
from linnet.storage.database import Database, Operation, Reader, ReadFunction, Writer, decided, surely

RESET_MS = 6 * 3_600_000


async def check_password(
    database: Database, guards: Guards, account_id: int, password: str, field: str = "current_password"
) -> str:
    """For what asks for the password again; the stored hash. Raises Invalid, naming ``field``, or TooMany."""
    guards.throttle.spend("password_change", str(account_id))
    known = await proven(database, guards, lambda tx: access.user(tx, account_id), password)
    if known is None:
        raise Invalid(field, "is not right", "ERR_INVALID")
    return known.password_hash


async def proven(database: Database, guards: Guards, read: ReadFunction[Known | None], password: str) -> Known | None:
    """Whom ``read`` finds, if this is their password; nobody takes the same time. Raises Unavailable."""
    known = await database.read(read)
    if await _is_of(guards, known, password):
        return known
    if not database.has_standbys:
        return None
    # A standby may not know the account yet, or only the password that it had before.
    newest = await decided(database, read)
    changed = newest is not None and (known is None or newest.password_hash != known.password_hash)
    return newest if changed and await _is_of(guards, newest, password) else None


async def _is_of(guards: Guards, known: Known | None, password: str) -> bool:
    return await guards.passwords.verify(known.password_hash if known else None, password)


async def change_password(
    database: Database, site: Site, guards: Guards, mail: Mail, account_id: int, current: str, new: str,
    session_secret: str, operation: Operation,
) -> None:  # fmt: skip
    """Ends every other session than this one; apps stay. Raises Invalid (``current_password``, ``password``)."""
    known_hash = await check_password(database, guards, account_id, current)
    passwords.check(new)
    new_hash = await guards.passwords.hash(new)

    async def write(tx: Writer) -> None:
        known = await _user(tx, account_id)
        passwords.check(new, known.user.username, known.user.email)
        if not await tx.run(access.SQL.renew_password, account_id=account_id, password_hash=new_hash, known=known_hash):
            raise Conflict("The password was changed by somebody else just now")
        kept = secrets.fingerprint(session_secret) if session_secret else ""
        await tx.run(access.SQL.delete_sessions, account_id=account_id, kept=kept)
        await tx.run(access.SQL.delete_email_tokens, account_id=account_id, kind="reset")
        await _tell(tx, site, mail, known)

    await database.write(write, operation, returns=None)


async def set_password(
    database: Database, guards: Guards, account_id: int, password: str, operation: Operation | None = None
) -> None:
    """For the operator: no old password is asked; every session and every app's token ends. Raises Invalid."""
    passwords.check(password)
    new_hash = await guards.passwords.hash(password)

    async def write(tx: Writer) -> None:
        await _user(tx, account_id)
        await _replace(tx, account_id, new_hash)

    await database.write(write, operation, returns=None)


async def request_reset(
    database: Database, site: Site, guards: Guards, mail: Mail, email: str, address: str, operation: Operation
) -> None:
    """Sends a link to choose a new password, if the address is somebody's; the answer tells nobody whether it is.

    ``address`` is the asker's network. Raises Invalid for what is no address, Conflict without SMTP, TooMany.
    """
    if not mail.configured:
        raise Conflict("This server sends no e-mail: ask its operator for a new password")
    checked = emails.check(email)
    guards.throttle.spend("password_reset_address", address)
    guards.throttle.spend("password_reset_email", emails.key(checked))
    link = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> None:
        known = await access.user_called(tx, checked)
        if known is None or known.user.suspended_at is not None:
            return
        expires_at = tx.now + RESET_MS
        await tx.run(
            access.SQL.insert_email_token, hash=secrets.fingerprint(link), account_id=known.user.account_id,
            kind="reset", email=known.user.email, expires_at=expires_at,
        )  # fmt: skip
        message = letters.password_reset(site, known.user.username, known.user.email, link)
        await letters.enqueue(tx, message, expires_at)

    await database.write(write, operation, returns=None)


async def reset_password(
    database: Database, site: Site, guards: Guards, mail: Mail, token: str, password: str, operation: Operation
) -> int:
    """Sets the password by a link; ends every session and every app's token. The account's id.

    A second factor stays. Raises Invalid (``token``, ``password``).
    """
    passwords.check(password)
    mark = secrets.fingerprint(token)
    if await surely(database, lambda tx: _link(tx, mark)) is None:
        raise _bad_link()
    new_hash = await guards.passwords.hash(password)

    async def write(tx: Writer) -> int:
        found = await _link(tx, mark)
        if found is None or not await tx.run(access.SQL.delete_email_token, hash=mark, kind="reset"):
            raise _bad_link()
        account_id, email = found
        known = await _user(tx, account_id)
        passwords.check(password, known.user.username, known.user.email)
        await _replace(tx, account_id, new_hash)
        if emails.key(email) == emails.key(known.user.email):
            # Whoever could read the link has the mailbox: that is all a confirmation asks.
            confirmed = await tx.run(access.SQL.confirm, account_id=account_id, now=tx.now)
            if confirmed and known.user.approved_at is not None:
                await notifications.tell_staff(tx, account_id)
        await _tell(tx, site, mail, known)
        return account_id

    return await database.write(write, operation, returns=int)


async def _link(tx: Reader, mark: str) -> tuple[int, str] | None:
    row = await tx.one(access.SQL.email_token, hash=mark, kind="reset")
    return (int(row[0]), str(row[1])) if row is not None and row[2] > tx.now else None


async def _replace(tx: Writer, account_id: int, new_hash: str) -> None:
    await tx.run(access.SQL.set_password, account_id=account_id, password_hash=new_hash)
    await tx.run(access.SQL.delete_sessions, account_id=account_id, kept="")
    await tx.run(access.SQL.delete_tokens, account_id=account_id)
    await tx.run(access.SQL.delete_grants, account_id=account_id)
    await tx.run(access.SQL.delete_email_tokens, account_id=account_id, kind="reset")
    await tx.run(access.SQL.delete_email_tokens, account_id=account_id, kind="email")


async def _user(tx: Writer, account_id: int) -> Known:
    known = await access.user(tx, account_id)
    if known is None:
        raise NotFound
    return known


async def _tell(tx: Writer, site: Site, mail: Mail, known: Known) -> None:
    if mail.configured:
        await letters.enqueue(tx, letters.password_changed(site, known.user.username, known.user.email))


def _bad_link() -> Invalid:
    return Invalid("token", "is not valid any more: ask for a new link", "ERR_INVALID")
