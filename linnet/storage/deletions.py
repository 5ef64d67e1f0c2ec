"""Suspending and deleting accounts, as rows."""

from linnet.storage import statements

SQL = statements.load("deletions")
