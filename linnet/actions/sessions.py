"""Signing in and out in a browser."""

from dataclasses import dataclass
from typing import NamedTuple

from linnet.actions import passwords, two_factor
from linnet.domain import ids, secrets
from linnet.domain.errors import NotAllowed, NotFound, Unauthenticated
from linnet.ports import Guards
from linnet.storage import access
from linnet.storage.access import Known
from linnet.storage.database import Database, Operation, Reader, Writer

CHALLENGE_MS = 10 * 60_000
AGENT_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Browser:
    """Who signs in: ``address`` (Request.client), ``network`` (client_network, for the throttle), ``user_agent``, and
    the session secret that it had before, which ends."""

    address: str = ""
    network: str = ""
    user_agent: str = ""
    replaces: str = ""


class SignedIn(NamedTuple):
    """``secret`` is the cookie's value; only its hash is kept."""

    account_id: int
    secret: str


class CodeNeeded(NamedTuple):
    """The password was right and a code is asked for: ``challenge`` goes into the form, for ten minutes."""

    challenge: str


async def sign_in(
    database: Database, guards: Guards, name: str, password: str, browser: Browser, operation: Operation
) -> SignedIn | CodeNeeded:
    """``name`` is an e-mail address or a username. Raises Unauthenticated, NotAllowed (suspended) or TooMany.

    Users who wait for a confirmation or a moderator may sign in; what they may not do, ``Visit.barred`` says.
    """
    guards.throttle.spend("sign_in_address", browser.network)
    # As the name is looked up: each further "@" before it would else be another name, with guesses of its own.
    guards.throttle.spend("sign_in_email", name.strip().lstrip("@").lower()[:320])

    now = 0

    async def read(tx: Reader) -> Known | None:
        nonlocal now
        now = tx.now
        return await access.user_called(tx, name.strip())

    known = await passwords.proven(database, guards, read, password)
    if known is None:
        raise _wrong()
    if known.user.suspended_at is not None:
        raise NotAllowed(known.user.barred)
    if known.user.two_factor:
        return CodeNeeded(_challenge(guards, known, now + CHALLENGE_MS))
    renewed = await guards.passwords.hash(password) if guards.passwords.outdated(known.password_hash) else ""
    account_id, secret = known.user.account_id, new_secret(guards)

    async def write(tx: Writer) -> None:
        if not await _signed_in(tx, known, with_code=False):
            raise _wrong()
        if renewed:
            await tx.run(
                access.SQL.renew_password, account_id=account_id, password_hash=renewed, known=known.password_hash
            )
        await insert(tx, account_id, secret, browser)

    await database.write(write, operation, returns=None)
    return SignedIn(account_id, secret)


async def sign_in_with_code(
    database: Database, guards: Guards, challenge: str, code: str, browser: Browser, operation: Operation
) -> SignedIn:
    """The second step: a code of the authenticator app, or a recovery code. Raises Unauthenticated or TooMany."""
    account_id = ids.parse(challenge.partition(".")[0])
    if account_id is None:
        raise Unauthenticated("Sign in again: that took too long")
    guards.throttle.spend("sign_in_address", browser.network)
    guards.throttle.spend("sign_in_email", f"code of {account_id}")
    secret = new_secret(guards)

    async def write(tx: Writer) -> None:
        known = await access.user(tx, account_id)
        if known is None or not _fits(guards, known, challenge, tx.now):
            raise Unauthenticated("Sign in again: that took too long")
        if not await two_factor.spend_code(tx, guards.vault, account_id, code):
            raise Unauthenticated("That code is wrong or was used already")
        if not await _signed_in(tx, known, with_code=True):
            raise _wrong()
        await insert(tx, account_id, secret, browser)

    await database.write(write, operation, returns=None)
    return SignedIn(account_id, secret)


async def start(
    database: Database, guards: Guards, account_id: int, browser: Browser, operation: Operation
) -> SignedIn:
    """Signs in whoever has just proven otherwise who they are: by signing up, or by the owner's link."""
    secret = new_secret(guards)

    async def write(tx: Writer) -> None:
        if await access.user(tx, account_id) is None:
            raise NotFound
        await insert(tx, account_id, secret, browser)

    await database.write(write, operation, returns=None)
    return SignedIn(account_id, secret)


async def touch(database: Database, secret: str, address: str) -> None:
    """Remembers that the session is in use; asked for by ``Visit.stale``, about once an hour."""

    async def write(tx: Writer) -> None:
        await tx.run(access.SQL.touch_session, hash=secrets.fingerprint(secret), now=tx.now, client=address)

    await database.write(write)


async def end(database: Database, secret: str) -> None:
    """Signs this browser out."""

    async def write(tx: Writer) -> None:
        await tx.run(access.SQL.delete_session, hash=secrets.fingerprint(secret))

    await database.write(write)


async def end_one(database: Database, account_id: int, session_id: int, operation: Operation) -> None:
    """Signs another browser of this account out. Raises NotFound."""

    async def write(tx: Writer) -> None:
        if not await tx.run(access.SQL.delete_session_by_id, account_id=account_id, id=session_id):
            raise NotFound

    await database.write(write, operation, returns=None)


async def _signed_in(tx: Writer, known: Known, *, with_code: bool) -> bool:
    """Whether what the sign-in was decided on still holds: it may have been read a while ago, and from a standby."""
    return bool(
        await tx.run(
            access.SQL.signed_in, account_id=known.user.account_id, known=known.password_hash,
            with_code=int(with_code), now=tx.now,
        )
    )  # fmt: skip


def new_secret(guards: Guards) -> str:
    return secrets.as_text(guards.chance.secret(32))


async def insert(tx: Writer, account_id: int, secret: str, browser: Browser) -> None:
    """A new session, never the one that the browser came with: nobody can plant a session that they know."""
    if browser.replaces:
        await tx.run(access.SQL.delete_session, hash=secrets.fingerprint(browser.replaces))
    await tx.run(
        access.SQL.insert_session, hash=secrets.fingerprint(secret), id=tx.ids.next(), account_id=account_id,
        client=browser.address, user_agent=browser.user_agent[:AGENT_LONGEST], now=tx.now,
    )  # fmt: skip


def _challenge(guards: Guards, known: Known, expires_at: int) -> str:
    """Proves for a while that the password was right, that is: the one that is the account's then, too."""
    claim = f"{known.user.account_id}.{expires_at}"
    return f"{claim}.{guards.vault.sign(f'{claim}.{known.password_hash}', 'second step')}"


def _fits(guards: Guards, known: Known, challenge: str, now: int) -> bool:
    claim, _, _ = challenge.rpartition(".")
    expires_at = ids.parse(claim.partition(".")[2])
    if expires_at is None or expires_at <= now:
        return False
    return secrets.same(_challenge(guards, known, expires_at), challenge)


def _wrong() -> Unauthenticated:
    return Unauthenticated("The name or the password is wrong")
