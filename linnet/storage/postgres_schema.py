"""Changing the schema on PostgreSQL: over one connection, in short attempts where others use a table."""

from collections.abc import Sequence

from linnet.domain.errors import Unavailable
from linnet.storage.postgres_connection import BEGIN_WRITE, BadDisk, Connection, Duplicate, Lost, NotDone
from linnet.storage.schema import LockTimeout
from linnet.storage.statements import Row


class PostgresSchemaSession:
    """Changes the schema over one connection; a table that is in use is waited for in short attempts."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, /) -> list[Row]:
        return await self._connection.rows(sql, (), None)

    async def has_table(self, name: str, /) -> bool:
        return bool(await self._connection.rows("select 1 where to_regclass($1) is not null", (name,), None))

    async def try_exclusive(self) -> bool:
        # Never waited for inside the server: whoever waits there holds a snapshot, for which an index that is built
        # concurrently would wait in turn.
        rows = await self._connection.rows("select pg_try_advisory_lock(hashtext('linnet migrations'))", (), None)
        return bool(rows[0][0])

    async def apply(self, statements: Sequence[str], unless: str, /) -> None:
        try:
            await self._connection.script(f"{BEGIN_WRITE}; set local lock_timeout = '2s'", None)
            if not await self._connection.rows(unless, (), None):
                for statement in statements:
                    await self._connection.script(statement, None)
            await self._connection.commit("", None)
        except NotDone as error:
            await self._connection.roll_back()
            raise _waits(error) from error
        except Lost as error:
            raise Unavailable(f"The schema was not changed: {error}") from error

    async def alone(self, statement: str, index: str, /) -> None:
        invalid = "select 1 from pg_index where indexrelid = to_regclass($1) and not indisvalid"
        settings = "set lock_timeout = '2s'; set default_transaction_read_only = off; set statement_timeout = 0"
        try:
            await self._connection.script(settings, None)
            if await self._connection.rows(invalid, (index,), None):
                await self._connection.script(f"drop index concurrently if exists {index}", None)
            await self._connection.script(statement, None)
        except NotDone as error:
            raise _waits(error) from error


def _waits(error: NotDone) -> BaseException:
    """Rows that stand in a migration's way will not go by themselves, nor does room come of trying again."""
    if isinstance(error, BadDisk):
        return Unavailable(str(error), retry_after=60)
    return (error.__cause__ or error) if isinstance(error, Duplicate) else LockTimeout(str(error))
