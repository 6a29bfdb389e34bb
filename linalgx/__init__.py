"""linalgx: numerical linear algebra from recent papers, on the arrays you already have.

Functions are reached through their family, ``lx.orthogonal.polar``. Everything is loaded on
first use, so importing the package costs little more than importing NumPy.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_FAMILIES = (
    *("gallery", "jacobi", "orthogonal", "plotting", "randomized", "relaxation", "testing"),
    "transport",
)
_NAMES = {
    "ConvergenceWarning": "errors",
    "IterationState": "results",
    "LinAlgError": "errors",
    "LinearMap": "operators",
    "PerformanceWarning": "errors",
    "Status": "results",
    "available_backends": "backend",
    "progress": "results",
    "set_backend": "backend",
    "show_config": "backend",
    "to_backend": "backend",
    "to_numpy": "backend",
    "use_backend": "backend",
}

__all__ = [
    "ConvergenceWarning",
    "IterationState",
    "LinAlgError",
    "LinearMap",
    "PerformanceWarning",
    "Status",
    "available_backends",
    "gallery",
    "jacobi",
    "orthogonal",
    "plotting",
    "progress",
    "randomized",
    "relaxation",
    "set_backend",
    "show_config",
    "testing",
    "to_backend",
    "to_numpy",
    "transport",
    "use_backend",
]

if TYPE_CHECKING:
    from linalgx import (
        gallery,
        jacobi,
        orthogonal,
        plotting,
        randomized,
        relaxation,
        testing,
        transport,
    )
    from linalgx.backend import (
        available_backends,
        set_backend,
        show_config,
        to_backend,
        to_numpy,
        use_backend,
    )
    from linalgx.errors import ConvergenceWarning, LinAlgError, PerformanceWarning
    from linalgx.operators import LinearMap
    from linalgx.results import IterationState, Status, progress


def __getattr__(name: str) -> Any:
    if name in _FAMILIES:
        return import_module(f"linalgx.{name}")
    if name in _NAMES:
        value = getattr(import_module(f"linalgx.{_NAMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'linalgx' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
