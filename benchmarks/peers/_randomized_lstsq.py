"""Tall least squares of `linalgx.randomized` beside SciPy: rows for the table of the family.

Backward errors are those of Karlson and Waldén with the exact singular values of A, relative to
‖A‖_F, in units of eps: ‖(AᴴA + g²‖r‖²)^(−1/2) Aᴴr‖ g, g = θ/√(1 + θ²‖x‖²), θ = ‖A‖_F/‖b‖.
"""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse

import linalgx as lx
from benchmarks.peers._measure import Row, fastest

NAN = float("nan")
EPS = 2.0**-52
LIMIT = 20.0


def backward_error(a: Any, b: Any, x: Any) -> float:
    """In units of eps; the triangular factor is made block by block."""
    blocks = [np.linalg.qr(a[k : k + 10_000], mode="r") for k in range(0, len(a), 10_000)]
    s, vh = np.linalg.svd(np.linalg.qr(np.concatenate(blocks), mode="r"))[1:]
    r = b - a @ x
    size = np.linalg.norm(s)
    g = 1.0 / np.hypot(np.linalg.norm(b) / size, np.linalg.norm(x))
    z = vh @ (a.T @ r) / np.hypot(s, g * np.linalg.norm(r))
    return float(g * np.linalg.norm(z) / size / EPS)


def problem(m: int, n: int, cond: float, residual: float, seed: int = 0) -> tuple[Any, Any]:
    """Columns mixed from normal ones of geometric sizes, and noise."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((m, n))
    a *= np.geomspace(1, 1 / cond, n) / m**0.5
    a = a @ np.linalg.qr(rng.standard_normal((n, n)))[0]
    x = rng.standard_normal(n)
    return a, a @ (x / np.linalg.norm(x)) + residual * m**-0.5 * rng.standard_normal(m)


def accuracy() -> Iterator[Row]:
    """All sizes, condition numbers and residuals of the promise; the worst of each line."""
    cases = [(4000, 50, 1e12, 1e-6)]  # the published figure
    cases += [(4000, 50, cond, res) for cond in (1e2, 1e8, 1e14) for res in (1e-9, 1e-3, 1e2)]
    cases += [(20_000, 100, cond, 1e-3) for cond in (1e6, 1e14)]
    for m, n, cond, residual in cases:
        a, b = problem(m, n, cond, residual)
        peer = backward_error(a, b, scipy.linalg.lstsq(a, b, cond=EPS)[0])
        for method in ("fossils", "spir"):
            result = lx.randomized.lstsq(a, b, method=method, rng=0)
            error = backward_error(a, b, result.x)
            ok = result.converged and error <= LIMIT
            text = f"backward {error:.2g} eps, {result.iterations} steps"
            name = f"lstsq {method} {m}x{n} κ={cond:.0e} ‖r‖={residual:.0e}"
            yield Row(name, NAN, NAN, None, text, f"gelsd {peer:.2g} eps", ok)


def times(sizes: Any = ((100_000, 100), (100_000, 200), (200_000, 100), (200_000, 200))) -> Any:
    """Both drivers of SciPy; the default one is what the promise is about."""
    for m, n in sizes:
        for cond in (1e6, 1e14):
            a, b = problem(m, n, cond, 1e-3)
            works = [
                partial(lx.randomized.lstsq, a, b, rng=0),
                partial(scipy.linalg.lstsq, a, b),
                partial(scipy.linalg.lstsq, a, b, lapack_driver="gelsy"),
            ]
            ours, gelsd, gelsy = fastest(works, repeats=2)
            result = works[0]()
            error = backward_error(a, b, result.x)
            ok = result.converged and error <= LIMIT
            theirs = backward_error(a, b, works[1]()[0])
            text = f"backward {error:.2g} eps, {result.iterations} steps"
            name = f"lstsq {m}x{n} κ={cond:.0e}"
            yield Row(name, ours, gelsd, 1 / 0.85, text, f"gelsd {theirs:.2g} eps", ok)
            yield Row(f"{name} beside gelsy", ours, gelsy, None, text, "", ok)


def sparse() -> Iterator[Row]:
    """A sparse matrix beside LSQR at the precision of its rounding errors."""
    rng = np.random.default_rng(0)
    a = scipy.sparse.random_array((200_000, 100), density=0.02, rng=rng, format="csr")
    a = a @ scipy.sparse.diags_array(np.geomspace(1, 1e-4, 100))
    b = a @ np.ones(100) + 1e-3 * rng.standard_normal(200_000)
    peer = partial(scipy.sparse.linalg.lsqr, a, b, atol=1e-15, btol=1e-15, iter_lim=3000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours, theirs = fastest([partial(lx.randomized.lstsq, a, b, rng=0), peer], repeats=2)
        errors = [
            backward_error(a.toarray(), b, x)
            for x in (lx.randomized.lstsq(a, b, rng=0).x, peer()[0])
        ]
    yield Row(
        "lstsq sparse 200000x100, 2 % filled, scaled",
        ours,
        theirs,
        None,
        f"backward {errors[0]:.2g} eps",
        f"lsqr {errors[1]:.2g} eps",
        errors[0] <= LIMIT,
    )


def rows() -> Iterator[Row]:
    """All rows of this part."""
    yield from accuracy()
    yield from times()
    yield from sparse()
