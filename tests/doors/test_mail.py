"""Mail through a real SMTP server on this machine: TLS, STARTTLS, signing in, refusals, and the job that sends it."""

import asyncio
import datetime as dt
import email
import email.policy
import socket
import ssl
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from linnet.actions import addresses, sign_up
from linnet.domain.errors import Invalid, Unavailable
from linnet.http.mail import NoMail, SmtpMail, SmtpSettings
from linnet.ports import Message
from linnet.queries import users
from linnet.system import SystemChance, SystemClock
from tests.support.access import form, once, rows
from tests.support.client import VirtualClock, World

LETTER = Message("uni@example.org", "Grüße von Linnet", "Zeile 1\n\nhttps://linnet.example/?token=a-b_c\n")


class Mailbox:
    """The server's side. ``refuse`` are replies to the next recipients."""

    def __init__(self) -> None:
        self.letters: list[EmailMessage] = []
        self.recipients: list[str] = []
        self.senders: list[str] = []
        self.encrypted: list[bool] = []
        self.signed_in: list[bool] = []
        self.refuse: list[str] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if self.refuse:
            return self.refuse.pop()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.encrypted.append(session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None)
        self.signed_in.append(bool(session.authenticated))
        self.senders.append(envelope.mail_from)
        self.recipients += envelope.rcpt_tos
        letter = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"


class Server(Controller):
    """``tls``: from the start; ``starttls``: on demand; ``none``."""

    def __init__(self, mailbox: Mailbox, security: str, context: ssl.SSLContext | None) -> None:
        self._starttls = context if security == "starttls" else None
        super().__init__(mailbox, hostname="127.0.0.1", port=0, ssl_context=context if security == "tls" else None)

    def factory(self) -> SMTP:
        return SMTP(
            self.handler, tls_context=self._starttls, require_starttls=self._starttls is not None,
            authenticator=_authenticate, auth_require_tls=False,
        )  # fmt: skip

    def _trigger_server(self) -> None:
        # The controller would connect to port 0, or with a context that is made for servers.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        socket.create_connection(("127.0.0.1", self.port), 5).close()


def _authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = (data.login, data.password) == (b"linnet", b"s3cret")
    return AuthResult(success=good, handled=good)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """For ``localhost``, signed by itself: its file, and its key's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("certificate")
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture(params=["tls", "starttls", "none"])
def security(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(mailbox: Mailbox, security: str, certificate: tuple[Path, Path]) -> Iterator[Server]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    running = Server(mailbox, security, context)
    running.start()
    yield running
    running.stop()


def way_out(server: Server, security: str, **changed: Any) -> SmtpMail:
    given: dict[str, Any] = {
        "host": "localhost", "port": server.port, "sender": "Linnet <linnet@linnet.example>", "security": security,
    }  # fmt: skip
    return SmtpMail(SmtpSettings(**(given | changed)), SystemClock(), SystemChance())


async def test_a_letter_arrives_whole(
    server: Server, mailbox: Mailbox, security: str, certificate: tuple[Path, Path]
) -> None:
    mail = way_out(server, security, trusted=str(certificate[0]), username="linnet", password="s3cret")
    await mail.send(LETTER)
    [letter] = mailbox.letters
    assert mailbox.encrypted == [security != "none"]
    assert mailbox.signed_in == [True]
    assert mailbox.recipients == ["uni@example.org"]
    assert mailbox.senders == ["linnet@linnet.example"]
    assert letter["Subject"] == "Grüße von Linnet"
    assert letter["From"] == "Linnet <linnet@linnet.example>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter["Message-ID"].endswith("@linnet.example>")
    assert letter["Date"].datetime.tzinfo is not None
    assert letter.get_content().replace("\r\n", "\n").rstrip() == LETTER.text.rstrip()


async def test_what_goes_wrong_is_told_apart(
    server: Server, mailbox: Mailbox, security: str, certificate: tuple[Path, Path]
) -> None:
    trusted = str(certificate[0])
    mailbox.refuse = ["550 no such mailbox"]
    with pytest.raises(Invalid, match="refused"):
        await way_out(server, security, trusted=trusted).send(LETTER)
    mailbox.refuse = ["451 busy"]
    with pytest.raises(Unavailable):
        await way_out(server, security, trusted=trusted).send(LETTER)
    with pytest.raises(Unavailable, match="SMTPAuthenticationError"):
        await way_out(server, security, trusted=trusted, username="linnet", password="wrong").send(LETTER)
    if security != "none":
        # A certificate that nobody vouches for is no certificate.
        with pytest.raises(Unavailable):
            await way_out(server, security).send(LETTER)
        with pytest.raises(Unavailable):
            await way_out(server, security, trusted=trusted, host="127.0.0.1").send(LETTER)
    assert mailbox.letters == []


@pytest.mark.parametrize("security", ["none"])
async def test_starttls_that_is_not_offered_is_not_done_without(
    server: Server, mailbox: Mailbox, security: str
) -> None:
    with pytest.raises(Unavailable):
        await way_out(server, "starttls").send(LETTER)
    assert mailbox.letters == []


@pytest.mark.parametrize("security", ["none"])
async def test_nobody_writes_headers_through_us(server: Server, mailbox: Mailbox, security: str) -> None:
    for letter in (
        Message("a@example.org\r\nBcc: b@example.org", "s", "t"),
        Message("a@example.org", "s\r\nBcc: b@example.org", "t"),
    ):
        with pytest.raises(ValueError):
            await way_out(server, security).send(letter)
    await way_out(server, security).send(Message("a@example.org", "s", "one\r\n.\r\nMAIL FROM:<x@example.org>\r\ntwo"))
    assert mailbox.recipients == ["a@example.org"]
    assert "MAIL FROM" in mailbox.letters[0].get_content()


@pytest.mark.parametrize("security", ["starttls"])
async def test_signing_up_with_a_real_mail_server(
    open_any_world: Any, server: Server, mailbox: Mailbox, security: str, certificate: tuple[Path, Path]
) -> None:
    mail = way_out(server, security, trusted=str(certificate[0]))
    world: World = await open_any_world(mail=mail)
    made = await sign_up.sign_up(world.database, world.site, world.parts.guards, mail, form(), once(world))
    assert await world.run_jobs() == 1
    assert mailbox.recipients == ["alice@example.org"]
    link = mailbox.letters[0].get_content().partition("token=")[2].split()[0]
    await addresses.confirm(world.database, world.site, mail, link, once(world))
    assert (await users.one(world.database, made.account_id)).barred == ""


@pytest.mark.parametrize("security", ["none"])
async def test_the_job_mail_send_comes_back_until_it_is_out_or_refused(
    open_sqlite_world: Any, server: Server, mailbox: Mailbox, security: str
) -> None:
    clock = VirtualClock()
    world: World = await open_sqlite_world(mail=way_out(server, security), clock=clock)

    async def join(name: str) -> None:
        await sign_up.sign_up(world.database, world.site, world.parts.guards, world.parts.mail, form(name), once(world))

    await join("alice")
    mailbox.refuse = ["451 later"]
    with pytest.raises(AssertionError, match="a job failed"):
        await world.run_jobs()
    assert len(await rows(world, "jobs")) == 1
    clock.advance(60_000)
    await world.run_jobs()
    assert mailbox.recipients == ["alice@example.org"]
    await join("bob")
    mailbox.refuse = ["550 no such mailbox"]
    await world.run_jobs()
    assert await rows(world, "jobs") == []
    await join("carol")
    clock.advance(8 * 86_400_000)
    await world.run_jobs()
    assert await rows(world, "jobs") == []
    assert mailbox.recipients == ["alice@example.org"]


async def test_no_server_that_answers_is_tried_again_later() -> None:
    with socket.socket() as bound:
        # Bound and not listening: nobody else can take the port, and nobody answers there.
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        mail = SmtpMail(SmtpSettings("127.0.0.1", port, "a@b.example", "none"), SystemClock(), SystemChance())
        with pytest.raises(Unavailable):
            await mail.send(LETTER)
    with pytest.raises(Unavailable):
        await NoMail().send(LETTER)
    with pytest.raises(ValueError, match="security"):
        SmtpMail(SmtpSettings("127.0.0.1", 25, "a@b.example", "some"), SystemClock(), SystemChance())
