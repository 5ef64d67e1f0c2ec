"""Our other nodes: what a node runs as children, sees, decides and does, and how nodes come to be one cluster."""
