"""Who really asks: a peer's address, or what a trusted reverse proxy in front of us says about it."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?")


class Proxies:
    """The networks whose ``X-Forwarded-*`` headers are believed; an empty list believes nobody.

    ``networks`` are addresses or CIDR networks as text. Raises ValueError naming the one that is neither.
    """

    __slots__ = ("_networks", "trusts")

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(ip_network(text, False) for text in networks)
        # Parsing an address costs microseconds, and nearly all requests come from the same few proxies.
        self.trusts = lru_cache(maxsize=1024)(self._trusts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _trusts(self, peer: str) -> bool:
        address = parse_address(peer)
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )

    def client(self, peer: str, forwarded_for: str | None) -> str:
        """The right-most address in ``X-Forwarded-For`` that is not a trusted proxy; else ``peer``.

        What stands further left was written by whoever asked. An entry that is no address ends the walk: then the
        proxy that handed it on is named, which cannot be forged.
        """
        client = peer
        if forwarded_for is None or not self.trusts(peer):
            return client
        for entry in reversed(forwarded_for.split(",")):
            address = parse_address(_without_port(entry.strip()))
            if address is None:
                return client
            client = str(address)
            if not self.trusts(client):
                return client
        return client


def parse_address(text: str) -> Address | None:
    """The address, an IPv4 one in IPv6 clothes (``::ffff:192.0.2.1``) as plain IPv4; None if it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def network_of(client: str) -> str:
    """The key under which an address is limited: IPv4 itself, IPv6 its /64 (one household has 2^64 addresses)."""
    if ":" not in client:
        return client
    address = parse_address(client)
    if not isinstance(address, IPv6Address):
        return client if address is None else str(address)
    return str(IPv6Address(int(address) >> 64 << 64)) + "/64"


def last_of(header: str) -> str:
    """The right-most element of a list header: what the proxy next to us wrote."""
    return header.rpartition(",")[2].strip()


def valid_host(text: str) -> str:
    """``text`` if it can stand as ``Host`` (name or address, with or without port), else ''."""
    return text if _HOST.fullmatch(text) else ""


def _without_port(entry: str) -> str:
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry
