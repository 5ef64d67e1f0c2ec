"""Who belongs to a cluster: its authority, the certificate of each node, and their renewal.

Every node has the authority's key, so that each renews its own certificate and none depends on another for it. A node's
private key stays the same for as long as the node is a member: only one file is replaced then, in one step, and no
component can meet a certificate beside another one's key.
"""

import ipaddress
import ssl
from datetime import UTC, datetime
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from linnet.cluster.keeping import write
from linnet.cluster.layout import Folders

DAY_MS = 86_400_000
AUTHORITY_MS = 3_650 * DAY_MS
NODE_MS = 90 * DAY_MS
EARLIER_MS = DAY_MS
"""Certificates begin so long ago: the clocks of two machines differ, and a new node must be believed at once."""


class Pair(NamedTuple):
    """A certificate and its private key, both as PEM."""

    certificate: bytes
    key: bytes


# -- making -----------------------------------------------------------------------------------------------------------


def make_authority(cluster: str, now_ms: int) -> Pair:
    """A new authority, which signs itself, for ten years. It may sign nodes and no other authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _called(f"Linnet cluster {cluster}")
    builder = _builder(name, name, key.public_key(), now_ms, AUTHORITY_MS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs=True), critical=True)
    return Pair(builder.sign(key, SHA256()).public_bytes(Encoding.PEM), _pem(key))


def issue(authority: Pair, name: str, addresses: tuple[str, ...], now_ms: int, key: bytes = b"") -> Pair:
    """A certificate for a node, for ninety days; ``key`` is the node's own (PEM) where it has one already.

    ``addresses`` are IP addresses or host names at which it is reached. It serves as both ends of a connection: a
    node is client and server of the others, and etcd's JSON gateway dials its own server with the server's certificate.
    """
    issuer, issuer_key = x509.load_pem_x509_certificate(authority.certificate), _key(authority.key)
    own = _key(key) if key else ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_called(name), issuer.subject, own.public_key(), now_ms, NODE_MS)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(signs=False), critical=True)
    both_ends = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    builder = builder.add_extension(x509.ExtendedKeyUsage(both_ends), critical=False)
    known_as = dict.fromkeys((*addresses, name))
    builder = builder.add_extension(x509.SubjectAlternativeName([_general(one) for one in known_as]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
    )
    return Pair(builder.sign(issuer_key, SHA256()).public_bytes(Encoding.PEM), _pem(own))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now_ms: int, life_ms: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(now_ms - EARLIER_MS))
        .not_valid_after(_time(now_ms + life_ms))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _called(name: str) -> x509.Name:
    """Raises ValueError beyond the 64 characters that a common name may have (RFC 5280)."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _general(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


# -- reading ----------------------------------------------------------------------------------------------------------


def alone(text: bytes) -> bytes:
    """The one certificate (PEM) that a text holds, written anew: what was looked at is then all that is believed.

    Raises ValueError for none and for several: whoever stands between two machines may put its own one behind ours.
    """
    (only,) = x509.load_pem_x509_certificates(text)
    return only.public_bytes(Encoding.PEM)


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a certificate (PEM), in hexadecimal: what a join token names the authority by. Raises ValueError."""
    return x509.load_pem_x509_certificate(alone(certificate)).fingerprint(SHA256()).hex()


def name_of(certificate: bytes) -> str:
    """Whose it is (PEM)."""
    found = x509.load_pem_x509_certificate(certificate)
    return str(found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def addresses_of(certificate: bytes) -> tuple[str, ...]:
    """What it is good for: host names and IP addresses, the node's name among them."""
    found = x509.load_pem_x509_certificate(certificate)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(one.value) for one in names)


def ends_ms(certificate: bytes) -> int:
    """When it ends, in ms since 1970."""
    return int(x509.load_pem_x509_certificate(certificate).not_valid_after_utc.timestamp() * 1000)


def due(certificate: bytes, now_ms: int) -> bool:
    """Whether it is time for another one: a third of its life is left, or it is not valid yet (a clock went back)."""
    found = x509.load_pem_x509_certificate(certificate)
    begins = int(found.not_valid_before_utc.timestamp() * 1000)
    return now_ms < begins or ends_ms(certificate) - now_ms <= NODE_MS // 3


# -- keeping ----------------------------------------------------------------------------------------------------------


def keep(folders: Folders, authority: Pair, node: Pair) -> None:
    """Writes all of a node's certificates; run again after a crash, it leaves the same."""
    write(folders.ca_key, authority.key)
    write(folders.ca, authority.certificate)
    write(folders.key, node.key)
    _keep_certificate(folders, node)


def _keep_certificate(folders: Folders, node: Pair) -> None:
    write(folders.certificate, node.certificate)
    write(folders.pem, node.certificate + node.key)


def renew(folders: Folders, addresses: tuple[str, ...], now_ms: int) -> bool:
    """Looks whether this node's certificate is due or names other addresses, and replaces it then.

    True where files have changed: whoever keeps a certificate in memory (HAProxy, PostgreSQL and Patroni, our own
    connections) must be told to read it again. The old one is good until it ends, so nobody need hurry.
    """
    certificate, key = folders.certificate.read_bytes(), folders.key.read_bytes()
    name = name_of(certificate)
    same = set(addresses_of(certificate)) == {*addresses, name}
    if same and not due(certificate, now_ms):
        if folders.pem.exists() and folders.pem.read_bytes() == certificate + key:
            return False
        # The machine stopped between the two files of a renewal.
        _keep_certificate(folders, Pair(certificate, key))
        return True
    authority = Pair(folders.ca.read_bytes(), folders.ca_key.read_bytes())
    _keep_certificate(folders, issue(authority, name, addresses, now_ms, key))
    return True


def serving(folders: Folders) -> ssl.SSLContext:
    """For a server of this node: a client may have no certificate, but none that is not the cluster's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folders.certificate, folders.key)
    context.load_verify_locations(folders.ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def asking(folders: Folders) -> ssl.SSLContext:
    """For this node as a client of another: whoever has a certificate of the cluster is one of its nodes."""
    context = trusting(folders.ca.read_bytes())
    context.load_cert_chain(folders.certificate, folders.key)
    return context


def trusting(authority: bytes) -> ssl.SSLContext:
    """For a client that knows the cluster's authority (PEM) and is not of it yet.

    Names are not compared: the authority signs nothing but nodes of this cluster, and an operator may reach one by
    whatever name leads to it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.load_verify_locations(cadata=authority.decode("ascii"))
    return context


def unknowing() -> ssl.SSLContext:
    """For a client that knows nothing of whom it asks: good for nothing but what is checked otherwise."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)


def _key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is not one of this cluster's (EC P-256)")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
