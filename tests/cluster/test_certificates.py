"""A cluster's certificates: who is let in, when they are renewed, and that nothing notices it."""

import ssl
from pathlib import Path

import pytest

from linnet.cluster import certificates
from linnet.cluster.certificates import DAY_MS, Pair
from linnet.cluster.layout import Folders
from linnet.system import SystemClock
from tests.support.client import VirtualClock

ADDRESSES = ("127.0.1.1", "one.example")


def _node(data: Path, authority: Pair, now_ms: int, name: str = "one") -> Folders:
    found = Folders(data)
    found.cluster.mkdir(parents=True)
    certificates.keep(found, authority, certificates.issue(authority, name, ADDRESSES, now_ms))
    return found


def _shake(server: ssl.SSLContext, client: ssl.SSLContext, asked_for: str | None = None) -> dict:
    """What the server then knows of the client; raises ssl.SSLError where either refuses the other."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    asking = client.wrap_bio(to_client, to_server, server_hostname=asked_for)
    waiting = [asking, serving]
    for _ in range(10):
        for end in tuple(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                continue
    assert not waiting
    return dict(serving.getpeercert() or {})


@pytest.fixture
def now() -> int:
    return SystemClock().now_ms()


@pytest.fixture
def authority(now: int) -> Pair:
    return certificates.make_authority("linnet", now)


def test_nodes_of_one_cluster_let_each_other_in(tmp_path: Path, authority: Pair, now: int):
    one = _node(tmp_path / "one", authority, now)
    two = _node(tmp_path / "two", authority, now, "two")
    known = _shake(certificates.serving(one), certificates.asking(two))
    assert known["subject"] == ((("commonName", "two"),),)


def test_a_client_that_compares_names_finds_address_and_name(tmp_path: Path, authority: Pair, now: int):
    one = _node(tmp_path / "one", authority, now)
    careful = ssl.create_default_context(cafile=str(one.ca))
    for name in (*ADDRESSES, "one"):
        _shake(certificates.serving(one), careful, name)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(certificates.serving(one), careful, "127.0.1.2")


def test_who_has_no_certificate_is_nobody(tmp_path: Path, authority: Pair, now: int):
    one = _node(tmp_path / "one", authority, now)
    assert _shake(certificates.serving(one), certificates.trusting(authority.certificate)) == {}


def test_certificates_of_another_cluster_are_refused_in_both_directions(tmp_path: Path, authority: Pair, now: int):
    one = _node(tmp_path / "one", authority, now)
    other = _node(tmp_path / "other", certificates.make_authority("linnet", now), now)
    with pytest.raises(ssl.SSLError):
        _shake(certificates.serving(one), certificates.asking(other))
    lax = certificates.trusting(authority.certificate)
    lax.load_cert_chain(other.certificate, other.key)
    with pytest.raises(ssl.SSLError):
        _shake(certificates.serving(one), lax)


def test_a_node_cannot_sign_others(tmp_path: Path, authority: Pair, now: int):
    one = certificates.issue(authority, "one", ADDRESSES, now)
    forged = certificates.issue(Pair(one.certificate, one.key), "two", ADDRESSES, now)
    folder = Folders(tmp_path)
    folder.cluster.mkdir()
    certificates.keep(folder, authority, forged)
    with pytest.raises(ssl.SSLError):
        _shake(certificates.serving(folder), certificates.trusting(authority.certificate))


def test_it_is_renewed_when_a_third_of_its_life_is_left(tmp_path: Path):
    clock = VirtualClock()
    authority = certificates.make_authority("linnet", clock.now_ms())
    one = _node(tmp_path, authority, clock.now_ms())
    first, key = one.certificate.read_bytes(), one.key.read_bytes()
    clock.advance(60 * DAY_MS - 2_000)
    assert not certificates.renew(one, ADDRESSES, clock.now_ms())
    assert one.certificate.read_bytes() == first
    clock.advance(2_000)
    assert certificates.renew(one, ADDRESSES, clock.now_ms())
    second = one.certificate.read_bytes()
    assert certificates.ends_ms(second) - certificates.ends_ms(first) == 60 * DAY_MS
    assert one.key.read_bytes() == key
    assert one.pem.read_bytes() == second + key
    assert not certificates.renew(one, ADDRESSES, clock.now_ms())


def test_ten_years_of_looking_every_day_leave_no_gap(tmp_path: Path):
    clock = VirtualClock()
    authority = certificates.make_authority("linnet", clock.now_ms())
    one = _node(tmp_path, authority, clock.now_ms())
    renewed = 0
    for _ in range(3_640):
        clock.advance(DAY_MS)
        renewed += certificates.renew(one, ADDRESSES, clock.now_ms())
        assert certificates.ends_ms(one.certificate.read_bytes()) - clock.now_ms() > 29 * DAY_MS
    assert renewed == 3_640 // 60
    assert certificates.ends_ms(authority.certificate) > clock.now_ms()


def test_a_clock_that_went_back_or_another_address_renews_it(tmp_path: Path):
    clock = VirtualClock()
    one = _node(tmp_path, certificates.make_authority("linnet", clock.now_ms()), clock.now_ms())
    clock.advance(-2 * DAY_MS)
    assert certificates.renew(one, ADDRESSES, clock.now_ms())
    assert certificates.renew(one, ("127.0.1.9",), clock.now_ms())
    assert set(certificates.addresses_of(one.certificate.read_bytes())) == {"one", "127.0.1.9"}


def test_the_certificate_before_a_renewal_is_still_accepted(tmp_path: Path, now: int):
    authority = certificates.make_authority("linnet", now - 61 * DAY_MS)
    one = _node(tmp_path / "one", authority, now - 61 * DAY_MS)
    two = _node(tmp_path / "two", authority, now, "two")
    old_server, old_client = certificates.serving(one), certificates.asking(one)
    assert certificates.renew(one, ADDRESSES, now)
    assert _shake(old_server, certificates.asking(two))["subject"] == ((("commonName", "two"),),)
    assert _shake(certificates.serving(two), old_client)["subject"] == ((("commonName", "one"),),)
    assert _shake(certificates.serving(two), certificates.asking(one))["subject"] == ((("commonName", "one"),),)


def test_what_has_ended_is_refused(tmp_path: Path, now: int):
    authority = certificates.make_authority("linnet", now - 91 * DAY_MS)
    one = _node(tmp_path, authority, now - 91 * DAY_MS)
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake(certificates.serving(one), certificates.trusting(authority.certificate))


def test_a_renewal_that_was_cut_off_is_brought_to_its_end(tmp_path: Path):
    clock = VirtualClock()
    authority = certificates.make_authority("linnet", clock.now_ms())
    one = _node(tmp_path, authority, clock.now_ms())
    again = certificates.issue(authority, "one", ADDRESSES, clock.now_ms(), one.key.read_bytes())
    one.certificate.write_bytes(again.certificate)
    assert certificates.renew(one, ADDRESSES, clock.now_ms())
    assert one.pem.read_bytes() == again.certificate + again.key
    assert not certificates.renew(one, ADDRESSES, clock.now_ms())


def test_nobody_else_may_read_them(tmp_path: Path, authority: Pair, now: int):
    one = _node(tmp_path, authority, now)
    for file in (one.ca, one.ca_key, one.certificate, one.key, one.pem):
        assert file.stat().st_mode & 0o777 == 0o600
    assert {path.name for path in one.cluster.iterdir()} == {"ca.crt", "ca.key", "node.crt", "node.key", "node.pem"}


def test_the_fingerprint_is_that_of_the_certificate_and_not_of_its_letters(authority: Pair):
    assert certificates.fingerprint(authority.certificate) == certificates.fingerprint(authority.certificate + b"\n")
    assert len(certificates.fingerprint(authority.certificate)) == 64


def test_what_stands_behind_a_certificate_is_not_taken_along(authority: Pair, now: int):
    ours, theirs = authority, certificates.make_authority("linnet", now)
    for text in (ours.certificate + theirs.certificate, theirs.certificate + ours.certificate, b"", b"rubbish"):
        with pytest.raises(ValueError):
            certificates.fingerprint(text)
        with pytest.raises(ValueError):
            certificates.alone(text)
    # Of another kind, it is not counted; but it is not written anew either.
    hidden = ours.certificate + theirs.certificate.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE") + b"more"
    assert certificates.alone(hidden) == ours.certificate
    assert len(certificates.trusting(certificates.alone(hidden)).get_ca_certs()) == 1


def test_a_name_that_no_certificate_can_hold_is_refused(authority: Pair, now: int):
    with pytest.raises(ValueError):
        certificates.issue(authority, "n" * 65, ADDRESSES, now)
