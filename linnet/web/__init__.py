"""The door for browsers: pages, sign-in, settings and moderation, readable without JavaScript."""
