"""A simulated PostgreSQL: sessions, one writer at a time, commits that wait for standbys, and a log to follow."""

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw
import asyncpg

from tests.simulation.machine import Process
from tests.simulation.replica import Record, Replica, apart, places, translate, without_literals

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster


class Answer(NamedTuple):
    """What a statement is answered: its rows, how many it changed, and for a command its name."""

    rows: Sequence[Any] = ()
    changed: int = 0
    word: str = ""
    warned: bool = False


Reply = Callable[[Any], None]
"""Takes an Answer, or the error that the driver would raise."""

LOCK_TIMEOUT = 1.5
IDLE_TIMEOUT = 1.0
"""A transaction whose client says nothing for so long is undone (10 s on a real one; there, it holds up fewer)."""


class Session:
    """A connection, as the server has it."""

    def __init__(self, server: "Server", process: Process | None) -> None:
        self.server = server
        self.process = process
        self.mode = ""
        self.failed = False
        self.closed = False
        self.xid = 0
        self.commands: list[tuple[str, Any, bool]] = []
        self.looked_for: set[str] = set()
        self.heard_at = 0.0
        self.lost: Callable[[], object] = lambda: None

    def request(self, sql: str, args: Any, many: bool, reply: Reply) -> None:
        """What a client has sent; ``reply`` is called at once or later."""
        self.heard_at = self.server.loop.now
        if self.closed:
            return
        first, _, rest = sql.partition("; ")
        if first == "begin read write" and rest.endswith("commit"):
            # All of a transaction in one message.
            self.request(first, (), False, lambda _: None)
            (inner,) = [each for each in rest.removesuffix("; commit").split("; ") if not each.startswith("set ")]
            self.request(inner, (), False, lambda answer: self._then_commit(answer, reply))
        elif first == "begin read write":
            self.mode, self.commands, self.failed, self.looked_for = "write", [], False, set()
            reply(Answer(word="BEGIN"))
        elif sql.startswith("begin"):
            self.mode = "read"
            reply(Answer(word="BEGIN"))
        elif sql == "rollback":
            self.undo()
            reply(Answer(word="ROLLBACK"))
        elif sql.endswith("commit"):
            self.server.commit(self, sql[: -len("commit")], reply)
        elif self.mode == "write" and not self.xid:
            # Who waits for a row that another one changes, as drains do, gets a number only then: seen of a real one.
            late = sql.startswith("insert into drain_epoch")
            self.server.lock(self, lambda error: reply(error) if error else self._run(sql, args, many, reply), late)
        else:
            self._run(sql, args, many, reply)

    def _then_commit(self, answer: Any, reply: Reply) -> None:
        if isinstance(answer, Exception):
            reply(answer)
        else:
            self.request("commit", (), False, reply)

    def _run(self, sql: str, args: Any, many: bool, reply: Reply) -> None:
        if self.failed:
            return reply(asyncpg.InFailedSQLTransactionError("current transaction is aborted"))
        if "pg_postmaster_start_time" in sql:
            return reply(Answer([(*self.server.who(), "on")]))
        if sql.startswith("with later_0 as ("):
            return self._run_all(apart(sql, args), reply)
        if not args and sql.startswith("insert into receipts"):
            sql, args = without_literals(sql)
        text, writes = translate(sql)
        values = [places(row) for row in args] if many else places(args)
        if self.mode != "write":
            if writes:
                return reply(asyncpg.ReadOnlySQLTransactionError("cannot execute in a read-only transaction"))
            return reply(Answer(self.server.shown().run(text, values, many)))
        if self.server.holder is not self:
            self.server.machine.failures.append(f"{self.server.name} was asked by who waits for his turn: {sql[:80]}")
            return reply(asyncpg.InterfaceError("another operation is in progress"))
        if self.server.finds_no_room(text):
            self.failed = True
            return reply(asyncpg.DiskFullError("could not extend file: No space left on device"))
        try:
            rows = self.server.ahead.run(text, values, many)
        except apsw.ConstraintError as error:
            self.failed = True
            return reply(asyncpg.UniqueViolationError(str(error)))
        except apsw.Error as error:
            self.failed = True
            return reply(asyncpg.PostgresSyntaxError(f"{error}: {text}"))
        if writes:
            self.commands.append((text, values, many))
        else:
            self.looked_for.update(value for value in values if isinstance(value, str))
        return reply(Answer(rows, self.server.ahead.connection.changes()))

    def _run_all(self, parts: list[tuple[str, Sequence[Any]]], reply: Reply) -> None:
        """Several statements in one: the answer is the last one's, or the first error."""
        answers: list[Any] = []
        for sql, args in parts:
            self._run(sql, args, False, answers.append)
            if isinstance(answers[-1], Exception):
                break
        reply(answers[-1])

    def undo(self) -> None:
        """Ends a transaction that was not committed."""
        if self.mode == "write":
            self.server.unlock(self, undo=True)
        self.mode, self.failed = "", False

    def close(self) -> None:
        """The client has gone. Whoever waits for a standby does not notice."""
        if not self.closed:
            self.closed = True
            self.undo()
            self.server.sessions.pop(self, None)


class Waiting:
    """A commit that is in the log and waits for standbys."""

    def __init__(self, index: int, xid: int, reply: Reply) -> None:
        self.index = index
        self.xid = xid
        self.reply = reply


class Server:
    """One host's PostgreSQL. ``log`` outlives crashes; ``settled`` is up to where everybody may see it."""

    def __init__(self, cluster: "Cluster", host: int, ahead: Replica, shown: Replica) -> None:
        self.cluster = cluster
        self.machine = cluster.machine
        self.loop = cluster.machine.loop
        self.host = host
        self.name = f"postgres{host + 1}"
        self.process = Process(self.machine, self.name, host)
        self.ahead = ahead
        self._shown = shown
        self.log: list[Record] = []
        self.primary = False
        self.timeline = 1
        self.starts = 1
        self.settled = 0
        self._seen = 0
        self.up = True
        self.no_room: random.Random | None = None
        """Where its disk is full: whether a new row finds a page that has room for it is the dice's."""
        self.follows: Server | None = None
        self.followed = True
        """Whether it shows no more than it has received since it was started last."""
        self.trusted: set[int] = set()
        self._due: deque[tuple[float, int]] = deque()
        self._replayed = 0
        self.sessions: dict[Session, None] = {}
        self._reset()

    def _reset(self) -> None:
        self.acknowledged: dict[int, int] = {}
        self.open: set[int] = set()
        self.next_xid = 1
        self.holder: Session | None = None
        self._queue: list[tuple[Session, Reply]] = []
        self.waiting: deque[Waiting] = deque()

    def tell(self, what: str) -> None:
        self.machine.story.tell(self.name, what)

    # -- reading ------------------------------------------------------------------------------------------------------

    @property
    def replayed(self) -> int:
        """How far a standby has come by now."""
        while self._due and self._due[0][0] <= self.loop.now:
            self._replayed = max(self._replayed, self._due.popleft()[1])
        return min(self._replayed, len(self.log))

    def shown(self) -> Replica:
        """The database as everybody sees it now."""
        replica = self._shown
        upto = self.settled if self.primary else self.replayed
        replica.follow(self.log, upto)
        self._seen = max(self._seen, upto)
        replica.standby = not self.primary
        replica.timeline = self.timeline
        replica.xmin = min(self.open, default=self.next_xid) if self.primary else replica.transactions.xmin
        return replica

    # -- writing ------------------------------------------------------------------------------------------------------

    def finds_no_room(self, sql: str) -> bool:
        """A beat changes the row that it has, and needs none."""
        grows = sql.startswith("insert") and "into heartbeats" not in sql
        return self.no_room is not None and grows and self.no_room.random() < 0.5

    def lock(self, session: Session, reply: Reply, late: bool = False) -> None:
        """One writes at a time; the number of a transaction is given before it is its turn, except where it is given
        ``late``. ``reply(None)``: it is."""
        if not self.primary:
            reply(asyncpg.ReadOnlySQLTransactionError("cannot execute in a read-only transaction"))
            return
        if late:
            self._take(session, 0, reply)
            return
        self._number(session)
        if self.machine.dice.random() < self.cluster.trouble.slow_writer:
            # It has its number, and is kept from writing by something else for a while.
            self.process.later(self.machine.dice.uniform(0.005, 0.15), self._take, session, session.xid, reply)
        else:
            self._take(session, session.xid, reply)

    def _number(self, session: Session) -> None:
        session.xid = self.next_xid
        self.next_xid += 1
        self.open.add(session.xid)

    def _take(self, session: Session, xid: int, reply: Reply) -> None:
        if session.xid != xid:
            return  # it has ended meanwhile
        if self.holder is None:
            self._hold(session, reply)
        else:
            self._queue.append((session, reply))
            self.process.later(LOCK_TIMEOUT, self._overdue, session, reply)

    def _hold(self, session: Session, reply: Reply) -> None:
        """Its turn. It sees what is in the log, also what waits for standbys still: there, rows' locks would make it
        wait. What it has seen of that it cannot tell before it is durable: its own commit comes later in the log."""
        session.heard_at = self.loop.now
        self.holder = session
        if not session.xid:
            self._number(session)
        self.ahead.follow(self.log, len(self.log))
        self.ahead.timeline, self.ahead.xid = self.timeline, session.xid
        self.ahead.connection.execute("savepoint writer")
        reply(None)

    def _overdue(self, session: Session, reply: Reply) -> None:
        for waiting in self._queue:
            if waiting == (session, reply):
                self._queue.remove(waiting)
                self._forget(session)
                session.failed = True
                waiting[1](asyncpg.LockNotAvailableError("canceling statement due to lock timeout"))
                return

    def unlock(self, session: Session, *, undo: bool) -> None:
        """The writer's turn is over; who comes next is anybody's guess."""
        self._queue = [waiting for waiting in self._queue if waiting[0] is not session]
        if self.holder is session:
            if undo:
                self.ahead.connection.execute("rollback to writer")
            self.ahead.connection.execute("release writer")
            self.holder = None
        if undo:
            self._forget(session)
        if self.holder is None and self._queue:
            next_session, reply = self._queue.pop(self.machine.dice.randrange(len(self._queue)))
            self._hold(next_session, reply)

    def _forget(self, session: Session) -> None:
        """A transaction that ends without a commit: the log says so, for those who follow it."""
        if session.xid in self.open:
            self.open.discard(session.xid)
            if self.holder is None:
                self.ahead.follow(self.log, len(self.log))
            self._append(Record(self.timeline, session.xid, None))
        session.xid = 0

    def _append(self, record: Record) -> None:
        self.log.append(record)
        if self.ahead.applied == len(self.log) - 1:
            self.ahead.took(record)
        self._settle()

    def commit(self, session: Session, before: str, reply: Reply) -> None:
        if session.mode != "write" or session.failed:
            answer = "COMMIT" if session.mode == "read" else "ROLLBACK"
            session.undo()
            return reply(Answer(word=answer))
        if before and not session.xid:
            return self.lock(session, lambda error: reply(error) if error else self.commit(session, before, reply))
        if before:
            sql, values = without_literals(before.rstrip("; "))
            text, _ = translate(sql)
            self.ahead.run(text, values, False)
            session.commands.append((text, values, False))
        xid, commands, session.xid, session.mode = session.xid, session.commands, 0, ""
        if not xid:
            return reply(Answer(word="COMMIT"))
        if not commands:
            # Nothing to wait for but what it has read: in PostgreSQL, locks would have made it wait for that.
            session.xid = xid
            self.unlock(session, undo=True)
            if not self._conflicts(session):
                return reply(Answer(word="COMMIT"))
            self.waiting.append(Waiting(len(self.log), 0, reply))
            return self._settle()
        record = Record(self.timeline, xid, commands)
        self.unlock_committed(session, record)
        self.waiting.append(Waiting(len(self.log), xid, reply))
        return self.ship()

    def _conflicts(self, session: Session) -> bool:
        """Whether it has looked for what a commit that still waits has written: a lock would have made it wait."""
        return any(
            value in session.looked_for
            for record in self.log[self.settled :]
            for _, values, many in record.commands or ()
            if not many
            for value in values
            if isinstance(value, str)
        )

    def unlock_committed(self, session: Session, record: Record) -> None:
        self.log.append(record)
        self.ahead.took(record)
        self.unlock(session, undo=False)

    # -- standbys -----------------------------------------------------------------------------------------------------

    def ship(self) -> None:
        """Sends the log to whoever follows it and has not all of it."""
        for other in () if self.cluster.severed else self.cluster.servers:
            if other.follows is self and other.process.alive and self.acknowledged.get(other.host, -1) < len(self.log):
                self.cluster.network.send(self.host, other.process, other.receive, self, len(self.log), self.timeline)
        self._settle()

    def receive(self, primary: "Server", upto: int, timeline: int) -> None:
        if self.follows is not primary or primary.timeline != timeline or not self.up:
            return
        if upto > len(self.log):
            self.followed = True
            self.log.extend(primary.log[len(self.log) : upto])
            self._due.append((self.loop.now + self.cluster.trouble.replay_lag * self.machine.dice.random(), upto))
        self.cluster.network.send(
            self.host, primary.process, primary.acknowledge, self.host, len(self.log), primary.timeline
        )

    def acknowledge(self, host: int, upto: int, timeline: int) -> None:
        if self.primary and timeline == self.timeline:
            self.acknowledged[host] = max(upto, self.acknowledged.get(host, 0))
            self._settle()

    def _settle(self) -> None:
        """Commits that enough standbys have are shown, and answered, in the log's order."""
        if not self.primary:
            return
        upto = self.cluster.confirmed(self)
        while self.waiting and self.waiting[0].index <= upto:
            self._show(self.waiting.popleft(), Answer(word="COMMIT"))
        self.settled = max(self.settled, min(upto, len(self.log)))

    def _show(self, waiting: Waiting, answer: Any) -> None:
        self.settled = max(self.settled, waiting.index)
        self.open.discard(waiting.xid)
        waiting.reply(answer)

    def cancel_waits(self) -> None:
        """Somebody cancels the waits for a standby: commits are shown that nobody else has, and say so in a warning."""
        while self.waiting:
            waiting = self.waiting.popleft()
            self._show(waiting, Answer(word="COMMIT", warned=True))

    def sweep(self) -> None:
        """Ends transactions of whoever has not been heard of."""
        holder = self.holder
        if holder is not None and holder.heard_at + IDLE_TIMEOUT < self.loop.now:
            self.tell(f"transaction {holder.xid} was idle for too long and is undone")
            holder.close()
            holder.lost()

    # -- life and death -----------------------------------------------------------------------------------------------

    def who(self) -> tuple[bool, int, str, int, bool]:
        """What it says of itself: as in linnet/storage/postgres_connection.py: Server."""
        timeline = self.timeline if self.primary or self.follows is not None else 0
        position = len(self.log) if self.primary else self.replayed
        return not self.primary, timeline, f"{self.starts}", position, self.primary or self.followed

    def crash(self, *, silent: bool = False) -> None:
        """Ends at once; with ``silent`` its host is gone with it, and nobody is told."""
        self.tell(f"is killed, {len(self.log) - self.settled} commits were here alone" if self.primary else "is killed")
        self.process.kill()
        self._disconnect(silent=silent)
        self.up = False

    def _disconnect(self, *, silent: bool) -> None:
        if self.holder is not None:
            self.holder.xid = 0
            self.ahead.connection.execute("rollback to writer")
            self.ahead.connection.execute("release writer")
        for session in self.sessions:
            session.closed, session.xid = True, 0
            if not silent and session.process is not None:
                self.cluster.network.send(self.host, session.process, session.lost)
        self.sessions.clear()
        self._reset()

    def start(self, *, primary: bool) -> None:
        """What is in its log is what it has, whoever else has it."""
        if not self.process.alive:
            self.process = Process(self.machine, self.name, self.host)
        self.up = True
        self.starts += 1
        self.followed = False
        self.settled = self._replayed = len(self.log)
        self._due.clear()
        self.primary = primary
        if primary:
            self._finish_open()
        self.tell(f"is up as {'primary' if primary else 'standby'} on timeline {self.timeline}")

    def promote(self, timeline: int) -> None:
        self.follows = None
        self.timeline = timeline
        self.primary = True
        self.settled = len(self.log)
        self._due.clear()
        self._finish_open()
        self.tell(f"is promoted to timeline {timeline} with {len(self.log)} records")

    def _finish_open(self) -> None:
        """Transactions that were open when the log ended are undone."""
        self.ahead.follow(self.log, len(self.log))
        found = self.ahead.transactions
        self.next_xid = found.highest + 1
        for xid in sorted(found.open):
            self.log.append(Record(self.timeline, xid, None))
            self.ahead.took(self.log[-1])
        self.settled = len(self.log)

    def demote(self) -> None:
        """Is no primary any more: whoever is connected is sent away, and whoever waits is not told how it ended."""
        if self.primary:
            self.tell("is no primary any more")
            self.primary = self.followed = False
            self._disconnect(silent=False)

    def join(self, primary: "Server") -> None:
        """Follows a primary; what that does not have is rewound."""
        self.demote()
        same = 0
        for mine, other in zip(self.log, primary.log, strict=False):
            if mine is not other:
                break
            same += 1
        if same < len(self.log):
            self.tell(f"is rewound by {len(self.log) - same} records")
            self.cluster.exposed.extend(self.log[same : self._seen])
            self._disconnect(silent=False)
        self.log = self.log[:same]
        self.timeline = primary.timeline
        self._seen = min(self._seen, same)
        self.settled = self._replayed = same
        self._due.clear()
        self.follows, self.followed = primary, True
        primary.acknowledged.pop(self.host, None)
