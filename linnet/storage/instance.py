"""The instance's own figures and rules as rows."""

from linnet.storage import statements

SQL = statements.load("instance")
