"""Custom emojis as rows."""

from linnet.storage import statements

SQL = statements.load("emojis")
