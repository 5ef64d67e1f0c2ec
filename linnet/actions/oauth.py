"""OAuth 2: registering apps, giving consent, exchanging codes for tokens, revoking (RFC 6749, 7009, 7636)."""

from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from linnet.domain import oauth, scopes, secrets
from linnet.domain.access import AppView
from linnet.domain.errors import Invalid, Invalids, NotAllowed, NotFound
from linnet.domain.oauth import AuthorizationRequest, Refused
from linnet.ports import Guards
from linnet.storage import access
from linnet.storage.database import Database, Operation, Writer, surely

NAME_LONGEST = 60
WEBSITE_LONGEST = 2000


@dataclass(frozen=True, slots=True)
class NewApp:
    """What a client tells about itself."""

    name: str
    redirect_uris: tuple[str, ...]
    scopes: str = ""
    website: str = ""


class Registered(NamedTuple):
    """The app with its secret, which is told this once."""

    app: AppView
    secret: str


class Token(msgspec.Struct, frozen=True):
    """``created_at`` in ms since 1970."""

    access_token: str
    scopes: tuple[str, ...]
    created_at: int


async def register_app(database: Database, guards: Guards, new: NewApp, operation: Operation) -> Registered:
    """Raises Invalids."""
    wanted = _check_app(new)
    client_id = secrets.as_text(guards.chance.secret(32))
    secret = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> AppView:
        app_id = tx.ids.next()
        await tx.run(
            access.SQL.insert_app, id=app_id, client_id=client_id, secret_hash=secrets.fingerprint(secret),
            name=new.name.strip(), website=new.website.strip() or None, redirect_uris="\n".join(new.redirect_uris),
            scopes=" ".join(wanted), now=tx.now,
        )  # fmt: skip
        website = new.website.strip() or None
        return AppView(app_id, client_id, new.name.strip(), website, new.redirect_uris, wanted)

    return Registered(await database.write(write, operation, returns=AppView), secret)


def _check_app(new: NewApp) -> tuple[str, ...]:
    """The scopes that the app may ask for."""
    found: list[Invalid] = []
    if not new.name.strip():
        found.append(Invalid("name", "can't be blank", "ERR_BLANK"))
    elif len(new.name.strip()) > NAME_LONGEST:
        found.append(Invalid("name", f"is too long (maximum is {NAME_LONGEST} characters)", "ERR_TOO_LONG"))
    if not new.redirect_uris:
        found.append(Invalid("redirect_uri", "can't be blank", "ERR_BLANK"))
    for uri in new.redirect_uris:
        try:
            oauth.check_redirect_uri(uri)
        except Invalid as error:
            found.append(error)
            break
    wanted = scopes.parse(new.scopes)
    if scopes.unknown(wanted):
        found.append(Invalid("scopes", "doesn't match configured on the server.", "ERR_INVALID"))
    if new.website.strip() and not _is_website(new.website.strip()):
        found.append(Invalid("website", "must be a web address", "ERR_INVALID"))
    if found:
        raise Invalids(tuple(found))
    return wanted


def _is_website(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and len(text) <= WEBSITE_LONGEST


async def authorize(
    database: Database, guards: Guards, request: AuthorizationRequest, account_id: int, operation: Operation
) -> str:
    """The account consents: a code, good once, for ten minutes, for this app and this redirect address."""
    code = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> None:
        known = await access.user(tx, account_id)
        if known is None:
            raise NotFound
        if known.user.barred:
            raise NotAllowed(known.user.barred)
        await tx.run(
            access.SQL.insert_grant, code_hash=secrets.fingerprint(code), app_id=request.app_id, account_id=account_id,
            redirect_uri=request.redirect_uri, scopes=" ".join(request.scopes), challenge=request.challenge,
            expires_at=tx.now + oauth.CODE_MS,
        )  # fmt: skip

    await database.write(write, operation, returns=None)
    return code


async def exchange_code(
    database: Database, guards: Guards, app: AppView, code: str, redirect_uri: str, verifier: str, operation: Operation
) -> Token:
    """The token for a code. ``app`` is from ``authenticate``. Raises Refused(invalid_grant).

    A code that is shown a second time may have been stolen, so the token that it was exchanged for ends
    (RFC 6749, 4.1.2).
    """
    mark, token = secrets.fingerprint(code), secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> Token | None:
        row = await tx.one(access.SQL.grant, code_hash=mark)
        if row is None or row[0] != app.id:
            return None
        _, account_id, granted_uri, granted, challenge, expires_at, used = row
        if used is not None:
            await tx.run(access.SQL.delete_token, hash=used)
            return None
        fits = secrets.same(granted_uri, redirect_uri) and oauth.verifies(challenge, verifier)
        if expires_at <= tx.now or not fits:
            return None
        if not await tx.run(access.SQL.use_grant, code_hash=mark, token_hash=secrets.fingerprint(token)):
            # Shown twice at the same moment, and the other one was quicker.
            row = await tx.one(access.SQL.grant, code_hash=mark)
            await tx.run(access.SQL.delete_token, hash=row[6] if row else "")
            return None
        await tx.run(
            access.SQL.insert_token, hash=secrets.fingerprint(token), id=tx.ids.next(), app_id=app.id,
            account_id=account_id, scopes=granted, now=tx.now,
        )  # fmt: skip
        return Token("", tuple(granted.split()), tx.now)

    made = await database.write(write, operation, returns=Token | None)
    if made is None:
        raise Refused(
            "invalid_grant",
            "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in "
            "the authorization request, or was issued to another client.",
        )
    return Token(token, made.scopes, made.created_at)


async def client_token(database: Database, guards: Guards, app: AppView, asked: str, operation: Operation) -> Token:
    """An app's own token (client credentials). Raises Refused(invalid_scope)."""
    wanted = check_scopes(app, asked)
    token = secrets.as_text(guards.chance.secret(32))

    async def write(tx: Writer) -> int:
        await tx.run(
            access.SQL.insert_token, hash=secrets.fingerprint(token), id=tx.ids.next(), app_id=app.id,
            account_id=None, scopes=" ".join(wanted), now=tx.now,
        )  # fmt: skip
        return tx.now

    return Token(token, wanted, await database.write(write, operation, returns=int))


async def authenticate(database: Database, client_id: str, client_secret: str) -> AppView:
    """The app that knows its secret. Raises Refused(invalid_client), or Unavailable: apps forget what is refused."""
    app = await surely(database, lambda tx: access.app(tx, client_id))
    if app is None or not secrets.same(app.secret_hash, secrets.fingerprint(client_secret)):
        raise Refused(
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or unsupported "
            "authentication method.",
        )
    return app.view


def check_scopes(app: AppView, asked: str) -> tuple[str, ...]:
    """The scopes asked for, where the app registered for them. Raises Refused(invalid_scope)."""
    wanted = scopes.parse(asked)
    if scopes.unknown(wanted) or not scopes.contains(app.scopes, wanted):
        raise Refused("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
    return wanted


async def revoke(database: Database, app: AppView, token: str, operation: Operation) -> None:
    """Ends one of the app's tokens; one that is not there is ended already. Raises Refused(unauthorized_client)."""
    mark = secrets.fingerprint(token)

    async def write(tx: Writer) -> bool:
        row = await tx.one(access.SQL.token_app, hash=mark)
        if row is not None and row[0] != app.id:
            return False
        await tx.run(access.SQL.delete_token, hash=mark)
        return True

    if not await database.write(write, operation, returns=bool):
        raise Refused("unauthorized_client", "You are not authorized to revoke this token")


async def revoke_app(database: Database, account_id: int, app_id: int, operation: Operation) -> None:
    """The account takes its consent back: all of the app's tokens for it end. Raises NotFound."""

    async def write(tx: Writer) -> None:
        ended = await tx.run(access.SQL.delete_tokens_of_app, account_id=account_id, app_id=app_id)
        ended += await tx.run(access.SQL.delete_grants_of_app, account_id=account_id, app_id=app_id)
        if not ended:
            raise NotFound

    await database.write(write, operation, returns=None)
