"""Figures of `linalgx.randomized.svd` beside scikit-learn and ARPACK."""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse.linalg import svds
from sklearn.utils.extmath import randomized_svd

import linalgx as lx
from benchmarks.peers._measure import Row, fastest

NAN = float("nan")
ROUNDING = 50 * float(np.finfo(float).eps)
K = 20


def spectra(count: int) -> dict[str, Any]:
    """Singular values by name."""
    j = np.arange(1, count + 1)
    return {"1/j": 1.0 / j, "0.9^j": 0.9**j, "step": np.where(j <= K, 1.0, 1e-3)}


def isometries(m: int, n: int, rng: Any) -> tuple[Any, Any]:
    k = min(m, n)
    return tuple(np.linalg.qr(rng.standard_normal((rows, k)))[0] for rows in (m, n))


def errors(a: Any, s: Any, u: Any, values: Any, vh: Any) -> tuple[float, float]:
    """Worst relative error of a singular value, and Frobenius error beyond the least one."""
    k = len(values)
    worst = float(np.max(np.abs(values - s[:k]) / s[:k]))
    least = float(np.linalg.norm(s[k:]))
    return worst, float(np.linalg.norm(a - (u * values) @ vh) / least - 1.0)


def shown(found: tuple[float, float]) -> str:
    return f"σ {found[0]:.0e}, ‖·‖_F +{max(found[1], 0.0):.0e}"


def dense() -> Iterator[Row]:
    u, v = isometries(4000, 1000, np.random.default_rng(0))
    for name, rule in spectra(1000).items():
        a = (u * rule) @ v.T
        s = np.linalg.svd(a, compute_uv=False)
        works = [
            partial(lx.randomized.svd, a, K, rng=0),
            partial(randomized_svd, a, K, random_state=0),
        ]
        ours, peer = fastest(works, repeats=7)
        result = works[0]()
        e = errors(a, s, result.u, result.s, result.vh)
        f = errors(a, s, *works[1]())
        ok = all(x <= max(y, ROUNDING) for x, y in zip(e, f, strict=True))
        yield Row(f"svd top 20 of 4000x1000, {name}", ours, peer, 2.0, shown(e), shown(f), ok)
        yield from strict(a, s, name)


def strict(a: Any, s: Any, name: str) -> Iterator[Row]:
    """Residuals of 1e-12 beside ARPACK with its own tolerance."""
    works = [
        partial(lx.randomized.svd, a, K, rtol=1e-12, rng=0),
        partial(svds, a, K, rng=np.random.default_rng(0)),
    ]
    ours, peer = fastest(works, repeats=3)
    result = works[0]()
    u, values, vh = works[1]()
    gaps = [
        float(np.max(np.linalg.norm(a.T @ x - y.T * t, axis=0)) / s[0])
        for x, t, y in ((result.u, result.s, result.vh), (u, values, vh))
    ]
    text = "residual {:.0e}".format
    ok = result.converged and gaps[0] <= 1e-12
    yield Row(f"svd rtol=1e-12, {name}", ours, peer, 1.0, text(gaps[0]), text(gaps[1]), ok)


def sparse() -> Iterator[Row]:
    a = lx.gallery.sparse_powerlaw(50_000, 20_000, per_column=50, rng=0)
    s = np.sort(svds(a, K, tol=0, rng=np.random.default_rng(0))[1])[::-1]
    works = [
        partial(lx.randomized.svd, a, K, rng=0),
        partial(randomized_svd, a, K, random_state=0),
    ]
    ours, peer = fastest(works, repeats=5)
    e, f = (float(np.max(np.abs(x - s) / s)) for x in (works[0]().s, works[1]()[1]))
    text = "σ {:.0e}".format
    name = "svd top 20, sparse 50000x20000, 1e6 nonzeros"
    yield Row(name, ours, peer, 1 / 0.6, text(e), text(f), e <= 1e-6)


def calibration() -> Iterator[Row]:
    """Estimated by true error in 100 runs, stored matrices and operators in turn."""
    u, v = isometries(300, 200, np.random.default_rng(1))
    examples = {name: (u * s) @ v.T for name, s in spectra(200).items()}
    examples["flat"] = np.random.default_rng(2).standard_normal((300, 200))
    examples["sparse"] = lx.gallery.sparse_powerlaw(400, 300, per_column=8, rng=0)
    for method in ("krylov", "subspace", "single_pass"):
        for name, a in examples.items():
            ratios = np.sort([ratio(a, method, seed) for seed in range(100)])
            good = int(np.sum((ratios >= 0.8) & (ratios <= 1.25)))
            text = f"{good} of 100 in [0.8, 1.25]; 5-95 % {ratios[5]:.2f}-{ratios[94]:.2f}"
            yield Row(f"svd error estimate, {method}, {name}", NAN, NAN, None, text, "", good >= 90)


def ratio(a: Any, method: str, seed: int) -> float:
    """Estimated by true error of one run."""
    whole = a.toarray() if hasattr(a, "toarray") else a
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lx.ConvergenceWarning)
        given = lx.LinearMap(a) if seed % 2 else a
        result = lx.randomized.svd(given, K, method=method, maxiter=3, rng=seed)
    return float(result.error / np.linalg.norm(whole - (result.u * result.s) @ result.vh))


def multiplicities() -> Iterator[Row]:
    u, v = isometries(1000, 400, np.random.default_rng(3))
    for name, tail in (("1/j", 1.0 / np.arange(21, 401)), ("1e-3", np.full(380, 1e-3))):
        s = np.r_[np.ones(K), tail]
        a = (u * s) @ v.T
        for block in (1, 3, 5, 10, 20):
            result = lx.randomized.svd(a, K, block_size=block, rng=0)
            e = errors(a, s, result.u, result.s, result.vh)
            text = f"{shown(e)}, {result.iterations} steps"
            task = f"svd 20 equal values then {name}, block_size={block}"
            yield Row(task, NAN, NAN, None, text, "", e[1] <= 1e-6)


def rows() -> Iterator[Row]:
    """All rows of the truncated singular value decomposition."""
    for part in (dense, sparse, calibration, multiplicities):
        yield from part()
