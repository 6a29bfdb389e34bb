"""What a task of the tour is, and where it runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from linalgx.backend import namespace_of, to_backend
from linalgx.typing import Array, Namespace


@dataclass(frozen=True, slots=True)
class Place:
    """The library and device that ours runs on.

    Attributes
    ----------
    backend : str
        ``"numpy"`` or ``"cupy"``.
    xp : Namespace
        Its namespace.
    """

    backend: str
    xp: Namespace

    @property
    def on_host(self) -> bool:
        """Whether peers from SciPy can be called on the same arrays."""
        return self.backend == "numpy"

    @property
    def has_sparse(self) -> bool:
        """Whether the library has sparse arrays; in others, tasks take small dense ones."""
        return self.backend in ("numpy", "cupy")

    def put(self, x: Any) -> Array:
        """Move host data here."""
        return to_backend(x, self.backend)

    def wait(self) -> None:
        """Wait until all work that was queued on a device is done."""
        if self.backend == "cupy":
            self.xp.cuda.Device().synchronize()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One line of the table.

    Attributes
    ----------
    name, data : str
        What is done, and to what.
    ours, peer : callable
        Do the work and return its result; everything else has been prepared.
    against, measure : str
        In a few words, what the peer is and what the error means.
    error : callable
        Takes a result of `ours` or `peer` as NumPy arrays and returns one number.
    """

    name: str
    data: str
    ours: Callable[[], Any]
    peer: Callable[[], Any]
    against: str
    error: Callable[[Any], float]
    measure: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: seconds, errors, and our result on the host for the picture."""

    task: Task
    ours_time: float
    peer_time: float
    ours_error: float
    peer_error: float
    result: Any
    peer_result: Any

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.peer_time / self.ours_time


def place(backend: str) -> Place:
    """Find a backend, or raise `ImportError` with a line that says what to install."""
    try:
        return Place(backend, namespace_of(to_backend(np.zeros(1), backend)))
    except RuntimeError as error:
        raise ImportError(f"backend {backend!r} is installed, but not usable: {error}") from error
