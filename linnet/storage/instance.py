"""What an instance tells of itself, as rows."""

from linnet.storage import statements

SQL = statements.load("instance")

NAMES = ("extended_description", "privacy_policy", "terms_of_service")
"""The texts that an operator may write."""


def text_key(name: str) -> str:
    """Under which a text stands in the settings."""
    return f"text.{name}"
