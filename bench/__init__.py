"""Benchmarks: each figure is a ratio of two things that ran side by side within one run (see bench/README.md)."""
