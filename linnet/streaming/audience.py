"""Who listens to what, and whom the listeners follow; all in memory."""

from array import array
from collections.abc import Collection, Iterator
from typing import Protocol

from linnet.domain.errors import LinnetError
from linnet.streaming.channels import Channel, Event, Place


class Wire(Protocol):
    """What a subscription writes to: an open socket."""

    @property
    def full(self) -> bool:
        """Whether more is waiting to be read than should be: time to pause, where that can be."""
        ...

    def tell(self, event: Event, label: tuple[str, ...]) -> None:
        """Hands it over at once, or ends a socket that reads too slowly."""
        ...

    def give_up(self) -> None:
        """Ends the socket."""
        ...

    def refuse(self, subscription: "Subscription", error: LinnetError) -> None:
        """Ends the subscription, and says why."""
        ...


class Subscription:
    """A stream on a socket. ``position`` is up to where it has been told all; the hub moves it.

    ``current`` is that it is told what comes, as it comes; before, it is told what it missed. ``notifications``:
    whether a home stream's token may hear of those.
    """

    __slots__ = ("account_id", "channel", "current", "ended", "label", "notifications", "position", "wire")

    def __init__(
        self, wire: Wire, account_id: int, channel: Channel, label: tuple[str, ...], *, notifications: bool = True
    ) -> None:
        self.wire = wire
        self.account_id = account_id
        self.channel = channel
        self.label = label
        self.notifications = notifications
        self.position: Place | None = None
        self.current = False
        self.ended = False

    @property
    def full(self) -> bool:
        return self.wire.full

    def tell(self, event: Event) -> None:
        """Each position at most once, and never back: what was told while coming back is not told again."""
        if not self.ended and (self.position is None or event.position > self.position):
            self.position = event.position
            self.wire.tell(event, self.label)

    def announce(self, event: Event) -> None:
        """Something about the stream itself, which moves to the event's position whatever it was told before."""
        if not self.ended:
            self.position = event.position
            self.wire.tell(event, self.label)

    def give_up(self) -> None:
        self.ended = True
        self.wire.give_up()


class Audience:
    """Subscriptions by what they listen to, and by whose they are."""

    def __init__(self) -> None:
        self._by_channel: dict[Channel, dict[int, tuple[Subscription, ...]]] = {}

    def __contains__(self, channel: Channel) -> bool:
        return channel in self._by_channel

    def add(self, subscription: Subscription) -> None:
        accounts = self._by_channel.setdefault(subscription.channel, {})
        accounts[subscription.account_id] = (*accounts.get(subscription.account_id, ()), subscription)

    def remove(self, subscription: Subscription) -> None:
        """Also one that was never added."""
        accounts = self._by_channel.get(subscription.channel, {})
        left = tuple(one for one in accounts.get(subscription.account_id, ()) if one is not subscription)
        if left:
            accounts[subscription.account_id] = left
            return
        accounts.pop(subscription.account_id, None)
        if not accounts:
            self._by_channel.pop(subscription.channel, None)

    def accounts(self, channel: Channel) -> Collection[int]:
        return self._by_channel.get(channel, {}).keys()

    @property
    def public(self) -> list[Channel]:
        """Those streams that are listened to on which strangers are heard."""
        return [channel for channel in self._by_channel if channel.public]

    def about(self, name: str) -> list[Channel]:
        """The streams of this name that are listened to, such as every ``list``."""
        return [channel for channel in self._by_channel if channel.name == name]

    def everybody(self) -> Iterator[Subscription]:
        for accounts in list(self._by_channel.values()):
            for subscriptions in list(accounts.values()):
                yield from subscriptions

    def of(self, channel: Channel, account_id: int) -> tuple[Subscription, ...]:
        return self._by_channel.get(channel, {}).get(account_id, ())

    def tell_all(self, channel: Channel, event: Event) -> None:
        for subscriptions in list(self._by_channel.get(channel, {}).values()):
            for subscription in subscriptions:
                subscription.tell(event)

    def tell(self, channel: Channel, account_id: int, event: Event, *, notifications: bool = False) -> None:
        """``notifications``: only those whose token may hear of them."""
        for subscription in self.of(channel, account_id):
            if subscription.notifications or not notifications:
                subscription.tell(event)


class Relations:
    """Whom those follow who have a socket open here: who may be concerned by what an author does.

    What is forgotten too late does no harm, because the database is asked all the same.
    """

    def __init__(self) -> None:
        self._sockets: dict[int, int] = {}
        self._known: set[int] = set()
        self._followed: dict[int, array[int]] = {}
        self._followers: dict[int, set[int]] = {}
        self._tags: dict[int, frozenset[str]] = {}
        self._tagged: dict[str, set[int]] = {}

    def __bool__(self) -> bool:
        return bool(self._sockets)

    def enter(self, account_id: int) -> bool:
        """Counts a socket. False says that it is not known yet whom the account follows; ``began`` counts already."""
        self._sockets[account_id] = self._sockets.get(account_id, 0) + 1
        return account_id in self._known

    def leave(self, account_id: int) -> bool:
        """The counterpart of ``enter``; whether that was the account's last socket."""
        self._sockets[account_id] -= 1
        if self._sockets[account_id]:
            return False
        del self._sockets[account_id]
        self._known.discard(account_id)
        self.know_tags(account_id, ())
        for author in self._followed.pop(account_id, ()):
            self._forget(account_id, author)
        return True

    def know(self, account_id: int, authors: Collection[int]) -> None:
        """``authors`` are whom the account followed at a moment after ``enter``."""
        if account_id in self._sockets:
            self._known.add(account_id)
            for author in authors:
                self.began(account_id, author)

    def know_tags(self, account_id: int, tags: Collection[str]) -> None:
        """All the hashtags that the account follows now."""
        for tag in self._tags.pop(account_id, ()):
            self._tagged[tag].discard(account_id)
            if not self._tagged[tag]:
                del self._tagged[tag]
        if tags and account_id in self._sockets:
            self._tags[account_id] = frozenset(tags)
            for tag in tags:
                self._tagged.setdefault(tag, set()).add(account_id)

    @property
    def any_tags(self) -> bool:
        """Whether any listener follows any hashtag."""
        return bool(self._tagged)

    def followers_of_any_tag(self) -> Collection[int]:
        return self._tags.keys()

    def followers_of_tags(self, tags: Collection[str]) -> set[int]:
        return {account_id for tag in tags for account_id in self._tagged.get(tag, ())}

    def began(self, account_id: int, author: int) -> None:
        if account_id in self._sockets and not self.follows(account_id, author):
            self._followed.setdefault(account_id, array("q")).append(author)
            self._followers.setdefault(author, set()).add(account_id)

    def ended(self, account_id: int, author: int) -> None:
        if account_id in self._followed and self.follows(account_id, author):
            self._followed[account_id].remove(author)
            self._forget(account_id, author)

    def follows(self, account_id: int, author: int) -> bool:
        return account_id in self._followers.get(author, ())

    def followers(self, author: int) -> Collection[int]:
        return self._followers.get(author, ())

    def _forget(self, account_id: int, author: int) -> None:
        followers = self._followers.get(author)
        if followers is not None:
            followers.discard(account_id)
            if not followers:
                del self._followers[author]
