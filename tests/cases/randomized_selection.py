"""How to call the functions that choose columns, rows and pivots."""

from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Case, Options
from cases._makers import Shape, definite, general


def _square(shape: Shape) -> Shape:
    return (*shape[:-2], 6, 6)


def _at_least_two(shape: Shape) -> Shape:
    """Sizes with room for two columns and two rows."""
    return (*shape[:-2], *(max(size, 2) for size in shape[-2:]))


def _double(x: Any) -> Any:
    x = x.toarray() if hasattr(x, "toarray") else x
    x = x @ np.eye(x.shape[1]) if hasattr(x, "matmat") or hasattr(x, "matmat_count") else x
    x = lx.to_numpy(x)
    return np.asarray(x, dtype=np.result_type(x.dtype, np.float64))


def _unit(x: Any) -> float:
    return float(np.finfo(lx.to_numpy(x).dtype).eps)


def _cholesky_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """The residual vanishes in the rows of the pivots; its diagonal is not negative."""
    a, f, pivots = _double(inputs["a"]), _double(out["f"]), lx.to_numpy(out["pivots"])
    rest = a - f @ np.conj(f.T)
    worst = max(np.max(np.abs(rest[pivots])), -np.min(np.diag(rest).real), 0.0)
    distinct = len(set(pivots.tolist())) == f.shape[1] <= options["rank"]
    return float(worst / (len(a) * _unit(out["f"]) * np.max(np.abs(a)))) if distinct else np.inf


def _slices(inputs: Arrays, out: Arrays) -> Any:
    a = _double(inputs["a"])
    for i in np.ndindex(a.shape[:-2]):
        yield a[i], {key: lx.to_numpy(x)[i] for key, x in out.items()}


def _error(a: Any, approximation: Any, rank: int, unit: float) -> float:
    """Against the best approximation of that rank and rounding."""
    s = np.linalg.svd(a, compute_uv=False)
    best = np.linalg.norm(s[rank:]) + unit * max(a.shape) * s[0]
    return float(np.linalg.norm(a - approximation) / max(best, 1e-300) / 2.0)


def _interpolative_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    worst = 0.0
    for a, one in _slices(inputs, out):
        c, pivots = one["c"], one["pivots"]
        if not np.array_equal(c[:, pivots], np.eye(len(pivots))):
            return np.inf
        worst = max(worst, _error(a, a[:, pivots] @ _double(c), len(pivots), _unit(c)))
    return worst


def _cur_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    worst = 0.0
    for a, one in _slices(inputs, out):
        c, u, r = (_double(one[key]) for key in "cur")
        unit = _unit(one["c"])
        copied = max(
            np.max(np.abs(c - a[:, one["columns"]])), np.max(np.abs(r - a[one["rows"], :]))
        )
        if copied > unit * np.max(np.abs(a)):
            return np.inf
        worst = max(worst, _error(a, c @ u @ r, c.shape[1], unit))
    return worst


SINGLE = {"integers_become_the_default_float": "Draws in single precision are other numbers."}
SHAPES: dict[str, Any] = {
    "resize": _at_least_two,
    "empty_shapes": ((0, 3, 3), (0, 2, 5)),
    "looped": True,
    "slack": 5000.0,
    "exempt": SINGLE,
}

CASES: dict[str, Case] = {
    "randomized.pivoted_cholesky": Case(
        arrays={"a": definite},
        variants={
            "default": {"rank": 4, "rng": 0},
            "all": {"rank": 6, "rng": 0},
            **{
                name: {"rank": 3, "rng": 0, "method": name}
                for name in ("rpcholesky", "greedy", "uniform")
            },
            "tolerance": {"rank": 6, "rng": 0, "rtol": 0.3},
        },
        degrees=lambda options: {"f": 1 / 2},
        divisor=lambda options: 2,
        check=_cholesky_check,
        square=True,
        needs="",
        resize=_square,
        shapes=((6, 6),),
        empty_shapes=(),
        discrete=("pivots",),
        choices={"method": ("accelerated", "rpcholesky", "greedy", "uniform")},
        brief=("default", "rpcholesky"),
        exempt=SINGLE,
    ),
    "randomized.interpolative": Case(
        arrays={"a": general},
        variants={"default": {"rank": 2, "rng": 0}},
        degrees=lambda options: {"c": 0},
        check=_interpolative_check,
        discrete=("pivots",),
        **SHAPES,
    ),
    "randomized.cur": Case(
        arrays={"a": general},
        variants={
            name: {"rank": 2, "rng": 0, "method": name} for name in ("rpqr", "deim", "leverage")
        },
        degrees=lambda options: {"c": 1, "u": -1, "r": 1},
        check=_cur_check,
        discrete=("columns", "rows"),
        choices={"method": ("rpqr", "deim", "leverage")},
        **SHAPES,
    ),
}
