"""Choices by name: one dictionary for the dispatch and for the error message."""

from collections.abc import Mapping
from typing import TypeVar

T = TypeVar("T")

SIDES = {"right": False, "left": True}
"""Whether the Hermitian factor of a polar decomposition stands on the left."""


def choose(name: object, table: Mapping[str, T], argument: str) -> T:
    """Look a name up, or say which names are accepted."""
    if not isinstance(name, str) or name not in table:
        accepted = ", ".join(repr(key) for key in table)
        raise ValueError(f"{argument} must be one of {accepted}, got {name!r}")
    return table[name]
