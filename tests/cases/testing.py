"""How to call the functions of `testing`."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Options


def _eye(n: int) -> Any:
    return np.eye(n)


RATIOS: dict[str, tuple[tuple[Any, ...], Options]] = {
    "testing.polar_ratios": ((2 * _eye(3), _eye(3), 2 * _eye(3)), {}),
    "testing.polar_errors": ((2 * _eye(3), _eye(3), 2 * _eye(3)), {}),
    "testing.svd_ratios": ((2 * _eye(3), _eye(3), 2 * np.ones(3), _eye(3)), {}),
    "testing.eigh_ratios": ((2 * _eye(3), 2 * np.ones(3), _eye(3)), {}),
    "testing.qr_ratios": ((2 * _eye(3), _eye(3), 2 * _eye(3)), {}),
    "testing.root_ratios": ((4 * _eye(3), _eye(3) / 2), {"p": 2}),
}
"""Host arrays of an exact answer, of which every ratio is zero or harmless, and options."""

HOST: dict[str, tuple[str, tuple[tuple[Any, ...], Options]]] = {
    "testing.check_adjoint": (
        "takes an operator; tested with LinearMap",
        ((lx.LinearMap(np.eye(3)),), {"rng": 0}),
    ),
}
