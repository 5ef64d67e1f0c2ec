"""Preview cards as rows: one for each address, whoever links there."""

from typing import NamedTuple

import msgspec

from linnet.domain.cards import CardView
from linnet.storage import statements
from linnet.storage.database import Reader, Writer

SQL = statements.load("cards")

_decode = msgspec.json.Decoder(CardView).decode
_encode = msgspec.json.Encoder().encode


class CardRow(NamedTuple):
    """``card`` is None where it was not fetched yet, or has nothing to show."""

    id: int
    url: str
    card: CardView | None
    expires_at: int


def decode(text: str | None) -> CardView | None:
    return None if text is None else _decode(text)


async def of_url(tx: Writer, url: str) -> CardRow:
    """The card of an address, which is noted down where it is new."""
    row = await tx.one(SQL.of_url, id=tx.ids.next(), url=url, now=tx.now)
    assert row is not None
    return CardRow(row[0], row[1], decode(row[2]), row[3])


async def one(tx: Reader, card_id: int) -> CardRow | None:
    row = await tx.one(SQL.one, id=card_id)
    return None if row is None else CardRow(row[0], row[1], decode(row[2]), row[3])


async def shown(tx: Reader, url: str) -> CardView | None:
    """What the card of an address shows by now."""
    row = await tx.one(SQL.shown, url=url)
    return None if row is None else decode(row[0])


async def keep(tx: Writer, card_id: int, card: CardView | None, expires_at: int) -> None:
    await tx.run(
        SQL.keep,
        id=card_id,
        card=None if card is None else _encode(card).decode(),
        image_key=card.image_key if card else None,
        language=card.language if card else None,
        expires_at=expires_at,
    )
