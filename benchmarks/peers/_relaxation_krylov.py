"""Krylov methods of `linalgx.relaxation` beside SciPy's: rows for the table of the family.

Errors are ‖b − A x‖/‖b‖, computed in double precision from the solution.
"""

import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse.linalg

import linalgx as lx
from benchmarks.peers._measure import Row, fastest

NAN = float("nan")
R = lx.relaxation


def error(a: Any, b: Any, x: Any) -> float:
    """True residual, relative."""
    a, b, x = (v.astype(np.float64) for v in (a, b, x))
    return float(np.linalg.norm(b - a @ x) / np.linalg.norm(b))


def problem(m: int, dtype: str = "float64") -> tuple[Any, Any]:
    """Poisson's matrix and a random right-hand side."""
    b = np.random.default_rng(0).standard_normal(m * m)
    return lx.gallery.poisson2d(m).astype(dtype), b.astype(dtype)


def times() -> Iterator[Row]:
    """SSOR-PCG, its set-up included, and plain CG."""
    a, b = problem(383)
    works = [
        partial(R.ssor_cg, a, b, omega=1.965, rtol=1e-8),
        partial(R.ssor_cg, a, b, rtol=1e-8),
        partial(R.cg, a, b, rtol=1e-8),
        partial(scipy.sparse.linalg.cg, a, b, rtol=1e-8),
    ]
    *ours, peer = fastest(works, repeats=5)
    f = error(a, b, works[-1]()[0])
    names = ("SSOR-PCG 383², ω = 1.965", "SSOR-PCG 383², ω estimated", "CG 383²")
    for name, work, seconds, bar in zip(
        names, works, ours, (1 / 0.30, 1 / 0.30, None), strict=False
    ):
        result = work()
        e = error(a, b, result.x)
        text = f"{e:.2e} in {result.iterations}"
        yield Row(name, seconds, peer, bar, text, f"{f:.2e}", e <= 1.0001e-8)


def honesty() -> Iterator[Row]:
    """Single precision below what it can reach."""
    a, b = problem(127, "float32")
    x, info = scipy.sparse.linalg.cg(a, b, rtol=1e-7)
    peer = f"{error(a, b, x):.1e} {'success' if info == 0 else 'failure'}"
    for name, solve in (("CG", R.cg), ("SSOR-PCG", R.ssor_cg)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", lx.ConvergenceWarning)
            result = solve(a, b, rtol=1e-7)
        e = error(a, b, result.x)
        ok = e <= 1.05e-7 or (not result.converged and bool(result.reason))
        text = f"{e:.1e} {result.reason}"
        yield Row(f"{name} float32 127², rtol 1e-7", NAN, NAN, None, text, peer, ok)


def small() -> Iterator[Row]:
    """A step of a time loop, where the overhead of a call counts."""
    a = lx.gallery.heat2d(25, kappa=5.0)
    b = np.random.default_rng(0).standard_normal(576)
    prepared = R.prepare(a)
    works = [
        partial(R.ssor_cg, prepared, b, omega=1.4, rtol=1e-8),
        partial(scipy.sparse.linalg.cg, a, b, rtol=1e-8),
    ]
    ours, peer = fastest(works)
    e, f = error(a, b, works[0]().x), error(a, b, works[1]()[0])
    yield Row("SSOR-PCG heat 24²", ours, peer, None, f"{e:.2e}", f"{f:.2e}", e <= 1.0001e-8)


def products() -> Iterator[Row]:
    """Recycling against restarted GMRES, in products over a sequence of six systems."""
    rng, space, ours, theirs = np.random.default_rng(0), None, 0, [0]
    worst = [0.0, 0.0]
    for step in range(6):
        a, b = convection(40, 10.0 + step), rng.standard_normal(1600)
        result = R.gcro_dr(a, b, restart=30, recycle=10, space=space)
        space, ours = result.space, ours + result.matvecs
        count = partial(counted, a, theirs)
        operator = scipy.sparse.linalg.LinearOperator(a.shape, count, dtype=a.dtype)
        x, _ = scipy.sparse.linalg.gmres(operator, b, rtol=1e-8, restart=30, maxiter=4000)
        worst = [max(worst[0], error(a, b, result.x)), max(worst[1], error(a, b, x))]
    texts = [f"{n} products, {e:.1e}" for n, e in zip((ours, theirs[0]), worst, strict=True)]
    ok = ours < theirs[0] and worst[0] <= 1.0001e-8
    yield Row("GCRO-DR(30, 10), convection 40²", NAN, NAN, None, *texts, ok)


def convection(m: int, peclet: float) -> Any:
    """Convection and diffusion, central differences."""
    line = 2 * np.eye(m) - np.eye(m, k=1) - np.eye(m, k=-1)
    drift = (np.eye(m, k=1) - np.eye(m, k=-1)) * peclet / (2 * (m + 1))
    eye = np.eye(m)
    kron = scipy.sparse.kron
    return scipy.sparse.csr_array(kron(eye, line + drift) + kron(line + drift / 2, eye))


def counted(a: Any, count: list[int], x: Any) -> Any:
    """Product that counts itself."""
    count[0] += 1
    return a @ x


def rows() -> Iterator[Row]:
    """All rows."""
    for part in (times, honesty, small, products):
        yield from part()
