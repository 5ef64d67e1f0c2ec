"""E-mail: what it says, and its way out as a job, sent at least once."""

from linnet.domain.errors import Invalid
from linnet.domain.site import Site
from linnet.domain.times import DAY_MS
from linnet.ports import Mail, Message
from linnet.storage import jobs
from linnet.storage.database import Database, Reader, Writer
from linnet.storage.jobs import Job
from linnet.telemetry import log

# The pages of linnet/web that links lead to; a test follows each.
CONFIRM_PATH = "/confirm"
RESET_PATH = "/reset"
FORGOT_PATH = "/forgot"
SIGN_IN_PATH = "/sign-in"
LASTS_MS = DAY_MS
"""Nobody waits longer than this for a notice."""


async def enqueue(tx: Writer, message: Message, expires_at: int = 0) -> None:
    """``expires_at``: when the message has no more use, in ms since 1970.

    A link's token stands in the job's row until the message is sent: there is nowhere else to have it from, since
    only its hash is kept.
    """
    payload = {
        "to": message.to,
        "subject": message.subject,
        "text": message.text,
        "expires_at": expires_at or tx.now + LASTS_MS,
    }
    await jobs.add(tx, "mail.send", payload)


async def send(database: Database, mail: Mail, job: Job) -> None:
    """Job ``mail.send``. Says in the log that a message could not be delivered, and never what it said."""
    payload = job.payload

    async def out_of_date(tx: Reader) -> bool:
        return tx.now > int(payload["expires_at"])

    if not mail.configured or await database.read(out_of_date):
        log.warning("mail_dropped", job=job.id, done="it is out of date, or no SMTP server is configured any more")
    else:
        try:
            await mail.send(Message(payload["to"], payload["subject"], payload["text"]))
        except Invalid as refusal:
            log.warning("mail_refused", job=job.id, error=str(refusal), done="not trying again")
    await database.write(lambda tx: jobs.finish(tx, job))


def confirmation(site: Site, username: str, to: str, token: str) -> Message:
    return _message(
        site, to, "Confirm your e-mail address",
        f"Welcome to {site.title}, @{username}!",
        "Confirm your e-mail address by opening this page within a week:",
        f"{site.origin}{CONFIRM_PATH}?token={token}",
        "If you did not sign up, ignore this message: without a confirmation the account cannot do anything.",
    )  # fmt: skip


def new_address(site: Site, username: str, to: str, token: str) -> Message:
    return _message(
        site, to, "Confirm your new e-mail address",
        f"Hello @{username},",
        "open this page within a day, and this address becomes that of your account:",
        f"{site.origin}{CONFIRM_PATH}?token={token}",
        "If you did not ask for this, ignore this message.",
    )  # fmt: skip


def address_changed(site: Site, username: str, to: str, hidden: str) -> Message:
    return _message(
        site, to, "Your e-mail address was changed",
        f"Hello @{username},",
        f"the e-mail address of your account is now {hidden}. No more mail about it will come here.",
        f"If this was not you, write to {site.contact_email} at once.",
    )  # fmt: skip


def password_reset(site: Site, username: str, to: str, token: str) -> Message:
    return _message(
        site, to, "Choose a new password",
        f"Hello @{username},",
        "somebody, we hope you, asked for a new password. Choose one here within six hours:",
        f"{site.origin}{RESET_PATH}?token={token}",
        "If this was not you, ignore this message: your password stays as it is.",
    )  # fmt: skip


def password_changed(site: Site, username: str, to: str) -> Message:
    return _message(
        site, to, "Your password was changed",
        f"Hello @{username},",
        "the password of your account was changed just now.",
        f"If this was not you, ask for a new one ({site.origin}{FORGOT_PATH}) at once.",
    )  # fmt: skip


def two_factor_changed(site: Site, username: str, to: str, *, on: bool) -> Message:
    return _message(
        site, to, f"Two-factor authentication is {'on' if on else 'off'}",
        f"Hello @{username},",
        f"two-factor authentication was turned {'on' if on else 'off'} for your account just now.",
        f"If this was not you, write to {site.contact_email} at once.",
    )  # fmt: skip


def approved(site: Site, username: str, to: str) -> Message:
    return _message(
        site, to, f"Welcome to {site.title}",
        f"Hello @{username},",
        "your account was approved. You can sign in now:",
        f"{site.origin}{SIGN_IN_PATH}",
    )  # fmt: skip


def _message(site: Site, to: str, subject: str, *paragraphs: str) -> Message:
    return Message(to, subject, "\n\n".join((*paragraphs, f"-- \n{site.title}, {site.origin}")) + "\n")
