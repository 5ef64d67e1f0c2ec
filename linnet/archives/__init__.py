"""Accounts as files: archives of strangers read within bounds, our own written piece by piece, and their forms."""
