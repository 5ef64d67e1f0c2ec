"""Apps that are let in while everything else goes on, each step of it at another machine."""

from typing import Any, NamedTuple

from linnet.drill.client import WRITE_SECONDS, Answer, Client, Wanted

SCOPE = "read"
NOWHERE = "urn:ietf:wg:oauth:2.0:oob"


class Refused(NamedTuple):
    """The step that came to nothing, and what was answered."""

    step: str
    answer: Answer


async def sign_in(client: Client, first: str) -> Refused | None:
    """Registers an app at ``first``, gets a token for it at the next endpoint, shows that at the one after, and gives
    it back. None where all was done: an app that is told that its token is none forgets it.
    """
    app = {"client_name": "Linnet-Drill", "redirect_uris": NOWHERE, "scopes": SCOPE}
    registered = await client.ask(_post("/api/v1/apps", app), first)
    if not registered.good:
        return Refused("registering an app", registered)
    known = {name: registered.json()[name] for name in ("client_id", "client_secret")}
    wanted = {**known, "grant_type": "client_credentials", "redirect_uri": NOWHERE, "scope": SCOPE}
    granted = await client.ask(_post("/oauth/token", wanted), client.after(first))
    if not granted.good:
        return Refused("asking for a token", granted)
    token = str(granted.json()["access_token"])
    shown = await client.ask(Wanted("GET", "/api/v1/apps/verify_credentials", token), client.after(first, 2))
    if not shown.good:
        return Refused("showing a new token", shown)
    back = await client.ask(_post("/oauth/revoke", {**known, "token": token}), first)
    return None if back.good else Refused("giving a token back", back)


def _post(path: str, body: Any) -> Wanted:
    return Wanted("POST", path, body=body, seconds=WRITE_SECONDS)
