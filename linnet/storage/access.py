"""Users, apps, tokens and sessions as rows; secrets only as hashes."""

from typing import NamedTuple

from linnet.domain import emails, usernames
from linnet.domain.access import AppView, User
from linnet.storage import statements
from linnet.storage.database import Reader
from linnet.storage.statements import Row, Statement

SQL = statements.load("access")


class Known(NamedTuple):
    """A user with the hash of its password, which stays inside actions."""

    user: User
    password_hash: str


class App(NamedTuple):
    """An app with the hash of its secret."""

    view: AppView
    secret_hash: str


async def user(tx: Reader, account_id: int) -> Known | None:
    return await _known(tx, SQL.user, account_id=account_id)


async def user_called(tx: Reader, name: str) -> Known | None:
    """By e-mail address, or by username."""
    if "@" in name.lstrip("@"):
        return await _known(tx, SQL.user_by_email, email_key=emails.key(name))
    return await _known(tx, SQL.user_by_name, username_key=usernames.key(name.lstrip("@")))


async def app(tx: Reader, client_id: str) -> App | None:
    row = await tx.one(SQL.app, client_id=client_id)
    return None if row is None else _app(row)


async def app_by_id(tx: Reader, app_id: int) -> App | None:
    row = await tx.one(SQL.app_by_id, id=app_id)
    return None if row is None else _app(row)


def _app(row: Row) -> App:
    id, client_id, secret_hash, name, website, redirect_uris, scopes = row
    uris = tuple(redirect_uris.split("\n"))
    return App(AppView(id, client_id, name, website, uris, tuple(scopes.split())), secret_hash)


async def _known(tx: Reader, statement: Statement, **params: int | str) -> Known | None:
    row = await tx.one(statement, **params)
    return None if row is None else Known(User(*[*row[:11], bool(row[11])]), row[12])
