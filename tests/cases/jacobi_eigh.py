"""How to call `jacobi.eigh`."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options
from cases._makers import hermitian


def _eigh_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    return max(lx.testing.eigh_ratios(inputs["a"], out["w"], out["v"]))


def _full(n: int) -> Any:
    return np.ones((n, n)) + np.diag(np.arange(float(n)))


RULES = ("cyclic", "tournament", "permutation", "uniform", "matching")

CASES: dict[str, Case] = {
    "jacobi.eigh": Case(
        arrays={"a": hermitian},
        variants={
            "default": {},
            "absolute": {"accuracy": "absolute"},
            "blocks": {"block_size": 1},
            **{rule: {"pivoting": rule, "rng": 0} for rule in RULES},
        },
        degrees=lambda options: {"w": 1, "v": 0},
        check=_eigh_check,
        square=True,
        choices={"accuracy": ("relative", "absolute"), "pivoting": ("auto", *RULES)},
        brief=("default", "matching", "blocks"),
        trouble={
            "one sweep": (np.stack([_full(4), -_full(4)]), {"maxiter": 1}),
            "one pair": (_full(4), {"maxiter": 1, "pivoting": "uniform", "rng": 0}),
            "definite": (_full(5), {"maxiter": 1}),
            "no block": (_full(6), {"maxiter": 1, "block_size": 2}),
        },
    ),
}
