"""The drill: faults are injected into a real cluster under load, and what was promised is verified afterwards."""
