"""Seeds that found something once, and what it was: they are run always."""

KEPT: dict[int, str] = {}
