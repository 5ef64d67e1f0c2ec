"""One open socket, of whatever kind: what it listens to, what it may ask, and when it has had enough."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from linnet.domain import scopes
from linnet.domain.errors import Invalid, LinnetError, NotAllowed
from linnet.domain.views import Identity
from linnet.ports import Clock
from linnet.streaming import channels
from linnet.streaming.audience import Subscription
from linnet.streaming.channels import Asked, Event

SUBSCRIPTIONS_MAX = 100
MESSAGE_BYTES = 4_096
"""Of what a WebSocket may send us at once: a subscription, and nothing else."""
MESSAGES_A_MINUTE = 600
QUEUE_BYTES = 1 << 20
"""What may wait for a socket that does not read; then it is dropped, because waiting for it would be everybody's."""
FULL_BYTES = QUEUE_BYTES // 4
SILENT_BEATS = 3

GOING_AWAY, TOO_LARGE, POLICY, TRY_LATER = 1001, 1009, 1008, 1013
"""RFC 6455, 7.4.1, and the registry that it began."""

Still = Callable[[], Awaitable[Identity]]
"""Whose socket it is, asked again; raises NotAllowed or Unauthenticated where it may not be any more."""


class Carrier(Protocol):
    """What carries bytes to whoever listens; none of its methods waits."""

    @property
    def waiting(self) -> int:
        """How many bytes were not taken yet."""
        ...

    def write(self, data: bytes) -> None:
        """A piece of the event stream, or a message."""
        ...

    def ping(self) -> bool:
        """Asks for a sign of life; False where the carrier cannot."""
        ...

    def close(self, code: int, why: str) -> None:
        """In order, where the other side reads."""
        ...

    def abort(self) -> None:
        """At once."""
        ...


class Keeper(Protocol):
    """Whoever let the socket in: the door."""

    @property
    def clock(self) -> Clock: ...

    def begin(
        self, connection: "Connection", subscription: Subscription, position: str | None, *, checked: bool
    ) -> None: ...

    def end(self, subscription: Subscription) -> None: ...

    def told_to(self, subscription: Subscription) -> bytes:
        """The position up to which it has been told everything; b"" where there is none yet."""
        ...

    def gone(self, connection: "Connection") -> None: ...


class Connection:
    """Is told events (``audience.Wire``) and hands them to its carrier, as ``server_sent`` events or as messages."""

    __slots__ = (
        "_door", "_heard", "_heard_since", "_silent", "_subscriptions", "carrier", "ended", "identity", "network",
        "positions", "server_sent", "slot", "still",
    )  # fmt: skip

    def __init__(
        self, door: Keeper, carrier: Carrier, identity: Identity, network: str, still: Still, *, server_sent: bool
    ) -> None:
        self._door = door
        self.carrier = carrier
        self.identity = identity
        self.network = network
        self.still = still
        self.server_sent = server_sent
        self.positions = False
        """Whether whoever listens keeps positions: then it hears of them without an event, too."""
        self.ended = False
        self.slot = 0
        self._subscriptions: dict[tuple[str, ...], Subscription] = {}
        self._silent = 0
        self._heard = 0
        self._heard_since = 0.0

    # -- what it is told (audience.Wire) ----------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        return self.carrier.waiting > FULL_BYTES

    def tell(self, event: Event, label: tuple[str, ...]) -> None:
        self._write(event.as_server_sent() if self.server_sent else event.as_message(label))

    def give_up(self) -> None:
        self.carrier.abort()
        self.end()

    def _write(self, data: bytes) -> None:
        if self.ended:
            return
        if self.carrier.waiting + len(data) > QUEUE_BYTES:
            self.give_up()
        else:
            self.carrier.write(data)

    # -- what it asks for -------------------------------------------------------------------------------------------

    def open(self, asked: Asked | None, position: str | None) -> None:
        """Begins to listen to what was asked for (and checked) with the socket itself."""
        self.positions = position is not None
        if asked is not None:
            self._begin(asked, position)

    def hear(self, text: str | bytes) -> None:
        """A message came. What it asks for that cannot be is answered, a flood ends the socket."""
        self._silent = 0
        now = self._door.clock.monotonic()
        if now - self._heard_since > 60:
            self._heard, self._heard_since = 0, now
        self._heard += 1
        if self._heard > MESSAGES_A_MINUTE:
            self.close(POLICY, "Too many messages")
            return
        try:
            request = channels.request(text)
            if request.type == "unsubscribe":
                self._leave(request.asked.label)
            else:
                self._join(request)
        except LinnetError as error:
            self._write(channels.refusal(error))

    def _join(self, request: channels.Request) -> None:
        if request.asked.label in self._subscriptions:
            return
        if len(self._subscriptions) >= SUBSCRIPTIONS_MAX:
            raise Invalid("stream", f"there are {SUBSCRIPTIONS_MAX} subscriptions on this socket already")
        scope = request.asked.channel.scope
        if not scopes.allows(self.identity.scopes, scope):
            raise NotAllowed("This stream is outside the authorized scopes")
        self._begin(request.asked, request.position, checked=request.asked.channel.name != "list")

    def _begin(self, asked: Asked, position: str | None, *, checked: bool = True) -> None:
        may_notify = scopes.allows(self.identity.scopes, "read:notifications")
        subscription = Subscription(
            self, self.identity.account_id, asked.channel, asked.label, notifications=may_notify
        )
        self._subscriptions[asked.label] = subscription
        self._door.begin(self, subscription, position, checked=checked)

    def _leave(self, label: tuple[str, ...]) -> None:
        subscription = self._subscriptions.pop(label, None)
        if subscription is not None:
            self._door.end(subscription)

    def refuse(self, subscription: Subscription, error: LinnetError) -> None:
        """A subscription came to nothing after all."""
        if self._subscriptions.pop(subscription.label, None) is not None:
            self._door.end(subscription)
            if self.server_sent:
                self.close(POLICY, str(error))
            else:
                self._write(channels.refusal(error))

    # -- its life ---------------------------------------------------------------------------------------------------

    def alive(self) -> None:
        """Something came from the other side."""
        self._silent = 0

    def beat(self) -> None:
        """Now and then: shows proxies and clients that we are there, and finds out whether they are."""
        if self.server_sent:
            self._write(b":thump\n" + (self._place() if self.positions else b""))
        elif self.carrier.ping():
            self._silent += 1
            if self._silent > SILENT_BEATS:
                self.give_up()

    def _place(self) -> bytes:
        """From where whoever keeps positions would miss nothing."""
        subscription = next(iter(self._subscriptions.values()), None)  # an event stream has one
        place = b"" if subscription is None else self._door.told_to(subscription)
        return b"id: %b\n\n" % place if place else b""

    def close(self, code: int, why: str) -> None:
        if not self.ended:
            self.carrier.close(code, why)
            self.end()

    def end(self) -> None:
        """The socket is closed, or will be; forgets everything. May be called twice."""
        if not self.ended:
            self.ended = True
            for subscription in self._subscriptions.values():
                self._door.end(subscription)
            self._subscriptions.clear()
            self._door.gone(self)
