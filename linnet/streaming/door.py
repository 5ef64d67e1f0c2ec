"""Who may open a socket, how many of them, and how long it may stay open."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from linnet.domain import errors, scopes
from linnet.domain.errors import LinnetError, NotAllowed, NotFound, TooMany, Unauthenticated, Unavailable
from linnet.domain.views import Identity
from linnet.http.limits import RateLimiter
from linnet.ports import Clock
from linnet.queries import access
from linnet.storage.database import Database
from linnet.streaming import channels
from linnet.streaming.audience import Subscription
from linnet.streaming.channels import Asked, Channel
from linnet.streaming.connection import GOING_AWAY, POLICY, Carrier, Connection, Still
from linnet.streaming.hub import Hub
from linnet.supervision import Tasks
from linnet.telemetry import log

BEAT_SECONDS = 15
"""Between two signs of life. As often it is asked whether a socket's token is still good."""
SOCKETS_MAX = 20_000
NETWORK_SOCKETS = 512
"""Of one address: a school or an office may be behind it."""
ACCOUNT_SOCKETS = 32
"""Of one account: with one more the oldest is closed, which is mostly one that nobody is at the other end of."""


class Knock(NamedTuple):
    """A request for a socket. ``network`` is the key that its address is limited by."""

    path: str
    query: Mapping[str, Any]
    authorization: str | None
    protocol: str | None
    last_event_id: str | None
    network: str

    @property
    def token(self) -> str | None:
        """From ``Authorization``, ``access_token`` or, as browsers have no other place, the WebSocket's protocol."""
        if self.authorization is not None:
            return self.authorization.removeprefix("Bearer ").strip()
        given = self.query.get("access_token")
        if isinstance(given, str) and given:
            return given
        return self.protocol.partition(",")[0].strip() if self.protocol else None

    @property
    def position(self) -> str | None:
        """Where to go on; '' asks for positions from now on, None does not know of them."""
        given = self.query.get("position")
        return self.last_event_id or (given if isinstance(given, str) else None)


class Door:
    """All sockets of one process. ``limited`` is False where the operator turned limits off."""

    def __init__(
        self, database: Database, hub: Hub, clock: Clock, tasks: Tasks, limits: RateLimiter, *, limited: bool = True
    ) -> None:
        self.clock = clock
        self._limits = limits
        self._database = database
        self._hub = hub
        self._tasks = tasks
        self._limited = limited
        self._slots: list[dict[Connection, None]] = [{} for _ in range(BEAT_SECONDS)]
        self._accounts: dict[int, dict[Connection, None]] = {}
        self._networks: Counter[str] = Counter()
        self._opened = 0
        self._beating = False
        self.closing = False
        hub.on_account = self._look_again

    def __len__(self) -> int:
        return sum(self._networks.values())

    # -- coming in --------------------------------------------------------------------------------------------------

    def wanted(self, knock: Knock) -> Asked:
        """The stream that an address of server-sent events names. Raises NotFound or Invalid."""
        name = channels.of_path(knock.path)
        if name is None:
            raise NotFound
        return channels.asked(name, knock.query)

    async def admit(self, knock: Knock, carrier: Carrier, *, server_sent: bool) -> Connection:
        """Whoever's token is good, as often as there is room. Raises LinnetError."""
        token = knock.token
        if not token:
            raise Unauthenticated("Missing access token")
        self._make_room(knock.network)
        identity = await self._known(token, knock.network)
        key = identity.key
        return await self.enter(
            carrier, identity, knock.network, lambda: access.by_key(self._database, key), server_sent=server_sent
        )

    async def _known(self, token: str, network: str) -> Identity:
        """Whose token it is. Guessing is counted by address, opening by token, as everywhere in the client API."""
        if not self._limits.check("api_address", network, 0).remaining:
            raise TooMany("Too many requests", BEAT_SECONDS)
        try:
            identity = await access.by_token(self._database, token)
        except Unauthenticated:
            self._limits.check("api_address", network)
            raise
        if not identity.signed_in:
            raise Unauthenticated("The access token is invalid")
        if not self._limits.check("api_token", identity.key).allowed:
            raise TooMany("Too many requests", BEAT_SECONDS)
        return identity

    async def enter(
        self, carrier: Carrier, identity: Identity, network: str, still: Still, *, server_sent: bool
    ) -> Connection:
        """Somebody of whom is known who it is. Raises TooMany or Unavailable."""
        self._make_room(network)
        connection = Connection(self, carrier, identity, network, still, server_sent=server_sent)
        self._networks[network] += 1
        connection.slot = self._opened % BEAT_SECONDS
        self._opened += 1
        self._slots[connection.slot][connection] = None
        own = self._accounts.setdefault(identity.account_id, {})
        own[connection] = None
        if self._limited and len(own) > ACCOUNT_SOCKETS:
            next(iter(own)).close(POLICY, "Too many connections of this account")
        if not self._beating:
            self._beating = True
            self._tasks.start("stream-beats", self._beat())
        try:
            await self._hub.connect(identity)
        except BaseException:  # boundary: whatever ends this, nobody is left who would close the socket
            connection.end()
            raise
        return connection

    def _make_room(self, network: str) -> None:
        if self.closing or len(self) >= SOCKETS_MAX:
            raise Unavailable("No more streams can be opened here now")
        if self._limited and self._networks[network] >= NETWORK_SOCKETS:
            raise TooMany("Too many streams are open from this address", BEAT_SECONDS)

    async def check(self, identity: Identity, channel: Channel) -> None:
        """Raises NotAllowed, or NotFound for somebody else's list."""
        if not scopes.allows(identity.scopes, channel.scope):
            raise NotAllowed("This stream is outside the authorized scopes")
        await self._hub.check(identity.account_id, channel)

    # -- listening --------------------------------------------------------------------------------------------------

    def begin(self, connection: Connection, subscription: Subscription, position: str | None, *, checked: bool) -> None:
        self._tasks.start("stream-subscribe", self._subscribe(connection, subscription, position, checked=checked))

    async def _subscribe(
        self, connection: Connection, subscription: Subscription, position: str | None, *, checked: bool
    ) -> None:
        try:
            if not checked:
                await self.check(connection.identity, subscription.channel)
            await self._hub.subscribe(subscription, position)
        except LinnetError as error:
            connection.refuse(subscription, error)

    def end(self, subscription: Subscription) -> None:
        subscription.ended = True
        self._hub.audience.remove(subscription)

    async def position(self) -> str:
        return await self._hub.position()

    def told_to(self, subscription: Subscription) -> bytes:
        place = self._hub.told_to(subscription)
        return b"" if place is None else str(place).encode()

    # -- staying and leaving ----------------------------------------------------------------------------------------

    def gone(self, connection: Connection) -> None:
        """The counterpart of ``enter``."""
        self._networks[connection.network] -= 1
        if not self._networks[connection.network]:
            del self._networks[connection.network]
        self._slots[connection.slot].pop(connection, None)
        own = self._accounts.get(connection.identity.account_id, {})
        own.pop(connection, None)
        if not own:
            self._accounts.pop(connection.identity.account_id, None)
        self._hub.disconnect(connection.identity.account_id)

    async def _beat(self) -> None:
        """A fifteenth of all sockets each second, so that no second has to bear them all."""
        second = 0
        while self._networks:
            await self.clock.sleep(1.0)
            second = (second + 1) % BEAT_SECONDS
            for connection in tuple(self._slots[second]):
                try:
                    connection.beat()
                    await self._look(connection)
                except Exception as error:  # boundary: after it nobody would ask whether any token is still good
                    log.error("stream_failed", exc_info=error, done="closed the socket")
                    connection.give_up()
        self._beating = False

    async def _look(self, connection: Connection) -> None:
        """Ends the socket of a token that is not good any more; takes note of what else changed about its owner."""
        try:
            identity = await connection.still()
        except (errors.NotAllowed, errors.Unauthenticated) as error:
            connection.close(POLICY, str(error))
        except Unavailable:
            return  # it is asked again soon; a database that is away tells nobody anything meanwhile
        else:
            connection.identity = identity
            if not connection.ended:
                self._hub.knows(identity)

    async def _look_again(self, account_id: int) -> None:
        for connection in tuple(self._accounts.get(account_id, ())):
            await self._look(connection)

    def close(self) -> None:
        """Ends all sockets: this process stops. Whoever comes back is told elsewhere what was missed."""
        self.closing = True
        for connections in self._slots:
            for connection in tuple(connections):
                connection.close(GOING_AWAY, "This process ends; please come back")
