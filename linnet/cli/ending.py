"""How a command ends when it cannot do what it was asked: one sentence, and a code that scripts can read."""

import os

USAGE = os.EX_USAGE
BAD_DATA = os.EX_DATAERR
NOT_THERE = os.EX_NOINPUT
UNAVAILABLE = os.EX_UNAVAILABLE
OUR_FAULT = os.EX_SOFTWARE
CANNOT_CREATE = os.EX_CANTCREAT
IO_FAILED = os.EX_IOERR
TRY_AGAIN = os.EX_TEMPFAIL
NOT_PERMITTED = os.EX_NOPERM
CONFIGURATION = os.EX_CONFIG


class Ending(Exception):
    """Ends the command. ``code`` is one of sysexits.h; the sentence says what is wrong and what helps."""

    def __init__(self, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
