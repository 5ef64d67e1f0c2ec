"""Which addresses the server may ask of its own accord: the world's, and nobody's inner network."""

from collections.abc import Iterable
from ipaddress import IPv6Address, ip_network

from linnet.http.proxies import parse_address

# The special ones of IPv4 (IANA's registry; RFC 6890), and the address under which one hoster's machines find theirs.
_NOT_THE_WORLD = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "168.63.129.16/32", "169.254.0.0/16",
        "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        # Of IPv6 only 2000::/3 is given out. In there: protocols and Teredo, documentation, 6to4.
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip
_GIVEN_OUT = ip_network("2000::/3")

PORTS = (80, 443)


class Reach:
    """``allowed`` are networks of which every port may be asked although they are none of the world's.

    Everywhere else only ``ports`` are. An address that hides another one (mapped IPv4, NAT64, 6to4, Teredo) is none of
    the world's: what it leads to is decided by machines that we do not know.
    """

    def __init__(self, allowed: Iterable[str] = (), ports: Iterable[int] = PORTS) -> None:
        self._allowed = tuple(ip_network(text, strict=False) for text in allowed)
        self._ports = frozenset(ports)

    def permits(self, address: str, port: int) -> bool:
        """Whether a connection may be made to this address, as the resolver gave it, and this port."""
        # A zone ("fe80::1%eth0") is a matter of one machine; no address of the world has one.
        found = parse_address(address)
        if found is None:
            return False
        if any(found.version == network.version and found in network for network in self._allowed):
            return True
        if ":" in address and not isinstance(found, IPv6Address):
            return False
        if isinstance(found, IPv6Address) and (found.scope_id is not None or found not in _GIVEN_OUT):
            return False
        hidden = any(found.version == network.version and found in network for network in _NOT_THE_WORLD)
        return port in self._ports and not hidden
