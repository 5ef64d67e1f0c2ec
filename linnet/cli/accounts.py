"""``linnet account``: the accounts of this server, as its operator sees them."""

import argparse
import sys
from collections.abc import Awaitable, Callable

from linnet.actions import deletions, moderation, passwords, sign_up, suspensions, two_factor
from linnet.actions.sign_up import NewUser
from linnet.cli.ending import USAGE, Ending
from linnet.cli.opening import Opened
from linnet.cli.printing import as_json, day, table
from linnet.cli.running import on_data, once
from linnet.config import Config
from linnet.domain import passwords as password_rules
from linnet.domain import secrets
from linnet.domain.access import User
from linnet.domain.errors import NotFound
from linnet.queries import people, users
from linnet.queries.people import Person

PAGE = 500


def create(config: Config, chosen: argparse.Namespace) -> None:
    """Makes an account that is confirmed and approved; prints its password where it was made up here."""
    given = _given_password(chosen)
    name = chosen.name.removeprefix("@")

    async def work(parts: Opened) -> str:
        password = given or made_up(parts)
        password_rules.check(password, name, chosen.email)
        password_hash = await parts.guards.passwords.hash(password)
        await sign_up.create_account(parts.database, NewUser(name, chosen.email, password_hash, chosen.role))
        return password

    password = on_data(config, work)
    print(f"The account @{name} is there ({chosen.role}).", file=sys.stderr)
    if not given:
        print(f"password: {password}")


def reset_password(config: Config, chosen: argparse.Namespace) -> None:
    """Sets another password; every session and every app's token of the account ends."""
    given = _given_password(chosen)

    async def work(parts: Opened) -> tuple[str, str]:
        user = await _user(parts, chosen.name)
        password = given or made_up(parts)
        password_rules.check(password, user.username, user.email)
        await passwords.set_password(parts.database, parts.guards, user.account_id, password)
        return user.username, password

    name, password = on_data(config, work)
    print(f"@{name} has another password; all sessions and apps of theirs are signed out.", file=sys.stderr)
    if not given:
        print(f"password: {password}")


def reset_two_factor(config: Config, chosen: argparse.Namespace) -> None:
    """Turns the second step of signing in off, for somebody who has lost both the app and the recovery codes."""
    _decide(config, chosen, "signs in with the password alone", _reset_two_factor)


def listing(config: Config, chosen: argparse.Namespace) -> None:
    """All accounts, or those in one state."""

    async def work(parts: Opened) -> list[Person]:
        found: list[Person] = []
        after = 0
        while page := await people.listed(parts.database, after, PAGE):
            found += (person for person in page if chosen.state in (None, person.state))
            after = page[-1].id
        return found

    found = on_data(config, work)
    if chosen.json:
        as_json([{"id": person.id, "state": person.state, **_fields(person)} for person in found])
        return
    table(
        ("NAME", "E-MAIL", "ROLE", "STATE", "POSTS", "FOLLOWERS", "SINCE", "LAST POST"),
        (
            (
                f"@{person.username}", person.email, person.role, person.state, person.statuses, person.followers,
                day(person.created_at), day(person.last_status_at),
            )
            for person in found
        ),
    )  # fmt: skip


def _fields(person: Person) -> dict[str, object]:
    return {name: getattr(person, name) for name in person.__struct_fields__ if name != "id"}


def suspend(config: Config, chosen: argparse.Namespace) -> None:
    _decide(config, chosen, "is suspended: nobody sees the account, and it may do nothing", _suspend)


def unsuspend(config: Config, chosen: argparse.Namespace) -> None:
    _decide(config, chosen, "is back, with all that the account had", _unsuspend)


def approve(config: Config, chosen: argparse.Namespace) -> None:
    _decide(config, chosen, "may sign in now", _approve)


def reject(config: Config, chosen: argparse.Namespace) -> None:
    _decide(config, chosen, "is turned away; nothing is kept and the name is free again", _reject)


def delete(config: Config, chosen: argparse.Namespace) -> None:
    """Asks for the name again, unless ``--yes``: it cannot be undone."""
    name = chosen.name.removeprefix("@")
    if not chosen.yes:
        if not sys.stdin.isatty():
            raise Ending(USAGE, f"Deleting @{name} cannot be undone. Repeat the command with --yes.")
        print(f"This deletes @{name} with all posts, and cannot be undone. Type the name again: ", end="", flush=True)
        if sys.stdin.readline().strip().removeprefix("@") != name:
            raise Ending(USAGE, "That is another name; nothing was deleted.")
    _decide(config, chosen, "is deleted; the running server clears the posts away", _delete)


Decision = Callable[[Opened, User, str], Awaitable[None]]


def _decide(config: Config, chosen: argparse.Namespace, says: str, decision: Decision) -> None:
    reason = getattr(chosen, "reason", "") or ""

    async def work(parts: Opened) -> str:
        user = await _user(parts, chosen.name)
        await decision(parts, user, reason)
        return user.username

    print(f"@{on_data(config, work)} {says}.", file=sys.stderr)


async def _reset_two_factor(parts: Opened, user: User, reason: str) -> None:
    await two_factor.remove(parts.database, parts.site, parts.mail, None, user.account_id, once(parts))


async def _suspend(parts: Opened, user: User, reason: str) -> None:
    await suspensions.suspend(parts.database, None, user.account_id, once(parts), reason=reason)


async def _unsuspend(parts: Opened, user: User, reason: str) -> None:
    await suspensions.unsuspend(parts.database, None, user.account_id, once(parts), reason=reason)


async def _approve(parts: Opened, user: User, reason: str) -> None:
    await moderation.approve(parts.database, parts.site, parts.mail, None, user.account_id, once(parts))


async def _reject(parts: Opened, user: User, reason: str) -> None:
    await moderation.reject(parts.database, None, user.account_id, once(parts), reason=reason)


async def _delete(parts: Opened, user: User, reason: str) -> None:
    await deletions.delete(parts.database, None, user.account_id, once(parts), reason=reason)


async def _user(parts: Opened, name: str) -> User:
    user = await users.called(parts.database, name)
    if user is None:
        raise NotFound(f"There is no account called {name}")
    return user


def made_up(parts: Opened) -> str:
    """A password that nobody guesses and somebody can type."""
    return secrets.as_text(parts.chance.secret(12))


def _given_password(chosen: argparse.Namespace) -> str:
    """From ``--password`` or standard input; '' where one is to be made up."""
    if not chosen.password_stdin:
        return chosen.password or ""
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise Ending(USAGE, "Standard input has no password in its first line.")
    return line
