"""How a machine joins a cluster: what it does can be cut off at any point and run again, and costs nobody anything.

Until the very end the new node has no vote, no commit waits for it and nobody is sent to it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from linnet.cluster import admission, asking, certificates
from linnet.cluster.admission import CLAIM_BYTES, Request
from linnet.cluster.certificates import Pair
from linnet.cluster.keeping import private_folder, write
from linnet.cluster.layout import BASE_PORT, JOINING, PLAIN, Folders, Front, Member, NodeFile, Standing
from linnet.cluster.node import certificate_addresses, make_folders, members_text, read_node
from linnet.cluster.passwords import Passwords
from linnet.cluster.patroni import RELAXED, STRICT
from linnet.cluster.picture import Picture
from linnet.cluster.place import Place
from linnet.cluster.tokens import Token
from linnet.domain import majority as etcd
from linnet.domain.errors import Conflict, Invalid, NotAllowed, Unavailable
from linnet.domain.majority import MajorityRefused, NoMajority
from linnet.ports import Chance, Clock, Majority
from linnet.storage.etcd import Endpoints, EtcdMajority

ADDING_SECONDS = 60.0
"""How long another machine's join may be in the way: etcd takes one at a time."""
PAUSE_SECONDS = 0.5
PATIENCE_SECONDS = 15.0
"""After so long without news, what is waited for is said again."""
COPIED_BYTES = 1 << 20
"""A copy that is behind by no more than this keeps up."""
CLOCKS_MS = 5_000

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Joiner:
    """What the operator said. ``url`` is any member's control port."""

    url: str
    token: Token
    folders: Folders
    me: Member
    bind: str
    origin: str = ""
    front: Front = PLAIN


def control_url(text: str) -> str:
    """``https://HOST:PORT`` of what an operator writes, who may leave out all but the host. Raises Invalid."""
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        host, port = parts.hostname, parts.port or BASE_PORT
    except ValueError:
        host, port = None, 0
    if parts.scheme != "https" or not host or parts.path not in ("", "/"):
        raise Invalid("url", f"must be like https://192.0.2.1:{BASE_PORT} (got {text[:80]!r})")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


# -- becoming a node --------------------------------------------------------------------------------------------------


def begun(folders: Folders) -> bool:
    """Whether a join in this folder is not at its end: `run` goes on with it."""
    return _claim_file(folders).exists()


def _claim_file(folders: Folders) -> Path:
    return folders.cluster / "joining.json"


async def prepare(joiner: Joiner, clock: Clock, chance: Chance, say: Say) -> None:
    """Makes this machine a node that can be run, which then joins by itself (``finish``).

    Raises Conflict, Invalid, asking.Refused and Unavailable; run again, it goes on.
    """
    folders = joiner.folders
    if folders.node.exists():
        there = read_node(folders)
        if not begun(folders):
            raise Conflict(
                f"{folders.data} belongs to the node {there.me.name} already; `linnet cluster run` starts it"
            )
        if there.me != joiner.me:
            raise Conflict(
                f"{folders.data} has begun to join as {there.me.name} at {there.me.address}; go on with these, or "
                "choose another folder with --data"
            )
        if (folders.etcd / "member").exists():
            say("This join was cut off before; it goes on")
            return
    elif (folders.etcd / "member").exists() or folders.postgres.exists():
        raise Conflict(f"{folders.data} holds the data of a node that was: delete it, or choose another with --data")
    make_folders(folders)
    answer = await _introduce(joiner, _claim(folders, chance), clock, say)
    standings = _keep(joiner, answer, clock)
    ca, certificate, key = (str(path) for path in (folders.ca, folders.certificate, folders.key))
    urls = tuple(one.member.etcd_url for one in standings if one.state != JOINING)
    majority = EtcdMajority(Endpoints(urls, ca, certificate, key))
    try:
        initial = await add_to_etcd(majority, joiner.me, clock, say)
    finally:
        await majority.close()
    write(folders.members, members_text(standings).encode())
    origin = joiner.origin or str(answer.get("origin", ""))
    node = NodeFile(str(answer["cluster"]), joiner.me, joiner.bind, origin, "existing", initial, joiner.front)
    write(folders.node, node.to_json().encode())
    say("etcd's other members know of this one; it has no vote yet")


def _claim(folders: Folders, chance: Chance) -> bytes:
    """Random, and kept until the join is done: with it alone, what was cut off goes on."""
    path = _claim_file(folders)
    if not path.exists():
        write(path, json.dumps({"claim": chance.secret(CLAIM_BYTES).hex()}).encode())
    return bytes.fromhex(json.loads(path.read_bytes())["claim"])


async def _introduce(joiner: Joiner, claim: bytes, clock: Clock, say: Say) -> Mapping[str, Any]:
    """Asks to be let in. The secret of the token goes to nobody but whom the token itself names."""
    unknown = await asking.ask(joiner.url, "/authority", None, certificates.unknowing())
    try:
        authority = certificates.alone(str(unknown["authority"]).encode("ascii"))
        same = certificates.fingerprint(authority) == joiner.token.fingerprint
    except (KeyError, ValueError):
        same, authority = False, b""
    if not same:
        raise NotAllowed(
            f"Whoever answers at {joiner.url} is not of the cluster that the token is for, and was not shown the token"
        )
    say(f"{joiner.url} belongs to the cluster of the token")
    request = Request(joiner.token.secret, claim, joiner.me)
    answer = await asking.ask(joiner.url, "/join", request.body(), certificates.trusting(authority))
    apart_ms = abs(clock.now_ms() - int(answer["now_ms"]))
    if apart_ms > CLOCKS_MS:
        say(f"The clocks of the two machines are {apart_ms / 1000:.0f} s apart: let NTP set them")
    say(f"Let in as {joiner.me.name} at {joiner.me.address}")
    return {**answer, "authority": authority.decode()}


def _keep(joiner: Joiner, answer: Mapping[str, Any], clock: Clock) -> list[Standing]:
    """Writes what the cluster's nodes have in common; the members as they were said. Raises Invalid."""
    folders = joiner.folders
    try:
        authority = Pair(answer["authority"].encode("ascii"), answer["authority_key"].encode("ascii"))
        passwords = Passwords.from_json(json.dumps(answer["passwords"]))
        standings = [Standing.from_json(json.dumps(one)) for one in answer["members"]]
        vault = str(answer["vault_key"]).encode("ascii")
        options = str(answer.get("options", "")).encode()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid("join", f"was answered in a way that this version does not know ({error!r})") from None
    key = folders.key.read_bytes() if folders.key.exists() else b""
    own = certificates.issue(authority, joiner.me.name, certificate_addresses(joiner.me), clock.now_ms(), key)
    certificates.keep(folders, authority, own)
    write(folders.secrets, passwords.to_json().encode())
    write(private_folder(folders.data / "secrets") / "vault.key", vault)
    toml = folders.data / "linnet.toml"
    if options and not toml.exists():
        write(toml, options)
    return standings


async def add_to_etcd(majority: Majority, me: Member, clock: Clock, say: Say) -> str:
    """Makes this node a member without a vote, where it is none; how its etcd is to be told about all members.

    Raises Conflict where it has a vote already though it has no data, Unavailable where it takes too long.
    """
    deadline = clock.monotonic() + ADDING_SECONDS
    told = False
    while True:
        members = await majority.members()
        mine = next((one for one in members if me.etcd_peer_url in one.peer_urls), None)
        if mine is not None and mine.name and not mine.learner:
            raise Conflict(f"etcd knows {me.name} as a member with a vote, and its data are gone: remove it first")
        if mine is not None and not mine.name:
            return ",".join(sorted(f"{one.name or me.name}={url}" for one in members for url in one.peer_urls))
        try:
            if mine is not None:
                # It has run before, and its folder is gone since: etcd gives no member its log a second time.
                await majority.remove_member(mine.id)
            await majority.add_member([me.etcd_peer_url], learner=True)
        except NoMajority:
            # It may have been done: the list says so.
            await clock.sleep(PAUSE_SECONDS)
        except MajorityRefused as error:
            if clock.monotonic() >= deadline:
                raise Unavailable(f"etcd does not take another member now: {error}") from error
            if not told:
                say(f"etcd takes one new member at a time; waiting ({error})")
                told = True
            await clock.sleep(PAUSE_SECONDS)
        if clock.monotonic() >= deadline + ADDING_SECONDS:
            raise Unavailable("etcd has no majority that could take another member")


# -- becoming a member ------------------------------------------------------------------------------------------------


async def finish(place: Place, say: Say) -> None:
    """Brings a node that runs to its place among the others; harmless when run again, from any point."""
    began = place.clock.monotonic()
    steps = Steps(place, say)
    await steps.until(steps.copies_etcd, "etcd of this node starts")
    say("etcd has a copy of what the others keep there")
    await steps.until(steps.copies_postgres, "PostgreSQL copies the database")
    say("PostgreSQL has a copy, and follows the primary")
    await steps.until(lambda: place.serves(place.me), "Linnet starts")
    say("Linnet and HAProxy of this node answer")
    await steps.until(steps.strict, "PostgreSQL becomes strict")
    say("From now on no write is acknowledged that only one machine has")
    await steps.until(steps.votes, "etcd gives this node its vote")
    say("This node has a vote")
    await steps.until(steps.announced, "the others are told that this node is a member")
    _claim_file(place.folders).unlink(missing_ok=True)
    say(f"{place.me.name} is a member, {place.clock.monotonic() - began:.0f} s after it was started")


class Steps:
    """Each step is a question that is asked again until the answer is yes; asking also does what can be done."""

    def __init__(self, place: Place, say: Say) -> None:
        self._place = place
        self._say = say

    async def announced(self) -> bool:
        await admission.announce(self._place.majority, self._place.me.name)
        return True

    async def until(self, holds: Callable[[], Any], what: str) -> None:
        """As long as it takes: what is missing may be a machine that an operator has to bring back."""
        clock = self._place.clock
        said_at, why = clock.monotonic(), ""
        while True:
            try:
                if await holds():
                    return
                why = ""
            except (Unavailable, MajorityRefused) as error:
                why = f" ({error})"
            if clock.monotonic() - said_at >= PATIENCE_SECONDS:
                said_at = clock.monotonic()
                self._say(f"Still waiting: {what}{why}")
            await clock.sleep(PAUSE_SECONDS)

    async def copies_etcd(self) -> bool:
        """Its own etcd runs and hears a leader."""
        status = await self._place.majority.status(self._place.me.etcd_url)
        return status.leader != 0

    async def copies_postgres(self) -> bool:
        return any(_keeps_up(picture, self._place.me.name) for picture in [self._place.look()])

    async def strict(self) -> bool:
        """Set while this node is one of those that a commit may wait for: so nobody waits for nobody."""
        place = self._place
        by = self._primary()
        configured = await place.patroni.configuration(by)
        if configured.get("synchronous_mode") != RELAXED["synchronous_mode"]:
            # A `leave` or `remove` that took the second machine away was cut off in the middle.
            await place.patroni.configure(by, RELAXED)
        if not any(one.name == place.me.name and one.role != "replica" for one in await place.patroni.seen(by)):
            return False
        if configured.get("synchronous_mode_strict") is not True:
            await place.patroni.configure(by, STRICT)
        return True

    def _primary(self) -> Member:
        picture = self._place.look()
        found = [one.member for one in picture.standings if one.name == picture.primary]
        if not found:
            raise Unavailable("PostgreSQL has no primary now")
        return found[0]

    async def votes(self) -> bool:
        """Promoted by etcd only when it has caught up with the leader's log."""
        mine = self._mine(await self._place.majority.members())
        if mine.learner:
            await self._place.majority.promote_member(mine.id)
            mine = self._mine(await self._place.majority.members())
        return not mine.learner

    def _mine(self, members: tuple[etcd.Member, ...]) -> etcd.Member:
        found = [one for one in members if self._place.me.etcd_peer_url in one.peer_urls]
        if not found:
            raise Unavailable("etcd does not know this node any more: it was removed; join again, in an empty folder")
        return found[0]


def _keeps_up(picture: Picture, name: str) -> bool:
    mine = [one for one in picture.postgres if one.name == name]
    return any(one.streams and one.lag_bytes is not None and one.lag_bytes <= COPIED_BYTES for one in mine)
