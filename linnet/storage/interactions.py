"""Favourites, bookmarks, pins and muted threads as rows."""

from linnet.storage import statements

SQL = statements.load("interactions")
