"""How to call the estimators of traces and diagonals."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options
from cases._makers import Shape

ORDER, RANK = 12, 3


def larger(shape: Shape) -> Shape:
    """Matrices of order 12, for which eight products are not all columns; tiny ones as they are."""
    return shape if shape[-1] <= 1 else (*shape[:-2], ORDER, ORDER)


def low_rank(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix of rank 3, or of order one."""
    left, right = (factor(shape, complex_=complex_, seed=seed + i) for i in range(2))
    return left @ np.conj(np.swapaxes(right, -1, -2))


def semidefinite(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host Hermitian positive semidefinite matrix of rank 3, or of order one."""
    left = factor(shape, complex_=complex_, seed=seed)
    return left @ np.conj(np.swapaxes(left, -1, -2))


def factor(shape: Shape, *, complex_: bool, seed: int) -> Any:
    rng = np.random.default_rng([seed, *shape])
    size = (*shape[:-1], min(RANK, shape[-1]))
    x = rng.standard_normal(size)
    return x + 1j * rng.standard_normal(size) if complex_ else x


def _double(x: Any) -> Any:
    x = x.toarray() if hasattr(x, "toarray") else x
    x = x @ np.eye(x.shape[1]) if hasattr(x, "matmat") or hasattr(x, "matmat_count") else x
    x = lx.to_numpy(x)
    return np.asarray(x, dtype=np.result_type(x.dtype, np.float64))


def _check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Errors against rounding and what the basis cannot hold: all for samples without a basis."""
    a = _double(inputs["a"])
    got = np.asarray(lx.to_numpy(out["value"]))
    truth = np.diagonal(a, axis1=-2, axis2=-1)
    if got.ndim < truth.ndim:
        got, truth = got[..., None], np.sum(truth, axis=-1, keepdims=True)
    if a.size == 0:
        return 0.0 if got.shape == truth.shape and not np.any(got) else np.inf
    s = np.linalg.svd(a, compute_uv=False)
    left = s[..., 0 if options.get("method") == "hutchinson" else 2 :]
    single = any(name in str(inputs["a"].dtype) for name in ("float32", "complex64"))
    eps = float(np.finfo(np.float32 if single else np.float64).eps)
    tail = np.linalg.norm(left * (s[..., :1] * 1e-4 < left), axis=-1)
    allowed = tail / 5 + 10 * eps * a.shape[-1] * s[..., 0]
    gap = np.linalg.norm(got - truth, axis=-1)
    return float(np.max(gap / np.where(allowed > 0, allowed, 1.0), initial=0.0))


def _value(result: Any, inputs: Arrays) -> Arrays:
    return {"value": result.value}


SHAPES: dict[str, Any] = {
    "resize": larger,
    "shapes": ((4, 4), (1, 1)),
    "square": True,
    "looped": True,
    "slack": 5000.0,  # of matrices of norm 30
    "exempt": {
        "integers_become_the_default_float": "Draws in single precision are other numbers.",
    },
}

CASES: dict[str, Case] = {
    "randomized.trace": Case(
        arrays={"a": low_rank},
        variants={
            "default": {"matvecs": 8, "rng": 0},
            "hutch++": {"matvecs": 9, "method": "hutch++", "rng": 0},
            "hutchinson": {"matvecs": 8, "method": "hutchinson", "rng": 0},
            "tolerance": {"matvecs": 50, "rtol": 0.1, "rng": 0},
            "all columns": {"matvecs": 12, "rng": 0},
        },
        degrees=lambda options: {"value": 1},
        check=_check,
        observe=_value,
        choices={"method": ("hutchinson", "hutch++", "xtrace")},
        brief=("default", "hutch++", "hutchinson"),
        trouble={
            "few products": (np.diag(np.arange(20.0)), {"matvecs": 16, "rtol": 1e-8, "rng": 0}),
        },
        **SHAPES,
    ),
    "randomized.trace (xnystrace)": Case(
        arrays={"a": semidefinite},
        variants={"default": {"matvecs": 8, "method": "xnystrace", "rng": 0}},
        degrees=lambda options: {"value": 1},
        check=_check,
        observe=_value,
        needs="",
        choices={"method": ("xnystrace",)},
        **SHAPES,
    ),
    "randomized.diagonal": Case(
        arrays={"a": low_rank},
        variants={
            "default": {"matvecs": 8, "rng": 0},
            "hutchinson": {"matvecs": 8, "method": "hutchinson", "rng": 0},
            "tolerance": {"matvecs": 50, "rtol": 0.1, "rng": 0},
        },
        degrees=lambda options: {"value": 1},
        check=_check,
        observe=_value,
        choices={"method": ("xdiag", "hutchinson")},
        brief=("default", "hutchinson"),
        trouble={
            "few products": (
                np.diag(np.arange(20.0)) + 1.0,
                {"matvecs": 16, "rtol": 1e-8, "rng": 0},
            ),
        },
        **SHAPES,
    ),
}
