"""Numerics that several families share. Not public."""
