"""Sends e-mail by SMTP (RFC 5321), over TLS from the start or by STARTTLS; where no server is configured, nothing."""

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from linnet.domain.errors import Invalid, Unavailable
from linnet.ports import Chance, Clock, Message

TIMEOUT_S = 20.0
SECURITY = ("tls", "starttls", "none")


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """``security`` is ``tls`` (usually port 465), ``starttls`` (587) or ``none``, which is for a server on this
    machine. ``sender`` is an address, or ``Name <address>``. ``trusted`` is a file of further certificates."""

    host: str
    port: int
    sender: str
    security: str = "starttls"
    username: str = ""
    password: str = ""
    trusted: str | None = None


class NoMail:
    """For an operator without an SMTP server: whoever would send asks ``configured`` first."""

    configured = False

    async def send(self, message: Message) -> None:
        raise Unavailable("No SMTP server is configured")


class SmtpMail:
    """One connection a message. STARTTLS is demanded and not merely tried: a stripped offer is an error."""

    configured = True

    def __init__(self, settings: SmtpSettings, clock: Clock, chance: Chance) -> None:
        if settings.security not in SECURITY:
            raise ValueError(f"security must be one of {', '.join(SECURITY)}")
        self._settings = settings
        self._clock = clock
        self._chance = chance

    async def send(self, message: Message) -> None:
        """Raises Invalid where the recipient is refused for good, Unavailable where another try may help."""
        import aiosmtplib  # where no mail is sent, a start is quicker and a worker smaller without it

        settings = self._settings
        try:
            await aiosmtplib.send(
                self._letter(message),
                hostname=settings.host,
                port=settings.port,
                username=settings.username or None,
                password=settings.password or None,
                use_tls=settings.security == "tls",
                start_tls=settings.security == "starttls",
                tls_context=self._tls() if settings.security != "none" else None,
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(500 <= refusal.code < 600 for refusal in error.recipients):
                raise Invalid("email", "was refused by the mail server") from error
            raise Unavailable("The mail server refused the recipient for now") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unavailable(f"The mail server did not take the message ({type(error).__name__})") from error

    def _tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._settings.trusted)

    def _letter(self, message: Message) -> EmailMessage:
        letter = EmailMessage()
        letter["From"] = self._settings.sender
        letter["To"] = Address(addr_spec=message.to)
        letter["Subject"] = message.subject
        letter["Date"] = format_datetime(datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC))
        domain = self._settings.sender.rpartition("@")[2].rstrip(">")
        letter["Message-ID"] = f"<{self._chance.secret(16).hex()}@{domain}>"
        # Tells other programs not to answer with their own automatic mail (RFC 3834).
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(message.text, cte="quoted-printable")
        return letter
