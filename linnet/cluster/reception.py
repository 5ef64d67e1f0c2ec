"""What a node answers at its control port: to whoever wants to join, and to commands about members."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from linnet.cluster import admission, certificates, membership
from linnet.cluster.admission import Request
from linnet.cluster.control import Asked, Route
from linnet.cluster.place import Place
from linnet.domain.errors import Conflict, Invalid, LinnetError, TooMany, Unavailable
from linnet.secrecy import open_vault
from linnet.supervision import Tasks

JOINS_MAX = 4
"""So many strangers are heard at once: each costs some questions to etcd."""
NAME_MAX = 40


class Reception:
    """One change at a time is made by a node; it goes to its end whether or not whoever asked goes on listening."""

    def __init__(self, place: Place, tasks: Tasks) -> None:
        self._place = place
        self._tasks = tasks
        self._joining = 0

    def routes(self) -> Mapping[str, Route]:
        place = self._place
        changes = {
            "switchover": lambda body: membership.switchover(place, _text(body, "to")),
            "drain": lambda body: membership.drain(place),
            "undrain": lambda body: membership.undrain(place),
            "leave": lambda body: membership.leave(place, sure=bool(body.get("sure"))),
            "remove": lambda body: membership.remove(place, _text(body, "name"), sure=bool(body.get("sure"))),
        }
        return {
            "GET /authority": Route(self._authority, open=True),
            "POST /join": Route(self._join, open=True),
            "POST /token": Route(self._token),
            "POST /revoke": Route(self._revoke),
            **{f"POST /{name}": Route(self._changing(name, change)) for name, change in changes.items()},
        }

    # -- joining ------------------------------------------------------------------------------------------------------

    async def _authority(self, asked: Asked) -> Mapping[str, Any]:
        """Public: whoever joins compares its fingerprint with that in the token before it says anything."""
        return {"authority": self._place.folders.ca.read_text("ascii")}

    async def _join(self, asked: Asked) -> Mapping[str, Any]:
        if self._joining >= JOINS_MAX:
            raise TooMany("Too many machines ask to be let in; try again in a moment", 1)
        self._joining += 1
        try:
            request = Request.read(asked.body)
            entry = await admission.admit(self._place.majority, request, self._place.clock)
        finally:
            self._joining -= 1
        self._place.node.say(f"{entry.member.name} at {entry.member.address} was let in with a token, and is joining")
        return await self._in_common()

    async def _in_common(self) -> Mapping[str, Any]:
        """What all nodes of a cluster have: it is told to whoever showed a good token, and to nobody else."""
        place, folders = self._place, self._place.folders
        vault = folders.data / "secrets" / "vault.key"
        open_vault(vault, place.chance)
        options = folders.data / "linnet.toml"
        listed = await admission.members(place.majority)
        return {
            "cluster": place.node.file.cluster,
            "origin": place.node.file.origin,
            "authority_key": folders.ca_key.read_text("ascii"),
            "passwords": asdict(place.node.passwords),
            "vault_key": vault.read_text("ascii"),
            "options": options.read_text("utf-8") if options.exists() else "",
            "members": [{**one.member.public(), "state": one.state} for one in listed.values()],
            "now_ms": place.clock.now_ms(),
        }

    async def _token(self, asked: Asked) -> Mapping[str, Any]:
        place = self._place
        valid_ms = asked.body.get("valid_ms", admission.TOKEN_MS)
        if not isinstance(valid_ms, int):
            raise Invalid("valid_ms", "must be a number of milliseconds")
        fingerprint = certificates.fingerprint(place.folders.ca.read_bytes())
        token = await admission.invite(place.majority, fingerprint, place.chance, place.clock, valid_ms)
        return {"token": str(token), "url": place.me.control_url}

    async def _revoke(self, asked: Asked) -> Mapping[str, Any]:
        return {"revoked": await admission.revoke(self._place.majority)}

    # -- changes ------------------------------------------------------------------------------------------------------

    def _changing(self, name: str, change: Any) -> Any:
        async def answer(asked: Asked) -> AsyncIterator[str]:
            return self._begin(name, change(asked.body))

        return answer

    def _begin(self, name: str, sentences: AsyncIterator[str]) -> AsyncIterator[str]:
        """Raises Conflict while another change is being made."""
        self._place.begin(name)
        told: asyncio.Queue[str | LinnetError | None] = asyncio.Queue()
        self._tasks.start(name, self._work(name, sentences, told))
        return _heard(told)

    async def _work(
        self, name: str, sentences: AsyncIterator[str], told: "asyncio.Queue[str | LinnetError | None]"
    ) -> None:
        last: LinnetError | None = Unavailable(f"This node was ended before {name} was done; give the command again")
        try:
            async for sentence in sentences:
                self._place.node.say(sentence)
                told.put_nowait(sentence)
            last = None
        except LinnetError as error:
            self._place.node.say(f"{name} was not done: {error}")
            last = error
        except Exception:  # boundary: whoever waits is told, too, before it is raised as what it is
            last = Conflict(f"{name} met a mistake of ours; the node's log says more")
            raise
        finally:
            self._place.doing = ""
            told.put_nowait(last)


async def _heard(told: "asyncio.Queue[str | LinnetError | None]") -> AsyncIterator[str]:
    while (sentence := await told.get()) is not None:
        if isinstance(sentence, LinnetError):
            raise sentence
        yield sentence


def _text(body: Mapping[str, Any], name: str) -> str:
    found = body.get(name, "")
    if not isinstance(found, str) or len(found) > NAME_MAX:
        raise Invalid(name, "must be the name of a node")
    return found
