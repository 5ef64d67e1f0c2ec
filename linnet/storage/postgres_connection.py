"""The only importer of PostgreSQL's driver: connections that are never cancelled, and what their errors mean."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg

from linnet.domain.errors import Unavailable
from linnet.storage.names import look_up
from linnet.storage.statements import Row

T = TypeVar("T")

_SETTINGS = {
    "application_name": "linnet",
    "jit": "off",
    # Planned once a connection, for any value: to plan anew for each cost three times what was spent on carrying out.
    # The tests see to it that these plans are good ones.
    "plan_cache_mode": "force_generic_plan",
    # What reads cannot write by mistake; a write says that it is one.
    "default_transaction_read_only": "on",
    # A request for a lock that is not granted soon fails cleanly and is tried again, before the connection is given up.
    "lock_timeout": "1500",
    # A frozen or cut-off node's transaction holds its rows' locks: others who need them wait no longer than this.
    "idle_in_transaction_session_timeout": "2000",
    # It would end a synchronous wait early: the row would be on one machine alone, and acknowledged.
    "client_connection_check_interval": "0",
    # For reads, which would go on for nobody. Each write sets it to 0, for the same reason.
    "statement_timeout": "1800",
}
BEGIN_WRITE = "begin read write; set local statement_timeout = 0"

# Timelines are asked for where they are written: on the primary; a standby tells of the one that it receives.
_WHO = """
select pg_is_in_recovery(),
  case when pg_is_in_recovery() then coalesce((select received_tli from pg_stat_wal_receiver), 0)
    else ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int end,
  extract(epoch from pg_postmaster_start_time())::float8::text,
  (case when pg_is_in_recovery() then coalesce(pg_last_wal_replay_lsn(), '0/0') else pg_current_wal_insert_lsn() end
    - '0/0')::bigint,
  not pg_is_in_recovery() or coalesce(pg_last_wal_replay_lsn() <= pg_last_wal_receive_lsn(), false),
  current_setting('synchronous_commit')
"""


_FIRST_OID_OF_USERS = 16_384


class Lost(Exception):
    """The connection is gone, and whether its last command was carried out is unknown."""


class TooSlow(Lost):
    """The command was not answered in time, so that the connection was closed. The server may be well all the same."""


class NotDone(Exception):
    """Nothing was done, and the same may be tried again. ``primary`` is False where another host must be found."""

    def __init__(self, why: str, *, primary: bool = True) -> None:
        super().__init__(why)
        self.primary = primary


class LockedOut(NotDone):
    """The server answers, but does not let us in: wrong name or password, no such database, or a wrong URL."""


class ReadOnly(NotDone):
    """The server takes no writes, or a read tried to write."""


class BadDisk(NotDone):
    """The server's disk is full, or fails: it does what that allows, and nothing else. Another one could do it.

    ``host`` is whose, where it is the primary's.
    """

    host = ""


class FullDisk(BadDisk):
    """The same, and room would cure it."""


class Raced(NotDone):
    """Two transactions met; run again, the later one sees what the earlier one did."""


class Duplicate(Raced):
    """A key is there already."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a host said of itself. ``position`` is how far its log goes, in bytes.

    ``sure`` is False for a standby that shows more than it has received since its start: it may have been the primary,
    and what it stored then, without any second machine, shows as if it had been acknowledged.
    """

    url: str
    standby: bool
    timeline: int
    started: str
    position: int
    sure: bool = True


class _Driver(asyncpg.Connection):  # type: ignore[misc]  # the driver carries no types
    """The driver's connection, but one that is closed where the driver would send a cancel request.

    A cancelled synchronous wait leaves the row committed on the primary alone.
    """

    _described: ClassVar[dict[tuple[int, ...], Any]] = {}
    """What the server says of its own types, which are the same everywhere: asked for once, not by each connection."""

    def _cancel_current_command(self, waiter: Any, cancel_waiter: Any = None) -> None:
        self.terminate()

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float) -> Any:
        oids = tuple(sorted(typeoids))
        if any(oid >= _FIRST_OID_OF_USERS for oid in oids):
            return await super()._introspect_types(oids, timeout)
        if oids not in self._described:
            self._described[oids] = await super()._introspect_types(oids, timeout)
        return self._described[oids]

    async def run_counted(self, sql: str, args: Sequence[Any]) -> str:
        _, status, _ = await self._execute(sql, args, 0, None, return_status=True)
        return cast("bytes", status).decode()


class Connection:
    """One connection to one server. Its methods raise Lost or NotDone for what may be tried again."""

    __slots__ = ("__weakref__", "_driver", "_ended", "_loop", "_slow", "_warned", "server")

    def __init__(self, driver: _Driver, server: Server) -> None:
        self._driver = driver
        self._loop = asyncio.get_running_loop()
        self._ended = False
        self._slow = False
        self._warned = False
        self.server = server
        driver.add_log_listener(self._on_notice)

    @property
    def closed(self) -> bool:
        return bool(self._driver.is_closed())

    def terminate(self) -> None:
        self._ended = True
        self._driver.terminate()

    def on_lost(self, listener: Callable[[], None]) -> None:
        """``listener`` is told when it ends, unless we have ended it: as soon as the server goes, also where nobody
        waits for an answer."""
        self._driver.add_termination_listener(lambda _: None if self._ended else listener())

    async def rows(self, sql: str, args: Sequence[Any], limit_s: float | None) -> list[Row]:
        return cast("list[Row]", await self._limited(self._driver.fetch(sql, *args), limit_s))

    async def run(self, sql: str, args: Sequence[Any], limit_s: float | None) -> int:
        """The number of rows that were changed (or found)."""
        status = await self._limited(self._driver.run_counted(sql, args), limit_s)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def many(self, sql: str, rows: Iterable[Sequence[Any]], limit_s: float | None) -> None:
        await self._limited(self._driver.executemany(sql, rows), limit_s)

    async def script(self, sql: str, limit_s: float | None) -> str:
        """Statements without parameters, in one round trip. The last one's answer."""
        return cast("str", await self._limited(self._driver.execute(sql), limit_s))

    async def commit(self, before: str, limit_s: float | None) -> None:
        """Commits, with the statement ``before`` in the same round trip; returns when it is durable, else raises."""
        self._warned = False
        answer = await self.script(f"{before}commit", limit_s)
        if answer != "COMMIT":
            raise RuntimeError("a transaction function went on after one of its statements had failed")
        if self._warned:
            # Somebody cancelled the wait for the second machine: the commit may be on the primary alone.
            self.terminate()
            raise Lost("the server warned that the commit may not be on a second machine")

    async def who(self, limit_s: float) -> Server:
        """Who the server is by now: much cheaper than to ask over a new connection."""
        *said, _ = (await self.rows(_WHO, (), limit_s))[0]
        return Server(self.server.url, *said)

    async def roll_back(self) -> None:
        """Makes the connection fit for the next one, or closes it."""
        if self.closed or not self._driver.is_in_transaction():
            return
        try:
            await self.script("rollback", 1.0)
        except (Lost, NotDone):
            self.terminate()

    def _on_notice(self, _: Any, message: Any) -> None:
        if message.severity_en == "WARNING":
            self._warned = True

    async def _limited(self, work: Coroutine[Any, Any, T], limit_s: float | None) -> T:
        """Whoever is not answered within the limit closes the connection: it is never cancelled, never used again."""
        timer = None if limit_s is None else self._loop.call_later(limit_s, self._too_slow)
        try:
            return await work
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
            meaning = self._meaning(error)
            if isinstance(meaning, BadDisk) and not self.server.standby:
                meaning.host = label(self.server.url)
            if getattr(error, "severity", None) is None:
                self.terminate()  # Not the server's own word: what the driver had begun there is open still, as above.
            if meaning is error:
                raise
            raise meaning from error
        except asyncio.CancelledError:
            # The driver prepares and runs a statement in two steps: between them the server has a transaction open of
            # which the driver says nothing, and which would be the next user's.
            self.terminate()
            raise
        except AttributeError as error:
            # The driver lets go of its protocol when the connection ends between two of its steps, and trips over that.
            if not self.closed:
                raise
            if self._slow:
                raise TooSlow("the database did not answer in time") from error
            raise Lost("the connection to the database was lost (between two messages)") from error
        finally:
            if timer is not None:
                timer.cancel()

    def _too_slow(self) -> None:
        self._slow = True
        self.terminate()

    def _meaning(self, error: Any) -> Exception:
        if self._slow:
            return TooSlow("the database did not answer in time")
        if isinstance(error, asyncpg.DataError):
            return cast("Exception", error)
        if isinstance(error, asyncpg.PostgresError) and not isinstance(error, asyncpg.PostgresConnectionError):
            return meaning_of_state(error)
        if isinstance(error, asyncpg.InterfaceError) and not self.closed:
            return cast("Exception", error)
        self.terminate()
        return Lost(f"the connection to the database was lost ({error})")


_STATES = asyncpg.exceptions
_OF_FILES = {"md.c", "fd.c"}
"""Where a file that has gone, or may not be written any more, is told of in states that mean other things, too."""


def meaning_of_state(error: Any) -> Exception:
    """What an error of the server means. The classes that are not named are mistakes of ours and raised as they are."""
    if isinstance(error, _STATES.ReadOnlySQLTransactionError):
        return ReadOnly(str(error), primary=False)
    if isinstance(error, _STATES.CannotConnectNowError):
        return NotDone(str(error), primary=False)
    if isinstance(
        error, _STATES.AdminShutdownError | _STATES.CrashShutdownError | _STATES.IdleInTransactionSessionTimeoutError
    ):
        return Lost(str(error))
    if isinstance(error, _STATES.UniqueViolationError):
        return Duplicate(str(error))
    if isinstance(error, _STATES.DeadlockDetectedError | _STATES.SerializationError):
        return Raced(str(error))
    if isinstance(
        error,
        _STATES.LockNotAvailableError
        | _STATES.TooManyConnectionsError
        | _STATES.InvalidCachedStatementError
        | _STATES.OutdatedSchemaCacheError,
    ):
        return NotDone(str(error))
    if getattr(error, "severity_en", None) in ("FATAL", "PANIC"):
        return Lost(str(error))  # Also of a disk: what was under way may be done, or may not.
    if isinstance(error, _STATES.DiskFullError) and error.server_source_filename == "dsm_impl.c":
        return Unavailable("The database's shared memory is full (/dev/shm): nothing was stored")
    if isinstance(error, _STATES.DiskFullError):
        return FullDisk("The database's disk is full: nothing was stored")
    if isinstance(error, _STATES.DataCorruptedError | _STATES.IndexCorruptedError | _STATES.PostgresIOError) or (
        isinstance(error, _STATES.UndefinedFileError | _STATES.InsufficientPrivilegeError)
        and error.server_source_filename in _OF_FILES
    ):
        return BadDisk("The database's disk fails: nothing was stored")
    if isinstance(error, _STATES.QueryCanceledError):
        return Unavailable("The answer took too long to find")
    return cast("Exception", error)


async def connect(url: str, limit_s: float) -> Connection:
    """Opens a connection to the one host of ``url`` and asks who it is. Raises NotDone, never Lost."""
    driver: _Driver | None = None
    try:
        async with asyncio.timeout(limit_s):
            await look_up(_host(url))
            driver = await asyncpg.connect(
                url,
                connection_class=_Driver,
                server_settings=_SETTINGS,
                statement_cache_size=1_000,
                max_cached_statement_lifetime=0,
                timeout=limit_s,
            )
            await driver.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=_number)
            *said, synchronous = await driver.fetchrow(_WHO)
            if synchronous in {"off", "local"}:
                # A commit that is not on the disk, or on no second machine, would be acknowledged.
                await driver.execute("set synchronous_commit = on")
    except _LOCKED_OUT as error:
        raise LockedOut(f"{label(url)}: {error}", primary=False) from error
    except BaseException as error:  # boundary: whatever ends this, no half-open connection is left behind
        if driver is not None:
            driver.terminate()
        if isinstance(error, _CONNECT_ERRORS) or _ails(error):
            raise NotDone(f"{label(url)}: {str(error) or type(error).__name__}", primary=False) from error
        raise
    return Connection(driver, Server(url, *said))


def _ails(error: BaseException) -> bool:
    """Whether a server ends, or cannot read its own tables."""
    return isinstance(error, asyncpg.PostgresError) and isinstance(meaning_of_state(error), BadDisk | Lost)


_LOCKED_OUT = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    ValueError,  # the URL itself is not right
)
_CONNECT_ERRORS = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
)


def _number(text: str) -> int | float:
    """``sum`` of bigints is numeric on PostgreSQL; SQLite answers with an integer."""
    with contextlib.suppress(ValueError):
        return int(text)
    return float(text)


def hosts(url: str) -> tuple[str, ...]:
    """One URL for each host of a URL with several (``…@a:1,b:2/name`` or ``?host=a,b&port=1,2``)."""
    parts = urlsplit(url)
    user, at, names = parts.netloc.rpartition("@")
    if "," in names:
        return tuple(urlunsplit(parts._replace(netloc=f"{user}{at}{name}")) for name in names.split(","))
    query = dict(parse_qsl(parts.query))
    several = query.get("host", "").split(",")
    if len(several) == 1:
        return (url,)
    ports = query.get("port", "5432").split(",")
    ports = ports * len(several) if len(ports) == 1 else ports
    return tuple(
        f"{parts.scheme}://{parts.netloc}{parts.path}?{urlencode(query | {'host': host, 'port': port}, safe='/')}"
        for host, port in zip(several, ports, strict=True)
    )


def _host(url: str) -> str:
    """The one host's name or address, or the folder of its socket. ValueError where the URL is not right."""
    parts = urlsplit(url)
    if parts.port is None and parts.hostname is None:
        return dict(parse_qsl(parts.query)).get("host", "")
    return parts.hostname or ""


def label(url: str) -> str:
    """The host of a URL, without its password: for sentences."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or dict(parse_qsl(parts.query)).get("host", "localhost")


def start(work: Coroutine[Any, Any, T], name: str | None = None) -> asyncio.Task[T]:
    """A task whose error is nobody's surprise where the asker has gone."""
    task = asyncio.get_running_loop().create_task(work, name=name)
    task.add_done_callback(lambda ended: None if ended.cancelled() else ended.exception() and None)
    return task
