"""Whom somebody could follow, and what of that was declined, as rows."""

from linnet.storage import statements

SQL = statements.load("suggestions")
