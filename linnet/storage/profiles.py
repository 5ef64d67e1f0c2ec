"""What stands on an account's own page, as rows."""

from linnet.storage import statements

SQL = statements.load("profiles")
