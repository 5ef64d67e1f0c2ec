"""What tests of signing up and in share: letters that are caught, operations, accounts with passwords."""

import re
from collections.abc import Awaitable
from typing import Any

from linnet.actions import sign_up
from linnet.actions.sign_up import NewUser, SignUp
from linnet.ports import Message
from linnet.storage.database import Operation
from tests.support.client import World

PASSWORD = "a long enough secret"
_LINK = re.compile(r"token=([\w-]+)")


class Letters:
    """A way out for mail that keeps what was sent. ``fail`` are errors to raise first."""

    configured = True

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.fail: list[Exception] = []

    async def send(self, message: Message) -> None:
        if self.fail:
            raise self.fail.pop()
        self.sent.append(message)

    def link(self) -> str:
        """The token in the last letter."""
        found = _LINK.search(self.sent[-1].text)
        assert found, self.sent[-1]
        return found[1]


def once(world: World) -> Operation:
    return Operation(f"test:{world.parts.ids.next()}")


async def with_password(world: World, name: str, password: str = PASSWORD, **changed: Any) -> int:
    """An account whose password is known; its id."""
    hashed = await world.parts.guards.passwords.hash(password)
    return await sign_up.create_account(world.database, NewUser(name, f"{name}@example.org", hashed, **changed))


def form(name: str = "alice", **changed: Any) -> SignUp:
    given: dict[str, Any] = {"username": name, "email": f"{name}@example.org", "password": PASSWORD, "agreement": True}
    return SignUp(**(given | changed))


async def rows(world: World, table: str) -> list[tuple[Any, ...]]:
    """All rows of a table."""
    from linnet.storage.statements import Statement

    statement = Statement(f"test.{table}", f"select * from {table}", f"select * from {table}", (), frozenset())
    return await world.database.read(lambda tx: _all(tx.all(statement)))


async def _all(found: Awaitable[list[tuple[Any, ...]]]) -> list[tuple[Any, ...]]:
    return await found
