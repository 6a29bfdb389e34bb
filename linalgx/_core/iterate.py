"""What all iterations share: the observer."""

from linalgx.results import IterationState
from linalgx.typing import Array, Callback


def notify(callback: Callback | None, k: int, x: Array, residual: float) -> bool:
    """Show the iteration to the observer; true when it asks to stop."""
    if callback is None:
        return False
    try:
        callback(IterationState(k, x, residual))
    except StopIteration:
        return True
    return False
