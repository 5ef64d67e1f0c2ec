"""What the operator writes about the instance: a longer description, a privacy policy, terms of service."""

import msgspec

from linnet.domain.errors import Invalid, NotFound
from linnet.domain.text import clean
from linnet.domain.text_markdown import markdown_html
from linnet.domain.views import Text
from linnet.storage import instance, settings
from linnet.storage.database import Database, Operation, Writer

CHARS_MAX = 100_000


async def put(database: Database, name: str, source: str, operation: Operation) -> None:
    """``source`` is Markdown; it takes the place of what was written before. Raises Invalid."""
    source = clean("text", source, CHARS_MAX).strip()
    if name not in instance.NAMES:
        raise Invalid("name", f"must be one of {', '.join(instance.NAMES)}", "ERR_INCLUSION")
    if not source:
        raise Invalid("text", "can't be blank", "ERR_BLANK")
    html = markdown_html(source)

    async def write(tx: Writer) -> None:
        text = Text(source, html, tx.now)
        await settings.put(tx, instance.text_key(name), msgspec.json.encode(text).decode())

    await database.write(write, operation)


async def remove(database: Database, name: str, operation: Operation) -> None:
    """Raises NotFound where there is none."""

    async def write(tx: Writer) -> None:
        if not await tx.run(instance.SQL.remove_text, key=instance.text_key(name)):
            raise NotFound("There is no such text")

    await database.write(write, operation)
