"""What open streams ask of the database."""

from linnet.storage import statements

SQL = statements.load("streams")
