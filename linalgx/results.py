"""What iterative functions report: a status, how far they came, and how well.

Factorizations return named tuples of their factors. Anything with a story to tell returns a
frozen dataclass derived from `Result`; it cannot be unpacked, so fields may be added later.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import Enum

from linalgx.typing import Array, Callback

__all__ = ["IterationState", "Result", "Status", "progress"]


class Status(Enum):
    """How an iteration ended."""

    CONVERGED = "the tolerance was met, as checked on a freshly computed residual"
    MAXITER = "the iteration limit was reached before the tolerance was met"
    STAGNATED = "the residual no longer decreases at this precision"
    STOPPED = "the callback asked to stop"
    BREAKDOWN = "a quantity needed to go on does not exist or is not finite"
    DIVERGED = "the residual grew beyond its starting value"

    def __repr__(self) -> str:
        return f"Status.{self.name}"


@dataclass(frozen=True, slots=True)
class IterationState:
    """What a callback sees; ``k = 0`` is the start, before the first iteration.

    Attributes
    ----------
    k : int
        Number of iterations done.
    x : Array
        The current iterate. A view of a work array: copy it to keep it.
    residual : float
        The residual that steers the iteration.
    """

    k: int
    x: Array
    residual: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Result:
    """Common part of all results of iterations.

    Attributes
    ----------
    status : Status
        How the iteration ended.
    iterations : int
        Number of iterations done.
    residual : float
        Freshly computed at the end, never carried along by a recurrence.
    history : tuple of float
        One steering residual per iteration, ``k = 0`` first.
    """

    status: Status
    iterations: int
    residual: float
    history: tuple[float, ...]

    @property
    def converged(self) -> bool:
        """Whether the tolerance was met."""
        return self.status is Status.CONVERGED

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}: {self.status.value}", *self._lines()])

    def _lines(self) -> Iterator[str]:
        """One line per field that says something, those of the subclass first."""
        common = {f.name for f in fields(Result)}
        own = [f.name for f in fields(self) if f.name not in common]
        for name in [*own, "iterations", "residual"]:
            if (value := getattr(self, name)) is not None:
                yield f"  {name:<11} {_brief(value)}"


def _brief(value: object) -> str:
    """One line for one field: arrays by shape, dtype and device."""
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        dims = "×".join(str(n) for n in shape)
        return f"array {dims or 'scalar'}, {value.dtype}"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def progress(total: int | None = None, desc: str = "iterations") -> Callback:
    """Make a callback that shows a tqdm progress bar with the current residual.

    Parameters
    ----------
    total : int, optional
        Expected number of iterations; without it the bar only counts.
    desc : str, optional
        Text in front of the bar.

    Returns
    -------
    callable
        To be passed as ``callback=`` to one call.

    Raises
    ------
    ImportError
        tqdm is not installed.

    References
    ----------
    .. [1] tqdm, a progress bar for Python and the command line.

    Examples
    --------
    >>> import linalgx as lx
    >>> a = lx.gallery.hilbert(5)
    >>> u, p = lx.orthogonal.polar(a, callback=lx.progress(desc="polar"))
    """
    try:
        from tqdm.auto import tqdm
    except ImportError as error:
        raise ImportError("progress needs tqdm: pip install 'linalgx[examples]'") from error
    bar = tqdm(total=total, desc=desc, leave=False)

    def show(state: IterationState) -> None:
        bar.update(state.k - bar.n)
        bar.set_postfix_str(f"residual {state.residual:.1e}")

    return show
