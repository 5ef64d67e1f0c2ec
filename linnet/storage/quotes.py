"""Quotes as rows of statuses."""

from linnet.storage import statements

SQL = statements.load("quotes")
