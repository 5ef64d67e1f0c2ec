"""Where things are kept: one SQL text for both engines, and the only importers of their drivers."""
