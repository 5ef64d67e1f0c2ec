"""The examples of deploy/ before a real server: nginx and Caddy as they stand there, but for ports and certificate."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.support import programs
from tests.support.ports import free_port
from tests.support.server import Server, until

DEPLOY = Path(__file__).parents[2] / "deploy"
NAME = "social.example"


STREAMS = "upstream linnet_streams {\n    server "


class Streaming(Server):
    """A server with a port for streams, ``streaming`` as ADDRESS:PORT."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.streaming = f"127.0.0.1:{free_port()}"
        super().__init__(folder, "--streaming-bind", self.streaming, *options)


class Front(NamedTuple):
    """A proxy with TLS before a server."""

    server: Streaming
    port: int
    plain_port: int
    certificate: Path

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        context = ssl.create_default_context(cafile=str(self.certificate))
        connection = http.client.HTTPSConnection(NAME, self.port, context=context, timeout=30)
        # The name is the proxy's; the address is this machine's.
        plain = socket.create_connection(("127.0.0.1", self.port), 30)
        connection.sock = context.wrap_socket(plain, server_hostname=NAME)
        with contextlib.closing(connection):
            connection.request(
                method, path, body, {"Host": NAME} | {k.replace("_", "-"): v for k, v in headers.items()}
            )
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for NAME that only these tests trust, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, secret


def replaced(text: str, changes: dict[str, str]) -> str:
    """Each text must be there: an example that has changed must not be tested as something else."""
    for old, new in changes.items():
        assert old in text, f"{old!r} is not in the example"
        text = text.replace(old, new)
    return text


def nginx(folder: Path, front: Front, key: Path) -> list[str]:
    example = replaced(
        (DEPLOY / "nginx.conf").read_text(),
        {
            f"{STREAMS}127.0.0.1:8000": f"{STREAMS}{front.server.streaming}",
            "127.0.0.1:8000": f"127.0.0.1:{front.server.port}",
            "listen 80;": f"listen 127.0.0.1:{front.plain_port};",
            "listen [::]:80;": "",
            "listen 443 ssl http2;": f"listen 127.0.0.1:{front.port} ssl http2;",
            "listen [::]:443 ssl http2;": "",
            "/etc/letsencrypt/live/social.example/fullchain.pem": str(front.certificate),
            "/etc/letsencrypt/live/social.example/privkey.pem": str(key),
        },
    )
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"{user}\ndaemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{example}\n}}\n"
    )
    program = str(programs.nginx())
    subprocess.run([program, "-t", "-q", "-p", str(folder), "-c", str(configuration)], check=True)
    return [program, "-p", str(folder), "-c", str(configuration)]


def caddy(folder: Path, front: Front, key: Path) -> list[str]:
    example = replaced(
        (DEPLOY / "Caddyfile").read_text(),
        {
            "@streams 127.0.0.1:8000": f"@streams {front.server.streaming}",
            "127.0.0.1:8000": f"127.0.0.1:{front.server.port}",
            f"\n{NAME} {{": f"\n{NAME}:{front.port} {{\n\tbind 127.0.0.1\n\ttls {front.certificate} {key}",
        },
    )
    configuration = folder / "Caddyfile"
    configuration.write_text(
        f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}/storage\n}}\n{example}"
    )
    return [str(programs.caddy()), "run", "--config", str(configuration), "--adapter", "caddyfile"]


EXAMPLES = {"nginx": nginx, "caddy": caddy}


@pytest.fixture(scope="module", params=EXAMPLES)
def front(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param)
    certificate, key = make_certificate(folder)
    server = Streaming(folder / "data", "--trusted-proxies", "127.0.0.1")
    server.origin = f"https://{NAME}"
    front = Front(server, free_port(), free_port(), certificate)
    command = EXAMPLES[request.param](folder, front, key)
    with server, (folder / "proxy.log").open("w") as log:
        environment = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        proxy = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            until(lambda: listens(front.port) or proxy.poll() is not None, what="the proxy")
            assert proxy.poll() is None, (folder / "proxy.log").read_text()
            yield front
        finally:
            proxy.terminate()
            proxy.wait(30)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_is_answered_names_the_outer_address(front: Front) -> None:
    status, headers, body = front.ask("GET", "/api/v1/instance")
    assert status == 200
    assert json.loads(body)["uri"] == NAME
    assert headers["strict-transport-security"].startswith("max-age=")
    assert front.ask("GET", "/healthz")[0] == 200


def test_nobody_can_claim_another_address(front: Front) -> None:
    """Requests are counted by address: whoever forges one is still counted under their own."""

    def remaining(**forged: str) -> int:
        return int(front.ask("GET", "/api/v1/timelines/public", None, **forged)[1]["x-ratelimit-remaining"])

    first = remaining()
    assert remaining(X_Forwarded_For="198.51.100.1") == first - 1
    assert remaining(X_Forwarded_For="198.51.100.2, 198.51.100.3") == first - 2
    assert remaining() == first - 3


def test_the_operators_numbers_stay_inside(front: Front) -> None:
    assert front.ask("GET", "/metrics")[0] == 404
    assert front.server.get("/metrics")[0] == 200


def test_the_proxys_request_id_is_ours(front: Front) -> None:
    assert re.fullmatch(r"[0-9a-f-]{32,36}", front.ask("GET", "/api/v1/instance")[1]["x-request-id"])


def test_what_is_too_large_is_refused_before_it_is_read(front: Front) -> None:
    with contextlib.suppress(OSError):  # a proxy may close before all is sent
        assert front.ask("POST", "/api/v2/media", b"x" * (101 << 20), Content_Type="image/png")[0] == 413
    assert front.ask("GET", "/api/v1/instance")[0] == 200


def test_plain_http_is_sent_to_https(front: Front, request: pytest.FixtureRequest) -> None:
    if not listens(front.plain_port):
        assert "caddy" in request.node.name  # Caddy redirects port 80 by itself, which a test must not take
        return
    connection = http.client.HTTPConnection("127.0.0.1", front.plain_port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/@alice", headers={"Host": NAME})
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("location")) == (301, f"https://{NAME}/@alice")


async def test_workers_are_replaced_behind_it_without_a_failed_request(front: Front) -> None:
    statuses: list[int] = []
    ending = asyncio.Event()

    async def ask() -> None:
        while not ending.is_set():
            statuses.append((await asyncio.to_thread(front.ask, "GET", "/healthz"))[0])

    asking = [asyncio.ensure_future(ask()) for _ in range(4)]
    old = front.server.workers()
    front.server.signal(signal.SIGHUP)
    await asyncio.to_thread(until, lambda: front.server.replaced(old), 60)
    ending.set()
    await asyncio.gather(*asking)
    assert set(statuses) == {200}
    assert len(statuses) > 20


def test_streams_come_through(front: Front):
    name = f"stream{front.port}"
    token = front.server.account(name)
    context = ssl.create_default_context(cafile=str(front.certificate))
    address = socket.create_connection(("127.0.0.1", front.port), 30)
    url = f"wss://{NAME}:{front.port}/api/v1/streaming?stream=user"
    with connect(url, sock=address, ssl=context, subprotocols=[Subprotocol(token)]) as one:
        plain = socket.create_connection(("127.0.0.1", front.port), 30)
        with context.wrap_socket(plain, server_hostname=NAME) as wrapped, wrapped.makefile("rb") as lines:
            asked = f"GET /api/v1/streaming/user HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {token}\r\n\r\n"
            wrapped.sendall(asked.encode())
            assert b" 200 " in lines.readline()
            while lines.readline() != b"\r\n":
                continue
            body = json.dumps({"status": "through the proxy"}).encode()
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            made = json.loads(front.ask("POST", "/api/v1/statuses", body, **headers)[2])
            message = json.loads(one.recv(20))
            assert (message["event"], json.loads(message["payload"])["id"]) == ("update", made["id"])
            line = lines.readline()
            while not line.startswith(b"data: "):
                line = lines.readline()
            assert json.loads(line.removeprefix(b"data: "))["id"] == made["id"]
