"""A stage for actions: people, statuses and apps to act on, and the list of deeds that are done there.

``DEEDS`` maps ``module.function`` to a coroutine that prepares the stage and hands back the call, which takes its
Operation; ``deeds`` and its siblings fill it.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import linnet.actions
from linnet.actions import media, oauth, statuses
from linnet.domain.oauth import OUT_OF_BAND, AuthorizationRequest
from linnet.domain.statuses import Draft
from linnet.storage.database import Operation
from tests.storage.queries import sql
from tests.support.access import with_password
from tests.support.client import World, make_account

Call = Callable[[Operation], Awaitable[Any]]
Deed = Callable[["Stage"], Awaitable[Call]]
DEEDS: dict[str, Deed] = {}

SECRETS = {
    "invites.create", "oauth.authorize", "oauth.client_token", "oauth.exchange_code", "oauth.register_app",
    "sessions.sign_in", "sessions.sign_in_with_code", "sessions.start", "sign_up.sign_up_by_app", "two_factor.confirm",
    "two_factor.renew_recovery_codes",
}  # fmt: skip
"""Their answer is a secret, which is stored nowhere and so cannot be repeated: doors never give them a client's key."""

PROVING = {"passwords.change_password", "passwords.reset_password", "setup.create_owner"}
"""Ask for a proof that is used up by the first run: whoever asks again is refused."""


def deed(name: str) -> Callable[[Deed], Deed]:
    def file(made: Deed) -> Deed:
        DEEDS[name] = made
        return made

    return file


def actions() -> set[str]:
    """All public actions that take an operation."""
    found = set()
    for module in pkgutil.iter_modules(linnet.actions.__path__):
        loaded = importlib.import_module(f"linnet.actions.{module.name}")
        for name, function in inspect.getmembers(loaded, inspect.iscoroutinefunction):
            own = function.__module__ == loaded.__name__ and not name.startswith("_")
            if own and "operation" in inspect.signature(function).parameters:
                found.add(f"{module.name}.{name}")
    return found


@dataclass(frozen=True)
class Size:
    """Of a picture."""

    width: int = 1
    height: int = 1
    size: str = "1x1"
    aspect: float = 1.0


class Pixel:
    """A picture that was made safe, of one point."""

    files: Mapping[str, bytes] = {"original.png": b"original", "small.png": b"small", "static.png": b"static"}
    mime = "image/png"
    meta: Mapping[str, Any] = {"original": Size(), "small": Size()}
    blurhash = None
    type: Literal["image"] = "image"
    measures = None

    def name(self, stem: str) -> str | None:
        return f"{stem}.png" if f"{stem}.png" in self.files else None


class Pixels:
    """Makes every picture the same point."""

    async def process(self, data: bytes, kind: str) -> Pixel:
        return Pixel()


class Stage:
    """Makes people and things to act on; every name is new."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.database = world.database
        self.site = world.site
        self.guards = world.parts.guards
        self.mail: Any = world.parts.mail
        self._number = 0
        self._moderator = 0

    def number(self) -> int:
        self._number += 1
        return self._number

    def operation(self) -> Operation:
        return Operation(f"stage {self.number()}")

    async def do(self, action: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Any:
        """An action under an operation of its own."""
        return await action(self.database, *args, operation=self.operation(), **named)

    async def person(self, role: str = "user") -> int:
        return await make_account(self.database, f"p{self.number()}", role=role)

    async def moderator(self) -> int:
        """The one moderator."""
        self._moderator = self._moderator or await self.person("moderator")
        return self._moderator

    async def pair(self) -> tuple[int, int]:
        return await self.person(), await self.person()

    async def user(self, **changed: Any) -> int:
        """Somebody with a password."""
        return await with_password(self.world, f"u{self.number()}", **changed)

    async def status(self, author: int, text: str = "", **draft: Any) -> int:
        draft = {"text": text or f"status {self.number()} #tag", **draft}
        return int(await self.do(statuses.post, self.site, author, Draft(**draft)))

    async def upload(self, author: int) -> int:
        parts = self.world.parts
        given = (parts.blobs, parts.ids, parts.chance, author, Pixel(), "a point", (0.0, 0.5))
        return int(await self.do(media.upload, *given))

    async def app(self) -> tuple[Any, str]:
        """A registered app and its secret."""
        return await self.do(oauth.register_app, self.guards, oauth.NewApp("App", (OUT_OF_BAND,), "read write"))

    async def consent(self, account: int, app: Any) -> str:
        """A code of this app for the account."""
        return str(await self.do(oauth.authorize, self.guards, consented(app), account))

    async def link(self) -> str:
        """The token in the letter that is sent next."""
        await self.world.run_jobs()
        return str(self.mail.link())

    async def one(self, text: str, **params: Any) -> Any:
        return await self.database.read(lambda tx: tx.one(sql(text), **params))


def consented(app: Any) -> AuthorizationRequest:
    return AuthorizationRequest(app.id, app.name, None, OUT_OF_BAND, ("read",), None, None)
