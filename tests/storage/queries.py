"""Small statements over the table of settings, for tests of the engines."""

from linnet.storage import statements
from linnet.storage.statements import Statement


def sql(text: str) -> Statement:
    """A statement outside of any file."""
    return statements.statement("test", text)


PUT = sql("insert into settings (key, value) values (:key, :value)")
GET = sql("select value from settings where key = :key")
COUNT = sql("select count(*) from settings")
APPEND = sql("update settings set value = value || :more where key = :key")


async def put(database, key: str, value: str = "") -> None:
    await database.write(lambda tx: tx.run(PUT, key=key, value=value))


async def get(database, key: str) -> str | None:
    row = await database.read(lambda tx: tx.one(GET, key=key))
    return None if row is None else row[0]


async def count(database) -> int:
    return (await database.read(lambda tx: tx.one(COUNT)))[0]
