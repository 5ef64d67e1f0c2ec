"""Open sockets: who listens to what, told of each change as it is committed."""
