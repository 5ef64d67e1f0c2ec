"""What HAProxy is told on each node: the public port, the port between nodes, and how one stands in for another.

Pure: values in, the text of its configuration out. Made for HAProxy 2.6 (Debian 12) and newer.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

OPERATION_HEADER = "X-Linnet-Operation"
"""Carries the id that HAProxy gives a request once and keeps over its own retries."""
PATIENCE_HEADER = "X-Linnet-Patience"
"""Carries how many milliseconds HAProxy waits: what takes longer is done for nobody."""

READ_MS = 2_000
"""How long a read may be silent until another node is asked: none of ours takes so long."""
WRITE_MS = 50_000
"""Writes wait for a primary up to 45 s; whoever asked is told before its own patience (a minute) ends."""
QUEUE_MS = 1_800
SHARE_PERCENT = 150
"""How much more than its share a node may have under way of those whose requests all go to it: few readers are not
spread evenly, and one node must not be too busy beside others that are idle."""
READS_MAX = 8
"""So many reads one HAProxy has under way at one worker of a node; the next ones wait, and for no longer than this."""
POSTS_MAX = 16
POSTS_QUEUE_MS = 5_000
"""The same for posts: they are answered without a primary, too, so that those that wait do so for busy machines."""
PATIENCE_MS = 1_900
BODY_BYTES, HEAD_BYTES, URL_BYTES = 6_000, 5_000, 4_000
"""What is smaller in all three is here whole before it is handed on (together they fit HAProxy's buffer of 16 KiB).
Only that takes one of the few places: whoever sends half of it and then waits would hold one for as long."""
SEND_BYTES = 262_144
READ_RETRIES = 1
"""How often a read that was not answered in time is asked elsewhere: where all are slow, each makes them slower."""
CONNECT_MS = 500
"""A frozen host's kernel still takes connections: without an answer to TLS in this time, another node is asked."""
CHECK_EVERY_MS = 300
CHECK_MS = 280
"""How long a check may take. Two of them missed, one after the other, make 0.9 s, with the pause before. HAProxy begins
them by the beat of its interval: one that takes longer than that would leave out the next."""
BACKLOG = 128
"""So many connections the kernel takes for HAProxy, and no more. When a host thaws, they are of clients who have long
gone, and of one that it has just taken HAProxy sees that only after it has handed the request on: those of 40 s kept
all nodes busy for seven. Whoever is not taken tries again after a second, or elsewhere."""
STOP_SECONDS = 60
"""An old process, after a reload, ends what it serves in this time; streams that are left go on elsewhere."""

ITSELF = 1
"""The number of the server that is left when none passes its check."""

_SAYS = {
    502: "A machine went away while it answered; please try again",
    503: "No machine can answer now; please try again in a moment",
    504: "No machine answered in time; please try again",
}
_GIVEN_UP = "on-marked-down shutdown-sessions"
_UNANSWERED = f"""\
    timeout client {WRITE_MS + 5_000}ms
    http-response set-var(txn.answered) bool(true)
    http-after-response set-status 502 if {{ status 503 504 }} !{{ var(txn.answered) -m bool }}
"""
"""That nobody answers is a 502, which is asked elsewhere; Linnet's own 503, which may have taken its time, is not."""
_CIPHERS = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
_CIPHERS += "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"


class Peer(NamedTuple):
    """A node. ``address`` is its own among nodes; a ``drained`` one is given nothing new."""

    name: str
    address: str
    port: int
    drained: bool = False


class Ingress(NamedTuple):
    """One node's HAProxy.

    ``public`` is HOST:PORT; ``certificate`` a PEM file (chain and key) or a folder of such, '' for plain HTTP;
    ``plain`` an address that only leads to HTTPS. ``inner`` is the node's port for other nodes, ``authority`` the
    cluster's CA, ``identity`` the node's certificate and key in one PEM file. ``local`` and ``streaming`` are where
    this node's Linnet listens. ``forwarded_from`` are proxies of the operator's own in front, whose X-Forwarded-* are
    believed. ``socket`` is HAProxy's own, for its numbers and commands; others are made beside it. ``workers`` is how
    many processes of Linnet answer here, as in all nodes.
    """

    name: str
    public: str
    inner: str
    local: str
    streaming: str
    authority: str
    identity: str
    socket: str
    certificate: str = ""
    plain: str = ""
    forwarded_from: Sequence[str] = ()
    workers: int = 1


def render(here: Ingress, nodes: Sequence[Peer]) -> str:
    """The configuration of one node that knows all nodes, itself among them.

    Raises ValueError for a value that would not be one word of it.
    """
    given = [*here[:-2], *here.forwarded_from, *(word for node in nodes for word in (node.name, node.address))]
    for word in given:
        if any(character.isspace() or character in "\\\"'#$" for character in word):
            raise ValueError(f"{word!r} cannot stand in HAProxy's configuration")
    sections = [_process(here), _public(here), *_backends(here, nodes), *_ways(here, nodes), _inner(here)]
    if here.plain:
        sections.append(f"frontend plain\n    bind {here.plain}\n    http-request redirect scheme https code 301\n")
    return "\n".join(sections)


def _process(here: Ingress) -> str:
    return f"""\
# Written by Linnet, and written anew whenever a node comes, goes or drains.
global
    log stdout format short local0 notice
    # A new process takes the listening sockets over through this one, so that no connection is refused meanwhile.
    stats socket {here.socket} mode 600 level admin expose-fd listeners
    hard-stop-after {STOP_SECONDS}s
    # A page of posts goes into the kernel whole: whoever takes none of it holds no place at a node meanwhile.
    tune.sndbuf.client {SEND_BYTES}
    close-spread-time 2s
    spread-checks 10
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
    ssl-default-bind-ciphers {_CIPHERS}
    ssl-default-server-options ssl-min-ver TLSv1.2

defaults
    mode http
    log global
    option dontlognull
    timeout connect {CONNECT_MS}ms
    timeout client 60s
    timeout http-request 30s
    timeout http-keep-alive 60s
    timeout server {WRITE_MS}ms
    timeout tunnel 2m
    timeout check {CHECK_MS}ms
    retries 3
    option redispatch 1
    http-reuse always
{_errors()}"""


def _errors() -> str:
    """Where no node is left, the answer has the form that apps read all the same."""
    more = "hdr Retry-After 1 hdr Cache-Control no-store hdr Access-Control-Allow-Origin *"
    return "".join(
        f'    http-error status {status} content-type application/json string \'{{"error":"{says}"}}\' {more}\n'
        for status, says in _SAYS.items()
    )


def _public(here: Ingress) -> str:
    # No HTTP/2: whoever opens no window there holds a place at a node with each stream, for as long as he likes.
    tls = f" ssl crt {here.certificate} alpn http/1.1" if here.certificate else ""
    lasting = '    http-response set-header Strict-Transport-Security "max-age=63072000"\n' if tls else ""
    return f"""\
frontend public
    bind {here.public}{tls} backlog {BACKLOG}
    # What is sent again must be known whole.
    option http-buffer-request
    unique-id-format %[uuid()]
    http-request set-header {OPERATION_HEADER} %[unique-id]
    http-request set-header X-Request-Id %[unique-id]
    # Whoever could say it for us would have writes broken off in the middle.
    http-request del-header {PATIENCE_HEADER}
{_forwarded(here)}\
    # What one reader asks goes to one node: its limits are counted there. A token is one however it is written, and is
    # believed where it is asked for: a stranger who invents some would be one at every node.
    acl api path,url_dec -m beg /api/
    acl sign_up path,url_dec -m str /api/v1/accounts /api/v1/accounts/
    http-request set-var(txn.who) req.hdr_ip(X-Forwarded-For,-1)
    http-request set-var(txn.who) req.hdr(Authorization),word(2,\" \") \
if api !sign_up {{ req.hdr(Authorization) -m found }}
    http-request return status 404 content-type text/plain string "The numbers are for the machines themselves" \
if {{ path,url_dec -m str /metrics /metrics/ }}
    acl large req.body_size ge {BODY_BYTES}
    acl large req.hdrs,length ge {HEAD_BYTES}
    acl large url,length ge {URL_BYTES}
    acl bodied req.hdr_val(Content-Length) gt 0
    acl bodied req.hdr(Transfer-Encoding) -m found
    http-request return status 413 content-type application/json \
string '{{"error":"Nothing that is read needs so large a body"}}' if METH_GET bodied large
{lasting}\
    # Linnet reads escapes, too: whoever writes one must not take a place that is none of theirs.
    use_backend streams if {{ path,url_dec -m str /api/v1/streaming }} || {{ path,url_dec -m beg /api/v1/streaming/ }}
    use_backend pages if {{ path,url_dec -m str /live /live/ }}
    use_backend files if {{ path,url_dec -m beg /files/ }} || {{ path,url_dec -m end /archive.zip /archive.zip/ }}
    use_backend posts if METH_POST {{ path,url_dec -m str /api/v1/statuses /api/v1/statuses/ }} !large
    use_backend reads if METH_GET || {{ method OPTIONS }} !large
    default_backend writes
"""


def _forwarded(here: Ingress) -> str:
    """Who really asks. What clients write there is removed, so that nobody claims another address."""
    proto = "https" if here.certificate else "http"
    if not here.forwarded_from:
        return f"""\
    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto {proto}
    http-request del-header X-Forwarded-Host
"""
    return f"""\
    acl ours src {" ".join(here.forwarded_from)}
    http-request set-header X-Forwarded-For %[src] if !ours || !{{ req.hdr(X-Forwarded-For) -m found }}
    http-request set-header X-Forwarded-Proto {proto} if !ours || !{{ req.hdr(X-Forwarded-Proto) -m found }}
    http-request del-header X-Forwarded-Host if !ours
"""


def _backends(here: Ingress, nodes: Sequence[Peer]) -> list[str]:
    """Reads are asked elsewhere wherever there is silence. Writes wait for a primary, and are sent again where a
    connection failed or their node is found to be gone (see `_ways`). Streams go on elsewhere.

    More than a node can answer in time would all be too late. What waits therefore waits here, where it costs next to
    nothing and goes as soon as nobody waits for it any more: few reads and few posts are under way at once. Files,
    whose readers may be slow, pages that stay open to be told what is new, and other writes, which may wait for a
    primary, take no place of theirs.
    """
    checks = """\
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host linnet
    http-check expect status 200
"""

    def few(most: int, queue_ms: int) -> str:
        return (
            f"    option abortonclose\n    timeout queue {queue_ms}ms\n"
            f"    hash-balance-factor {SHARE_PERCENT}\n    default-server maxconn {most * here.workers}\n"
        )

    patience = f"    http-request set-header {PATIENCE_HEADER} {PATIENCE_MS}\n"
    again = "    retry-on conn-failure empty-response response-timeout 502\n"
    file = f"    timeout server {READ_MS}ms\n    retries {READ_RETRIES}\n{again}"
    read = f"{file}{few(READS_MAX, QUEUE_MS)}{patience}{checks}"
    write = "    retry-on conn-failure empty-response 502\n"
    post = f"{write}{few(POSTS_MAX, POSTS_QUEUE_MS)}"
    stream = "    timeout server 60s\n    retry-on conn-failure empty-response 502\n"
    ways = dict(zip((node.name for node in nodes), numbers([node.name for node in nodes]), strict=True))

    def looks(name: str) -> str:
        # Over connections that are kept: a check of HAProxy's own makes one each time, with all of TLS.
        return f"check addr {_way(here, ways[name])} no-check-ssl inter {CHECK_EVERY_MS}ms fall 2 rise 1"

    return [
        _backend(here, nodes, "reads", read, looks),
        _backend(here, nodes, "files", file, lambda name: f"track reads/{name}"),
        _backend(here, nodes, "posts", post, lambda name: f"track reads/{name}"),
        _backend(here, nodes, "writes", write, lambda name: f"track reads/{name}"),
        _backend(here, nodes, "streams", stream, lambda name: f"track reads/{name} {_GIVEN_UP}"),
        _backend(here, nodes, "pages", stream, lambda name: f"track reads/{name} {_GIVEN_UP}"),
    ]


def _backend(here: Ingress, nodes: Sequence[Peer], kind: str, settings: str, watch: Callable[[str], str]) -> str:
    own = here.streaming if kind == "streams" else here.local
    lines = []
    for node, number in zip(nodes, numbers([node.name for node in nodes]), strict=True):
        where = _way(here, number) if kind in ("posts", "writes") else _where(here, node, own)
        weight = 0 if node.drained else 100
        lines.append(f"    server {node.name} {where} id {number} weight {weight} {watch(node.name)}\n")
    return f"""\
backend {kind}
    balance hash var(txn.who)
    hash-type consistent sdbm avalanche
{settings}{"".join(lines)}\
    # Where no node passes its check, the one that is here says itself what is the matter.
    server itself {own} id {ITSELF} backup
"""


def _ways(here: Ingress, nodes: Sequence[Peer]) -> list[str]:
    """HAProxy's own way to each node, for what waits long and is given up as soon as its node is found to be gone.

    What HAProxy is only connecting for is closed then without a word to whoever asked (2.6). One step away from them,
    that is an answer that did not come: another node is asked, under the same id.
    """
    return [
        f"""\
frontend to_{node.name}
    bind {_way(here, number)} mode 600
{_UNANSWERED}    use_backend look_{node.name} if {{ path /readyz }}
    default_backend at_{node.name}

backend at_{node.name}
    timeout server {WRITE_MS + 5_000}ms
    retries 0
    server {node.name} {_where(here, node, here.local)} track reads/{node.name} {_GIVEN_UP}

backend look_{node.name}
    option abortonclose
    timeout server {CHECK_MS}ms
    retries 0
    server {node.name} {_where(here, node, here.local)}
"""
        for node, number in zip(nodes, numbers([node.name for node in nodes]), strict=True)
    ]


def _way(here: Ingress, number: int) -> str:
    """A socket beside HAProxy's own, under a short name: their paths' lengths are limited."""
    return f"unix@{here.socket.rpartition('/')[0]}/{number:x}"


def _where(here: Ingress, node: Peer, own: str) -> str:
    """By itself, without the way through its own inner port."""
    if node.name == here.name:
        return own
    return f"{_host(node.address)}:{node.port} ssl verify required ca-file {here.authority} crt {here.identity}"


def _inner(here: Ingress) -> str:
    """For other nodes."""
    return f"""\
frontend inner
    bind {here.inner} ssl crt {here.identity} ca-file {here.authority} verify required backlog {BACKLOG}
{_UNANSWERED}    use_backend local_streams if {{ path /api/v1/streaming }} || {{ path_beg /api/v1/streaming/ }}
    default_backend local

backend local
    timeout server {WRITE_MS + 5_000}ms
    retries 0
    server itself {here.local}

backend local_streams
    timeout server 60s
    retries 0
    server itself {here.streaming}
"""


def numbers(names: Sequence[str]) -> list[int]:
    """A number for each, in their order, by which HAProxy spreads requests: of the name alone, so that one who comes or
    goes moves nobody else's readers."""
    found: dict[str, int] = {}
    for name in sorted(names):
        number = zlib.crc32(name.encode()) % 1_000_000_000 + ITSELF + 1
        while number in found.values():
            number += 1
        found[name] = number
    return [found[name] for name in names]


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address
