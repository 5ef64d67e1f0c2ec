"""The way out, attacked: inner addresses in every disguise, names that change meaning, endless and huge answers."""

import asyncio
import datetime as dt
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import linnet
from linnet.domain.errors import RemoteFailed
from linnet.http import outbound as way_out
from linnet.http.outbound import Outbound
from linnet.http.reach import Reach
from linnet.ports import RemoteRequest
from tests.support.outside import Outside, answer, outside_at, packed
from tests.support.waiting import until

HERE = "https://linnet.example"
INNER = (
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "168.63.129.16", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b::808:808",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:53aa:64c::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1",
    "3fff::1", "4000::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1",
)  # fmt: skip
WORLD = ("1.1.1.1", "8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:4700:4700::1111", "2a01:4f8::1", "2001:4860::1")


@pytest.fixture
async def remote() -> AsyncIterator[Outbound]:
    """A way out that may reach this machine."""
    made = Outbound(HERE, Reach(("127.0.0.0/8", "::1")))
    yield made
    await made.close()


async def failed(remote: Outbound, url: str, **given: Any) -> RemoteFailed:
    with pytest.raises(RemoteFailed) as failure:
        await remote.ask(RemoteRequest(url, **given))
    return failure.value


def names(**meanings: Any) -> Any:
    """A resolver: each name means the addresses given; a list of lists is what it means one time after another."""

    def lookup(host: str, port: int, family: int, kind: int) -> list[tuple[Any, ...]]:
        found = meanings[host.partition(".")[0]]
        found = found.pop(0) if isinstance(found[0], list) else found
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, kind, 6, "", (one, port)) for one in found]

    return lookup


# ------------------------------------------------------------------------------------------------------- where to


def test_of_addresses_only_the_worlds_may_be_asked() -> None:
    reach = Reach()
    assert [address for address in INNER if reach.permits(address, 443)] == []
    assert [address for address in WORLD if not reach.permits(address, 443)] == []
    assert [port for port in (22, 25, 80, 443, 5432, 8443) if reach.permits("1.1.1.1", port)] == [80, 443]
    assert not reach.permits("localhost", 443)
    assert not reach.permits("1.1.1.1.", 443)


def test_an_operator_may_allow_networks_and_ports() -> None:
    reach = Reach(("10.0.0.0/8", "::1"), (80, 443, 8443))
    assert reach.permits("10.1.2.3", 5432)
    assert reach.permits("::ffff:10.1.2.3", 80)
    assert reach.permits("::1", 80)
    assert reach.permits("1.1.1.1", 8443)
    assert not reach.permits("192.168.1.1", 443)
    assert not reach.permits("::ffff:192.168.1.1", 443)


@pytest.mark.parametrize("host", [
    "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "0", "127.0.0.1.", "①②⑦.0.0.1",
])  # fmt: skip
async def test_no_spelling_of_this_machine_is_asked(host: str, outside: Outside) -> None:
    remote = Outbound(HERE, Reach(ports=(outside.port,)))
    try:
        failure = await failed(remote, f"http://{host}:{outside.port}/")
    finally:
        await remote.close()
    assert not failure.passing or "reached" in str(failure)
    assert outside.connections == 0


@pytest.mark.parametrize("url", [
    "", "/", "linnet.example", "//linnet.example/", "ftp://linnet.example/", "file:///etc/passwd", "javascript:0",
    "gopher://127.0.0.1:6379/_FLUSHALL", "http://", "http:///etc/passwd", "http://user@linnet.example/",
    "http://:pass@linnet.example/", "http://a:70000/", "http://a:0/", "http://[::1/", "http://a\r\nHost: b/",
    "https://linnet.example/" + "a" * 5000, "data:text/plain,a",
])  # fmt: skip
async def test_what_is_no_address_of_the_web_is_refused_for_good(url: str, remote: Outbound) -> None:
    assert not (await failed(remote, url)).passing


async def test_a_name_that_means_an_inner_address_too_is_refused(outside: Outside) -> None:
    meanings = {
        "inner": ["10.0.0.1"], "both": ["127.0.0.1", "10.0.0.1"], "mapped": ["::ffff:10.0.0.1"], "good": ["127.0.0.1"],
    }  # fmt: skip
    remote = Outbound(HERE, Reach(("127.0.0.1",)), lookup=names(**meanings))
    for name in ("inner", "both", "mapped"):
        failure = await failed(remote, f"http://{name}.example:{outside.port}/")
        assert (str(failure), failure.passing) == ("That address may not be asked", False)
    assert outside.connections == 0
    outside.put("/", "here")
    assert (await remote.ask(RemoteRequest(f"http://good.example:{outside.port}/"))).body == b"here"
    await remote.close()


async def test_a_name_that_changes_its_meaning_gains_nothing(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was resolved and checked is what is connected to; it is not resolved again in between."""
    outside.pages["/"] = answer(b"first", "200 OK", "Connection: close")
    turns = [["127.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]]
    remote = Outbound(HERE, Reach(("127.0.0.1",)), lookup=names(turncoat=turns))
    connected: list[str] = []
    plain = remote._socket

    def noted(found: Any) -> socket.socket:
        connected.append(found[4][0])
        return plain(found)

    monkeypatch.setattr(remote, "_socket", noted)
    assert (await remote.ask(RemoteRequest(f"http://turncoat.example:{outside.port}/"))).body == b"first"
    assert (connected, len(turns)) == (["127.0.0.1"], 2)
    # The library may remember the meaning for a while, or ask again: then it is checked again.
    remote._session().connector.clear_dns_cache()  # type: ignore[union-attr]
    assert not (await failed(remote, f"http://turncoat.example:{outside.port}/")).passing
    assert connected == ["127.0.0.1"]
    await remote.close()


async def test_a_name_that_is_not_there_may_be_there_later(remote: Outbound) -> None:
    def lookup(*_: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    lost = Outbound(HERE, lookup=lookup)
    assert (await failed(lost, "http://nobody.example/")).passing
    await lost.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        assert (await failed(remote, f"http://127.0.0.1:{taken.getsockname()[1]}/")).passing


# ------------------------------------------------------------------------------------------------------ what is said


async def test_a_request_says_who_asks_and_nothing_else(
    outside: Outside, remote: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    outside.pages["/"] = answer(b"", "200 OK", "Set-Cookie: a=b; Path=/", "X-A: 1", "X-A: 2")
    request = RemoteRequest(f"{outside.origin}/", headers={"Accept": "text/html"})
    await remote.ask(request)
    found = await remote.ask(request)
    assert (found.status, found.body, found.ok, found.headers["x-a"]) == (200, b"", True, "1, 2")
    assert outside.asked[1].headers == {
        "host": f"127.0.0.1:{outside.port}",
        "user-agent": f"Linnet/{linnet.__version__} (+{HERE}/)",
        "accept": "text/html",
        "accept-encoding": "gzip",
    }
    assert outside.connections == 1, "the connection is used again"


async def test_a_post_has_a_body_and_follows_nothing(outside: Outside, remote: Outbound) -> None:
    outside.pages["/push"] = answer(b"ok", "201 Created")
    outside.pages["/moved"] = answer(b"", "307 Temporary Redirect", "Location: /push")
    given = {"Content-Type": "application/octet-stream", "TTL": "60"}
    found = await remote.ask(RemoteRequest(f"{outside.origin}/push", "POST", given, b"\0secret"))
    assert (found.status, found.ok, outside.asked[0].body, outside.asked[0].headers["ttl"]) == (
        201,
        True,
        b"\0secret",
        "60",
    )
    found = await remote.ask(RemoteRequest(f"{outside.origin}/moved", "POST", given, b"\0secret"))
    assert (found.status, found.ok, found.passing, len(outside.asked)) == (307, False, False, 2)


@pytest.mark.parametrize(("status", "passing"), [(400, False), (404, False), (410, False), (429, True), (503, True)])
async def test_an_answer_with_an_errors_status_is_an_answer(
    status: int, passing: bool, outside: Outside, remote: Outbound
) -> None:
    outside.pages["/"] = answer(b"why", f"{status} Words")
    found = await remote.ask(RemoteRequest(f"{outside.origin}/"))
    assert (found.status, found.body, found.ok, found.passing) == (status, b"why", False, passing)


# --------------------------------------------------------------------------------------------------------- redirects


async def test_redirects_are_followed_by_hand_and_end(outside: Outside, remote: Outbound) -> None:
    outside.pages["/a"] = answer(b"", "301 Moved", "Location: /b?c=d#e")
    outside.pages["/b"] = answer(b"", "302 Found", f"Location: //127.0.0.1:{outside.port}/c")
    outside.put("/c", "there")
    found = await remote.ask(RemoteRequest(f"{outside.origin}/a"))
    assert (found.body, found.url) == (b"there", f"{outside.origin}/c")
    assert [one.path for one in outside.asked] == ["/a", "/b?c=d", "/c"]
    assert (await remote.ask(RemoteRequest(f"{outside.origin}/a", redirects=0))).status == 301
    outside.pages["/round"] = answer(b"", "302 Found", "Location: /round")
    outside.asked.clear()
    assert not (await failed(remote, f"{outside.origin}/round")).passing
    assert len(outside.asked) == 4


@pytest.mark.parametrize("target", [
    "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "http://[::ffff:10.0.0.1]/",
    "//10.0.0.1/", "http://user:pass@127.0.0.1/", "http://127.0.0.2:1\\@10.0.0.1/",
])  # fmt: skip
async def test_a_redirect_does_not_lead_in(target: str, outside: Outside) -> None:
    remote = Outbound(HERE, Reach(("127.0.0.1",)))
    outside.pages["/"] = answer(b"", "302 Found", f"Location: {target}")
    assert not (await failed(remote, f"{outside.origin}/", seconds=2)).passing
    await remote.close()


async def test_a_signature_goes_to_the_server_that_was_asked_alone(outside: Outside, remote: Outbound) -> None:
    async with outside_at() as other:
        other.put("/", "other")
        outside.put("/same", "same")
        outside.pages["/away"] = answer(b"", "302 Found", f"Location: {other.origin}/")
        outside.pages["/stay"] = answer(b"", "302 Found", "Location: /same")
        given = {"Authorization": "secret", "Signature": "secret", "Accept": "a/b"}
        for path in ("/away", "/stay"):
            await remote.ask(RemoteRequest(f"{outside.origin}{path}", headers=given))
        assert {"authorization", "signature"}.isdisjoint(other.asked[0].headers)
        assert other.asked[0].headers["accept"] == "a/b"
        assert outside.asked[-1].headers["signature"] == "secret"


# ------------------------------------------------------------------------------------------------------------ bounds


async def test_an_answer_that_is_too_long_is_refused_or_cut(outside: Outside, remote: Outbound) -> None:
    bomb = b"0" * 50_000_000
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"ffff\r\n" + b"0" * 65535 + b"\r\n") * 20
    outside.put("/long", b"0" * 100_000)
    outside.pages |= {"/bomb": packed(bomb), "/endless": endless, "/fits": packed(b"fits")}
    for path in ("/long", "/bomb", "/endless"):
        failure = await failed(remote, f"{outside.origin}{path}", bytes_max=10_000)
        assert (str(failure), failure.passing) == ("The other server's answer is over 10000 bytes", False)
        beginning = await remote.ask(RemoteRequest(f"{outside.origin}{path}", bytes_max=10_000, beginning=True))
        assert beginning.body == b"0" * 10_000
    assert (await remote.ask(RemoteRequest(f"{outside.origin}/fits"))).body == b"fits"


@pytest.mark.parametrize("said", [
    answer(b"not packed", "200 OK", "Content-Encoding: gzip"),
    answer(b"x", "200 OK", "Content-Encoding: br"),
    b"HTTP/1.1 200 OK\r\nA: " + b"a" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
    b"SSH-2.0-OpenSSH\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    b"\0" * 1000 + b"\r\n\r\n",
], ids=["gzip", "br", "long header", "headers", "ssh", "negative", "zeros"])  # fmt: skip
async def test_what_is_no_answer_is_a_failure_of_theirs(said: bytes, outside: Outside, remote: Outbound) -> None:
    outside.pages["/"] = said
    await failed(remote, f"{outside.origin}/", seconds=5)


async def test_a_server_that_says_nothing_is_waited_for_only_so_long(outside: Outside, remote: Outbound) -> None:
    outside.pages["/"] = None
    outside.pages["/drip"] = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this"
    for path in ("/", "/drip"):
        failure = await failed(remote, f"{outside.origin}{path}", seconds=0.2)
        assert (str(failure), failure.passing) == ("The other server did not answer in time", True)


async def test_one_host_is_asked_only_so_often_at_once(outside: Outside, remote: Outbound) -> None:
    outside.pages["/"] = None
    asking = asyncio.gather(*(failed(remote, f"{outside.origin}/", seconds=20) for _ in range(20)))
    await until(lambda: outside.connections >= way_out.PARALLEL_PER_HOST)
    outside.ended.set()  # from now on it hangs up
    assert all(failure.passing for failure in await asking)
    assert outside.most_at_once == way_out.PARALLEL_PER_HOST


# --------------------------------------------------------------------------------------------------------------- TLS


def _certificate(folder: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - dt.timedelta(days=3650)).not_valid_after(now + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, both = folder / f"{name}.pem", folder / f"{name}.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + certificate.read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return certificate, context


async def test_whom_we_speak_with_is_proved_and_a_redirect_does_not_leave_tls(tmp_path: Path) -> None:
    certificate, context = _certificate(tmp_path, "good.example")
    lookup = names(good=["127.0.0.1"], other=["127.0.0.1"])
    trusting = Outbound(HERE, Reach(("127.0.0.1",)), str(certificate), lookup)
    strict = Outbound(HERE, Reach(("127.0.0.1",)), None, lookup)
    async with outside_at(tls=context) as outside, outside_at() as plain:
        outside.put("/", "sealed")
        plain.put("/", "open")
        outside.pages["/down"] = answer(b"", "302 Found", f"Location: http://good.example:{plain.port}/")
        good = f"https://good.example:{outside.port}"
        assert (await trusting.ask(RemoteRequest(f"{good}/"))).body == b"sealed"
        assert not (await failed(trusting, f"{good}/down")).passing
        assert plain.connections == 0
        assert (await failed(trusting, f"https://other.example:{outside.port}/")).passing
        assert (await failed(strict, f"{good}/")).passing
    await trusting.close()
    await strict.close()


def test_the_library_is_loaded_by_the_first_request_and_not_by_a_start() -> None:
    code = (
        "import sys; from linnet.http.outbound import Outbound; import linnet.app; "
        f"Outbound({HERE!r}); assert not {{'aiohttp', 'yarl'}} & set(sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "")
