"""Bytes both ways, without meaning: server, router, limits."""
