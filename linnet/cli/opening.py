"""Opens a data directory for one process: its lock, database, node number, ids and address."""

import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Union

from linnet.cli.data_directory import DataDirectory, Node
from linnet.cli.ending import BAD_DATA, CONFIGURATION, IO_FAILED, NOT_THERE, UNAVAILABLE, Ending
from linnet.config import Config
from linnet.domain import ids as layout
from linnet.domain.errors import Unavailable
from linnet.domain.secrets import as_text
from linnet.domain.site import Limits, Site
from linnet.http.limits import RateLimiter
from linnet.ports import Blobs, Chance, Clock, Guards, Mail, RemoteServers, Translator
from linnet.secrecy import ArgonPasswords, FileVault, open_vault
from linnet.storage import schema, settings
from linnet.storage.blobs import LocalBlobs
from linnet.storage.database import Database, Reader, Writer
from linnet.storage.sqlite import SqliteDatabase
from linnet.system import IdMaker, SystemChance, clock_of
from linnet.telemetry import log

# What only some servers need is loaded only by them: a start must be quick, and a worker small.
if TYPE_CHECKING:
    from linnet.storage.etcd import EtcdMajority
    from linnet.storage.postgres import PostgresDatabase

Engine = Union[SqliteDatabase, "PostgresDatabase"]


class Opened(NamedTuple):
    """What a process works with. ``worker`` is its number among those of the data directory."""

    database: Engine
    site: Site
    clock: Clock
    chance: Chance
    ids: "Ids"
    blobs: Blobs
    guards: Guards
    mail: Mail
    limits: RateLimiter
    remote: RemoteServers
    translator: Translator
    config: Config
    worker: int


class Ids:
    """Ids of which the maker is known only when the database has been asked: until then, marks that are no ids."""

    def __init__(self, chance: Chance) -> None:
        self.next: Callable[[], int] = lambda: int.from_bytes(chance.secret(7))

    def resume(self, maker: IdMaker) -> None:
        self.next = maker.next


def end_process(why: str) -> NoReturn:
    """After a failed fsync: nothing that this process believes about the disk is certain any more."""
    log.error("disk_failed", why=why, done="this process ends; the supervisor starts another one")
    os._exit(IO_FAILED)


@contextlib.asynccontextmanager
async def opened(config: Config, *, serving: bool = False, origin: str = "") -> AsyncIterator[Opened]:
    """The parts of one process. ``origin`` is what is stored at the first start, where the operator gave none.

    ``serving`` brings the database to this version's schema; other commands do so only where it is empty.
    Raises Ending.
    """
    directory = DataDirectory(config.data)
    directory.prepare()
    clock, chance = clock_of(directory.run), SystemChance()
    with directory.worker_number() as worker:
        ids = Ids(chance)
        database = open_engine(config, directory, clock, ids)
        try:
            await migrated(database, clock, always=serving)
            node = await _node(database, directory, chance)
            ids.resume(IdMaker(clock, node.number, worker, await database.read(settings.highest_id)))
            site = site_of(config, await _origin(database, config.origin, origin))
            with _limits(directory, clock, config) as limits:
                guards = Guards(chance, ArgonPasswords(), await _vault(directory, chance, database), limits)
                mail = _mail(config, site, clock, chance)
                blobs = await open_blobs(config, directory, database, check=serving)
                remote = _outbound(config, site)
                translator = _translator(config, site, clock)
                yield Opened(
                    database, site, clock, chance, ids, blobs, guards, mail, limits, remote, translator, config, worker
                )
        except Unavailable as error:
            raise Ending(UNAVAILABLE, f"{error}.") from error
        finally:
            if not serving:  # else the application has closed it at its own end, or the process ends now
                await database.close()


def open_engine(config: Config, directory: DataDirectory, clock: Clock, ids: Ids) -> Engine:
    """SQLite in the data directory, or the PostgreSQL that was named. Raises Ending."""
    if config.database:
        from linnet.storage.postgres import PostgresDatabase

        try:
            return PostgresDatabase(config.database, clock, ids)
        except ValueError as error:
            raise Ending(CONFIGURATION, f"The database URL is not right: {error}.") from error
    path = directory.database
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists() and not os.access(file, os.R_OK | os.W_OK):
            raise Ending(
                os.EX_NOPERM, f"The database file {file} is not readable and writable for this user (see its owner)."
            )
    if path.exists() and path.stat().st_size and path.open("rb").read(16) != b"SQLite format 3\0":
        raise Ending(BAD_DATA, f"{path} is not a SQLite database; restore it from a backup or choose another --data.")
    try:
        return SqliteDatabase(path, clock, ids, fatal=end_process)
    except Exception as error:  # boundary: the driver's own errors have a room that is not this one
        raise Ending(UNAVAILABLE, f"The database {path} cannot be opened: {error}.") from error


def open_majority(config: Config) -> "EtcdMajority | None":
    """The etcd that was named as the journal. Raises Ending."""
    if not config.journal:
        return None
    if not config.database:
        raise Ending(CONFIGURATION, "--journal is of use beside --database only: SQLite has no primary to lose.")
    from linnet.storage.etcd import EtcdMajority, endpoints

    try:
        found = endpoints(config.journal)
    except ValueError as error:
        raise Ending(CONFIGURATION, f"The journal's URL is not right: {error}.") from error
    for file in filter(None, (found.ca, found.certificate, found.key)):
        if not os.access(file, os.R_OK):
            raise Ending(CONFIGURATION, f"The journal's URL is not right: {file} cannot be read.")
    return EtcdMajority(found)


async def open_blobs(config: Config, directory: DataDirectory, database: Database, *, check: bool = False) -> Blobs:
    """The folder beside the database, its tables, or the bucket that was named, which is asked once to ``check`` it.

    Raises Ending.
    """
    if config.blobs is None:
        return LocalBlobs(directory.media)
    if config.blobs == "database":
        from linnet.storage.database_blobs import DatabaseBlobs

        return DatabaseBlobs(database, directory.media / ".temporary")
    from linnet.storage.object_store import ObjectBlobs

    bucket, prefix, endpoint, region = config.blobs
    blobs = ObjectBlobs(bucket, prefix, directory.media / ".temporary", endpoint=endpoint, region=region)
    if check:
        try:
            await blobs.check()
        except Unavailable as error:
            raise Ending(
                UNAVAILABLE,
                f"The bucket {bucket} cannot be read: see the line above, --blobs, and the variables "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            ) from error
    return blobs


async def migrated(database: Engine, clock: Clock, *, always: bool) -> tuple[str, ...]:
    """Runs what is pending; a command (not ``always``) changes only an empty database. Raises Ending."""
    try:
        if not always:
            state = await schema.check(database)
            if state.applied and state.pending:
                lacking = ", ".join(migration.label for migration in state.pending)
                raise Ending(
                    UNAVAILABLE,
                    f"The database is older than this version of Linnet (it lacks {lacking}). "
                    "Start `linnet serve`, or run `linnet database migrate`.",
                )
            if state.applied:
                return ()
        return await schema.migrate(database, clock)
    except schema.SchemaRefused as error:
        raise Ending(BAD_DATA, str(error)) from error


async def _node(database: Database, directory: DataDirectory, chance: Chance) -> Node:
    """The number of this data directory, asked of the database once: two directories on one database differ."""
    known = directory.node()
    if known is not None:
        return known
    name = as_text(chance.secret(9))

    async def claim(tx: Writer) -> int:
        for number in range(layout.NODE_MAX + 1):
            if await settings.put_new(tx, f"node.{number}", name):
                return number
        raise Ending(
            UNAVAILABLE,
            f"All {layout.NODE_MAX + 1} node numbers of this database are taken; restore an old data folder.",
        )

    directory.keep_node(Node(await database.write(claim), name))
    kept = directory.node()
    if kept is None:
        raise Ending(NOT_THERE, f"{directory.secrets / 'node'} has gone again while it was written.")
    return kept


async def _origin(database: Database, given: str, otherwise: str) -> str:
    """The address that is stored; at the first start, the one that was given. Raises Ending for another one."""

    async def read(tx: Reader) -> str | None:
        return await settings.get(tx, "origin")

    stored = await database.read(read)
    if stored is None:
        wanted = given or otherwise

        async def store(tx: Writer) -> str:
            await settings.put_new(tx, "origin", wanted)
            return await settings.get(tx, "origin") or wanted

        stored = await database.write(store)
    if given and given != stored:
        raise Ending(
            CONFIGURATION,
            f"The origin {given} is refused: this database was begun as {stored}, and the address of every account and "
            f"post on it contains that, here and on other servers. Start with --origin {stored} (or without --origin), "
            "or begin anew with another --data or --database.",
        )
    return stored


@contextlib.contextmanager
def _limits(directory: DataDirectory, clock: Clock, config: Config) -> Iterator[RateLimiter]:
    """The counters that all workers of this machine share."""
    limits = RateLimiter(directory.run / "limits", clock, config.rate_limits)
    try:
        yield limits
    finally:
        limits.close()


async def _vault(directory: DataDirectory, chance: Chance, database: Database) -> FileVault:
    """The vault whose key has sealed what the database keeps. Raises Ending for another one's."""
    path = directory.secrets / "vault.key"
    try:
        vault = open_vault(path, chance)
    except ValueError as error:
        raise Ending(CONFIGURATION, f"{error}.") from error
    mark = vault.sign("its mark", "vault")
    known = await database.read(partial(settings.get, key="vault"))
    if known is None:
        known = await database.write(partial(_marked, mark=mark))
    if known != mark:
        raise Ending(
            CONFIGURATION,
            f"{path} is not the key that this database is used with: second factors could not be read, and pushes "
            "would not be taken. Copy secrets/vault.key from the machine (or the backup) that it was begun with.",
        )
    return vault


async def _marked(tx: Writer, mark: str) -> str:
    await settings.put_new(tx, "vault", mark)
    return await settings.get(tx, "vault") or mark


def _mail(config: Config, site: Site, clock: Clock, chance: Chance) -> Mail:
    from linnet.http.mail import NoMail, SmtpMail, SmtpSettings

    if config.smtp is None:
        return NoMail()
    smtp, sender = config.smtp, config.mail_from or site.contact_email
    settings = SmtpSettings(smtp.host, smtp.port, sender, smtp.security, smtp.username, smtp.password)
    return SmtpMail(settings, clock, chance)


def _translator(config: Config, site: Site, clock: Clock) -> Translator:
    from linnet.http.translating import LibreTranslate, NoTranslator

    if not config.translation:
        return NoTranslator()
    return LibreTranslate(config.translation, config.translation_key, site.origin, clock)


def _outbound(config: Config, site: Site) -> RemoteServers:
    from linnet.http.outbound import Outbound
    from linnet.http.reach import Reach

    return Outbound(site.origin, Reach(config.outbound_allow, config.outbound_ports))


def site_of(config: Config, origin: str) -> Site:
    """What the operator chose, as the rest of the house knows it."""
    limits = Limits(
        status_chars=config.max_characters,
        image_bytes=config.max_image,
        film_bytes=config.max_film,
        film_ms=config.max_film_time,
        merge_followers=config.merge_followers,
        home_entries=config.home_entries,
    )
    return Site(
        origin,
        title=config.title,
        description=config.description,
        contact_email=config.contact_email or f"admin@{origin.partition('://')[2].partition(':')[0]}",
        registrations=config.registrations,
        languages=config.languages,
        translates=bool(config.translation),
        limits=limits,
    )
