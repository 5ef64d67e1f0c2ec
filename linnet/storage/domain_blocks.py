"""Blocks of whole servers by one person, as rows."""

from linnet.storage import statements

SQL = statements.load("domain_blocks")
