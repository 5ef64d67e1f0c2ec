"""Who may see a status, as its author chose; the numbers are what is stored."""

from enum import IntEnum


class Visibility(IntEnum):
    """The client API's four visibilities, from the widest to the narrowest."""

    PUBLIC = 0
    UNLISTED = 1
    PRIVATE = 2
    DIRECT = 3

    @property
    def word(self) -> str:
        """As the client API writes it: ``public``, ``unlisted``, ``private``, ``direct``."""
        return self.name.lower()

    @classmethod
    def parse(cls, word: str) -> "Visibility | None":
        return _WORDS.get(word)


_WORDS = {visibility.word: visibility for visibility in Visibility}
WORDS = tuple(_WORDS)
