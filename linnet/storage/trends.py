"""Trends as rows: what is counted for them, and what they are."""

from linnet.storage import statements

SQL = statements.load("trends")
