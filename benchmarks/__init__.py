"""Benchmarks: asv classes in `benchmarks.benchmarks`, promised figures in `benchmarks.peers`."""
