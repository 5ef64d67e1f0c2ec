"""How far an account has read a timeline, as rows."""

from linnet.storage import statements

SQL = statements.load("markers")
