"""How to call matrix scaling and the makers of doubly stochastic matrices."""

from math import factorial
from typing import Any

import numpy as np

import linalgx as lx
from cases._kinds import Arrays, Born, Case, Options
from cases._makers import Shape, general

# --- makers ----------------------------------------------------------------------------------


def nonnegative(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host matrix of numbers between 0.1 and 2."""
    rng = np.random.default_rng([seed + 5, *shape])
    return rng.uniform(0.1, 2.0, shape)


def row_sums(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host row sums of total six."""
    r = np.random.default_rng([seed + 6, *shape]).uniform(0.5, 2.0, shape[:-1])
    return 6.0 * r / np.sum(r, axis=-1, keepdims=True)


def column_sums(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host column sums of total six."""
    return row_sums((*shape[:-2], shape[-1], 1), complex_=complex_, seed=seed + 1)


def scores(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host real logits."""
    return general(shape, complex_=False, seed=seed)


def streams(shape: Shape, *, complex_: bool, seed: int = 0) -> Any:
    """Host operand with a row for each product of factors of order two, and three columns."""
    return general((*shape[:-2], 2 ** shape[-2], 3), complex_=False, seed=seed)


# --- judgements ------------------------------------------------------------------------------


def _sums(x: Any, r: Any, c: Any) -> float:
    """Errors of row and column sums in units of max(n, m)·eps of the sums."""
    x = lx.to_numpy(x)
    if x.size == 0:
        return 0.0
    unit = max(*x.shape[-2:], 4) * np.finfo(x.dtype).eps
    x = x.astype(float)
    rows = np.abs(np.sum(x, axis=-1) - r) / r
    columns = np.abs(np.sum(x, axis=-2) - c) / c
    return float(max(np.max(rows), np.max(columns))) / unit


def _scale_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Sums, and x = d1 a d2."""
    a, x, d1, d2 = (lx.to_numpy(v) for v in (inputs["a"], out["x"], out["d1"], out["d2"]))
    if x.size == 0:
        return 0.0
    n, m = a.shape[-2:]
    r = lx.to_numpy(inputs["r"]).astype(float) if "r" in inputs else np.ones(n)
    c = lx.to_numpy(inputs["c"]).astype(float) if "c" in inputs else np.full(m, n / m)
    eps = np.finfo(x.dtype).eps
    product = d1[..., :, None].astype(float) * a * d2[..., None, :]
    gap = float(np.max(np.abs(product - x) / np.max(x)))
    return max(_sums(x, r, c), gap / (4 * eps))


def _stochastic_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    """Sums, and the ratios of entries that scaling keeps."""
    logits, x = lx.to_numpy(inputs["logits"]).astype(float), lx.to_numpy(out["result"])
    if x.size == 0:
        return 0.0
    eps = np.finfo(x.dtype).eps
    change = np.log(x.astype(float)) - logits
    for axis in (-1, -2):
        change = change - np.mean(change, axis=axis, keepdims=True)
    kept = float(np.max(np.abs(change))) / (eps * (1 + np.max(np.abs(logits))) * x.shape[-1])
    return max(_sums(x, 1.0, 1.0), kept)


def _factors(logits: Any) -> Any:
    """Host Kronecker products of [[p, 1 − p], [1 − p, p]]."""
    w = np.exp(lx.to_numpy(logits).astype(float))
    p = w[..., 0] / np.sum(w, axis=-1)
    h = np.ones((*w.shape[:-2], 1, 1))
    for k in range(w.shape[-2]):
        u = np.stack([np.stack([p[..., k], 1 - p[..., k]], -1),
                      np.stack([1 - p[..., k], p[..., k]], -1)], -2)  # fmt: skip
        h = np.einsum("...ab,...cd->...acbd", h, u)
        h = h.reshape(*h.shape[:-4], h.shape[-4] * 2, h.shape[-2] * 2)
    return h


def _kronecker_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    x = lx.to_numpy(out["result"])
    known = _factors(inputs["logits"])
    if x.shape != known.shape:
        return np.inf
    gap = float(np.max(np.abs(x - known), initial=0.0)) / (8 * np.finfo(x.dtype).eps)
    return max(gap, _sums(x, 1.0, 1.0))


def _product_check(inputs: Arrays, out: Arrays, options: Options) -> float:
    y = lx.to_numpy(out["result"])
    known = _factors(inputs["logits"]) @ lx.to_numpy(inputs["x"])
    if y.shape != known.shape:
        return np.inf
    size = np.max(np.abs(known), initial=1.0)
    return float(np.max(np.abs(y - known), initial=0.0)) / (8 * np.finfo(y.dtype).eps * size)


def _pairs(shape: Shape) -> Shape:
    """Factors of order two."""
    return (*shape[:-1], 2)


# --- the tables ------------------------------------------------------------------------------

CASES = {
    "transport.scale": Case(
        arrays={"a": nonnegative},
        variants={"default": {}, "drop": {"on_partial": "drop"}, "rtol": {"rtol": 1e-5}},
        brief=("default",),
        degrees=lambda options: {"x": 0, "d1": -0.5, "d2": -0.5},
        divisor=lambda options: 2,
        check=_scale_check,
        real=True,
        needs="regular",
        iterate="x",
        choices={"on_partial": ("raise", "drop")},
        trouble={
            "no steps": (np.array([[1.0, 9.0], [4.0, 1.0]]) ** 9, {"maxiter": 0}),
            "a batch": (np.exp(general((3, 4, 4), complex_=False) * 9.0), {"maxiter": 1}),
        },
    ),
    "transport.scale (sums)": Case(
        arrays={"a": nonnegative, "r": row_sums, "c": column_sums},
        variants={"default": {}},
        degrees=lambda options: {"x": 0, "d1": -0.5, "d2": -0.5},
        divisor=lambda options: 2,
        check=_scale_check,
        real=True,
        needs="regular",
        iterate="x",
        empty_shapes=((0, 3, 3),),
        exempt={
            "integers_become_the_default_float": "The totals of the made sums differ.",
            "results_share_no_memory_with_the_input": "The totals of the scaled sums differ.",
            "the_ends_of_the_range": "The totals of the far sums would differ.",
            "other_kinds": "None is the default of the sums; the matrix is tested alone.",
            "matrices_of_one_batch_do_not_disturb_each_other": "The identity has no such sums.",
        },
    ),
    "transport.project_birkhoff": Case(
        arrays={"logits": scores},
        variants={"default": {}},
        check=_stochastic_check,
        square=True,
        real=True,
        trouble={"few steps": (9.0 * general((2, 6, 6), complex_=False), {"maxiter": 1})},
        exempt={"non_finite_entries": "The logit −∞ makes a zero; the others are tested apart."},
    ),
    "transport.kronecker_birkhoff": Case(
        arrays={"logits": scores},
        variants={"default": {}},
        check=_kronecker_check,
        real=True,
        resize=_pairs,
        exempt={"too_few_axes": "A list is a sequence of factors; tested apart."},
    ),
    "transport.kronecker_product": Case(
        arrays={"logits": scores, "x": streams},
        variants={"default": {}},
        check=_product_check,
        real=True,
        resize=_pairs,
        exempt={"too_few_axes": "A list is a sequence of factors; tested apart."},
    ),
}

BORN = {
    "transport.permutation_logits": Born(
        args=(3,),
        variants={"default": {}, "off": {"off": -4.0}},
        shape=lambda n: (factorial(n),),
        faults=(((-1,), {}), ((7,), {}), ((2,), {"off": float("inf")})),
    ),
}
