"""The door for Mastodon clients: one file per noun, each parses, calls an action or a query, and renders."""
