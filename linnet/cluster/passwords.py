"""The passwords that a cluster's nodes use among themselves: made once, the same on each node, in one file."""

import base64
import json
from dataclasses import asdict, dataclass, fields

from linnet.domain.errors import Invalid
from linnet.ports import Chance


@dataclass(frozen=True, slots=True, repr=False)
class Passwords:
    """Of PostgreSQL's roles, and of Patroni's REST interface. Whatever prints them by accident tells nobody."""

    superuser: str
    replicator: str
    rewinder: str
    linnet: str
    rest: str

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Passwords":
        """Raises Invalid."""
        try:
            values = json.loads(text)
            found = cls(**{entry.name: str(values[entry.name]) for entry in fields(cls)})
        except (KeyError, TypeError, ValueError) as error:
            raise Invalid("secrets", f"are not as this version writes them ({type(error).__name__})") from None
        if not all(
            word.isascii() and word.replace("-", "").replace("_", "").isalnum() for word in asdict(found).values()
        ):
            raise Invalid("secrets", "hold a password that would need quoting somewhere")
        return found


def make(chance: Chance) -> Passwords:
    """192 bits each, of letters, digits, dash and underscore: they need quoting nowhere."""
    return Passwords(*(base64.urlsafe_b64encode(chance.secret(24)).decode() for _ in fields(Passwords)))
