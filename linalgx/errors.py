"""Errors and warnings of the library, and the one way to issue a warning."""

import sys
import warnings

from numpy.linalg import LinAlgError

__all__ = ["ConvergenceWarning", "LinAlgError", "PerformanceWarning"]


class ConvergenceWarning(RuntimeWarning):
    """A tolerance was not met; the result is the best that was reached, and says so."""


class PerformanceWarning(UserWarning):
    """A much faster path exists and was not available."""


def warn(message: str, category: type[Warning]) -> None:
    """Warn at the line of the caller outside this package."""
    level, frame = 1, sys._getframe(0)
    package = __name__.partition(".")[0]
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == package:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
