"""Linnet: a microblogging server that speaks the Mastodon client API and loses no post."""

__version__ = "0.1.0"
