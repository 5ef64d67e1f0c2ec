"""The people of a drill: who each token is; and everybody follows everybody, so that each post has many readers."""

import asyncio
from collections.abc import Callable, Sequence

from linnet.drill.client import Answer, Client, Wanted
from linnet.drill.records import Person


class NotAcquainted(Exception):
    """The people cannot be used as they are; the sentence says what is wrong."""


async def acquainted(
    client: Client, tokens: Sequence[str], say: Callable[[str], None] = lambda _: None
) -> tuple[Person, ...]:
    """Who they are, in the order of their tokens. Raises NotAcquainted."""
    people = tuple([await _who(client, token) for token in dict.fromkeys(tokens)])
    if len({person.id for person in people}) < len(people):
        raise NotAcquainted("two of the tokens are of the same account; each must be of another one")
    await asyncio.gather(*(_follow_all(client, person, people) for person in people))
    say(f"{len(people)} people, who all follow each other: {', '.join(person.name for person in people)}")
    return people


async def _who(client: Client, token: str) -> Person:
    answer = await _asked(client, Wanted("GET", "/api/v1/accounts/verify_credentials", token))
    account = answer.json()
    return Person(str(account["id"]), str(account["acct"]), token)


async def _follow_all(client: Client, person: Person, people: Sequence[Person]) -> None:
    others = [other for other in people if other.id != person.id]
    if not others:
        return
    query = "&".join(f"id[]={other.id}" for other in others)
    known = (await _asked(client, Wanted("GET", f"/api/v1/accounts/relationships?{query}", person.token))).json()
    followed = {relation["id"] for relation in known if relation["following"]}
    for other in others:
        if other.id not in followed:
            relation = (
                await _asked(client, Wanted("POST", f"/api/v1/accounts/{other.id}/follow", person.token))
            ).json()
            if not relation["following"]:
                raise NotAcquainted(
                    f"@{other.name} lets nobody follow without being asked; the drill needs an open account"
                )


async def _asked(client: Client, wanted: Wanted) -> Answer:
    answer = await client.ask(wanted, client.endpoints[0])
    if not answer.good:
        raise NotAcquainted(f"{wanted.method} {answer.endpoint}{wanted.path}: {answer.why}")
    return answer
