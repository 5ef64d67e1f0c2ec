"""The errors that rules raise, classed by whose fault they are; only doors translate them into HTTP codes."""


class LinnetError(Exception):
    """Base of every error that is meant to be shown to whoever asked. ``str(error)`` is safe to show."""


class Unauthenticated(LinnetError):
    """Nobody is signed in, or the token or the password is not (or no longer) good."""


class NotAllowed(LinnetError):
    """We know who asks, and they may not do this."""


class NotFound(LinnetError):
    """There is no such thing, or the asker may not know that there is."""

    def __init__(self, message: str = "Record not found") -> None:
        super().__init__(message)


class Invalid(LinnetError):
    """A value that was handed in is wrong: names the field, the reason in words and a short code (``ERR_…``)."""

    def __init__(self, field: str, why: str, code: str = "ERR_INVALID") -> None:
        super().__init__(f"{field}: {why}")
        self.field = field
        self.why = why
        self.code = code


class TooLarge(LinnetError):
    """More bytes, items or levels were handed in than this door takes."""


class TooMany(LinnetError):
    """A rate limit was reached. ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Conflict(LinnetError):
    """It cannot be done in the state that things are in now."""


class IdTaken(Conflict):
    """Something else has the id that was minted for this: nothing was done, and another id must be minted."""


class Unavailable(LinnetError):
    """Our own fault and passing: disk full, database locked or away. ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int = 5) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RemoteFailed(LinnetError):
    """Another server could not be asked. ``passing`` says whether trying again later may help."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


class Invalids(Invalid):
    """Several values are wrong at once; ``all`` has an Invalid for each."""

    def __init__(self, found: tuple[Invalid, ...]) -> None:
        super().__init__(found[0].field, found[0].why, found[0].code)
        self.all = found
