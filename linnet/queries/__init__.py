"""What can be seen: one function is one read-only snapshot."""
