"""The statements of retention and of checking: what goes, and what should be as it is counted."""

from linnet.storage import statements

SQL = statements.load("maintenance")
