"""A user's preferences as rows."""

from linnet.storage import statements

SQL = statements.load("preferences")
