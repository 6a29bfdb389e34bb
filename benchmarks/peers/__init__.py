"""The promised figures of each family beside its peers: ``python -m benchmarks.peers.<family>``.

Each module prints a table and exits 1 when a promised bar is missed.
"""
