"""Local accounts in a row, for their operator."""

from linnet.storage import statements

SQL = statements.load("people")
