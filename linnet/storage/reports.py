"""Reports as rows."""

import msgspec

from linnet.domain.reports import Report
from linnet.storage import statements
from linnet.storage.statements import Row

SQL = statements.load("reports")

_ids = msgspec.json.Decoder(tuple[int, ...])


def as_report(row: Row) -> Report:
    return Report(*[*row[:5], _ids.decode(row[5]), _ids.decode(row[6]), bool(row[7]), *row[8:]])


def as_json(ids: tuple[int, ...]) -> str:
    return msgspec.json.encode(ids).decode()
