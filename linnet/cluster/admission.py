"""Who may come in: join tokens and the list of members, as etcd keeps them; each step is one transaction."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from linnet.cluster import layout, tokens
from linnet.cluster.layout import JOINING, READY, Member
from linnet.cluster.tokens import Token
from linnet.domain.errors import Conflict, Invalid, NotAllowed, Unavailable
from linnet.domain.journal import FAILING
from linnet.domain.majority import Compare, Delete, KeyValue, Put, absent, after_prefix, unchanged
from linnet.ports import Chance, Clock, Majority

MEMBERS = layout.MEMBERS
TOKENS = f"{layout.PREFIX}tokens/"
MEMBERS_MAX = 7
"""Each further one makes every commit of etcd slower, and none of them safer."""
TOKENS_MAX = 32
TOKEN_MS = 24 * 3_600_000
TOKEN_MS_MAX = 30 * 24 * 3_600_000
CLAIM_BYTES = 20


@dataclass(frozen=True, slots=True)
class Listed:
    """A member as it stands in etcd. ``claim`` is what it must know to go on with a join that was cut off."""

    member: Member
    state: str
    modified: int = 0
    claim: str = ""
    token: str = ""

    def value(self) -> bytes:
        more = {"claim": self.claim, "token": self.token} if self.state == JOINING else {}
        return json.dumps({**self.member.public(), "state": self.state, **more}).encode()


def key_of(name: str) -> str:
    return MEMBERS + name


def listed(found: KeyValue) -> Listed:
    """Raises Invalid for what no version of ours has written."""
    try:
        values = json.loads(found.value)
        state = str(values["state"])
        claim, token = str(values.get("claim", "")), str(values.get("token", ""))
        return Listed(layout.member(values), state, found.modified, claim, token)
    except (KeyError, TypeError, ValueError) as error:
        raise Invalid("member", f"{found.key} is not as this version writes it ({type(error).__name__})") from None


async def members(majority: Majority, *, local: bool = False) -> dict[str, Listed]:
    """All of them by name, those that are joining or leaving too."""
    found = await majority.range(MEMBERS, after_prefix(MEMBERS), local=local)
    return {one.member.name: one for one in map(listed, found.keys)}


async def found_cluster(majority: Majority, first: Member) -> None:
    """Enters the first member; entered again, it stays as it is."""
    await majority.transact([absent(key_of(first.name))], [Put(key_of(first.name), Listed(first, READY).value())])


async def set_state(majority: Majority, name: str, state: str, *, of: tuple[str, ...]) -> Listed:
    """Moves a member from one of the states ``of`` to another one; there already is fine. Raises Conflict."""
    while True:
        found = await majority.get(key_of(name))
        if found is None:
            raise Conflict(f"{name} is not a member of this cluster")
        known = listed(found)
        if known.state == state:
            return known
        if known.state not in of:
            raise Conflict(f"{name} is {known.state}, so this cannot be done now")
        moved = Listed(known.member, state)
        compares, steps = [unchanged(found.key, found.modified)], [Put(found.key, moved.value())]
        if (await majority.transact(compares, steps)).succeeded:
            return moved


async def remove(majority: Majority, name: str) -> None:
    """Strikes a member off the list, with the token that it was joining by; one that is not on it is fine.

    What is said of a failing disk goes, too: it may be this one's, which is to be another when it joins again.
    """
    while (found := await majority.get(key_of(name))) is not None:
        token = listed(found).token
        steps = [Delete(found.key), Delete(FAILING), *([Delete(token)] if token.startswith(TOKENS) else [])]
        if (await majority.transact([unchanged(found.key, found.modified)], steps)).succeeded:
            return


# -- tokens ----------------------------------------------------------------------------------------------------------


async def invite(majority: Majority, fingerprint: str, chance: Chance, clock: Clock, valid_ms: int = TOKEN_MS) -> Token:
    """A new token, good for one machine. What has ended goes. Raises Invalid, Conflict."""
    if not 60_000 <= valid_ms <= TOKEN_MS_MAX:
        raise Invalid("valid", "must be from 1m to 30d")
    there = await majority.range(TOKENS, after_prefix(TOKENS), limit=4 * TOKENS_MAX)
    old = [found.key for found in there.keys if _ends_ms(found) <= clock.now_ms()]
    if len(there.keys) - len(old) >= TOKENS_MAX:
        raise Conflict(f"There are {TOKENS_MAX} tokens that were not used; wait until one ends")
    token = Token(fingerprint, chance.secret(tokens.SECRET_BYTES))
    value = json.dumps({"until": clock.now_ms() + valid_ms}).encode()
    await majority.transact([], [*map(Delete, old), Put(TOKENS + tokens.digest(token.secret), value)])
    return token


async def revoke(majority: Majority) -> int:
    """Ends all tokens that no machine has shown yet, and says how many. A machine that has shown one is `remove`d."""
    while True:
        there = await majority.range(TOKENS, after_prefix(TOKENS), limit=4 * TOKENS_MAX)
        unused = [found for found in there.keys if not _shown_by(found)]
        compares = [unchanged(found.key, found.modified) for found in unused]
        if not unused or (await majority.transact(compares, [Delete(found.key) for found in unused])).succeeded:
            return len(unused)


def _shown_by(found: KeyValue) -> str:
    """The hash of the claim of the machine that a token is good for alone; '' where none has shown it yet."""
    try:
        return str(json.loads(found.value).get("claim", ""))
    except (ValueError, AttributeError):
        return ""


def _ends_ms(found: KeyValue) -> int:
    try:
        return int(json.loads(found.value)["until"])
    except (KeyError, TypeError, ValueError):
        return 0


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What a new machine asks with. ``claim`` is random and its own: with it alone a cut-off join goes on."""

    secret: bytes
    claim: bytes
    member: Member

    def body(self) -> dict[str, Any]:
        return {"secret": self.secret.hex(), "claim": self.claim.hex(), "member": self.member.public()}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> "Request":
        """Raises Invalid."""
        try:
            secret, claim = bytes.fromhex(body["secret"]), bytes.fromhex(body["claim"])
            member = layout.member(body["member"])
        except (KeyError, TypeError, ValueError):
            raise Invalid(
                "join", "is not as this version of Linnet asks it; the same version must run on all"
            ) from None
        if len(secret) != tokens.SECRET_BYTES or len(claim) != CLAIM_BYTES:
            raise Invalid("join", "has a token that is none")
        return cls(secret, claim, member)


async def admit(majority: Majority, request: Request, clock: Clock) -> Listed:
    """Takes the machine into the list as joining. Asked again with the same claim, the answer is the same.

    A token is spent by the first machine that shows it: then it is good only together with that machine's claim, and
    gone when it has joined. Raises NotAllowed, Conflict; nothing has changed then.
    """
    token_key, name = TOKENS + tokens.digest(request.secret), request.member.name
    claim = tokens.digest(request.claim)
    found = await majority.get(token_key)
    known = await members(majority)
    before = known.get(name)
    if before is None or before.claim != claim:
        _check_token(found, claim, clock.now_ms())
    _check_place(request.member, claim, known)
    if before is not None:
        return before
    assert found is not None
    entry = Listed(request.member, JOINING, claim=claim, token=token_key)
    spent = json.dumps({"until": _ends_ms(found), "claim": claim}).encode()
    compares: list[Compare] = [unchanged(token_key, found.modified), absent(key_of(name))]
    if not (await majority.transact(compares, [Put(token_key, spent), Put(key_of(name), entry.value())])).succeeded:
        # Or the same transaction was run twice, and this is the answer of the second.
        again = (await members(majority)).get(name)
        if again is None or again.claim != claim:
            raise Unavailable("Another machine is being let in at the same moment; try again", retry_after=1)
    return entry


def _check_token(found: KeyValue | None, claim: str, now_ms: int) -> None:
    """One sentence for whatever is wrong with it: strangers learn nothing here."""
    shown_by = "" if found is None else _shown_by(found)
    # A join that has begun in time may be brought to its end; what cannot be read has ended.
    good = hmac.compare_digest(shown_by, claim) if shown_by else found is not None and _ends_ms(found) > now_ms
    if not good:
        raise NotAllowed("The token is not good: it was used by another machine, has ended, or is of another cluster")


def _check_place(member: Member, claim: str, known: Mapping[str, Listed]) -> None:
    before = known.get(member.name)
    if before is not None and before.claim != claim:
        raise Conflict(f"There is a member {member.name} already; choose another name with --name")
    if before is not None and before.member != member:
        raise Conflict(f"{member.name} has begun to join at {before.member.address}; go on with that address and ports")
    for other in known.values():
        if other.member.name != member.name and _overlap(other.member, member):
            raise Conflict(f"{other.member.name} is at {member.address} with these ports already")
    if before is None and len(known) >= MEMBERS_MAX:
        raise Conflict(f"A cluster has {MEMBERS_MAX} members at most: more make it slower and not safer")


def _overlap(one: Member, other: Member) -> bool:
    mine, theirs = one.public()["ports"], other.public()["ports"]
    return one.address == other.address and bool(set(mine.values()) & set(theirs.values()))


async def announce(majority: Majority, name: str) -> None:
    """The last step of a join: everybody takes the member in, and its token is gone. Again is fine."""
    found = await majority.get(key_of(name))
    known = None if found is None else listed(found)
    if found is None or known is None:
        raise Conflict(f"{name} is not a member of this cluster any more; join again, with a new token")
    if known.state != JOINING:
        return
    steps: list[Put | Delete] = [Put(found.key, Listed(known.member, READY).value())]
    if known.token.startswith(TOKENS):
        steps.append(Delete(known.token))
    outcome = await majority.transact([unchanged(found.key, found.modified)], steps)
    if not outcome.succeeded:
        now = await majority.get(key_of(name))
        if now is None or listed(now).state == JOINING:
            raise Unavailable(f"{name} was changed by somebody else meanwhile; try again", retry_after=1)
