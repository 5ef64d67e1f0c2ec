"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for the day it is lost."""

import base64
import re
from typing import Any, NamedTuple

import msgspec
import pyotp

from linnet.actions import letters
from linnet.actions.passwords import check_password
from linnet.domain import secrets
from linnet.domain.errors import Conflict, Invalid, NotFound
from linnet.domain.site import Site
from linnet.ports import Guards, Mail, Vault
from linnet.storage import access, moderation, relations
from linnet.storage.database import Database, Operation, Writer

RECOVERY_CODES = 10
STEP_MS = 30_000
_DIGITS = re.compile(r"[0-9]{6}")


class Enrolment(NamedTuple):
    """What an authenticator app is told: ``uri`` as a QR code, ``secret`` for typing. ``sealed`` goes into the form."""

    secret: str
    uri: str
    sealed: str


def enrol(site: Site, guards: Guards, account_id: int, username: str) -> Enrolment:
    """A new secret. Nothing is stored until ``confirm`` has seen a code made with it."""
    secret = base64.b32encode(guards.chance.secret(20)).decode()
    uri = pyotp.TOTP(secret).provisioning_uri(name=f"@{username}", issuer_name=site.domain)
    return Enrolment(secret, uri, guards.vault.encrypt(secret, f"enrolment of {account_id}"))


async def confirm(
    database: Database, site: Site, guards: Guards, mail: Mail, account_id: int, sealed: str, code: str, password: str,
    operation: Operation,
) -> tuple[str, ...]:  # fmt: skip
    """Turns the second factor on; the recovery codes, which are shown this once. Raises Invalid (code, password)."""
    await check_password(database, guards, account_id, password)
    try:
        secret = guards.vault.decrypt(sealed, f"enrolment of {account_id}")
    except ValueError:
        raise Invalid("code", "belongs to a form that has expired: begin again") from None
    codes = _new_codes(guards)

    async def write(tx: Writer) -> None:
        step = _step(secret, code, tx.now)
        if step is None:
            raise Invalid("code", "is not the one that your app shows now")
        username, email = await _owner(tx, account_id)
        await tx.run(
            access.SQL.set_totp, account_id=account_id, totp_secret=guards.vault.encrypt(secret, _purpose(account_id)),
            totp_step=step, recovery_codes=_stored(codes),
        )  # fmt: skip
        if mail.configured:
            await letters.enqueue(tx, letters.two_factor_changed(site, username, email, on=True))

    await database.write(write, operation, returns=None)
    return codes


async def disable(
    database: Database, site: Site, guards: Guards, mail: Mail, account_id: int, password: str, operation: Operation
) -> None:
    """Turns the second factor off. Raises Invalid for a wrong password."""
    await check_password(database, guards, account_id, password)

    async def write(tx: Writer) -> None:
        username, email = await _owner(tx, account_id)
        await tx.run(access.SQL.set_totp, account_id=account_id, totp_secret=None, totp_step=0, recovery_codes="[]")
        if mail.configured:
            await letters.enqueue(tx, letters.two_factor_changed(site, username, email, on=False))

    await database.write(write, operation, returns=None)


async def remove(
    database: Database, site: Site, mail: Mail, moderator_id: int | None, account_id: int, operation: Operation
) -> None:
    """For somebody who has lost both the app and the recovery codes, and has proven otherwise who they are.

    ``moderator_id`` is None for the operator. Raises NotFound, or Conflict where it is off.
    """

    async def write(tx: Writer) -> None:
        await tx.all(relations.SQL.lock, ids=(account_id,))
        username, email = await _owner(tx, account_id)
        row = await tx.one(access.SQL.totp, account_id=account_id)
        if row is None or row[0] is None:
            raise Conflict("Two-factor authentication is off")
        await tx.run(access.SQL.set_totp, account_id=account_id, totp_secret=None, totp_step=0, recovery_codes="[]")
        await moderation.note(tx, moderator_id, "account.two_factor_off", username)
        if mail.configured:
            await letters.enqueue(tx, letters.two_factor_changed(site, username, email, on=False))

    await database.write(write, operation, returns=None)


async def renew_recovery_codes(
    database: Database, guards: Guards, account_id: int, password: str, operation: Operation
) -> tuple[str, ...]:
    """New recovery codes; the old ones are good no more. Raises Invalid (password) or Conflict (it is off)."""
    await check_password(database, guards, account_id, password)
    codes = _new_codes(guards)

    async def write(tx: Writer) -> None:
        row = await tx.one(access.SQL.totp, account_id=account_id)
        if row is None or row[0] is None:
            raise Conflict("Two-factor authentication is off")
        await tx.run(
            access.SQL.use_recovery_code, account_id=account_id, known=row[2], left=_stored(codes)
        )  # fmt: skip

    await database.write(write, operation, returns=None)
    return codes


async def spend_code(tx: Writer, vault: Vault, account_id: int, code: str) -> bool:
    """Whether ``code`` is good, which it is once: a code of the app by its time step, a recovery code by its row."""
    row = await tx.one(access.SQL.totp, account_id=account_id)
    if row is None or row[0] is None:
        return False
    typed = "".join(code.split())
    if _DIGITS.fullmatch(typed):
        step = _step(vault.decrypt(row[0], _purpose(account_id)), typed, tx.now)
        return step is not None and bool(await tx.run(access.SQL.use_totp_step, account_id=account_id, step=step))
    known: list[str] = msgspec.json.decode(row[2], type=list[str])
    mark = secrets.recovery_fingerprint(typed)
    left = [one for one in known if not secrets.same(one, mark)]
    if len(left) == len(known):
        return False
    return bool(await tx.run(access.SQL.use_recovery_code, account_id=account_id, known=row[2], left=_json(left)))


def _step(secret: str, code: str, now_ms: int) -> int | None:
    """The time step that the code is of: this one, or one of its neighbours, since clocks differ."""
    made = pyotp.TOTP(secret)
    present = now_ms // STEP_MS
    for step in (present, present - 1, present + 1):
        if secrets.same(made.at(step * STEP_MS // 1000), "".join(code.split())):
            return int(step)
    return None


async def _owner(tx: Writer, account_id: int) -> tuple[str, str]:
    known = await access.user(tx, account_id)
    if known is None:
        raise NotFound
    return known.user.username, known.user.email


def _new_codes(guards: Guards) -> tuple[str, ...]:
    return tuple(secrets.recovery_code(guards.chance.secret(10)) for _ in range(RECOVERY_CODES))


def _stored(codes: tuple[str, ...]) -> str:
    return _json([secrets.recovery_fingerprint(code) for code in codes])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _purpose(account_id: int) -> str:
    return f"totp of {account_id}"
